"""What a search aims at, and in which steps a trial is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.pruners import WilcoxonPruner

from skboost.tuning._evaluation import SINGLE
from skboost.tuning._fidelity import Ladder
from skboost.tuning._records import TrialRecord


@dataclass(frozen=True)
class Stage:
    """Folds that are fitted before a trial is looked at again, with how much of the resource (None: all)."""

    folds: tuple[int, ...]
    resource: int | None = None


@dataclass(frozen=True)
class Rules:
    """How trials of a search are run and judged.

    ``metrics`` are all that are known by name, the objectives among them; ``with_train`` says whether training rows
    are scored too.
    ``constraints`` maps a metric to the lowest and highest mean that are allowed.
    """

    objectives: tuple[str, ...]
    metrics: tuple[str, ...]
    n_splits: int
    stages: tuple[Stage, ...]
    reports_folds: bool = False
    constraints: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    error_score: float | str = math.nan
    with_train: bool = False

    @property
    def is_multimetric(self) -> bool:
        """Whether metrics have names."""
        return self.metrics != (SINGLE,)

    @property
    def n_fits(self) -> int:
        """Fits of a trial that is not stopped."""
        return sum(len(stage.folds) for stage in self.stages)

    def failure(self) -> dict[str, float]:
        """The scores of a fit that failed."""
        return dict.fromkeys(self.metrics, float(self.error_score))

    def value(self, record: TrialRecord, stage: Stage) -> float:
        """What a pruner is told after a stage: of the only objective, since there is one where trials are pruned."""
        scores = record.scores(self.objectives[0])
        if self.reports_folds:
            return scores[stage.folds[-1]]
        done = scores if stage.resource is not None else scores[: stage.folds[-1] + 1]
        return math.fsum(done) / len(done)

    def step(self, stage: Stage) -> int:
        """The step of a report: the fold, or the resource."""
        return stage.folds[-1] if stage.resource is None else stage.resource

    def violations(self, means: Mapping[str, float]) -> dict[str, float]:
        """By how much each constraint is missed; 0 or less where it holds."""
        found = {}
        for metric, (low, high) in self.constraints.items():
            mean = means[metric]
            found[metric] = math.inf if math.isnan(mean) else max(low - mean, mean - high)
        return found


def stages_of(n_splits: int, ladder: Ladder | None, pruner: Any) -> tuple[Stage, ...]:
    """All folds at once, or (with a pruner) one after the other, or (with a ladder) one rung after the other."""
    folds = tuple(range(n_splits))
    if ladder is not None:
        return tuple(Stage(folds, rung) for rung in ladder.rungs)
    if pruner is not None:
        return tuple(Stage((fold,)) for fold in folds)
    return (Stage(folds),)


def wants_folds(pruner: Any) -> bool:
    """Whether a pruner compares the scores of single folds instead of means over those so far."""
    return bool(getattr(pruner, "reports_folds", False)) or isinstance(pruner, WilcoxonPruner)


def objectives_of(objectives: Any, metrics: Sequence[str] | None, refit: Any) -> tuple[str, ...]:
    """Names of the metrics that are maximised.

    Parameters
    ----------
    objectives : str, list of str or None
    metrics : list of str or None
        Of several metrics their names; of one ``["score"]``; None if a callable will tell.
    refit : bool, str or callable

    Raises
    ------
    ValueError
        If a name is unknown, or nothing says which of several metrics is meant.
    """
    source = "objectives"
    if objectives is None:
        if metrics is not None and list(metrics) == [SINGLE]:
            objectives = [SINGLE]
        elif isinstance(refit, str):
            source, objectives = "refit", [refit]
        elif metrics is None:
            objectives = [SINGLE]
        elif len(metrics) == 1:
            objectives = list(metrics)
        else:
            raise ValueError(
                f"scoring has the metrics {list(metrics)}, and nothing says which of them to maximise; give "
                "objectives= one or several names, or refit= one."
            )
    names = [objectives] if isinstance(objectives, str) else list(objectives)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"objectives={objectives!r} must name one or several different metrics.")
    for name in names:
        if metrics is not None and name not in metrics:
            raise ValueError(f"{source}: {name!r} is no metric of scoring; known: {list(metrics)}.")
    return tuple(names)


def constraints_of(
    constraints: Any, metrics: Sequence[str] | None
) -> dict[str, tuple[float, float]]:
    """Bounds of metrics, with infinity for None.

    Raises
    ------
    ValueError
        If a metric is unknown or its bounds are no interval.
    """
    bounds = {}
    for metric, given in (constraints or {}).items():
        if metrics is not None and metric not in metrics:
            raise ValueError(
                f"constraints: {metric!r} is no metric of scoring; known: {list(metrics)}."
            )
        try:
            low, high = given
            interval = (
                -math.inf if low is None else float(low),
                math.inf if high is None else float(high),
            )
        except (TypeError, ValueError):
            interval = (math.nan, math.nan)
        if not interval[0] <= interval[1]:
            raise ValueError(
                f"constraints[{metric!r}]={given!r} is no interval; give (lowest, highest) with None for an open end."
            )
        bounds[metric] = interval
    return bounds


def describe_scores(values: Sequence[float]) -> str:
    """Scores for a line of progress."""
    return ", ".join(f"{value:.5g}" for value in np.atleast_1d(values))
