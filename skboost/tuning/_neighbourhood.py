"""Points of a space as codes, and the points that are one step away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution

from skboost.tuning._unit import (
    Distributions,
    Point,
    cell_of,
    from_unit,
    n_cells,
    to_unit,
    value_of_cell,
)

Floats = npt.NDArray[np.float64]
Step = tuple[int, float]  # number of a parameter and its new code
Code = tuple[float, ...]  # of each parameter: the number of its cell, or its place in [0, 1]

STEPS = (0.3, 0.1, 0.02)  # of ordered parameters, in [0, 1]
CHOICE_DISTANCE = 0.3  # as far as the longest step
CELLS = 10  # of a continuous parameter, for the memory of values that were left


class Axis:
    """One parameter: its codes, and where one step leads.

    The code of a value is the number of its cell if the parameter is discrete, else its place in [0, 1].
    """

    def __init__(self, distribution: BaseDistribution) -> None:
        self.distribution = distribution
        self.n_cells = n_cells(distribution)
        self.is_choice = isinstance(distribution, CategoricalDistribution)
        self.places: list[float] | None = None
        if self.n_cells is not None and self.n_cells <= 10_000:
            values = (value_of_cell(distribution, cell) for cell in range(self.n_cells))
            self.places = [to_unit(distribution, value) for value in values]

    def code(self, value: Any) -> float:
        """Code of a value."""
        encode = to_unit if self.n_cells is None else cell_of
        return encode(self.distribution, value)

    def value(self, code: float) -> Any:
        """Value of a code."""
        if self.n_cells is None:
            return from_unit(self.distribution, code)
        return value_of_cell(self.distribution, int(code))

    def place(self, code: float) -> float:
        """Place of a code in [0, 1]."""
        if self.n_cells is None:
            return code
        if self.places is not None:
            return self.places[int(code)]
        return to_unit(self.distribution, self.value(code))

    def cell(self, code: float) -> int:
        """The value of a discrete parameter, a tenth of the range of a continuous one."""
        return int(code) if self.n_cells is not None else min(int(code * CELLS), CELLS - 1)

    def is_same(self, one: float, other: float, scale: float) -> bool:
        """Whether two values count as one: equal, or closer than half a cell of a continuum."""
        return one == other if self.n_cells is not None else abs(one - other) < 0.5 * scale / CELLS

    def steps(self, code: float, scale: float, random: np.random.Generator) -> list[float]:
        """Codes that one step leads to.

        Every other choice of a categorical parameter; of an ordered one, those that lie about 0.3, 0.1 and 0.02 of the
        range, times ``scale``, below and above, and the two next ones if it is discrete.
        """
        if self.is_choice:
            return [float(other) for other in range(self.n_cells or 0) if other != code]
        if self.n_cells is None:
            jitter = random.uniform(0.5, 1.5, size=2 * len(STEPS)) * scale
            signed = np.array([*STEPS, *(-step for step in STEPS)])
            places = code + jitter * signed
            return [float(place) for place in places if 0.0 <= place <= 1.0]
        cells = {code + step for step in (-2, -1, 1, 2)}
        for step in STEPS:
            for place in (self.place(code) - step * scale, self.place(code) + step * scale):
                if 0.0 <= place <= 1.0:
                    cells.add(self.code(from_unit(self.distribution, place)))
        return sorted(cell for cell in cells if 0 <= cell < self.n_cells and cell != code)

    def random(self, random: np.random.Generator) -> float:
        """Code of a random value."""
        place = float(random.random())
        return place if self.n_cells is None else self.code(from_unit(self.distribution, place))


class Neighbourhood:
    """The parameters of a space, sorted by name.

    Parameters
    ----------
    distributions : mapping of str to BaseDistribution

    Attributes
    ----------
    names : tuple of str
    axes : tuple of Axis
    is_choice : ndarray of shape (n_parameters,), bool
    """

    def __init__(self, distributions: Distributions) -> None:
        self.distributions = {name: distributions[name] for name in sorted(distributions)}
        self.names = tuple(self.distributions)
        self.axes = tuple(Axis(distribution) for distribution in self.distributions.values())
        self.is_choice: npt.NDArray[np.bool_] = np.array([axis.is_choice for axis in self.axes])

    def code(self, point: Mapping[str, Any]) -> Code | None:
        """Codes of the values of a point, None if it lacks a parameter or lies outside the space."""
        codes = []
        for name, axis in zip(self.names, self.axes, strict=True):
            try:
                code = axis.code(point[name])
            except (KeyError, TypeError, ValueError):  # no such parameter, or no such choice
                return None
            if axis.n_cells is not None and not 0 <= code < axis.n_cells:
                return None
            codes.append(code)
        return tuple(codes)

    def point(self, code: Code) -> Point:
        """The point of some codes."""
        values = (axis.value(c) for axis, c in zip(self.axes, code, strict=True))
        return dict(zip(self.names, values, strict=True))

    def places(self, code: Code) -> list[float]:
        """Places of the codes in [0, 1]."""
        return [axis.place(c) for axis, c in zip(self.axes, code, strict=True)]

    def changed(self, start: Code, end: Code) -> list[int]:
        """Numbers of the parameters that differ."""
        return [j for j, (one, other) in enumerate(zip(start, end, strict=True)) if one != other]

    def steps(self, code: Code, scale: float, random: np.random.Generator) -> list[Step]:
        """Parameters and the codes that they can be given by one step."""
        return [
            (j, other)
            for j, axis in enumerate(self.axes)
            for other in axis.steps(code[j], scale, random)
        ]

    def random(self, random: np.random.Generator) -> Code:
        """A random point."""
        return tuple(axis.random(random) for axis in self.axes)

    def distances(self, code: Code, others: Floats) -> Floats:
        """Sum over the parameters of |difference of places|, 0.3 for two choices.

        Parameters
        ----------
        code : codes
        others : ndarray of shape (n, n_parameters)
            Places of other points.

        Returns
        -------
        distance : ndarray of shape (n,)
        """
        apart = np.abs(others - self.places(code))
        apart[:, self.is_choice] = CHOICE_DISTANCE * (apart[:, self.is_choice] > 0)
        distance: Floats = apart.sum(axis=1)
        return distance

    def distances_of_steps(self, code: Code, steps: list[Step], others: Floats) -> Floats:
        """Distances after each of some steps from a point.

        Returns
        -------
        distance : ndarray of shape (n_steps, n)
        """
        distance = np.tile(self.distances(code, others), (len(steps), 1))
        for row, (j, new) in enumerate(steps):
            for sign, place in ((-1, self.axes[j].place(code[j])), (1, self.axes[j].place(new))):
                apart = np.abs(others[:, j] - place)
                distance[row] += sign * (
                    CHOICE_DISTANCE * (apart > 0) if self.is_choice[j] else apart
                )
        return distance
