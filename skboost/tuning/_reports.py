"""What trials have reported, as arrays, so that pruners can compare them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._records import has_failed

Floats = npt.NDArray[np.float64]

# Means of equal numbers in another order differ in the last digits; this is no difference.
ROUNDING = 1e-12


def direction_sign(study: optuna.Study) -> float:
    """1 if the study maximises, -1 if it minimises: what makes larger values better."""
    return 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0


def complete_trials(study: optuna.Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """Complete trials of a study that could be its best, but for the one given: neither failed nor infeasible."""
    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [
        other
        for other in found
        if other.number != trial.number
        and not has_failed(other)
        and all(bound <= 0 for bound in other.constraints.values())
    ]


def own_reports(trial: FrozenTrial, sign: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Steps in increasing order and the values reported there; larger is better; NaN counts as not reported."""
    known = sorted((step, v) for step, v in trial.intermediate_values.items() if not np.isnan(v))
    steps = np.array([step for step, _ in known], dtype=np.int64)
    return steps, sign * np.array([value for _, value in known], dtype=np.float64)


def reports_of(trials: Sequence[FrozenTrial], steps: npt.NDArray[np.int64], sign: float) -> Floats:
    """Values that trials reported at given steps, as (n_trials, n_steps); NaN where there is none."""
    rows = [[t.intermediate_values.get(s, np.nan) for s in steps.tolist()] for t in trials]
    return sign * np.array(rows, dtype=np.float64).reshape(len(trials), len(steps))


def mean_leads(own: Floats, others: Floats) -> Floats:
    """By how much one row is better in the mean than each of others, over the steps that both have.

    Parameters
    ----------
    own : ndarray of shape (n_steps,)
    others : ndarray of shape (n_others, n_steps)
        NaN where nothing is known.

    Returns
    -------
    leads : ndarray of shape (n_others,)
        NaN for those who share no step. Differences that are only rounding are 0.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # infinite in both: nothing to learn
        gaps = own - others
        shared = ~np.isnan(gaps)
        leads: Floats = np.where(shared, gaps, 0.0).sum(axis=1) / shared.sum(axis=1)
    size = np.abs(np.where(np.isfinite(own), own, 0.0)).max(initial=0.0)
    leads[np.abs(leads) <= ROUNDING * size] = 0.0
    return leads


def incumbent_place(trials: Sequence[FrozenTrial], sign: float) -> int:
    """Place of the best of complete trials, the earliest of equals."""
    values = [sign * trial.value if trial.value is not None else -np.inf for trial in trials]
    return values.index(max(values))
