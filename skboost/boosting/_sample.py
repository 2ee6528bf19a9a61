"""Rows that are ready for the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import PackedRows


@dataclass
class Sample:
    """Encoded rows with their targets and weights; no weight is zero.

    Attributes
    ----------
    rows : PackedRows
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    weight : ndarray of shape (n_rows,)
    protected : ndarray or None
        Attributes that only penalties see.
    """

    rows: PackedRows
    y: npt.NDArray
    weight: npt.NDArray[np.float64]
    protected: npt.NDArray | None = None

    def without_copies(self) -> Sample:
        """The same sample with equal rows merged, their weights added, in an order of their own.

        Sums over rows round differently when rows come in another order, or as copies instead of weights. Fitting a
        network blows such differences up, and a hundred stages do so a hundred times. In one agreed order there are no
        differences: a weight then equals copies, and shuffled rows the original, to the last bit.
        """
        table = self.rows.to_dense() + 0.0  # no negative zeros: equal rows must have equal bytes
        parts = [table, np.asarray(self.y).reshape(len(table), -1)]
        if self.protected is not None:
            parts.append(np.unique(self.protected, return_inverse=True)[1].reshape(len(table), -1))
        octets = np.hstack([np.ascontiguousarray(part).view(np.uint8) for part in parts])
        keys = octets.view(np.dtype((np.void, octets.shape[1]))).ravel()
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        return Sample(
            PackedRows.from_dense(table[first], dtype=self.rows.dtype),
            np.ascontiguousarray(self.y[first]),
            np.bincount(group.ravel(), weights=self.weight).astype(np.float64),
            None if self.protected is None else self.protected[first],
        )
