"""Pinball loss of several quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from skboost.metrics._numbers import (
    mean_of_rows,
    read_levels,
    read_numbers,
    read_row_weight,
    read_target,
)
from skboost.metrics._options import YES_NO, check_options


def pinball_loss(
    y_true: Any,
    y_quantile: Any,
    *,
    quantiles: Any,
    sample_weight: Any = None,
    per_row: bool = False,
) -> Any:
    """Pinball loss of predicted quantiles, one number for each. Smaller is better.

        q max(y - x, 0) + (1 - q) max(x - y, 0)

    for the quantile x of level q; smallest in the mean at the true quantile. For one level it equals
    ``sklearn.metrics.mean_pinball_loss(y_true, x, alpha=q)``; here each column has its own level, and quantiles may be
    infinite. Twice the mean over the levels (k - 1/2) / m, k = 1, ..., m, is the continuous ranked probability score of
    the m quantiles as equally likely values.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed numbers.
    y_quantile : array-like of shape (n_samples,) or (n_samples, n_quantiles)
        Predicted quantiles, as ``predict_quantiles`` gives them.
    quantiles : float, or sequence of n_quantiles float
        Their levels, between 0 and 1.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    per_row : bool, default=False
        Return the loss of each row, not their mean.

    Returns
    -------
    loss : float, or ndarray of shape (n_quantiles,)
        In the unit of the target; infinite if a quantile is. With ``per_row`` of the shape of ``y_quantile``.

    Raises
    ------
    ValueError
        If shapes or the number of levels do not agree, numbers are missing, or a level is none.

    Examples
    --------
    >>> from skboost.metrics import pinball_loss
    >>> pinball_loss([1.0, 2.0], [[0.0, 2.0], [1.0, 2.5]], quantiles=[0.1, 0.9]).round(3)
    array([0.1  , 0.075])
    """
    check_options("pinball_loss", per_row=(per_row, YES_NO))
    predicted = read_numbers(y_quantile, "y_quantile")
    if predicted.ndim not in (1, 2):
        raise ValueError(
            f"y_quantile has shape {predicted.shape}, but (n_samples,) or (n_samples, n_quantiles) is needed."
        )
    single = predicted.ndim == 1
    columns = predicted[:, None] if single else predicted
    y = read_target(y_true, len(columns), "y_quantile")
    weight = read_row_weight(sample_weight, len(y), per_row)
    level = read_levels(quantiles, columns.shape[1], single, "quantiles", "y_quantile")
    below = np.maximum(columns - y[:, None], 0.0)
    losses = level * np.maximum(y[:, None] - columns, 0.0) + (1.0 - level) * below
    if per_row:
        return losses[:, 0] if single else losses
    return mean_of_rows(losses, weight, single)
