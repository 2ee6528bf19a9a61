"""In which unit labels are measured from predicted quantiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry
from skboost.base import Component

Floats = npt.NDArray[np.float64]

VARIANTS = Registry("variant")
"""Names that the parameter ``variant`` of ConformalQuantileRegressor accepts."""


class QuantileVariant(Component, ABC):
    """Lengths of a unit below the lower and above the upper quantile of each row.

    Predicted quantiles are an array of shape (n, n_quantiles), rising along each row: the first column is the lower
    end, the last one the upper end.

    Attributes
    ----------
    needs_median : bool
        Whether there must be a column between.
    """

    needs_median: ClassVar[bool] = False

    @abstractmethod
    def units(self, quantiles: Floats) -> tuple[Floats, Floats]:
        """Units for the lower and for the upper end, of shape (n,) each, not negative."""

    def scores(self, y: Floats, quantiles: Floats) -> tuple[Floats, Floats]:
        """How far labels are below the lower and above the upper quantile, in units; negative inside.

        Where a unit is 0, anything outside is infinitely far.

        Parameters
        ----------
        y : ndarray of shape (n,)
        quantiles : ndarray of shape (n, n_quantiles)

        Returns
        -------
        below, above : ndarray of shape (n,)
        """
        unit_below, unit_above = self.units(quantiles)
        below, above = quantiles[:, 0] - y, y - quantiles[:, -1]
        return in_units(below, unit_below), in_units(above, unit_above)

    def ends(self, quantiles: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Labels whose scores are ``low`` below the lower, and ``high`` above the upper quantile."""
        unit_below, unit_above = self.units(quantiles)
        return (
            quantiles[:, 0] - so_many(low, unit_below),
            quantiles[:, -1] + so_many(high, unit_above),
        )


@VARIANTS.register("plain")
class Plain(QuantileVariant):
    """The unit of the label: both ends move by the same length in all rows."""

    def units(self, quantiles: Floats) -> tuple[Floats, Floats]:
        """1."""
        one = np.ones(len(quantiles))
        return one, one


@VARIANTS.register("relative")
class Relative(QuantileVariant):
    """The distance of the quantiles: wide intervals move more."""

    def units(self, quantiles: Floats) -> tuple[Floats, Floats]:
        """high - low."""
        width = quantiles[:, -1] - quantiles[:, 0]
        return width, width


@VARIANTS.register("median")
class ToMedian(QuantileVariant):
    """The distances of the quantiles from the median: the longer side moves more."""

    needs_median = True

    def units(self, quantiles: Floats) -> tuple[Floats, Floats]:
        """median - low and high - median."""
        median = np.median(quantiles, axis=1)
        return median - quantiles[:, 0], quantiles[:, -1] - median


def in_units(distance: Floats, unit: Floats) -> Floats:
    """distance / unit; where the unit is 0, infinity for a positive distance and otherwise 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = distance / unit
    at_zero = np.where(distance > 0, np.inf, 0.0 * distance)  # NaN stays
    return np.where(unit == 0, at_zero, scaled)


def so_many(count: Floats, unit: Floats) -> Floats:
    """count * unit, and infinity if the count is, whatever the unit."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(np.isinf(count), count, count * unit)
