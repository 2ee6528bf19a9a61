"""Checks of parameters, weights and targets, with sentences for errors.

scikit-learn keeps its own versions private, so these are ours. Every check raises ``ValueError``,
for a wrong type as well as for a wrong value: a caller has one class of error to catch.
"""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets


class Constraint(Protocol):
    """What a parameter may be: a test, and (as ``str``) the words for it."""

    def accepts(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Number:
    """A real number in an interval; neither a boolean nor NaN.

    ``closed`` tells which ends belong to the interval: "both", "left", "right" or "neither".
    Infinity is accepted only as an end that belongs to the interval.
    """

    low: float = -math.inf
    high: float = math.inf
    closed: str = "neither"

    def accepts(self, value: Any) -> bool:
        if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
            return False
        number = float(value)
        above = number >= self.low if self.closed in ("both", "left") else number > self.low
        below = number <= self.high if self.closed in ("both", "right") else number < self.high
        return above and below  # False for NaN

    def __str__(self) -> str:
        left = "[" if self.closed in ("both", "left") else "("
        right = "]" if self.closed in ("both", "right") else ")"
        return f"a number in {left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class Integer:
    """A whole number from ``low`` to ``high``, both included; not a boolean, and not 2.0."""

    low: int | None = None
    high: int | None = None

    def accepts(self, value: Any) -> bool:
        if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
            return False
        above = self.low is None or int(value) >= self.low
        return above and (self.high is None or int(value) <= self.high)

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"an integer from {self.low} to {self.high}"
        if self.low is not None:
            return f"an integer of at least {self.low}"
        return "an integer" if self.high is None else f"an integer of at most {self.high}"


class OneOf:
    """One of a few strings."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.options

    def __str__(self) -> str:
        return " or ".join(map(repr, self.options))


class Flag:
    """True or False."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool | np.bool_)

    def __str__(self) -> str:
        return "True or False"


class Nothing:
    """None."""

    def accepts(self, value: Any) -> bool:
        return value is None

    def __str__(self) -> str:
        return "None"


class Instance:
    """An object of one of the given classes."""

    def __init__(self, *kinds: type) -> None:
        self.kinds = kinds

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self.kinds)

    def __str__(self) -> str:
        return "an instance of " + " or ".join(kind.__name__ for kind in self.kinds)


class Many:
    """A list, tuple or one-dimensional array that is not empty and whose items fit ``item``."""

    def __init__(self, item: Constraint) -> None:
        self.item = item

    def accepts(self, value: Any) -> bool:
        if isinstance(value, np.ndarray):
            value = value.tolist() if value.ndim == 1 else None
        return (
            isinstance(value, list | tuple)
            and len(value) > 0
            and all(map(self.item.accepts, value))
        )

    def __str__(self) -> str:
        return f"a sequence with {self.item} in each place"


def check_parameters(
    component: Any, constraints: Mapping[str, Constraint | Iterable[Constraint]]
) -> None:
    """Compare the parameters of an estimator or component with what they may be.

    Parameters
    ----------
    component : estimator or Component
        Its attributes of the names in ``constraints`` are looked at.
    constraints : dict of str to Constraint or iterable of Constraint
        A value is fine when one of its constraints accepts it.

    Raises
    ------
    ValueError
        For the first parameter that no constraint accepts, with the name, the value and what would
        be accepted.

    Examples
    --------
    >>> from skboost._validation import Nothing, Number, check_parameters
    >>> from sklearn.linear_model import Ridge
    >>> check_parameters(Ridge(alpha=-1), {"alpha": (Number(0), Nothing())})
    Traceback (most recent call last):
        ...
    ValueError: alpha=-1 is not valid for Ridge: it must be a number in (0, inf) or None.
    """
    for name, constraint in constraints.items():
        options = list(constraint) if isinstance(constraint, Iterable) else [constraint]
        value = getattr(component, name)
        if not any(option.accepts(value) for option in options):
            raise ValueError(
                f"{name}={reprlib.repr(value)} is not valid for {type(component).__name__}: "
                f"it must be {' or '.join(map(str, options))}."
            )


def check_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> npt.NDArray[np.float64]:
    """Weights of the rows as a fresh float64 array; ones when there are none.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,) or None
        Finite and not negative; at least one is positive. Weight k counts as k copies of the row,
        weight 0 as none.
    n_rows : int
    name : str, default="sample_weight"
        Name of the argument in error messages.

    Returns
    -------
    weight : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If the weights have another shape, are not numbers, are negative, are not finite, or are all
        zero.
    """
    if sample_weight is None:
        return np.ones(n_rows)
    try:
        given = np.asarray(sample_weight)
        if given.dtype.kind == "c":
            raise TypeError("complex numbers are not weights")
        weight = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold a number for each row: {error}.") from error
    if weight.shape != (n_rows,):
        raise ValueError(
            f"{name} must hold one number for each of the {n_rows} rows, "
            f"but its shape is {weight.shape}."
        )
    if not np.isfinite(weight).all():
        raise ValueError(f"{name} holds NaN or infinity; remove these rows or give them weight 0.")
    if weight.min(initial=0.0) < 0:
        raise ValueError(
            f"{name} must not be negative, but its minimum is {weight.min():g}; "
            "give weight 0 to rows that should not count."
        )
    if n_rows and weight.max() == 0:
        raise ValueError(f"{name}: all weights are zero; at least one row needs a positive weight.")
    return weight


