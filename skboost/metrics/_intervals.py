"""Prediction intervals: how often they cover, how wide they are, and both in one score."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost.metrics._numbers import (
    mean_of_rows,
    read_levels,
    read_numbers,
    read_row_weight,
    read_target,
)
from skboost.metrics._options import YES_NO, check_options

Floats = npt.NDArray[np.float64]


class Ends(NamedTuple):
    """Lower and upper ends of intervals of one or several levels.

    Attributes
    ----------
    low, high : ndarray of shape (n_rows, n_levels)
    single : bool
        Whether there was no axis of levels.
    """

    low: Floats
    high: Floats
    single: bool

    def cover(self, y: Floats) -> npt.NDArray[np.bool_]:
        """Whether each interval holds the number of its row; the ends belong to it."""
        return (self.low <= y[:, None]) & (y[:, None] <= self.high)


def read_ends(interval: Any) -> Ends:
    """Ends of shape (n_rows, n_levels) of intervals of shape (n_rows, 2) or (n_rows, 2, n_levels).

    Raises
    ------
    ValueError
        If the shape is another one, an end is NaN, or an interval holds no number, such as one from 3 to 2.
    """
    ends = read_numbers(interval, "interval")
    if ends.ndim not in (2, 3) or ends.shape[1] != 2:
        hint = ""
        if ends.ndim == 2 and ends.shape[0] == 2:
            hint = "; make columns of lower and upper ends with numpy.column_stack"
        raise ValueError(
            f"interval has shape {ends.shape}, but (n_samples, 2) or (n_samples, 2, n_levels) is needed{hint}."
        )
    low, high = ends[:, 0], ends[:, 1]
    wrong = low > high
    if wrong.any():
        row = int(np.flatnonzero(wrong.reshape(len(ends), -1).any(axis=1))[0])
        raise ValueError(
            f"row {row} of interval has a lower end above the upper end, as {int(wrong.sum())} of {wrong.size} "
            "intervals have; swap the columns, or sort the ends of each row."
        )
    if low.max() == np.inf or high.min() == -np.inf:
        raise ValueError(
            "interval holds a lower end of +infinity or an upper end of -infinity, between which lies no number; the "
            "interval of all numbers is (-inf, inf)."
        )
    single = ends.ndim == 2
    return Ends(low[:, None], high[:, None], single) if single else Ends(low, high, single)


def coverage_score(y_true: Any, interval: Any, *, sample_weight: Any = None) -> Any:
    """Share of rows whose interval holds the observed number; the ends belong to the interval.

        sum_i w_i 1{low_i <= y_i <= high_i} / sum_i w_i

    A coverage close to the wished level is necessary, not sufficient: intervals may cover too much here and too little
    there (:func:`coverage_by_group`), and wide intervals cover too (:func:`interval_score` judges both).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed numbers.
    interval : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        Lower and upper ends, as ``predict_interval`` gives them. An infinite interval covers every number.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.

    Returns
    -------
    coverage : float, or ndarray of shape (n_levels,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes do not agree, numbers are missing, or a lower end lies above the upper end.

    See Also
    --------
    coverage_by_group : Coverage in parts of the data, with limits.
    set_coverage_score : The same for sets of labels.

    Examples
    --------
    >>> from skboost.metrics import coverage_score
    >>> coverage_score([1.0, 2.0, 3.0, 4.0], [[0, 2], [1, 3], [4, 6], [3, 4]])
    0.75
    """
    ends = read_ends(interval)
    y = read_target(y_true, len(ends.low), "interval")
    weight = read_row_weight(sample_weight, len(y))
    return mean_of_rows(ends.cover(y), weight, ends.single)


def mean_interval_width(interval: Any, *, sample_weight: Any = None) -> Any:
    """Mean width of intervals: how much they leave open.

        sum_i w_i (high_i - low_i) / sum_i w_i

    A single infinite interval makes the mean infinite, which is the truth: models say so where they have too few
    calibration rows. Compare widths of intervals that cover equally often, or use :func:`interval_score`.

    Parameters
    ----------
    interval : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        Lower and upper ends.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.

    Returns
    -------
    width : float, or ndarray of shape (n_levels,)
        In the unit of the target; infinite if an interval is.

    Raises
    ------
    ValueError
        If the shape is another one, an end is NaN, or a lower end lies above the upper end.

    Examples
    --------
    >>> from skboost.metrics import mean_interval_width
    >>> mean_interval_width([[0, 2], [1, 3], [4, 6], [3, 5]])
    2.0
    """
    ends = read_ends(interval)
    weight = read_row_weight(sample_weight, len(ends.low))
    return mean_of_rows(ends.high - ends.low, weight, ends.single)


def interval_score(
    y_true: Any,
    interval: Any,
    *,
    confidence_level: Any,
    sample_weight: Any = None,
    per_row: bool = False,
) -> Any:
    """Interval score of Winkler: width, and a fine for what lies outside. Smaller is better.

        (high - low) + 2 / alpha (low - y) 1{y < low} + 2 / alpha (y - high) 1{y > high},   alpha = 1 - level

    which is equation (43) of [1]_. It is smallest in the mean where the ends are the alpha / 2 and 1 - alpha / 2
    quantiles of the target given the row, so that nothing is won by intervals that are too wide or too narrow: use it
    to compare models. It is the sum of the pinball losses of both ends, times 2 / alpha.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed numbers.
    interval : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        Lower and upper ends, as ``predict_interval`` gives them.
    confidence_level : float, or sequence of n_levels float
        The level of the intervals, between 0 and 1; it must be given. Scores of different levels cannot be compared.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    per_row : bool, default=False
        Return the score of each row, not their mean: two models are compared by the differences of their rows.

    Returns
    -------
    score : float, or ndarray of shape (n_levels,)
        In the unit of the target; infinite if an interval is. With ``per_row`` of shape (n_samples,) or
        (n_samples, n_levels).

    Raises
    ------
    ValueError
        If shapes or the number of levels do not agree, numbers are missing, a lower end lies above the upper end, or a
        level is none.

    See Also
    --------
    interval_score_scorer : For ``scoring=`` of GridSearchCV.
    continuous_ranked_probability_score : Judges whole distributions.

    References
    ----------
    .. [1] T. Gneiting and A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation", Journal of the
       American Statistical Association 102, 2007.

    Examples
    --------
    >>> from skboost.metrics import interval_score
    >>> interval_score([1.0, 2.0, 3.0], [[0, 2], [1, 3], [4, 6]], confidence_level=0.8, per_row=True).round(6)
    array([ 2.,  2., 12.])
    """
    check_options("interval_score", per_row=(per_row, YES_NO))
    ends = read_ends(interval)
    y = read_target(y_true, len(ends.low), "interval")
    weight = read_row_weight(sample_weight, len(y), per_row)
    n_levels = ends.low.shape[1]
    levels = read_levels(confidence_level, n_levels, ends.single, "confidence_level", "interval")
    scores = winkler(y[:, None], ends.low, ends.high, 1.0 - levels)
    if per_row:
        return scores[:, 0] if ends.single else scores
    return mean_of_rows(scores, weight, ends.single)


def winkler(y: Floats, low: Floats, high: Floats, alpha: Floats) -> Floats:
    """Interval score of each row; arguments broadcast."""
    outside = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)  # one of both is 0
    return np.asarray((high - low) + 2.0 / alpha * outside)
