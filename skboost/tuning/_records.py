"""What a trial has found: scores and times of its folds, kept in one attribute of the Optuna trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

KEY = "skboost"  # the attribute

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"


@dataclass
class FoldResult:
    """One fit on one fold.

    ``test`` and ``train`` map metrics to scores; they are None where the fit failed, and ``error`` says why.
    """

    test: dict[str, float] | None = None
    train: dict[str, float] | None = None
    fit_time: float = 0.0
    score_time: float = 0.0
    error: str | None = None


@dataclass
class TrialRecord:
    """Everything about a trial that a search reports, as JSON can hold it.

    Lists have one entry a fold, ``duration`` is the sum of the seconds of all fits and scorings; what was not
    computed, or is not finite, is None. ``batch`` and ``batch_size`` say with which trials this one was asked, so
    that a search that was cut short can ask the rest of them again.
    """

    number: int
    state: str = COMPLETE
    test: dict[str, list[float | None]] = field(default_factory=dict)
    train: dict[str, list[float | None]] = field(default_factory=dict)
    fit_time: list[float | None] = field(default_factory=list)
    score_time: list[float | None] = field(default_factory=list)
    n_fits: int = 0
    n_splits_done: int = 0
    resource: int | None = None
    duration: float = 0.0
    error: str | None = None
    batch: int = 0
    batch_size: int = 1

    @classmethod
    def of(cls, trial: FrozenTrial) -> TrialRecord | None:
        """The record of a trial; None where it has none, as trials of another origin."""
        stored = trial.user_attrs.get(KEY)
        return cls(**stored) if isinstance(stored, Mapping) else None

    def as_attribute(self) -> dict[str, Any]:
        """What is stored."""
        return asdict(self)

    def put(self, fold: int, n_splits: int, result: FoldResult) -> None:
        """Enter the result of a fold."""
        for values, found in ((self.test, result.test), (self.train, result.train)):
            for metric, score in (found or {}).items():
                values.setdefault(metric, [None] * n_splits)[fold] = finite(score)
        for times, seconds in (
            (self.fit_time, result.fit_time),
            (self.score_time, result.score_time),
        ):
            if not times:
                times.extend([None] * n_splits)
            times[fold] = seconds
        self.n_fits += 1
        self.duration += result.fit_time + result.score_time
        self.error = self.error or result.error

    def scores(self, metric: str) -> list[float]:
        """Test scores of the folds, NaN where there are none."""
        return [math.nan if s is None else s for s in self.test.get(metric, [])]

    def mean(self, metric: str) -> float:
        """Mean test score over all folds; NaN unless every fold has one."""
        scores = self.scores(metric)
        return float(np.mean(scores)) if scores else math.nan  # as in cv_results_, to the last bit


def has_failed(trial: FrozenTrial) -> bool:
    """Whether a trial failed, also one of a search that was told the lowest score of others for it."""
    stored = trial.user_attrs.get(KEY)
    is_told = isinstance(stored, Mapping) and stored.get("state") == FAILED
    return is_told or trial.state == TrialState.FAIL


def finite(number: float | None) -> float | None:
    """The number, or None if it is none that JSON can hold."""
    return float(number) if number is not None and math.isfinite(number) else None
