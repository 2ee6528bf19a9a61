"""One sampler beside another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost.tuning._sign_test import holm, sign_test, signs

Floats = npt.NDArray[np.float64]
N_DRAWS = 1000  # of the bootstrap
SURE = 0.05  # level of the sign tests of single tables


@dataclass(frozen=True)
class Duel:
    """One sampler beside another over all tables, by the regret after so many trials.

    Parameters
    ----------
    sampler, reference : str
    lower, equal, higher : int
        Tables on which the mean regret of the sampler is lower, equal and higher.
    surely_lower, surely_higher : int
        Those where a sign test over the seeds, corrected for the number of tables, is below 5 %.
    difference : float
        Mean difference of regret; negative is better than the reference.
    low, high : float
        Its 90 % bootstrap band.
    p_value : float
        Of the sign test over the tables, corrected for the number of samplers.
    """

    sampler: str
    reference: str
    lower: int
    equal: int
    higher: int
    surely_lower: int
    surely_higher: int
    difference: float
    low: float
    high: float
    p_value: float


def duel(
    sampler: str, reference: str, differences: Floats, p_value: float, random_state: int
) -> Duel:
    """Judge the differences of regret between two samplers.

    Parameters
    ----------
    sampler, reference : str
    differences : ndarray of shape (n_tables, n_seeds)
        Negative where the sampler is better.
    p_value : float
        Corrected p-value of the sign test over the tables.
    random_state : int
        Of the bootstrap.

    Returns
    -------
    duel : Duel
    """
    means = differences.mean(axis=1)
    sure = holm([sign_test(row) for row in differences]) < SURE
    balance = np.array([above - below for below, _, above in map(signs, differences)])
    low, high = bootstrap(differences, 0.9, random_state)
    return Duel(
        *(sampler, reference, *signs(means)),
        *(int((sure & (balance < 0)).sum()), int((sure & (balance > 0)).sum())),
        *(float(means.mean()), float(low), float(high), p_value),
    )


def bootstrap(values: Floats, level: float, random_state: int) -> Floats:
    """Ends of the band of a mean over tables and seeds.

    Tables are drawn with repetition, and seeds for each of them.

    Parameters
    ----------
    values : ndarray of shape (n_tables, n_seeds, ...)
    level : float
    random_state : int

    Returns
    -------
    ends : ndarray of shape (2, ...)
    """
    rng = np.random.default_rng(random_state)
    n_tables, n_seeds = values.shape[:2]
    means = []
    for _ in range(N_DRAWS):
        tables = rng.integers(n_tables, size=(n_tables, 1))
        means.append(values[tables, rng.integers(n_seeds, size=(n_tables, n_seeds))].mean((0, 1)))
    ends: Floats = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends
