"""Which rows and columns a round of boosting sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import BLOCK, PackedRows

Integers = npt.NDArray[np.intp]


def spread_order(strata: npt.NDArray | None, n_rows: int, rng: np.random.Generator) -> Integers:
    """A random order of rows in which every stretch holds the strata in about their overall shares.

    The rows of a stratum of size m are put, shuffled, at the places (j + u) / m of the unit interval. Blocks of rows in
    this order are stratified samples, so minibatches and held-out stretches are too.
    """
    if strata is None:
        return rng.permutation(n_rows)
    place = np.empty(n_rows)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        place[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(place, kind="stable")


class RowSampler:
    """Draws the rows of a round without replacement, in their classes' shares.

    Where the rows are stored in spread order and there are many, whole blocks of 64 are drawn: a block is then a
    stratified random sample already, and copying blocks is as fast as memory allows.

    Parameters
    ----------
    fraction : float in (0, 1]
    strata : ndarray of shape (n_rows,) or None
        Class codes.
    by_block : bool
        Rows are in spread order and may be drawn by the block.
    """

    def __init__(self, fraction: float, strata: npt.NDArray | None, by_block: bool) -> None:
        self.fraction = fraction
        self.by_block = by_block
        self._groups = (
            None if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
        )

    def draw(self, n_rows: int, rng: np.random.Generator) -> Integers | None:
        """Row numbers in increasing order, or None for all rows."""
        if self.fraction >= 1.0:
            return None
        if self.by_block:
            n_blocks = -(-n_rows // BLOCK)
            kept = np.sort(rng.choice(n_blocks, max(1, round(self.fraction * n_blocks)), False))
            rows = (kept[:, None] * BLOCK + np.arange(BLOCK)).ravel()
            return rows[rows < n_rows]
        groups = [np.arange(n_rows)] if self._groups is None else self._groups
        drawn = [rng.choice(g, max(1, round(self.fraction * len(g))), False) for g in groups]
        return np.sort(np.concatenate(drawn))

    def take(self, rows: PackedRows, drawn: Integers) -> PackedRows:
        """The drawn rows of a packed table."""
        if not self.by_block:
            return rows.take(drawn)
        kept = np.unique(drawn // BLOCK)
        return PackedRows(rows.blocks[kept], len(drawn))


def draw_columns(
    fraction: float, n_columns: int, rng: np.random.Generator
) -> npt.NDArray[np.int32] | None:
    """Column numbers of a round in increasing order, or None for all columns."""
    n_drawn = max(1, round(fraction * n_columns))
    if n_drawn >= n_columns:
        return None
    return np.sort(rng.choice(n_columns, n_drawn, replace=False)).astype(np.int32)
