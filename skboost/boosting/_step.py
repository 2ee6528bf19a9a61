"""How far to go along a fitted unit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry
from skboost._validation import Constraint, Number
from skboost.base import Component
from skboost.boosting._objective import Objective

Floats = npt.NDArray[np.float64]

STEPS = Registry("step")

# A search ends where scores have moved by so many times their typical size. On the scale of logarithms and log-odds,
# whose typical size is 1, all links are saturated there (exp(50) = 5e21).
LARGEST_MOVE = 50.0


class Step(Component):
    """Rule for the step length rho of ``F <- F + learning_rate * rho * f``.

    Attributes
    ----------
    constraints : dict
        What the constructor parameters may be, for :func:`skboost._validation.check_parameters`.
    """

    constraints: ClassVar[Mapping[str, Constraint | Iterable[Constraint]]] = {}

    @abstractmethod
    def length(
        self, objective: Objective, raw: Floats, value: float, gradient: Floats, direction: Floats
    ) -> Floats:
        """Step lengths, shape (n_raw,); zero where no step lowers the objective.

        Parameters
        ----------
        objective : Objective
        raw, gradient, direction : ndarray of shape (n_samples, n_raw)
            Raw scores, the derivative per row there, and the unit's predictions.
        value : float
            Objective at ``raw``.
        """


def _spread(rho: Floats, n_raw: int) -> Floats:
    return np.broadcast_to(rho, (n_raw,)).astype(np.float64)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """``numerator / denominator``, zero where the quotient is not a usable step length."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rho = numerator / denominator
    return np.where(np.isfinite(rho) & (denominator > 0), rho, 0.0)


def backtrack(
    objective: Objective, raw: Floats, value: float, direction: Floats, rho: Floats
) -> Floats:
    """Halve ``rho`` until the objective does not rise above ``value``; zero after 30 halvings."""
    for _ in range(30):
        if objective.value(raw + rho * direction) <= value:
            return rho
        rho = rho / 2
    return np.zeros_like(rho)


@STEPS.register("newton")
class NewtonStep(Step):
    """One Newton step with the exact curvature along the unit, halved until the objective does not rise.

        rho = - sum_i w_i g_i f_i / sum_i w_i f_i' H_i f_i

    where ``H_i`` is the full Hessian of row ``i``'s loss (for softmax ``diag(p) - p p'``). For squared error this is
    the exact line search. Regression outputs get a step each, classes share one.
    """

    def length(
        self, objective: Objective, raw: Floats, value: float, gradient: Floats, direction: Floats
    ) -> Floats:
        curvature = objective.curvature(raw, direction)
        rho = _ratio(-objective.slope(gradient, direction), curvature)
        rho = _spread(rho, objective.n_raw)
        return backtrack(objective, raw, value, direction, rho) if rho.any() else rho


@STEPS.register("diagonal_newton")
class DiagonalNewtonStep(Step):
    """The step of the GBNN paper: Newton with the diagonal of the softmax Hessian, unguarded.

        rho = - sum_ik w_i g_ik f_ik / sum_ik w_i f_ik^2 h_ik

    It is kept for comparison with the paper; with few units a stage and many classes it overshoots.
    """

    def length(
        self, objective: Objective, raw: Floats, value: float, gradient: Floats, direction: Floats
    ) -> Floats:
        curvature = objective.curvature(raw, direction, diagonal=True)
        return _spread(_ratio(-objective.slope(gradient, direction), curvature), objective.n_raw)


@STEPS.register("fixed")
class FixedStep(Step):
    """The same length every time.

    Parameters
    ----------
    size : float, default=1.0
        The step length; 1 takes the least squares fit as it is.
    """

    constraints = {"size": Number()}

    def __init__(self, size: float = 1.0) -> None:
        self.size = size

    def length(
        self, objective: Objective, raw: Floats, value: float, gradient: Floats, direction: Floats
    ) -> Floats:
        return np.full(objective.n_raw, float(self.size))


@STEPS.register("line_search")
class LineSearchStep(Step):
    """Exact line search by bisection on the derivative along the unit.

    A convex loss has an increasing derivative along any direction, so its zero can be bracketed and halved upon. The
    search needs no curvature, which makes it the right one for absolute and quantile loss.

    Parameters
    ----------
    tol : float, default=1e-7
        Stop when ``|d objective / d rho|`` is at most ``tol`` times its value at 0, or rho is known to a share ``tol``.
    """

    constraints = {"tol": Number(0, closed="left")}

    def __init__(self, tol: float = 1e-7) -> None:
        self.tol = tol

    def length(
        self, objective: Objective, raw: Floats, value: float, gradient: Floats, direction: Floats
    ) -> Floats:
        first = objective.slope(gradient, direction)
        sign = -np.sign(first)  # search downhill, whichever way the unit points
        reach = np.abs(direction).max(axis=0, initial=0.0)
        if not np.all(np.isfinite(first)) or not sign.any() or not reach.any():
            return np.zeros(objective.n_raw)
        natural = _smallest(objective.raw_scale(), reach, first.shape)

        def downhill(size: Floats) -> Floats:
            rho = _spread(sign * size, objective.n_raw)
            moved = objective.gradient(raw + rho * direction)
            return sign * objective.slope(moved, direction)  # negative before the minimum

        low, high = self._bracket(downhill, natural, LARGEST_MOVE * natural)
        scale = self.tol * np.abs(first)
        for _ in range(60):
            middle = (low + high) / 2
            slope = downhill(middle)
            before = slope < 0
            low, high = np.where(before, middle, low), np.where(before, high, middle)
            if np.all((np.abs(slope) <= scale) | (high - low <= self.tol * high)):
                low = high = middle
                break
        rho = _spread(sign * (low + high) / 2, objective.n_raw)
        return backtrack(objective, raw, value, direction, rho)

    @staticmethod
    def _bracket(
        downhill: Callable[[Floats], Floats], high: Floats, furthest: Floats
    ) -> tuple[Floats, Floats]:
        """Double until the derivative has changed sign or scores are saturated."""
        low = np.zeros_like(high)
        while True:
            rising = downhill(high) >= 0
            if np.all(rising | (high >= furthest)):
                return low, high
            low = np.where(rising, low, high)
            high = np.where(rising, high, np.minimum(2 * high, furthest))


def _smallest(scale: Floats, reach: Floats, shape: tuple[int, ...]) -> Floats:
    """Step that moves the raw scores by their typical size at most; one for each output, or one for all classes."""
    with np.errstate(divide="ignore"):
        natural = np.where(reach > 0, scale / reach, np.inf)
    natural = np.broadcast_to(natural if shape == natural.shape else natural.min(), shape)
    return np.where(np.isfinite(natural), natural, 1.0)
