"""Scores that arrive one after the other, always sorted, of which the oldest may be forgotten."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import needed_weight

Floats = npt.NDArray[np.float64]


class ScoreStream:
    """Sorted scores: O(log n) steps to look one up, and the same and a move in memory to add or forget one.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        In the order of time; not NaN.
    weight : ndarray of shape (n,)
        Positive weights; weight k is a score k times. Scores that are added later have weight 1.
    window : int, default=None
        How many scores are kept, the latest; with weights, how much weight. None is all.

    Attributes
    ----------
    total : float
        Sum of the weights.
    """

    def __init__(self, scores: Floats, weight: Floats, window: int | None = None) -> None:
        order = np.argsort(scores, kind="stable")
        self._sorted = array("d", scores[order].tolist())
        self._weights: array[float] | None = None  # as long as all are 1
        if (weight != 1).any():
            self._weights = array("d", weight[order].tolist())
        self._whole = bool((weight == np.rint(weight)).all())
        self.total = float(weight.sum())
        self.window = window
        self._by_age: deque[tuple[float, float]] = deque()
        if window is not None:
            self._by_age.extend(zip(scores.tolist(), weight.tolist(), strict=True))
            self._forget()

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def scores(self) -> Floats:
        """All that are kept, sorted."""
        return np.array(self._sorted)

    def upper(self, level: Fraction) -> float:
        """The smallest score whose cumulative weight is at least level (W + 1); infinity if there is none.

        Parameters
        ----------
        level : Fraction
            Strictly between 0 and 1.
        """
        needed = needed_weight(self.total, self._whole, level)
        if self._weights is None:
            place = int(needed) - 1
        else:
            place = int(np.searchsorted(np.cumsum(self._weights), needed, side="left"))
        return self._sorted[place] if place < len(self) else float("inf")

    def add(self, score: float) -> None:
        """Put a new score in its place, and forget the oldest if the window is full."""
        place = bisect_right(self._sorted, score)
        self._sorted.insert(place, score)
        if self._weights is not None:
            self._weights.insert(place, 1.0)
        self.total += 1.0
        if self.window is not None:
            self._by_age.append((score, 1.0))
            self._forget()

    def _forget(self) -> None:
        """Let the oldest go until the rest fits into the window, the last of them in part if it has weight."""
        assert self.window is not None
        while self.total > self.window:
            score, weight = self._by_age.popleft()
            excess = self.total - self.window
            if weight > excess:
                self._by_age.appendleft((score, weight - excess))
            self._remove(score, min(weight, excess))

    def _remove(self, score: float, weight: float) -> None:
        """Take so much weight from entries of a score; which of them does not matter."""
        self.total -= weight
        place = bisect_left(self._sorted, score)
        while weight > 0 and place < len(self):  # parts of weights may leave a rounding
            here = 1.0 if self._weights is None else self._weights[place]
            if here > weight and self._weights is not None:
                self._weights[place] = here - weight
                return
            weight -= here
            del self._sorted[place]
            if self._weights is not None:
                del self._weights[place]
