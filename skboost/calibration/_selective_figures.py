"""Figures for several thresholds of certainty, with bootstrap intervals and reasons for what is missing."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._validation import Integer, Many, Number
from skboost.calibration._passes import Pass
from skboost.calibration._resamples import resamples
from skboost.calibration._selection import FIGURES, Selection

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# 0.7 in float32 is 0.69999999, and the mean of a hundred votes is a sum with rounding errors.
TOLERANCE = 1e-6
# A smaller share of resamples without a figure is not worth a note.
SHARE_TO_MENTION = 0.01
KEPT, EVENT_RATE, AUROC, WITHIN, CALIBRATION_ERROR = map(
    FIGURES.index, ("kept", "event_rate", "auroc", "auroc_within", "calibration_error")
)


@dataclass(frozen=True)
class Settings:
    """Checked arguments of a report."""

    thresholds: Floats
    n_bins: int
    n_resamples: int
    confidence_level: float

    @classmethod
    def checked(
        cls, thresholds: Any, n_bins: Any, n_resamples: Any, confidence_level: Any
    ) -> Settings:
        """Settings, or a sentence that says what is wrong."""
        for name, value, constraint in (
            ("thresholds", thresholds, Many(Number())),
            ("n_bins", n_bins, Integer(1)),
            ("n_resamples", n_resamples, Integer(0)),
            ("confidence_level", confidence_level, Number(0, 1)),
        ):
            if not constraint.accepts(value):
                raise ValueError(
                    f"{name}={reprlib.repr(value)} is not valid for a selective report: it must be {constraint}."
                )
        return cls(np.asarray(thresholds, dtype=np.float64), n_bins, n_resamples, confidence_level)


class SelectiveFigures:
    """What is known of a few passes of predictions at a few thresholds.

    Parameters
    ----------
    happened : ndarray of bool of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
        All positive.
    passes : sequence of Pass
    settings : Settings
    rng : numpy.random.Generator
        Of the bootstrap.
    """

    def __init__(
        self,
        happened: Mask,
        weight: Floats,
        passes: Sequence[Pass],
        settings: Settings,
        rng: np.random.Generator,
    ) -> None:
        self.weight = weight
        self.settings = settings
        self.has_folds = passes[0].folds is not None
        self.highest = max(float(one.certainty.max()) for one in passes)
        self.selections = [
            [
                Selection(
                    happened,
                    one.prob,
                    one.certainty >= threshold - TOLERANCE,
                    one.folds,
                    settings.n_bins,
                )
                for threshold in settings.thresholds
            ]
            for one in passes
        ]
        # (n_passes, n_thresholds, 1 weighting, n_figures)
        self.by_pass = self._by_pass(weight[None, :])[:, :, 0]
        self.means = mean_of_known(self.by_pass)
        self.resampled = self._resampled(rng)

    def _by_pass(self, weight: Floats) -> Floats:
        """(n_weightings, n_samples) -> (n_passes, n_thresholds, n_weightings, n_figures)."""
        return np.array(
            [[selection.figures(weight) for selection in row] for row in self.selections]
        )

    def _resampled(self, rng: np.random.Generator) -> Floats:
        """Figures of bootstrap samples, shape (n_thresholds, n_resamples, n_figures).

        A sample draws the same rows in every pass, because it is the rows that are a sample of something.
        """
        blocks = [np.empty((len(self.settings.thresholds), 0, len(FIGURES)))]
        for counts in resamples(len(self.weight), self.settings.n_resamples, rng):
            blocks.append(mean_of_known(self._by_pass(counts * self.weight)))
        return np.concatenate(blocks, axis=1)

    @property
    def n_kept(self) -> Floats:
        """Mean over the passes of the summed weight of the kept rows."""
        kept = [[self.weight[one.rows].sum() for one in row] for row in self.selections]
        return np.asarray(np.mean(kept, axis=0))

    @property
    def floor(self) -> Floats:
        """Mean over the passes of the calibration error that perfect probabilities would have."""
        return mean_of_known(
            np.array([[one.floor(self.weight) for one in row] for row in self.selections])
        )

    def by_name(self, figures: Floats) -> dict[str, Floats]:
        """Figures along the last axis as a dictionary, without those that need folds if there are none."""
        return {
            name: figures[..., place]
            for place, name in enumerate(FIGURES)
            if self.has_folds or name != "auroc_within"
        }

    def intervals(self) -> dict[str, Floats]:
        """Intervals of the figures that have a meaning, each of shape (n_thresholds, 2).

        Percentiles of the resamples; those of the calibration error are reflected at the error itself.
        """
        tail = 0.5 * (1 - self.settings.confidence_level)
        ends = np.full((2, *self.means.shape), np.nan)
        for threshold, figure in np.argwhere(~np.isnan(self.means)):
            values = self.resampled[threshold, :, figure]
            values = values[~np.isnan(values)]
            if len(values):
                low, high = np.quantile(values, [tail, 1 - tail])
                if figure == CALIBRATION_ERROR:
                    error = self.means[threshold, figure]
                    low, high = max(2 * error - high, 0.0), max(2 * error - low, 0.0)
                ends[:, threshold, figure] = low, high
        return {name: pair.T for name, pair in self.by_name(ends).items()}

    def reasons(self) -> tuple[str, ...]:
        """For each threshold why figures are missing, or ""."""
        places = range(len(self.settings.thresholds))
        return tuple("; ".join(self._reasons(place)) for place in places)

    def _reasons(self, place: int) -> Iterator[str]:
        n_passes = len(self.by_pass)
        rows = np.mean([len(row[place].rows) for row in self.selections])
        kept, rate = self.means[place, KEPT], self.means[place, EVENT_RATE]
        if kept == 0:
            yield f"no row is that certain, the highest certainty is {self.highest:.6g}"
            return
        if np.isnan(self.means[place, AUROC]):
            whose = "none" if rate == 0 else "all"
            yield f"the event happened in {whose} of the {rows:.4g} kept rows, which leaves nothing to rank"
            return
        unranked = int(np.isnan(self.by_pass[:, place, AUROC]).sum())
        if unranked:
            yield f"in {unranked} of {n_passes} repetitions all kept rows have the same outcome, or none is kept"
        if self.has_folds and np.isnan(self.means[place, WITHIN]):
            yield "no fold keeps rows both with and without the event, which leaves no pair within a fold"
        if self.settings.n_resamples:
            share = float(np.isnan(self.resampled[place, :, AUROC]).mean())
            if share >= SHARE_TO_MENTION:
                yield f"{share:.0%} of the resamples keep nothing to rank and are left out of the intervals"


def mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis without NaN; NaN where nothing else is there."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / known.sum(axis=0))
