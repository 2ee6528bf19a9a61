"""Signs of life of processes that share a study, and what becomes of trials whose process has died."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from skboost.tuning._owner import Owner

LEASE = "skboost_lease"  # user attribute of a trial


class Leases:
    """The trials that this process works on, and a watch over those of others.

    A lease is a user attribute of a running trial: who works on it, and a counter that a thread
    raises every ``seconds / 3``. A trial whose lease has not changed for ``seconds`` is marked as
    failed, since samplers avoid the neighbourhood of running trials, for ever if nobody ends them.
    Each process measures the time between two changes by its own monotonic clock, so the clocks of
    machines may differ. A process of the same machine that has died is noticed at once.

    Parameters
    ----------
    study : optuna.Study
        In a storage that all processes reach.
    seconds : float
        Longer than the longest time for which a process may be unable to run its threads (code that
        holds Python's interpreter lock) or to reach the storage.
    now : callable, default=time.monotonic

    Notes
    -----
    A trial without a lease (its process died right after asking, or it is no process of ours) is
    treated as one whose lease does not change.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning._leases import Leases
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study()
    >>> clock = [0.0]
    >>> mine, other = (Leases(study, seconds=60, now=lambda: clock[0]) for _ in range(2))
    >>> mine.take(study.ask())
    >>> other.reap()
    []
    >>> clock[0] = 61.0
    >>> other.reap(), mine.lost(0)
    ([0], True)
    """

    def __init__(
        self, study: Study, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._study, self._now = study, now
        self._owner = Owner.here().as_dict()
        self._guard = threading.Lock()  # of the two tables that the thread reads, too
        self._held: dict[int, Trial] = {}
        self._counts: dict[int, int] = {}
        self._seen: dict[int, tuple[Any, float]] = {}  # leases of others, and since when
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    # -- signs of life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to renew leases in a thread of its own."""
        if self._thread is None:
            self._end.clear()
            self._thread = threading.Thread(target=self._beat, name="skboost-leases", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; leases that are held run out."""
        if self._thread is not None:
            self._end.set()
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Leases:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _beat(self) -> None:
        while not self._end.wait(self.seconds / 3):
            self.renew()

    def take(self, trial: Trial) -> None:
        """Say that this process works on a trial that it has asked for."""
        self._write(trial, 0)
        with self._guard:
            self._held[trial.number], self._counts[trial.number] = trial, 0

    def release(self, trial_number: int) -> None:
        """Stop renewing, because the trial has ended or was given up; not held is fine."""
        with self._guard:
            self._held.pop(trial_number, None)
            self._counts.pop(trial_number, None)

    def renew(self) -> None:
        """Raise the counters of the trials that are held."""
        with self._guard:
            held = list(self._held.items())
        for number, trial in held:
            with self._guard:
                if number not in self._held:  # released in the meantime
                    continue
                self._counts[number] += 1
                count = self._counts[number]
            try:
                self._write(trial, count)
            except UpdateFinishedTrialError:  # told just now, or reaped by others
                self.release(number)
            except (
                Exception
            ):  # the storage may be back for the next beat; the search itself complains
                continue

    def _write(self, trial: Trial, count: int) -> None:
        trial.set_user_attr(LEASE, {**self._owner, "count": count})

    def lost(self, trial_number: int) -> bool:
        """Whether others have ended a trial of this process; to be asked before telling its result."""
        return self._study.get_trials(deepcopy=False)[trial_number].state.is_finished()

    # -- the watch ---------------------------------------------------------------------------------

    def reap(self) -> list[int]:
        """Mark trials as failed whose process shows no sign of life.

        Returns
        -------
        numbers : list of int
            Those that were marked. Of several processes that do the same at once, more than one may
            list a trial.
        """
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        with self._guard:
            others = {trial.number: trial for trial in running if trial.number not in self._held}
        now = self._now()
        self._seen = {number: self._look(trial, now) for number, trial in others.items()}
        return [number for number, trial in others.items() if self._is_over(trial, now)]

    def _look(self, trial: FrozenTrial, now: float) -> tuple[Any, float]:
        """The lease of a trial, and when this process first saw it as it is."""
        lease = trial.user_attrs.get(LEASE)
        before = self._seen.get(trial.number)
        return before if before is not None and before[0] == lease else (lease, now)

    def _is_over(self, trial: FrozenTrial, now: float) -> bool:
        lease, since = self._seen[trial.number]
        owner = Owner.of(lease)
        is_dead = owner is not None and owner.is_dead()
        if not is_dead and now - since < self.seconds:
            return False
        try:
            told = self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        except UpdateFinishedTrialError:  # others were faster
            return False
        return told.state == TrialState.FAIL


def claim_unique(study: Study, trial: Trial, params: Iterable[str]) -> bool:
    """Whether no other trial has the parameters of this one.

    To be called when the parameters are on record, in a space that is discrete. Who gets False
    gives the trial up (tells FAIL) and asks for another.

    Parameters
    ----------
    study : optuna.Study
    trial : optuna.trial.Trial
        Running; all its parameters have been suggested.
    params : iterable of str
        The names of its parameters.

    Returns
    -------
    is_unique : bool
        False if another trial that is running, complete or pruned has the same parameters. Failed
        ones do not count: what was given up, or lost with its process, may be tried again.

    Notes
    -----
    Two equal trials never both stay. A trial writes its parameters and then reads those of all
    others. In a storage where a read sees all writes that ended before it, let the writes of i and
    j end in this order; the read of j begins after the write of j, so it sees i, and j gives way.
    Both may give way, if each reads after both writes; then both ask again. To let the one with the
    lower number stay would be wrong: it may be the one that writes last, after the other has read
    and stayed.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning._leases import claim_unique
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study()
    >>> for _ in range(2):
    ...     trial = study.ask()
    ...     _ = trial.suggest_categorical("kind", ["only"])
    ...     print(claim_unique(study, trial, trial.params))
    True
    False
    """
    trials = study.get_trials(deepcopy=False)
    names = set(params)
    # from the record, as those of the others: numbers may have another type before they are stored
    mine = {name: trials[trial.number].params[name] for name in names}
    return not any(
        other.params == mine
        for other in trials
        if other.number != trial.number and other.state != TrialState.FAIL
    )
