"""Smooth calibration error: an error without bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dct, idct
from scipy.optimize import brentq

from skboost.metrics._bins import sums
from skboost.metrics._events import Event, read_event

Floats = npt.NDArray[np.float64]

# Points of the grid for each bandwidth: the error that the grid makes is of the order of 1 / (8 POINTS^2).
POINTS = 64
SMALLEST_GRID, LARGEST_GRID = 2**12, 2**20


def smooth_calibration_error(
    y_true: Any, y_prob: Any, *, sample_weight: Any = None, pos_label: Any = None
) -> float:
    """Smooth calibration error (smECE) [1]_: what is left of the residuals after smoothing, without bins.

        r_s(t) = 1 / W sum_i w_i K_s(t, p_i) (y_i - p_i)
        smECE_s = integral of |r_s(t)| over [0, 1]
        smECE = the s with smECE_s = s

    with the Gaussian kernel K_s of standard deviation s, reflected at 0 and 1. smECE_s falls in s, so that there is one
    such s: the data choose the bandwidth. Unlike the binned errors it changes continuously with the probabilities, and
    it is a consistent measure: it bounds the distance to the next calibrated model from above and below up to
    constants and powers.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the event. For the top label of many classes pass whether it was right as ``y_true`` and the
        largest probability of each row here.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    pos_label : label, optional
        Label of the event; None for the second of two labels.

    Returns
    -------
    error : float
        Between 0 and 1; 0 is best. At least the distance between base rate and mean probability.

    Raises
    ------
    ValueError
        If probabilities hold NaN or lie outside [0, 1], or labels are missing or not of two classes.

    Notes
    -----
    Residuals are spread over the two next points of a grid of at least 64 points a bandwidth. Cosines pass through the
    reflected kernel unchanged but for a factor, so a cosine transform smooths them, in O(n + m log m) for m points.
    The result agrees with the sum over all pairs to a relative 1e-4; errors below 1e-4 are good to 1e-6.

    References
    ----------
    .. [1] J. Blasiok and P. Nakkiran, "Smooth ECE: principled reliability diagrams via kernel smoothing", ICLR 2024.

    Examples
    --------
    >>> from skboost.metrics import smooth_calibration_error
    >>> round(smooth_calibration_error([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.8, 0.9]), 3)
    0.121
    """
    event = read_event(y_true, y_prob, sample_weight, pos_label)
    residual = event.weight * (event.outcome - event.probability) / event.weight.sum()
    low, high = abs(float(residual.sum())), float(np.abs(residual).sum())
    n_points = SMALLEST_GRID
    while True:
        error = fixed_point(dct(on_grid(event, residual, n_points)), low, high)
        if error * n_points >= POINTS or n_points == LARGEST_GRID:
            return error
        wanted = 2 * POINTS / max(error, POINTS / LARGEST_GRID)
        n_points = min(LARGEST_GRID, 2 ** int(np.ceil(np.log2(wanted))))


def on_grid(event: Event, residual: Floats, n_points: int) -> Floats:
    """Residuals shared out between the two next of the points (j + 1/2) / n_points, mirrored at the ends."""
    position = event.probability * n_points - 0.5
    left = np.floor(position).astype(np.int64)
    part = residual * (position - left)
    right = np.minimum(left + 1, n_points - 1)
    return sums(np.maximum(left, 0), residual - part, n_points) + sums(right, part, n_points)


def fixed_point(waves: Floats, low: float, high: float) -> float:
    """The s between two bounds with smECE_s = s."""
    squares = (np.pi * np.arange(len(waves))) ** 2 / 2

    def excess(s: float) -> float:
        return float(np.abs(idct(waves * np.exp(-squares * s**2))).sum()) - s

    # rounding may put the bounds on the wrong side
    if excess(low) <= 0:
        return low
    if excess(high) >= 0:
        return high
    return float(brentq(excess, low, high, xtol=1e-12, rtol=1e-10))
