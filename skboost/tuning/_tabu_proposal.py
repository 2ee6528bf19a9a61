"""Which point a tabu search tries next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._neighbourhood import Code
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

    def continues(self, trials: list[FrozenTrial], sign: float) -> bool:
        """Whether these trials begin with those that the walk was told of."""
        same = sign == self.sign and len(trials) >= len(self.trials)
        return same and all(one is other for one, other in zip(self.trials, trials, strict=False))

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
    walk, tried = told.walk, told.tried
    assert walk.current is not None
    if walk.n_scattered <= len(told.running):
        neighbours = walk.space.neighbours(walk.current.code, walk.scale, random)
        fresh = [code for code in dict.fromkeys(neighbours) if code not in tried]
        admitted = [code for code in fresh if not walk.is_forbidden(code)] or fresh
        if admitted:  # if all are forbidden, one of them may still be better than all points before
            return admitted[int(np.argmax(promises(admitted, told, random)))]
    return far_point(told, random)


def promises(codes: list[Code], told: Told, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Ranks that are expected of points from their distances to others, with noise."""
    walk = told.walk
    places = np.array(walk.places + [walk.space.places(code) for code in told.running])
    rank = np.append(ranks([seen.quality for seen in walk.seen]), np.full(len(told.running), 0.5))
    nearness = np.exp(-walk.space.distances(codes, places) / REACH)
    weight = PRIOR + nearness.sum(axis=1)
    expected = (0.5 * PRIOR + nearness @ rank) / weight
    promise: npt.NDArray[np.float64] = expected + NOISE / np.sqrt(weight) * random.standard_normal(
        len(codes)
    )
    return promise


def ranks(qualities: list[Quality | None]) -> npt.NDArray[np.float64]:
    """Mean ranks among completed trials from 0 to 1; the middle of the lower half for others."""
    rank = np.full(len(qualities), 0.25)
    completed = [i for i, quality in enumerate(qualities) if quality is not None]
    values = np.array([qualities[i] for i in completed]).reshape(-1, 2)
    _, place, count = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - 0.5 * (count + 1)
    rank[completed] = middle[place.reshape(-1)] / max(len(completed) - 1, 1)
    return rank


def far_point(told: Told, random: np.random.Generator) -> Code:
    """Of random points that were not tried, the farthest from all that were; any point if there is no other."""
    space = told.walk.space
    draws = dict.fromkeys(space.random(random) for _ in range(N_DRAWS))
    fresh = [code for code in draws if code not in told.tried]
    if fresh:
        places = np.array([space.places(code) for code in told.tried])
        return fresh[int(np.argmax(space.distances(fresh, places).min(axis=1)))]
    if n_points(space.distributions) is not None:
        points = NumberedPoints(space.distributions)
        visited = {points.number(space.point(code)) for code in told.tried}
        number = points.unvisited({n for n in visited if n is not None}, random)
        code = None if number is None else space.code(points.point(number))
        if code is not None:
            return code
    return next(iter(draws))


def quality_of(trial: FrozenTrial, sign: float) -> Quality | None:
    """Minus the violation of constraints, and the value with its sign; None if it has no value."""
    if trial.state != TrialState.COMPLETE or trial.value is None:
        return None
    violation = sum(max(0.0, constraint) for constraint in trial.constraints.values())
    return -violation, sign * trial.value
