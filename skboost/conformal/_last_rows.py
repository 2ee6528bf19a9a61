"""A hold-out of the rows that came last."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._crossfit.rows import n_rows_of

Rows = npt.NDArray[np.integer]


class LastRows:
    """A splitter with one split: the last rows calibrate, those before train.

    Parameters
    ----------
    share : float
        Of the rows, strictly between 0 and 1; rounded up.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Places of the rows that train and that calibrate."""
        if groups is not None:
            raise ValueError("groups cannot act: the last rows calibrate; give cv a splitter.")
        if not 0 < self.share < 1:
            raise ValueError(
                f"cv={self.share!r} must be a share between 0 and 1, both excluded, or folds."
            )
        n_rows = n_rows_of(X)
        n_train = n_rows - math.ceil(self.share * n_rows)
        if not n_train:
            raise ValueError(
                f"with n_samples={n_rows} of positive weight and cv={self.share!r} no row is left to train on; give "
                "more rows or a smaller share."
            )
        yield np.arange(n_train), np.arange(n_train, n_rows)
