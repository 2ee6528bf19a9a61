"""Samplers for comparison only: the order of the grid, and a plain genetic algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from skboost.tuning._score_table import ScoreTable

POPULATION = 10
ELITES = 2
MUTATION = 0.1  # probability of a random value, for each parameter
N_DRAWS = 100  # of a child, until it is a new point


class TableSampler(BaseSampler):
    """A sampler that knows the table and proposes levels of its axes.

    It keeps no state: every proposal follows from the seed, the number of the trial and the finished trials before it.
    """

    def __init__(self, table: ScoreTable, seed: int) -> None:
        self.table = table
        self.seed = seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self.table.distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, trial.number])
        return self.propose(study, trial.number, rng)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        raise ValueError(f"{param_name!r} is no parameter of the table.")

    def propose(self, study: optuna.Study, number: int, rng: np.random.Generator) -> dict[str, Any]:
        """Values of all parameters for a trial."""
        raise NotImplementedError


class GridOrderSampler(TableSampler):
    """The rows of the table one after the other, as a grid search that is stopped early."""

    def propose(self, study: optuna.Study, number: int, rng: np.random.Generator) -> dict[str, Any]:
        given = [t for t in study.get_trials(deepcopy=False) if "fixed_params" in t.system_attrs]
        place = number - sum(
            trial.number < number for trial in given
        )  # starts in common are not the grid's
        return self.table.trial_params(place % len(self.table))


class GeneticSampler(TableSampler):
    """A population of 10 that keeps its 2 best, one-point crossover, and mutation of each parameter with chance 0.1.

    The first ten trials are the first population; then each generation adds eight children. Parents are drawn with
    chances that fall linearly with their rank, so that the scale of the score does not matter. The two best live on
    without being evaluated again, and a child that is known already is drawn anew, 100 times at most: a population
    soon consists of relatives, and without this four of ten trials would be repeats.
    """

    def propose(self, study: optuna.Study, number: int, rng: np.random.Generator) -> dict[str, Any]:
        parents = self._population(study, number)
        known = [trial.params for trial in study.get_trials(deepcopy=False) if trial.params]
        for _ in range(N_DRAWS):
            if number < POPULATION or len(parents) < 2:
                child = self.table.trial_params(int(rng.integers(len(self.table))))
            else:
                child = self._child(parents, rng)
            if child not in known:
                break
        return child

    def _child(self, parents: list[FrozenTrial], rng: np.random.Generator) -> dict[str, Any]:
        chances = np.arange(len(parents), 0, -1.0)
        chances /= chances.sum()
        mother, father = rng.choice(len(parents), size=2, replace=False, p=chances).tolist()
        names = self.table.names
        cut = int(rng.integers(1, len(names))) if len(names) > 1 else 1
        child = {name: parents[mother].params[name] for name in names[:cut]}
        child |= {name: parents[father].params[name] for name in names[cut:]}
        for name in names:
            if rng.random() < MUTATION:
                child[name] = _random_value(self.table.distributions[name], rng)
        return child

    def _population(self, study: optuna.Study, number: int) -> list[FrozenTrial]:
        """The newest population that was complete before a trial's generation, the best first."""
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        brood = POPULATION - ELITES
        generation = max(0, (number - POPULATION) // brood)
        population = [t for t in done if t.number < POPULATION]
        for place in range(generation):
            begin = POPULATION + place * brood
            children = [t for t in done if begin <= t.number < begin + brood]
            population = _ranked(population)[:ELITES] + children
        return _ranked(population)


def _random_value(distribution: Any, rng: np.random.Generator) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(rng.integers(len(distribution.choices)))]
    count = (distribution.high - distribution.low) // distribution.step + 1
    return distribution.low + distribution.step * int(rng.integers(count))


def _ranked(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The best first; of equal ones the older."""
    return sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number))


BASELINES = {"grid order": GridOrderSampler, "genetic": GeneticSampler}
