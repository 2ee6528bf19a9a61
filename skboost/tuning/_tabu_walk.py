"""The walk of a tabu search through a space, told by the results of trials in the order of their numbers."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import numpy as np

from skboost.tuning._neighbourhood import Code, Neighbourhood
from skboost.tuning._unit import Point

Quality = tuple[
    float, float
]  # minus the violation of constraints, then the score: larger is better

N_SCATTERED = 3  # points of a new start
N_RECENT = 20  # values whose spread is the unit of the penalty on frequent values
N_RETURNS = 2  # to the best point, with smaller steps, before a new start
TENURE = 1  # purpose of random numbers


class TabuMove(NamedTuple):
    """A move of a tabu search.

    Attributes
    ----------
    kind : "start", "step", "return" or "restart"
        The best of the first trials; to a neighbour; back to the best point, after which nothing is forbidden; to the
        best of a few points far from all others.
    number : int
        Of the trial whose point was moved to.
    clock : int
        Neighbourhoods that were left before.
    start, end : dict of str to value
        The points that were left and reached; ``start`` is empty for "start".
    forbidden : dict of str to int
        Parameters that a step changed, with the last clock at which the value that they had is forbidden.
    aspired : bool
        Whether the step led to a forbidden value, which is allowed if it is better than all points before.
    """

    kind: str
    number: int
    clock: int
    start: Point
    end: Point
    forbidden: dict[str, int]
    aspired: bool


class Seen(NamedTuple):
    """A point with its trial; ``quality`` is None if the trial was pruned or failed."""

    number: int
    code: Code
    quality: Quality | None


class TabuWalk:
    """Where a tabu search stands.

    Parameters
    ----------
    space : Neighbourhood
    n_startup_trials, n_neighbours, tenure, patience : int
    frequency_weight : float
    seed : int

    Attributes
    ----------
    current, best : Seen or None
        Where the search is, and the best point of all.
    moves : list of TabuMove
    scale : float
        Of the steps.
    n_scattered : int
        Points of a new start that are still to come.
    seen : list of Seen
        All that was observed.
    places : ndarray of shape (n_seen, n_parameters)
        Places in [0, 1] of the points.
    """

    current: Seen | None = None
    best: Seen | None = None
    scale: float = 1.0
    clock: int = 0
    n_scattered: int = 0
    _idle: int = 0  # neighbourhoods in a row without a new best point
    _returns: int = 0

    def __init__(
        self,
        space: Neighbourhood,
        *,
        n_startup_trials: int,
        n_neighbours: int,
        tenure: int,
        frequency_weight: float,
        patience: int,
        seed: int,
    ) -> None:
        self.space = space
        self.n_startup_trials = n_startup_trials
        self.n_neighbours = n_neighbours
        self.tenure = tenure
        self.frequency_weight = frequency_weight
        self.patience = patience
        self.seed = seed
        self.seen: list[Seen] = []
        self.places = np.empty((0, len(space.names)))
        self.moves: list[TabuMove] = []
        self._forbidden: list[tuple[int, float, int]] = []  # parameter, code, last clock
        self._visits: dict[tuple[int, int], int] = {}  # moves to the cells of parameters
        self._members: list[Seen] = []  # of the neighbourhood, or of a new start

    def copy(self) -> TabuWalk:
        """A walk that goes on by itself."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, list | dict):
                setattr(other, name, value.copy())
        return other

    def observe(self, number: int, code: Code, quality: Quality | None) -> None:
        """Take the result of the next trial into account, and move if it is time."""
        mine = Seen(number, code, quality)
        before = self.best
        self.seen.append(mine)
        self.places = np.vstack([self.places, self.space.places(code)])
        if is_better(mine, self.best):
            self.best = mine
        if self.current is None or len(self.seen) <= self.n_startup_trials:
            self._start(mine)
        elif self.n_scattered:
            self._members.append(mine)
            self.n_scattered -= 1
            if not self.n_scattered:
                self._restart()
        else:
            self._members.append(mine)
            admitted = not self.is_forbidden(code) or is_better(mine, before)
            if admitted and is_better(mine, self.current):
                self._leave(mine, improved=is_better(mine, before))
            elif len(self._members) >= self.n_neighbours:
                self._leave(self._best_member(), improved=False)

    def forbids(self, parameter: int, code: float) -> bool:
        """Whether a step would give a parameter a value that it left not long ago."""
        assert self.current is not None
        axis = self.space.axes[parameter]
        return any(
            j == parameter
            and last >= self.clock
            and axis.is_same(code, left, self.scale)
            and not axis.is_same(code, self.current.code[j], self.scale)
            for j, left, last in self._forbidden
        )

    def is_forbidden(self, code: Code) -> bool:
        """Whether a point has such a value."""
        assert self.current is not None
        return any(self.forbids(j, code[j]) for j in self.space.changed(self.current.code, code))

    def _start(self, mine: Seen) -> None:
        if is_better(mine, self.current):
            self.current = mine
            self.moves[:] = [self._move("start", None, mine)]

    def _best_member(self) -> Seen | None:
        """The best that a step may lead to; where values were often moved to counts against a point."""
        assert self.current is not None
        most = max(self._visits.values(), default=1)
        recent = [seen.quality[1] for seen in self.seen[-N_RECENT:] if seen.quality is not None]
        recent = [value for value in recent if math.isfinite(value)]
        unit = self.frequency_weight * (max(recent) - min(recent)) / most if recent else 0.0
        chosen, score = None, (-math.inf, -math.inf)
        for member in self._members:
            if member.quality is None or self.is_forbidden(member.code):
                continue
            visits = [
                self._visits.get((j, self.space.axes[j].cell(member.code[j])), 0)
                for j in self.space.changed(self.current.code, member.code)
            ]
            violation, value = member.quality
            mine = violation, value - unit * max(visits, default=0)
            if chosen is None or mine > score:
                chosen, score = member, mine
        return chosen

    def _leave(self, target: Seen | None, improved: bool) -> None:
        """End a neighbourhood by a step to ``target``, if there is one."""
        self._members.clear()
        if target is not None:
            self._step(target)
        self.clock += 1
        self._idle += 1
        if improved:
            self._idle = self._returns = 0
        elif self._idle >= self.patience:
            self._give_up()

    def _step(self, target: Seen) -> None:
        assert self.current is not None
        aspired = self.is_forbidden(target.code)
        changed = self.space.changed(self.current.code, target.code)
        random = np.random.default_rng([self.seed, target.number, TENURE])
        lasts = {}
        for j in changed:
            axis = self.space.axes[j]
            tenure = self.tenure if axis.n_cells is None else min(self.tenure, axis.n_cells - 1)
            lasts[j] = self.clock + tenure + int(random.integers(len(self.space.axes) + 1))
            self._forbidden.append((j, self.current.code[j], lasts[j]))
            visit = j, axis.cell(target.code[j])
            self._visits[visit] = self._visits.get(visit, 0) + 1
        self._forbidden = [entry for entry in self._forbidden if entry[2] > self.clock]
        self.moves.append(self._move("step", self.current, target, lasts, aspired))
        self.current = target

    def _give_up(self) -> None:
        """Go back to the best point with smaller steps; when that has failed, begin elsewhere."""
        self._idle = 0
        self._forbidden.clear()
        if self._returns < N_RETURNS:
            self._returns += 1
            self.scale = 0.5**self._returns
            assert self.best is not None
            self.moves.append(self._move("return", self.current, self.best))
            self.current = self.best
        else:
            self._returns = 0
            self.scale = 1.0
            self.n_scattered = N_SCATTERED

    def _restart(self) -> None:
        target = None
        for member in self._members:
            target = member if is_better(member, target) else target
        self._members.clear()
        if target is None:  # none of them was completed
            self.n_scattered = N_SCATTERED
            return
        self.moves.append(self._move("restart", self.current, target))
        self.current = target

    def _move(
        self, kind: str, start: Seen | None, end: Seen, lasts: Any = (), aspired: bool = False
    ) -> TabuMove:
        names, point = self.space.names, self.space.point
        return TabuMove(
            kind,
            end.number,
            self.clock,
            {} if start is None else point(start.code),
            point(end.code),
            {names[j]: last for j, last in dict(lasts).items()},
            aspired,
        )


def is_better(one: Seen, other: Seen | None) -> bool:
    """Whether a completed trial is better than another, if there is one."""
    if one.quality is None:
        return False
    return other is None or other.quality is None or one.quality > other.quality
