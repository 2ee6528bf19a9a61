"""Values of parameters as numbers in [0, 1] and as numbered cells, and the points of discrete spaces."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Distributions = Mapping[str, BaseDistribution]
Point = dict[str, Any]


def n_cells(distribution: BaseDistribution) -> int | None:
    """Number of values that a parameter can take, None for a continuum.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution, IntDistribution
    >>> from skboost.tuning._unit import n_cells
    >>> n_cells(IntDistribution(1, 9, step=2)), n_cells(FloatDistribution(0, 1))
    (5, None)
    """
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    low, high, step = _range(distribution)
    if step is not None:
        return int(round((high - low) / step)) + 1
    return 1 if low == high else None


def cell_of(distribution: BaseDistribution, value: Any) -> int:
    """Number of a value among those that a discrete parameter can take, in their order.

    A stepped float that was rounded in another way has the number of the nearest one. Values outside the range have
    numbers outside ``range(n_cells(distribution))``.
    """
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    low, _, step = _range(distribution)
    return round((value - low) / step) if step is not None else 0


def value_of_cell(distribution: BaseDistribution, cell: int) -> Any:
    """The value with a number, as Optuna hands it out; inverse of :func:`cell_of`."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[cell]
    low, high, step = _range(distribution)
    if step is None:
        return low
    return min(low + cell * step, high)  # an int stays an int; rounding must not leave the range


def to_unit(distribution: BaseDistribution, value: Any) -> float:
    """Place of a value in [0, 1].

    The values of a categorical or stepped parameter own intervals of equal width and are mapped to the middles of
    theirs; an integer k of a logarithmic scale owns log([k - 1/2, k + 1/2]). Numbers without steps are mapped linearly
    from their range, or its logarithm.

    Parameters
    ----------
    distribution : BaseDistribution
    value : choice, int or float
        One that ``distribution`` can take, as Optuna hands it out. Numbers outside the range are moved to its ends.

    Returns
    -------
    u : float in [0, 1]

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution
    >>> from skboost.tuning._unit import to_unit
    >>> to_unit(CategoricalDistribution(("a", "b")), "b")
    0.75
    >>> round(to_unit(FloatDistribution(1e-4, 1.0, log=True), 1e-3), 6)
    0.25
    """
    if isinstance(distribution, CategoricalDistribution):
        return (int(distribution.to_internal_repr(value)) + 0.5) / len(distribution.choices)
    low, high, step = _range(distribution)
    if distribution.log:  # type: ignore[attr-defined]
        start, end = _log_range(distribution)
        u = (math.log(min(max(value, low), high)) - start) / (end - start) if start < end else 0.5
    elif step is not None:
        n = round((high - low) / step) + 1
        u = (round((value - low) / step) + 0.5) / n
    else:
        u = (value - low) / (high - low) if low < high else 0.5
    return min(max(float(u), 0.0), 1.0)


def from_unit(distribution: BaseDistribution, u: float) -> Any:
    """The value at a place in [0, 1]; ``from_unit(d, to_unit(d, value))`` is ``value`` up to rounding.

    Parameters
    ----------
    distribution : BaseDistribution
    u : float
        Numbers outside [0, 1] are moved to its ends. A uniform u gives a value drawn as Optuna's random sampler does.

    Returns
    -------
    value : choice, int or float
        As Optuna hands it out: no NumPy scalar.

    Examples
    --------
    >>> from optuna.distributions import IntDistribution
    >>> from skboost.tuning._unit import from_unit
    >>> [from_unit(IntDistribution(1, 3), u) for u in (0.0, 0.5, 1.0)]
    [1, 2, 3]
    """
    u = min(max(float(u), 0.0), 1.0)
    if isinstance(distribution, CategoricalDistribution):
        n = len(distribution.choices)
        return distribution.choices[min(int(u * n), n - 1)]
    low, high, step = _range(distribution)
    if distribution.log:  # type: ignore[attr-defined]
        start, end = _log_range(distribution)
        value = math.exp(start + u * (end - start))
        if isinstance(distribution, IntDistribution):
            value = round(value)
        return min(max(value, low), high)
    if step is not None:
        n = round((high - low) / step) + 1
        return value_of_cell(distribution, min(int(u * n), n - 1))
    return min(low + u * (high - low), high)


def n_points(distributions: Distributions) -> int | None:
    """Number of points of a discrete space, None if a parameter is continuous.

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, IntDistribution
    >>> from skboost.tuning._unit import all_points, n_points
    >>> space = {"kind": CategoricalDistribution(("a", "b")), "size": IntDistribution(1, 2)}
    >>> n_points(space), list(all_points(space))[2]
    (4, {'kind': 'b', 'size': 1})
    """
    counts = [n_cells(distribution) for distribution in distributions.values()]
    return None if None in counts else math.prod(n for n in counts if n is not None)


def all_points(distributions: Distributions) -> Iterator[Point]:
    """The points of a discrete space, the last parameter changing first.

    Raises
    ------
    ValueError
        If a parameter is continuous.
    """
    values = []
    for name, distribution in distributions.items():
        n = n_cells(distribution)
        if n is None:
            raise ValueError(
                f"the parameter {name!r} is continuous ({distribution}), so the points of the space cannot be listed; "
                "give it a step."
            )
        values.append([value_of_cell(distribution, cell) for cell in range(n)])
    for point in itertools.product(*values):
        yield dict(zip(distributions, point, strict=True))


def _range(distribution: BaseDistribution) -> tuple[Any, Any, Any]:
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low, distribution.high, distribution.step


def _log_range(distribution: BaseDistribution) -> tuple[float, float]:
    """Ends of [0, 1] on the logarithmic scale; whole numbers own half a unit on both sides."""
    low, high, _ = _range(distribution)
    margin = 0.5 if isinstance(distribution, IntDistribution) else 0.0
    return math.log(low - margin), math.log(high + margin)
