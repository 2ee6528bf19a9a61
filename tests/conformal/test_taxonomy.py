"""Taxonomies: the ways to name groups, groups that are small or new, bins."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer

from skboost.conformal import Bins, ConformalRegressor, QuantileBins
from skboost.conformal._taxonomy import Description, Groups
from skboost.exceptions import UncertaintyWarning

HALVES = [(np.arange(150), np.arange(150, 300))]


@pytest.fixture(scope="module")
def grouped():
    """300 rows of three columns, of which the last is 0, 1 or 2."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(300, 2)), rng.integers(0, 3, 300)])
    y = X[:, 0] + np.array([0.1, 1.0, 3.0])[X[:, 2].astype(int)] * rng.normal(size=300)
    return X, y


def split(taxonomy, estimator=None, **parameters):
    return ConformalRegressor(
        Ridge() if estimator is None else estimator,
        **{"method": "split", "cv": HALVES, "taxonomy": taxonomy, **parameters},
    )


def test_each_group_has_the_interval_of_its_own_rows(grouped):
    X, y = grouped
    model = split(2).fit(X, y)
    ridge = Ridge().fit(X[:150], y[:150])
    interval = model.predict_interval(X)
    for group in range(3):
        rows = np.flatnonzero(X[:, 2] == group)
        calibrate = rows[rows >= 150]
        alone = ConformalRegressor(FrozenEstimator(ridge), method="split")
        alone.fit(X[calibrate], y[calibrate])
        assert_array_equal(interval[rows], alone.predict_interval(X[rows]))


def second(X):
    return X[:, 2] if isinstance(X, np.ndarray) else X["g"]


@pytest.mark.parametrize(
    "taxonomy",
    [
        -1,
        np.int64(2),
        second,
        lambda X: np.where(X[:, 2] == 1, "b", np.where(X[:, 2] == 0, "a", "c")),
        lambda X: np.where(X[:, 2] == 1, np.nan, X[:, 2]),  # a missing label is a group
        lambda X: np.column_stack([X[:, 2] > 0, X[:, 2] > 1]),
        lambda X: X[:, [2]],
        FunctionTransformer(second),
        FrozenEstimator(FunctionTransformer(second).fit(np.zeros((1, 3)))),
        make_pipeline(
            FunctionTransformer(lambda X: X[:, [2]]),
            KBinsDiscretizer(3, encode="onehot", strategy="uniform"),
        ),
    ],
)
def test_ways_to_name_the_same_groups(grouped, taxonomy):
    X, y = grouped
    expected = split(2).fit(X, y).predict_interval(X)
    assert_array_equal(split(taxonomy).fit(X, y).predict_interval(X), expected)


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "csr", "coo", "list"])
@pytest.mark.parametrize("named", [True, False])
def test_columns_of_any_table(grouped, kind, named):
    X, y = grouped
    expected = split(2).fit(X, y).predict_interval(X)
    names = ["a", "b", "g"]
    table = {
        "pandas": lambda: pd.DataFrame(X, columns=names),
        "polars": lambda: pl.DataFrame(X, schema=names),
        "arrow": lambda: pa.table(dict(zip(names, X.T, strict=True))),
        "csr": lambda: sparse.csr_array(X),
        "coo": lambda: sparse.coo_matrix(X),
        "list": X.tolist,
    }[kind]()
    dense = FunctionTransformer(lambda t: np.asarray(t.toarray() if sparse.issparse(t) else t))
    model = split("g" if named else 2, make_pipeline(dense, Ridge()))
    if named and kind in ("csr", "coo", "list"):
        with pytest.raises(ValueError, match="taxonomy='g' is no column of X"):
            model.fit(table, y)
    else:
        assert_allclose(model.fit(table, y).predict_interval(table), expected, rtol=1e-9)


def test_categories_need_not_be_numbers(grouped):
    X, y = grouped
    frame = pd.DataFrame(X, columns=["a", "b", "g"])
    frame["g"] = pd.Categorical(np.array(["low", "middle", "high"])[X[:, 2].astype(int)])
    numbers = make_pipeline(FunctionTransformer(lambda X: X[["a", "b"]]), Ridge())
    interval = split("g", numbers).fit(frame, y).predict_interval(frame)
    with_numbers = split(2, make_pipeline(FunctionTransformer(lambda X: X[:, :2]), Ridge())).fit(
        X, y
    )
    assert_allclose(interval, with_numbers.predict_interval(X), rtol=1e-9)


