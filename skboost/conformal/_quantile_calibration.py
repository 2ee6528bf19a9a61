"""Scores of calibration rows beside their predicted quantiles, and how far the quantiles of new rows have to move."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import Calibration, needed_weight, widened
from skboost.conformal._quantile_variants import QuantileVariant
from skboost.conformal._rank import one_sided, smallest_size
from skboost.conformal._residuals import occurring, rows_by_group
from skboost.conformal._shifted_lists import ShiftedLists

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


class SplitScores:
    """Scores of one model by group, and ends of intervals from them.

    Parameters
    ----------
    y : ndarray of shape (n,)
    quantiles : ndarray of shape (n, n_quantiles)
        Rising along each row.
    weight : ndarray of shape (n,)
    codes : ndarray of shape (n,)
        Group of each row, from 0.
    n_groups : int
    variant : QuantileVariant
    symmetric : bool
        Whether both ends move by the same number of units, or each by its own.
    """

    def __init__(
        self,
        y: Floats,
        quantiles: Floats,
        weight: Floats,
        codes: Codes,
        n_groups: int,
        variant: QuantileVariant,
        symmetric: bool,
    ) -> None:
        self.variant, self.symmetric = variant, symmetric
        self.scores = scores_of(y, quantiles, variant, symmetric)
        parts = rows_by_group(codes, n_groups)
        self.groups = [self._calibrations(rows, weight) for rows in parts]

    def _calibrations(self, rows: Any, weight: Floats) -> tuple[Calibration, Calibration]:
        """Those for the lower and for the upper ends of a group: the same if both ends move alike."""
        if self.symmetric:
            both = Calibration(self.scores[rows], weight[rows])
            return both, both
        below, above = self.scores[rows].T
        return Calibration(below, weight[rows]), Calibration(above, weight[rows])

    def n_rows(self, code: int) -> float:
        """Summed weight of the calibration rows of a group."""
        return self.groups[code][0].total if code >= 0 else 0.0

    def interval(self, quantiles: Floats, codes: Codes, level: Fraction) -> tuple[Floats, Floats]:
        """Lower and upper ends for new rows; infinite for the group -1, which has no calibration rows."""
        low, high = np.full(len(quantiles), np.inf), np.full(len(quantiles), np.inf)
        for code, rows in zip(*occurring(codes), strict=True):
            if code >= 0:
                tail = tail_of(level, self.symmetric)
                low[rows], high[rows] = (side.upper(tail) for side in self.groups[code])
        lower, upper = self.variant.ends(quantiles, low, high)
        return widened(lower, quantiles[:, 0], -1.0), widened(upper, quantiles[:, -1], 1.0)


class CrossScores:
    """Scores of rows, each beside the quantiles of a model that did not see it, and ends of intervals from them.

    The lower end is the k-th largest of the lower quantiles of all models, each moved by the scores of the rows that
    its model did not see; the upper end the k-th smallest of the upper ones.

    Parameters
    ----------
    y : ndarray of shape (n,)
    quantiles : ndarray of shape (n, n_quantiles)
        Rising along each row.
    weight : ndarray of shape (n,)
    owner : ndarray of shape (n,)
        Number of the model of each row.
    n_models : int
    variant : QuantileVariant
    symmetric : bool
    """

    def __init__(
        self,
        y: Floats,
        quantiles: Floats,
        weight: Floats,
        owner: Codes,
        n_models: int,
        variant: QuantileVariant,
        symmetric: bool,
    ) -> None:
        self.variant, self.symmetric = variant, symmetric
        self.scores = scores_of(y, quantiles, variant, symmetric)
        if np.isnan(self.scores).any():
            raise ValueError(
                f"{int(np.isnan(self.scores).any(axis=-1).sum())} of {len(y)} calibration scores are NaN; look at the "
                "predictions of the model on the calibration rows."
            )
        below, above = (self.scores, self.scores) if symmetric else self.scores.T
        self.below = ShiftedLists(below, owner, n_models, weight)
        self.above = self.below if symmetric else ShiftedLists(above, owner, n_models, weight)

    @property
    def n_rows(self) -> float:
        """Summed weight of the calibration rows."""
        return self.above.total

    def interval(self, quantiles: Floats, level: Fraction) -> tuple[Floats, Floats]:
        """Lower and upper ends for new rows, whose quantiles have the shape (n_models, m, n_quantiles)."""
        units = [self.variant.units(member) for member in quantiles]
        below, above = (np.stack(sides, axis=1) for sides in zip(*units, strict=True))
        low, high = quantiles[:, :, 0].T, quantiles[:, :, -1].T
        tail = tail_of(level, self.symmetric)
        needed = [needed_weight(self.above.total, self.above.whole, tail)]
        lower = -moved(self.below, needed, -low, below)
        upper = moved(self.above, needed, high, above)
        return (
            widened(lower, np.abs(low).max(axis=1), -1.0),
            widened(upper, np.abs(high).max(axis=1), 1.0),
        )


def scores_of(y: Floats, quantiles: Floats, variant: QuantileVariant, symmetric: bool) -> Floats:
    """The larger of the scores of both sides, of shape (n,), or both, of shape (n, 2)."""
    below, above = variant.scores(y, quantiles)
    return np.maximum(below, above) if symmetric else np.column_stack([below, above])


def tail_of(level: Fraction, symmetric: bool) -> Fraction:
    """Level of each end: if ends move by themselves, each may miss half as often."""
    return level if symmetric else one_sided(level)


def size_for(level: Fraction, symmetric: bool) -> int:
    """Fewest calibration rows with which intervals are finite."""
    return smallest_size(tail_of(level, symmetric))


def moved(lists: ShiftedLists, needed: list[float], shift: Floats, unit: Floats) -> Floats:
    """Smallest numbers of moved lists with so much weight at or below them; infinite scores stay so in units of 0."""
    with np.errstate(invalid="ignore"):
        found = lists.smallest(needed, shift, unit)[:, 0]
    known = ~np.isnan(shift).any(axis=1)
    return np.where(np.isnan(found) & known, np.inf, found)
