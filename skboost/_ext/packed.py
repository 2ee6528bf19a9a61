"""Rows of a table in blocks of 64, laid out for the vector units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK = 64


class PackedRows:
    """A table packed once per fit and read many times by the network kernels.

    Inside a block of 64 rows the table is stored column by column, so that one vector instruction handles one column
    of many rows and a kernel keeps a whole block in the first-level cache. The last block is padded with zero rows;
    kernels give padding rows weight zero.

    Parameters
    ----------
    blocks : ndarray of shape (n_blocks, n_columns, 64)
        float32 or float64, C-contiguous.
    n_rows : int
        Number of real rows, ``n_blocks == ceil(n_rows / 64)``.
    """

    __slots__ = ("blocks", "n_rows")

    def __init__(self, blocks: npt.NDArray[np.floating], n_rows: int) -> None:
        self.blocks = blocks
        self.n_rows = n_rows

    @classmethod
    def empty(cls, n_rows: int, n_columns: int, dtype: npt.DTypeLike = np.float32) -> PackedRows:
        """Zero rows, to be filled with :meth:`put`."""
        return cls(np.zeros((-(-n_rows // BLOCK), n_columns, BLOCK), dtype=dtype), n_rows)

    @classmethod
    def from_dense(
        cls,
        X: npt.NDArray[np.floating],
        dtype: npt.DTypeLike = np.float32,
        order: npt.NDArray[np.integer] | None = None,
    ) -> PackedRows:
        """Pack the rows of ``X``, in the order ``order`` if given."""
        n_rows = X.shape[0] if order is None else order.shape[0]
        packed = cls.empty(n_rows, X.shape[1], dtype)
        step = BLOCK * 128  # a slice at a time: no second copy of the whole table
        for start in range(0, n_rows, step):
            stop = min(start + step, n_rows)
            packed.put(start, X[start:stop] if order is None else X[order[start:stop]])
        return packed

    def put(self, start: int, X: npt.NDArray[np.floating]) -> None:
        """Write the rows of ``X`` from row ``start`` (a multiple of 64) on."""
        first, n_rows = start // BLOCK, X.shape[0]
        whole = n_rows // BLOCK
        if whole:
            full = X[: whole * BLOCK].reshape(whole, BLOCK, self.n_columns)
            self.blocks[first : first + whole] = full.transpose(0, 2, 1)
        if n_rows > whole * BLOCK:
            self.blocks[first + whole, :, : n_rows - whole * BLOCK] = X[whole * BLOCK :].T

    def to_dense(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.floating]:
        """Rows ``start`` to ``stop`` as an ordinary array of shape (n, n_columns)."""
        stop = self.n_rows if stop is None else min(stop, self.n_rows)
        first, last = start // BLOCK, -(-stop // BLOCK)
        part = self.blocks[first:last].transpose(0, 2, 1).reshape(-1, self.n_columns)
        return np.ascontiguousarray(part[start - first * BLOCK : stop - first * BLOCK])

    def take(self, rows: npt.NDArray[np.integer]) -> PackedRows:
        """A packed table of the given rows, in that order."""
        taken = PackedRows.empty(len(rows), self.n_columns, self.dtype)
        step = BLOCK * 128
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            taken.put(start, self.blocks[part // BLOCK, :, part % BLOCK])
        return taken

    def head(self, n_rows: int) -> PackedRows:
        """The first ``n_rows`` rows, sharing memory; lanes behind them in the last block are not rows of it."""
        return PackedRows(self.blocks[: -(-n_rows // BLOCK)], n_rows)

    def __len__(self) -> int:
        return self.n_rows

    @property
    def n_columns(self) -> int:
        return int(self.blocks.shape[1])

    @property
    def dtype(self) -> np.dtype:
        return self.blocks.dtype

    @property
    def nbytes(self) -> int:
        return int(self.blocks.nbytes)
