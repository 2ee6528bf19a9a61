"""One parameter of a grid: its levels, and how a sampler is told of them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

PLAIN = (type(None), bool, int, float, str)  # what Optuna keeps as it is


@dataclass(frozen=True)
class GridAxis:
    """The levels of one parameter, numbered by codes 0, 1, 2, ...

    A sampler should see what is ordered and nothing more. Three or more numbers are ordered: whole numbers in equal
    steps are declared as they are, others by their place, so that 0.01, 0.1, 1 are as far apart as 1, 2, 3. Everything
    else is a set of choices; what Optuna cannot store, such as an estimator or a tuple, stands there as its ``repr``.

    Parameters
    ----------
    name : str
    levels : tuple
        Different values; numbers in rising order.
    """

    name: str
    levels: tuple[Any, ...]

    @classmethod
    def of(cls, name: str, values: Iterable[Any]) -> GridAxis:
        """The axis of a parameter in a grid; numbers are sorted.

        Raises
        ------
        ValueError
            If there are no values, or two of them cannot be told apart.
        """
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(
                f"grid[{name!r}]={values!r} is not a list of values; write [{values!r}] for a single one."
            )
        levels = [_plain(value) for value in values]
        if not levels:
            raise ValueError(f"grid[{name!r}] is empty; give at least one value, or leave it out.")
        if _are_numbers(levels):
            levels = sorted(levels)
        labels = [_label(level) for level in levels]
        twice = [label for label in labels if labels.count(label) > 1]  # 1, 1.0 and True are one
        if twice:
            raise ValueError(
                f"grid[{name!r}] holds {twice[0]!r} twice, which no sampler could tell apart; leave one of them out."
            )
        return cls(name, tuple(levels))

    @cached_property
    def is_ordered(self) -> bool:
        """Whether the levels are three or more numbers."""
        return len(self.levels) > 2 and _are_numbers(self.levels)

    @cached_property
    def _step(self) -> int | None:
        """Distance of whole numbers in equal steps; None for everything else."""
        if not self.is_ordered or not all(isinstance(level, int) for level in self.levels):
            return None
        steps = set(np.diff(self.levels).tolist())
        return int(steps.pop()) if len(steps) == 1 else None

    @cached_property
    def distribution(self) -> BaseDistribution:
        """The declaration for Optuna."""
        if self._step is not None:
            return IntDistribution(self.levels[0], self.levels[-1], step=self._step)
        if self.is_ordered:
            return IntDistribution(0, len(self.levels) - 1)
        return CategoricalDistribution([_label(level) for level in self.levels])

    def value(self, code: int) -> Any:
        """What stands for a level in a trial of Optuna."""
        if self._step is not None:
            return self.levels[code]
        return int(code) if self.is_ordered else _label(self.levels[code])

    def code(self, value: Any) -> int:
        """The level for which a value stands in a trial.

        Raises
        ------
        ValueError
            If the value belongs to no level.
        """
        try:
            return self._codes[value]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.name}={value!r} is not in {self.distribution}.") from error

    @cached_property
    def _codes(self) -> dict[Any, int]:
        return {self.value(code): code for code in range(len(self.levels))}

    def distance(self, code: int, codes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """How far a level is from others: a share of the range if ordered, else 0 or 1."""
        steps: npt.NDArray[np.float64] = np.abs(codes.astype(np.float64) - code)
        return steps / (len(self.levels) - 1) if self.is_ordered else np.sign(steps)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _are_numbers(levels: Iterable[Any]) -> bool:
    return all(
        isinstance(level, numbers.Real) and not isinstance(level, bool) and math.isfinite(level)
        for level in levels
    )


def _label(level: Any) -> Any:
    return level if isinstance(level, PLAIN) and level == level else repr(level)  # repr for NaN too