def check_regression_target(y: Any, n_rows: int) -> npt.NDArray[np.float64]:
    """Target of a regressor as float64, with one value or one row of values for each row of X.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Finite numbers.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs), float64, C-contiguous
        A column of shape (n_rows, 1) stays a column: one output, asked for as a table.

    Raises
    ------
    ValueError
        If y is missing, is not numeric, holds NaN or infinity, or has another number of rows than
        X.
    """
    if y is None:
        raise ValueError("A regressor requires y to be passed, but the target y is None.")
    if np.iscomplexobj(np.asarray(y)):  # asarray: y may refuse NumPy functions but not conversion
        raise ValueError("Complex data not supported: y holds complex numbers.")
    target: npt.NDArray[np.float64] = check_array(
        y, ensure_2d=False, dtype=np.float64, order="C", input_name="y", ensure_min_samples=0
    )
    if target.ndim not in (1, 2):
        raise ValueError(f"y must have one or two dimensions, but its shape is {target.shape}.")
    if len(target) != n_rows:
        raise ValueError(f"y has {len(target)} rows, but X has {n_rows}; they must agree.")
    return target


def is_missing(label: Any) -> bool:
    """None, NaN, NaT or pandas.NA: whatever is not plainly equal to itself."""
    same = label == label
    return label is None or not (isinstance(same, bool | np.bool_) and bool(same))


def check_labels(y: Any, n_rows: int, name: str = "y", other: str = "X has") -> npt.NDArray[Any]:
    """Labels that can be told apart and sorted, one a row.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Strings, booleans or whole numbers.
    n_rows : int
        Number of rows that there should be.
    name : str, default="y"
        Name of the argument in error messages.
    other : str, default="X has"
        What has so many rows, for error messages.

    Returns
    -------
    labels : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If there is another number of labels, or they are two-dimensional, incomplete (NaN or None), continuous, bytes,
        or of several types.
    """
    labels: npt.NDArray[Any] = column_or_1d(y)
    if len(labels) != n_rows:
        raise ValueError(f"{name} has {len(labels)} rows, but {other} {n_rows}; they must agree.")
    if labels.dtype.kind not in "biufSU" and any(map(is_missing, labels.tolist())):
        raise ValueError(f"Input {name} contains NaN or None; every row needs a class label.")
    assert_all_finite(labels, input_name=name)
    kind = type(labels[0]).__name__ if len(labels) else ""
    if kind in ("bytes", "bytes_"):
        raise ValueError(f"{name} holds bytes, which are no labels; decode them to strings.")
    try:
        check_classification_targets(labels)
    except TypeError as error:
        raise ValueError(
            f"{name} mixes labels that cannot be sorted ({error}); use labels of one type."
        ) from error
    except ValueError as error:
        if labels.dtype != object:
            raise
        raise ValueError(
            f"{error} Its values are Python objects of type {kind}; convert them with {name}.astype(int) or "
            f"{name}.astype(str)."
        ) from error
    return labels


def check_class_target(
    y: Any, n_rows: int, sample_weight: npt.NDArray[np.float64] | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Sorted classes of a classifier's target, and the place of each row's label among them.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels: strings, booleans or whole numbers.
    n_rows : int
        Number of rows of X.
    sample_weight : ndarray of shape (n_rows,), optional
        Checked weights; at least two classes need a row of positive weight.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_rows,), int64
        ``classes[codes]`` gives the labels back.

    Raises
    ------
    ValueError
        If y is missing, continuous, two-dimensional, incomplete (NaN or None), has another number
        of rows than X, or has fewer than two classes.
    """
    if y is None:
        raise ValueError("A classifier requires y to be passed, but the target y is None.")
    labels = check_labels(column_or_1d(y, warn=True), n_rows)
    classes, codes = np.unique(labels, return_inverse=True)
    counted = classes if sample_weight is None else classes[np.unique(codes[sample_weight > 0])]
    if len(counted) < 2:
        where = "" if len(classes) < 2 else " among the rows of positive weight"
        raise ValueError(
            f"A classifier needs at least two classes, but y has one class{where}: "
            f"{reprlib.repr(counted.tolist())}."
        )
    return classes, np.asarray(codes, dtype=np.int64).reshape(-1)
