"""Reliability diagrams: what is drawn is what the metrics say, and several displays share axes."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.calibration import CalibratedClassifier, ReliabilityDisplay
from skboost.metrics import consistency_band, reliability_curve

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

STRATEGIES = ["quantile", "uniform", "isotonic"]


@pytest.fixture(autouse=True)
def close_figures():
    """No figure outlives its test."""
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def predictions():
    """Labels, and probabilities that are too bold."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.7, 0.8, size=400)
    return (rng.random(400) < 0.2 + 0.6 * p).astype(int), p


@pytest.fixture(scope="module")
def halves(breast_cancer):
    """Rows to train on, and rows to look at."""
    X, y = breast_cancer[0][:, :5], np.array(["bad", "fine"])[breast_cancer[1]]
    return X[:300], y[:300], X[300:], y[300:]


# -- what is drawn -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("weighted", [False, True])
def test_display_holds_what_the_metrics_say(predictions, strategy, weighted):
    y, p = predictions
    weight = np.arange(400) % 3 if weighted else None
    display = ReliabilityDisplay.from_predictions(
        y, p, n_bins=6, strategy=strategy, sample_weight=weight, random_state=0
    )
    curve = reliability_curve(y, p, n_bins=6, strategy=strategy, sample_weight=weight)
    low, high = consistency_band(
        p, n_bins=6, strategy=strategy, sample_weight=weight, random_state=0
    )
    assert_array_equal(display.prob_true, curve.prob_true)
    assert_array_equal(display.prob_pred, curve.prob_pred)
    at, *band = display.band
    assert_array_equal(band, [low, high])
    counted = p[weight > 0] if weighted else p
    expected = np.unique(counted) if strategy == "isotonic" else curve.prob_pred
    assert_array_equal(at, expected)


def test_curve_bars_and_panel_are_drawn(predictions):
    y, p = predictions
    display = ReliabilityDisplay.from_predictions(y, p, n_bins=5, random_state=0, name="model")
    x, height = display.line_.get_data()
    assert_array_equal(x, display.prob_pred)
    assert_array_equal(height, display.prob_true)
    assert display.line_.get_label() == "model"
    bars = np.array(display.band_.get_segments())  # (n_bins, 2 ends, x and y)
    assert_allclose(bars[:, :, 0], display.prob_pred[:, None].repeat(2, axis=1))
    assert_allclose(bars[:, :, 1], np.column_stack(display.band[1:]))
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_aspect() == 1.0
    assert display.ax_.get_ylabel() == "observed frequency"
    assert display.histogram_ax_.get_xlabel() == "mean predicted probability"
    assert display.ax_.get_xlabel() == ""
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["perfectly calibrated", "90 % consistency", "model"]
    outline = display.histogram_ax_.patches[0].get_xy()
    assert_allclose(outline[:, 1].max(), np.histogram(p, 20, (0, 1))[0].max() / 400)


def test_parts_can_be_left_out(predictions):
    y, p = predictions
    display = ReliabilityDisplay.from_predictions(
        y, p, ref_line=False, band=False, histogram=False, color="red", linestyle="--"
    )
    assert display.band_ is None
    assert display.spread_ is None
    assert display.histogram_ax_ is None
    assert display.ax_.child_axes == []
    assert len(display.ax_.get_lines()) == 1
    assert display.ax_.get_legend() is None
    assert display.ax_.get_xlabel() == "mean predicted probability"
    assert display.line_.get_color() == "red"
    assert display.line_.get_linestyle() == "--"


def test_isotonic_curve_is_drawn_in_levels(predictions):
    y, p = predictions
    display = ReliabilityDisplay.from_predictions(y, p, strategy="isotonic", random_state=0)
    x, height = display.line_.get_data()
    curve = reliability_curve(y, p, strategy="isotonic")
    assert_array_equal(x[::2], curve.left)
    assert_array_equal(x[1::2], curve.right)
    assert_array_equal(height, curve.prob_true.repeat(2))
    assert (np.diff(height) >= 0).all()


def test_displays_share_axes(predictions):
    y, p = predictions
    first = ReliabilityDisplay.from_predictions(y, p, name="one", random_state=0)
    second = ReliabilityDisplay.from_predictions(y, p**2, name="two", ax=first.ax_, random_state=0)
    assert second.ax_ is first.ax_
    assert second.histogram_ax_ is first.histogram_ax_
    assert first.line_.get_color() != second.line_.get_color()
    labels = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert labels == ["perfectly calibrated", "90 % consistency", "one", "two"]
    third = ReliabilityDisplay.from_predictions(y, p**3, ax=first.ax_, histogram=False)
    assert third.histogram_ax_ is None
    assert len(first.histogram_ax_.patches) == 2
    first.figure_.canvas.draw()


