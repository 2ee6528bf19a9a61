"""Continuous ranked probability score of distributions that are given by values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._validation import check_weights
from skboost.metrics._numbers import mean_of_rows, read_numbers, read_row_weight, read_target
from skboost.metrics._options import YES_NO, check_options

Floats = npt.NDArray[np.float64]

# Values that are looked at in one go: arrays of this many numbers stay in the cache.
BLOCK = 2**17


def continuous_ranked_probability_score(
    y_true: Any,
    sample: Any,
    *,
    member_weight: Any = None,
    sample_weight: Any = None,
    per_row: bool = False,
) -> Any:
    """Continuous ranked probability score (CRPS) of distributions. Smaller is better.

        integral over x of (F(x) - 1{y <= x})^2 = sum_j v_j |x_j - y| - 1/2 sum_j sum_k v_j v_k |x_j - x_k|

    with the distribution F of the values x_j that have the probabilities v_j, equations (20) and (21) of [1]_. It is
    smallest in the mean where F is the distribution of the target given the row, and is the absolute error if F is a
    single value.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed numbers.
    sample : array-like of shape (n_members,) or (n_samples, n_members)
        Values of the distribution: an ensemble, draws, or quantiles of evenly spaced levels. One dimension means that
        all rows share the distribution, such as that of residuals; predictions of a single number are a column of
        shape (n_samples, 1).
    member_weight : array-like of shape (n_members,) or (n_samples, n_members), optional
        Weights of the values, not negative; they are divided by their sum. Equal by default.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    per_row : bool, default=False
        Return the score of each row, not their mean.

    Returns
    -------
    score : float, or ndarray of shape (n_samples,) with ``per_row``
        In the unit of the target; infinite if a value of positive weight is.

    Raises
    ------
    ValueError
        If shapes do not agree, numbers are missing, or weights are none.

    See Also
    --------
    pinball_loss : Judges quantiles of any levels.
    interval_score : Judges intervals.

    Notes
    -----
    The integral is summed over the gaps between sorted values, all terms positive, so that nothing cancels. That takes
    O(m log m) for the m values of a row; if all rows share them, O((m + n) log m) for n rows.

    References
    ----------
    .. [1] T. Gneiting and A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation", Journal of the
       American Statistical Association 102, 2007.

    Examples
    --------
    >>> from skboost.metrics import continuous_ranked_probability_score
    >>> continuous_ranked_probability_score([0.0, 2.0], [[0.0, 1.0], [1.0, 5.0]])
    0.625
    """
    name = "continuous_ranked_probability_score"
    check_options(name, per_row=(per_row, YES_NO))
    members = read_members(sample)
    n_rows = len(members) if members.ndim == 2 else None
    y = read_target(y_true, n_rows, "sample")
    weight = read_row_weight(sample_weight, len(y), per_row)
    probability = read_member_weight(member_weight, members, len(y))
    if members.ndim == 1 and (probability is None or probability.ndim == 1):
        scores = shared_scores(y, members, probability)
    else:
        scores = row_scores(y, members, probability)
    return scores if per_row else mean_of_rows(scores[:, None], weight, single=True)


def read_members(sample: Any) -> Floats:
    """Values of shape (n_members,) or (n_samples, n_members)."""
    members = read_numbers(sample, "sample")
    if members.ndim not in (1, 2):
        raise ValueError(
            f"sample has shape {members.shape}, but (n_members,) or (n_samples, n_members) is needed."
        )
    return members


def read_member_weight(member_weight: Any, members: Floats, n_rows: int) -> Floats | None:
    """Weights of shape (n_members,) or (n_rows, n_members), each row with a positive one."""
    if member_weight is None:
        return None
    name = "member_weight"
    if np.ndim(member_weight) != 2:
        return check_weights(member_weight, members.shape[-1], name)
    weight = read_numbers(member_weight, name)
    if weight.shape != (n_rows, members.shape[-1]):
        raise ValueError(
            f"{name} has shape {weight.shape}, but {(members.shape[-1],)} or {(n_rows, members.shape[-1])} is needed."
        )
    check_weights(weight.reshape(-1), weight.size, name)
    if not weight.any(axis=1).all():
        raise ValueError(f"{name}: some row has weights of zero only; each needs a positive one.")
    return weight


def shared_scores(y: Floats, members: Floats, weight: Floats | None) -> Floats:
    """Scores of rows that share a distribution, by sums up to each of its sorted values."""
    if weight is not None:
        members, weight = members[weight > 0], weight[weight > 0]
    if np.isinf(members).any():
        return np.full(len(y), np.inf)
    order = np.argsort(members)
    x = members[order]
    below = shares(None if weight is None else weight[order], len(x))  # F between the values
    gaps = np.diff(x)
    # integrals of F^2 up to each value, and of (1 - F)^2 from it on
    lower = np.concatenate([[0.0], np.cumsum(gaps * below[1:-1] ** 2)])
    upper = np.concatenate([np.cumsum((gaps * (1 - below[1:-1]) ** 2)[::-1])[::-1], [0.0]])
    place = np.searchsorted(x, y, side="right")
    left, right = np.maximum(place - 1, 0), np.minimum(place, len(x) - 1)
    from_left = lower[left] + (y - x[left]) * below[place] ** 2
    from_right = upper[right] + (x[right] - y) * (1 - below[place]) ** 2
    return np.where(place > 0, from_left, 0.0) + np.where(place < len(x), from_right, 0.0)


def shares(weight: Floats | None, n: int) -> Floats:
    """Probability of the first 0, 1, ..., n values, along the last axis."""
    if weight is None:
        return np.arange(n + 1) / n
    total = np.cumsum(weight, axis=-1)
    start = np.zeros((*weight.shape[:-1], 1))
    return np.concatenate([start, total / total[..., -1:]], axis=-1)


def row_scores(y: Floats, members: Floats, weight: Floats | None) -> Floats:
    """Scores of rows that have a distribution each, block by block."""
    shape = (len(y), members.shape[-1])
    x = np.broadcast_to(members, shape)
    v = None if weight is None else np.broadcast_to(weight, shape)
    n_rows = max(1, BLOCK // shape[1])
    blocks = [slice(start, start + n_rows) for start in range(0, shape[0], n_rows)]
    return np.concatenate(
        [block_scores(y[rows], x[rows], None if v is None else v[rows]) for rows in blocks]
    )


def block_scores(y: Floats, x: Floats, weight: Floats | None) -> Floats:
    """Integral of F^2 below y and of (1 - F)^2 above y, gap by gap; x of shape (n_rows, n_members)."""
    y = y[:, None]
    if weight is not None:
        x = np.where(weight > 0, x, y)  # what has no weight may lie anywhere
    infinite = np.asarray(np.isinf(x).any(axis=1))
    if infinite.any():
        x = np.where(infinite[:, None], 0.0, x)
    if weight is None:
        x = np.sort(x, axis=1)
    else:
        order = np.argsort(x, axis=1)
        x = np.take_along_axis(x, order, axis=1)
        weight = np.take_along_axis(weight, order, axis=1)
    below = shares(weight, x.shape[1])[..., 1:-1]
    split = np.clip(y, x[:, :-1], x[:, 1:])
    inner = (split - x[:, :-1]) * below**2 + (x[:, 1:] - split) * (1 - below) ** 2
    outer = np.maximum(x[:, :1] - y, 0.0) + np.maximum(y - x[:, -1:], 0.0)
    return np.where(infinite, np.inf, inner.sum(axis=1) + outer[:, 0])
