"""What would happen if the probabilities were right: outcomes drawn for cells of nearly equal forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from skboost.metrics._bins import equal_mass, equal_width, tied

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

# Cells of equal mass and of equal width. The sum of outcomes of unequal probabilities varies less than that of as many
# outcomes of their mean; in so narrow cells the difference cannot be seen, and up to 1024 rows have a cell each.
FINENESS = 1024
# Numbers of a block of drawn outcomes, to bound memory.
BLOCK = 2**22


@dataclass(frozen=True)
class Cells:
    """Forecasts of one event, gathered where they are nearly equal and in the same bin.

    Attributes
    ----------
    probability : ndarray of shape (n_cells,)
        Mean forecast of each cell, increasing.
    weight : ndarray of shape (n_cells,)
        Number of rows of each cell, which may be a fraction.
    starts : ndarray of shape (n_bins,), int64
        First cell of each bin that is not empty.
    place : ndarray of shape (n_distinct,), int64
        Cell of each distinct forecast.
    """

    probability: Floats
    weight: Floats
    starts: Places
    place: Places

    def draws(self, n_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """Sums of the outcomes of each cell, in blocks of shape (n_cells, some of the n_resamples).

        The part f of a weight beyond whole rows adds f p + sqrt(f) (y - p), so that variances grow with the weight.
        """
        whole = np.floor(self.weight)
        part = self.weight - whole
        p = self.probability[:, None]
        size = max(1, BLOCK // len(whole))
        for start in range(0, n_resamples, size):
            shape = (len(whole), min(size, n_resamples - start))
            sums = rng.binomial(whole.astype(np.int64)[:, None], p, shape).astype(np.float64)
            if part.any():
                sums += part[:, None] * p + np.sqrt(part)[:, None] * ((rng.random(shape) < p) - p)
            yield sums


def gather(probability: Floats, weight: Floats, bins: Places | None) -> Cells:
    """Cells of some forecasts.

    Parameters
    ----------
    probability, weight : ndarray of shape (n,)
    bins : ndarray of shape (n,), int64
        Bin of each row, not falling in the probability; no cell reaches across. None for a single bin.
    """
    distinct, inverse, mass = tied(probability, weight)
    bin_ = np.zeros(len(distinct), dtype=np.int64)
    if bins is not None:
        bin_[inverse] = bins
    keys = (bin_, equal_mass(distinct, mass, FINENESS), equal_width(distinct, FINENESS))
    new = np.concatenate([[True], np.any([np.diff(key) > 0 for key in keys], axis=0)])
    first = np.flatnonzero(new)
    total = np.add.reduceat(mass, first)
    mean = np.add.reduceat(mass * distinct, first) / total
    starts = np.flatnonzero(np.concatenate([[True], np.diff(bin_[first]) > 0]))
    return Cells(np.clip(mean, 0.0, 1.0), total, starts, np.cumsum(new) - 1)


def generator(random_state: Any) -> np.random.Generator:
    """A generator of its own, seeded from ``random_state``."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    seed = check_random_state(random_state).randint(0, 2**31 - 1, size=4)
    return np.random.default_rng(seed)
