"""Points of a discrete space that no trial of a study has had."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from skboost.tuning._unit import Distributions, Point, cell_of, n_cells, value_of_cell

DRAWS = 200  # of a neighbour, before more values are changed
MOST_CHANGES = 3


class NumberedPoints:
    """The points of a discrete space by their numbers in the order of ``all_points``.

    Parameters
    ----------
    distributions : mapping of str to BaseDistribution
        None of them continuous.

    Attributes
    ----------
    total : int
        Number of points.

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, IntDistribution
    >>> from skboost.tuning._unvisited import NumberedPoints
    >>> space = {"kind": CategoricalDistribution(("a", "b")), "size": IntDistribution(1, 3)}
    >>> points = NumberedPoints(space)
    >>> points.total, points.number({"kind": "b", "size": 2}), points.point(4)
    (6, 4, {'kind': 'b', 'size': 2})
    """

    def __init__(self, distributions: Distributions) -> None:
        self.distributions = distributions
        self._places = [(name, *_places(distributions[name])) for name in distributions]
        self.total = math.prod(size for _, size, _ in self._places)

    def number(self, point: Mapping[str, Any]) -> int | None:
        """Number of a point, None if it lacks a parameter or lies outside the space."""
        number = 0
        try:
            for name, size, place in self._places:
                cell = int(place(point[name]))
                if not 0 <= cell < size:
                    return None
                number = number * size + cell
        except (KeyError, TypeError, ValueError):  # no such parameter, or no such choice
            return None
        return number

    def point(self, number: int) -> Point:
        """The point of a number."""
        cells = {}
        for name, size, _ in reversed(self._places):
            number, cells[name] = divmod(number, size)
        return {
            name: value_of_cell(self.distributions[name], cells[name]) for name, *_ in self._places
        }

    def unvisited(self, visited: set[int], random: np.random.Generator) -> int | None:
        """A random number that is not among ``visited``, None if all are.

        Nothing is listed: the r-th free number is found from the sorted list of those that are taken.
        """
        left = self.total - len(visited)
        if left == 0:
            return None
        # 64 spare bits make the excess of small remainders too small to matter
        number = int.from_bytes(random.bytes(left.bit_length() // 8 + 9), "little") % left
        for taken in sorted(visited):
            if taken > number:
                break
            number += 1
        return number


def distinct_point(
    distributions: Distributions,
    proposal: Point,
    trials: Iterable[FrozenTrial],
    random: np.random.Generator,
    fixed: Mapping[str, Any],
    *,
    near: bool,
) -> Point:
    """A proposal, or another point of a discrete space if a trial has had it before.

    Parameters
    ----------
    distributions : mapping of str to BaseDistribution
        The whole space.
    proposal : dict of str to value
    trials : iterable of FrozenTrial
        Trials in any state; those that lack a parameter have had no point.
    random : Generator
    fixed : mapping of str to value
        Parameters that others have fixed for this trial, whatever is proposed.
    near : bool
        Whether the other point shall have as many values of the proposal as possible. Otherwise all points that no
        trial has had are equally likely.

    Returns
    -------
    point : dict of str to value
        The proposal itself if it is new, or no point is left.
    """
    free = NumberedPoints(
        {name: distributions[name] for name in distributions if name not in fixed}
    )
    held = NumberedPoints({name: distributions[name] for name in distributions if name in fixed})
    place = held.number(fixed)
    params = [trial.params for trial in trials]
    numbers = {free.number(point) for point in params if held.number(point) == place}
    visited = {number for number in numbers if number is not None}
    if free.number(proposal) not in visited:
        return proposal
    number = _near(free, proposal, visited, random) if near else None
    if number is None:
        number = free.unvisited(visited, random)
    return proposal if number is None else {**proposal, **free.point(number)}


def _near(
    points: NumberedPoints, point: Point, visited: set[int], random: np.random.Generator
) -> int | None:
    """Number of a point that no trial has had and that differs from another one in one value, else in two or three.

    Parameters to change and their new values are drawn with equal chances; None if no draw is new.
    """
    sizes = {name: n_cells(points.distributions[name]) or 1 for name in points.distributions}
    names = [name for name, size in sizes.items() if size > 1]
    for n_changes in range(1, min(MOST_CHANGES, len(names)) + 1):
        for _ in range(DRAWS):
            other = dict(point)
            for name in random.choice(names, size=n_changes, replace=False).tolist():
                distribution = points.distributions[name]
                step = 1 + int(random.integers(sizes[name] - 1))
                cell = (cell_of(distribution, point[name]) + step) % sizes[name]
                other[name] = value_of_cell(distribution, cell)
            number = points.number(other)
            if number is not None and number not in visited:
                return number
    return None


def _places(distribution: BaseDistribution) -> tuple[int, Callable[[Any], float]]:
    """Number of values of a parameter, and the function from a value to its number.

    It is ``cell_of`` for many values of one parameter: all that does not change is looked up once.
    """
    size = n_cells(distribution)
    if size is None:
        raise ValueError(f"the points of a continuous parameter ({distribution}) have no numbers.")
    if isinstance(distribution, CategoricalDistribution):
        return size, distribution.to_internal_repr
    low, step = distribution.low, distribution.step  # type: ignore[attr-defined]
    if step is None:
        return size, lambda value: 0
    return size, lambda value: round((value - low) / step)
