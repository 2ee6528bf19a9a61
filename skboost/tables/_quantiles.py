"""Weighted quantiles of many columns at once, exact under repetition of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Cumulative weights closer than this share of the total are one and the same: weights such as 1 / n
# do not add up to an exact half, and at the half the mean of two values is taken.
_TIE = 1e-12


def weighted_quantiles(
    values: Floats, levels: Sequence[float], weight: Floats | None = None
) -> Floats:
    """Quantiles of each row of ``values`` by the averaged inverse of the distribution function.

    With sorted values ``x_1 <= x_2 <= ...``, cumulative weights ``C_i`` and total ``W``, the
    quantile of level ``q`` is the first ``x_i`` with ``C_i > q W``; if some ``C_i`` equals ``q W``,
    it is the mean of ``x_i`` and ``x_(i+1)``. This is definition 2 of [1]_ carried over to weights.
    It looks at shares of the total and never at the number of rows, so a weight of k gives the same
    number as k copies, to the last bit.

    Parameters
    ----------
    values : ndarray of shape (n_columns, n_rows)
        In any order; NaN is left out. **Reordered in place** when there are no weights.
    levels : sequence of float
        Each strictly between 0 and 1.
    weight : ndarray of shape (n_rows,), optional
        All positive; rows of weight zero have been removed by the caller.

    Returns
    -------
    quantiles : ndarray of shape (n_levels, n_columns)
        NaN for a column without any value.

    References
    ----------
    .. [1] R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American
       Statistician 50 (1996), 361-365.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.tables._quantiles import weighted_quantiles
    >>> weighted_quantiles(np.array([[1.0, 2.0, 3.0]]), [0.5], np.array([2.0, 1.0, 1.0]))
    array([[1.5]])
    """
    n_missing = np.count_nonzero(np.isnan(values), axis=1)
    count = values.shape[1] - n_missing
    if weight is None:
        targets = [level * count for level in levels]
        lower = [np.ceil(target).astype(np.intp) - 1 for target in targets]
        upper = [np.floor(target).astype(np.intp) for target in targets]
        _put_in_order(values, n_missing, [*lower, *upper])
    else:
        order = np.argsort(values, axis=1)  # NaN goes last
        values = np.take_along_axis(values, order, axis=1)
        cumulative = np.cumsum(np.where(np.isnan(values), 0.0, weight[order]), axis=1)
        total = cumulative[:, -1:]
        targets = [level * total for level in levels]
        lower = [np.count_nonzero(cumulative < t - _TIE * total, axis=1) for t in targets]
        upper = [np.count_nonzero(cumulative <= t + _TIE * total, axis=1) for t in targets]
    pairs = zip(lower, upper, strict=True)
    return np.stack([_mean_of_two(values, low, high, count) for low, high in pairs])


def _put_in_order(
    values: Floats, n_missing: npt.NDArray[np.intp], places: Sequence[npt.NDArray[np.intp]]
) -> None:
    """Bring the entries at ``places`` where a full sort would put them."""
    if values.shape[0] and not n_missing.any() and values.shape[1] > 1000:
        # Every column has its quantiles in the same places: selecting them is faster than sorting.
        last = values.shape[1] - 1
        values.partition(sorted({min(int(place[0]), last) for place in places}), axis=1)
    else:
        values.sort(axis=1)  # NaN goes last


def _mean_of_two(
    values: Floats,
    lower: npt.NDArray[np.intp],
    upper: npt.NDArray[np.intp],
    count: npt.NDArray[np.intp],
) -> Floats:
    """Mean of the entries ``lower`` and ``upper`` of each row."""
    row, last = np.arange(values.shape[0]), np.maximum(count - 1, 0)
    low = values[row, np.clip(lower, 0, last)]
    high = values[row, np.clip(upper, 0, last)]
    # Halves are added, because 1e308 + 1e308 overflows; equal entries skip it, because half of the
    # smallest float is zero.
    return np.where(low == high, low, 0.5 * low + 0.5 * high)
