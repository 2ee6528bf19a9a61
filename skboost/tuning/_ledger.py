"""Where trials come from and go to: a study in memory, with a copy of each finished trial in a storage."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from optuna.pruners import HyperbandPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from skboost.tuning._records import KEY, TrialRecord
from skboost.tuning._space import SearchSpace


@dataclass
class Draw:
    """A trial that was asked for, its parameters, and (where a storage remembers it) how it ended.

    ``params`` is empty where the space has pruned the trial, so that there is nothing to fit.
    """

    trial: Trial
    params: dict[str, Any]
    known: FrozenTrial | None = None


class Ledger(Protocol):
    """What the loop of a search needs to know about its trials."""

    study: Study

    @property
    def n_known(self) -> int:
        """Trials that had ended before this search began."""

    def draw(self, deadline: float | None = None) -> list[Draw]:
        """The next batch; empty when there is nothing left to do, or nothing before the deadline."""

    def close(self, trial: FrozenTrial) -> None:
        """Keep a trial that has ended."""

    def forget(self, trial: Trial) -> None:
        """Let go of a trial, unless it has ended."""

    def leave(self) -> None:
        """The search is over."""


class Writer(Protocol):
    """Keeps copies of finished trials."""

    @property
    def trials(self) -> list[FrozenTrial]: ...

    def write(self, trial: FrozenTrial) -> None: ...

    def flush(self) -> None: ...


class PrivateLedger:
    """Trials of one search in one process.

    Parameters
    ----------
    study : Study
        In memory and empty.
    space : SearchSpace
    n_trials, batch_size : int
    mirror : Writer or None
        Holds copies of trials of an earlier run and takes those of this one.
    initial : sequence of dict
        Values of Optuna to try first.
    rest : sequence of dict
        Values of Optuna to try then, as far as they are not on record.
    repeats : bool
        Whether the sampler proposes the same again for the same number.

    Notes
    -----
    A batch is asked before any of its trials is told. A crash may leave some of them on record: then the whole batch
    is asked again, which gives the same parameters since random numbers are keyed by the trial's number, and those on
    record are not evaluated anew. With a sampler that does not repeat itself they count as a batch of their own, and
    the search goes on behind them.
    """

    def __init__(
        self,
        study: Study,
        space: SearchSpace,
        n_trials: int,
        batch_size: int,
        mirror: Writer | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        rest: Sequence[Mapping[str, Any]] = (),
        repeats: bool = True,
    ) -> None:
        self.study, self.space = study, space
        self.n_trials, self.batch_size = n_trials, batch_size
        self.mirror = mirror
        whole, self.cut = _split_batches(mirror.trials if mirror else [])
        while not repeats and len(whole) in self.cut:
            whole.append(self.cut.pop(len(whole)))
        _add_batches(study, whole)
        self.n_asked = len(whole)
        self.n_known = len(whole) + len(self.cut)
        known = [trial.params for trial in whole]
        for values in [*initial[self.n_asked :], *(point for point in rest if point not in known)]:
            study.enqueue_trial(dict(values))

    def draw(self, deadline: float | None = None) -> list[Draw]:
        cut, self.cut = self.cut, {}
        size = min(self.batch_size, self.n_trials - self.n_asked)
        if cut:
            record = TrialRecord.of(next(iter(cut.values())))
            size = record.batch_size if record else len(cut)
        draws = [self._ask(cut) for _ in range(max(size, 0))]
        self.n_asked += len(draws)
        return draws

    def _ask(self, cut: Mapping[int, FrozenTrial]) -> Draw:
        """One more trial; with its end, if the storage knows a trial of this number and these parameters."""
        trial, params = self.space.ask(self.study)
        known = cut.get(trial.number)
        if known is not None and known.params != trial.params:
            raise ValueError(
                f"Trial {trial.number} is on record with the parameters {known.params}, but the sampler now proposes "
                f"{trial.params}: the batch that was cut short cannot be repeated. Give the sampler, batch_size and "
                "random_state of the first run, or another study_name."
            )
        return Draw(trial, params, known)

    def close(self, trial: FrozenTrial) -> None:
        if self.mirror is not None:
            self.mirror.write(trial)

    def forget(self, trial: Trial) -> None:
        if not self.study.get_trials(deepcopy=False)[trial.number].state.is_finished():
            self.study.tell(trial, state=TrialState.FAIL)

    def leave(self) -> None:
        """End trials that an interrupt has left, and write what a storage out of reach could not take before."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
        if self.mirror is not None:
            self.mirror.flush()


def _add_batches(study: Study, trials: Sequence[FrozenTrial]) -> None:
    """Add trials of an earlier run, and let Hyperband make its brackets when it made them then.

    It makes them at the first report, or at the first one after a trial is complete; from then on it shows samplers
    only the trials of one bracket.
    """
    for _, batch in itertools.groupby(trials, lambda trial: trial.user_attrs[KEY]["batch"]):
        added = list(batch)
        reported = any(trial.intermediate_values for trial in added)
        if reported and isinstance(study.pruner, HyperbandPruner):
            study.pruner.prune(study, create_trial(state=TrialState.RUNNING))
        study.add_trials(added)


def _split_batches(
    trials: Sequence[FrozenTrial],
) -> tuple[list[FrozenTrial], dict[int, FrozenTrial]]:
    """Trials of whole batches in order, and those of a last batch that was cut short, by number."""
    numbered = {}
    for trial in trials:
        record = TrialRecord.of(trial)
        if record is not None:
            numbered[record.number] = (record, trial)
    whole: list[FrozenTrial] = []
    while len(whole) in numbered:
        first = numbered[len(whole)][0]
        batch = range(len(whole), first.batch + first.batch_size)
        if any(number not in numbered for number in batch):
            break
        whole.extend(numbered[number][1] for number in batch)
    left = {n: trial for n, (_, trial) in numbered.items() if n >= len(whole)}
    return whole, left
