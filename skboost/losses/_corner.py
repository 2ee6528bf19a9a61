"""The absolute value with its corner rounded, from which robust and quantile losses are made."""

from __future__ import annotations

import numpy as np

from skboost.losses._base import FloatArray

# Residuals below this share of the target and the raw score are mostly rounding error.
RESOLUTION = 1e-8


def rounded_abs(residual: FloatArray, width: float) -> FloatArray:
    """|u| - width/2 outside of [-width, width], the parabola u^2 / (2 width) inside."""
    size = np.abs(residual)
    if width == 0:
        return size
    inside = np.minimum(size, width)
    # one formula for both pieces: the parabola up to the width, the straight line from there on
    rounded: FloatArray = inside**2 / (2 * width) + (size - inside)
    return rounded


def rounded_sign(residual: FloatArray, width: float) -> FloatArray:
    """Derivative of :func:`rounded_abs`; 0 at 0."""
    sign: FloatArray
    sign = np.sign(residual) if width == 0 else np.clip(residual / width, -1.0, 1.0)
    return sign


def corner_weight(y: FloatArray, raw: FloatArray, width: float) -> FloatArray:
    """Curvature of the parabola that touches :func:`rounded_abs` at y - raw and lies above it.

    It is 1 / max(|y - raw|, width), as in iteratively reweighted least squares. Without a width the
    residual counts as no smaller than 1e-8 of the target or the raw score, so that it stays finite.
    """
    size = np.abs(y - raw)
    if width == 0:
        scale = np.maximum(np.maximum(np.abs(y), np.abs(raw)), RESOLUTION)
        size = np.maximum(size, RESOLUTION * scale)
    weight: FloatArray = 1.0 / np.maximum(size, width)
    return weight
