"""Sorted scores of calibration rows, and what they say of the next score."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._rank import upper_rank

Floats = npt.NDArray[np.float64]

# Sums of weights that are not whole numbers are compared with a rounding error to spare.
TOLERANCE = 1e-12

# A score is rounded, and so is the end that is computed from it: by at most 4 units in the last place of the largest
# number on the way. Ends are moved outwards by as much, or of many equal labels at an end all might be lost.
SPARE = 8 * np.finfo(np.float64).eps


def needed_weight(
    total: float,
    whole: bool,
    level: Fraction,
    *,
    test_weight: Any = None,
    rank: Callable[[int, Fraction], int] = upper_rank,
) -> Any:
    """Weight of scores that the next one exceeds with probability at most 1 - ``level``: its rank, for weights 1.

    Parameters
    ----------
    total : float
        Weight of all scores.
    whole : bool
        Whether all weights are whole numbers, for which ranks are exact.
    level : Fraction
    test_weight : ndarray of shape (m,), optional
        Weights of the new rows; 1 by default.
    rank : callable, default=upper_rank
        Rank of n scores at a level, for weights that are whole numbers.

    Returns
    -------
    needed : float, or ndarray of shape (m,)
    """
    if test_weight is None and whole:
        return float(rank(int(round(total)), level))
    new = np.asarray(1.0 if test_weight is None else test_weight)
    if (
        whole and (new == np.rint(new)).all()
    ):  # a weight of w is that of w rows, of which one is new
        values, places = np.unique(new, return_inverse=True)
        ranks = [float(rank(int(round(total)) + int(value) - 1, level)) for value in values]
        needed = np.array(ranks)[places].reshape(new.shape)
    else:
        needed = float(level) * (total + new) * (1.0 - TOLERANCE)
    needed = np.where(total + new > 0.0, needed, np.inf)  # without any weight nothing is known
    return needed if needed.ndim else float(needed)


def refuse_nan(scores: Floats) -> None:
    """Refuse calibration scores that are NaN."""
    if np.isnan(scores).any():
        raise ValueError(
            f"{int(np.isnan(scores).sum())} of {len(scores)} calibration scores are NaN; look at the predictions of "
            "the model on the calibration rows."
        )


def widened(end: Floats, anchor: Floats, direction: float) -> Floats:
    """An end of an interval moved outwards by the rounding that went into it.

    Parameters
    ----------
    end : ndarray
    anchor : ndarray that broadcasts with ``end``
        The prediction that the end was computed from.
    direction : {-1.0, 1.0}
        For a lower or an upper end.
    """
    finite = np.isfinite(end)
    size = np.abs(np.where(finite, end, 0.0)) + np.abs(anchor)
    return np.asarray(np.where(finite, end + direction * SPARE * size, end))


class Calibration:
    """Nonconformity scores of calibration rows: sorted once, looked up in O(log n).

    Parameters
    ----------
    scores : ndarray of shape (n,)
        The larger, the stranger. Infinite ones are allowed, NaN is not.
    weight : ndarray of shape (n,), default=None
        Not negative; weight k is a score k times. None is 1 for each.

    Attributes
    ----------
    scores : ndarray of shape (n,)
        Sorted.
    total : float
        Sum of the weights: the number n of calibration rows.

    Raises
    ------
    ValueError
        If a score is NaN.
    """

    def __init__(self, scores: Floats, weight: Floats | None = None) -> None:
        refuse_nan(scores)
        # self.cumulative is the weight of the first 0, 1, ..., n scores
        if weight is None or (weight == 1.0).all():
            self.scores, self.whole = np.sort(scores), True
            self.cumulative = np.arange(len(scores) + 1.0)
        else:
            order = np.argsort(scores, kind="stable")  # weights travel with their scores
            self.scores, self.whole = scores[order], bool((weight == np.rint(weight)).all())
            self.cumulative = np.concatenate([[0.0], np.cumsum(weight[order])])
        self.total = float(self.cumulative[-1])

    def __len__(self) -> int:
        return len(self.scores)

    def upper(
        self,
        level: Fraction,
        *,
        test_weight: Any = None,
        rank: Callable[[int, Fraction], int] = upper_rank,
    ) -> Any:
        """Bound that the next score does not exceed with probability at least ``level``.

            smallest score whose cumulative weight is at least level (W + w),   infinity if there is none

        with the weight w of the new row; for weights 1 that is the ceil((n + 1) level)-th smallest score.

        Parameters
        ----------
        level : Fraction
        test_weight : ndarray of shape (m,), optional
            Weights of the new rows, under covariate shift; 1 by default.
        rank : callable, default=upper_rank
            Rank of n scores at a level, for weights that are whole numbers.

        Returns
        -------
        bound : float, or ndarray of shape (m,)
        """
        needed = needed_weight(self.total, self.whole, level, test_weight=test_weight, rank=rank)
        place = np.searchsorted(self.cumulative, needed, side="left")  # so many scores are needed
        bounds = np.append(self.scores, np.inf)[np.maximum(place, 1) - 1]
        return float(bounds) if np.ndim(bounds) == 0 else bounds

    def p_values(self, scores: Floats, *, u: Any = None, test_weight: Any = 1.0) -> Floats:
        """How strange scores are among those of the calibration.

            p(s) = (w + sum_i w_i 1{s_i >= s}) / (W + w)
            smoothed: (sum_i w_i 1{s_i > s} + u (w + sum_i w_i 1{s_i = s})) / (W + w)

        Parameters
        ----------
        scores : ndarray
        u : ndarray that broadcasts with ``scores``, optional
            Uniform random numbers, for smoothed p-values.
        test_weight : float or ndarray that broadcasts with ``scores``, default=1.0

        Returns
        -------
        p : ndarray of the shape of ``scores``
        """
        smaller, equal = self.beside(scores)
        above = self.total - smaller
        if u is None:
            above = above + test_weight
        else:
            above = above - equal + u * (test_weight + equal)
        return np.asarray(above / (self.total + test_weight))

    def beside(self, scores: Floats) -> tuple[Floats, Floats]:
        """Weight of the calibration scores that are smaller than each of some scores, and of those that are equal.

        Parameters
        ----------
        scores : ndarray

        Returns
        -------
        smaller, equal : ndarray of the shape of ``scores``
        """
        scores = np.asarray(scores)
        first = np.searchsorted(self.scores, scores, side="left")
        smaller = np.asarray(self.cumulative[first])
        if not len(self.scores):
            return smaller, np.zeros_like(smaller)
        # most scores equal none, so that a second search would be wasted on them
        ties = self.scores[np.minimum(first, len(self.scores) - 1)] == scores
        equal = np.zeros(smaller.shape)
        last = np.searchsorted(self.scores, scores[ties], side="right")
        equal[ties] = self.cumulative[last] - smaller[ties]
        return smaller, equal
