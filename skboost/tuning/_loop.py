"""The loop of a search: ask a batch, evaluate it stage by stage, tell it in order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._evaluation import Job
from skboost.tuning._ledger import Draw, Ledger
from skboost.tuning._records import COMPLETE, FAILED, KEY, PRUNED, FoldResult, TrialRecord, finite
from skboost.tuning._rules import Rules, Stage
from skboost.tuning._workers import Workers

Listener = Callable[[Study, FrozenTrial], Any]


@dataclass
class Candidate:
    """A trial while it is being evaluated."""

    draw: Draw
    record: TrialRecord
    is_open: bool = True  # whether more folds are to come
    is_cut: bool = False  # whether time ran out before its end

    @classmethod
    def of(cls, draw: Draw, batch: int, batch_size: int) -> Candidate:
        """At the beginning, which is the end if there is nothing to fit."""
        state = COMPLETE if draw.params else PRUNED
        record = TrialRecord(draw.trial.number, state, batch=batch, batch_size=batch_size)
        return cls(draw, record, is_open=bool(draw.params))


class Stop:
    """``study.stop`` while a search runs, for callbacks and samplers; Optuna's works in ``study.optimize`` only."""

    wanted = False

    def __call__(self) -> None:
        self.wanted = True


class TrialLoop:
    """Runs the trials of a ledger.

    Parameters
    ----------
    study : Study
    ledger : Ledger
    workers : Workers
    rules : Rules
    deadline : float or None
        Seconds since the epoch; no fit begins later.
    listeners : list of callable
        Called with the study and each trial that has ended, in order; one that returns True ends the search.

    Attributes
    ----------
    stopped : bool
        Whether a listener or the deadline ended it.
    """

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        workers: Workers,
        rules: Rules,
        deadline: float | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.study, self.ledger, self.workers, self.rules = study, ledger, workers, rules
        self.deadline, self.listeners = deadline, listeners
        self.stopped = False
        self._worst: list[float] | None = None

    def run(self) -> None:
        """Go on until there are no trials left, or time is up, or a listener has seen enough."""
        stop = self.study.__dict__["stop"] = Stop()
        try:
            while not self.stopped and not self._is_late():
                draws = self.ledger.draw(self.deadline)
                if not draws:
                    return
                self._run_batch(draws)
                self.stopped |= stop.wanted
        finally:
            del self.study.__dict__["stop"]

    def _is_late(self) -> bool:
        return self.deadline is not None and time.time() > self.deadline

    def _run_batch(self, draws: list[Draw]) -> None:
        """Evaluate some trials side by side; those that cannot be finished are given back."""
        first = draws[0].trial.number
        batch = [Candidate.of(draw, first, len(draws)) for draw in draws]
        ended = 0
        try:
            for stage in self.rules.stages:
                self._run_stage(stage, batch)
            for candidate in batch:
                self._end(candidate)
                ended += 1
        except BaseException:
            for candidate in batch[ended:]:
                self.ledger.forget(candidate.draw.trial)
            raise

    # -- evaluation -------------------------------------------------------------------------------------------------

    def _run_stage(self, stage: Stage, batch: list[Candidate]) -> None:
        """Fit the folds of a stage for all trials of the batch that need it, then see which of them go on."""
        fitted = [c for c in batch if c.is_open and c.draw.known is None]
        jobs = [
            Job(c.record.number, c.draw.params, fold, stage.resource, self.deadline)
            for c in fitted
            for fold in stage.folds
        ]
        results = iter(self.workers.run(jobs) if jobs else [])
        for candidate in fitted:
            for fold in stage.folds:
                self._enter(candidate, fold, next(results))
            candidate.record.resource = stage.resource
        if stage is self.rules.stages[-1]:
            return
        for candidate in batch:  # after all have entered: what a pruner sees is the same for all
            if candidate.draw.known is not None:
                self._remind_pruner(candidate.draw, candidate.draw.known, self.rules.step(stage))
            elif candidate.is_open:
                self._ask_pruner(candidate, stage)

    def _enter(self, candidate: Candidate, fold: int, result: FoldResult | None) -> None:
        """Note what a fold gave."""
        if result is None:
            candidate.is_open, candidate.is_cut = False, True
            return
        record = candidate.record
        if result.test is None:
            result.test = self.rules.failure()
        elif result.error is None:
            self._check_metrics(result.test)
        if result.train is None and self.rules.with_train:
            result.train = self.rules.failure()
        record.put(fold, self.rules.n_splits, result)
        scores = [(result.test or {}).get(name) for name in self.rules.objectives]
        if any(finite(score) is None for score in scores):
            candidate.is_open, record.state = False, FAILED

    def _check_metrics(self, found: dict[str, float]) -> None:
        """Refuse a callable that returns other metrics than the search aims at."""
        wanted = [*self.rules.objectives, *self.rules.constraints]
        missing = [name for name in wanted if name not in found]
        if missing:
            raise ValueError(
                f"scoring returned the metrics {list(found)}, of which none is {missing[0]!r}; give objectives= (or "
                "refit=) one of these names, or let scoring return one number."
            )

    def _ask_pruner(self, candidate: Candidate, stage: Stage) -> None:
        """Report how a trial is doing, and stop it if there is no hope."""
        trial = candidate.draw.trial
        try:
            trial.report(self.rules.value(candidate.record, stage), self.rules.step(stage))
        except UpdateFinishedTrialError:  # taken for dead, and given to others
            candidate.is_open, candidate.is_cut = False, True
            return
        if trial.should_prune():
            candidate.is_open, candidate.record.state = False, PRUNED

    def _remind_pruner(self, draw: Draw, known: FrozenTrial, step: int) -> None:
        """Report what a storage remembers when it is due: some pruners look at all trials of a batch."""
        if step in known.intermediate_values:
            draw.trial.report(known.intermediate_values[step], step)
            draw.trial.should_prune()  # the answer is known; pruners note the rung of a trial here

    # -- the end of a trial -----------------------------------------------------------------------------------------

    def _end(self, candidate: Candidate) -> None:
        """Tell the study, keep the trial, call the listeners."""
        trial = candidate.draw.trial
        if candidate.is_cut:
            self.ledger.forget(trial)
            return
        if candidate.draw.known is not None:
            self._repeat(candidate.draw, candidate.draw.known)
            return
        record = candidate.record
        record.n_splits_done = len([s for s in record.scores(self.rules.objectives[0]) if s == s])
        try:
            frozen = self._tell(candidate)
        except UpdateFinishedTrialError:  # taken for dead, and given to others
            return
        self.ledger.close(frozen)
        for listener in self.listeners:
            answer = listener(self.study, frozen)
            if isinstance(answer, bool | np.bool_) and answer:
                self.stopped = True

    def _tell(self, candidate: Candidate) -> FrozenTrial:
        """The study's own record: values, constraints, state."""
        trial, record = candidate.draw.trial, candidate.record
        trial.set_user_attr(KEY, record.as_attribute())
        if record.state == PRUNED:
            return self.study.tell(trial, state=TrialState.PRUNED)
        means = {metric: record.mean(metric) for metric in record.test}
        if record.state == COMPLETE:
            missing = dict.fromkeys(self.rules.constraints, math.nan)
            for metric, violation in self.rules.violations({**missing, **means}).items():
                trial.set_constraint(metric, min(violation, 1e300))  # storages want it finite
            values = [means[name] for name in self.rules.objectives]
            self._note_worst(values)
            return self.study.tell(trial, values)
        if self._worst_known() is None:
            return self.study.tell(trial, state=TrialState.FAIL)
        # samplers pass over failed trials and would come back to where fits fail; the record says what is true
        for metric in self.rules.constraints:
            trial.set_constraint(metric, 1e300)
        return self.study.tell(trial, self._worst_known())

    def _repeat(self, draw: Draw, known: FrozenTrial) -> None:
        """Tell the study again what a storage remembers."""
        for key, value in known.user_attrs.items():
            draw.trial.set_user_attr(key, value)
        reported = {self.rules.step(stage) for stage in self.rules.stages[:-1]}
        for step, value in sorted(known.intermediate_values.items()):
            if step not in reported:  # of a first run with other stages
                draw.trial.report(value, step)
        for key, value in known.constraints.items():
            draw.trial.set_constraint(key, value)
        if known.state == TrialState.COMPLETE:
            self._note_worst(known.values)
            self.study.tell(draw.trial, known.values)
        else:
            self.study.tell(draw.trial, state=known.state)

    # -- the worst values so far ------------------------------------------------------------------------------------

    def _note_worst(self, values: Sequence[float]) -> None:
        worst = self._worst_known()
        self._worst = list(values) if worst is None else list(map(min, worst, values))

    def _worst_known(self) -> list[float] | None:
        """The lowest finite value of each objective among the trials of the study."""
        if self._worst is None:
            told = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            columns = zip(*(trial.values for trial in told), strict=True) if told else ()
            self._worst = [min(column) for column in columns] or None
        return self._worst
