"""Weighted quantiles of many columns at once, exact under repetition of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Two cumulative weights closer than this share of the total are one and the same: weights such as 1 / n do not add up
# to an exact half in floating point, and the half is where the average of two values is taken.
_TIE = 1e-12


def weighted_quantiles(
    values: npt.NDArray[np.float64],
    levels: Sequence[float],
    weight: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Quantiles of every row of ``values`` by the averaged inverse of the weighted distribution function.

    With sorted values ``x_1 <= x_2 <= ...``, cumulative weights ``C_i`` and total ``W``, the quantile of level ``q`` is
    the first ``x_i`` with ``C_i > q W``; if some ``C_i`` equals ``q W``, it is the mean of ``x_i`` and ``x_(i+1)``. This
    is definition 2 of Hyndman and Fan [1]_, carried over to weights: a weight of k gives the same number as k copies,
    to the last bit, because no position between two values depends on the number of rows.

    Parameters
    ----------
    values : ndarray of shape (n_columns, n_rows)
        Sorted or not, NaN allowed: missing values are left out. **Sorted in place** when no weights are given.
    levels : sequence of float
        Each strictly between 0 and 1.
    weight : ndarray of shape (n_rows,), optional
        Positive (rows of weight zero are removed by the caller).

    Returns
    -------
    quantiles : ndarray of shape (n_levels, n_columns)
        NaN for a column without any value.

    References
    ----------
    .. [1] R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996).
    """
    if weight is None:
        values.sort(axis=1)  # NaN goes last
        count = values.shape[1] - np.count_nonzero(np.isnan(values), axis=1)
        found = np.empty((len(levels), values.shape[0]))
        for q, level in enumerate(levels):
            target = level * count
            lower = np.ceil(target).astype(np.intp) - 1
            found[q] = _mean_of_neighbours(values, lower, lower + (target == np.floor(target)), count)
        return found
    order = np.argsort(values, axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    cumulative = np.cumsum(np.where(np.isnan(values), 0.0, weight[order]), axis=1)
    count = values.shape[1] - np.count_nonzero(np.isnan(values), axis=1)
    total = cumulative[:, -1]
    found = np.empty((len(levels), values.shape[0]))
    for q, level in enumerate(levels):
        target = (level * total)[:, None]
        tie = _TIE * total[:, None]
        lower = np.count_nonzero(cumulative < target - tie, axis=1)
        upper = np.count_nonzero(cumulative <= target + tie, axis=1)
        found[q] = _mean_of_neighbours(values, lower, upper, count)
    return found


def _mean_of_neighbours(
    values: npt.NDArray[np.float64],
    lower: npt.NDArray[np.intp],
    upper: npt.NDArray[np.intp],
    count: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """Mean of two entries of every sorted row; the halves are added, so that 1e308 and 1e308 do not overflow."""
    row, last = np.arange(values.shape[0]), np.maximum(count - 1, 0)
    low = values[row, np.clip(lower, 0, last)]
    high = values[row, np.clip(upper, 0, last)]
    # The mean of two equal numbers is that number, halves of the smallest ones included.
    return np.where(low == high, low, 0.5 * low + 0.5 * high)
