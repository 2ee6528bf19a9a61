"""What a model of a study learns: the ranks of its trials."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._records import KEY, has_failed

Floats = npt.NDArray[np.float64]


def measured_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that say something about their points: complete, pruned and failed ones.

    A trial that a search of this package gave up for lack of time has no record, where the others have one; it says
    nothing. Trials of other origin have no records at all, and their failures count.
    """
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    trials = [trial for trial in trials if trial.state in ended and trial.params]
    has_records = any(KEY in trial.user_attrs for trial in trials)
    return [
        trial
        for trial in trials
        if trial.state != TrialState.FAIL or not has_records or KEY in trial.user_attrs
    ]


def rank_targets(trials: Sequence[FrozenTrial], direction: StudyDirection) -> Floats:
    """Places of trials among each other: (rank - 1/2) / n, near 1 for the best, 0 for those that failed.

    Ranks do not depend on the scale of the scores, so that infinite ones do no harm and trials of several studies can
    be compared. Ties share their mean rank. A pruned trial has its last reported value, but not more than the worst
    quarter of the complete ones reach. Trials that break constraints come below all others, in the order of the sum by
    which they break them.

    Parameters
    ----------
    trials : sequence of FrozenTrial
        Complete, pruned or failed.
    direction : StudyDirection

    Returns
    -------
    target : ndarray of shape (n_trials,)
        In [0, 1).
    """
    sign = -1.0 if direction == StudyDirection.MINIMIZE else 1.0
    value = np.array([sign * _value(trial) for trial in trials], dtype=np.float64)
    violation = np.array([sum(max(v, 0.0) for v in t.constraints.values()) for t in trials])
    is_pruned = np.array([trial.state == TrialState.PRUNED for trial in trials], dtype=bool)
    is_failed = np.array([has_failed(trial) for trial in trials], dtype=bool)
    is_failed |= np.isnan(value) & ~is_pruned

    complete = np.sort(value[~is_pruned & ~is_failed & (violation == 0)])
    value[np.isnan(value)] = -np.inf
    if len(complete):
        cap = complete[(len(complete) - 1) // 4]
        value[is_pruned] = np.minimum(value[is_pruned], cap)

    target = np.zeros(len(value))
    broken, fine = ~is_failed & (violation > 0), ~is_failed & (violation == 0)
    target[broken] = mean_ranks(-violation[broken])
    target[fine] = mean_ranks(value[fine]) + broken.sum()
    n = (~is_failed).sum()
    return np.where(is_failed, 0.0, (target - 0.5) / max(n, 1))


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2.0)[place.reshape(-1)]
    return ranks


def one_direction(study: optuna.Study, name: str) -> StudyDirection:
    """The direction of a study with one objective.

    Raises
    ------
    ValueError
        If it has several.
    """
    if len(study.directions) != 1:
        raise ValueError(
            f"{name} needs a study with one objective, but this one has {len(study.directions)} directions; take a "
            "sampler for several objectives, such as NSGAIIISampler of Optuna."
        )
    return study.directions[0]


def _value(trial: FrozenTrial) -> float:
    if trial.state == TrialState.COMPLETE:
        return float(trial.values[0])
    reported = trial.intermediate_values
    return reported[max(reported)] if trial.state == TrialState.PRUNED and reported else math.nan
