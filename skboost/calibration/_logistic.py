"""Logistic curves with few coefficients, fitted to softened labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

MAX_STEPS = 200
# Newton's steps square the error: a decrement of 1e-6 is an error of 1e-3, and then 1e-6, 1e-12, rounding.
CLOSE = 1e-6
LAST_STEPS = 4
# Relative to each diagonal entry of the Hessian, so that units do not matter; columns may be copies of each other.
RIDGE = 1e-13
# A column whose values differ by less is constant: the inverse of the difference would overflow.
SMALLEST_SPREAD = 1e-290


def soft_targets(y: Codes, weight: Floats) -> Floats:
    """Platt's targets in place of labels 0 and 1: finite curves for labels that scores separate.

    t = (N+ + 1) / (N+ + 2) for label 1,   1 / (N- + 2) for label 0
    """
    positive = float(weight[y == 1].sum())
    negative = float(weight[y == 0].sum())
    return np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))


def cross_entropy(z: Floats, target: Floats, weight: Floats) -> float:
    """Weighted cross-entropy of 1 / (1 + exp(-z)) to targets in (0, 1)."""
    return float(weight @ (target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z)))


def fit_logistic(
    columns: Floats, target: Floats, weight: Floats, *, intercept: bool = True
) -> tuple[Floats, float]:
    """Coefficients of the logistic curve of least cross-entropy.

        minimise over c, d   sum_i w_i [t_i log(1 + exp(-z_i)) + (1 - t_i) log(1 + exp(z_i))],   z = columns c + d

    Newton's steps with backtracking, each O(n), until the gradient is zero to rounding. A column that is constant
    gets the coefficient 0.

    Parameters
    ----------
    columns : ndarray of shape (n, n_columns)
    target : ndarray of shape (n,)
        Strictly between 0 and 1, which keeps the coefficients finite.
    weight : ndarray of shape (n,)
        Positive.
    intercept : bool, default=True
        Whether d is fitted; else it is 0.

    Returns
    -------
    coefficients : ndarray of shape (n_columns,)
    intercept : float
    """
    n_columns = columns.shape[1]
    x, mean, scale = _standard(columns, weight, intercept)
    free = scale > 0
    design = x[:, free]
    if intercept:
        design = np.column_stack([design, np.ones(len(x))])
    solution = _minimise(design, target, weight)
    coefficients = np.zeros(n_columns)
    coefficients[free] = solution[: free.sum()] / scale[free]
    if not intercept:
        return coefficients, 0.0
    low = columns.min(axis=0)
    offset = solution[: free.sum()] @ mean[free] + coefficients @ low
    return coefficients, float(solution[-1] - offset)


def _standard(columns: Floats, weight: Floats, centred: bool) -> tuple[Floats, Floats, Floats]:
    """Columns within [-1, 1], x = (columns - low) / scale - mean, where scale 0 is a constant column.

    Low is the minimum of a column, and it and the mean are 0 without an intercept. Where columns are far from 0
    relative to their spread, Newton's equations for the raw columns have no solution in float64.
    """
    if centred:
        columns = columns - columns.min(axis=0)
    scale = np.abs(columns).max(axis=0)
    scale[scale < SMALLEST_SPREAD] = 0.0
    x = columns / np.where(scale > 0, scale, 1.0)
    mean = weight @ x / weight.sum() if centred else np.zeros(x.shape[1])
    return x - mean, mean, scale


def _minimise(design: Floats, target: Floats, weight: Floats) -> Floats:
    coefficients = np.zeros(design.shape[1])
    if not design.shape[1]:
        return coefficients
    loss = cross_entropy(design @ coefficients, target, weight)
    for _ in range(MAX_STEPS):
        step, decrement = _newton_step(coefficients, design, target, weight)
        if decrement <= CLOSE * loss:
            break
        size = 1.0
        while True:
            moved = cross_entropy(design @ (coefficients + size * step), target, weight)
            if moved <= loss - 1e-4 * size * decrement or size < 1e-10:
                break
            size /= 2
        coefficients, loss = coefficients + size * step, moved
    for _ in range(LAST_STEPS):  # without a look at the loss, which is flat to rounding here
        coefficients = coefficients + _newton_step(coefficients, design, target, weight)[0]
    return coefficients


def _newton_step(
    coefficients: Floats, design: Floats, target: Floats, weight: Floats
) -> tuple[Floats, float]:
    """Newton's step, and its product with the gradient, turned around."""
    p = expit(design @ coefficients)
    gradient = design.T @ (weight * (p - target))
    hessian = design.T @ (design * (weight * p * (1 - p))[:, None])
    places = np.arange(len(gradient))
    hessian[places, places] *= 1 + RIDGE
    hessian[places, places] += np.finfo(np.float64).tiny
    step = -np.linalg.solve(hessian, gradient)
    return step, float(-step @ gradient)