def test_unseen_and_small_groups_are_infinite_and_named(grouped):
    X, y = grouped
    labels = np.where(np.arange(300) < 155, "few", "many")
    table = pd.DataFrame({"x": X[:, 0], "g": labels})
    numbers = make_pipeline(FunctionTransformer(lambda X: X[["x"]]), Ridge())
    model = split("g", numbers).fit(table, y)
    new = pd.DataFrame({"x": [0.0, 0.0, 0.0, 0.0], "g": ["many", "few", "new", "newer"]})
    with pytest.warns(UncertaintyWarning) as caught:
        interval = model.predict_interval(new)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "needs at least 9 calibration rows" in message
    assert "5 in group 'few'" in message
    assert "0 in unseen groups" in message
    assert "many" not in message
    assert_array_equal(np.isfinite(interval).all(axis=1), [True, False, False, False])
    assert_array_equal(interval[1:], [[-np.inf, np.inf]] * 3)
    with pytest.warns(UncertaintyWarning, match="unseen groups: the quantiles are infinite"):
        assert_array_equal(model.predict_quantiles(new[2:], [0.1, 0.9]), [[-np.inf, np.inf]] * 2)
    with pytest.warns(UncertaintyWarning, match="unseen groups: the score is infinite"):
        assert_array_equal(model.crps(new[2:], 0.0), [np.inf, np.inf])
    assert_array_equal(model.predict_cdf(new[2:], 0.0, tau=[0.2, 1.0]), [0.2, 1.0])


def test_many_small_groups_are_told_in_one_short_sentence(grouped):
    X, y = grouped
    model = split(0).fit(X, y)  # a group for each row
    with pytest.warns(UncertaintyWarning, match=r"and \d+ more: the intervals") as caught:
        model.predict_interval(X)
    assert len(caught) == 1
    assert len(str(caught[0].message)) < 600


def test_quantile_bins_have_equal_sizes(grouped):
    X, y = grouped
    model = split(QuantileBins(3)).fit(X, y)
    edges = model._strategy.taxonomy.edges
    prediction = Ridge().fit(X[:150], y[:150]).predict(X[:150])
    assert_array_equal(np.bincount(np.searchsorted(np.sort(edges), prediction)), [50, 50, 50])
    fixed = split(Bins(edges[::-1])).fit(X, y)
    assert_array_equal(fixed.predict_interval(X), model.predict_interval(X))


def test_edges_belong_to_the_bin_below_and_weights_count_in_quantiles():
    bins = Bins([1.0, 0.0])
    assert bins.name((1,)) == "prediction in (0, 1]"
    rows = Description(None, np.array([-0.5, 0.0, 0.5, 1.0, 1.5]), None)
    assert_array_equal(bins.label(rows), [0, 0, 1, 1, 2])
    X, y = np.arange(300.0).reshape(-1, 1), np.arange(300.0)
    weight = np.ones(300)
    weight[:75] = 4  # 375 of 600 trained copies
    halves = [(np.arange(0, 300, 2), np.arange(1, 300, 2))]
    copies = np.repeat(np.arange(300), weight.astype(int))
    copied = [(np.flatnonzero(copies % 2 == 0), np.flatnonzero(copies % 2))]
    weighted = split(QuantileBins(4), cv=halves).fit(X, y, sample_weight=weight)
    repeated = split(QuantileBins(4), cv=copied).fit(X[copies], y[copies])
    one, other = (model._strategy.taxonomy.edges for model in (weighted, repeated))
    assert_allclose(one, other)


def test_equal_predictions_make_fewer_bins():
    X, y = np.repeat([[0.0], [1.0]], 150, axis=0), np.random.default_rng(0).normal(size=300)
    shuffled = np.random.default_rng(1).permutation(300)
    model = split(QuantileBins(10)).fit(X[shuffled], y)
    assert len(model._strategy.residuals.groups) == 2
    assert np.isfinite(model.predict_interval(X)).all()


