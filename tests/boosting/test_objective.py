"""The objective: weighted losses plus penalties, with its derivatives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.boosting import Objective
from skboost.losses import LOSSES, HalfLogLoss, LogLoss, Quantile, SquaredError
from skboost.penalties import Covariance, PenaltyContext
from skboost.testing._derivatives import derivative

N = 60


def objective(loss, n_raw=None, penalties=(), seed=0):
    y, raw = loss.sample(N, seed, n_raw=n_raw)
    weight = np.random.default_rng(seed).integers(1, 5, N).astype(float)
    n_classes = (n_raw or 2) if loss.kind == "classification" else None
    made = Objective(loss, y, weight, penalties, n_classes=n_classes)
    return made, np.ascontiguousarray(raw.reshape(N, -1))


def covariance(strength=3.0):
    rng = np.random.default_rng(0)
    weight = np.random.default_rng(0).integers(1, 5, N).astype(float)
    penalty = Covariance(strength)
    protected = rng.normal(size=(N, 2))
    penalty.prepare(PenaltyContext(np.zeros(N), weight, protected=protected))
    return penalty


SMOOTH = [(loss, None) for _, loss in LOSSES.items() if loss.smooth and loss.exact_hessian]
CASES = [*SMOOTH, (LogLoss(), 4), (SquaredError(), 3)]


@pytest.mark.parametrize(("loss", "n_raw"), CASES, ids=str)
@pytest.mark.parametrize("penalised", [False, True])
def test_slope_and_curvature_are_derivatives_along_a_direction(loss, n_raw, penalised):
    made, raw = objective(loss, n_raw, [covariance()] if penalised else [])
    direction = np.random.default_rng(1).normal(size=raw.shape)
    value, gradient = made.value_and_gradient(raw)
    assert_allclose(value, made.value(raw), rtol=1e-13)
    along = derivative(lambda t: made.value(raw + t * direction), 1e-4) * made.total_weight
    assert_allclose(made.slope(gradient, direction).sum(), along, rtol=1e-6, atol=1e-7)
    if penalised:
        return  # curvature is that of the loss, as documented

    def slope(t):
        return made.slope(made.value_and_gradient(raw + t * direction)[1], direction)

    assert_allclose(made.curvature(raw, direction), derivative(slope, 1e-4), rtol=1e-6)


def test_outputs_are_separate_and_classes_are_not():
    for loss, n_raw, length in (
        (SquaredError(), 3, 3),
        (SquaredError(), None, 1),
        (LogLoss(), 3, 1),
        (LogLoss(), None, 1),
        (Quantile([0.1, 0.5, 0.9]), None, 3),
    ):
        made, raw = objective(loss, n_raw)
        assert made.separable is (loss.kind == "regression")
        assert made.slope(raw, raw).shape == made.curvature(raw, raw).shape == (length,)
        assert made.start().shape == made.raw_scale().shape == (made.n_raw,)


def test_the_diagonal_curvature_leaves_out_what_classes_share():
    made, raw = objective(HalfLogLoss(), 4)
    direction = np.ones_like(raw)  # the same for all classes: the loss does not change
    assert_allclose(made.curvature(raw, direction), 0.0, atol=1e-12)
    p = made.loss.predict(raw)
    expected = made.weight @ (p * (1 - p)).sum(axis=1)
    assert_allclose(made.curvature(raw, direction, diagonal=True), expected)


def test_it_is_a_mean_over_the_weight():
    made, raw = objective(LogLoss(), 3)
    heavier = Objective(LogLoss(), made.y, 7.0 * made.weight, n_classes=3)
    assert_allclose(heavier.value(raw), made.value(raw), rtol=1e-12)
    assert_array_equal(heavier.value_and_gradient(raw)[1], made.value_and_gradient(raw)[1])


def test_rows_of_weight_zero_do_not_count():
    penalty, weight = Covariance(), np.repeat([1.0, 0.0], N // 2)
    penalty.prepare(PenaltyContext(np.zeros(N), weight, protected=np.arange(N)))
    y, raw = SquaredError().sample(N, 0)
    made = Objective(SquaredError(), y, weight, [penalty])
    raw = raw[:, None]
    value, gradient = made.value_and_gradient(raw)
    raw[N // 2 :] = 1e6
    again, other = made.value_and_gradient(raw)
    assert_allclose(value, again, rtol=1e-12)
    assert_allclose(gradient[: N // 2], other[: N // 2], rtol=1e-9)
    assert np.isfinite(other).all()


def test_residuals_of_outputs_have_units_and_those_of_classes_have_not():
    made, _ = objective(SquaredError(), 2)
    made.y[:, 1] *= 1e6
    scale = Objective(SquaredError(), made.y, made.weight).residual_scale(False)
    spread = np.sqrt(
        np.average(
            (made.y - np.average(made.y, axis=0, weights=made.weight)) ** 2,
            axis=0,
            weights=made.weight,
        )
    )
    assert_allclose(scale, spread, rtol=1e-9)
    assert_allclose(Objective(SquaredError(), made.y, made.weight).residual_scale(True), spread)
    for loss, n_raw in ((LogLoss(), 3), (LogLoss(), None), (SquaredError(), None)):
        made, _ = objective(loss, n_raw)
        assert_array_equal(made.residual_scale(False), np.ones(made.n_raw))
