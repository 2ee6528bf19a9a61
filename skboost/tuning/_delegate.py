"""Samplers that leave each trial to another sampler."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._quasirandom import random_value
from skboost.tuning._unit import Point


class DelegatingSampler(BaseSampler):
    """Asks another sampler, which may be a different one for each trial."""

    @abc.abstractmethod
    def sampler_of(self, trial: FrozenTrial) -> BaseSampler:
        """The sampler of a trial, the same one for all questions about it."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Let the sampler of the trial prepare itself."""
        self.sampler_of(trial).before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that the sampler of the trial proposes together."""
        return self.sampler_of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Point:
        """What the sampler of the trial proposes for them."""
        return self.sampler_of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """What the sampler of the trial proposes for one parameter alone."""
        return self.sampler_of(trial).sample_independent(
            study, trial, param_name, param_distribution
        )

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Let the sampler of the trial see the result."""
        self.sampler_of(trial).after_trial(study, trial, state, values)


class RandomRest(DelegatingSampler):
    """Draws at random what another sampler does not propose.

    CMA-ES and Gaussian processes leave categorical or conditional parameters to chance too, but write a line to the log
    for each of them in each trial.

    Parameters
    ----------
    sampler : BaseSampler
    seed : int
    """

    def __init__(self, sampler: BaseSampler, seed: int) -> None:
        self.sampler = sampler
        self.seed = seed

    def sampler_of(self, trial: FrozenTrial) -> BaseSampler:
        """The sampler."""
        return self.sampler

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value."""
        return random_value(param_distribution, param_name, trial.number, self.seed)
