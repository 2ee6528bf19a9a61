"""Pictures of intervals: what is drawn is what was given, in order."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skboost.conformal import IntervalDisplay
from skboost.metrics import coverage_score, mean_interval_width

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


class Interval(RegressorMixin, BaseEstimator):
    """Twice the first column, plus and minus a multiple of the second."""

    def __init__(self, confidence_level=0.9):
        self.confidence_level = confidence_level

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        X = X.toarray() if sparse.issparse(X) else np.asarray(X)
        return 2 * X[:, 0]

    def predict_interval(self, X, confidence_level=None):
        level = self.confidence_level if confidence_level is None else confidence_level
        X = X.toarray() if sparse.issparse(X) else np.asarray(X)
        return 2 * X[:, :1] + 2 * level * X[:, 1:2] * [-1, 1]


@pytest.fixture(autouse=True)
def close_figures():
    """No figure outlives its test."""
    yield
    pyplot.close("all")


@pytest.fixture
def rows():
    """Numbers, intervals around predictions, and predictions."""
    rng = np.random.default_rng(0)
    centre = rng.normal(size=50)
    half = rng.uniform(0.5, 2, size=50)
    return centre + rng.normal(size=50), centre[:, None] + half[:, None] * [-1, 1], centre


@pytest.fixture
def table():
    """Rows of three columns, and numbers."""
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=(60, 1)), rng.uniform(0.5, 2, size=(60, 2))])
    return X, 2 * X[:, 0] + X[:, 1] * rng.normal(size=60)


def segments(display):
    return np.array(display.intervals_.get_segments())  # (n_drawn, 2 ends, x and y)


def words(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# -- what is drawn -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["prediction", "width"])
def test_rows_are_drawn_in_their_order(rows, order):
    y, interval, centre = rows
    display = IntervalDisplay.from_predictions(y, interval, centre, order=order)
    rank = np.argsort(centre if order == "prediction" else interval[:, 1] - interval[:, 0])
    shift = centre[rank] if order == "width" else 0
    lines = segments(display)
    assert_array_equal(lines[:, :, 0], np.arange(50)[:, None].repeat(2, axis=1))
    assert_allclose(lines[:, :, 1].T + shift, interval[rank].T)
    covered = (interval[:, 0] <= y) & (y <= interval[:, 1])
    for line, which in ((display.inside_, covered), (display.outside_, ~covered)):
        at, height = line.get_data()
        assert_array_equal(at, np.flatnonzero(which[rank]))
        assert_allclose(height + (shift if order == "prediction" else shift[at]), y[rank][at])
    at, height = display.line_.get_data()
    assert_allclose(height + shift, centre[rank])
    axis = display.ax_
    assert axis.get_xlabel() == f"50 rows, sorted by {order}"
    assert axis.get_ylabel() == ("target" if order == "prediction" else "target minus prediction")
    assert display.figure_ is axis.figure


def test_the_legend_says_how_often_and_how_wide(rows):
    y, interval, centre = rows
    display = IntervalDisplay.from_predictions(
        y, interval, centre, confidence_level=0.8, name="model"
    )
    assert display.coverage == coverage_score(y, interval)
    assert display.mean_width == mean_interval_width(interval)
    share = 100 * display.coverage
    assert sorted(words(display)) == sorted(
        [
            f"model: 80 % intervals, mean width {display.mean_width:.4g}",
            "prediction",
            f"inside: {share:.1f} %",
            f"outside: {100 - share:.1f} %",
        ]
    )


def test_predictions_may_be_left_out(rows):
    y, interval, _ = rows
    display = IntervalDisplay.from_predictions(y, interval)
    assert display.line_ is None
    assert display.ax_.get_xlabel() == "50 rows, sorted by middle of interval"
    assert_allclose(segments(display)[:, :, 1], interval[np.argsort(interval.sum(axis=1))])
    assert "intervals, mean width" in words(display)[0]


@pytest.mark.parametrize("kind", ["number", "time"])
def test_rows_may_lie_along_anything(rows, kind):
    y, interval, centre = rows
    x = np.random.default_rng(2).permutation(50).astype(float)
    order = np.argsort(x)
    given = x if kind == "number" else np.datetime64("2024-02-01") + x.astype("timedelta64[D]")
    display = IntervalDisplay.from_predictions(y, interval, centre, x=given, x_name="day")
    lines = segments(display)
    start = lines[0, 0, 0]
    assert_allclose(lines[:, 0, 0] - start, x[order])
    assert_allclose(lines[:, :, 1], interval[order])
    assert display.ax_.get_xlabel() == "day (50 rows)"
    display.figure_.canvas.draw()


def test_of_many_rows_some_are_drawn_and_all_are_counted(rows):
    y, interval, centre = (np.tile(part.T, 100).T for part in rows)
    display = IntervalDisplay.from_predictions(y, interval, centre, max_rows=20)
    assert len(segments(display)) == 20
    assert display.ax_.get_xlabel() == "20 of 5000 rows, sorted by prediction"
    assert display.coverage == coverage_score(y, interval)
    drawn = display.line_.get_data()[1]
    assert drawn[0] == centre.min()
    assert drawn[-1] == centre.max()
    again = display.plot(max_rows=10**6)
    assert len(segments(again)) == 5000


def test_infinite_ends_get_arrows(rows):
    y, interval, centre = rows
    interval[3, 1] = interval[5, 1] = np.inf
    interval[5, 0] = interval[7, 0] = -np.inf
    display = IntervalDisplay.from_predictions(y, interval, centre)
    rank = np.argsort(np.argsort(centre))
    marks = {
        (line.get_marker(), int(line.get_xdata()[0]))
        for line in display.ax_.get_lines()
        if line.get_marker() in "v^"
    }
    assert marks == {("^", rank[3]), ("^", rank[5]), ("v", rank[5]), ("v", rank[7])}
    assert np.isfinite(segments(display)).all()
    assert np.isfinite(display.ax_.get_ylim()).all()
    assert words(display)[0] == "intervals, mean width infinite"
    IntervalDisplay.from_predictions(y, np.tile([-np.inf, np.inf], (50, 1)))
    IntervalDisplay.from_predictions(y, interval, order="width")
    display.figure_.canvas.draw()


def test_weights_count_copies_and_0_removes(rows):
    y, interval, centre = rows
    weight = np.arange(50) % 3
    display = IntervalDisplay.from_predictions(y, interval, centre, sample_weight=weight)
    assert display.coverage == coverage_score(y, interval, sample_weight=weight)
    assert_allclose(display.mean_width, mean_interval_width(interval, sample_weight=weight))
    assert len(segments(display)) == (weight > 0).sum()


def test_displays_share_axes(rows):
    y, interval, centre = rows
    first = IntervalDisplay.from_predictions(y, interval, centre, name="one")
    second = IntervalDisplay.from_predictions(y, interval * 1.1, centre, name="two", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert first.inside_.get_color() != second.inside_.get_color()
    assert words(second).count("prediction") == 1
    assert any(text.startswith("two: ") for text in words(second))
    assert second.plot(name="three").ax_ is not first.ax_


def test_colours_and_lines_may_be_chosen(rows):
    display = IntervalDisplay.from_predictions(*rows, color="black", linewidth=7)
    assert display.inside_.get_color() == "black"
    assert display.intervals_.get_linewidth() == [7]


@pytest.mark.parametrize("layout", ["constrained", "tight"])
def test_the_legend_lies_on_the_page(rows, layout):
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4), layout=layout)
    for ax in axes:
        IntervalDisplay.from_predictions(*rows, ax=ax)
    figure.canvas.draw()
    for ax in axes:
        assert ax.get_legend().get_window_extent().y1 <= figure.bbox.y1 + 1
        assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1


# -- from an estimator ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame, sparse.csr_array])
def test_the_estimator_says_intervals_and_predictions(table, frame):
    X, y = table
    names = isinstance(frame, type) and frame is not sparse.csr_array
    given = frame({f"c{j}": X[:, j] for j in range(3)}) if names else frame(X)
    model = Interval().fit(given, y)
    display = IntervalDisplay.from_estimator(model, given, y, feature="c2" if names else 2)
    order = np.argsort(X[:, 2])
    assert_allclose(segments(display)[:, 0, 0], X[order, 2])
    assert_allclose(segments(display)[:, :, 1], model.predict_interval(X)[order])
    assert_allclose(display.line_.get_ydata(), 2 * X[order, 0])
    assert display.ax_.get_xlabel() == f"{'c2' if names else 'column 2'} (60 rows)"
    assert words(display)[0].startswith("Interval: 90 % intervals")
    by_place = IntervalDisplay.from_estimator(model, given, y, feature=2)
    assert_allclose(segments(by_place), segments(display))


def test_the_level_may_be_chosen(table):
    X, y = table
    display = IntervalDisplay.from_estimator(Interval().fit(X, y), X, y, confidence_level=0.5)
    assert display.mean_width == mean_interval_width(Interval(0.5).predict_interval(X))
    assert words(display)[0].startswith("Interval: 50 % intervals")
    several = Interval([0.5, 0.9]).fit(X, y)
    with pytest.raises(ValueError, match=r"is \[0.5, 0.9\], but a picture shows one level"):
        IntervalDisplay.from_estimator(several, X, y)
    assert IntervalDisplay.from_estimator(several, X, y, confidence_level=0.5).coverage > 0


@pytest.mark.parametrize("series", [pd.Series, pl.Series])
def test_the_target_gives_its_name_to_the_axis(table, series):
    X, y = table
    named = series(y).rename("demand")
    display = IntervalDisplay.from_estimator(Interval().fit(X, y), X, named)
    assert display.ax_.get_ylabel() == "demand"


# -- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"order": "target"}, "order='target' is not valid for IntervalDisplay"),
        ({"order": "width", "x": np.arange(3)}, "order='width' cannot act, because x"),
        ({"interval": np.zeros((3, 2, 2))}, r"of 2 levels; pass one of them, interval\[..., j\]"),
        ({"interval": [[1, 0]] * 3}, "lower end above"),
        ({"interval": [[0, 1]] * 2}, "y_true has 3 rows, but interval has 2"),
        ({"x": [1, 2]}, "x has 2 rows, but y_true has 3"),
        ({"x": ["a", "b", "c"]}, "x must hold a number for each row"),
        ({"x": [1, np.nan, 2]}, "x contains missing or infinite values"),
        ({"x": np.array(["2024-01-01", "NaT", "2024-01-02"], "M8[D]")}, "x contains missing"),
        ({"y_pred": [1, 2]}, "y_pred has 2 rows"),
        ({"max_rows": 0}, "max_rows=0 must be an integer of at least 1"),
        ({"sample_weight": [1, 1]}, "sample_weight"),
    ],
)
def test_bad_input_gets_a_sentence(change, text):
    given = {"y_true": [0.0, 1.0, 2.0], "interval": [[0, 1]] * 3} | change
    with pytest.raises(ValueError, match=text):
        IntervalDisplay.from_predictions(given.pop("y_true"), given.pop("interval"), **given)


def test_bad_estimators_get_a_sentence(table):
    X, y = table
    with pytest.raises(NotFittedError):
        IntervalDisplay.from_estimator(Interval(), X, y)
    with pytest.raises(ValueError, match="Ridge has no predict_interval"):
        IntervalDisplay.from_estimator(Ridge().fit(X, y), X, y)
    model = Interval().fit(X, y)
    for feature in (7, "name"):
        with pytest.raises(ValueError, match=f"feature={feature!r} is no column of X"):
            IntervalDisplay.from_estimator(model, X, y, feature=feature)
    with pytest.raises(ValueError, match="confidence_level=90"):
        IntervalDisplay.from_estimator(model, X, y, confidence_level=90)


def test_matplotlib_is_imported_by_drawing_only():
    code = (
        "import sys, skboost.conformal, skboost.metrics; "
        "bad = [m for m in ('matplotlib', 'mpl_toolkits') if m in sys.modules]; "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_matplotlib_says_what_to_install(monkeypatch, rows):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'skboost\[plot\]'"):
        IntervalDisplay.from_predictions(*rows)
