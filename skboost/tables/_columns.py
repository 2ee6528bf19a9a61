"""Readers of one column: as numbers, or as levels with codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Rows = slice | npt.NDArray[np.intp]
Codes = npt.NDArray[np.int64]


class Column(Protocol):
    """What a table asks of a column."""

    label: str
    is_categorical: bool

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        """Values in ``rows`` as an array that casts to float64, NaN where missing."""
        ...

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        """Codes and values of ``rows``: row i holds ``values[codes[i]]``, or nothing where the code is -1.

        A column that keeps a dictionary of its own returns the same ``values`` object every time.
        """
        ...


class ArrayColumn:
    """A one-dimensional NumPy array of any type."""

    is_categorical = False

    def __init__(self, values: npt.NDArray[Any], label: str) -> None:
        self.values = values
        self.label = label

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        return as_numbers(self.values[rows], self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        return factorised(self.values[rows])


class PandasColumn:
    """A pandas Series of an extension type: categorical, masked, string or Arrow."""

    def __init__(self, series: Any, label: str) -> None:
        self.series = series
        self.label = label
        self.is_categorical = hasattr(series, "cat")
        if self.is_categorical:
            self._codes = series.cat.codes.to_numpy()
            self._values = series.cat.categories.tolist()

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        part = self.series.iloc[rows]
        if getattr(part.dtype, "kind", "O") in "buif" and not self.is_categorical:
            return np.asarray(part.to_numpy(dtype=np.float64, na_value=np.nan))
        return as_numbers(np.asarray(part, dtype=object), self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        if self.is_categorical:
            return self._codes[rows].astype(np.int64), self._values
        return factorised(np.asarray(self.series.iloc[rows], dtype=object))


class PolarsColumn:
    """A polars Series."""

    def __init__(self, series: Any, label: str) -> None:
        self.series = series
        self.label = label
        self.kind = str(series.dtype.base_type())
        self.is_categorical = self.kind in ("Categorical", "Enum")

    def _part(self, rows: Rows) -> Any:
        if isinstance(rows, slice):
            return self.series.slice(rows.start, rows.stop - rows.start)
        return self.series.gather(rows)

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        part = self._part(rows)
        if part.dtype.is_numeric() or self.kind == "Boolean":
            # int8 keeps true and false apart from null, which becomes NaN in the array
            part = part.cast(_polars().Int8) if self.kind == "Boolean" else part
            return np.asarray(part.to_numpy())
        return as_numbers(_objects(part.to_list()), self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        part = self._part(rows)
        if not self.is_categorical:
            return factorised(_objects(part.to_list()))
        physical = part.to_physical()
        codes = physical.fill_null(0).to_numpy().astype(np.int64)
        _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
        codes[part.is_null().to_numpy()] = -1
        return codes, part.gather(first).to_list()


class ArrowColumn:
    """A chunked array of pyarrow."""

    def __init__(self, values: Any, label: str) -> None:
        self.values = values
        self.label = label
        self.is_categorical = hasattr(values.type, "index_type")  # a dictionary type

    def _part(self, rows: Rows) -> npt.NDArray[Any]:
        if isinstance(rows, slice):
            part = self.values.slice(rows.start, rows.stop - rows.start)
        else:
            part = self.values.take(rows)
        return np.asarray(part.to_numpy()) if part.null_count == 0 else _objects(part.to_pylist())

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        return as_numbers(self._part(rows), self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        return factorised(self._part(rows))


def _polars() -> Any:
    import polars

    return polars


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    """A one-dimensional object array; ``np.array`` would look inside nested values."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def is_missing(value: Any) -> bool:
    """True for None, NaN, NaT and the missing value of pandas."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float | np.floating | np.datetime64 | np.timedelta64) and value != value


def as_numbers(values: npt.NDArray[Any], label: str) -> npt.NDArray[Any]:
    """Numbers as they are; objects and strings that read as numbers converted; everything else refused."""
    kind = values.dtype.kind
    if kind in "buif":
        return values
    if kind in "mM":
        raise ValueError(
            f"Column {label} of X holds dates or durations ({values.dtype}): turn it into numbers first, "
            "such as the days since a fixed date."
        )
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {label} of X.")
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        pass
    try:
        return np.array([np.nan if is_missing(value) else float(value) for value in values])
    except ValueError as error:
        raise ValueError(
            f"Column {label} of X holds text that is not a number ({error}). Name the column in "
            "categorical_features, give it a categorical dtype, or encode it before."
        ) from error
    except TypeError as error:
        raise TypeError(
            f"Column {label} of X holds something that is neither a number nor text ({error}). Turn it into numbers "
            "or into a category first."
        ) from error


def check_finite(values: npt.NDArray[np.float64], labels: Sequence[str]) -> None:
    """Refuse infinite values, naming the column. NaN is allowed."""
    with np.errstate(over="ignore"):
        if np.isfinite(values.sum()):  # one fast pass tells nearly always
            return
    bad = np.flatnonzero(np.isinf(values).any(axis=1))
    if len(bad):
        raise ValueError(
            f"Input X contains infinity in column {labels[bad[0]]}. Replace it by a finite number, or by NaN, which "
            "stands for a missing value."
        )


def factorised(values: npt.NDArray[Any]) -> tuple[Codes, Sequence[Any]]:
    """Codes and distinct values of an array, -1 for missing ones."""
    if values.dtype.kind in "buif":
        distinct, codes = np.unique(values, return_inverse=True)
        codes = codes.astype(np.int64).reshape(-1)
        if values.dtype.kind == "f" and len(distinct) and np.isnan(distinct[-1]):
            codes[codes == len(distinct) - 1] = -1
            distinct = distinct[:-1]
        return codes, distinct.tolist()
    seen: dict[Any, int] = {}
    codes = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values.tolist()):
        codes[i] = -1 if is_missing(value) else seen.setdefault(value, len(seen))
    return codes, list(seen)
