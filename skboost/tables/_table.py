"""One view of arrays and dataframes: columns as numbers or codes, rows by slice or index."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils import check_array

from skboost.tables._columns import (
    ArrayColumn,
    ArrayColumns,
    ArrowColumn,
    Column,
    PandasColumn,
    PolarsColumn,
    Rows,
    first_infinite,
)

# Numbers handled at a time: 1 MiB of float64, which stays in the second-level cache.
_CELLS = 1 << 17


class Table:
    """A table that has been looked at but not copied; made by :func:`read_table`.

    Attributes
    ----------
    columns : sequence of Column
        One reader per column.
    names : list of str or None
        Column names; None for arrays, and for frames whose names are not all strings.
    n_rows, n_columns : int
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
        self.n_columns = len(columns)
        self._matrix = matrix  # the whole table, where it is one array of numbers

    def __len__(self) -> int:
        return self.n_rows

    @property
    def is_categorical(self) -> npt.NDArray[np.bool_]:
        """Which columns have the categorical type of their dataframe library."""
        return np.array([column.is_categorical for column in self.columns], dtype=bool)

    def numbers(self, columns: npt.NDArray[np.intp], rows: Rows) -> npt.NDArray[np.float64]:
        """Values of ``columns`` in ``rows``.

        Returns
        -------
        values : ndarray of shape (n_columns, n_rows)
            New, float64, C-contiguous; NaN where missing.

        Raises
        ------
        ValueError, TypeError
            For infinite values and for what is not a number, naming the column.
        """
        if self._matrix is not None and len(columns) == self.n_columns:
            out = np.array(self._matrix[rows].T, dtype=np.float64, order="C")
        else:  # column by column: whole rows of a few columns would be copied for nothing
            n_rows = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
            out = np.empty((len(columns), n_rows))
            for place, column in zip(out, columns, strict=True):
                place[:] = self.columns[column].numbers(rows)
        infinite = first_infinite(out)
        if infinite is not None:
            label = self.columns[columns[infinite]].label
            raise ValueError(
                f"Input X contains infinity in column {label}. Replace it by a finite number, or "
                "by NaN, which stands for a missing value."
            )
        return out


