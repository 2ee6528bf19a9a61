"""Weighted centres of a sample, in which weight k is the same as k copies of a row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from skboost.losses._base import FloatArray, row_deviation

# Sums of shares of the total weight that differ by less are equal.
TIE = 1e-13


def weighted_quantile(y: FloatArray, weight: FloatArray, level: float) -> float:
    """Middle of all numbers that minimise the weighted pinball loss of a level in (0, 1).

    The minimisers form an interval between two values of ``y``, often a single one. Its middle
    gives the usual median of an even number of rows.

    Parameters
    ----------
    y : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        All positive.
    level : float
    """
    order = np.argsort(y, kind="stable")
    below = np.cumsum(weight[order])
    below /= below[-1]
    last = len(y) - 1
    lower = min(int(np.searchsorted(below, level - TIE, side="left")), last)
    upper = min(int(np.searchsorted(below, level + TIE, side="right")), last)
    return float(0.5 * y[order[lower]] + 0.5 * y[order[upper]])


def balance_point(y: FloatArray, weight: FloatArray, width: float, tilt: float = 0.0) -> float:
    """Solution c of sum_i w_i clip((c - y_i) / width, -1, 1) = tilt sum_i w_i.

    With tilt 0 it is Huber's location. The left side is a broken line that rises with c; the piece
    that holds the solution is found by bisection over its corners, and solved exactly. If a whole
    interval solves the equation, its middle is given.

    Parameters
    ----------
    y : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        All positive.
    width : float
        Positive, in the unit of ``y``.
    tilt : float
        In (-1, 1).
    """
    share = weight / weight.sum()

    def excess(centre: float) -> float:
        return float(share @ np.clip((centre - y) / width, -1.0, 1.0)) - tilt

    corners = np.sort(np.concatenate([y - width, y + width]))
    first = bisect_left(corners, -TIE, key=excess)
    after = bisect_right(corners, TIE, lo=first, key=excess)
    if first < after:  # some corners solve the equation, and all between them
        return float(0.5 * corners[first] + 0.5 * corners[after - 1])
    left, right = float(corners[first - 1]), float(corners[first])
    low, high = excess(left), excess(right)
    return left + (right - left) * (-low / (high - low))


def robust_deviation(y: FloatArray, weight: FloatArray | None) -> FloatArray:
    """Spread of each column that outliers do not inflate, of shape () or (K,); never 0.

    1.4826 times the weighted median distance from the weighted median, which is the standard
    deviation of a normal sample; the standard deviation itself where more than half of the weight
    is on one value.
    """
    if weight is None:
        weight = np.ones(y.shape[0])
    kept = weight > 0
    weight = weight[kept]
    fallback = row_deviation(y[kept], weight)
    spread = np.empty(fallback.size)
    for k, column in enumerate(y[kept].reshape(len(weight), -1).T):
        distance = np.abs(column - weighted_quantile(column, weight, 0.5))
        spread[k] = 1.4826 * weighted_quantile(distance, weight, 0.5)
    return np.where(spread > 0, spread, fallback.reshape(-1)).reshape(fallback.shape)
