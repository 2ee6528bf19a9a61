"""Random numbers of rows: the same row gets the same ones again, whatever it is asked together with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

# Constants of SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", 2014): its
# generator adds the golden ratio, and its mixer turns any two words that differ into words without visible relation.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def row_draws(probability: npt.NDArray[Any], seed: int, count: int = 1) -> Floats:
    """Uniform random numbers for each row, from its probabilities and a seed.

    Randomised sets need a random number for each row. Drawn one after the other, they would make the answer for a row
    depend on its place in X, and rows that are asked one by one would all get the first. Here a number is a hash of the
    seed, the probabilities of the row, and how many rows before it have the same probabilities. Therefore

    * within a call all numbers are independent and uniform, as far as a hash is as good as chance: no two rows share
      all that is hashed. Were it not for the count, all rows that a model is certain about would share one number;
    * they are independent of labels and of calibration rows, since only the seed and what is known before the label
      enter;
    * the same call gives the same answer, and X may be cut into batches or put into another order: only rows with the
      same probabilities exchange or repeat their numbers.

    Probabilities are rounded to half of the digits of their type, because the last ones often depend on how many rows
    are predicted at once.

    Parameters
    ----------
    probability : ndarray of shape (n, n_columns)
        Of the type that the model gives: float32 is rounded to fewer digits.
    seed : int
        Not negative.
    count : int, default=1
        Numbers a row.

    Returns
    -------
    draws : ndarray of shape (count, n)
        Strictly between 0 and 1.
    """
    keys = row_keys(probability)
    keys = mixed(keys + GOLDEN * repetitions(keys))
    words = seed_words(seed, count)
    return (mixed(keys ^ words[:, None]) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def row_keys(probability: npt.NDArray[Any]) -> Words:
    """A word for each row that depends on all of its probabilities."""
    scale = np.rint(1.0 / np.sqrt(np.finfo(probability.dtype).eps))
    grid = np.rint(probability * scale).astype(np.int64).view(np.uint64)
    keys = np.zeros(len(grid), dtype=np.uint64)
    for column in grid.T:
        keys = mixed(keys + GOLDEN + column)
    return keys


def repetitions(keys: Words) -> Words:
    """How many earlier rows have the same key: 0 for the first of its kind."""
    order = np.argsort(keys, kind="stable")
    n = len(keys)
    place = np.arange(n)
    is_new = np.ones(n, dtype=bool)
    is_new[1:] = np.diff(keys[order]) != 0
    answer = np.empty(n, dtype=np.uint64)
    answer[order] = place - np.maximum.accumulate(np.where(is_new, place, 0))
    return answer


def seed_words(seed: int, count: int) -> Words:
    """Words for ``count`` independent streams of a seed."""
    stream = np.arange(1, count + 1, dtype=np.uint64) << np.uint64(32)
    return mixed(mixed(np.full(count, seed, dtype=np.uint64)) + stream)


def mixed(words: Words) -> Words:
    """Each word mixed with itself, without loss: every bit depends on every other."""
    words = (words ^ (words >> np.uint64(30))) * FIRST
    words = (words ^ (words >> np.uint64(27))) * SECOND
    return words ^ (words >> np.uint64(31))