class WeightedRows:
    """The rows of a table that count, with their weights.

    Rows of weight zero are left out. Weights that are all equal are dropped: they change no mean
    and no quantile.
    """

    def __init__(self, table: Table, weight: npt.NDArray[np.float64] | None = None) -> None:
        self.table = table
        self._rows: npt.NDArray[np.intp] | None = None
        self._weight: npt.NDArray[np.float64] | None = None
        if weight is not None:
            if not np.all(weight > 0):
                self._rows = np.flatnonzero(weight > 0)
                weight = weight[self._rows]
            if not np.all(weight == weight[0]):
                self._weight = weight

    def __len__(self) -> int:
        return len(self.table) if self._rows is None else len(self._rows)

    def chunks(self, n_columns: int) -> Iterator[tuple[Rows, npt.NDArray[np.float64]]]:
        """Rows and weights, so many at a time that ``n_columns`` of them fit in the cache."""
        for start, stop in row_chunks(len(self), n_columns):
            weight = np.ones(stop - start) if self._weight is None else self._weight[start:stop]
            yield rows_between(self._rows, start, stop), weight

    def thinned(self, n_enough: int) -> tuple[Rows, npt.NDArray[np.float64] | None]:
        """At least ``n_enough`` rows spread over the table, or all; weights, if they differ.

        One row is taken out of each group of k, in a place that moves with the golden ratio. The
        same place in each group would see a single phase of a table that repeats after k rows (a
        panel, sensors read in turn); multiples of the golden ratio visit all phases evenly, and
        need no random numbers.
        """
        every = len(self) // n_enough
        if every < 2:
            return rows_between(self._rows, 0, len(self)), self._weight
        group = np.arange(len(self) // every)
        golden = (np.sqrt(5.0) - 1.0) / 2.0
        picked = group * every + ((group * golden) % 1.0 * every).astype(np.intp)
        rows = picked if self._rows is None else self._rows[picked]
        return rows, None if self._weight is None else self._weight[picked]


def row_chunks(n_rows: int, n_columns: int) -> Iterator[tuple[int, int]]:
    """Bounds of chunks of rows, multiples of 64, that depend on the shape of the table alone."""
    step = max(_CELLS // max(n_columns, 1) // 64, 1) * 64
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


def rows_between(rows: npt.NDArray[np.intp] | None, start: int, stop: int) -> Rows:
    """Places ``start`` to ``stop`` of a list of rows; None stands for all rows in their order."""
    return slice(start, stop) if rows is None else rows[start:stop]


def read_table(X: Any) -> Table:
    """Look at raw data, check what can be checked without reading the values, and wrap it.

    Arrays, nested lists, and dataframes of pandas, polars and pyarrow are read where they are.
    Another dataframe is read through pyarrow if it offers the Arrow stream interface and pyarrow is
    installed.

    Parameters
    ----------
    X : array-like or dataframe of shape (n_rows, n_columns), or Table
        A table is returned as it is, so callers that need the data twice read them once.

    Returns
    -------
    table : Table

    Raises
    ------
    ValueError, TypeError
        For data that are sparse, complex, lazy, not two-dimensional, or empty.

    Examples
    --------
    >>> from skboost.tables import read_table
    >>> len(read_table([[1, 2.5], [3, None]]))
    2
    """
    if isinstance(X, Table):
        return X
    if sparse.issparse(X):
        raise TypeError(
            f"X is sparse ({type(X).__name__}), but networks read dense rows. Reduce it first, for "
            "instance by sklearn.decomposition.TruncatedSVD in a Pipeline, or pass X.toarray() if "
            "that fits in memory."
        )
    table = _read_frame(X)
    if table is None:
        return _read_array(X)
    _check_not_empty(table.n_rows, table.n_columns)
    return table


def _read_array(X: Any) -> Table:
    # Infinite values are refused where the values are read: in the same pass, naming the column.
    values = check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
    matrix = values if values.dtype.kind in "buif" else None
    return Table(ArrayColumns(values), None, values.shape[0], matrix)


def _read_frame(X: Any) -> Table | None:
    """``X`` as a table if it is a dataframe; a frame has already imported its own library."""
    for library, kind, read in (
        ("pandas", "DataFrame", _read_pandas),
        ("polars", "DataFrame", _read_polars),
        ("pyarrow", "Table", _read_arrow),
    ):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, getattr(module, kind)):
            return read(X)
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, whose rows are not there yet: pass X.collect().")
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns"):
        try:
            return _read_arrow(importlib.import_module("pyarrow").table(X))
        except ImportError:
            return None  # check_array tries the array protocol and says what is wrong
    return None


def _read_pandas(X: Any) -> Table:
    columns: list[Column] = []
    for j, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        series = X.iloc[:, j]  # by place: names may repeat
        if isinstance(dtype, np.dtype):
            columns.append(ArrayColumn(series.to_numpy(), repr(name)))
        else:
            columns.append(PandasColumn(series, repr(name)))
    return Table(columns, _names(X.columns), X.shape[0])


def _read_polars(X: Any) -> Table:
    columns = [PolarsColumn(X.to_series(j), repr(name)) for j, name in enumerate(X.columns)]
    return Table(columns, _names(X.columns), X.height)


def _read_arrow(X: Any) -> Table:
    columns = [ArrowColumn(X.column(j), repr(name)) for j, name in enumerate(X.column_names)]
    return Table(columns, _names(X.column_names), X.num_rows)


def _names(names: Iterable[Any]) -> list[str] | None:
    found = list(names)
    return found if all(isinstance(name, str) for name in found) else None


def _check_not_empty(n_rows: int, n_columns: int) -> None:
    # The wording of scikit-learn, which its checks and the tests of its users look for.
    for count, what in ((n_columns, "feature"), (n_rows, "sample")):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape=({n_rows}, {n_columns})) while a minimum of "
                "1 is required."
            )
