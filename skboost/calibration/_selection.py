"""Figures of the rows that a certainty selects, under many weightings of these rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.metrics import calibration_floor

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FIGURES = (
    "kept",
    "event_rate",
    "auroc",
    "auroc_within",
    "auprc",
    "calibration_error",
    "accuracy",
)


class Selection:
    """Some of the rows, sorted once by what was said of them.

    A weighting is a row of numbers, one a row of the data: weights, or weights times how often a bootstrap sample drew
    the row. All figures of all weightings come from a few cumulative sums, in O(n) each, after a single sort.

    Parameters
    ----------
    happened : ndarray of bool of shape (n_samples,)
        Whether the event happened.
    prob : ndarray of shape (n_samples,)
        Its probability.
    kept : ndarray of bool of shape (n_samples,)
        The selected rows.
    folds : ndarray of int of shape (n_samples,) or None
        Rows in the same fold were predicted by the same model.
    n_bins : int
        Number of bins of equal mass for the calibration error.
    """

    def __init__(
        self,
        happened: Mask,
        prob: Floats,
        kept: Mask,
        folds: npt.NDArray[np.int64] | None,
        n_bins: int,
    ) -> None:
        rows = np.flatnonzero(kept)
        self.rows = rows[np.argsort(prob[rows], kind="stable")]
        self.happened = happened[self.rows]
        self.prob = prob[self.rows]
        self.starts = starts_of(self.prob)
        self.n_bins = n_bins
        self.correct = (self.prob > 0.5) == self.happened
        self.within = None
        if folds is not None:
            by_fold = np.argsort(folds[self.rows], kind="stable")
            self.within = by_fold, folds[self.rows][by_fold]

    def figures(self, weight: Floats) -> Floats:
        """All figures, NaN where a figure has no meaning.

        Parameters
        ----------
        weight : ndarray of shape (n_weightings, n_samples)
            Not negative; no row of it is zero everywhere.

        Returns
        -------
        figures : ndarray of shape (n_weightings, n_figures)
            In the order of ``FIGURES``.
        """
        mine = weight[:, self.rows]
        event = mine * self.happened
        total, n_events = mine.sum(axis=1), event.sum(axis=1)
        # (n_weightings, n_kept) -> (n_weightings, n_distinct)
        all_, events = tie_sums(mine, self.starts), tie_sums(event, self.starts)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: dict[str, Any] = {
                "kept": total / weight.sum(axis=1),
                "event_rate": n_events / total,
                "auroc": concordance(events, all_ - events, n_events * (total - n_events)),
                "auroc_within": self._within_folds(mine, event),
                "auprc": average_precision(events, all_, n_events, total),
                "calibration_error": self._calibration_error(mine, all_, total),
                "accuracy": mine @ self.correct / total,
            }
        return np.column_stack([found[name] for name in FIGURES])

    def floor(self, weight: Floats) -> float:
        """The calibration error that perfect probabilities would have on average."""
        if not len(self.rows):
            return float("nan")
        return calibration_floor(
            self.prob,
            kind="binary",
            n_bins=self.n_bins,
            strategy="quantile",
            sample_weight=weight[self.rows],
        )

    def _within_folds(self, mine: Floats, event: Floats) -> Floats:
        """AUROC of pairs of rows that one model has scored."""
        if self.within is None or not len(self.rows):
            return np.full(len(mine), np.nan)
        by_fold, fold = self.within
        starts = starts_of(fold)
        ties = starts_of(fold, self.prob[by_fold])
        events = tie_sums(event[:, by_fold], ties)
        others = tie_sums(mine[:, by_fold], ties) - events
        first = np.searchsorted(ties, starts)  # of each fold, among the distinct scores
        events_in_fold = np.add.reduceat(events, first, axis=1)
        others_in_fold = np.add.reduceat(others, first, axis=1)
        pairs = np.einsum("bf,bf->b", events_in_fold, others_in_fold)
        # concordance() counts all rows below: those of the folds before are taken away
        before = np.cumsum(others_in_fold, axis=1) - others_in_fold
        surplus = np.einsum("bf,bf->b", events_in_fold, before)
        return concordance(events, others, pairs, surplus)

    def _calibration_error(self, mine: Floats, all_: Floats, total: Floats) -> Floats:
        """sum_b |sum_{i in b} w_i (y_i - p_i)| / sum_i w_i over the bins of adaptive_calibration_error."""
        if not len(self.rows):
            return np.full(len(mine), np.nan)
        rank = self.n_bins * (2 * (np.cumsum(all_, axis=1) - all_) + all_) / (2 * total[:, None])
        # a weighting without any of these rows has no ranks
        place = np.minimum(np.nan_to_num(rank).astype(np.int64), self.n_bins - 1)
        place += self.n_bins * np.arange(len(mine))[:, None]
        excess = tie_sums(mine * (self.happened - self.prob), self.starts)
        gaps = np.bincount(
            place.reshape(-1), excess.reshape(-1), minlength=self.n_bins * len(mine)
        ).reshape(len(mine), self.n_bins)
        return np.asarray(np.abs(gaps).sum(axis=1) / total)


def concordance(
    events: Floats, others: Floats, pairs: Floats, surplus: Floats | float = 0.0
) -> Floats:
    """Share of pairs (event, no event) in which the event has the higher score; ties count half.

    Parameters
    ----------
    events, others : ndarray of shape (n_weightings, n_distinct)
        Weight of the rows with and without the event at each distinct score, in rising order.
    pairs : ndarray of shape (n_weightings,)
        Weight of all pairs.
    surplus : ndarray of shape (n_weightings,), default=0
        Weight of pairs to take away from those that are in order.
    """
    below = np.cumsum(others, axis=1)
    below -= 0.5 * others
    return np.asarray((np.einsum("bg,bg->b", events, below) - surplus) / pairs)


def average_precision(events: Floats, all_: Floats, n_events: Floats, total: Floats) -> Floats:
    """Mean over the events of the precision at their score; NaN if only events are there."""
    found = np.cumsum(events[:, ::-1], axis=1)
    precision = np.cumsum(all_[:, ::-1], axis=1)
    np.divide(found, precision, out=precision, where=precision > 0)
    area = np.einsum("bg,bg->b", events[:, ::-1], precision) / n_events
    return np.where(n_events < total, area, np.nan)


def starts_of(*keys: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """First places of runs of equal keys, in arrays that are sorted."""
    changes = np.ones(len(keys[0]), dtype=bool)
    if len(changes):
        changes[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.flatnonzero(changes)


def tie_sums(values: Floats, starts: npt.NDArray[np.intp]) -> Floats:
    """Sums over runs of columns; without ties the columns themselves."""
    if len(starts) == values.shape[1]:
        return values
    return np.asarray(np.add.reduceat(values, starts, axis=1))
