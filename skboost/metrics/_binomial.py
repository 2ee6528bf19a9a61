"""Exact limits of a share that was counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv

Floats = npt.NDArray[np.float64]

# Halvings of [0, 1]; beyond 53 nothing changes.
STEPS = 60


def clopper_pearson(hits: Any, misses: Any, level: float) -> tuple[Floats, Floats]:
    """Limits that hold a probability with at least the given confidence, after it was tried [1]_.

        low:  P(at least so many hits | low) = (1 - level) / 2,    0 without a hit
        high: P(at most so many hits | high) = (1 - level) / 2,    1 without a miss

    Parameters
    ----------
    hits, misses : array-like of shape (n,)
        Counts, or sums of weights.
    level : float

    Returns
    -------
    low, high : ndarray of shape (n,)

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26, 1934.
    """
    hits, misses = np.asarray(hits, dtype=np.float64), np.asarray(misses, dtype=np.float64)
    tail = (1 - level) / 2
    low = np.where(hits > 0, betaincinv(np.where(hits > 0, hits, 1.0), misses + 1, tail), 0.0)
    other = betaincinv(np.where(misses > 0, misses, 1.0), hits + 1, tail)
    return low, np.where(misses > 0, 1 - other, 1.0)


def accepted_shares(trials: Any, probability: float, level: float) -> tuple[Floats, Floats]:
    """Least and largest share of hits whose limits of :func:`clopper_pearson` hold a probability.

    Parameters
    ----------
    trials : array-like of shape (n,)
        Counts, or sums of weights.
    probability : float
        Strictly between 0 and 1.
    level : float

    Returns
    -------
    low, high : ndarray of shape (n,)
        As if counts were not whole; the shares that can happen lie between them.
    """
    trials = np.asarray(trials, dtype=np.float64)
    least = fewest_hits(trials, probability, (1 - level) / 2)
    return least / trials, 1 - fewest_hits(trials, 1 - probability, (1 - level) / 2) / trials


def fewest_hits(trials: Floats, probability: float, tail: float) -> Floats:
    """Smallest x with P(at most x hits) >= tail, by bisection; x need not be whole."""
    low, high = np.zeros(len(trials)), trials.copy()
    enough = (1 - probability) ** trials >= tail  # without any hit
    for _ in range(STEPS):
        middle = (low + high) / 2
        rare = betainc(trials - middle, middle + 1, 1 - probability) < tail
        low, high = np.where(rare, middle, low), np.where(rare, high, middle)
    return np.where(enough, 0.0, high)
