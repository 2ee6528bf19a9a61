"""NSGA-III: survivors spread over given directions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skboost.tuning._domination import Floats, non_dominated_rank, oriented
from skboost.tuning._survivors import Places, SurvivorSelection, finite, level_front

# Weight of the other objectives in the search of extreme points.
OFF_AXIS = 1e6
# Largest 1 / intercept, in units of the range; such a plane stands on one point.
STEEPEST = 1e9
DIGITS = 12


def reference_directions(n_objectives: int, n_divisions: int) -> Floats:
    """Das and Dennis' directions: all vectors of multiples of 1 / n_divisions whose sum is 1.

    Returns
    -------
    directions : ndarray of shape (C(n_objectives + n_divisions - 1, n_divisions), n_objectives)

    Examples
    --------
    >>> from skboost.tuning._nsga3 import reference_directions
    >>> reference_directions(3, 2)
    array([[1. , 0. , 0. ],
           [0.5, 0.5, 0. ],
           [0.5, 0. , 0.5],
           [0. , 1. , 0. ],
           [0. , 0.5, 0.5],
           [0. , 0. , 1. ]])
    """
    chosen = itertools.combinations_with_replacement(range(n_objectives), n_divisions)
    counts = [np.bincount(axes, minlength=n_objectives) for axes in chosen]
    return np.array(counts) / n_divisions


def most_divisions(n_objectives: int, n_selected: int) -> int:
    """Largest number of divisions, 1 at least, that gives no more directions than points are selected."""
    if n_objectives == 1:
        return 1
    n_divisions = 1
    while math.comb(n_objectives + n_divisions, n_divisions + 1) <= n_selected:
        n_divisions += 1
    return n_divisions


def nsga3_selection(
    values: Any,
    n_selected: int,
    *,
    directions: Sequence[str] | None = None,
    reference_points: Any = None,
    violation: Any = None,
    seed: int | Sequence[int] = 0,
) -> Places:
    """Points that survive by the rules of NSGA-III [1]_.

    Whole fronts survive as long as they fit. Of the next one, those points survive that lie in the least crowded
    directions:

    1. Costs are counted from the best value of each objective, and divided by the intercepts of the plane through the
       extreme points; by the largest costs if there is no such plane.
    2. Each point belongs to the reference direction with which it makes the smallest angle.
    3. The direction with the fewest survivors takes one more of its points, the nearest if it has none, otherwise any;
       and again, until there are enough. Ties are broken at random.

    Parameters
    ----------
    values : array-like of shape (n_points, n_objectives)
        Larger is better unless ``directions`` says otherwise. A point with NaN is never selected; infinite values are
        placed beyond the finite ones.
    n_selected : int
        At least 1, and not more than there are points without NaN.
    directions : sequence of {"maximize", "minimize"}, default=None
        None maximises all objectives.
    reference_points : array-like of shape (n_references, n_objectives), default=None
        Directions from the best corner into the costs: not negative, and none is zero. None takes those of Das and
        Dennis with as many divisions as do not give more directions than ``n_selected``.
    violation : array-like of shape (n_points,), default=None
        By how much a point breaks its constraints; see :func:`non_dominated_rank`.
    seed : int or sequence of int, default=0
        Of the ties.

    Returns
    -------
    selected : ndarray of shape (n_selected,), int64
        Places of the points, increasing.

    Raises
    ------
    ValueError
        If there are too few points, or an argument is none of these.

    Notes
    -----
    Step 3 needs no loop. The j-th point in the queue of a direction that has k survivors is taken when all directions
    hold k + j - 1, so that sorting by this sum gives the order of the loop. 1000 points of three objectives take less
    than 50 ms.

    References
    ----------
    .. [1] K. Deb and H. Jain, "An evolutionary many-objective optimization algorithm using reference-point-based
       nondominated sorting approach, part I", IEEE Transactions on Evolutionary Computation 18 (4), 2014;
       algorithms 1 to 4.

    Examples
    --------
    >>> from skboost.tuning import nsga3_selection
    >>> values = [[1.0, 0.0], [0.9, 0.3], [0.8, 0.35], [0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]
    >>> nsga3_selection(values, 3)
    array([0, 3, 4])
    """
    table = oriented(values, directions)
    rank = non_dominated_rank(table, violation=violation)
    level = level_front(rank, n_selected)
    whole, partly = np.flatnonzero((rank >= 0) & (rank < level)), np.flatnonzero(rank == level)
    wanted = n_selected - len(whole)
    if wanted == len(partly):
        return np.sort(np.concatenate([whole, partly]))
    references = checked_references(reference_points, table.shape[1], n_selected)
    costs = normalised_costs(finite(-table[np.concatenate([whole, partly])]))
    nearest, distance = associate(costs, references)
    rng = np.random.default_rng(seed)
    reference_order, point_order = rng.permutation(len(references)), rng.permutation(len(table))
    taken = np.bincount(nearest[: len(whole)], minlength=len(references))
    chosen = fill_niches(
        nearest[len(whole) :],
        distance[len(whole) :],
        taken,
        reference_order,
        point_order[partly],
        wanted,
    )
    return np.sort(np.concatenate([whole, partly[chosen]]))


def checked_references(reference_points: Any, n_objectives: int, n_selected: int) -> Floats:
    """Reference directions of length 1."""
    if reference_points is None:
        points = reference_directions(n_objectives, most_divisions(n_objectives, n_selected))
    else:
        points = np.asarray(reference_points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != n_objectives or not len(points):
            raise ValueError(
                f"reference_points must have one column for each of the {n_objectives} objectives, "
                f"but its shape is {points.shape}."
            )
        if not (np.isfinite(points).all() and (points >= 0).all() and points.any(axis=1).all()):
            raise ValueError(
                "reference_points must be finite, not negative and not all zero in any row."
            )
    unit: Floats = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit


def normalised_costs(costs: Floats) -> Floats:
    """Costs from the ideal point, in units of the intercepts of the plane through the extreme points.

    They are divided by their ranges first, so that the units of the objectives do not decide what is extreme.
    """
    costs = costs - costs.min(axis=0)
    largest = costs.max(axis=0)
    costs /= np.where(largest > 0, largest, 1.0)
    n_objectives = costs.shape[1]
    # The extreme point of an axis is nearest to it: the largest weighted cost off the axis is smallest.
    weights = np.full((n_objectives, n_objectives), OFF_AXIS)
    np.fill_diagonal(weights, 1.0)
    scores = np.stack([(costs * weight).max(axis=1) for weight in weights])
    extremes = costs[scores.argmin(axis=1)]
    if np.linalg.matrix_rank(extremes) < n_objectives:
        return costs
    plane = np.linalg.solve(extremes, np.ones(n_objectives))  # 1 / intercept
    usable = (plane > 0).all() and (plane < STEEPEST).all()
    return costs * plane if usable else costs


def associate(costs: Floats, references: Floats) -> tuple[Places, Floats]:
    """Direction of each point with the smallest angle, and the distance from its line.

    Both are rounded, so that ties do not depend on the order in which a machine adds.
    """
    length = np.linalg.norm(costs, axis=1)
    cosine = costs @ references.T / np.where(length > 0, length, 1.0)[:, None]
    nearest = cosine.round(DIGITS).argmax(axis=1)
    along = (costs * references[nearest]).sum(axis=1, keepdims=True)
    return nearest, np.linalg.norm(costs - along * references[nearest], axis=1).round(DIGITS)


def fill_niches(
    nearest: Places,
    distance: Floats,
    taken: Places,
    reference_order: Places,
    point_order: Places,
    wanted: int,
) -> Places:
    """Places of the points that the least crowded directions take, one after the other.

    Parameters
    ----------
    nearest, distance : ndarray of shape (n_points,)
        Direction of each candidate, and how far it is.
    taken : ndarray of shape (n_references,)
        Survivors that directions have already.
    reference_order, point_order : ndarray of int
        Permutations that break ties: the smaller number goes first.
    wanted : int

    Returns
    -------
    chosen : ndarray of shape (wanted,)
    """
    n_points = len(nearest)
    # an empty direction takes its nearest point first
    by_distance = np.lexsort((point_order, distance, nearest))
    leads = np.zeros(n_points, dtype=bool)
    leads[by_distance[starts(nearest[by_distance])]] = True
    leads &= taken[nearest] == 0
    queue = np.lexsort((point_order, ~leads, nearest))
    first = starts(nearest[queue])
    position = np.arange(n_points) - np.repeat(first, np.diff(np.append(first, n_points)))
    turn = np.empty(n_points, dtype=np.int64)
    turn[queue] = taken[nearest[queue]] + position
    return np.lexsort((reference_order[nearest], turn))[:wanted]


def starts(ordered: Places) -> Places:
    """Where runs of equal numbers begin."""
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


class ReferencePointSelection(SurvivorSelection):
    """Survivors by NSGA-III [1]_, for Optuna's genetic samplers.

    Optuna's own ``NSGAIIISampler`` takes directions of three divisions for any population and draws from one stream of
    random numbers. This one takes as many directions as the population has room for, and its choice is a function of
    the trials, so that a resumed study goes on in the same way.

    Parameters
    ----------
    population_size : int
        That of the sampler; at least 2.
    reference_points : array-like of shape (n_references, n_objectives), default=None
        See :func:`nsga3_selection`.
    seed : int, default=0
        Not negative.

    See Also
    --------
    HypeSelection : Survivors by the volume that they dominate.

    References
    ----------
    .. [1] K. Deb and H. Jain, "An evolutionary many-objective optimization algorithm using reference-point-based
       nondominated sorting approach, part I", IEEE Transactions on Evolutionary Computation 18 (4), 2014.

    Examples
    --------
    The argument of Optuna is marked as experimental, and says so by a warning.

    >>> import warnings
    >>> import optuna
    >>> from skboost.tuning import ReferencePointSelection
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    ...     sampler = optuna.samplers.NSGAIISampler(
    ...         population_size=8,
    ...         seed=0,
    ...         elite_population_selection_strategy=ReferencePointSelection(8),
    ...     )
    >>> def objective(trial):
    ...     x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    ...     return x + y, (1 - x) ** 2 + y
    >>> study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    >>> study.optimize(objective, n_trials=40)
    >>> len(study.best_trials) > 2
    True
    """

    def __init__(
        self, population_size: int, *, reference_points: Any = None, seed: int = 0
    ) -> None:
        self.population_size = population_size
        self.reference_points = reference_points
        self.seed = seed
        self._check()

    def _select(
        self,
        values: Floats,
        directions: Sequence[str],
        violation: Floats | None,
        seed: Sequence[int],
    ) -> Places:
        return nsga3_selection(
            values,
            self.population_size,
            reference_points=self.reference_points,
            violation=violation,
            seed=seed,
        )
