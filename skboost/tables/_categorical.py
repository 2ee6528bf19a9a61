"""Categorical columns: which they are, and their one-hot codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.tables._columns import Codes, Column
from skboost.tables._scale import binary_codes
from skboost.tables._table import Table, WeightedRows

Level = str | int | float

_UNKNOWN = -1  # output of a value that has no output


@dataclass(frozen=True)
class OneHot:
    """The one-hot outputs of one categorical column.

    Output k is ``x_k - p_k``, where ``x_k`` is 1 for the rows with category k and 0 for the others,
    and ``p_k`` is its weighted share. Rare categories are not blown up to unit variance, so that a
    penalty on weights holds them back as it should. A value
    that has no output is encoded as zeros: the average row.

    Attributes
    ----------
    column : int
        Place of the column in the table.
    levels : list of str, int or float
        All values seen with positive weight, numbers first, each kind in increasing order.
    output : ndarray of shape (n_levels,)
        Output of each level.
    missing_output : int
        Output of missing values, -1 if none was seen.
    labels : list of str
        Name of each output.
    off, on : ndarray of shape (n_outputs,)
        Codes of ``x_k = 0`` and ``x_k = 1``.
    """

    column: int
    levels: list[Level]
    output: npt.NDArray[np.intp]
    missing_output: int
    labels: list[str]
    off: npt.NDArray[np.float64]
    on: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, rows: WeightedRows, column: int, max_categories: int | None) -> OneHot:
        """Count the values of a column by weight and give each its output.

        If there are more than ``max_categories`` values, the ``max_categories - 1`` heaviest keep
        an output of their own (ties go to the first in sorted order), and the others share one.
        """
        weight_of, missing = _weight_by_level(rows, column)
        levels = sorted(weight_of, key=lambda level: (isinstance(level, str), level))
        weight = np.array([weight_of[level] for level in levels])
        labels = [str(level) for level in levels]
        output = np.arange(len(levels))
        if max_categories is not None and len(levels) > max_categories:
            heaviest = np.argsort(-weight, kind="stable")[: max_categories - 1]
            kept = np.sort(heaviest)
            output = np.full(len(levels), len(kept))
            output[kept] = np.arange(len(kept))
            labels = [labels[level] for level in kept] + ["infrequent"]
        share = np.bincount(output, weights=weight, minlength=len(labels))
        missing_output = _UNKNOWN
        if missing > 0:
            missing_output = len(labels)
            labels.append("missing")
            share = np.append(share, missing)
        off, on = binary_codes(share / share.sum())
        return cls(column, levels, output, missing_output, labels, off, on)

    @property
    def n_outputs(self) -> int:
        return len(self.labels)

    def translation(self, label: str, refuse_unknown: bool) -> Translation:
        """From codes and values of a column to outputs."""
        return Translation(self, label, refuse_unknown)

    def encode(self, outputs: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Encoded values of shape (n_outputs, n_rows)."""
        encoded = np.repeat(self.off[:, None], len(outputs), axis=1)
        known = np.flatnonzero(outputs != _UNKNOWN)
        encoded[outputs[known], known] = self.on[outputs[known]]
        encoded[:, outputs == _UNKNOWN] = 0.0
        return encoded

    def get_state(self) -> dict[str, Any]:
        """Numbers, strings and lists of them."""
        return {
            "column": self.column,
            "levels": list(self.levels),
            "output": self.output.tolist(),
            "missing_output": self.missing_output,
            "labels": list(self.labels),
            "off": self.off.tolist(),
            "on": self.on.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> OneHot:
        """The inverse of :meth:`get_state`."""
        return cls(
            int(state["column"]),
            list(state["levels"]),
            np.asarray(state["output"], dtype=np.intp),
            int(state["missing_output"]),
            list(state["labels"]),
            np.asarray(state["off"], dtype=np.float64),
            np.asarray(state["on"], dtype=np.float64),
        )


class Translation:
    """From codes and values of a column to outputs, -1 for values that have none.

    The list of values is looked up once, for as long as it is the same object: a column of many
    categories would otherwise spend its time here.
    """

    def __init__(self, coding: OneHot, label: str, refuse_unknown: bool) -> None:
        self._output_of = dict(zip(coding.levels, coding.output.tolist(), strict=True))
        self._missing_output = coding.missing_output
        self._label = label
        self._refuse_unknown = refuse_unknown
        self._values: Sequence[Any] | None = None
        self._outputs = np.empty(0, dtype=np.intp)

    def __call__(self, codes: Codes, values: Sequence[Any]) -> npt.NDArray[np.intp]:
        if values is not self._values:
            found = [self._output_of.get(level_of(value), _UNKNOWN) for value in values]
            # Missing values have code -1 and so read the last place.
            self._outputs = np.array([*found, self._missing_output], dtype=np.intp)
            self._values = values
        outputs = self._outputs[codes]
        if self._refuse_unknown:
            unknown = np.flatnonzero((outputs == _UNKNOWN) & (codes >= 0))
            if len(unknown):
                raise ValueError(
                    f"Column {self._label} of X holds {values[codes[unknown[0]]]!r}, a category "
                    "that was not there at fit. Fit to data that have it, or use "
                    "handle_unknown='ignore', which encodes it as the average row."
                )
        return outputs


def level_of(value: Any) -> Level:
    """A value as a level: text and numbers as they are, everything else as its text.

    Whole floats become integers, so that a column of integers that turned into floats because of a
    missing value has the same levels and names as before.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float) else str(value)


def _weight_by_level(rows: WeightedRows, column: int) -> tuple[dict[Level, float], float]:
    """Total weight of each value that occurs, and of missing values."""
    weight_of: dict[Level, float] = {}
    missing = 0.0
    reader: Column = rows.table.columns[column]
    for part, weight in rows.chunks(1):
        codes, values = reader.coded(part)
        # Missing values, code -1, are counted in place 0.
        total = np.bincount(codes + 1, weights=weight, minlength=len(values) + 1)
        missing += float(total[0])
        for code in np.flatnonzero(total[1:]).tolist():
            level = level_of(values[code])
            weight_of[level] = weight_of.get(level, 0.0) + float(total[code + 1])
    return weight_of, missing


def categorical_columns(table: Table, categorical_features: Any) -> npt.NDArray[np.intp]:
    """Places of the categorical columns.

    Parameters
    ----------
    table : Table
    categorical_features : "from_dtype", None, or sequence of bool, int or str
        See :class:`~skboost.tables.TableEncoder`.

    Raises
    ------
    ValueError
        If columns are named that do not exist, or the sequence cannot be understood.
    """
    if categorical_features is None:
        return np.empty(0, dtype=np.intp)
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        return np.flatnonzero(table.is_categorical)
    if isinstance(categorical_features, str) or not isinstance(categorical_features, Iterable):
        raise ValueError(
            f"categorical_features={categorical_features!r} is not valid: it must be 'from_dtype', "
            "None, a boolean mask, or a list of column indices or names."
        )
    items = list(categorical_features)
    if not items:
        return np.empty(0, dtype=np.intp)
    if all(isinstance(item, bool | np.bool_) for item in items):
        if len(items) != table.n_columns:
            raise ValueError(
                f"categorical_features is a boolean mask of length {len(items)}, but X has "
                f"{table.n_columns} columns; give one boolean for each column."
            )
        return np.flatnonzero(items)
    if all(isinstance(item, int | np.integer) for item in items):
        outside = [int(item) for item in items if not 0 <= item < table.n_columns]
        if outside:
            raise ValueError(
                f"categorical_features names column {outside[0]}, but X has {table.n_columns} "
                f"columns; indices must be in [0, {table.n_columns - 1}]."
            )
        return np.unique(np.array(items, dtype=np.intp))
    if all(isinstance(item, str) for item in items):
        if table.names is None:
            raise ValueError(
                "categorical_features holds column names, but X has none; pass a dataframe with "
                "names, or give indices or a boolean mask."
            )
        unknown = [item for item in items if item not in table.names]
        if unknown:
            raise ValueError(
                f"categorical_features names the column {str(unknown[0])!r}, which X does not "
                f"have; its columns are {table.names}."
            )
        return np.unique([table.names.index(item) for item in items])
    kinds = ", ".join(sorted({type(item).__name__ for item in items}))
    raise ValueError(
        f"categorical_features must be a sequence of bool, of int or of str, but holds {kinds}."
    )
