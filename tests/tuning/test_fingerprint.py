"""Fingerprints: equal for what is equal, in every process and layout, and different otherwise."""

import functools
import importlib
import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from xgboost import XGBClassifier

from skboost.tuning._digest import digest
from skboost.tuning._fingerprint import fingerprint, refuse_changes, study_name_of

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(40, 3))
FRAME = pd.DataFrame(
    {
        "number": TABLE[:, 0],
        "whole": pd.array([1, None] * 20, dtype="Int64"),
        "level": pd.Categorical(["low", "high"] * 20, categories=["low", "high"], ordered=True),
        "text": ["a", None] * 20,
        "object": pd.Series([1, "b", None, 2.5] * 10, dtype=object),
        "day": pd.date_range("2024-01-01", periods=40),
        "zoned": pd.date_range("2024-01-01", periods=40, tz="Europe/Paris"),
        "flag": [True, False] * 20,
    }
)
POLARS = pl.DataFrame(
    {
        "number": TABLE[:, 0],
        "whole": [1, None] * 20,
        "level": pl.Series(["low", "high"] * 20, dtype=pl.Categorical),
        "text": ["a", None] * 20,
        "list": [[1, 2], [3]] * 20,
        "day": pl.Series(pd.date_range("2024-01-01", periods=40).to_numpy()),
    }
)


def log_shift(values, shift=1.0):
    return np.log(values + shift)


class Plain:
    """No parameters, no repr: only what pickle sees."""

    def __init__(self, value):
        self.value = value


def search(**changes):
    parts = {
        "X": TABLE,
        "y": np.arange(40) % 2,
        "fit_params": {"sample_weight": np.ones(40)},
        "folds": list(KFold(3, shuffle=True, random_state=0).split(TABLE)),
        "estimator": make_pipeline(StandardScaler(), LogisticRegression()),
        "space": {"logisticregression__C": "Float(0.1, 10, log)"},
        "scoring": {"acc": "accuracy", "f1": make_scorer(f1_score)},
    }
    return fingerprint(**parts | changes)


VALUES = {
    "none": None,
    "flag": True,
    "one": 1,
    "float one": 1.0,
    "text one": "1",
    "bytes": b"1",
    "nan": np.nan,
    "table": TABLE,
    "table32": TABLE.astype(np.float32),
    "transposed": TABLE.T,
    "flat": TABLE.ravel(),
    "list": TABLE.tolist(),
    "changed": TABLE + np.eye(40, 3) * 1e-12,
    "rows swapped": TABLE[::-1],
    "empty": TABLE[:0],
    "strings": np.array(["a", "bc"]),
    "other strings": np.array(["ab", "c"]),
    "objects": np.array(["a", "bc"], dtype=object),
    "split elsewhere": np.array(["ab", "c"], dtype=object),
    "gap": np.array(["a", None, "bc"], dtype=object),
    "gap elsewhere": np.array(["a", "bc", None], dtype=object),
    "other gap": np.array(["a", np.nan, "bc"], dtype=object),
    "days": np.array(["2024-01-01"], dtype="M8[D]"),
    "seconds": np.array(["2024-01-01"], dtype="M8[s]"),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[True, False]),
    "masked elsewhere": np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "record": np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    "sparse": sparse.csr_matrix(np.diag([1.0, 2.0])),
    "sparse elsewhere": sparse.csr_matrix(np.diag([1.0, 2.0])[::-1]),
    "stored zero": sparse.csr_matrix((np.zeros(1), ([0], [0])), shape=(2, 2)),
    "no entry": sparse.csr_matrix((2, 2)),
    "frame": FRAME,
    "renamed": FRAME.rename(columns={"text": "words"}),
    "other levels": FRAME.assign(level=FRAME["level"].cat.add_categories("never")),
    "other whole": FRAME.assign(whole=FRAME["whole"].fillna(1)),
    "other zone": FRAME.assign(zoned=FRAME["zoned"].dt.tz_convert("Asia/Tokyo")),
    "series": FRAME["text"],
    "categorical": FRAME["level"].array,
    "polars": POLARS,
    "polars renamed": POLARS.rename({"text": "words"}),
    "polars filled": POLARS.with_columns(pl.col("whole").fill_null(0)),
    "polars series": POLARS["text"],
    "ridge": Ridge(),
    "other ridge": Ridge(alpha=2.0),
    "pipeline": make_pipeline(StandardScaler(), Ridge()),
    "other pipeline": make_pipeline(StandardScaler(with_mean=False), Ridge()),
    "columns": make_column_transformer((StandardScaler(), ["number"])),
    "other columns": make_column_transformer((StandardScaler(), ["text"])),
    "function": FunctionTransformer(log_shift),
    "arguments": FunctionTransformer(log_shift, kw_args={"shift": 2.0}),
    "ufunc": FunctionTransformer(np.log1p),
    "partial": functools.partial(log_shift, shift=2.0),
    "other partial": functools.partial(log_shift, shift=3.0),
    "method": Plain(1).__eq__,
    "frozen": FrozenEstimator(Ridge().fit(TABLE, TABLE[:, 0])),
    "other frozen": FrozenEstimator(Ridge().fit(TABLE, TABLE[:, 1])),
    "state": np.random.RandomState(0),
    "other state": np.random.RandomState(1),
    "generator": np.random.default_rng(0),
    "other generator": np.random.default_rng(1),
    "boosted": XGBClassifier(max_depth=3, missing=np.nan),
    "scorer": make_scorer(accuracy_score),
    "negative": make_scorer(accuracy_score, greater_is_better=False),
    "object 1": Plain(1),
    "object 2": Plain(np.array([2.0])),
    "class": Plain,
    "set": {"a", "b", "c"},
    "keys": {"a": 1, "b": 2},
    "nested": [[1], [2, 3]],
    "nested otherwise": [[1, 2], [3]],
}


