"""Intervals from residuals that each belong to a model of its own: jackknife+, CV+ and their kin."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import needed_weight, refuse_nan, widened
from skboost.conformal._rank import one_sided
from skboost.conformal._residuals import Codes, occurring, rows_by_group
from skboost.conformal._shifted_lists import BLOCK, ShiftedLists

Floats = npt.NDArray[np.float64]


class ShiftedResiduals:
    """Residuals of calibration rows, each of which moves with the prediction of the model that did not see its row.

    The interval of a new row x reaches from a lower to an upper end,

        -(k-th smallest of unit_j(x) |r_i| - mu_j(x))   and   k-th smallest of mu_j(x) + unit_j(x) |r_i|

    with k = ceil((n + 1) level) and the model j = j(i) of calibration row i. Residuals that keep their sign are
    -r_i and r_i in the place of |r_i|, at the level (1 + level) / 2.

    Parameters
    ----------
    residual : ndarray of shape (n,)
        With their sign.
    owners : ndarray of shape (n,), int
        Number of the model of each residual.
    n_models : int
    weight : ndarray of shape (n,)
        Positive.
    two_tailed : bool
        Whether residuals keep their sign.

    Attributes
    ----------
    upper, lower : ShiftedLists
        What upper and lower ends are chosen from, the latter with the opposite sign.
    """

    def __init__(
        self, residual: Floats, owners: Codes, n_models: int, weight: Floats, two_tailed: bool
    ) -> None:
        self.two_tailed = two_tailed
        if two_tailed:
            self.upper = ShiftedLists(residual, owners, n_models, weight)
            self.lower = ShiftedLists(-residual, owners, n_models, weight)
        else:
            self.upper = self.lower = ShiftedLists(np.abs(residual), owners, n_models, weight)

    def needed(self, level: Fraction) -> float:
        """Weight of the residuals that an end of an interval goes beyond."""
        wanted = one_sided(level) if self.two_tailed else level
        return float(needed_weight(self.upper.total, self.upper.whole, wanted))

    def interval(self, prediction: Floats, unit: Any, levels: list[Fraction]) -> Floats:
        """Lower and upper ends.

        Levels below one half may put the lower end above the upper one where models disagree: no label is in the
        interval. Both ends are the middle then, one label more than none, so that coverage only grows.

        Parameters
        ----------
        prediction : ndarray of shape (m, n_models)
        unit : float, or ndarray of shape (m, n_models)
            Positive: how long a unit of the residuals is.
        levels : list of L Fractions

        Returns
        -------
        ends : ndarray of shape (m, 2, L)
        """
        needed = [self.needed(level) for level in levels]
        low, high = np.empty((2, len(prediction), len(levels)))
        at_once = max(1, BLOCK // prediction.shape[1])
        for first in range(0, len(prediction), at_once):  # for what is made of predictions here
            rows = slice(first, first + at_once)
            scale = np.broadcast_to(unit, prediction.shape)[rows] if np.ndim(unit) else None
            ends = self.upper.smallest(needed, prediction[rows], scale)
            far = np.abs(prediction[rows]).max(axis=1)[:, None]
            high[rows] = widened(ends, far, 1.0)
            ends = -self.lower.smallest(needed, -prediction[rows], scale)
            low[rows] = widened(ends, far, -1.0)
        crossed = low > high
        low[crossed] = high[crossed] = (low[crossed] + high[crossed]) / 2
        return np.stack([low, high], axis=1)


class GroupedShiftedResiduals:
    """Shifted residuals of each group of a taxonomy.

    Parameters
    ----------
    residual, owners, n_models, weight, two_tailed
        As for :class:`ShiftedResiduals`.
    codes : ndarray of shape (n,)
        Group of each row, from 0.
    n_groups : int

    Raises
    ------
    ValueError
        If a residual is NaN.
    """

    def __init__(
        self,
        residual: Floats,
        owners: Codes,
        n_models: int,
        weight: Floats,
        two_tailed: bool,
        codes: Codes,
        n_groups: int,
    ) -> None:
        refuse_nan(residual)

        def of(rows: Any) -> ShiftedResiduals:
            return ShiftedResiduals(
                residual[rows], owners[rows], n_models, weight[rows], two_tailed
            )

        self.groups = [of(rows) for rows in rows_by_group(codes, n_groups)]
        self.groups.append(of(slice(0)))  # the group -1, without calibration rows

    def too_few(
        self, codes: Codes, levels: list[Fraction]
    ) -> Iterator[tuple[Fraction, float, int]]:
        """Levels and groups whose intervals are infinite: level, weight of the calibration rows, group."""
        for code in np.unique(codes).tolist():
            group = self.groups[code]
            for level in levels:
                if group.needed(level) > group.upper.total:
                    yield level, group.upper.total, code

    def interval(
        self, prediction: Floats, unit: Any, codes: Codes, levels: list[Fraction]
    ) -> Floats:
        """Lower and upper ends of rows of the groups ``codes``; the rest as in :class:`ShiftedResiduals`."""
        answer = np.empty((len(prediction), 2, len(levels)))
        for code, rows in zip(*occurring(codes), strict=True):
            if len(rows) == len(codes):  # no need to copy predictions
                return self.groups[code].interval(prediction, unit, levels)
            scale = unit[rows] if np.ndim(unit) else unit
            answer[rows] = self.groups[code].interval(prediction[rows], scale, levels)
        return answer
