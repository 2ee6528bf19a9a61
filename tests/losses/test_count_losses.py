"""Poisson, gamma and Tweedie."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance, mean_tweedie_deviance

from skboost.losses import Gamma, Poisson, Tweedie
from skboost.testing import derivative


def test_the_value_is_half_the_deviance():
    for loss, deviance in [(Poisson(), mean_poisson_deviance), (Gamma(), mean_gamma_deviance)]:
        y, raw = loss.sample(100, 0)
        assert_allclose(2 * loss.value(y, raw).mean(), deviance(y, np.exp(raw)))
    for power in (1.1, 1.5, 1.9):
        loss = Tweedie(power)
        y, raw = loss.sample(100, 0)
        expected = mean_tweedie_deviance(y, np.exp(raw), power=power)
        assert_allclose(2 * loss.value(y, raw).mean(), expected)


def test_tweedie_ends_in_poisson_and_gamma():
    y, raw = Gamma().sample(50, 0)
    assert_allclose(Tweedie(1 + 1e-7).gradient(y, raw), Poisson().gradient(y, raw), rtol=1e-5)
    assert_allclose(
        Tweedie(2 - 1e-7).gradient(y, raw), Gamma().gradient(y, raw), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("loss", [Poisson(), Gamma(), Tweedie()], ids=str)
def test_the_start_is_the_log_of_the_weighted_mean(loss):
    y, _ = loss.sample(50, 0)
    weight = np.arange(50.0)
    assert_allclose(loss.initial_raw(y, weight), np.log(np.average(y, weights=weight)))
    assert_allclose(loss.predict(loss.initial_raw(y)), y.mean())


@pytest.mark.parametrize("loss", [Poisson(), Tweedie(1.2), Tweedie(1.9999)], ids=str)
def test_zeros_only_give_a_finite_start(loss):
    y = np.zeros((20, 2))
    loss.check_target(y)
    start = loss.initial_raw(y)
    assert np.isfinite(start).all()
    assert_allclose(loss.predict(start), 0.0, atol=1e-11)
    if not isinstance(loss, Tweedie) or loss.power < 1.9:
        everywhere = np.broadcast_to(start, y.shape)
        assert np.abs(loss.gradient(y, everywhere)).max() <= 1e-8


@pytest.mark.parametrize("loss", [Poisson(), Gamma(), Tweedie(1.01), Tweedie(1.99)], ids=str)
def test_far_out_the_loss_stays_finite_convex_and_consistent(loss):
    raw = np.array([-1e30, -5000.0, -700.0, 0.0, 700.0, 5000.0, 1e30])
    y = np.full(len(raw), 2.5)
    value, gradient = loss.value_and_gradient(y, raw)
    for array in (value, gradient, loss.hessian(y, raw), loss.predict(raw)):
        assert np.isfinite(array).all()
    assert (np.diff(gradient) >= 0).all()
    # no overflow, and still one the derivative of the other
    middle = np.array([-900.0, -700.0, 700.0, 900.0])
    slope = derivative(lambda t: loss.value(y[:4], middle + t))
    expected = loss.gradient(y[:4], middle)
    assert_allclose(slope, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "bad", "way_out"),
    [
        (Poisson(), -1.2, "needs y >= 0, but y has a minimum of -1.2"),
        (Tweedie(), -1.2, "needs y >= 0, but y has a minimum of -1.2"),
        (Gamma(), 0.0, "needs y > 0, but y has a minimum of 0"),
    ],
)
def test_targets_outside_of_the_domain_are_refused(loss, bad, way_out):
    with pytest.raises(ValueError, match=way_out):
        loss.check_target(np.array([1.0, bad, 2.0]))


@pytest.mark.parametrize("power", [1, 2, 0.5, 3.0, np.nan])
def test_a_power_outside_of_the_family_is_refused(power):
    with pytest.raises(ValueError, match=r"power=.* number in \(1, 2\)"):
        Tweedie(power).check_target(np.ones(3))
