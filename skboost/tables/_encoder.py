"""From a raw table to the packed float32 rows that network learners read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from skboost._ext.packed import BLOCK, PackedRows
from skboost.tables._numeric import NumericScaling, part_of, row_chunks
from skboost.tables._table import Table, read_table

_KNEE = {"robust": 3.0, "standard": 1e6}


class TableEncoder(BaseEstimator):
    """Scale numeric columns, mark missing values, pack."""

    def __init__(
        self,
        categorical_features: Any = "from_dtype",
        *,
        handle_unknown: str = "ignore",
        max_categories: int = 64,
        numeric_scaling: str = "robust",
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.categorical_features = categorical_features
        self.handle_unknown = handle_unknown
        self.max_categories = max_categories
        self.numeric_scaling = numeric_scaling
        self.dtype = dtype

    def fit(self, X: Any, sample_weight: npt.ArrayLike | None = None) -> TableEncoder:
        table = read_table(X)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        rows = None
        if weight is not None and not np.all(weight > 0):
            rows = np.flatnonzero(weight > 0)
            weight = weight[rows]
        self.n_features_in_ = table.n_columns
        self.names_ = table.names
        self.numeric_ = NumericScaling.fit(
            table, np.arange(table.n_columns), rows, weight, _KNEE[self.numeric_scaling]
        )
        self.n_outputs_ = self.numeric_.n_outputs
        return self

    def pack(self, X: Any, *, order: npt.NDArray[np.integer] | None = None) -> PackedRows:
        table = read_table(X)
        rows = None if order is None else np.asarray(order, dtype=np.intp)
        n_rows = len(table) if rows is None else len(rows)
        packed = PackedRows.empty(n_rows, self.n_outputs_, self.dtype)
        self._pack_numeric(table, rows, n_rows, packed.blocks)
        return packed

    def _pack_numeric(
        self,
        table: Table,
        rows: npt.NDArray[np.intp] | None,
        n_rows: int,
        blocks: npt.NDArray[np.floating],
    ) -> None:
        scaling = self.numeric_
        n_numeric = len(scaling.columns)
        for start, stop in row_chunks(n_rows, n_numeric):
            values = table.numbers(scaling.columns, part_of(rows, start, stop))
            values, missing = scaling.encode(values)
            put_columns(blocks, start, slice(0, n_numeric), values)
            if len(scaling.indicator):
                marks = scaling.encode_indicators(missing, stop - start)
                put_columns(blocks, start, slice(n_numeric, scaling.n_outputs), marks)


def put_columns(
    blocks: npt.NDArray[np.floating], start: int, outputs: slice, values: npt.NDArray[np.floating]
) -> None:
    """Write ``values`` of shape (n_outputs, n_rows) into packed blocks, from row ``start`` (a multiple of 64) on."""
    first, n_rows = start // BLOCK, values.shape[1]
    whole = n_rows // BLOCK
    if whole:
        full = values[:, : whole * BLOCK].reshape(len(values), whole, BLOCK)
        blocks[first : first + whole, outputs] = full.transpose(1, 0, 2)
    if n_rows > whole * BLOCK:
        blocks[first + whole, outputs, : n_rows - whole * BLOCK] = values[:, whole * BLOCK :]
