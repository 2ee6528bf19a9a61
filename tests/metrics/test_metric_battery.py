"""What every calibration metric has in common, whatever it measures."""

import functools

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.metrics import (
    adaptive_calibration_error,
    calibration_floor,
    calibration_test,
    consistency_band,
    corp_decomposition,
    expected_calibration_error,
    kolmogorov_calibration_error,
    maximum_calibration_error,
    reliability_curve,
    smooth_calibration_error,
    spiegelhalter_test,
)


def curve(*arguments, **options):
    found = reliability_curve(*arguments, **options)
    return np.concatenate([getattr(found, name) for name in found.__dataclass_fields__])


def band(y_true, y_prob, **options):
    return np.concatenate(consistency_band(y_prob, n_resamples=50, random_state=0, **options))


def floor(y_true, y_prob, **options):
    return calibration_floor(y_prob, **options)


def test(*arguments, **options):
    return np.array(calibration_test(*arguments, n_resamples=50, random_state=0, **options))


test.__test__ = False
bind = functools.partial

# name -> function of labels, probabilities of the second class, and sample_weight
ERRORS = {
    "ece": bind(expected_calibration_error, kind="binary"),
    "ece_top": bind(expected_calibration_error, kind="top_label"),
    "ece_classwise": bind(expected_calibration_error, kind="classwise", norm="l2"),
    "ece_quantile": bind(expected_calibration_error, kind="binary", strategy="quantile", n_bins=7),
    "mce": bind(maximum_calibration_error, kind="binary"),
    "ace": bind(adaptive_calibration_error, kind="classwise"),
    "tace": bind(adaptive_calibration_error, kind="classwise", threshold=0.3),
    "brier": corp_decomposition,
    "log": bind(corp_decomposition, loss="log"),
    "smooth": smooth_calibration_error,
    "kolmogorov": kolmogorov_calibration_error,
}
CHANCE = {
    "debiased": bind(expected_calibration_error, kind="binary", norm="l2", debiased=True, n_bins=5),
    "floor": bind(floor, kind="binary"),
    "floor_classwise": bind(floor, kind="classwise", strategy="quantile"),
    "test": bind(test, kind="binary"),
    "test_top": bind(test, kind="top_label", strategy="quantile", norm="max"),
    "spiegelhalter": spiegelhalter_test,
    "curve": curve,
    "curve_quantile": bind(curve, strategy="quantile"),
    "curve_isotonic": bind(curve, strategy="isotonic"),
    "band": band,
    "band_quantile": bind(band, strategy="quantile"),
    "band_isotonic": bind(band, strategy="isotonic"),
}
METRICS = ERRORS | CHANCE
WITH_LABELS = [name for name in METRICS if not name.startswith(("floor", "band"))]


@pytest.fixture(params=METRICS)
def name(request):
    return request.param


@pytest.fixture
def metric(name):
    return METRICS[name]


@pytest.fixture
def rows():
    """Labels and probabilities, among them ties, and no 0 or 1."""
    rng = np.random.default_rng(0)
    p = np.round(0.05 + 0.9 * rng.random(60), 2)
    y = (rng.random(60) < p**1.5).astype(int)
    for array in (y, p):
        array.flags.writeable = False
    return y, p


def test_the_order_of_rows_does_not_matter(metric, rows):
    y, p = rows
    expected = metric(y, p)
    order = np.random.default_rng(1).permutation(len(y))
    assert_allclose(metric(y[order], p[order]), expected, rtol=1e-11, atol=1e-14)


def test_weights_count_copies(metric, rows):
    y, p = rows
    count = np.random.default_rng(2).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), count)
    weighted = metric(y, p, sample_weight=count)
    assert_allclose(weighted, metric(y[copies], p[copies]), rtol=1e-11, atol=1e-14)


