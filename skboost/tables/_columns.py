"""Readers of one column: as numbers, or as values with codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Rows = slice | npt.NDArray[np.intp]
Codes = npt.NDArray[np.intp]

_NUMBERS = "buif"  # kinds of NumPy types that cast to float64: boolean, integers, floats


class Column(Protocol):
    """What a table asks of a column. ``label`` names it in error messages."""

    label: str
    is_categorical: bool

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        """Values of ``rows`` as an array that casts to float64, NaN where missing."""
        ...

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        """Codes and values of ``rows``: row i holds ``values[codes[i]]``; code -1 means missing.

        A column that has a list of its values returns the same list object every time.
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
        return factorised(self.values[rows], self.label)


class ArrayColumns(Sequence[ArrayColumn]):
    """The columns of a two-dimensional array, made when they are asked for."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return int(self._values.shape[1])

    def __getitem__(self, column: Any) -> Any:
        return ArrayColumn(self._values[:, column], str(column))


class PandasColumn:
    """A pandas Series of an extension type: categorical, masked, string or Arrow."""

    def __init__(self, series: Any, label: str) -> None:
        self.series = series
        self.label = label
        self.is_categorical = hasattr(series, "cat")
        if self.is_categorical:
            self._codes = series.cat.codes.to_numpy()
            self._values = series.cat.categories.tolist()

    def _part(self, rows: Rows) -> npt.NDArray[Any]:
        part = self.series.iloc[rows]
        if not self.is_categorical and getattr(part.dtype, "kind", "O") in _NUMBERS:
            return np.asarray(part.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(part, dtype=object)

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        return as_numbers(self._part(rows), self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        if self.is_categorical:
            return self._codes[rows].astype(np.intp), self._values
        return factorised(self._part(rows), self.label)


class PolarsColumn:
    """A polars Series."""

    def __init__(self, series: Any, label: str) -> None:
        self.series = series
        self.label = label
        self._kind = str(series.dtype.base_type())
        self.is_categorical = self._kind in ("Categorical", "Enum")

    def _part(self, rows: Rows) -> Any:
        if isinstance(rows, slice):
            return self.series.slice(rows.start, rows.stop - rows.start)
        return self.series.gather(rows)

    def _array(self, part: Any) -> npt.NDArray[Any]:
        if self._kind == "Boolean":
            part = part.cast(int)  # an array of integers with nulls becomes floats with NaN
        elif not part.dtype.is_numeric():
            return _objects(part.to_list())
        return np.asarray(part.to_numpy())

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        return as_numbers(self._array(self._part(rows)), self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        part = self._part(rows)
        if not self.is_categorical:
            return factorised(self._array(part), self.label)
        # Physical codes may be those of a pool that many columns share, so each code is
        # translated by a row that has it.
        physical = part.to_physical().cast(int).fill_null(-1).to_numpy()
        found, first, codes = np.unique(physical, return_index=True, return_inverse=True)
        values = part.gather(first).to_list()
        if found[0] == -1:
            return codes.reshape(-1) - 1, values[1:]
        return codes.reshape(-1), values


class ArrowColumn:
    """A chunked array of pyarrow."""

    def __init__(self, values: Any, label: str) -> None:
        self.values = values
        self.label = label
        self.is_categorical = hasattr(values.type, "index_type")  # a dictionary type
        if self.is_categorical:
            self.values = values.unify_dictionaries()
            self._dictionary = self.values.chunk(0).dictionary.to_pylist()

    def _part(self, rows: Rows) -> Any:
        if isinstance(rows, slice):
            return self.values.slice(rows.start, rows.stop - rows.start)
        return self.values.take(rows)

    def numbers(self, rows: Rows) -> npt.NDArray[Any]:
        part = self._part(rows)
        if self.is_categorical:  # to_numpy would lose the nulls
            return as_numbers(_objects(part.to_pylist()), self.label)
        return as_numbers(np.asarray(part.to_numpy()), self.label)

    def coded(self, rows: Rows) -> tuple[Codes, Sequence[Any]]:
        part = self._part(rows)
        if not self.is_categorical:
            return factorised(np.asarray(part.to_numpy()), self.label)
        codes = [chunk.indices.cast("int64").fill_null(-1).to_numpy() for chunk in part.chunks]
        return np.concatenate(codes).astype(np.intp), self._dictionary


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    """A one-dimensional object array; ``np.array`` would look inside nested values."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def is_missing(value: Any) -> bool:
    """True for None, NaN, NaT and the missing value of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating | np.datetime64) and bool(value != value)


def as_numbers(values: npt.NDArray[Any], label: str) -> npt.NDArray[Any]:
    """Numbers as they are; objects and text that read as numbers converted; the rest refused.

    Raises
    ------
    ValueError
        For text that is not a number, for dates and durations, and for complex numbers.
    TypeError
        For objects that are neither numbers nor text.
    """
    kind = values.dtype.kind
    if kind in _NUMBERS:
        return values
    if kind in "mM":
        raise ValueError(
            f"Column {label} of X holds dates or durations ({values.dtype}). Turn them into "
            "numbers first, such as the days since a fixed date."
        )
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {label} of X has {values.dtype}.")
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        pass  # a missing value that is not a float, or the sentence below
    try:
        return np.array([np.nan if is_missing(value) else float(value) for value in values])
    except ValueError as error:
        raise ValueError(
            f"Column {label} of X holds text that is not a number ({error}). Name the column in "
            "categorical_features, give it a categorical dtype, or encode it before."
        ) from error
    except TypeError as error:
        raise TypeError(
            f"Column {label} of X holds something that is neither a number nor text ({error}). "
            "Turn it into numbers or into a category first."
        ) from error


def missing_mask(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_] | None:
    """Where ``values`` are NaN; None if nothing is missing, which one fast pass finds out."""
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(values.sum())
    return None if finite else np.isnan(values)


def first_infinite(values: npt.NDArray[np.float64]) -> int | None:
    """First row of ``values``, of shape (n_columns, n_rows), that holds an infinite value."""
    if missing_mask(values) is None:
        return None
    found = np.flatnonzero(np.isinf(values).any(axis=1))
    return int(found[0]) if len(found) else None


def factorised(values: npt.NDArray[Any], label: str) -> tuple[Codes, Sequence[Any]]:
    """Codes and distinct values of an array, -1 for missing ones.

    Raises
    ------
    TypeError
        For values that cannot be told apart by hashing, such as lists.
    """
    if values.dtype.kind in _NUMBERS:
        distinct, codes = np.unique(values, return_inverse=True)
        codes = codes.reshape(-1)
        if len(distinct) and distinct[-1] != distinct[-1]:  # NaN, which np.unique puts last, once
            codes = np.where(codes == len(distinct) - 1, -1, codes)
            distinct = distinct[:-1]
        return codes, distinct.tolist()
    place: dict[Any, int] = {}
    try:
        found = [
            -1 if is_missing(value) else place.setdefault(value, len(place))
            for value in values.tolist()
        ]
    except TypeError as error:
        raise TypeError(
            f"Column {label} of X is categorical, but holds a value that cannot be a category "
            f"({error}): the argument must be a string or a number."
        ) from error
    return np.array(found, dtype=np.intp), list(place)
