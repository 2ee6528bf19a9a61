"""Bootstrap samples of rows, as counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

Floats = npt.NDArray[np.float64]

# Numbers in one block of counts: small enough for the cache of one core, large enough to keep NumPy busy.
BLOCK = 2**18


def resamples(n_rows: int, n_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each row is drawn in samples with replacement, block by block.

    Parameters
    ----------
    n_rows : int
        Rows to draw from, and number of draws.
    n_resamples : int
    rng : numpy.random.Generator

    Yields
    ------
    counts : ndarray of shape (a few, n_rows)
        Each row sums to ``n_rows``; the blocks have ``n_resamples`` rows together.
    """
    at_once = max(1, BLOCK // n_rows)
    for first in range(0, n_resamples, at_once):
        size = min(at_once, n_resamples - first)
        drawn = rng.integers(n_rows, size=(size, n_rows))
        drawn += n_rows * np.arange(size)[:, None]
        counts = np.bincount(drawn.reshape(-1), minlength=size * n_rows)
        yield counts.reshape(size, n_rows).astype(np.float64)


def generator(random_state: Any) -> np.random.Generator:
    """A generator of its own, seeded from ``random_state``.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(check_random_state(random_state).randint(0, 2**31 - 1, size=4))