def test_weight_zero_removes_a_row(metric, rows):
    y, p = rows
    weight = np.random.default_rng(3).random(len(y)) + 0.5
    weight[::3] = 0
    kept = weight > 0
    assert_array_equal(
        metric(y, p, sample_weight=weight), metric(y[kept], p[kept], sample_weight=weight[kept])
    )


def test_ones_are_the_weights_of_nobody(metric, rows):
    assert_array_equal(metric(*rows, sample_weight=np.ones(60)), metric(*rows))


@pytest.mark.parametrize("name", ERRORS)
def test_errors_do_not_depend_on_the_size_of_weights(metric, rows):
    weight = np.random.default_rng(4).random(60)
    small = metric(*rows, sample_weight=weight)
    assert_allclose(metric(*rows, sample_weight=1000 * weight), small, rtol=1e-9)


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        np.array(["no", "yes"], dtype=object),
        [False, True],
        [-1, 1],
        [0.0, 1.0],
        [7, 1000],
        [2**60, 2**61],
    ],
)
def test_labels_may_be_of_any_type(metric, rows, labels):
    y, p = rows
    assert_array_equal(metric(np.asarray(labels)[y], p), metric(y, p))


@pytest.mark.parametrize(
    "container",
    [
        list,
        pd.Series,
        pl.Series,
        lambda values: pd.Series(values, index=np.arange(len(values))[::-1]),
        lambda values: pd.Series(values).convert_dtypes(),
    ],
)
def test_containers_do_not_matter(metric, rows, container):
    y, p = rows
    expected = metric(y, p)
    assert_array_equal(metric(container(y), container(p)), expected)
    words = np.array(["no", "yes"])[y]
    assert_array_equal(metric(container(words), container(p)), expected)


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_two_columns_are_those_of_the_two_classes(metric, rows, frame):
    y, p = rows
    found = metric(y, frame(np.column_stack([1 - p, p])))
    assert_allclose(found, metric(y, p), rtol=1e-12, atol=1e-15)


def test_one_column_is_one_number_a_row(metric, rows):
    y, p = rows
    assert_array_equal(metric(y, p[:, None]), metric(y, p))


def test_float32_is_the_float64_of_the_same_number(metric, rows):
    y, p = rows
    small = p.astype(np.float32)
    assert_array_equal(metric(y, small), metric(y, small.astype(np.float64)))


def test_a_little_beyond_1_is_1(metric, rows):
    y, p = rows
    p = np.where(p > 0.9, 1.0, p)
    y = np.where(p == 1, 1, y)
    assert_array_equal(metric(y, np.where(p == 1, 1 + 1e-7, p)), metric(y, p))


def test_one_row_is_enough(metric):
    assert np.isfinite(metric([1], [0.7])).all()


def test_numbers_are_plain_or_arrays_of_float64(metric, rows):
    found = metric(*rows)
    parts = found if isinstance(found, tuple) else [found]
    assert all(isinstance(part, float) or part.dtype == np.float64 for part in parts)


@pytest.mark.parametrize("name", ERRORS)
def test_a_perfect_forecast_has_no_error(name, metric):
    y = np.array([0, 1, 1, 0, 1])
    found = metric(y, y.astype(float))
    if name in ("brier", "log"):
        assert found[:2] == (0.0, 0.0)
        assert_allclose(found.discrimination, found.uncertainty)
    else:
        assert found == 0.0


