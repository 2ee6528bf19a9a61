"""What displays read from estimators and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

from skboost.conformal._rank import exact_level
from skboost.conformal._taxonomy import Column


def level_of(estimator: Any, confidence_level: Any) -> float:
    """The level that is asked for, or that of the estimator.

    Raises
    ------
    ValueError
        If it is not one number between 0 and 1.
    """
    level = confidence_level
    if level is None:
        level = getattr(estimator, "confidence_level", None)
        if level is None or np.ndim(level):
            raise ValueError(
                f"confidence_level of {type(estimator).__name__} is {level!r}, but a picture shows one level; name it "
                "as confidence_level=."
            )
    return float(exact_level(level))


def column_of(X: Any, key: str | int, parameter: str) -> tuple[Any, str]:
    """A column of X, and its name.

    Parameters
    ----------
    X : array-like, frame or sparse matrix
    key : str or int
        Name or place.
    parameter : str
        Name of the parameter, for the error.

    Returns
    -------
    column : array-like of shape (n_samples,)
    name : str
    """
    try:
        column = Column(key)(X)
    except ValueError as error:
        raise ValueError(f"{parameter}={key!r} is no column of X.") from error
    return column, name_of(column) or (key if isinstance(key, str) else f"column {key}")


def name_of(column: Any) -> str | None:
    """Name of a pandas or polars column, None of what has none."""
    name = getattr(column, "name", None)
    return name if isinstance(name, str) and name else None


def read_column(values: Any, n_rows: int, name: str) -> npt.NDArray[Any]:
    """One number, or one time, for each row.

    Raises
    ------
    ValueError
        If there are more or fewer, or some are missing or no numbers.
    """
    given: npt.NDArray[Any] = column_or_1d(np.asarray(values))
    if len(given) != n_rows:
        raise ValueError(f"{name} has {len(given)} rows, but y_true has {n_rows}; they must agree.")
    if given.dtype.kind != "M":
        try:
            given = given.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must hold a number for each row: {error}.") from error
    if np.isnat(given).any() if given.dtype.kind == "M" else not np.isfinite(given).all():
        raise ValueError(f"{name} contains missing or infinite values; leave these rows out.")
    return given
