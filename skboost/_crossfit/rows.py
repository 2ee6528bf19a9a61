"""Rows of anything that an estimator may be fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse


def indexable_rows(X: Any) -> Any:
    """X itself where rows can be taken from it, otherwise as an array."""
    return np.asarray(X) if hasattr(X, "__array__") and not hasattr(X, "shape") else X


def n_rows_of(X: Any) -> int:
    """Number of rows of an array, a frame, a sparse matrix or a list."""
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape else len(X)


def row_numbers(rows: Any) -> npt.NDArray[np.integer]:
    """Numbers of the rows that a splitter names, by numbers or by a mask."""
    named = np.asarray(rows)
    return np.flatnonzero(named) if named.dtype == bool else named


def take(X: Any, rows: npt.NDArray[np.integer]) -> Any:
    """Rows of an array, a pandas or polars frame, a sparse matrix or a list, in its own type."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if sparse.issparse(X):
        return X.tocsr()[rows]
    if hasattr(X, "take") and hasattr(X, "column_names"):  # an Arrow table
        return X.take(rows)
    if hasattr(X, "shape"):
        return X[rows]
    return [X[row] for row in rows]


def take_aligned(
    values: dict[str, Any], rows: npt.NDArray[np.integer], n_rows: int
) -> dict[str, Any]:
    """Metadata for some of the rows: what has one entry a row is cut, anything else is passed on."""

    def aligned(value: Any) -> bool:
        return (
            not isinstance(value, str) and hasattr(value, "__len__") and n_rows_of(value) == n_rows
        )

    return {name: take(value, rows) if aligned(value) else value for name, value in values.items()}


def stack(first: Any, second: Any) -> Any:
    """Rows of two arrays, pandas or polars frames, sparse matrices or lists below one another, in their own type."""
    if hasattr(first, "iloc"):
        import pandas

        return pandas.concat([first, second], ignore_index=True)
    if sparse.issparse(first):
        return sparse.vstack([first, second], format="csr")
    if hasattr(first, "vstack"):  # a polars frame
        return first.vstack(second)
    if hasattr(first, "shape"):
        return np.concatenate([first, np.asarray(second)])
    return [*first, *second]
