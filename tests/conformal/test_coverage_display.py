"""Pictures of coverage by group: what is drawn is what coverage_by_group says, and displays share axes."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skboost.conformal import CoverageDisplay
from skboost.metrics import coverage_by_group

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402

GROUPS = ["calm", "mild", "wild"]


class Interval(RegressorMixin, BaseEstimator):
    """Twice the first column, plus and minus a width that grows with the level."""

    def __init__(self, confidence_level=0.9):
        self.confidence_level = confidence_level

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return 2 * np.asarray(X, dtype=float)[:, 0]

    def predict_interval(self, X, confidence_level=None):
        level = self.confidence_level if confidence_level is None else confidence_level
        return self.predict(X)[:, None] + 1.8 * level * np.array([-1, 1])


class Sets(ClassifierMixin, BaseEstimator):
    """All labels but the last, for which the first column decides."""

    confidence_level = 0.8

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_set(self, X, confidence_level=None):
        sets = np.ones((len(X), len(self.classes_)), dtype=bool)
        sets[:, -1] = np.asarray(X)[:, 0] < confidence_level
        return sets


@pytest.fixture(autouse=True)
def close_figures():
    """No figure outlives its test."""
    yield
    pyplot.close("all")


@pytest.fixture
def rows():
    """Numbers, intervals of one width, and groups of different spread."""
    rng = np.random.default_rng(0)
    code = rng.integers(0, 3, 400)
    y = rng.normal(size=400) * np.array([0.5, 1, 2])[code]
    return y, np.tile([-1.7, 1.7], (400, 1)), np.array(GROUPS)[code]


@pytest.fixture
def table():
    """A table with a column of group numbers, and numbers to predict."""
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=300), rng.integers(0, 3, 300)])
    return X, 2 * X[:, 0] + rng.normal(size=300)


def ticks(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def words(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def same(display, result):
    for name in ("group", "n_rows", "coverage", "low", "high"):
        assert_array_equal(getattr(display.result, name), getattr(result, name))


# -- what is drawn -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("simultaneous", [False, True])
def test_points_and_bars_are_those_of_the_metric(rows, simultaneous):
    options = {"confidence_level": 0.9, "limits_level": 0.8, "simultaneous": simultaneous}
    display = CoverageDisplay.from_predictions(*rows, name="model", **options)
    result = coverage_by_group(*rows, **options)
    same(display, result)
    at = display.points_.get_offsets()
    assert_allclose(at[:, 0], [*result.overall.coverage, *result.coverage])
    assert_array_equal(at[:, 1], np.arange(4))
    bars = np.array(display.bars_.get_segments())
    low, high = np.concatenate([result.overall.expected(), result.expected()], axis=1)
    assert_allclose(bars[:, :, 0], np.column_stack([low, high]))
    assert_array_equal(bars[:, :, 1], np.arange(4)[:, None].repeat(2, axis=1))
    assert ticks(display) == ["all rows", *GROUPS]
    assert display.figure_ is display.ax_.figure
    together = ", all groups together" if simultaneous else ""
    assert words(display) == [
        "wished: 90 %",
        f"80 % limits{together}",
        "outside of its limits",
        "model, mean width 3.4",
    ]
    counts = [text.get_text() for text in display.ax_.texts]
    assert counts == ["n = 400", *(f"n = {n:.0f}" for n in result.n_rows)]


def test_flagged_groups_are_hollow(rows):
    display = CoverageDisplay.from_predictions(*rows, confidence_level=0.9, color="green")
    flagged = display.result.too_low | display.result.too_high
    assert_array_equal(flagged, [True, False, True])
    hollow = (display.points_.get_facecolor() == to_rgba("white")).all(axis=1)
    assert_array_equal(hollow[1:], flagged)
    assert_array_equal(display.points_.get_edgecolor()[0], to_rgba("green"))
    low, high = display.result.expected()
    outside = (display.result.coverage < low) | (display.result.coverage > high)
    assert_array_equal(outside, flagged)


def test_bars_can_be_left_out(rows):
    y, interval, group = rows
    fine = group == "mild"
    display = CoverageDisplay.from_predictions(
        y[fine], interval[fine], group[fine], confidence_level=0.9, band=False, s=90
    )
    assert display.bars_ is None
    assert words(display) == ["wished: 90 %", "mean width 3.4"]
    assert display.points_.get_sizes() == [90]


def test_groups_may_be_bins(rows):
    y, interval, _ = rows
    display = CoverageDisplay.from_predictions(
        y, interval, pd.Series(y, name="demand"), n_bins=4, confidence_level=0.9
    )
    same(display, coverage_by_group(y, interval, y, n_bins=4, confidence_level=0.9))
    assert display.ax_.get_ylabel() == "demand"
    assert len(ticks(display)) == 5


def test_displays_share_axes(rows):
    y, interval, group = rows
    first = CoverageDisplay.from_predictions(y, interval, group, confidence_level=0.9, name="one")
    shown = [
        first,
        first.plot(first.ax_, name="two", band=False),
        CoverageDisplay.from_predictions(
            y, interval * 0.8, group, confidence_level=0.9, name="three", ax=first.ax_
        ),
    ]
    points = [c for c in first.ax_.collections if str(c.get_gid()).startswith("coverage points")]
    heights = np.array([artist.get_offsets()[:, 1] for artist in points])
    assert heights.shape == (3, 4)
    assert_allclose(heights.mean(axis=0), np.arange(4), atol=1e-12)
    assert (np.diff(heights, axis=0) > 0.2).all()
    assert_allclose(np.array(shown[2].bars_.get_segments())[:, 0, 1], heights[2])
    assert words(shown[2])[-3:] == [
        "one, mean width 3.4",
        "two, mean width 3.4",
        "three, mean width 2.72",
    ]
    assert words(shown[2]).count("wished: 90 %") == 1
    assert len({tuple(artist.get_edgecolor()[0]) for artist in points}) == 3
    assert len(first.ax_.texts) == 4
    left = first.ax_.get_xlim()[0]
    assert left < min(artist.get_offsets()[:, 0].min() for artist in points)
    first.figure_.canvas.draw()


def test_numbers_of_rows_are_shown_where_displays_agree(rows):
    first = CoverageDisplay.from_predictions(*rows, confidence_level=0.9)
    weight = np.arange(400) % 3
    CoverageDisplay.from_predictions(
        *rows, confidence_level=0.9, sample_weight=weight, ax=first.ax_
    )
    assert len(first.ax_.texts) == 0


def test_displays_of_other_groups_or_levels_do_not_share_axes(rows):
    y, interval, group = rows
    first = CoverageDisplay.from_predictions(y, interval, group, confidence_level=0.9)
    with pytest.raises(ValueError, match="displays share axes only if their groups agree"):
        CoverageDisplay.from_predictions(
            y, interval, group == "calm", confidence_level=0.9, ax=first.ax_
        )
    with pytest.raises(ValueError, match=r"another level than confidence_level=0.8"):
        CoverageDisplay.from_predictions(y, interval, group, confidence_level=0.8, ax=first.ax_)


def test_the_axis_stays_between_0_and_1(rows):
    y, interval, _ = rows
    display = CoverageDisplay.from_predictions(
        y[:30], interval[:30], np.arange(30) % 10, confidence_level=0.9
    )
    left, right = display.ax_.get_xlim()
    assert left >= -0.02
    assert right <= 1.02


@pytest.mark.parametrize("layout", ["constrained", "tight"])
def test_labels_and_counts_lie_on_the_page(rows, layout):
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4), layout=layout)
    for ax in axes:
        CoverageDisplay.from_predictions(*rows, confidence_level=0.9, ax=ax)
    figure.canvas.draw()
    first, second = (ax.get_tightbbox() for ax in axes)
    assert first.x1 <= second.x0
    assert second.x1 <= figure.bbox.x1 + 1
    assert first.x0 >= -1
    assert first.y1 <= figure.bbox.y1 + 1


# -- from an estimator ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_groups_may_be_a_column_a_function_or_labels(table, frame):
    X, y = table
    names = frame is not np.asarray
    given = frame({"x": X[:, 0], "kind": X[:, 1].astype(int)}) if names else X
    model = Interval().fit(given, y)
    expected = coverage_by_group(y, model.predict_interval(X), X[:, 1], confidence_level=0.9)
    draw = CoverageDisplay.from_estimator
    display = draw(model, given, y, groups="kind" if names else 1)
    same(display, expected)
    assert display.ax_.get_ylabel() == ("kind" if names else "column 1")
    assert words(display)[-1] == "Interval, mean width 3.24"
    same(draw(model, given, y, groups=X[:, 1]), expected)
    same(draw(model, given, y, groups=lambda X: np.asarray(X)[:, 1].tolist()), expected)
    binned = draw(model, given, y, groups=model.predict, n_bins=3, group_name="prediction")
    assert binned.ax_.get_ylabel() == "prediction"
    same(
        binned,
        coverage_by_group(
            y, model.predict_interval(X), model.predict(X), n_bins=3, confidence_level=0.9
        ),
    )


def test_the_level_may_be_chosen(table):
    X, y = table
    model = Interval().fit(X, y)
    weight = np.arange(300) % 3
    display = CoverageDisplay.from_estimator(
        model, X, y, groups=1, confidence_level=0.5, sample_weight=weight
    )
    expected = coverage_by_group(
        y, model.predict_interval(X, 0.5), X[:, 1], confidence_level=0.5, sample_weight=weight
    )
    same(display, expected)


def test_sets_are_shown_too(table):
    X = table[0]
    y = np.array(["a", "b", "c"])[np.random.default_rng(2).integers(0, 3, 300)]
    model = Sets().fit(X, y)
    display = CoverageDisplay.from_estimator(model, X, y, groups=y, group_name="class")
    expected = coverage_by_group(y, model.predict_set(X, 0.8), y, confidence_level=0.8)
    same(display, expected)
    assert_array_equal(display.result.coverage[:2], 1.0)
    assert words(display)[-1].startswith("Sets, mean size 2.")
    only = y != "c"  # a class may be absent from the rows that are looked at
    some = CoverageDisplay.from_estimator(model, X[only], y[only], groups=y[only])
    assert ticks(some) == ["all rows", "a", "b"]


# -- what goes wrong -----------------------------------------------------------------------------------------------


def test_bad_input_gets_a_sentence(table, rows):
    X, y = table
    draw = CoverageDisplay.from_estimator
    model = Interval().fit(X, y)
    with pytest.raises(NotFittedError):
        draw(Interval(), X, y, groups=1)
    with pytest.raises(ValueError, match="Ridge has neither predict_set nor predict_interval"):
        draw(Ridge().fit(X, y), X, y, groups=1)
    for groups in (5, "kind"):
        with pytest.raises(ValueError, match=f"groups={groups!r} is no column of X"):
            draw(model, X, y, groups=groups)
    with pytest.raises(ValueError, match="groups has 2 rows"):
        draw(model, X, y, groups=[1, 2])
    with pytest.raises(ValueError, match="confidence_level of Interval is"):
        draw(Interval([0.5, 0.9]).fit(X, y), X, y, groups=1)
    with pytest.raises(ValueError, match="n_bins=0"):
        CoverageDisplay.from_predictions(*rows, confidence_level=0.9, n_bins=0)
    with pytest.raises(ValueError, match="of 3 levels"):
        CoverageDisplay.from_predictions(
            rows[0], np.zeros((400, 2, 3)), rows[2], confidence_level=0.9
        )


def test_missing_matplotlib_says_what_to_install(monkeypatch, rows):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'skboost\[plot\]'"):
        CoverageDisplay.from_predictions(*rows, confidence_level=0.9)
