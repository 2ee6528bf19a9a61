"""Optuna's Gaussian process for as long as it is quick enough."""

from __future__ import annotations

from optuna.samplers import BaseSampler, GPSampler
from optuna.trial import FrozenTrial

from skboost.tuning._delegate import DelegatingSampler, RandomRest

LAST_TRIAL = 200  # a proposal takes .1 s at 100 trials of ten parameters and .7 s at 500


class EarlyGaussianProcess(DelegatingSampler):
    """A Gaussian process for the first 200 trials, another sampler for those after them.

    Parameters
    ----------
    seed : int
    later : BaseSampler
    """

    def __init__(self, seed: int, later: BaseSampler) -> None:
        self.early = RandomRest(GPSampler(seed=seed), seed)
        self.later = later

    def sampler_of(self, trial: FrozenTrial) -> BaseSampler:
        """The process until trial number 200."""
        return self.early if trial.number < LAST_TRIAL else self.later
