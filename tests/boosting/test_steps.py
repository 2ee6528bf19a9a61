"""Step lengths: where they lie and what they guarantee."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.boosting import (
    STEPS,
    DiagonalNewtonStep,
    FixedStep,
    LineSearchStep,
    NewtonStep,
    Objective,
    Step,
)
from skboost.losses import LOSSES, HalfLogLoss, LogLoss, Loss, Quantile, SquaredError
from skboost.networks import BoostedNetworkRegressor
from skboost.penalties import Covariance, PenaltyContext

CASES = [(alias, None) for alias in LOSSES.aliases()] + [
    ("log_loss", 4),
    ("half_log_loss", 3),
    ("squared_error", 3),
    ("poisson", 2),
    ("absolute_error", 2),
]


def problem(alias, n_raw, seed=0, n=200):
    """An objective away from its minimum, and a direction that is partly downhill."""
    rng = np.random.default_rng(seed)
    loss = LOSSES.resolve(alias, Loss)
    y, raw = loss.sample(n, seed, n_raw=n_raw)
    weight = rng.integers(0, 4, n).astype(float)
    n_classes = (n_raw or 2) if loss.kind == "classification" else None
    objective = Objective(loss, y, weight, n_classes=n_classes)
    raw = np.ascontiguousarray(raw.reshape(n, -1))
    value, gradient = objective.value_and_gradient(raw)
    direction = -gradient + np.abs(gradient).mean() * rng.standard_normal(gradient.shape)
    return objective, raw, value, gradient, direction


def length(step, case):
    return step.length(*case)


@pytest.mark.parametrize(("alias", "n_raw"), CASES)
def test_line_search_ends_where_the_slope_is_zero(alias, n_raw):
    objective, raw, value, gradient, direction = case = problem(alias, n_raw)
    rho = length(LineSearchStep(), case)
    assert rho.shape == (objective.n_raw,)
    _, moved = objective.value_and_gradient(raw + rho * direction)
    if objective.loss.smooth:
        start = np.abs(objective.slope(gradient, direction))
        assert (np.abs(objective.slope(moved, direction)) <= 1e-6 * start).all()
    best = objective.value(raw + rho * direction)
    for other in (0.0, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
        assert best <= objective.value(raw + other * rho * direction) + 1e-12


@pytest.mark.parametrize(("alias", "n_raw"), CASES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_step_goes_uphill(alias, n_raw, sign):
    for seed in range(3):
        objective, raw, value, gradient, direction = problem(alias, n_raw, seed)
        for step in (NewtonStep(), LineSearchStep()):
            rho = step.length(objective, raw, value, gradient, sign * 30 * direction)
            for rate in (1.0, 0.3, 0.01):  # shrinkage keeps the promise, since losses are convex
                assert objective.value(raw + rate * rho * sign * 30 * direction) <= value + 1e-12


@pytest.mark.parametrize("n_raw", [None, 3, 7])
def test_newton_takes_the_exact_curvature(n_raw):
    objective, raw, value, gradient, direction = case = problem(LogLoss(), n_raw)
    w, y = objective.weight, objective.y
    if n_raw is None:
        p = 1 / (1 + np.exp(-raw[:, 0]))
        r, f = (y == 1) - p, direction[:, 0]
        expected = np.sum(w * r * f) / np.sum(w * f**2 * p * (1 - p))
    else:
        p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        r, f = np.eye(n_raw)[y] - p, direction
        variance = (p * f**2).sum(axis=1) - (p * f).sum(axis=1) ** 2
        expected = np.sum(w[:, None] * r * f) / np.sum(w * variance)
    assert_allclose(length(NewtonStep(), case), expected, rtol=1e-12)


def test_newton_is_the_exact_line_search_for_squared_error():
    case = problem(SquaredError(), 3)
    objective, raw, _, _, direction = case
    residual = objective.y - raw
    w = objective.weight[:, None]
    expected = (w * residual * direction).sum(axis=0) / (w * direction**2).sum(axis=0)
    assert_allclose(length(NewtonStep(), case), expected, rtol=1e-12)
    assert_allclose(length(LineSearchStep(), case), expected, rtol=1e-6)


def test_the_step_of_the_paper_for_two_classes():
    """rho = sum r f / sum f^2 r (2y - r), with labels y = +-1 and r = 2y / (1 + exp(2yF))."""
    objective, raw, _, _, direction = case = problem(HalfLogLoss(), None)
    s = 2.0 * objective.y - 1.0
    f, w = direction[:, 0], objective.weight
    r = 2 * s / (1 + np.exp(2 * s * raw[:, 0]))
    expected = np.sum(w * r * f) / np.sum(w * f**2 * r * (2 * s - r))
    assert_allclose(length(DiagonalNewtonStep(), case), expected, rtol=1e-12)


def test_the_step_of_the_paper_for_many_classes():
    """rho = sum f (y - p) / sum f^2 p (1 - p)."""
    objective, raw, _, _, f = case = problem(HalfLogLoss(), 5)
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    onehot, w = np.eye(5)[objective.y], objective.weight[:, None]
    expected = np.sum(w * f * (onehot - p)) / np.sum(w * f**2 * p * (1 - p))
    assert_allclose(length(DiagonalNewtonStep(), case), np.full(5, expected), rtol=1e-12)


def test_the_step_of_the_paper_for_numbers_is_newtons():
    case = problem(SquaredError(), 2)
    assert_allclose(length(DiagonalNewtonStep(), case), length(NewtonStep(), case), rtol=1e-12)


def test_a_fixed_step_is_fixed():
    case = problem(LogLoss(), 3)
    assert_array_equal(length(FixedStep(), case), np.ones(3))
    assert_array_equal(length(FixedStep(0.25), case), np.full(3, 0.25))


@pytest.mark.parametrize("alias", STEPS.aliases())
@pytest.mark.parametrize("n_raw", [None, 3])
def test_a_unit_of_zeros_gives_no_trouble(alias, n_raw):
    objective, raw, value, gradient, _ = problem(LogLoss(), n_raw)
    step = STEPS.resolve(alias, Step)
    rho = step.length(objective, raw, value, gradient, np.zeros_like(raw))
    assert np.isfinite(rho).all()
    assert rho.shape == (objective.n_raw,)


@pytest.mark.parametrize("alias", ["newton", "line_search", "diagonal_newton"])
def test_residuals_of_zero_give_no_step(alias):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((50, 2))
    objective = Objective(SquaredError(), y, np.ones(50))
    value, gradient = objective.value_and_gradient(y)
    step = STEPS.resolve(alias, Step)
    rho = step.length(objective, y, value, gradient, rng.standard_normal((50, 2)))
    assert_array_equal(rho, np.zeros(2))


@pytest.mark.parametrize("alias", ["newton", "line_search"])
def test_separable_data_give_finite_steps(alias):
    """The best step is at infinity; scores that are saturated are far enough."""
    y = np.repeat([0, 1], 50)
    objective = Objective(LogLoss(), y, np.ones(100), n_classes=2)
    raw = np.zeros((100, 1))
    direction = np.where(y == 1, 1.0, -1.0)[:, None]
    step = STEPS.resolve(alias, Step)
    for _ in range(30):
        value, gradient = objective.value_and_gradient(raw)
        rho = step.length(objective, raw, value, gradient, direction)
        assert np.isfinite(rho).all()
        raw = raw + rho * direction
        assert objective.value(raw) <= value
    assert objective.value(raw) < 1e-6


def test_outputs_have_steps_of_their_own_and_classes_share_one():
    for loss, shared in ((SquaredError(), False), (LogLoss(), True)):
        case = problem(loss, 3)
        for step in (NewtonStep(), LineSearchStep(), DiagonalNewtonStep()):
            rho = length(step, case)
            assert (len(np.unique(rho)) == 1) is shared


def test_steps_see_the_penalty():
    rng = np.random.default_rng(0)
    y, weight = rng.standard_normal(100), np.ones(100)
    group = (rng.random(100) < 0.5).astype(float)
    penalty = Covariance(strength=50.0)
    penalty.prepare(PenaltyContext(y, weight, protected=group))
    plain = Objective(SquaredError(), y, weight)
    fair = Objective(SquaredError(), y, weight, [penalty])
    raw = np.zeros((100, 1))
    direction = (y + group - group.mean())[:, None]
    for step in (NewtonStep(), LineSearchStep()):
        steps = []
        for objective in (plain, fair):
            value, gradient = objective.value_and_gradient(raw)
            rho = step.length(objective, raw, value, gradient, direction)
            assert objective.value(raw + rho * direction) <= value
            steps.append(float(rho[0]))
        assert abs(steps[1]) < 0.9 * abs(steps[0])


def test_several_quantile_levels_have_steps_of_their_own():
    rng = np.random.default_rng(0)
    y = rng.standard_normal(400)
    objective = Objective(Quantile([0.1, 0.9]), y, np.ones(400))
    raw = np.zeros((400, 2))
    value, gradient = objective.value_and_gradient(raw)
    rho = LineSearchStep().length(objective, raw, value, gradient, np.ones((400, 2)))
    assert_allclose(rho, np.quantile(y, [0.1, 0.9]), atol=0.02)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (FixedStep(np.nan), "size=nan"),
        (FixedStep(np.inf), "size=inf"),
        (FixedStep("long"), "size='long'"),
        (LineSearchStep(-1.0), "tol=-1.0"),
        (LineSearchStep(None), "tol=None"),
    ],
)
def test_parameters_of_steps_are_checked(step, name, diabetes):

    with pytest.raises(ValueError, match=name):
        BoostedNetworkRegressor(step=step, n_stages=2).fit(*diabetes)
