"""Where the scores of labels would stand among those of calibration rows."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

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

    def beside(self, model: int, scores: Floats, groups: Codes) -> tuple[Floats, Floats]:
        """Weight of the calibration scores that are smaller, and that are equal, for each row and label.

        Parameters
        ----------
        model : int
            Whose calibration rows are looked at.
        scores : ndarray of shape (m, n_classes)
        groups : ndarray of shape (m,)
            Group of each row; -1 for a group that did not occur.

        Returns
        -------
        smaller, equal : ndarray of shape (m, n_classes)
        """
        smaller, equal = np.zeros(scores.shape), np.zeros(scores.shape)
        one_group = len(self.totals) == 2 and bool((groups == 0).all())
        members = {}
        if not one_group:
            order = np.argsort(groups, kind="stable")
            found, starts = np.unique(groups[order], return_index=True)
            members = dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True))
        for (group, label), calibration in self._models[model].items():
            column = label if self.by_class else slice(None)
            if one_group:
                where = np.s_[:, column]
            elif group in members:
                where = (members[group], column)
            else:
                continue
            smaller[where], equal[where] = calibration.beside(scores[where])
        return smaller, equal

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


def rows_of(table: Floats, groups: Codes) -> Floats:
    """Rows of a table of groups; a single one if there are no groups."""
    return table[:1] if len(table) == 2 and (groups == 0).all() else table[groups]
