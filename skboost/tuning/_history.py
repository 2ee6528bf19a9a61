"""The trials of a study as numbers, for samplers that learn from them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._activity import Gate, learn_gates
from skboost.tuning._encoding import Encoding, Floats, Words
from skboost.tuning._targets import measured_trials, rank_targets
from skboost.tuning._unit import Distributions

EVERY_TRIAL = 100
OPEN = (TrialState.RUNNING, TrialState.WAITING)


@dataclass(frozen=True)
class History:
    """The trials that a proposal may depend on.

    Attributes
    ----------
    encoding : Encoding
    trials : list of FrozenTrial
        Those that were measured, in the order of their numbers.
    units : ndarray of shape (n_trials, n_parameters)
        Their points.
    target : ndarray of shape (n_trials,)
        Their ranks.
    occupied : ndarray of shape (n_points, n_parameters)
        The points that trials have or had, those of running ones last.
    taken : ndarray of uint64
        Their keys.
    direction : StudyDirection
    """

    encoding: Encoding
    trials: list[FrozenTrial]
    units: Floats
    target: Floats
    occupied: Floats
    taken: Words
    direction: StudyDirection

    @property
    def n_known(self) -> int:
        """To how many trials a model is fitted: all of 100; of n, the largest multiple of ceil(n / 100).

        A model for each of 500 trials would cost more than twice as much, for little.
        """
        n = len(self.trials)
        return n - n % -(-n // EVERY_TRIAL) if n else 0

    def known(self) -> tuple[Floats, Floats]:
        """Points and ranks of the first ``n_known`` trials."""
        n = self.n_known
        if n == len(self.trials):
            return self.units, self.target
        return self.units[:n], rank_targets(self.trials[:n], self.direction)

    @functools.cached_property
    def gates(self) -> list[Gate]:
        """Which parameters are active together, told from the trials that a model knows."""
        return learn_gates(self.encoding, self.units[: self.n_known])

    def n_since_gain(self) -> int:
        """How many trials have ended after the best one."""
        return len(self.target) - 1 - int(np.argmax(self.target))


Rows = dict[int, tuple[dict[str, Any], Floats]]  # by the number of the trial: parameters and units


class HistoryReader:
    """Turns trials into a `History`; points that it has seen before are not converted again.

    A trial that has ended does not change, but a reader may be shown another study: so parameters are compared.
    """

    def __init__(self) -> None:
        self._seen: tuple[Encoding, Rows] | None = None  # one object: threads never see half of it

    def read(
        self, trials: Sequence[FrozenTrial], distributions: Distributions, direction: StudyDirection
    ) -> History:
        """The history of the trials other than the one that is asked for."""
        encoding, rows = self._known(distributions)
        measured = measured_trials(trials)
        units = _units(measured, encoding, rows)
        is_open = [trial for trial in trials if trial.state in OPEN and trial.params]
        pending = encoding.units(trial.params for trial in is_open)
        occupied = np.concatenate([units, pending])
        return History(
            encoding,
            measured,
            units,
            rank_targets(measured, direction),
            occupied,
            encoding.keys(occupied),
            direction,
        )

    def _known(self, distributions: Distributions) -> tuple[Encoding, Rows]:
        if self._seen is None or self._seen[0].distributions != dict(distributions):
            in_order = {name: distributions[name] for name in sorted(distributions)}
            self._seen = Encoding(in_order), {}
        return self._seen


def _units(trials: Sequence[FrozenTrial], encoding: Encoding, rows: Rows) -> Floats:
    """Units of trials, taken from ``rows`` where they are there, and left there."""
    units = []
    for trial in trials:
        params = trial.params
        known = rows.get(trial.number)
        if known is None or known[0] != params:
            known = rows[trial.number] = dict(params), encoding.units([params])[0]
        units.append(known[1])
    return np.array(units).reshape(len(units), len(encoding.names))
