"""Absolute error and Huber's loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from skboost.losses import AbsoluteError, Huber, SquaredError


@pytest.fixture
def y():
    return 5.0 + np.random.default_rng(0).standard_t(1.5, 101)


def test_absolute_error_starts_at_the_median(y):
    assert AbsoluteError().initial_raw(y) == np.median(y)
    assert AbsoluteError().initial_raw(y[:100]) == np.median(y[:100])


def test_the_gradient_is_zero_on_the_spot():
    assert_array_equal(AbsoluteError().gradient(np.ones(3), np.array([0.0, 1.0, 2.0])), [-1, 0, 1])


@pytest.mark.parametrize("delta", [0.01, 0.5, 3.0])
def test_huber_starts_at_the_minimum(y, delta):
    loss = Huber(delta)
    weight = np.random.default_rng(1).random(len(y))
    found = minimize_scalar(
        lambda c: weight @ loss.value(y, np.full_like(y, c)), bounds=(0, 10), method="bounded"
    )
    assert_allclose(loss.initial_raw(y, weight), found.x, atol=1e-4)


def test_huber_lies_between_the_mean_and_the_median(y):
    assert_allclose(Huber(1e6).initial_raw(y), y.mean())
    assert_allclose(Huber(1e-9).initial_raw(y), np.median(y), atol=1e-8)
    assert_array_equal(Huber(1e6).gradient(y, 0 * y), SquaredError().gradient(y, 0 * y))


def test_a_tie_is_settled_in_the_middle():
    # every number from 2 to 99 minimises this loss
    assert_allclose(Huber(1.0).initial_raw(np.array([0.0, 1.0, 100.0, 101.0])), 50.5)
    assert_allclose(AbsoluteError().initial_raw(np.array([0.0, 0.0, 10.0, 10.0])), 5.0)


def test_outliers_do_not_move_the_scale(y):
    spoilt = np.concatenate([y, [1e9, -1e9]])
    for loss in (AbsoluteError(), Huber()):
        assert_allclose(loss.target_scale(spoilt), loss.target_scale(y), rtol=0.1)
    normal = np.random.default_rng(2).normal(0, 3, 20_000)
    assert_allclose(Huber().target_scale(normal), 3.0, rtol=0.03)


def test_the_scale_is_positive_when_most_targets_are_equal():
    y = np.zeros(10)
    assert Huber().target_scale(y) == 1.0
    y[0] = 5.0
    assert_allclose(Huber().target_scale(y), 1.5)


def test_the_surrogate_of_an_exact_fit_is_finite():
    y = np.array([0.0, 1.0, 1e6])
    assert np.isfinite(AbsoluteError().hessian(y, y)).all()


def test_smoothing_keeps_what_is_smooth_already():
    assert Huber().smoothed(0.1).delta == 1.0
    assert AbsoluteError(smoothing=2.0).smoothed(0.1).smoothing == 2.0
    assert AbsoluteError().smoothed(0.1).smoothing == 0.1


@pytest.mark.parametrize("delta", [0, -1.0, np.inf, np.nan, "1", None, True])
def test_a_wrong_delta_is_refused(delta):
    with pytest.raises(ValueError, match=r"delta=.* is not valid for Huber: .* in \(0, inf\)"):
        Huber(delta).check_target(np.zeros(3))
