"""One view of arrays and dataframes: numbers by column, levels by column, rows by slice or index."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils import check_array

from skboost.tables._columns import (
    ArrayColumn,
    ArrowColumn,
    Column,
    PandasColumn,
    PolarsColumn,
    Rows,
    check_finite,
)


class Table:
    """A table that has been looked at but not copied.

    Parameters
    ----------
    columns : sequence of Column
        One reader per column.
    names : list of str or None
        Column names, None for arrays and for frames whose names are not all strings.
    n_rows : int
    matrix : ndarray of shape (n_rows, n_columns), optional
        The whole table where it is one numeric array; then ``numbers`` reads it in one go.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        names: list[str] | None,
        n_rows: int,
        matrix: npt.NDArray[Any] | None = None,
    ) -> None:
        self.columns = columns
        self.names = names
        self.n_rows = n_rows
        self._matrix = matrix

    def __len__(self) -> int:
        return self.n_rows

    @property
    def n_columns(self) -> int:
        return len(self.columns)

    @property
    def is_categorical(self) -> npt.NDArray[np.bool_]:
        """Which columns have a categorical type of their dataframe library."""
        return np.array([column.is_categorical for column in self.columns], dtype=bool)

    def numbers(self, columns: npt.NDArray[np.intp], rows: Rows) -> npt.NDArray[np.float64]:
        """Values of ``columns`` in ``rows``, as a new float64 array of shape (n_columns, n_rows), NaN where missing.

        Raises
        ------
        ValueError, TypeError
            For infinite values and for values that are not numbers, naming the column.
        """
        if self._matrix is None:
            out = np.empty((len(columns), _length(rows)))
            for row_of_out, column in zip(out, columns, strict=True):
                row_of_out[:] = self.columns[column].numbers(rows)
        else:
            part = self._matrix[rows]
            if len(columns) < self.n_columns:
                part = part[:, columns]
            out = np.array(part.T, dtype=np.float64, order="C")
        check_finite(out, [self.columns[column].label for column in columns])
        return out


def _length(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def read_table(X: Any) -> Table:
    """Look at raw data, check what can be checked without reading it, and return it as a :class:`Table`.

    Arrays, nested lists and dataframes of pandas, polars and pyarrow are read where they are; any other dataframe
    that offers the Arrow stream interface is read through pyarrow, if that is installed.

    Raises
    ------
    ValueError, TypeError
        Data that are sparse, complex, not two-dimensional, or empty.
    """
    if isinstance(X, Table):
        return X
    if sparse.issparse(X):
        raise TypeError(
            f"X is a sparse {type(X).__name__}, but networks read dense rows. Reduce it first, for instance with "
            "sklearn.decomposition.TruncatedSVD in a Pipeline, or pass X.toarray() if that fits in memory."
        )
    frame = _read_frame(X)
    if frame is None:
        return _read_array(X)
    _check_not_empty(frame.n_rows, frame.n_columns)
    return frame


def _read_array(X: Any) -> Table:
    # Infinite values are refused where the values are read, in one pass with the rest and with the column's name.
    values = check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
    matrix = values if values.dtype.kind in "buif" else None
    columns = [ArrayColumn(values[:, j], f"{j}") for j in range(values.shape[1])]
    return Table(columns, None, values.shape[0], matrix)


def _read_frame(X: Any) -> Table | None:
    """``X`` as a table if it is a dataframe. No library is imported here: a frame has imported its own."""
    for library, kind, read in (
        ("pandas", "DataFrame", _read_pandas),
        ("polars", "DataFrame", _read_polars),
        ("pyarrow", "Table", _read_arrow),
    ):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, getattr(module, kind)):
            return read(X)
    if type(X).__name__ == "LazyFrame" and hasattr(X, "collect"):
        raise TypeError("X is a lazy frame, whose rows are not there yet: pass X.collect().")
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns"):
        try:
            import pyarrow
        except ImportError:
            return None  # what is left is the array protocol, which check_array tries
        return _read_arrow(pyarrow.table(X))
    return None


def _read_pandas(X: Any) -> Table:
    names = _names(X.columns)
    labels = _labels(X.columns)
    columns: list[Column] = []
    for j, (label, dtype) in enumerate(zip(labels, X.dtypes, strict=True)):
        series = X.iloc[:, j]
        if isinstance(dtype, np.dtype):
            columns.append(ArrayColumn(series.to_numpy(), label))
        else:
            columns.append(PandasColumn(series, label))
    return Table(columns, names, X.shape[0])


def _read_polars(X: Any) -> Table:
    columns = [PolarsColumn(X.to_series(j), label) for j, label in enumerate(_labels(X.columns))]
    return Table(columns, _names(X.columns), X.height)


def _read_arrow(X: Any) -> Table:
    columns = [ArrowColumn(X.column(j), label) for j, label in enumerate(_labels(X.column_names))]
    return Table(columns, _names(X.column_names), X.num_rows)


def _names(names: Any) -> list[str] | None:
    found = list(names)
    return found if all(isinstance(name, str) for name in found) else None


def _labels(names: Any) -> list[str]:
    return [repr(name) for name in names]


def _check_not_empty(n_rows: int, n_columns: int) -> None:
    # The wording of scikit-learn, which its own checks and people's tests look for.
    if n_columns == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required."
        )
    if n_rows == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape=(0, {n_columns})) while a minimum of 1 is required."
        )
