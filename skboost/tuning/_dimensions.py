"""One searched parameter: what the user wrote, and how Optuna sees it."""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from skboost.tuning._description import describe, short

TAIL = (
    1e-12  # probability that is cut from the ends of a distribution, where quantiles are infinite
)
MOST_EXACT = 2**53
MIN_ORDERED = 5  # with fewer numbers to choose from, their order tells a model little


@dataclass(frozen=True)
class Dimension:
    """A parameter whose natural value is the one that Optuna suggests."""

    distribution: BaseDistribution

    def decode(self, value: Any) -> Any:
        """From Optuna's value to the one that the estimator gets."""
        return value

    def encode(self, natural: Any) -> Any:
        """From the estimator's value to Optuna's.

        Raises
        ------
        ValueError
            If the value is outside the space.
        """
        (value,) = _python((natural,))
        if isinstance(self.distribution, CategoricalDistribution):
            same = [choice for choice in self.distribution.choices if _same(choice, value)]
            if same:
                return same[0]
        elif _contains(self.distribution, value):
            return int(value) if isinstance(self.distribution, IntDistribution) else float(value)
        raise ValueError(f"{natural!r} is outside {self.distribution}")

    def describe(self) -> str:
        """A text that is the same whenever the dimension is."""
        return repr(self.distribution)


@dataclass(frozen=True)
class Choices(Dimension):
    """A list of anything, of which Optuna sees places or labels."""

    values: tuple[Any, ...]
    codes: tuple[Any, ...]

    def decode(self, value: Any) -> Any:
        return self.values[self.codes.index(value)]

    def encode(self, natural: Any) -> Any:
        (given,) = _python((natural,))
        for value, code in zip(self.values, self.codes, strict=True):
            if value is given or _same(value, given):
                return code
        raise ValueError(f"{natural!r} is none of {reprlib.repr(list(self.values))}")

    def describe(self) -> str:
        return "one of [" + ", ".join(map(describe, self.values)) + "]"


@dataclass(frozen=True)
class Quantile(Dimension):
    """A distribution of SciPy, sampled through its quantile function."""

    frozen: Any

    def decode(self, value: Any) -> Any:
        quantile = getattr(self.frozen, "ppf", None) or self.frozen.icdf
        number = np.asarray(quantile(min(max(value, TAIL), 1 - TAIL)))[()]
        whole = isinstance(number, numbers.Integral) or _is_discrete(self.frozen)
        return int(number) if whole else float(number)

    def encode(self, natural: Any) -> Any:
        low, high = self.frozen.support()
        if not low <= natural <= high:
            raise ValueError(f"{natural!r} is outside [{low}, {high}]")
        below = self.frozen.cdf(natural)
        if _is_discrete(self.frozen):  # the middle of the step, whose ends rounding may miss
            below = (below + self.frozen.cdf(natural - 1)) / 2
        return float(below)

    def describe(self) -> str:
        return describe(self.frozen)


def dimension_of(name: str, given: Any) -> Dimension:
    """What one entry of a space means.

    Raises
    ------
    ValueError
        If it is empty or means nothing.
    """
    dimension = given if isinstance(given, Dimension) else _read(name, given)
    _refuse_extent(name, given, dimension.distribution)
    return dimension


def _read(name: str, given: Any) -> Dimension:
    if isinstance(given, CategoricalDistribution):
        return choices_of(name, given.choices)
    if isinstance(given, BaseDistribution):
        return Dimension(given)
    if isinstance(given, tuple):
        return Dimension(_range_of(name, given))
    if hasattr(given, "rvs") or (hasattr(given, "icdf") and hasattr(given, "support")):
        return _from_scipy(name, given)
    if _is_listed(given):
        values = given.tolist() if hasattr(given, "tolist") else list(given)
        return choices_of(name, values)
    raise ValueError(
        f"space[{name!r}]={given!r} is no set of values; give a list of choices, a tuple (low, high) or "
        "(low, high, 'log'), a distribution of scipy.stats or one of optuna.distributions."
    )


def _is_listed(given: Any) -> bool:
    """Whether something lists values in an order of its own; that of a set may be another one tomorrow."""
    has_values = hasattr(given, "__len__") and hasattr(given, "__iter__")
    return has_values and not isinstance(given, str | bytes | Set | Mapping)


