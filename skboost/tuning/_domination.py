"""Domination among points with several objectives: who is at least as good everywhere, and better somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Rows of a comparison that are held at once: 2^24 booleans are 16 MB.
MOST_PAIRS = 1 << 24
SIGNS = {"maximize": 1.0, "minimize": -1.0}


def oriented(values: Any, directions: Sequence[str] | None = None) -> Floats:
    """Values as a fresh float64 table in which larger is better in each column.

    Parameters
    ----------
    values : array-like of shape (n_points, n_objectives)
    directions : sequence of {"maximize", "minimize"}, default=None
        One for each objective; None maximises all.

    Returns
    -------
    values : ndarray of shape (n_points, n_objectives)

    Raises
    ------
    ValueError
        If values are no table of numbers with at least one column, or directions do not fit.
    """
    try:
        table = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"values must be a table of numbers: {error}.") from error
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(
            "values must have one row for each point and one column for each objective, "
            f"but its shape is {table.shape}."
        )
    if directions is None:
        return table
    wrong = [direction for direction in directions if direction not in SIGNS]
    if wrong or len(directions) != table.shape[1]:
        raise ValueError(
            f"directions={list(directions)!r} must hold 'maximize' or 'minimize' for each of the "
            f"{table.shape[1]} objectives."
        )
    table *= [SIGNS[direction] for direction in directions]
    return table


def dominates(table: Floats, others: Floats) -> Bools:
    """Whether row i of the one dominates row j of the other, as (len(table), len(others)); larger is better."""
    no_worse = np.ones((len(table), len(others)), dtype=bool)
    better = np.zeros_like(no_worse)
    for mine, theirs in zip(table.T, others.T, strict=True):  # few objectives, many points
        no_worse &= mine[:, None] >= theirs
        better |= mine[:, None] > theirs
    no_worse &= better
    return no_worse


def domination_matrix(values: Any, directions: Sequence[str] | None = None) -> Bools:
    """Who dominates whom.

        D_ij = 1 if y_i >= y_j in each objective and y_i > y_j in one

    Parameters
    ----------
    values : array-like of shape (n_points, n_objectives)
        A point with NaN dominates nobody and is dominated by nobody.
    directions : sequence of {"maximize", "minimize"}, default=None
        None maximises all objectives.

    Returns
    -------
    matrix : ndarray of shape (n_points, n_points), bool

    Raises
    ------
    ValueError
        If values are no table of numbers, or directions do not fit.

    Examples
    --------
    >>> from skboost.tuning._domination import domination_matrix
    >>> domination_matrix([[3, 1], [1, 3], [1, 1]]).astype(int)
    array([[0, 0, 1],
           [0, 0, 1],
           [0, 0, 0]])
    """
    table = oriented(values, directions)
    return dominates(table, table)


def pareto_mask(values: Any, directions: Sequence[str] | None = None) -> Bools:
    """Which points no other point dominates: the Pareto set.

    Parameters
    ----------
    values : array-like of shape (n_points, n_objectives)
        Larger is better unless ``directions`` says otherwise. A point with NaN is never in the set; infinite values
        are compared like others.
    directions : sequence of {"maximize", "minimize"}, default=None
        None maximises all objectives.

    Returns
    -------
    mask : ndarray of shape (n_points,), bool
        Equal points are in the set together or not at all.

    Raises
    ------
    ValueError
        If values are no table of numbers, or directions do not fit.

    Notes
    -----
    At most 48 MB are held at a time, however many points there are; the time grows with the square of their number in
    the worst case.

    Examples
    --------
    >>> from skboost.tuning import pareto_mask
    >>> pareto_mask([[0.9, 3.0], [0.8, 5.0], [0.7, 4.0], [0.9, 3.0]])
    array([ True,  True, False,  True])
    >>> pareto_mask([[0.9, 3.0], [0.8, 5.0], [0.7, 4.0]], ["maximize", "minimize"])
    array([ True, False, False])
    """
    table = oriented(values, directions)
    mask = np.array(~np.isnan(table).any(axis=1))
    points, place = np.unique(table[mask], axis=0, return_inverse=True)
    # A point is dominated only by points after it in the order of the columns, the best of which come first here.
    points = points[::-1]
    best = np.ones(len(points), dtype=bool)
    rows = max(1, MOST_PAIRS // max(1, len(points)))
    for start in range(0, len(points), rows):
        judges = np.flatnonzero(best[start : start + rows]) + start
        best[start:] &= ~dominates(points[judges], points[start:]).any(axis=0)
    mask[mask] = best[::-1][place.reshape(-1)]
    return mask


def non_dominated_rank(
    values: Any, directions: Sequence[str] | None = None, *, violation: Any = None
) -> npt.NDArray[np.int64]:
    """Front of each point: 0 for the Pareto set, 1 for the Pareto set of the rest, and so on [1]_.

    The number of points that dominate each point is counted once; a front is all points with count 0, and what they
    dominate is then counted without them.

    Parameters
    ----------
    values : array-like of shape (n_points, n_objectives)
        Larger is better unless ``directions`` says otherwise.
    directions : sequence of {"maximize", "minimize"}, default=None
        None maximises all objectives.
    violation : array-like of shape (n_points,), default=None
        By how much a point breaks its constraints in total; 0 for a feasible point. Feasible points come before all
        others, which are ordered by violation alone ([1]_, section VI).

    Returns
    -------
    rank : ndarray of shape (n_points,), int64
        -1 for points with NaN, which belong to no front.

    Raises
    ------
    ValueError
        If values are no table of numbers, directions do not fit, or there is another number of violations.

    Notes
    -----
    O(n_points^2 n_objectives) time and 3 n_points^2 bytes.

    References
    ----------
    .. [1] K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, "A fast and elitist multiobjective genetic algorithm:
       NSGA-II", IEEE Transactions on Evolutionary Computation 6 (2), 2002.

    Examples
    --------
    >>> from skboost.tuning import non_dominated_rank
    >>> non_dominated_rank([[3, 1], [1, 3], [1, 1], [0, 1], [float("nan"), 9]])
    array([ 0,  0,  1,  2, -1])
    """
    table = oriented(values, directions)
    rank = np.full(len(table), -1, dtype=np.int64)
    known = ~np.isnan(table).any(axis=1)
    if violation is None:
        rank[known] = fronts(table[known])
        return rank
    broken = np.asarray(violation, dtype=np.float64)
    if broken.shape != rank.shape or not (broken >= 0).all():
        raise ValueError(
            f"violation must hold one number of at least 0 for each of the {len(table)} points, "
            f"but its shape is {broken.shape} and its values are {broken!r:.60}."
        )
    feasible = known & (broken == 0)
    rank[feasible] = fronts(table[feasible])
    others = known & (broken > 0)
    rank[others] = rank.max(initial=-1) + 1 + np.unique(broken[others], return_inverse=True)[1]
    return rank


def fronts(table: Floats) -> npt.NDArray[np.int64]:
    """Front of each row of a table without NaN."""
    matrix = dominates(table, table)
    above = np.count_nonzero(matrix, axis=0)
    rank = np.full(len(table), -1, dtype=np.int64)
    front = np.flatnonzero(above == 0)
    number = 0
    while len(front):
        rank[front] = number
        above -= np.count_nonzero(matrix[front], axis=0)
        above[front] = -1  # nobody dominates them, so that they would be found again
        front = np.flatnonzero(above == 0)
        number += 1
    return rank
