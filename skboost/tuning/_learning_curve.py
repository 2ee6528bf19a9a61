"""Saturating curves through the first values of a learning curve, and what they say of a later value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

Floats = npt.NDArray[np.float64]
Bounds = tuple[float, float]

N_PARAMETERS = 3
FEWEST_VALUES = N_PARAMETERS + 1
# Least squared error, for values of unit range.
FLOOR = 1e-18
GRID_SIZE = 32
# Rates whose weight is below this share of the largest do not matter.
NEGLIGIBLE = 1e-4


@dataclass(frozen=True)
class Family:
    """Curves y = a - b exp(-c g(x)) with b >= 0; steps x are in units of the last one, so that x = 1 is predicted."""

    g: Callable[[Floats], Floats]
    slowest: float
    fastest: float


# The slowest are nearly a logarithm and nearly a line; the fastest are over within a step of most curves.
POWER = Family(g=np.log, slowest=0.05, fastest=6.0)
EXPONENTIAL = Family(g=np.asarray, slowest=0.3, fastest=300.0)


@dataclass(frozen=True)
class Curves:
    """The best curves for rates c of both families, each with its share of the likelihood.

    Of each: its value at the newest step, its value at the last step, the variance of the noise, and the variance of
    the value at the last step in units of that noise.
    """

    weight: Floats
    newest: Floats
    last: Floats
    noise: Floats
    unsure: Floats


def chance_of_exceeding(
    steps: Floats, values: Floats, last: float, level: float, bounds: Bounds
) -> float:
    """Probability that a learning curve exceeds a level at its last step, judged by its first values.

    Two families of curves are considered,

        y(s) = a - b s^-c    and    y(s) = a - b exp(-c s),    b >= 0, c > 0, a within bounds.

    For a given c, the curve is linear in a and b, which are found by least squares with weight t for the t-th value,
    since the end of a curve says more of what follows. The value at the last step then has a Student distribution with
    n - 3 degrees of freedom, whose variance is the sum of

    * the noise, as the residuals show it,
    * what is not known of a and b, carried over to the last step,
    * the square of what the families may be wrong: curves fitted to the first half of the values miss the newest by
      some amount, and the same is expected again for each step forward of that ratio: their miss times
      log(T / s_n) / log(s_n / s_half).

    The answer is the mean over both families and over c on a grid, weighted by error(c)^(-n/2), the likelihood of c,
    flat in log c.

    Parameters
    ----------
    steps : ndarray of shape (n_values,)
        Positive, increasing.
    values : ndarray of shape (n_values,)
        Finite and of the order of 1; n_values is at least 4.
    last : float
        Step to predict, beyond the others.
    level : float
    bounds : (float, float)
        Of the limit a; may be infinite.

    Returns
    -------
    chance : float
        NaN if no curve could be fitted.

    Notes
    -----
    The mean over c matters while curves are short: a normal distribution around the best c leaves out how slow the
    curve may yet prove to be. The third variance matters for real curves, whose deviations from any family are no
    noise: without it, a smooth curve makes the rule sure of a wrong limit.
    """
    curves = fit_curves(steps / last, values, bounds)
    half = max(FEWEST_VALUES, -(-len(values) // 2))
    wrong = 0.0
    if half < len(values):
        early = fit_curves(steps[:half] / steps[-1], values[:half], bounds)
        miss = curves.weight @ curves.newest - early.weight @ early.last
        wrong = float(miss * np.log(last / steps[-1]) / np.log(steps[-1] / steps[half - 1]))
    scale = np.sqrt(curves.noise * (1.0 + curves.unsure) + wrong**2)
    freedom = len(values) - N_PARAMETERS
    return float(curves.weight @ stdtr(freedom, (curves.last - level) / scale))


def fit_curves(x: Floats, y: Floats, bounds: Bounds) -> Curves:
    """Curves of both families through values y at places x, in units of the last step."""
    weight = np.arange(1.0, len(y) + 1)
    weight /= weight.mean()
    found = [curves_of(family, x, y, weight, bounds) for family in (POWER, EXPONENTIAL)]
    log_weight, newest, last, noise, unsure = (
        np.concatenate(parts) for parts in zip(*found, strict=True)
    )
    share = np.exp(log_weight - log_weight.max())
    return Curves(share / share.sum(), newest, last, noise, unsure)


def curves_of(
    family: Family, x: Floats, y: Floats, weight: Floats, bounds: Bounds
) -> tuple[Floats, ...]:
    """Curves of a family for rates on a grid, which is drawn once more where the first one has its weight."""
    ends = np.log([family.slowest, family.fastest])
    prior = width = ends[1] - ends[0]
    for _ in range(2):
        grid = np.linspace(ends[0], ends[1], GRID_SIZE)
        width = ends[1] - ends[0]
        log_weight, *parts = curves_at(np.exp(grid), family, x, y, weight, bounds)
        matters = np.flatnonzero(log_weight > log_weight.max() + np.log(NEGLIGIBLE))
        ends = grid[[max(matters[0] - 1, 0), min(matters[-1] + 1, GRID_SIZE - 1)]]
    return (log_weight + np.log(width / prior), *parts)


def curves_at(
    rates: Floats, family: Family, x: Floats, y: Floats, weight: Floats, bounds: Bounds
) -> tuple[Floats, ...]:
    """Log-likelihood, and what :class:`Curves` holds, for given rates."""
    shapes = np.exp(-rates[:, None] * family.g(x))  # (n_rates, n_values)
    final = np.exp(-rates * family.g(np.ones(1)))
    a, b, error = linear_part(shapes, y, weight, bounds)
    error = np.maximum(error, FLOOR)
    total = weight.sum()
    centre = shapes @ weight / total
    spread = shapes - centre[:, None]
    square = np.maximum((spread**2) @ weight, FLOOR)
    # The value at the last step is a sum over y with these weights, and the noise of all y is the same.
    influence = weight / total + ((final - centre) / square)[:, None] * weight * spread
    return (
        -0.5 * len(y) * np.log(error),
        a - b * shapes[:, -1],
        a - b * final,
        error / (len(y) - N_PARAMETERS),
        (influence**2).sum(axis=1),
    )


def linear_part(
    shapes: Floats, y: Floats, weight: Floats, bounds: Bounds
) -> tuple[Floats, Floats, Floats]:
    """Limit a, drop b >= 0 and weighted squared error of y = a - b h, for each row h of shapes.

    The problem is convex: where the free solution breaks a bound, the best one lies on a bound, and on each of the
    three it is that of one variable.
    """
    total = weight.sum()
    y_mean = weight @ y / total
    h_mean = shapes @ weight / total
    h = shapes - h_mean[:, None]
    cross = h @ (weight * (y - y_mean))
    square = (h * h) @ weight
    flat = np.zeros(len(shapes))
    safe = np.where(square > 0, square, 1.0)
    b_free = np.where(square > 0, -cross / safe, 0.0)
    a_free = y_mean + b_free * h_mean
    inside = (b_free >= 0) & (a_free >= bounds[0]) & (a_free <= bounds[1])
    candidates = [
        (np.where(inside, a_free, np.nan), b_free),
        (np.full(len(shapes), np.clip(y_mean, *bounds)), flat),
    ]
    for bound in bounds:
        if np.isfinite(bound):
            drop = (shapes @ (weight * (bound - y))) / ((shapes * shapes) @ weight)
            candidates.append((np.full(len(shapes), bound), np.maximum(drop, 0.0)))
    a = np.stack([candidate[0] for candidate in candidates])
    b = np.stack([candidate[1] for candidate in candidates])
    error = np.stack(
        [((y - (p[:, None] - q[:, None] * shapes)) ** 2) @ weight for p, q in candidates]
    )
    pick = np.nanargmin(np.where(np.isnan(a), np.inf, error), axis=0)
    place = (pick, np.arange(len(shapes)))
    return a[place], b[place], error[place]