def choices_of(name: str, values: Sequence[Any]) -> Dimension:
    """A list of choices: in order where it is one of numbers, otherwise without."""
    if not len(values):
        raise ValueError(
            f"space[{name!r}] is empty; give it at least one value, or leave {name} out."
        )
    natural = tuple(v.item() if isinstance(v, np.generic) else v for v in values)
    if _ordered(natural):
        return Choices(IntDistribution(0, len(natural) - 1), natural, tuple(range(len(natural))))
    if _plain(natural):
        return Dimension(CategoricalDistribution(natural))
    labels = [short(value) for value in natural]
    if len(set(labels)) < len(labels):
        labels = [f"{place}: {label}" for place, label in enumerate(labels)]
    return Choices(CategoricalDistribution(labels), natural, tuple(labels))


def _ordered(values: tuple[Any, ...]) -> bool:
    """Whether they are enough different numbers, rising or falling."""
    if len(values) < MIN_ORDERED or not all(map(_is_number, values)):
        return False
    steps = np.diff(np.asarray(values, dtype=np.float64))
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _plain(values: tuple[Any, ...]) -> bool:
    """Whether every storage gives each of them back as it is, and none is taken for another."""
    kinds = all(v is None or isinstance(v, bool | int | float | str) for v in values)
    return kinds and all(v == v for v in values) and len(set(values)) == len(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range_of(name: str, given: tuple[Any, ...]) -> BaseDistribution:
    """The distribution of ``(low, high)`` or ``(low, high, "log")``."""
    ends, scale = given[:2], given[2:]
    if len(ends) < 2 or not all(map(_is_number, _python(ends))) or scale not in ((), ("log",)):
        raise ValueError(
            f"space[{name!r}]={given!r} is no range: a tuple is (low, high) or (low, high, 'log') with two numbers; "
            "write choices as a list."
        )
    low, high = _python(ends)
    log = bool(scale)
    if not low <= high or not np.isfinite([low, high]).all() or (log and low <= 0):
        raise ValueError(
            f"space[{name!r}]={given!r} is no range: it needs finite ends with low <= high, and low > 0 on a "
            "logarithmic scale."
        )
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _refuse_extent(name: str, given: Any, distribution: BaseDistribution) -> None:
    """Refuse a range too wide for the floats that samplers count in."""
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        return
    low, high = distribution.low, distribution.high
    if isinstance(distribution, IntDistribution) and max(abs(low), abs(high)) > MOST_EXACT:
        raise ValueError(
            f"space[{name!r}]={given!r} has whole numbers beyond 2**53, which samplers cannot tell apart; search for "
            "a power of a number with (low, high, 'log') of floats, or for a multiple of it."
        )
    if not math.isfinite(float(high) - float(low)):
        raise ValueError(
            f"space[{name!r}]={given!r} is wider than the largest float; give it nearer ends, or search on a "
            "logarithmic scale."
        )


def _python(values: tuple[Any, ...]) -> list[Any]:
    return [v.item() if isinstance(v, np.generic) else v for v in values]


def _from_scipy(name: str, given: Any) -> Dimension:
    """A frozen distribution: as a range where it is uniform on one, otherwise by its quantiles."""
    if not hasattr(given, "support") or not (hasattr(given, "ppf") or hasattr(given, "icdf")):
        raise ValueError(
            f"space[{name!r}]={given!r} can be drawn from, but has no quantile function (ppf) to search it with; give "
            "a tuple (low, high), a list, or a frozen distribution of scipy.stats."
        )
    kind = getattr(getattr(given, "dist", None), "name", "")
    low, high = (end.item() if hasattr(end, "item") else end for end in given.support())
    if kind == "uniform":
        return Dimension(FloatDistribution(float(low), float(high)))
    if kind == "randint":
        return Dimension(IntDistribution(int(low), int(high)))
    # shifted, it is not uniform on a logarithmic scale any more
    if kind in ("loguniform", "reciprocal") and np.isclose(_location(given), 0.0):
        return Dimension(FloatDistribution(float(low), float(high), log=True))
    return Quantile(FloatDistribution(0.0, 1.0), given)


def _location(frozen: Any) -> float:
    """``loc`` of a frozen distribution with two shapes."""
    return float(frozen.kwds.get("loc", frozen.args[2] if len(frozen.args) > 2 else 0.0))


def _is_discrete(frozen: Any) -> bool:
    return hasattr(frozen, "pmf") and not hasattr(frozen, "pdf")


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a range of Optuna has a value."""
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if not _is_number(value) or not distribution.low <= value <= distribution.high:
        return False
    whole = isinstance(distribution, IntDistribution)
    if distribution.step is None:
        return True
    steps = (value - distribution.low) / distribution.step
    return (not whole or value == int(value)) and bool(np.isclose(steps, round(steps)))


def _same(one: Any, other: Any) -> bool:
    """Equality that survives arrays and tells True from 1."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return False
