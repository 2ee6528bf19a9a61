"""ONNX models predict what the networks predict, run by another program."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.losses import Quantile
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

QUICK = {
    "n_stages": 4,
    "units_per_stage": 3,
    "early_stopping": False,
    "n_threads": 1,
    "random_state": 0,
}
rng = np.random.default_rng(1)
X = rng.normal(size=(80, 3)) * [1, 10, 0.1] + [0, 100, 0]
X[3, 1] = 1e7  # far out, where the encoding is compressed
WAVE = np.sin(X[:, 0]) + 10 * X[:, 2] + 0.1 * rng.normal(size=len(X))
GAPS = np.where(rng.random(X.shape) < 0.2, np.nan, X)
TIGHT = {"rtol": 1e-10, "atol": 1e-12}


def classes(count):
    return np.argsort(np.argsort(WAVE)) * count // len(WAVE)


def run(network, inputs):
    """Outputs of the network's ONNX model by name, computed by onnxruntime."""
    session = runtime.InferenceSession(
        network.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


@pytest.mark.parametrize("table", [X, GAPS], ids=["complete", "missing values"])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "identity"])
@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        (np.array(["no", "yes"]), "log_loss"),
        (np.array([10, 20, 30]), "log_loss"),
        (np.arange(10.0) - 0.0, "log_loss"),
        (np.array([False, True]), "half_log_loss"),
    ],
    ids=["strings", "integers", "ten numbers", "booleans"],
)
def test_classes(table, activation, labels, loss):
    y = labels[classes(len(labels))]
    model = BoostedNetworkClassifier(**QUICK, activation=activation, loss=loss).fit(table, y)
    for n_stages in (0, 2, model.n_stages_):
        outputs = run(model.to_network(n_stages), {"X": table})
        assert set(outputs) == {"label", "probabilities"}
        assert_array_equal(outputs["label"], model.predict(table, n_stages=n_stages))
        expected = model.predict_proba(table, n_stages=n_stages)
        assert_allclose(outputs["probabilities"], expected, **TIGHT)


NUMBERS = {
    "one output": ("squared_error", WAVE),
    "a column": ("squared_error", WAVE[:, None]),
    "two outputs": ("squared_error", np.column_stack([WAVE, WAVE**2])),
    "counts": ("poisson", np.floor(np.exp(0.3 * WAVE))),
    "waiting times": ("gamma", np.exp(WAVE)),
    "a quantile": ("quantile", WAVE),
    "three quantiles": (Quantile([0.9, 0.1, 0.5]), WAVE),
}


@pytest.mark.parametrize("table", [X, GAPS], ids=["complete", "missing values"])
@pytest.mark.parametrize("task", NUMBERS)
def test_numbers(table, task):
    loss, y = NUMBERS[task]
    model = BoostedNetworkRegressor(**QUICK, loss=loss).fit(table, y)
    for n_stages in (0, model.n_stages_):
        prediction = run(model.to_network(n_stages), {"X": table})["prediction"]
        assert_allclose(prediction, model.predict(table, n_stages=n_stages), **TIGHT)


@pytest.mark.parametrize(
    "settings", [{"early_stopping": True, "n_folds": 3}, {"numeric_scaling": "standard"}]
)
def test_settings(settings):
    model = BoostedNetworkRegressor(**QUICK | settings).fit(X, WAVE)
    assert_allclose(run(model.to_network(), {"X": X})["prediction"], model.predict(X), **TIGHT)


def test_counts_that_explode_stay_finite():
    network = BoostedNetworkRegressor(**QUICK, loss="poisson").fit(X, classes(3)).to_network()
    network.stage_bias = network.stage_bias + 1e4
    assert_allclose(run(network, {"X": X})["prediction"], network.predict(X), rtol=1e-12)
    assert np.isfinite(network.predict(X)).all()


@pytest.mark.parametrize("levels", [[1, 2, 3], [0.5, 1.5, -2.5], [False, True]], ids=str)
@pytest.mark.parametrize("gaps", [False, True])
def test_categories_that_are_numbers_stay_in_one_table(levels, gaps):
    codes = np.arange(len(X)) % len(levels)
    table = np.column_stack([X[:, 0], np.asarray(levels, dtype=float)[codes], X[:, 2]])
    if gaps:
        table[::9] = np.nan
    model = BoostedNetworkRegressor(**QUICK, categorical_features=[1]).fit(table, WAVE + codes)
    later = np.vstack([table, [0.0, 77.0, 0.0], [0.0, np.nan, 0.0]])  # unknown, missing
    assert_allclose(
        run(model.to_network(), {"X": later})["prediction"], model.predict(later), **TIGHT
    )


