"""Raw scores of new rows, after all stages or the first ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from skboost._ext._omp import effective_n_threads
from skboost._ext.packed import PackedRows
from skboost.boosting._model import StagedModel
from skboost.tables import Table, TableEncoder, read_table

Floats = npt.NDArray[np.float64]

# Rows that are encoded at a time, so that prediction needs no second table.
CHUNK = 64 * 1024


class StagedPrediction(BaseEstimator):
    """Reads raw tables and predicts with the first stages of a fitted model."""

    model_: StagedModel
    encoder_: TableEncoder
    n_threads: int | None
    _raw_shape: tuple[int, ...]

    def _read(self, X: Any, *, reset: bool) -> Table:
        """The raw table, with the names and the number of its columns noted or compared."""
        table = read_table(X)
        validate_data(self, X, skip_check_array=True, reset=reset)
        return table

    def _pack(
        self, table: Table, dtype: str, order: npt.NDArray[np.intp] | None = None
    ) -> PackedRows:
        return self.encoder_.pack(table, order=order, dtype=dtype)

    def _check_n_stages(self, n_stages: int | None) -> int:
        if n_stages is None:
            return len(self.model_)
        if isinstance(n_stages, bool) or not isinstance(n_stages, int | np.integer):
            raise ValueError(f"n_stages={n_stages!r} must be a whole number or None.")
        if not 0 <= n_stages <= len(self.model_):
            raise ValueError(
                f"n_stages={n_stages} is out of range: this model has {len(self.model_)} stages, "
                "and 0 means its constant start."
            )
        return int(n_stages)

    def _chunks(self, X: Any) -> Iterator[PackedRows]:
        """Encoded rows, a chunk at a time, in double precision."""
        check_is_fitted(self, "model_")
        table = self._read(X, reset=False)
        if len(table) <= CHUNK:
            yield self._pack(table, "float64")
            return
        for start in range(0, len(table), CHUNK):
            yield self._pack(table, "float64", np.arange(start, min(start + CHUNK, len(table))))

    def _model_raw(self, rows: PackedRows, n_stages: int, n_threads: int) -> Floats:
        return self.model_.truncated(n_stages).raw(rows, n_threads)

    def _raw_predict(self, X: Any, n_stages: int | None = None) -> Floats:
        """Raw scores of shape (n_samples,) or (n_samples, n_raw)."""
        check_is_fitted(self, "model_")
        n_stages = self._check_n_stages(n_stages)
        n_threads = effective_n_threads(self.n_threads)
        raw = np.concatenate([self._model_raw(r, n_stages, n_threads) for r in self._chunks(X)])
        return self._shape_raw(raw)

    def _staged_raw_predict(self, X: Any) -> Iterator[Floats]:
        """Raw scores after 0, 1, ..., n_stages_ stages."""
        rows = list(self._chunks(X))
        n_threads = effective_n_threads(self.n_threads)
        parts = [self.model_.staged_raw(r, n_threads) for r in rows]
        for stage in zip(*parts, strict=True):
            yield self._shape_raw(np.concatenate(stage))

    def _shape_raw(self, raw: Floats) -> Floats:
        return raw.reshape(raw.shape[0], *self._raw_shape)