@pytest.mark.parametrize(
    ("p", "words"),
    [
        ([0.1, np.nan, 0.3], "y_prob contains NaN"),
        ([0.1, 1.2, 0.3], r"from 0.1 to 1.2, but probabilities lie in \[0, 1\]"),
        ([0.1, -3, 0.3], r"from -3 to 0.3"),
        ([0.1, np.inf, 0.3], r"from 0.1 to inf"),
        (["a", "b", "c"], "y_prob must be an array of numbers"),
        (np.array([0.1, 0.2, 0.3]) + 0j, "complex"),
        ([], r"shape \(0,\)"),
        (0.3, r"shape \(\)"),
        (np.zeros((3, 1, 2)), r"shape \(3, 1, 2\)"),
        ([[0.1, 0.2]] * 3, "row 0 of y_prob sums to 0.3"),
    ],
)
def test_what_are_no_probabilities_is_refused(metric, p, words):
    with pytest.raises(ValueError, match=words):
        metric([0, 1, 1], p)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 1], "y_true has 2 rows, but y_prob has 3"),
        ([0, np.nan, 1], "y_true contains NaN"),
        (["a", None, "b"], "y_true contains NaN or None"),
        (pd.Series(["a", pd.NA, "b"], dtype=object), "y_true contains NaN or None"),
        ([0.2, 0.3, 1.0], "were y_true and y_prob swapped"),
        (np.array(["a", 1, "b"], dtype=object), "cannot be sorted"),
        (["a", "a", "a"], "1 different label"),
        (["a", "b", "c"], "3 different label"),
    ],
)
@pytest.mark.parametrize("name", WITH_LABELS)
def test_what_are_no_labels_is_refused(metric, y, words):
    with pytest.raises(ValueError, match=words):
        metric(y, [0.1, 0.5, 0.9])


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1, 1], "one number for each of the 3 rows"),
        ([1, -1, 1], "must not be negative"),
        ([1, np.nan, 1], "NaN or infinity"),
        ([0, 0, 0], "all weights are zero"),
    ],
)
def test_what_are_no_weights_is_refused(metric, weight, words):
    with pytest.raises(ValueError, match=words):
        metric([0, 1, 1], [0.1, 0.5, 0.9], sample_weight=weight)


ONE_EVENT = ["brier", "log", "smooth", "kolmogorov", "spiegelhalter", "curve", "curve_isotonic"]


@pytest.mark.parametrize("name", ONE_EVENT)
def test_the_event_may_be_any_label(metric, rows):
    y, p = rows
    expected = metric(y, p)
    words = np.array(["yes", "no"])[y]  # sorted the other way round
    assert_array_equal(metric(words, p, pos_label="no"), expected)
    assert_array_equal(metric(y == 0, p, pos_label=False), expected)
    several = np.where(y, "yes", np.array(["no", "perhaps"])[np.arange(60) % 2])
    assert_array_equal(metric(several, p, pos_label="yes"), expected)
    columns = np.column_stack([p, 1 - p])  # of "no" and "yes"
    assert_array_equal(metric(words, columns, pos_label="no"), expected)
    assert_array_equal(metric(words, columns), metric(words, 1 - p, pos_label="yes"))


@pytest.mark.parametrize("name", ONE_EVENT)
def test_an_event_that_never_happened_is_fine_if_it_has_a_name(metric, rows):
    p = rows[1]
    expected = metric(np.zeros(60, dtype=bool), p)
    assert_array_equal(metric(np.zeros(60), p, pos_label=1), expected)
    assert_array_equal(metric(np.full(60, -1), p), expected)
    with pytest.raises(ValueError, match="pos_label='yes' is none of the labels"):
        metric(["no"] * 60, p, pos_label="yes")


@pytest.mark.parametrize("name", ONE_EVENT)
def test_several_columns_are_not_one_event(metric):
    with pytest.raises(ValueError, match="y_prob has 3 columns"):
        metric([0, 1, 1], [[0.1, 0.2, 0.7]] * 3)
    with pytest.raises(ValueError, match="y_prob has 2 columns"):
        metric(["a", "b", "c"], [[0.3, 0.7]] * 3, pos_label="a")


@pytest.mark.parametrize("name", ["brier", "log", "smooth", "spiegelhalter"])
def test_an_event_and_its_opposite_are_the_same_problem(metric, rows):
    y, p = rows
    assert_allclose(metric(1 - y, 1 - p), metric(y, p), rtol=1e-9, atol=1e-15)
