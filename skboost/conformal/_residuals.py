"""Sorted residuals of calibration rows by group, and bounds of the next residual."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import Calibration, refuse_nan
from skboost.conformal._rank import one_sided

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


class Residuals:
    """Residuals of calibration rows with their sign, sorted where a question needs it.

    Parameters
    ----------
    residuals, weight : ndarray of shape (n,)

    Attributes
    ----------
    total : float
        Sum of the weights.

    Raises
    ------
    ValueError
        If a residual is NaN.
    """

    def __init__(self, residuals: Floats, weight: Floats) -> None:
        refuse_nan(residuals)
        self.residuals = residuals
        self.weight = weight
        self.total = float(weight.sum())

    @cached_property
    def signed(self) -> Calibration:
        """Of r."""
        return Calibration(self.residuals, self.weight)

    @cached_property
    def negated(self) -> Calibration:
        """Of -r."""
        return Calibration(-self.residuals, self.weight)

    @cached_property
    def size(self) -> Calibration:
        """Of the size of r."""
        return Calibration(np.abs(self.residuals), self.weight)

    def __len__(self) -> int:
        return len(self.residuals)

    def bounds(self, level: Fraction, two_tailed: bool, **how: Any) -> tuple[Any, Any]:
        """Bounds that hold the next residual with probability at least ``level``.

        Parameters
        ----------
        level : Fraction
        two_tailed : bool
            Whether each side may miss half of the error; otherwise the bounds are -q and q.
        **how : dict
            Test weights and rank, as for :meth:`Calibration.upper`.

        Returns
        -------
        low, high : float, or ndarray of shape (m,) with a weight for each test row
        """
        if two_tailed:
            half = one_sided(level)
            return -self.negated.upper(half, **how), self.signed.upper(half, **how)
        q = self.size.upper(level, **how)
        return -q, q

    def quantile(self, p: Fraction, **how: Any) -> Any:
        """Residual at rank floor(p (n + 1)) for p < 1/2, otherwise ceil(p (n + 1)); infinite beyond 1, ..., n."""
        if p < Fraction(1, 2):
            return -self.negated.upper(1 - p, **how)
        return self.signed.upper(p, **how)


class GroupedResiduals:
    """Residuals of each group of a taxonomy.

    Parameters
    ----------
    residuals, weight : ndarray of shape (n,)
    codes : ndarray of shape (n,)
        Group of each row, from 0.
    n_groups : int
    """

    def __init__(self, residuals: Floats, weight: Floats, codes: Codes, n_groups: int) -> None:
        parts = rows_by_group(codes, n_groups)
        self.groups = [Residuals(residuals[rows], weight[rows]) for rows in parts]
        self.unseen = Residuals(residuals[:0], weight[:0])

    def of(
        self, codes: Codes, test_weight: Floats | None
    ) -> Iterator[tuple[int, Any, Residuals, dict[str, Any]]]:
        """For each group that occurs among new rows: its number, its rows, its residuals and the weights of its rows.

        Rows of a group without calibration rows have the number -1.
        """
        for code, rows in zip(*occurring(codes), strict=True):
            group = self.groups[code] if code >= 0 else self.unseen
            yield (
                code,
                rows,
                group,
                {} if test_weight is None else {"test_weight": test_weight[rows]},
            )


def rows_by_group(codes: Codes, n_groups: int) -> list[npt.NDArray[np.intp]]:
    """Places of the rows of each group."""
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(n_groups), side="right")
    return np.split(order, ends[:-1])


def occurring(codes: Codes) -> tuple[list[int], list[npt.NDArray[np.intp]]]:
    """Numbers that occur, sorted, and the places of each."""
    numbers, places = np.unique(codes, return_inverse=True)
    return numbers.tolist(), rows_by_group(places, len(numbers))
