"""Which point a tabu search tries next."""

from __future__ import annotations

import operator

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._neighbourhood import Code, Floats, Step
from skboost.tuning._records import has_failed
from skboost.tuning._tabu_walk import Quality, TabuWalk
from skboost.tuning._unit import n_points
from skboost.tuning._unvisited import NumberedPoints

REACH = 0.25  # distance over which the rank of a point says something of others
PRIOR = 0.3  # points of middle rank that are everywhere
NOISE = 0.3  # standard deviation of the promise of a point that is far from all others, about
N_DRAWS = 30  # random points of which a new start takes the one that is farthest from all others

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Told:
    """A walk, the trials that it was told of, and what else is known of a study.

    Attributes
    ----------
    walk : TabuWalk
    sign : float
        Of values, so that larger ones are better.
    trials : list of FrozenTrial
        Those that the walk has been told of.
    tried : set of codes
        Of their points and of those of running trials.
    running : list of codes
    """

    def __init__(self, walk: TabuWalk, sign: float) -> None:
        self.walk = walk
        self.sign = sign
        self.trials: list[FrozenTrial] = []
        self.tried: set[Code] = set()
        self.running: list[Code] = []

    def begins(self, trials: list[FrozenTrial], sign: float) -> bool:
        """Whether these trials begin with those that the walk was told of."""
        same = sign == self.sign and len(trials) >= len(self.trials)
        return same and all(map(operator.is_, self.trials, trials))

    def places(self) -> Floats:
        """Places of all points that the walk was told of, then of those that are being tried."""
        running = [self.walk.space.places(code) for code in self.running]
        return np.vstack([self.walk.places, *running])

    def beyond(self, trials: list[FrozenTrial]) -> Told:
        """What is known with further trials; those that lack a parameter are passed over.

        It is a new object: threads may share this one.
        """
        other = Told(self.walk.copy(), self.sign)
        other.trials = self.trials + trials
        other.tried = self.tried.copy()
        other.running = self.running.copy()
        for trial in trials:
            code = self.walk.space.code(trial.params)
            if code is not None:
                other.tried.add(code)
                if trial.state in FINISHED:
                    other.walk.observe(trial.number, code, quality_of(trial, self.sign))
                else:
                    other.running.append(code)
        return other


def propose(told: Told, random: np.random.Generator) -> Code:
    """A neighbour of the current point that was not tried before, or a point far from all others."""
    walk = told.walk
    assert walk.current is not None
    here = walk.current.code
    if walk.n_scattered <= len(told.running):
        fresh = {}
        for j, new in walk.space.steps(here, walk.scale, random):
            code = (*here[:j], new, *here[j + 1 :])
            if code not in told.tried:
                fresh[code] = j, new
        admitted = [code for code, step in fresh.items() if not walk.forbids(*step)] or list(fresh)
        if admitted:  # if all are forbidden, one of them may still be better than all points before
            promise = promises([fresh[code] for code in admitted], told, random)
            return admitted[int(np.argmax(promise))]
    return far_point(told, random)


def promises(steps: list[Step], told: Told, random: np.random.Generator) -> Floats:
    """Ranks that are expected after steps from the distances to other points, with noise."""
    walk = told.walk
    assert walk.current is not None
    others = told.places()
    rank = np.full(len(others), 0.5)  # of running trials
    rank[: len(walk.seen)] = ranks([seen.quality for seen in walk.seen])
    distance = walk.space.distances_of_steps(walk.current.code, steps, others)
    nearness = np.exp(distance / -REACH)
    weight = PRIOR + nearness.sum(axis=1)
    expected = (0.5 * PRIOR + nearness @ rank) / weight
    promise: Floats = expected + NOISE / np.sqrt(weight) * random.standard_normal(len(steps))
    return promise


def ranks(qualities: list[Quality | None]) -> Floats:
    """Mean ranks among completed trials from 0 to 1; the middle of the lower half for others."""
    rank = np.full(len(qualities), 0.25)
    completed = np.array([quality is not None for quality in qualities], dtype=bool)
    pairs = np.array([quality for quality in qualities if quality is not None]).reshape(-1, 2)
    if len(pairs):
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        new = np.append(True, np.any(pairs[order][1:] != pairs[order][:-1], axis=1))
        starts = np.append(np.flatnonzero(new), len(pairs))
        middle = 0.5 * (starts[:-1] + starts[1:] - 1)
        place = np.empty(len(pairs))
        place[order] = middle[np.cumsum(new) - 1] / max(len(pairs) - 1, 1)
        rank[completed] = place
    return rank


def far_point(told: Told, random: np.random.Generator) -> Code:
    """Of random points that were not tried, the farthest from all that were; any point if there is no other."""
    space = told.walk.space
    draws = dict.fromkeys(space.random(random) for _ in range(N_DRAWS))
    fresh = [code for code in draws if code not in told.tried]
    if fresh:
        places = told.places()
        return max(fresh, key=lambda code: space.distances(code, places).min())
    if n_points(space.distributions) is not None:
        points = NumberedPoints(space.distributions)
        visited = {points.number(space.point(code)) for code in told.tried}
        number = points.unvisited({n for n in visited if n is not None}, random)
        code = None if number is None else space.code(points.point(number))
        if code is not None:
            return code
    return next(iter(draws))


def quality_of(trial: FrozenTrial, sign: float) -> Quality | None:
    """Minus the violation of constraints, and the value with its sign; None if it has no value or failed."""
    if trial.state != TrialState.COMPLETE or trial.value is None or has_failed(trial):
        return None
    violation = sum(max(0.0, constraint) for constraint in trial.constraints.values())
    return -violation, sign * trial.value