def test_bins_of_difficulty(grouped):
    X, y = grouped
    for score in ("absolute", "normalized"):
        model = split(
            QuantileBins(2, of="difficulty"),
            nonconformity=score,
            difficulty=lambda X: 1.0 + X[:, 2],
        ).fit(X, y)
        assert np.isfinite(model.predict_interval(X)).all()
    with pytest.raises(ValueError, match="of='difficulty' needs difficulty="):
        split(QuantileBins(2, of="difficulty")).fit(X, y)


def test_a_frozen_model_needs_a_taxonomy_that_is_not_learned(grouped):
    X, y = grouped
    frozen = FrozenEstimator(Ridge().fit(X, y))
    for taxonomy in (Bins([0.0]), 2, FrozenEstimator(FunctionTransformer(second).fit(X))):
        model = ConformalRegressor(frozen, method="split", taxonomy=taxonomy)
        assert np.isfinite(model.fit(X, y).predict_interval(X)).all()
    for taxonomy in (QuantileBins(), KBinsDiscretizer()):
        model = ConformalRegressor(frozen, method="split", taxonomy=taxonomy)
        with pytest.raises(ValueError, match="frozen"):
            model.fit(X, y)


def test_other_calibration_rows_may_have_other_groups(grouped):
    X, y = grouped
    model = split(2).fit(X, y)
    model.fit_calibration(X[X[:, 2] > 0], y[X[:, 2] > 0])
    with pytest.warns(UncertaintyWarning, match="0 in unseen groups"):
        interval = model.predict_interval(X)
    assert_array_equal(np.isinf(interval[:, 0]), X[:, 2] == 0)


@pytest.mark.parametrize(
    ("taxonomy", "sentence"),
    [
        ("g", "taxonomy='g' is no column of X"),
        (7, "taxonomy=7 is no column of X"),
        (True, "taxonomy=True must be a column of X"),
        (lambda X: X[:3, 0], r"labels of shape \(3,\) for 150 rows"),
        (lambda X: 1.0, r"labels of shape \(\) for 150 rows"),
        (lambda X: [None, *["a"] * (len(X) - 1)], "several types .NoneType, str."),
        (Bins([]), r"edges=\[\] is not valid"),
        (Bins([0.0], of="label"), "of='label' is not valid"),
        (QuantileBins(1), "n_bins=1 is not valid"),
    ],
)
def test_bad_taxonomies_get_a_sentence(grouped, taxonomy, sentence):
    X, y = grouped
    with pytest.raises(ValueError, match=sentence):
        split(taxonomy).fit(X, y)


def test_labels_of_another_kind_are_new_groups():
    groups = Groups(np.array([1, 2, 2]), 3)
    assert_array_equal(groups.codes_of(np.array([2, 3, 1]), 3), [1, -1, 0])
    assert_array_equal(groups.codes_of(np.array(["1", "2"]), 2), [-1, -1])
    assert_array_equal(groups.codes_of(np.array([2.0, np.nan]), 2), [1, -1])
    with pytest.raises(ValueError, match="gives 2 labels a row, but gave 1"):
        groups.codes_of(np.ones((2, 2)), 2)


def test_a_group_of_two_columns_is_new_if_any_of_its_labels_is():
    groups = Groups(np.array([["a", "x"], ["a", "y"], ["b", "x"]]), 3)
    new = np.array([["b", "x"], ["b", "y"], ["c", "x"], ["c", "y"], ["a", "w"], ["b", "w"]])
    assert_array_equal(groups.codes_of(new, 6), [2, -1, -1, -1, -1, -1])
    assert [groups.label(code) for code in range(3)] == [("a", "x"), ("a", "y"), ("b", "x")]


def test_bins_are_components():
    assert clone(QuantileBins(3, of="difficulty")).get_params() == {"n_bins": 3, "of": "difficulty"}
    assert split(Bins([1.0])).set_params(taxonomy__edges=[2.0]).taxonomy.edges == [2.0]
    assert split(QuantileBins(2), KNeighborsRegressor()).get_params()["taxonomy__n_bins"] == 2
