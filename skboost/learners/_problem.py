"""A weighted least-squares problem, packed once and read many times by the kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost._ext import _network as kernels
from skboost._ext.packed import BLOCK, PackedRows

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """Targets and weights in the layout of the rows, with the target in units of its size.

    Parameters
    ----------
    blocks : ndarray of shape (n_blocks, d, 64)
    columns : ndarray of int32 or None
        Columns that enter.
    target : ndarray of shape (n_blocks, K, 64)
        Divided by ``scale``.
    weight : ndarray of shape (n_blocks, 1 or K, 64)
        Divided by ``weight_unit``; zero for the padding.
    scale : float
        Root of the weighted mean square of the target, over all outputs together: the outputs keep
        their proportions, so that one penalty treats them alike.
    weight_unit : float
        Mean of the weights, so that weights of any size keep their digits in float32.
    total_weight : float
        Sum of the packed weights; with one weight per row and output, its mean over the outputs.
    n_rows : int
    n_positive : int
        Number of rows with a positive weight.
    n_threads : int
    """

    blocks: npt.NDArray[np.floating]
    columns: npt.NDArray[np.int32] | None
    target: npt.NDArray[np.floating]
    weight: npt.NDArray[np.floating]
    scale: float
    weight_unit: float
    total_weight: float
    n_rows: int
    n_positive: int
    n_threads: int

    @classmethod
    def prepare(
        cls,
        rows: PackedRows,
        target: Array,
        weight: Array,
        columns: npt.NDArray[np.int32] | None,
        n_threads: int,
    ) -> Problem | None:
        """Pack the problem; None if there is nothing to fit (no weight, or a target of zeros).

        Raises
        ------
        ValueError
            If a target is not finite, a weight is negative or not finite, or a column does not
            exist.
        """
        target = np.ascontiguousarray(target, dtype=np.float64)
        weight = np.ascontiguousarray(weight, dtype=np.float64)
        weights = weight.reshape(rows.n_rows, -1)
        total, square, largest, smallest, n_positive = kernels.summarise(target, weights, n_threads)
        if not smallest >= 0.0 or not math.isfinite(total):
            raise ValueError(
                f"Weights must be finite and not negative; the smallest is {smallest}, "
                f"their sum is {total}."
            )
        if not math.isfinite(largest):
            raise ValueError("The target of a learner must be finite, but it holds nan or inf.")
        if total == 0.0 or square == 0.0:
            return None
        if 2 * n_positive <= rows.n_rows:  # a copy of the few rows that count is soon paid back
            kept = np.flatnonzero((weights > 0.0).any(axis=1))
            rows, target, weights = rows.take(kept), target[kept], weights[kept]
        # squares relative to the largest value: neither overflow nor underflow
        scale = largest * math.sqrt(square / (total * target.shape[1] / weights.shape[1]))
        weight_unit = total / (n_positive * weights.shape[1])
        n_blocks = len(rows.blocks)
        packed_target = np.empty((n_blocks, target.shape[1], BLOCK), dtype=rows.dtype)
        packed_weight = np.empty((n_blocks, weights.shape[1], BLOCK), dtype=rows.dtype)
        kernels.pack_outputs(target, scale, packed_target, n_threads)
        kernels.pack_outputs(weights, weight_unit, packed_weight, n_threads)
        return cls(
            rows.blocks,
            _checked_columns(columns, rows.n_columns),
            packed_target,
            packed_weight,
            scale,
            weight_unit,
            float(n_positive),
            rows.n_rows,
            n_positive,
            n_threads,
        )

    @property
    def n_columns(self) -> int:
        """Number of columns that enter."""
        return int(self.blocks.shape[1]) if self.columns is None else len(self.columns)

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return int(self.target.shape[1])

    def penalty(self, alpha: float) -> float:
        """The penalty in the unit of the packed weights."""
        return float(alpha) / self.weight_unit

    def spread(self, hidden: Array, n_columns: int) -> Array:
        """Give weights (n_columns_entering, J) zero rows for the columns that do not enter."""
        if self.columns is None:
            return np.ascontiguousarray(hidden)
        full = np.zeros((n_columns, hidden.shape[1]))
        full[self.columns] = hidden
        return full

    def column_means(self) -> Array:
        """Means of the columns that enter over the first rows.

        They only serve as a shift that saves digits, so a few thousand rows without weights will do.
        """
        first = self.blocks[:64] if self.columns is None else self.blocks[:64, self.columns]
        n_rows = min(self.n_rows, len(first) * BLOCK)
        return np.asarray(first.sum(axis=(0, 2), dtype=np.float64)) / n_rows

    def normal_equations(
        self, parameters: Array, n_units: int, activation: int
    ) -> tuple[Array, Array]:
        """Gram matrices (1 or K, m, m) and moments (m, K) of the features; the last one is 1.

        The features are hidden units, or for ``n_units=0`` the columns minus the shifts in
        ``parameters``.
        """
        size = (n_units or self.n_columns) + 1
        gram = np.zeros((self.weight.shape[1], size, size))
        moment = np.zeros((size, self.n_outputs))
        kernels.gram(
            self.blocks,
            self.columns,
            self.target,
            self.weight,
            parameters,
            n_units,
            activation,
            gram,
            moment,
            self.n_threads,
        )
        return gram, moment


def _checked_columns(
    columns: npt.NDArray[np.int32] | None, n_columns: int
) -> npt.NDArray[np.int32] | None:
    if columns is None:
        return None
    columns = np.ascontiguousarray(columns, dtype=np.int32)
    if columns.ndim != 1 or not len(columns):
        raise ValueError("columns must be a one-dimensional index of at least one column.")
    if columns.min() < 0 or columns.max() >= n_columns:
        raise ValueError(
            f"columns must lie in [0, {n_columns}), but they run from {columns.min()} "
            f"to {columns.max()}."
        )
    if len(np.unique(columns)) < len(columns):
        raise ValueError("columns names a column twice.")
    return columns