def frame(gaps):
    """Two numbers and two categorical columns, of text and of numbers; without gaps "" is a town like any other."""
    towns = ["Bonn", "Oslo", "Zug"] if gaps else ["Bonn", "Oslo", "Zug", ""]
    town = pd.Series(np.resize(np.array(towns, dtype=object), len(X)))
    size = pd.Series(np.arange(len(X)) % 4)
    if gaps:
        town[::7], size[::5] = None, None
    return pd.DataFrame(
        {
            "number": GAPS[:, 0] if gaps else X[:, 0],
            "town": town.astype("category"),
            "size": size.astype("category"),
            "label": X[:, 2],
        }
    )


def columns(table):
    """The inputs of a model with text: one column each."""
    texts = table["town"].astype(object).where(table["town"].notna(), "")
    return {
        "number": table[["number"]].to_numpy(),
        "town": texts.to_numpy(dtype=object)[:, None],
        "size": table[["size"]].astype(float).to_numpy(),
        "label_": table[["label"]].to_numpy(),  # an output has the name itself
    }


@pytest.mark.parametrize("gaps", [False, True])
def test_categories_that_are_text_are_columns_of_their_own(gaps):
    table = frame(gaps)
    model = BoostedNetworkClassifier(**QUICK).fit(table, classes(3))
    outputs = run(model.to_network(), columns(table))
    assert_allclose(outputs["probabilities"], model.predict_proba(table), **TIGHT)
    later = table.iloc[:4].copy()
    later["town"] = pd.Categorical(["Rome", None, "Oslo", "Bonn"])  # unknown, missing
    outputs = run(model.to_network(), columns(later))
    rows = slice(None) if gaps else [0, 2, 3]  # "" is either missing or a town
    expected = model.predict_proba(later)
    assert_allclose(outputs["probabilities"][rows], expected[rows], **TIGHT)


def test_rare_categories_share_an_output():
    names = np.array([f"town {k}" for k in range(80)])
    towns = names[np.minimum(rng.integers(0, 200, 800), 79)]
    table = pd.DataFrame({"town": pd.Categorical(towns)})
    model = BoostedNetworkRegressor(**QUICK).fit(table, rng.normal(size=800) + (towns == "town 79"))
    outputs = run(model.to_network(), {"town": towns.astype(object)[:, None]})
    assert_allclose(outputs["prediction"], model.predict(table), **TIGHT)


def test_the_model_is_written_to_a_file(tmp_path):
    network = BoostedNetworkRegressor(**QUICK).fit(X, WAVE).to_network()
    model = network.to_onnx(tmp_path / "network.onnx")
    assert (tmp_path / "network.onnx").read_bytes() == model.SerializeToString()
    session = runtime.InferenceSession(
        tmp_path / "network.onnx", providers=["CPUExecutionProvider"]
    )
    assert_allclose(session.run(["prediction"], {"X": X})[0], network.predict(X), **TIGHT)


def test_what_a_model_cannot_express_is_refused():
    mixed = pd.DataFrame({"a": pd.Categorical(["one", 2] * 40)})
    model = BoostedNetworkRegressor(**QUICK).fit(mixed, WAVE)
    with pytest.raises(ValueError, match="convert the column to text"):
        model.to_network().to_onnx()
    large = np.array([2.0**60, 2.0**61])[np.arange(80) % 2][:, None]
    model.set_params(categorical_features=[0]).fit(large, WAVE)
    with pytest.raises(ValueError, match="beyond 2\\*\\*53"):
        model.to_network().to_onnx()
    model.set_params(handle_unknown="error").fit(np.sign(large), WAVE)
    with pytest.raises(ValueError, match="handle_unknown='error'"):
        model.to_network().to_onnx()


def test_onnx_is_asked_for_only_when_it_is_used():
    code = """
import sys
sys.modules["onnx"] = None
from skboost.networks import BoostedNetworkRegressor
model = BoostedNetworkRegressor(n_stages=1, early_stopping=False).fit([[0.0], [1.0], [2.0]], [0, 1, 2])
try:
    model.to_network().to_onnx()
except ImportError as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Network.to_onnx needs the package onnx" in found.stdout
    assert "pip install 'skboost[onnx]'" in found.stdout
