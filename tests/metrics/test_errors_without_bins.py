"""Smooth and Kolmogorov-Smirnov calibration error, and Spiegelhalter's test."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest, norm

from skboost.exceptions import UncertaintyWarning
from skboost.metrics import (
    kolmogorov_calibration_error,
    smooth_calibration_error,
    spiegelhalter_test,
)


def smoothed(y, p, weight, s, n_points=2001):
    """Integral of the smoothed residuals by a sum over all pairs, with the images of each row behind the mirrors."""
    t = (np.arange(n_points) + 0.5)[:, None] / n_points
    kernel = sum(
        norm.pdf(t, 2 * turn + side * p, s) for turn in range(-2, 3) for side in (-1.0, 1.0)
    )
    return np.abs(kernel @ (weight * (y - p))).mean() / weight.sum()


@pytest.mark.parametrize("exponent", [0.3, 1.0, 1.1, 4.0])
@pytest.mark.parametrize("n", [5, 60, 300])
def test_the_smooth_error_is_its_own_bandwidth(n, exponent):
    rng = np.random.default_rng([n, int(10 * exponent)])
    p, weight = rng.random(n), rng.random(n)
    y = (rng.random(n) < p**exponent).astype(float)
    p[:2] = 0.0, 1.0
    s = smooth_calibration_error(y, p, sample_weight=weight)
    assert_allclose(smoothed(y, p, weight, s), s, rtol=1e-4)


def test_a_small_smooth_error_needs_a_finer_grid():
    # pairs of rows a ten-thousandth apart, whose residuals are opposite: only a narrow kernel tells them apart
    low = np.linspace(0.05, 0.95, 30)
    high = low + 1e-4
    p, y = np.concatenate([low, high]), np.repeat([0.0, 1.0], 30)
    weight = np.concatenate([1 - high, low])
    s = smooth_calibration_error(y, p, sample_weight=weight)
    assert 1e-4 < s < 64 / 4096
    assert_allclose(smoothed(y, p, weight, s, 20001), s, rtol=1e-4)


def test_the_smooth_error_is_at_least_the_mean_residual():
    rng = np.random.default_rng(0)
    p = rng.random(500) / 2
    y = rng.random(500) < 0.5
    error = smooth_calibration_error(y, p)
    assert abs(np.mean(y - p)) <= error + 1e-15
    assert error <= np.mean(np.abs(y - p)) + 1e-15
    # all residuals of one sign are not smoothed away
    assert_allclose(smooth_calibration_error(np.ones(500), p, pos_label=1), np.mean(1 - p))


def test_the_smooth_error_changes_little_with_the_probabilities():
    rng = np.random.default_rng(1)
    p = rng.random(300)
    y = rng.random(300) < p
    error = smooth_calibration_error(y, p)
    near = smooth_calibration_error(y, np.clip(p + 1e-6 * rng.standard_normal(300), 0, 1))
    assert abs(near - error) < 1e-4


def test_residuals_that_cancel_in_a_point_are_no_smooth_error():
    assert smooth_calibration_error([0, 1, 0, 1], [0.5] * 4) < 1e-15


def test_the_smooth_error_of_the_reference_package_is_close():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(1000)
    y = rng.random(1000) < 1 / (1 + np.exp(-x))
    p = 1 / (1 + np.exp(-2 * x))
    # relplot 1.0.3, smECE; on a mesh of 200 points and with a bandwidth known to 1/1024
    assert_allclose(smooth_calibration_error(y, p), 0.12125751111796365, rtol=0.01)


def test_the_kolmogorov_error_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    p, weight = np.round(rng.random(100), 1), rng.random(100)
    y = rng.integers(0, 2, 100)
    gaps = [abs(np.sum((weight * (y - p))[p <= t])) for t in np.unique(p)]
    found = kolmogorov_calibration_error(y, p, sample_weight=weight)
    assert_allclose(found, max(gaps) / weight.sum(), rtol=1e-12)


def test_spiegelhalters_statistic_is_standard_normal_under_calibration():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        p = rng.random(300)
        found.append(spiegelhalter_test(rng.random(300) < p, p))
    statistic, p_value = np.transpose(found)
    assert kstest(statistic, "norm").pvalue > 1e-4
    assert kstest(p_value, "uniform").pvalue > 1e-4
    assert_allclose(p_value, 2 * norm.sf(np.abs(statistic)), rtol=1e-12)


def test_spiegelhalters_statistic_is_the_excess_of_the_brier_score():
    rng = np.random.default_rng(1)
    p = rng.random(50)
    y = rng.random(50) < 0.5
    expected = np.sum(p * (1 - p))
    deviation = np.sqrt(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    found = spiegelhalter_test(y, p).statistic
    assert_allclose(found, (np.sum((p - y) ** 2) - expected) / deviation, rtol=1e-10)


def test_too_extreme_probabilities_have_a_positive_statistic():
    rng = np.random.default_rng(2)
    p = rng.random(2000)
    y = rng.random(2000) < p
    bold = p**2 / (p**2 + (1 - p) ** 2)
    timid = np.sqrt(p) / (np.sqrt(p) + np.sqrt(1 - p))
    assert spiegelhalter_test(y, bold).statistic > 4
    assert spiegelhalter_test(y, timid).statistic < -4


def test_twice_the_weight_makes_the_statistic_larger_by_the_root_of_two():
    y, p = [0, 1, 1, 0], [0.1, 0.6, 0.2, 0.3]
    once, twice = (
        spiegelhalter_test(y, p, sample_weight=np.full(4, w)).statistic for w in (1.0, 2.0)
    )
    assert_allclose(twice / once, np.sqrt(2))


def test_spiegelhalters_test_says_when_it_can_say_nothing():
    with pytest.warns(UncertaintyWarning, match="0, 1/2 or 1"):
        assert spiegelhalter_test([0, 1, 1], [0.0, 0.5, 1.0]) == (0.0, 1.0)
    assert spiegelhalter_test([0, 1, 1], [0.0, 0.0, 1.0]) == (np.inf, 0.0)
