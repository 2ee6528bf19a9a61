"""HypE: survivors by the volume that they dominate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from skboost._validation import Integer, Nothing, check_parameters
from skboost.tuning._domination import Floats, non_dominated_rank, oriented
from skboost.tuning._survivors import Places, SurvivorSelection, finite, level_front

# Cells of a grid, and pairs of samples and points, that are held at once: with 8 bytes each, 16 MB an array.
MOST_CELLS = 1 << 21
DEFAULT_SAMPLES = 1 << 16


def hype_contributions(
    values: Any,
    reference_point: Any,
    *,
    directions: Sequence[str] | None = None,
    k: int | None = None,
    n_samples: int | None = None,
    seed: int | Sequence[int] = 0,
) -> Floats:
    """Volume that is lost in the mean when a point goes, and k - 1 others with it, drawn at random [1]_.

        I(a) = sum_i alpha_i volume(dominated by a and by i - 1 others)
        alpha_i = (1 / i) prod_{l=1}^{i-1} (k - l) / (n - l)

    The volume counts from the reference point. k = 1 is the volume that a point dominates alone; k = n divides each
    part of the volume equally among all who dominate it, so that the contributions add up to the hypervolume.

    Parameters
    ----------
    values : array-like of shape (n_points, n_objectives)
        Larger is better unless ``directions`` says otherwise. A point with NaN has contribution 0.
    reference_point : array-like of shape (n_objectives,)
        Finite. Points that do not exceed it in each objective contribute nothing.
    directions : sequence of {"maximize", "minimize"}, default=None
        None maximises all objectives.
    k : int, default=None
        Points that are to be removed, from 1 to n_points; None takes n_points.
    n_samples : int, default=None
        Samples of the volume, rounded up to a power of two. None computes exactly if n_points^n_objectives is at most
        2^21 (1448 points of two objectives, 128 of three, 38 of four), and takes 65,536 samples otherwise.
    seed : int or sequence of int, default=0
        Of the samples.

    Returns
    -------
    contributions : ndarray of shape (n_points,)

    Raises
    ------
    ValueError
        If an argument is none of these, or a value is infinitely good, since the volume is then infinite.

    Notes
    -----
    The exact volume is a sum over the grid that the coordinates of the points make: sums along each axis from above
    count who dominates a cell, sums from below collect what a point dominates. Samples are a scrambled Sobol sequence
    [2]_, unbiased and closer than independent ones, taken in blocks so that memory stays below 64 MB.

    References
    ----------
    .. [1] J. Bader and E. Zitzler, "HypE: an algorithm for fast hypervolume-based many-objective optimization",
       Evolutionary Computation 19 (1), 2011; theorem 3.
    .. [2] A. B. Owen, "Scrambling Sobol and Niederreiter-Xing points", Journal of Complexity 14, 1998.

    Examples
    --------
    >>> from skboost.tuning import hype_contributions
    >>> hype_contributions([[3, 1], [1, 2]], [0, 0])
    array([2.5, 1.5])
    >>> hype_contributions([[3, 1], [1, 2]], [0, 0], k=1)
    array([2., 1.])
    """
    table = oriented(values, directions)
    corner = oriented([np.asarray(reference_point)], directions)[0]
    n_points = len(table)
    if corner.shape != table.shape[1:] or not np.isfinite(corner).all():
        raise ValueError(
            f"reference_point={reference_point!r} must hold one finite number for each of the "
            f"{table.shape[1]} objectives."
        )
    for name, value, bound in (("k", k, n_points), ("n_samples", n_samples, None)):
        if not (value is None or Integer(1, bound).accepts(value)):
            raise ValueError(f"{name}={value!r} must be None or {Integer(1, bound)}.")
    if np.isposinf(table).any():
        raise ValueError("values holds an infinitely good value, which dominates infinite volume.")
    contributions = np.zeros(n_points)
    counted = (table > corner).all(axis=1)  # False for NaN
    if not counted.any():
        return contributions
    points = table[counted] - corner
    shares = removal_shares(n_points, n_points if k is None else k)
    if n_samples is None and len(points) ** points.shape[1] <= MOST_CELLS:
        contributions[counted] = exact_contributions(points, shares)
    else:
        rng = np.random.default_rng(seed)
        contributions[counted] = sampled_contributions(
            points, shares, DEFAULT_SAMPLES if n_samples is None else n_samples, rng
        )
    return contributions


def removal_shares(n_points: int, k: int) -> Floats:
    """alpha_0 = 0, and alpha_i for parts of the volume that i points dominate, as (n_points + 1,)."""
    others = np.arange(1.0, n_points)
    chance = np.cumprod(np.maximum(k - others, 0.0) / (n_points - others))
    shares: Floats = np.r_[0.0, 1.0, chance] / np.r_[1.0, np.arange(1.0, n_points + 1)]
    return shares


def exact_contributions(points: Floats, shares: Floats) -> Floats:
    """Contributions of points above 0, by sums over the grid of their coordinates."""
    axes = range(points.shape[1])
    edges, places = zip(
        *(np.unique(column, return_inverse=True) for column in points.T), strict=True
    )
    cell: Floats = np.array(1.0)
    for edge in edges:
        cell = np.multiply.outer(cell, np.diff(edge, prepend=0.0))
    count = np.zeros(cell.shape, dtype=np.int32)
    np.add.at(count, places, 1)
    for axis in axes:  # how many points are at least as good as the cell's upper corner
        count = np.flip(np.flip(count, axis).cumsum(axis, dtype=np.int32), axis)
    cell *= shares[count]
    for axis in axes:
        np.cumsum(cell, axis=axis, out=cell)
    result: Floats = cell[places]
    return result


def sampled_contributions(
    points: Floats, shares: Floats, n_samples: int, rng: np.random.Generator
) -> Floats:
    """Contributions of points above 0, by samples of the box below their best coordinates."""
    top = points.max(axis=0)
    sums = np.zeros(len(points))
    n_samples = power_of_two(n_samples)
    rows = power_of_two(max(1, MOST_CELLS // (2 * len(points))))
    for sample in low_discrepancy(len(top), n_samples, rng, rows):
        below = np.ones((len(sample), len(points)), dtype=bool)
        for coordinate, column in zip((sample * top).T, points.T, strict=True):
            below &= coordinate[:, None] <= column
        sums += shares[np.count_nonzero(below, axis=1)] @ below
    return sums * float(top.prod() / n_samples)


def power_of_two(number: int) -> int:
    """Smallest power of two that is not less."""
    return 1 << (number - 1).bit_length()


def low_discrepancy(
    n_axes: int, n_samples: int, rng: np.random.Generator, rows: int
) -> Iterator[Floats]:
    """A scrambled Sobol sequence in blocks of at most ``rows``; both are powers of two."""
    from scipy.stats import qmc  # half a second to import

    sequence = qmc.Sobol(n_axes, scramble=True, seed=rng)
    for _ in range(max(1, n_samples // rows)):
        yield sequence.random(min(rows, n_samples))


class HypeSelection(SurvivorSelection):
    """Survivors by HypE [1]_, for Optuna's genetic samplers: those that together dominate much volume.

    Whole fronts survive as long as they fit. From the next one, the points with the smallest contributions go, where
    k of :func:`hype_contributions` is the number that has yet to go.

    Parameters
    ----------
    population_size : int
        That of the sampler; at least 2.
    reference_point : array-like of shape (n_objectives,), default=None
        From where volume counts, in the units and directions of the study: the worst values that are of interest. None
        takes a tenth of the range below the worst values of the front that is divided.
    n_rounds : int, default=16
        Contributions are computed anew so often, while points go; None does it for each point, as in the paper, which
        costs more and dominates a little more.
    n_samples : int, default=None
        See :func:`hype_contributions`.
    seed : int, default=0
        Of the samples; not negative.

    See Also
    --------
    ReferencePointSelection : Survivors spread over directions; faster with many trials or objectives.

    References
    ----------
    .. [1] J. Bader and E. Zitzler, "HypE: an algorithm for fast hypervolume-based many-objective optimization",
       Evolutionary Computation 19 (1), 2011; algorithm 3.

    Examples
    --------
    The argument of Optuna is marked as experimental, and says so by a warning.

    >>> import warnings
    >>> import optuna
    >>> from skboost.tuning import HypeSelection
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    ...     sampler = optuna.samplers.NSGAIISampler(
    ...         population_size=8,
    ...         seed=0,
    ...         elite_population_selection_strategy=HypeSelection(8, reference_point=(2, 2)),
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
        self,
        population_size: int,
        *,
        reference_point: Any = None,
        n_rounds: int | None = 16,
        n_samples: int | None = None,
        seed: int = 0,
    ) -> None:
        self.population_size = population_size
        self.reference_point = reference_point
        self.n_rounds = n_rounds
        self.n_samples = n_samples
        self.seed = seed
        self._check()
        some = (Integer(1), Nothing())
        check_parameters(self, {"n_rounds": some, "n_samples": some})

    def _select(
        self,
        values: Floats,
        directions: Sequence[str],
        violation: Floats | None,
        seed: Sequence[int],
    ) -> Places:
        rank = non_dominated_rank(values, violation=violation)
        level = level_front(rank, self.population_size)
        whole, partly = np.flatnonzero((rank >= 0) & (rank < level)), np.flatnonzero(rank == level)
        surplus = len(whole) + len(partly) - self.population_size
        front = finite(values[partly])
        if self.reference_point is None:
            span = np.ptp(front, axis=0)
            corner = front.min(axis=0) - 0.1 * np.where(span > 0, span, 1.0)
        else:
            corner = oriented([np.asarray(self.reference_point)], directions)[0]
        left = np.arange(len(partly))
        for rounds in range(min(surplus, self.n_rounds or surplus), 0, -1):
            share = hype_contributions(
                front[left], corner, k=surplus, n_samples=self.n_samples, seed=seed
            )
            goes = -(-surplus // rounds)
            left = np.delete(left, np.argsort(share, kind="stable")[:goes])
            surplus -= goes
        return np.sort(np.concatenate([whole, partly[left]]))