@pytest.mark.parametrize("layout", ["constrained", "tight", None])
def test_panel_lies_below_the_diagram_and_labels_lie_on_the_page(predictions, layout):
    y, p = predictions
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 4.5), layout=layout)
    for ax in axes:
        display = ReliabilityDisplay.from_predictions(y, p, ax=ax, n_resamples=10)
        display.plot(ax)
    figure.canvas.draw()
    for ax in axes:
        panel = ax.child_axes[0]
        above, below = ax.get_window_extent(), panel.get_window_extent()
        assert below.y1 < above.y0
        assert_allclose([below.x0, below.x1], [above.x0, above.x1], atol=1.5)
        page = ax.get_tightbbox()
        assert page.x0 >= -1
        assert page.y0 >= -1


def test_display_can_be_drawn_again_elsewhere(predictions):
    display = ReliabilityDisplay.from_predictions(*predictions, random_state=0)
    before = display.ax_
    assert display.plot(name="again") is display
    assert display.ax_ is not before
    assert display.line_.get_label() == "again"


def test_display_can_be_made_of_arrays():
    display = ReliabilityDisplay(
        np.array([0.1, 0.8]), np.array([0.2, 0.7]), np.array([0.1, 0.3, 0.7]), pos_label="sick"
    ).plot()
    assert display.band_ is None
    assert display.ax_.get_ylabel() == "observed frequency of sick"


# -- whose probability ----------------------------------------------------------------------------------------------


def test_event_may_be_any_label(predictions):
    y, p = predictions
    names = np.array(["well", "sick"])[y]
    both = np.column_stack([p, 1 - p])  # sick, well
    for given in (p, both):
        display = ReliabilityDisplay.from_predictions(names, given, pos_label="sick")
        assert_array_equal(
            display.prob_true, reliability_curve(y, p, n_bins=10, strategy="quantile").prob_true
        )
        assert display.ax_.get_ylabel() == "observed frequency of sick"
        assert display.histogram_ax_.get_xlabel() == "mean predicted probability of sick"


def test_one_class_of_many(iris):
    X, y = iris
    model = GaussianNB().fit(X[:100], y[:100])
    display = ReliabilityDisplay.from_estimator(model, X[100:], y[100:], n_bins=4, pos_label=1)
    proba = model.predict_proba(X[100:])
    curve = reliability_curve(y[100:] == 1, proba[:, 1], n_bins=4, strategy="quantile")
    assert_array_equal(display.prob_true, curve.prob_true)
    assert display.ax_.get_ylabel() == "observed frequency of class 1"
    by_name = ReliabilityDisplay.from_predictions(y[100:], proba, n_bins=4, pos_label=1)
    assert_array_equal(by_name.prob_true, curve.prob_true)


def test_top_label(iris):
    X, y = iris
    model = GaussianNB().fit(X[:100, :2], y[:100])
    display = ReliabilityDisplay.from_estimator(
        model, X[100:, :2], y[100:], n_bins=4, kind="top_label"
    )
    proba = model.predict_proba(X[100:, :2])
    right = proba.argmax(axis=1) == y[100:]
    curve = reliability_curve(right, proba.max(axis=1), n_bins=4, strategy="quantile")
    assert_array_equal(display.prob_true, curve.prob_true)
    assert_array_equal(display.prob_pred, curve.prob_pred)
    assert display.pos_label is None


# -- from an estimator ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_estimator_may_be_a_pipeline_with_names_and_weights(halves, frame):
    X_train, y_train, X, y = halves
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    weight = np.arange(len(y)) % 3
    if frame is not np.asarray:
        columns = {f"x{j}": column for j, column in enumerate(X_train.T)}
        model.fit(frame(columns), y_train)
        X = frame({f"x{j}": column for j, column in enumerate(X.T)})
    display = ReliabilityDisplay.from_estimator(
        model, X, y, n_bins=5, sample_weight=weight, random_state=0
    )
    p = model.predict_proba(X)[:, 1]
    curve = reliability_curve(y, p, n_bins=5, strategy="quantile", sample_weight=weight)
    assert_array_equal(display.prob_true, curve.prob_true)
    assert display.line_.get_label() == "Pipeline"
    assert len(display.y_prob) == (weight > 0).sum()
    copied = ReliabilityDisplay.from_predictions(y.repeat(weight), p.repeat(weight), n_bins=5)
    assert_allclose(display.prob_true, copied.prob_true)
    assert_allclose(display.prob_pred, copied.prob_pred)


