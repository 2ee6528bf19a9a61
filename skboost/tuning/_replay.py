"""One search, replayed on a table by look-up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.samplers import BaseSampler

from skboost.tuning._score_table import ScoreTable

START, SAMPLER = 0, 1  # purposes of random numbers


def start_rows(table: ScoreTable, n_startup: int, key: list[int]) -> list[int]:
    """Rows with which every sampler begins: different ones for each seed, the same for all samplers."""
    rng = np.random.default_rng([*key, START])
    rows: list[int] = rng.choice(len(table), size=n_startup, replace=False).tolist()
    return rows


def replay(
    table: ScoreTable,
    make_sampler: Callable[[int], BaseSampler],
    *,
    key: list[int],
    n_trials: int,
    batch_size: int,
    n_startup: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Search a table with a fresh sampler.

    Parameters
    ----------
    table : ScoreTable
    make_sampler : callable
        ``seed -> BaseSampler``.
    key : list of int
        From which all random numbers are derived.
    n_trials, batch_size, n_startup : int
        Trials in all; trials asked before the first of them is told; trials that are given.

    Returns
    -------
    rows : ndarray of shape (n_trials,)
        What was evaluated, in the order of the trials.
    seconds : ndarray of shape (n_batches,)
        CPU seconds that the sampler took to propose each batch and to hear of it.

    Raises
    ------
    ValueError
        If the factory makes something else than a sampler.
    """
    seed = int(np.random.SeedSequence([*key, SAMPLER]).generate_state(1)[0])
    sampler: Any = make_sampler(seed)
    if not isinstance(sampler, BaseSampler):
        raise ValueError(
            f"a factory in samplers made {sampler!r}, which is no sampler of Optuna; it must be a function of a seed "
            "that returns one."
        )
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # thousands of studies are made
    try:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for row in start_rows(table, n_startup, key):
            study.enqueue_trial(table.trial_params(row))
        rows: list[int] = []
        seconds: list[float] = []
        while len(rows) < n_trials:
            begun = time.process_time()
            count = min(batch_size, n_trials - len(rows))
            trials = [study.ask(table.distributions) for _ in range(count)]
            found = [table.row(trial.params) for trial in trials]
            for trial, row in zip(trials, found, strict=True):
                study.tell(trial, float(table.values[row]))
            rows += found
            seconds.append(time.process_time() - begun)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return np.array(rows, dtype=np.int32), np.array(seconds)
