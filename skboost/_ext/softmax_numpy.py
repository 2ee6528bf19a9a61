"""The kernels of ``softmax`` in NumPy: the definitions that the compiled ones are held against.

Written to be read, not to be fast: whole-array temporaries, one line per formula. Same names, same
arguments (without outputs to fill, methods and threads) and same non-finite policy as
:mod:`skboost._ext.softmax`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[Any]
Labels = npt.NDArray[np.integer]


def softmax(raw: Real) -> Real:
    """``exp(raw - max) / sum(exp(raw - max))``, row by row."""
    with np.errstate(invalid="ignore", over="ignore"):
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    probability: Real = powers / powers.sum(axis=1, keepdims=True)
    return probability


def cross_entropy(
    labels: Labels, raw: Real, weight: npt.NDArray[np.float64] | None = None
) -> tuple[Real, Real, Real]:
    """Row losses, gradient and diagonal Hessian, all multiplied by ``weight``."""
    rows = np.arange(raw.shape[0])
    with np.errstate(invalid="ignore", over="ignore"):
        top = raw.max(axis=1).astype(np.float64)
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
        own = powers[rows, labels].astype(np.float64)
        others = powers.copy()
        others[rows, labels] = 0  # 1 - p of the label is a sum over the others: no cancellation
        rest = others.sum(axis=1, dtype=np.float64)
        at_label = raw[rows, labels].astype(np.float64)
        loss = np.log1p(np.where(at_label == top, rest, rest - 1 + own)) + (top - at_label)
    probability = powers / powers.sum(axis=1, keepdims=True)
    missing = rest / (rest + own)
    gradient = probability.copy()
    gradient[rows, labels] = -missing
    hessian = probability * (1 - probability)
    hessian[rows, labels] = probability[rows, labels] * missing
    if weight is not None:
        loss = loss * weight
        gradient = (gradient * weight[:, None]).astype(raw.dtype)
        hessian = (hessian * weight[:, None]).astype(raw.dtype)
    return loss, gradient, hessian


def total_cross_entropy(
    labels: Labels, raw: Real, weight: npt.NDArray[np.float64] | None = None
) -> float:
    """Sum of the row losses."""
    return float(cross_entropy(labels, raw, weight)[0].sum())


def cross_entropy_along(labels: Labels, raw: Real, direction: Real) -> tuple[Real, Real]:
    """Slope ``sum p d - d_y`` and curvature, the variance of ``d`` under ``p``."""
    probability = softmax(raw).astype(np.float64)
    direction = direction.astype(np.float64)
    mean = (probability * direction).sum(axis=1, keepdims=True)
    slope = mean[:, 0] - direction[np.arange(raw.shape[0]), labels]
    return slope, (probability * (direction - mean) ** 2).sum(axis=1)


def logistic(
    labels: Labels, raw: Real, weight: npt.NDArray[np.float64] | None = None
) -> tuple[Real, Real, Real]:
    """Loss, gradient and Hessian of labels 0 and 1, all multiplied by ``weight``."""
    z = np.where(labels == 1, -raw, raw)
    small = np.exp(-np.abs(z))
    loss = np.maximum(z, 0).astype(np.float64) + np.log1p(small)
    gradient = np.where(labels == 1, -expit(z), expit(z))
    hessian = small / (1 + small) ** 2
    if weight is not None:
        loss = loss * weight
        gradient = (gradient * weight).astype(raw.dtype)
        hessian = (hessian * weight).astype(raw.dtype)
    return loss, gradient, hessian


def total_logistic(
    labels: Labels, raw: Real, weight: npt.NDArray[np.float64] | None = None
) -> float:
    """Sum of the row losses."""
    return float(logistic(labels, raw, weight)[0].sum())


def expit(raw: Real) -> Real:
    """``1 / (1 + exp(-raw))``, from the exponential that does not overflow."""
    small = np.exp(-np.abs(raw))
    value: Real = np.where(raw < 0, small, 1) / (1 + small)
    return value