@pytest.mark.parametrize("pos_label", ["bad", "fine"])
def test_whiskers_are_mean_ends_of_the_intervals(halves, pos_label):
    X_train, y_train, X, y = halves
    model = CalibratedClassifier(GaussianNB(), method="venn_abers", cv=3).fit(X_train, y_train)
    display = ReliabilityDisplay.from_estimator(
        model, X, y, n_bins=3, strategy="uniform", intervals=True, pos_label=pos_label
    )
    column = ["bad", "fine"].index(pos_label)
    p, ends = model.predict_proba(X)[:, column], model.predict_proba_interval(X)
    if pos_label == "bad":
        ends = 1 - ends[:, ::-1]
    for k, place in enumerate(np.unique((p * 3).astype(int))):
        inside = (p * 3).astype(int) == place
        assert_allclose(display.spread[0][k], ends[inside, 0].mean())
        assert_allclose(display.spread[1][k], ends[inside, 1].mean())
    assert display.spread_ is not None


def test_whiskers_of_one_class_of_many(iris):
    X, y = iris
    model = CalibratedClassifier(GaussianNB(), method="venn_abers", cv=3).fit(X[:100], y[:100])
    display = ReliabilityDisplay.from_estimator(
        model, X[100:], y[100:], n_bins=2, intervals=True, pos_label=2
    )
    low, high = display.spread
    assert (low <= display.prob_pred).all()
    assert (high >= display.prob_pred).all()


# -- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": "kmeans"}, "strategy='kmeans'"),
        ({"n_bins": 0}, "n_bins=0"),
        ({"confidence_level": 1.5}, "confidence_level=1.5"),
        ({"n_resamples": 0}, "n_resamples=0"),
        ({"kind": "classwise"}, "kind='classwise'"),
        ({"kind": "top_label", "pos_label": 1}, "pos_label=1 cannot act"),
        ({"pos_label": 7}, "pos_label=7"),
        ({"labels": [0, 2]}, "labels that are not among"),
        ({"y_prob": [0.1, 0.9]}, "rows"),
        ({"y_prob": [-2.0, 1.0, 3.0, 0.0]}, "probabilities lie in"),
        ({"y_true": [0, 1, 2, 0]}, "pos_label"),
        ({"y_true": [0, 1, 2, 0], "y_prob": np.full((4, 2), 0.5), "pos_label": 1}, "2 columns"),
        (
            {"y_true": [0, 1, 2, 0], "y_prob": np.full((4, 2), 0.5), "kind": "top_label"},
            "2 columns",
        ),
        ({"sample_weight": [1, -1, 1, 1]}, "sample_weight"),
    ],
)
def test_bad_input_gets_a_sentence(change, words):
    given = {"y_true": [0, 1, 1, 0], "y_prob": [0.2, 0.7, 0.6, 0.4]} | change
    with pytest.raises(ValueError, match=words):
        ReliabilityDisplay.from_predictions(given.pop("y_true"), given.pop("y_prob"), **given)


def test_bad_estimators_get_a_sentence(halves):
    X_train, y_train, X, y = halves
    draw = ReliabilityDisplay.from_estimator
    with pytest.raises(NotFittedError):
        draw(GaussianNB(), X, y)
    with pytest.raises(ValueError, match="RidgeClassifier has no predict_proba"):
        draw(RidgeClassifier().fit(X_train, y_train), X, y)
    model = GaussianNB().fit(X_train, y_train)
    with pytest.raises(ValueError, match=r"intervals=True .* GaussianNB lacks"):
        draw(model, X, y, intervals=True)
    with pytest.raises(ValueError, match="labels that are not among"):
        draw(model, X, np.where(y == "bad", "Bad", y))
    with pytest.raises(ValueError, match="a single class"):
        draw(DummyClassifier().fit(X, np.zeros(len(X))), X, y)
    calibrated = CalibratedClassifier(model, method="venn_abers", cv=3).fit(X_train, y_train)
    with pytest.raises(ValueError, match="kind='top_label'"):
        draw(calibrated, X, y, intervals=True, kind="top_label")


def test_matplotlib_is_imported_by_drawing_only():
    code = (
        "import sys, skboost.calibration as c; "
        "bad = [m for m in ('matplotlib', 'mpl_toolkits') if m in sys.modules]; "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_matplotlib_says_what_to_install(monkeypatch, predictions):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'skboost\[plot\]'"):
        ReliabilityDisplay.from_predictions(*predictions)
