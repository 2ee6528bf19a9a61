"""Venn-ABERS as two step functions of the score: the front of the kernel.

What isotonic regression would say of a row with score s, had that row been among the calibration rows with the label
c, is a step function of s. :class:`Blocks` sorts the calibration rows once and then makes the functions of a largest
and of a smallest label, each O(k) for k different scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from skboost._ext import _venn_abers

Floats = npt.NDArray[np.float64]
Sums = npt.NDArray[Any]  # int64 or float64

# Doubles count up to here; beyond, one row more would not change a sum.
COUNTABLE = 2.0**53
# Below, products of differences of sums fit into int64.
EXACT = 2.0**62


@dataclass(frozen=True, eq=False)
class Steps:
    """A step function: ``values[j]``, where j thresholds are less than the score ("left") or not above it ("right").

    Parameters
    ----------
    thresholds : ndarray of shape (k,)
        Increasing.
    values : ndarray of shape (k + 1,)
    side : {"left", "right"}
    """

    thresholds: Floats
    values: Floats
    side: Literal["left", "right"]

    def __call__(self, scores: Floats) -> Floats:
        steps: Floats = self.values[np.searchsorted(self.thresholds, scores, side=self.side)]
        return steps


class Blocks:
    """Calibration rows in the order of their scores, rows of equal score together.

    Parameters
    ----------
    scores : ndarray of shape (n,), n >= 1
        Finite.
    weight : ndarray of shape (n,), optional
        Finite and positive; without it all weights are 1. The additional row always has weight 1.

    Notes
    -----
    Whole weights and labels are added and compared as integers: each step is a fraction, rounded once, and equal
    fractions are equal floats. Where the total weight, squared, times the largest label exceeds 2**62 (from a total
    weight of two billions on, if labels are 0 and 1), comparisons are made in floating point; sums stay exact, and only
    slopes that agree to 15 digits may be confused. Sums of numbers that are not whole are rounded: with labels of size
    L and a total weight of W, steps are right to about 2e-16 L W. Labels should therefore be centred.
    """

    def __init__(self, scores: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> None:
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError("scores must be finite numbers, one a row, and at least one.")
        self.order = np.argsort(values)
        ordered = values[self.order]
        last = np.append(ordered[1:] != ordered[:-1], True)
        self.thresholds = ordered[last]
        self.ends = None if len(self.thresholds) == len(values) else np.flatnonzero(last)
        if weight is None:
            self.weight = None
            counts = np.arange(1, len(values) + 1, dtype=np.int64)
        else:
            self.weight = self._in_order(weight)
            counts = np.cumsum(self.weight)
        self.total = self._at_ends(counts)

    def _in_order(self, weight: npt.ArrayLike) -> Sums:
        """Checked weights in the order of scores."""
        weights = checked(weight, len(self.order), "weight")
        if weights.min() <= 0:
            raise ValueError("weight must be positive; leave rows of weight 0 away.")
        if weights.sum() >= COUNTABLE:
            raise ValueError(
                f"the weights add up to {weights.sum():g}, beside which a row of weight 1 has no effect that a float "
                "could show; divide the weights by a number, so that a typical one is 1."
            )
        return as_whole(weights[self.order])

    def upper(self, y: npt.ArrayLike, label: float) -> Steps:
        """Isotonic regression at a row with a label that no other exceeds.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels of the calibration rows in the order given.
        label : float

        Returns
        -------
        steps : Steps
        """
        sums, label_sum = self._labels(y, label)
        if label < np.max(y):
            raise ValueError(f"label={label} is below the largest of y, {np.max(y)}.")
        values = swept(self.total.astype(sums.dtype, copy=False), sums, label_sum)
        return self._steps(values, "left")

    def lower(self, y: npt.ArrayLike, label: float) -> Steps:
        """Isotonic regression at a row with a label that is not above any other.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels of the calibration rows in the order given.
        label : float

        Returns
        -------
        steps : Steps
        """
        sums, label_sum = self._labels(y, label)
        if label > np.min(y):
            raise ValueError(f"label={label} is above the smallest of y, {np.min(y)}.")
        # The same from the other end: reversed scores and negative labels. Running sums are the old ones from
        # behind, up to a shift, of which the slopes know nothing.
        mirrored = np.ascontiguousarray(-self.total[::-1].astype(sums.dtype, copy=False))
        values = swept(mirrored, np.ascontiguousarray(sums[::-1]), -label_sum)
        return self._steps(0.0 - values[::-1], "right")  # 0 - 0 is 0, but -0 would be -0

    def _labels(self, y: npt.ArrayLike, label: float) -> tuple[Sums, Any]:
        """Running sums of weighted labels, and the label: both whole if nothing can overflow, else floats."""
        labels = checked(y, len(self.order), "y")
        size = np.abs([labels.max(), labels.min(), label]).max()  # NaN if the label is
        product = (float(self.total[-1]) + 1.0) ** 2 * float(size)  # the largest that is compared
        if not np.isfinite(product):
            raise ValueError(
                f"y and label reach to {size:g}, too far for sums of squares; divide them by a number."
            )
        if self.total.dtype == np.int64 and float(label).is_integer() and product < EXACT:
            labels = as_whole(labels)
        whole = labels.dtype == np.int64
        labels = labels[self.order]
        sums = np.cumsum(labels if self.weight is None else labels * self.weight)
        return self._at_ends(sums), int(label) if whole else float(label)

    def _at_ends(self, sums: Sums) -> Sums:
        """Running sums over rows, at the ends of blocks and before the first."""
        inner = sums if self.ends is None else sums[self.ends]
        return np.concatenate([np.zeros(1, sums.dtype), inner])

    def _steps(self, values: Floats, side: Literal["left", "right"]) -> Steps:
        """The step function without steps of height 0."""
        step = values[1:] != values[:-1]
        return Steps(self.thresholds[step], values[np.append(True, step)], side)


def swept(total: Sums, sums: Sums, label: float) -> Floats:
    """The kernel with room to work in."""
    value = np.empty(len(sums))
    work = np.empty((2, len(sums) + 1), dtype=sums.dtype)
    _venn_abers.sweep(total, sums, 1, label, work, value)
    return value


def as_whole(numbers: npt.NDArray[np.float64]) -> Sums:
    """Numbers as int64 if all are whole and countable."""
    size = max(abs(numbers.max()), abs(numbers.min()))
    if size < COUNTABLE and np.array_equal(numbers, np.rint(numbers)):
        return numbers.astype(np.int64)
    return numbers


def checked(numbers: npt.ArrayLike, n_rows: int, name: str) -> Floats:
    """Finite float64, one a row."""
    array = np.asarray(numbers, dtype=np.float64)
    if array.shape != (n_rows,) or not np.isfinite(array).all():
        raise ValueError(f"{name} must hold a finite number for each of the {n_rows} rows.")
    return array
