"""Platt scaling."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit

from skboost.calibration import PlattScaler
from skboost.exceptions import UncertaintyWarning


def fitted(f, y, weight=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertaintyWarning)
        return PlattScaler(input="logit", classes=[0, 1]).fit(f, y, weight).maps_[0]


def gradient(curve, f, y, weight):
    """Derivatives of the mean loss by the slope and the height of the curve, free of the unit of f."""
    positive, negative = weight[y == 1].sum(), weight[y == 0].sum()
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    residual = weight * (expit(-(curve.slope * f + curve.intercept)) - target)
    centred = f - weight @ (f / 2**10) / weight.sum() * 2**10
    return np.array([centred / max(np.ptp(f), 1e-300) @ residual, residual.sum()]) / weight.sum()


def problems(rng):
    """Names, scores, labels and weights."""
    n = int(rng.integers(1, 150))
    f = 3 * rng.normal(size=n)
    y = (rng.random(n) < expit(f)).astype(int)
    ones = np.ones(n)
    yield "plain", f, y, ones
    yield "weighted", f, y, rng.exponential(size=n) * 10.0 ** rng.integers(-6, 7)
    yield "separable", f, (f > 0).astype(int), ones
    yield "opposed", f, (f < 0).astype(int), ones
    yield "constant", np.full(n, 7.0), y, ones
    yield "one class", f, np.ones(n, dtype=int), ones
    yield "far from 0", f + 1e6, y, ones
    yield "heavy tails", rng.standard_cauchy(n) ** 3, y, ones
    for size in (1e-250, 1e-8, 1e8, 1e300):
        yield f"of size {size}", size * f, y, ones
    for outlier in (1e6, -1e6):
        yield "with an outlier", np.r_[outlier, f[1:]], y, ones


def test_the_gradient_is_zero_at_the_solution():
    rng = np.random.default_rng(0)
    for _ in range(100):
        for name, f, y, weight in problems(rng):
            slope = gradient(fitted(f, y, weight), f, y, weight)
            assert np.abs(slope).max() < 1e-9, name


def test_the_example_of_libsvm():
    # the optimum in 50 digits; libsvm itself gives -0.202613544 and 0.652363150
    curve = fitted([5.0, -4.0, 1.0], [1, 0, 0])
    assert_allclose(curve.slope, -0.202614489618475599, rtol=1e-14)
    assert_allclose(curve.intercept, 0.652366638998449143, rtol=1e-14)


@pytest.mark.parametrize(("unit", "zero"), [(1e-100, 0.0), (1e100, 0.0), (1.0, 1e4), (4.0, -7.0)])
def test_unit_and_zero_of_margins_do_not_matter(unit, zero):
    rng = np.random.default_rng(1)
    f = rng.normal(size=80)
    y = (rng.random(80) < expit(f)).astype(int)
    expected = PlattScaler(input="logit").fit(f, y).transform(f)
    moved = unit * f + zero
    assert_allclose(PlattScaler(input="logit").fit(moved, y).transform(moved), expected, rtol=1e-10)


def test_probabilities_are_fitted_through_their_log_odds():
    rng = np.random.default_rng(2)
    f = 2 * rng.normal(size=200)
    y = (rng.random(200) < expit(f / 2)).astype(int)
    by_probability = PlattScaler().fit(expit(f), y)
    assert_allclose(by_probability.transform(expit(f)), fitted(f, y)(f), rtol=1e-10)


def test_a_curve_that_made_the_labels_is_found():
    rng = np.random.default_rng(3)
    f = 2 * rng.normal(size=20_000)
    y = (rng.random(len(f)) < expit(0.5 * f - 1)).astype(int)
    curve = fitted(f, y)
    # standard errors about 0.01 and 0.02
    assert_allclose([curve.slope, curve.intercept], [-0.5, 1.0], atol=0.1)


def test_labels_without_scores_give_their_softened_share():
    y = np.array([1, 1, 1, 0])
    target = np.array([4 / 5, 4 / 5, 4 / 5, 1 / 3])
    assert_allclose(fitted(np.full(4, 3.0), y)(np.array([3.0, 9.0])), target.mean(), rtol=1e-14)
    assert_allclose(
        fitted(np.arange(4.0), np.ones(4, dtype=int))(np.array([0.0, 9.0])), 5 / 6, rtol=1e-14
    )


def test_probabilities_are_clipped_at_half_a_vote():
    votes = np.array([0.0, 0.01, 0.3, 0.9, 1.0])
    scaler = PlattScaler().fit(votes, [0, 0, 1, 1, 1])
    assert_allclose(scaler.maps_[0].clip, 0.005)
    curve = scaler.maps_[0]
    expected = expit(-(curve.slope * logit([0.005, 0.3]) + curve.intercept))
    assert_allclose(scaler.transform([0.0, 0.3]), expected, rtol=1e-12)


def test_a_score_that_is_opposed_to_the_labels_is_reported():
    rng = np.random.default_rng(4)
    f = rng.normal(size=200)
    y = (rng.random(200) < expit(-2 * f)).astype(int)
    with pytest.warns(UncertaintyWarning, match="the probability falls"):
        scaler = PlattScaler(input="logit").fit(f, y)
    low, high = scaler.transform([-2.0, 2.0])
    assert low > 0.9 > 0.1 > high


def test_a_score_without_meaning_is_not_reported():
    rng = np.random.default_rng(5)
    for _ in range(20):  # each is reported once in 2000 times
        f = rng.normal(size=100)
        PlattScaler(input="logit").fit(f, rng.integers(0, 2, 100))
