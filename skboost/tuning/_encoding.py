"""Points of a space as rows of numbers: places in the unit cube, and features for a model of trees."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution

from skboost.tuning._unit import Distributions, Point, from_unit, n_cells, to_unit, value_of_cell

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

# Multipliers of SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", 2014)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
KEY_SCALE = 2.0**40  # two numbers are the same place if they agree to 12 digits


class Encoding:
    """Two numeric forms of the points of a space.

    *Units*, of shape (n, n_parameters): the place of each value in [0, 1] (see ``to_unit``), NaN where a point lacks
    the parameter, as conditional ones do, or has a choice that the space does not know.

    *Features*, of shape (n, n_features), float32: the same numbers for ordered parameters, one indicator a choice for
    categorical ones, all NaN where the parameter is missing. Trees of XGBoost send missing values their own way.

    Parameters
    ----------
    distributions : mapping of str to BaseDistribution

    Attributes
    ----------
    names : list of str
        Parameters in the order of the columns of units.
    n_points : int or None
        Number of points of the space; None if a parameter is continuous.

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution
    >>> from skboost.tuning._encoding import Encoding
    >>> space = {"kind": CategoricalDistribution(("a", "b")), "x": FloatDistribution(0, 2)}
    >>> encoding = Encoding(space)
    >>> units = encoding.units([{"kind": "b", "x": 1.0}, {"kind": "c"}])
    >>> units.tolist()
    [[0.75, 0.5], [nan, nan]]
    >>> encoding.features(units).tolist()
    [[0.0, 1.0, 0.5], [nan, nan, nan]]
    >>> encoding.point(units[0])
    {'kind': 'b', 'x': 1.0}
    """

    def __init__(self, distributions: Distributions) -> None:
        self.distributions = dict(distributions)
        self.names = list(self.distributions)
        self.sizes = [n_cells(distribution) for distribution in self.distributions.values()]
        self.is_categorical = np.array(
            [isinstance(d, CategoricalDistribution) for d in self.distributions.values()]
        )
        sizes = [n for n in self.sizes if n is not None]
        self.n_points = math.prod(sizes) if len(sizes) == len(self.names) else None

    def units(self, points: Iterable[Mapping[str, Any]]) -> Floats:
        """Places of points in the unit cube."""
        rows = [[self._unit(name, point) for name in self.names] for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.names))

    def point(self, row: Floats) -> Point:
        """The point of a row of units, without the parameters that are NaN."""
        return {
            name: from_unit(self.distributions[name], u)
            for name, u in zip(self.names, row.tolist(), strict=True)
            if not math.isnan(u)
        }

    def snapped(self, units: Floats) -> Floats:
        """Units moved to the nearest places that values have; NaN stays."""
        units = np.clip(units, 0.0, 1.0)
        for j, (name, size) in enumerate(zip(self.names, self.sizes, strict=True)):
            distribution = self.distributions[name]
            if size is None:
                continue
            if getattr(distribution, "log", False):
                units[:, j] = _snapped_one_by_one(distribution, units[:, j])
            else:
                units[:, j] = (np.minimum(np.floor(units[:, j] * size), size - 1) + 0.5) / size
        return units

    def all_units(self) -> Floats:
        """Units of all points of a discrete space, the last parameter changing first."""
        grids = np.meshgrid(*map(self._places, range(len(self.names))), indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1)

    def features(self, units: Floats) -> npt.NDArray[np.float32]:
        """What the model sees of points."""
        columns = []
        for j, size in enumerate(self.sizes):
            column = units[:, j]
            if not self.is_categorical[j]:
                columns.append(column)
                continue
            assert size is not None
            missing = np.isnan(column)
            cell = np.where(missing, 0, column * size).astype(np.int64)
            for choice in range(size):
                columns.append(np.where(missing, np.nan, cell == choice))
        return np.stack(columns, axis=1).astype(np.float32)

    def coordinates(self, units: Floats) -> Floats:
        """Points in a Euclidean space: a full step of an ordered parameter, and any other choice, has length 1."""
        features = self.features(units).astype(np.float64)
        width = [
            1 if size is None or not c else size
            for size, c in zip(self.sizes, self.is_categorical, strict=True)
        ]
        scale = np.repeat(np.where(self.is_categorical, np.sqrt(0.5), 1.0), width)
        return scale * np.where(np.isnan(features), 0.5, features)

    def keys(self, units: Floats) -> Words:
        """A 64-bit word for each row, the same for equal points and in practice no others."""
        grid = np.where(np.isnan(units), -1.0, np.rint(units * KEY_SCALE)).astype(np.int64)
        key = np.zeros(len(grid), dtype=np.uint64)
        for column in grid.view(np.uint64).T:
            key = (key + GOLDEN + column) * FIRST
            key = key ^ (key >> np.uint64(29))
        return key

    def _places(self, column: int) -> Floats:
        """The units of all values of a discrete parameter, in their order."""
        distribution, size = self.distributions[self.names[column]], self.sizes[column]
        assert size is not None
        cells = range(size)
        return np.array([to_unit(distribution, value_of_cell(distribution, c)) for c in cells])

    def _unit(self, name: str, point: Mapping[str, Any]) -> float:
        if name not in point:
            return math.nan
        try:
            return to_unit(self.distributions[name], point[name])
        except (
            TypeError,
            ValueError,
        ):  # a choice that this space lacks, or a value of another kind
            return math.nan


def _snapped_one_by_one(distribution: BaseDistribution, units: Floats) -> list[float]:
    return [
        u if math.isnan(u) else to_unit(distribution, from_unit(distribution, u))
        for u in units.tolist()
    ]
