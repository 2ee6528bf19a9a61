"""Scores of intervals and quantiles: their definitions, what is optimal, and what is refused."""

import functools

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from skboost.metrics import coverage_score, interval_score, mean_interval_width, pinball_loss

LEVELS = [0.5, 0.8, 0.9]


def width(y_true, interval, **options):
    return mean_interval_width(interval, **options)


METRICS = {
    "coverage": coverage_score,
    "width": width,
    "score": functools.partial(interval_score, confidence_level=0.9),
    "pinball": functools.partial(pinball_loss, quantiles=[0.05, 0.95]),
}
WITH_TARGET = ["coverage", "score", "pinball"]
OF_INTERVALS = ["coverage", "width", "score"]


@pytest.fixture(params=METRICS)
def name(request):
    return request.param


@pytest.fixture
def metric(name):
    return METRICS[name]


@pytest.fixture
def rows():
    """Numbers, and intervals of which some touch them and some miss them."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=60).round(1)
    interval = np.sort(rng.normal(size=(60, 2)).round(1), axis=1)
    interval[:2] = y[:2, None]
    return y, interval


# -- what they measure -----------------------------------------------------------------------------------------------


def test_values_of_the_definition(rows):
    y, interval = rows
    inside, widths, scores = [], [], []
    for number, (low, high) in zip(y, interval, strict=True):
        inside.append(low <= number <= high)
        widths.append(high - low)
        fine = 0.0
        if number < low:
            fine = 2 / 0.1 * (low - number)
        elif number > high:
            fine = 2 / 0.1 * (number - high)
        scores.append(high - low + fine)
    assert_allclose(coverage_score(y, interval), np.mean(inside))
    assert_allclose(mean_interval_width(interval), np.mean(widths))
    assert_allclose(interval_score(y, interval, confidence_level=0.9), np.mean(scores))
    per_row = interval_score(y, interval, confidence_level=0.9, per_row=True)
    assert_allclose(per_row, scores, rtol=1e-12)


def test_the_ends_belong_to_the_interval():
    assert coverage_score([1.0, 2.0, 3.0], [[1, 2], [1, 2], [3, 3]]) == 1.0
    assert coverage_score([np.nextafter(1, 0)], [[1, 2]]) == 0.0


def test_the_score_is_that_of_both_ends_as_quantiles(rows):
    y, interval = rows
    ends = pinball_loss(y, interval, quantiles=[0.1, 0.9], per_row=True)
    score = interval_score(y, interval, confidence_level=0.8, per_row=True)
    assert_allclose(score, ends.sum(axis=1) * 2 / 0.2, rtol=1e-9)


def test_pinball_loss_is_that_of_scikit_learn(rows):
    y, columns = rows
    losses = pinball_loss(y, columns, quantiles=[0.2, 0.7])
    assert_allclose(losses[0], mean_pinball_loss(y, columns[:, 0], alpha=0.2))
    assert_allclose(losses[1], mean_pinball_loss(y, columns[:, 1], alpha=0.7))
    assert_allclose(pinball_loss(y, columns[:, 1], quantiles=0.7), losses[1])


def test_the_true_quantiles_score_best():
    y = np.random.default_rng(1).normal(size=20_000)
    best = norm.ppf([0.05, 0.95])

    def score(ends):
        return interval_score(y, np.tile(ends, (len(y), 1)), confidence_level=0.9)

    assert score(best) < min(score(best + 0.5), score(best * 1.3), score(best * 0.7))


# -- shapes ----------------------------------------------------------------------------------------------------------


def test_several_levels_at_once(rows):
    y, interval = rows
    middle = interval.mean(axis=1, keepdims=True)
    several = np.stack([middle + k * (interval - middle) for k in (1, 2, 3)], axis=-1)
    found = [
        coverage_score(y, several),
        mean_interval_width(several),
        interval_score(y, several, confidence_level=LEVELS),
    ]
    one = [
        [coverage_score(y, several[..., j]) for j in range(3)],
        [mean_interval_width(several[..., j]) for j in range(3)],
        [interval_score(y, several[..., j], confidence_level=LEVELS[j]) for j in range(3)],
    ]
    assert_array_equal(found, one)
    assert_array_equal(np.diff(found[0]) >= 0, True)
    each = interval_score(y, several, confidence_level=LEVELS, per_row=True)
    assert each.shape == (60, 3)
    assert_allclose(each.mean(axis=0), found[2])


def test_one_level_is_a_float_and_several_are_an_array(metric, rows, name):
    y, interval = rows
    if name == "pinball":
        assert metric(y, interval).dtype == np.float64
        assert isinstance(pinball_loss(y, y, quantiles=0.3), float)
        return
    assert isinstance(metric(y, interval), float)
    options = {"confidence_level": [0.9]} if name == "score" else {}
    assert metric(y, interval[..., None], **options).shape == (1,)


# -- infinity --------------------------------------------------------------------------------------------------------


def test_infinite_intervals_cover_and_cost_everything():
    interval = [[-np.inf, np.inf], [0, np.inf], [0, 1]]
    assert coverage_score([3.0, 3.0, 3.0], interval) == pytest.approx(2 / 3)
    assert mean_interval_width(interval) == np.inf
    assert interval_score([3.0, 3.0, 3.0], interval, confidence_level=0.9) == np.inf
    scores = interval_score([3.0, -3.0, 2.0], interval, confidence_level=0.8, per_row=True)
    assert_allclose(scores, [np.inf, np.inf, 11])
    losses = pinball_loss([3.0, 3.0], [[-np.inf, 1], [0, 4]], quantiles=[0.1, 0.9])
    assert_allclose(losses, [np.inf, (0.9 * 2 + 0.1 * 1) / 2])


def test_infinite_intervals_of_weight_zero_do_not_count():
    interval = [[-np.inf, np.inf], [0, 1]]
    assert mean_interval_width(interval, sample_weight=[0, 2]) == 1.0
    assert interval_score([0.5, 0.5], interval, confidence_level=0.9, sample_weight=[0, 2]) == 1.0


@pytest.mark.parametrize("name", OF_INTERVALS)
@pytest.mark.parametrize("ends", [[np.inf, np.inf], [-np.inf, -np.inf]])
def test_intervals_without_a_number_are_refused(metric, ends):
    with pytest.raises(ValueError, match="between which lies no number"):
        metric([0.0, 0.0], [ends, [0, 1]])


# -- weights, containers, numbers ------------------------------------------------------------------------------------


def test_weights_count_copies(metric, rows):
    y, interval = rows
    count = np.random.default_rng(2).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), count)
    weighted = metric(y, interval, sample_weight=count)
    assert_allclose(weighted, metric(y[copies], interval[copies]), rtol=1e-12)
    assert_allclose(metric(y, interval, sample_weight=0.1 * count), weighted, rtol=1e-12)


def test_weight_zero_removes_a_row(metric, rows):
    y, interval = rows
    weight = np.random.default_rng(3).random(len(y)) * (np.arange(len(y)) % 3)
    kept = weight > 0
    assert_array_equal(
        metric(y, interval, sample_weight=weight),
        metric(y[kept], interval[kept], sample_weight=weight[kept]),
    )


@pytest.mark.parametrize("seed", range(20))
def test_full_coverage_is_1_whatever_the_weights(seed):
    weight = np.random.default_rng(seed).random(37)
    y = np.zeros(37)
    assert coverage_score(y, np.tile([-1, 1], (37, 1)), sample_weight=weight) == 1.0


@pytest.mark.parametrize("column", [list, pd.Series, pl.Series])
@pytest.mark.parametrize("table", [np.asarray, pd.DataFrame, pl.DataFrame, np.ndarray.tolist])
def test_containers_do_not_matter(metric, rows, column, table):
    y, interval = rows
    assert_array_equal(metric(column(y), table(interval)), metric(y, interval))


def test_float32_is_the_float64_of_the_same_number(metric, rows):
    small = [part.astype(np.float32) for part in rows]
    assert_array_equal(metric(*small), metric(*(part.astype(np.float64) for part in small)))


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_INTERVALS)
@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (
            [[0, 1], [1, 0], [0, 1]],
            "row 1 of interval has a lower end above the upper end, as 1 of",
        ),
        ([[0, np.nan], [0, 1], [0, 1]], "interval contains NaN"),
        ([0, 1, 2], r"interval has shape \(3,\)"),
        ([[0, 0, 0], [1, 1, 1]], r"shape \(2, 3\).*make columns .* numpy.column_stack"),
        (np.zeros((3, 3)), r"interval has shape \(3, 3\), but \(n_samples, 2\)"),
        (np.zeros((0, 2)), "at least one row"),
        ([["a", "b"]] * 3, "interval must be an array of numbers"),
        (np.zeros((3, 2)) + 1j, "complex"),
    ],
)
def test_what_are_no_intervals_is_refused(metric, interval, words):
    with pytest.raises(ValueError, match=words):
        metric([0.0, 0.0, 0.0], interval)


@pytest.mark.parametrize("name", WITH_TARGET)
@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0.0, 1.0], "y_true has 2 rows, but (interval|y_quantile) has 3"),
        ([0.0, np.nan, 1.0], "y_true contains NaN"),
        ([0.0, np.inf, 1.0], "y_true contains infinity"),
        (["a", "b", "c"], "y_true must be an array of numbers"),
        ([0.0, None, 1.0], "y_true"),
        (np.zeros((3, 2)), "1d array"),
    ],
)
def test_what_are_no_targets_is_refused(metric, y, words):
    with pytest.raises(ValueError, match=words):
        metric(y, [[0, 1]] * 3)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1, 1], "one number for each of the 3 rows"),
        ([1, -1, 1], "must not be negative"),
        ([0, 0, 0], "all weights are zero"),
    ],
)
def test_what_are_no_weights_is_refused(metric, weight, words):
    with pytest.raises(ValueError, match=words):
        metric([0.0, 1.0, 2.0], [[0, 1]] * 3, sample_weight=weight)


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (90, r"confidence_level=90 must be a number in \(0, 1\) \(0.9 means 90 %\)"),
        (0.0, "confidence_level=0.0"),
        ("high", "confidence_level='high'"),
        ([0.9], r"must be one number, because interval holds 1 level\."),
        ([0.8, 0.9], r"must be one number, because interval holds 1 level\."),
    ],
)
def test_levels_are_checked(level, words):
    with pytest.raises(ValueError, match=words):
        interval_score([1.0], [[0, 2]], confidence_level=level)


@pytest.mark.parametrize("level", [0.9, [0.9], [0.5, 0.8, 0.9], [[0.5, 0.8]]])
def test_there_is_a_level_for_each_interval(level):
    with pytest.raises(ValueError, match="a list of 2 numbers, because interval holds 2 levels on"):
        interval_score([1.0], np.zeros((1, 2, 2)), confidence_level=level)


def test_the_level_must_be_given(rows):
    with pytest.raises(TypeError, match="confidence_level"):
        interval_score(*rows)
    with pytest.raises(TypeError, match="quantiles"):
        pinball_loss(*rows)


def test_quantiles_are_checked(rows):
    y, columns = rows
    with pytest.raises(ValueError, match="quantiles=1.5"):
        pinball_loss(y, columns, quantiles=[0.5, 1.5])
    with pytest.raises(ValueError, match="a list of 2 numbers, because y_quantile holds 2 levels"):
        pinball_loss(y, columns, quantiles=0.5)
    with pytest.raises(ValueError, match="y_quantile contains NaN"):
        pinball_loss([1.0], [np.nan], quantiles=0.5)
    with pytest.raises(ValueError, match=r"y_quantile has shape \(1, 1, 1\)"):
        pinball_loss([1.0], [[[1.0]]], quantiles=0.5)


@pytest.mark.parametrize("name", ["score", "pinball"])
def test_options_that_cannot_act_are_refused(metric, rows):
    with pytest.raises(ValueError, match="sample_weight cannot act with per_row=True"):
        metric(*rows, per_row=True, sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="per_row='yes'"):
        metric(*rows, per_row="yes")
