"""Labels of conformal regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

from skboost._validation import check_regression_target


def one_number_a_row(y: Any, n_rows: int, owner: str) -> npt.NDArray[np.float64]:
    """Labels of shape (n_rows,), in double precision.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, 1)
    n_rows : int
    owner : str
        Name of the estimator, for the error.

    Raises
    ------
    ValueError
        If y is not numeric, not finite, of another length, or has several columns.
    """
    target = check_regression_target(y, n_rows)
    if target.ndim > 1 and target.shape[1] > 1:
        raise ValueError(
            f"y has {target.shape[1]} columns, but {owner} is for one number a row; fit one for each."
        )
    return np.asarray(column_or_1d(target, warn=True))
