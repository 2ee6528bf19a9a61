"""Selection among sorted lists that each move as a whole, without writing their numbers down for every question.

K models give K lists of scores of calibration rows. A new row moves list j by its prediction of model j, and the
k-th smallest of all n numbers is wanted. Done plainly for m new rows that takes O(m n) time and memory; the lists are
sorted already, so O(m K log n) steps and O(K) numbers for each row are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

# So many numbers are worked on at a time: they stay in the cache, and memory does not grow with the questions.
BLOCK = 2**18
# With fewer scores a list, writing all of them down is faster than looking for the right one (measured: 30 to 50).
LONG = 40


class ShiftedLists:
    """Weighted scores of calibration rows, sorted within the list of each model.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    owner : ndarray of shape (n,), int
        Number of the list of each score.
    n_lists : int
        Lists may be empty.
    weight : ndarray of shape (n,), default=None
        Positive weights; weight k is a score k times. None is 1 for each.

    Attributes
    ----------
    scores, owner : ndarray of shape (n,)
        In the order of lists, and sorted within each.
    starts : ndarray of shape (n_lists + 1,)
        List j is ``scores[starts[j]:starts[j + 1]]``.
    cumulative : ndarray of shape (n + 1,)
        Weight of the first 0, 1, ..., n scores.
    total : float
        Sum of the weights.
    whole : bool
        Whether all weights are whole numbers, which are added exactly.
    """

    def __init__(
        self,
        scores: Floats,
        owner: npt.NDArray[np.integer],
        n_lists: int,
        weight: Floats | None = None,
    ) -> None:
        order = np.lexsort((scores, owner))
        self.scores = np.ascontiguousarray(scores[order], dtype=np.float64)
        self.owner = np.asarray(owner[order], dtype=np.int64)
        self.starts = np.searchsorted(self.owner, np.arange(n_lists + 1))
        self.weight = np.ones(len(scores)) if weight is None else weight[order]
        self.whole = bool((self.weight == np.rint(self.weight)).all())
        self.cumulative = np.concatenate([[0.0], np.cumsum(self.weight)])
        self.total = float(self.cumulative[-1])

    def __len__(self) -> int:
        return len(self.scores)

    def smallest(
        self, needed: Sequence[float], shift: Floats, scale: Floats | None = None
    ) -> Floats:
        """Smallest numbers that have so much weight at or below them.

            inf {v : sum_i w_i 1{shift_j(i) + scale_j(i) score_i <= v} >= needed}

        with the list j(i) of score i: the k-th smallest for weights 1 and needed = k. Infinity if all weights together
        are less than needed, NaN where a shift or a scale is.

        Parameters
        ----------
        needed : sequence of L floats
            Positive.
        shift : ndarray of shape (m, n_lists)
        scale : ndarray of shape (m, n_lists), default=None
            Positive; None is 1.

        Returns
        -------
        bounds : ndarray of shape (m, L)

        Notes
        -----
        Long lists are searched: a pivot is taken from the lists, its rank is found by bisection in each, and what lies
        on the wrong side is forgotten. The pivot is the middle one of the scores at the wanted share of each list, and
        in every third round of their medians, which forgets at least a quarter of the scores. Short lists are written
        down for a block of rows and partitioned. Both compare the same rounded numbers and give the same bits.
        """
        bounds = np.full((len(shift), len(needed)), np.inf)
        reachable = [place for place, weight in enumerate(needed) if weight <= self.total]
        if not reachable:
            bounds[_unknown(shift, scale)] = np.nan
            return bounds
        wanted = [float(needed[place]) for place in reachable]
        is_long = len(self) >= LONG * shift.shape[1] and bool(np.isfinite(self.scores).all())
        rows_at_once = max(1, BLOCK // (shift.shape[1] if is_long else len(self)))
        search = self._search if is_long else self._partition
        for first in range(0, len(shift), rows_at_once):
            rows = slice(first, first + rows_at_once)
            found = search(wanted, shift[rows], None if scale is None else scale[rows])
            bounds[rows, reachable] = found
        bounds[_unknown(shift, scale)] = np.nan
        return bounds

    def _partition(self, needed: list[float], shift: Floats, scale: Floats | None) -> Floats:
        """Write all numbers down."""
        if scale is None:
            numbers = shift[:, self.owner] + self.scores
        else:
            numbers = shift[:, self.owner] + scale[:, self.owner] * self.scores
        if self.total == len(self) and (self.weight == 1).all():
            ranks = np.ceil(needed).astype(np.int64) - 1
            numbers.partition(np.unique(ranks), axis=1)
            return numbers[:, ranks]
        order = np.argsort(numbers, axis=1)
        reached = np.cumsum(self.weight[order], axis=1)
        places = [np.sum(reached[:, :-1] < weight, axis=1) for weight in needed]
        chosen = np.take_along_axis(order, np.stack(places, axis=1), axis=1)
        return np.asarray(np.take_along_axis(numbers, chosen, axis=1))

    def _search(self, needed: list[float], shift: Floats, scale: Floats | None) -> Floats:
        """Look the numbers up, one level after the other."""
        fine = np.isfinite(shift).all(axis=1)
        if scale is not None:
            fine &= np.isfinite(scale).all(axis=1)
        if not fine.all():  # such rows are few, and pivots of infinity would lead nowhere
            found = np.empty((len(shift), len(needed)))
            for rows, search in ((fine, self._search), (~fine, self._partition)):
                found[rows] = search(needed, shift[rows], None if scale is None else scale[rows])
            return found
        return np.stack([Search(self, weight, shift, scale).run() for weight in needed], axis=1)


class Search:
    """The search of a block of rows for the number that one weight reaches.

    Parameters
    ----------
    lists : ShiftedLists
    needed : float
        At most the weight of all scores.
    shift, scale : ndarray of shape (m, n_lists)
        Finite; ``scale`` may be None.

    Attributes
    ----------
    low, high : ndarray of shape (rows that are still searched, n_lists)
        The number is at one of the places low, ..., high - 1 of the lists: those before low do not weigh enough, those
        before high do.
    """

    def __init__(
        self, lists: ShiftedLists, needed: float, shift: Floats, scale: Floats | None
    ) -> None:
        self.lists, self.needed, self.shift, self.scale = lists, needed, shift, scale
        self.low = np.tile(lists.starts[:-1], (len(shift), 1))
        self.high = np.tile(lists.starts[1:], (len(shift), 1))

    def run(self) -> Floats:
        """The numbers, one a row."""
        found = np.empty(len(self.shift))
        rows, rounds = np.arange(len(found)), 0
        while len(rows):
            rounds += 1
            pivot = self._pivot(by_share=rounds % 3 > 0)
            up_to = self._places(np.less_equal, pivot, self.low, self.high)
            below = self._places(np.less, pivot, self.low, up_to)
            too_high = self._weight(below) >= self.needed
            too_low = self._weight(up_to) < self.needed
            self.high = np.where(too_high[:, None], below, self.high)
            self.low = np.where(too_low[:, None], up_to, self.low)
            searched = too_high | too_low
            found[rows[~searched]] = pivot[~searched, 0]
            rows = rows[searched]
            self._keep(searched)
        return found

    def _keep(self, rows: npt.NDArray[np.bool_]) -> None:
        self.shift, self.low, self.high = self.shift[rows], self.low[rows], self.high[rows]
        self.scale = None if self.scale is None else self.scale[rows]

    def _weight(self, places: Places) -> Floats:
        """Weight of what lies before these places of the lists, added in the same order whatever they are."""
        cumulative, starts = self.lists.cumulative, self.lists.starts
        return np.asarray(np.sum(cumulative[places] - cumulative[starts[:-1]], axis=1))

    def _numbers(self, places: Places) -> Floats:
        """The moved scores at these places."""
        scores = self.lists.scores[np.minimum(places, len(self.lists) - 1)]
        return self.shift + (scores if self.scale is None else self.scale * scores)

    def _pivot(self, by_share: bool) -> Floats:
        """One of the numbers between low and high, of each row: (rows, 1)."""
        size = self.high - self.low
        total = size.sum(axis=1)
        share = np.full(len(size), 0.5)
        if by_share:
            left, right = self._weight(self.low), self._weight(self.high)
            share = (self.needed - left) / (right - left)
        middle = self.low + np.minimum(share[:, None] * size, size - 1).clip(0).astype(np.int64)
        numbers = np.where(size > 0, self._numbers(middle), np.inf)
        order = np.argsort(numbers, axis=1)
        reached = np.cumsum(np.take_along_axis(size, order, axis=1), axis=1)
        place = np.sum(2 * reached < total[:, None], axis=1)[:, None]
        chosen = np.take_along_axis(order, place, axis=1)
        return np.asarray(np.take_along_axis(numbers, chosen, axis=1))

    def _places(
        self, compare: Callable[..., Any], pivot: Floats, low: Places, high: Places
    ) -> Places:
        """First place of each list, from low to high, whose number does not compare with the pivot: bisection."""
        for _ in range(int((high - low).max()).bit_length()):
            middle = (low + high) >> 1
            further = (low < high) & compare(self._numbers(middle), pivot)
            low, high = np.where(further, middle + 1, low), np.where(further, high, middle)
        return low


def _unknown(shift: Floats, scale: Floats | None) -> npt.NDArray[np.bool_]:
    """Rows with NaN."""
    unknown = np.isnan(shift) if scale is None else np.isnan(shift) | np.isnan(scale)
    return np.asarray(unknown.any(axis=1))
