"""Observed numbers, and means over the rows that count."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

from skboost._validation import check_weights
from skboost.metrics._options import LEVEL

Floats = npt.NDArray[np.float64]


def read_numbers(values: Any, name: str) -> Floats:
    """Anything that holds numbers, of any shape, as float64.

    Raises
    ------
    ValueError
        If it holds no numbers, NaN, or has no rows.
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind == "c":
            raise TypeError("complex numbers have no order")
        numbers = given.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array of numbers: {str(error).rstrip('.')}."
        ) from error
    if 0 in numbers.shape:
        raise ValueError(f"{name} has shape {numbers.shape}, but at least one row is needed.")
    if np.isnan(numbers.min()):
        raise ValueError(f"{name} contains NaN; leave these rows out, or look at what gave them.")
    return numbers


def read_target(y_true: Any, n_rows: int | None, name: str) -> Floats:
    """Observed numbers, one for each of the rows of the argument ``name``, of which None is any number."""
    target = column_or_1d(read_numbers(y_true, "y_true"))
    if not np.isfinite(target).all():
        raise ValueError("y_true contains infinity; every row needs a finite number.")
    if n_rows is not None and len(target) != n_rows:
        raise ValueError(
            f"y_true has {len(target)} rows, but {name} has {n_rows}; they must agree."
        )
    return np.asarray(target)


def read_row_weight(sample_weight: Any, n_rows: int, per_row: bool = False) -> Floats:
    """Checked weights; refused where there is no mean in which they could act."""
    if per_row and sample_weight is not None:
        raise ValueError(
            "sample_weight cannot act with per_row=True, which takes no mean; leave one of them out."
        )
    return check_weights(sample_weight, n_rows)


def read_levels(levels: Any, n_levels: int, single: bool, name: str, what: str) -> Floats:
    """Levels between 0 and 1, as many as the last axis of ``what`` says.

    Parameters
    ----------
    levels : float, or sequence of n_levels float
    n_levels : int
    single : bool
        Whether ``what`` has no axis of levels, so that one number is meant.
    name : str
        Name of the argument.
    what : str
        Name of the argument that has the levels on its last axis.
    """
    given = [levels] if np.ndim(levels) == 0 else list(np.ravel(np.asarray(levels, dtype=object)))
    for level in given:
        if not LEVEL.accepts(level):
            hint = " (0.9 means 90 %)" if isinstance(level, int | float) and level >= 1 else ""
            raise ValueError(f"{name}={reprlib.repr(level)} must be {LEVEL}{hint}.")
    if np.ndim(levels) > 1 or len(given) != n_levels or (np.ndim(levels) == 0) != single:
        wanted = "one number" if single else f"a list of {n_levels} numbers"
        raise ValueError(
            f"{name}={reprlib.repr(levels)} must be {wanted}, because {what} holds "
            f"{n_levels} level{'' if n_levels == 1 else 's on its last axis'}."
        )
    return np.array([float(level) for level in given])


def mean_of_rows(values: npt.NDArray[Any], weight: Floats, single: bool) -> Any:
    """Weighted mean over the rows, of one column as a float, of several as an array.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Rows of weight 0 may hold anything.
    weight : ndarray of shape (n_rows,)
    single : bool
    """
    kept = weight > 0
    weight = weight[kept]
    # sums of the same order above and below, so that a mean of ones is 1
    means = np.array([(weight * column[kept]).sum() / weight.sum() for column in values.T])
    return float(means[0]) if single else means