def test_different_values_have_different_digests():
    assert len({digest(value) for value in VALUES.values()}) == len(VALUES)


SAME = {
    "fortran": (TABLE, np.asfortranarray(TABLE)),
    "strides": (TABLE[::2], TABLE[::2].copy()),
    "byte order": (TABLE, TABLE.astype(">f8")),
    "big blocks": (np.zeros((3, 2**20)), np.zeros((2**20, 3)).T),
    "any NaN": (np.array([np.nan]), np.array([0x7FF8000000000001]).view(np.float64)),
    "scalar": (np.float64(0.1), 0.1),
    "row order of sparse": (
        sparse.coo_matrix(([1.0, 2.0], ([1, 0], [0, 1])), shape=(2, 2)),
        sparse.csc_matrix(np.array([[0, 2.0], [1.0, 0]])),
    ),
    "sums of sparse": (
        sparse.csr_matrix((np.array([1.0, 2.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 1)),
        sparse.csr_array(np.array([[3.0]])),
    ),
    "row labels": (FRAME, FRAME.set_axis(range(7, 47))),
    "frame blocks": (pd.DataFrame(TABLE), pd.DataFrame({i: TABLE[:, i] for i in range(3)})),
    "polars chunks": (POLARS, pl.concat([POLARS[:9], POLARS[9:]], rechunk=False)),
    "order of keys": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "threads": (
        CalibratedClassifierCV(XGBClassifier(n_jobs=1), n_jobs=1),
        CalibratedClassifierCV(XGBClassifier(n_jobs=4, verbosity=1), n_jobs=2),
    ),
    "address": (threading.Lock(), threading.Lock()),
    "address in objects": (Plain(threading.Lock()), Plain(threading.Lock())),
}


@pytest.mark.parametrize("pair", SAME)
def test_what_is_the_same_has_the_same_digest(pair):
    first, second = SAME[pair]
    assert digest(first) == digest(second)


def test_arrays_in_sparse_data_stay_as_they_were():
    matrix = sparse.csr_matrix((np.array([1.0, 2.0]), np.array([1, 0]), np.array([0, 2])))
    digest(matrix)
    assert matrix.indices.tolist() == [1, 0]


def test_an_object_that_holds_itself():
    ring, other = [1], [2]
    ring.append(ring)
    other.append(other)
    assert digest(ring) != digest(other)


def test_another_process_and_hash_seed_agree(monkeypatch):
    folder = os.path.dirname(__file__)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_fingerprint as cases;"
        "from skboost.tuning._digest import digest;"
        "print(*(digest(value).hex() for value in cases.VALUES.values()))"
    )
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, folder],
        env=os.environ | {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    monkeypatch.syspath_prepend(folder)
    cases = importlib.import_module("test_fingerprint")  # under the name that the other knows
    assert there == [digest(value).hex() for value in cases.VALUES.values()]


def test_the_items_of_a_fingerprint():
    assert list(search()) == ["X", "y", "metadata", "folds", "estimator", "space", "scoring"]
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in search().values())
    assert "metadata" not in search(fit_params={})
    assert search(fit_params={}) == search(fit_params={"groups": None})


CHANGES = {
    "X": TABLE[:, ::-1],
    "y": np.arange(40) % 3,
    "fit_params": {"sample_weight": np.full(40, 2.0)},
    "folds": list(KFold(3, shuffle=True, random_state=1).split(TABLE)),
    "estimator": make_pipeline(StandardScaler(), LogisticRegression(C=2)),
    "space": {"logisticregression__C": "Float(0.1, 20, log)"},
    "scoring": {"acc": "accuracy", "f1": "f1"},
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_change_is_refused_with_its_name(part):
    now = search(**{part: CHANGES[part]})
    item = "metadata" if part == "fit_params" else part
    assert [name for name in now if now[name] != search()[name]] == [item]
    with pytest.raises(ValueError, match=rf"study_name='mine' .* differs in {item}( \(|:)"):
        refuse_changes(search(), now, "mine")
    assert study_name_of("A", now) != study_name_of("A", search())


def test_several_changes_are_all_named():
    now = search(X=TABLE * 2, fit_params={}, scoring="accuracy")
    with pytest.raises(
        ValueError, match=r"X \(the rows.*\), scoring .*\), metadata \(sample_weight"
    ):
        refuse_changes(search(), now, "mine")


def test_no_change_passes():
    refuse_changes(search(), search(), "mine")


def test_index_types_of_folds_do_not_matter():
    folds = [(train.astype(np.int32), test) for train, test in KFold(3).split(TABLE)]
    assert search(folds=folds) == search(folds=list(KFold(3).split(TABLE)))


def test_rows_of_folds_matter_in_order():
    folds = list(KFold(3).split(TABLE))
    assert search(folds=folds) != search(folds=folds[::-1])
