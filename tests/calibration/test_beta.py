"""Beta calibration."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit

from skboost.calibration import BetaScaler, PlattScaler
from skboost.calibration._beta import BetaMap

PARAMETERS = ["abm", "ab", "am", "a"]


def loss_of(a, b, c, f, y, weight):
    """Cross-entropy of the map to softened labels."""
    z = c - a * np.logaddexp(0, -f) + b * np.logaddexp(0, f)
    positive, negative = weight[y == 1].sum(), weight[y == 0].sum()
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    return weight @ (target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z))


def expand(free, parameters):
    """a, b, c from the numbers that are learned."""
    a, b = (free[0], free[1]) if "b" in parameters else (free[0], free[0])
    return a, b, (free[-1] if "m" in parameters else (a - b) * np.log(2))


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_no_map_of_the_family_has_less_loss(parameters):
    rng = np.random.default_rng(0)
    n_slopes = 2 if "b" in parameters else 1
    for case in range(30):
        n = int(rng.integers(5, 200))
        f = 2 * rng.normal(size=n) + rng.normal()
        chance = [expit(f), expit(-f), expit(np.abs(f) - 1), np.full(n, 0.3)][case % 4]
        y = (rng.random(n) < chance).astype(int)
        y[:2] = 0, 1
        weight = rng.exponential(size=n)
        found = BetaScaler(input="logit", parameters=parameters).fit(f, y, weight).maps_[0]
        assert found.a >= 0
        assert found.b >= 0
        best = minimize(
            lambda free: loss_of(*expand(free, parameters), f, y, weight),  # noqa: B023
            np.full(n_slopes + ("m" in parameters), 0.5),
            bounds=[(0, None)] * n_slopes + [(None, None)] * ("m" in parameters),
            method="L-BFGS-B",
        )
        ours = loss_of(found.a, found.b, found.c, f, y, weight)
        assert ours <= best.fun + 1e-9
        assert_allclose(ours, best.fun, rtol=1e-5)


def test_the_derivatives_are_zero_where_no_sign_is_enforced():
    rng = np.random.default_rng(1)
    for _ in range(50):
        n = int(rng.integers(20, 300))
        f = 3 * rng.normal(size=n)
        y = (rng.random(n) < expit(f)).astype(int)
        found = BetaScaler(input="logit").fit(f, y).maps_[0]
        if min(found.a, found.b) == 0:
            continue
        target = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / (n - y.sum() + 2))
        residual = found(f) - target
        one, zero = -np.logaddexp(0, -f), -np.logaddexp(0, f)
        slopes = np.array([one @ residual, zero @ residual, residual.sum()]) / n
        assert np.abs(slopes).max() < 1e-9


def test_probabilities_that_are_calibrated_stay():
    rng = np.random.default_rng(2)
    p = rng.beta(0.8, 0.8, size=50_000)
    y = (rng.random(len(p)) < p).astype(int)
    found = BetaScaler().fit(p, y).maps_[0]
    # standard errors about 0.02
    assert_allclose([found.a, found.b, found.c], [1.0, 1.0, 0.0], atol=0.1)
    points = np.linspace(0.01, 0.99, 99)
    assert_allclose(BetaScaler().fit(p, y).transform(points), points, atol=0.02)


def test_a_curve_that_bends_both_ends_differently_is_found():
    rng = np.random.default_rng(3)
    p = rng.random(100_000)
    y = (rng.random(len(p)) < expit(0.4 + 0.5 * np.log(p) - 2 * np.log1p(-p))).astype(int)
    found = BetaScaler().fit(p, y).maps_[0]
    assert_allclose([found.a, found.b, found.c], [0.5, 2.0, 0.4], atol=0.15)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_labels_opposed_to_scores_give_a_map_that_does_not_fall(parameters):
    p = np.linspace(0.02, 0.98, 49)
    y = (p < 0.5).astype(int)
    points = np.linspace(0, 1, 1001)
    probability = BetaScaler(parameters=parameters).fit(p, y).transform(points)
    assert np.diff(probability).min() >= 0
    assert_allclose(probability, probability[0])


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_the_map_never_falls(parameters):
    rng = np.random.default_rng(4)
    points = np.linspace(0, 1, 501)
    for _ in range(50):
        p = rng.random(30)
        y = np.r_[0, 1, rng.integers(0, 2, 28)]
        probability = BetaScaler(parameters=parameters).fit(p, y).transform(points)
        assert np.diff(probability).min() >= -1e-15


def test_fewer_parameters_fix_what_they_say():
    rng = np.random.default_rng(5)
    p = rng.random(200)
    y = (rng.random(200) < p**2).astype(int)
    maps = {name: BetaScaler(parameters=name).fit(p, y).maps_[0] for name in PARAMETERS}
    for name in ("ab", "a"):
        assert_allclose(maps[name](np.array([0.5])), 0.5, rtol=1e-14)
        assert_allclose(maps[name].m, 0.5, rtol=1e-12)
    for name in ("am", "a"):
        assert maps[name].a == maps[name].b
    assert maps["a"].c == 0
    platt = PlattScaler().fit(p, y)
    assert_allclose(maps["am"](p), platt.transform(p), rtol=1e-10)


def test_the_midpoint_becomes_one_half():
    rng = np.random.default_rng(6)
    for shift in (-3.0, 0.0, 3.0):
        p = rng.random(500)
        y = (rng.random(500) < expit(3 * np.log(p) - np.log1p(-p) + shift)).astype(int)
        found = BetaScaler().fit(p, y).maps_[0]
        assert 0 < found.m < 1
        assert_allclose(found(np.array([found.m])), 0.5, rtol=1e-9)


@pytest.mark.parametrize(("a", "b", "c", "m"), [(0, 2, 1, 0), (0, 2, -1, 1 - np.exp(-0.5))])
def test_a_midpoint_without_one_of_the_slopes(a, b, c, m):
    assert_allclose(BetaMap(a, b, c, None).m, m, rtol=1e-10)
    assert_allclose(BetaMap(b, a, -c, None).m, 1 - m, rtol=1e-10)  # the mirror image


def test_log_odds_keep_what_probabilities_round_away():
    f = np.array([-800.0, -60.0, -2.0, 0.5, 3.0, 60.0, 800.0, 2000.0])
    y = np.array([0, 0, 0, 1, 0, 1, 0, 1])
    probability = BetaScaler(input="logit").fit(f, y).transform(f)
    assert len(np.unique(probability)) == len(f)
    assert ((probability > 0) & (probability < 1)).all()
    same = BetaScaler().fit(expit(f[2:5]), y[2:5]).transform(expit(f[2:5]))
    assert_allclose(BetaScaler(input="logit").fit(f[2:5], y[2:5]).transform(f[2:5]), same)


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize(("label", "expected"), [(0, 1 / 7), (1, 6 / 7)])
def test_one_class_gives_a_constant(parameters, label, expected):
    scaler = BetaScaler(parameters=parameters, classes=[0, 1])
    scaler.fit(np.linspace(0.1, 0.9, 5), np.full(5, label))
    assert_allclose(scaler.transform([0.0, 0.3, 1.0]), expected, rtol=1e-14)
    assert np.isnan(scaler.maps_[0].m)


def test_separable_labels_give_finite_numbers():
    p = np.linspace(0.1, 0.9, 9)
    y = (p > 0.5).astype(int)
    probability = BetaScaler().fit(p, y).transform(p)
    assert_array_equal(probability > 0.5, y)
    assert probability.min() > 0
    assert probability.max() < 1
