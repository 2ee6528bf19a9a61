"""Trials of a study that several searches share, each with a lease on the trials it works on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from skboost.tuning._leases import Leases, claim_unique
from skboost.tuning._ledger import Draw
from skboost.tuning._records import TrialRecord
from skboost.tuning._space import SearchSpace

PATIENCE = 0.2  # seconds between looks at trials of others


class SharedLedger:
    """Trials of one search among several on one study.

    Parameters
    ----------
    study : Study
        In a storage that all of them reach.
    space : SearchSpace
    n_trials : int
        Trials of the study as a whole.
    batch_size : int
        Trials that this search takes at once.
    lease : float
        Seconds after which a search that shows no sign of life is taken for dead.
    initial : sequence of dict
        Values of Optuna to try first.

    Notes
    -----
    Of trials that were finished or are being worked on, the first ``n_trials`` count; a search that has
    asked for one too many gives it up. When none is left to take, it waits for those of others, so that all searches
    end with the same results, and takes the place of one that died. It does not wait beyond its deadline.
    """

    def __init__(
        self,
        study: Study,
        space: SearchSpace,
        n_trials: int,
        batch_size: int,
        lease: float,
        initial: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.study, self.space = study, space
        self.n_trials, self.batch_size = n_trials, batch_size
        self.n_known = sum(
            trial.state.is_finished() and TrialRecord.of(trial) is not None
            for trial in study.get_trials(deepcopy=False)
        )
        self.leases = Leases(study, lease)
        self.leases.start()
        for values in initial:
            study.enqueue_trial(dict(values), skip_if_exists=True)

    def draw(self, deadline: float | None = None) -> list[Draw]:
        while True:
            self.leases.reap()
            draws: list[Draw] = []
            while len(draws) < self.batch_size and (draw := self._take()) is not None:
                draws.append(draw)
            is_late = deadline is not None and time.time() > deadline
            if draws or is_late or not self._others_work():
                return draws
            time.sleep(PATIENCE)

    def _take(self) -> Draw | None:
        """One more trial, if the study needs one, with parameters that no other has."""
        while self._n_counted() < self.n_trials:
            trial, params = self.space.ask(self.study)
            self.leases.take(trial)
            if self._n_counted(before=trial.number) >= self.n_trials:
                self.forget(trial)
                return None
            if self.space.n_points is None or claim_unique(self.study, trial, trial.params):
                return Draw(trial, params)
            self.forget(trial)
        return None

    def _n_counted(self, before: int | None = None) -> int:
        """Trials that were finished or are being worked on, as far as their numbers are lower than one."""
        return sum(
            not trial.state.is_finished() or TrialRecord.of(trial) is not None
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state != TrialState.WAITING and (before is None or trial.number < before)
        )

    def _others_work(self) -> bool:
        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def close(self, trial: FrozenTrial) -> None:
        self.leases.release(trial.number)

    def forget(self, trial: Trial) -> None:
        self.leases.release(trial.number)
        self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def leave(self) -> None:
        self.leases.stop()
