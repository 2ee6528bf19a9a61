"""How long a replayed search would have taken on so many workers."""

from __future__ import annotations

import heapq
import math

import numpy as np
import numpy.typing as npt

from skboost.tuning._score_table import ScoreTable

Floats = npt.NDArray[np.float64]


def finish_times(
    fit_times: Floats, sampler_seconds: Floats, batch_size: int, n_workers: int
) -> Floats:
    """When each trial of a search would have been known.

    The sampler proposes a batch while the workers wait. Then each fit, a fold of a trial, goes to the worker that is
    free first, in the order of the trials; the next batch waits for the last fit. That is what a search in batches
    does, so its trials do not depend on the number of workers, and their times follow afterwards.

    Parameters
    ----------
    fit_times : ndarray of shape (n_trials, n_folds)
        Seconds.
    sampler_seconds : ndarray of shape (n_batches,)
    batch_size, n_workers : int

    Returns
    -------
    finished : ndarray of shape (n_trials,)
    """
    n_trials = len(fit_times)
    finished = np.empty(n_trials)
    clock = 0.0
    for place, begin in enumerate(range(0, n_trials, batch_size)):
        clock += float(sampler_seconds[place])
        batch = fit_times[begin : begin + batch_size]
        if n_workers == 1:
            ends = clock + np.cumsum(batch.sum(axis=1))
        else:
            free = [clock] * min(n_workers, batch.size)
            ends = np.empty(len(batch))
            for trial, folds in enumerate(batch.tolist()):
                ends[trial] = max(heapq.heapreplace(free, free[0] + s) + s for s in folds)
        finished[begin : begin + len(batch)] = ends
        clock = float(ends.max())
    return finished


def horizon(table: ScoreTable, n_trials: int, batch_size: int, n_workers: int) -> float:
    """Seconds that trials take if all fits are as long as the mean and the sampler costs nothing."""
    rounds = math.ceil(batch_size * table.scores.shape[1] / n_workers)  # of fits, in each batch
    seconds = float(table.fit_times.mean()) * rounds
    return float(seconds * n_trials / batch_size)


def regret_over_time(regrets: Floats, finished: Floats, until: float) -> float:
    """The mean over time of the least regret that is known.

    Before anything is known, the regret of the trial that is known first stands for it; after the end of the search,
    its last regret stays.

    Parameters
    ----------
    regrets : ndarray of shape (n_trials,)
        Regret of each trial by itself.
    finished : ndarray of shape (n_trials,)
    until : float
        The end of the time over which the mean is taken.
    """
    order = np.argsort(finished, kind="stable")
    known = np.minimum.accumulate(regrets[order])
    steps = np.diff(np.minimum(np.r_[finished[order], math.inf], until), prepend=0.0)
    # steps[0] is the time before the first result, steps[i] that between results i - 1 and i
    return float((steps * np.r_[known[0], known]).sum() / until)
