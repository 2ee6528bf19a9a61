"""Where the scores of labels would stand among those of calibration rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import TOLERANCE, Calibration

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


class ScoredRows(NamedTuple):
    """Calibration rows of one model: scores of their labels, weights, groups, and labels if these are groups too."""

    scores: Floats
    weight: Floats
    groups: Codes
    labels: Codes | None


class LabelRanks:
    """Sorted scores of calibration rows, by model and by the group that a row and its label belong to.

    Parameters
    ----------
    models : list of ScoredRows
        The calibration rows of each model.
    n_groups : int
        Number of groups of rows; 1 if there are no groups.
    n_classes : int, optional
        If each class is a group of its own.

    Attributes
    ----------
    totals : ndarray of shape (n_groups + 1, n_classes) or (n_groups + 1, 1)
        Weight of the calibration rows in each group; the last row is for rows of other groups, of which there are none.
    """

    def __init__(
        self, models: list[ScoredRows], n_groups: int = 1, n_classes: int | None = None
    ) -> None:
        self.by_class = n_classes is not None
        self.whole = all(bool((rows.weight == np.rint(rows.weight)).all()) for rows in models)
        self.totals = np.zeros((n_groups + 1, n_classes or 1))
        self._models = [self._sorted(rows) for rows in models]

    def _sorted(self, rows: ScoredRows) -> dict[tuple[int, int], Calibration]:
        """Scores of one model by group and class; the class is 0 if classes are no groups."""
        n_columns = self.totals.shape[1]
        cells = rows.groups * n_columns + (0 if rows.labels is None else rows.labels)
        order = np.argsort(cells, kind="stable")
        found, starts = np.unique(cells[order], return_index=True)
        calibrations = {}
        for cell, part in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
            calibration = Calibration(rows.scores[part], rows.weight[part])
            calibrations[divmod(cell, n_columns)] = calibration
            self.totals[divmod(cell, n_columns)] += calibration.total
        return calibrations

    def beside(
        self, model: int, scores: Floats, groups: Codes, levels: Sequence[Fraction] = ()
    ) -> tuple[Floats, Floats]:
        """Weight of the calibration scores that are smaller, and that are equal, for each row and label.

        Parameters
        ----------
        model : int
            Whose calibration rows are looked at.
        scores : ndarray of shape (m, n_classes)
        groups : ndarray of shape (m,)
            Group of each row; -1 for a group that did not occur.
        levels : sequence of Fraction, optional
            If only these are of interest. With a single model most scores then need no search: those in the set at
            every level have -inf smaller ones, those in none all of them.

        Returns
        -------
        smaller, equal : ndarray of shape (m, n_classes)
        """
        smaller, equal = np.zeros(scores.shape), np.zeros(scores.shape)
        tables = [self.thresholds(level) for level in levels] if len(self._models) == 1 else []
        rows = self._rows_by_group(groups)
        for cell, calibration in self._models[model].items():
            group, label = cell
            if group not in rows:
                continue
            where = (rows[group], label if self.by_class else slice(None))
            part = scores[where]
            if tables:
                zone = open_zone(calibration, [table[cell] for table in tables])
                smaller[where], equal[where] = beside_in_zone(calibration, part, zone)
            else:
                smaller[where], equal[where] = calibration.beside(part)
        return smaller, equal

    def _rows_by_group(self, groups: Codes) -> dict[int, Any]:
        """Which rows belong to each group: a slice if all belong to the only one."""
        if len(self.totals) == 2 and (groups == 0).all():
            return {0: slice(None)}
        order = np.argsort(groups, kind="stable")
        found, starts = np.unique(groups[order], return_index=True)
        return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True))

    def standing(
        self, smaller: Floats, equal: Floats, tie_breaks: Floats | None, groups: Codes
    ) -> Standing:
        """Ranks of new rows and labels.

        Parameters
        ----------
        smaller, equal : ndarray of shape (m, n_classes)
            Weight of scores that are smaller, or equal, summed over the models.
        tie_breaks : ndarray of shape (m,) or None
            Of a new score and all that equal it this share counts as at least as strange; None for all. The result is
            not below that of a score larger than all, so that groups with too few rows exclude nothing.
        groups : ndarray of shape (m,)
        """
        above = rows_of(self.totals, groups) - smaller
        if tie_breaks is None:
            above = above + 1.0
        else:
            above = above - equal + tie_breaks[:, None] * (1.0 + equal)
        return Standing(np.maximum(above, 1.0), self, groups)

    def thresholds(self, level: Fraction) -> Floats:
        """(1 - level) (W + 1) for each group, exact for whole weights; of the shape of ``totals``."""
        distinct, places = np.unique(self.totals, return_inverse=True)
        miss = (1 - level) * (1 if self.whole else 1 + Fraction(TOLERANCE))
        values = [float(miss * (Fraction(total) + 1)) for total in distinct.tolist()]
        return np.array(values)[places].reshape(self.totals.shape)


@dataclass(frozen=True)
class Standing:
    """How many calibration scores are at least as strange as that of each row and label, the new row included.

    Parameters
    ----------
    above : ndarray of shape (m, n_classes)
        This weight; 1 at least.
    ranks : LabelRanks
    groups : ndarray of shape (m,)
    """

    above: Floats
    ranks: LabelRanks
    groups: Codes

    def p_values(self) -> Floats:
        """above / (W + 1)."""
        return np.asarray(self.above / (rows_of(self.ranks.totals, self.groups) + 1.0))

    def exceeds(self, level: Fraction) -> npt.NDArray[np.bool_]:
        """Whether the p-value is larger than 1 - level, decided by ranks."""
        return np.asarray(self.above > rows_of(self.ranks.thresholds(level), self.groups))


def open_zone(calibration: Calibration, thresholds: list[float]) -> tuple[float, float]:
    """Scores below the first number exceed every threshold, and scores above the second none, whatever ties do.

    A new score has the weight G of larger ones and E of equal ones, and a rank of at least G and at most G + E + 1.
    """
    scores, total = calibration.scores, calibration.total
    # G > threshold: the weight of what is not larger is less than the rest
    rest = (total - max(thresholds)) * (1.0 - TOLERANCE)
    place = int(np.searchsorted(calibration.cumulative, rest)) - 1
    sure = float(scores[place]) if place >= 0 else -np.inf
    # G + E + 1 <= threshold: the weight of what is smaller is at least the rest
    rest = (total + 1.0 - min(thresholds)) * (1.0 + TOLERANCE)
    place = int(np.searchsorted(calibration.cumulative, rest)) - 1
    possible = float(scores[place]) if place < len(scores) else np.inf
    return sure, possible


def beside_in_zone(
    calibration: Calibration, scores: Floats, zone: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Weight of smaller and equal calibration scores; as if it were -inf below an open zone, and all above it."""
    sure, possible = zone
    is_open = (scores >= sure) & (scores <= possible)
    smaller = np.where(scores < sure, -np.inf, calibration.total)
    equal = np.zeros(scores.shape)
    smaller[is_open], equal[is_open] = calibration.beside(scores[is_open])
    return smaller, equal


def rows_of(table: Floats, groups: Codes) -> Floats:
    """Rows of a table of groups; a single one if there are no groups."""
    return table[:1] if len(table) == 2 and (groups == 0).all() else table[groups]
