"""Samplers by name, made ready for a search."""

from __future__ import annotations

import copy
import functools
import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)

from skboost.tuning._delegate import RandomRest
from skboost.tuning._gaussian_process import EarlyGaussianProcess
from skboost.tuning._keyed import KeyedSampler
from skboost.tuning._quasirandom import QuasiRandomSampler
from skboost.tuning._tabu import TabuSampler

Maker = Callable[[int], BaseSampler]

N_STARTUP_TRIALS = 5  # random ones before TPE; half of Optuna's, for budgets of 15 to 100 trials
POPULATION = 20  # of genetic samplers; with Optuna's 50, the first 50 trials are random


class Task(NamedTuple):
    """What a sampler is for.

    Attributes
    ----------
    distributions : mapping of str to BaseDistribution
        All parameters.
    conditional : bool
        Whether some trials lack some of them.
    n_objectives : int
    """

    distributions: Mapping[str, BaseDistribution]
    conditional: bool
    n_objectives: int

    @property
    def space(self) -> Mapping[str, BaseDistribution] | None:
        """The space of all trials, if they share one."""
        return None if self.conditional else self.distributions


Factory = Callable[[int, Task], BaseSampler]

SAMPLERS: dict[str, Factory] = {}


def register(alias: str) -> Callable[[Factory], Factory]:
    """Decorator of a function from a seed and a task to a sampler, for which ``alias`` then stands.

    A fresh sampler is made for each trial, with a seed of its own, unless the class of the sampler has the attribute
    ``is_keyed = True``: its proposals are a function of its seed, the study and the number of the trial already.
    """

    def add(factory: Factory) -> Factory:
        if alias in SAMPLERS:
            raise ValueError(f"sampler={alias!r} is registered twice.")
        SAMPLERS[alias] = factory
        return factory

    return add


def resolve_sampler(
    value: Any,
    seed: int,
    distributions: Mapping[str, BaseDistribution],
    *,
    conditional: bool,
    n_objectives: int,
) -> BaseSampler:
    """The sampler of a search.

    Parameters
    ----------
    value : str, callable, class or instance
        An alias of ``SAMPLERS``; a function from a seed to a sampler of Optuna; a class of samplers with the
        parameter ``seed``; or a sampler, of which a deep copy is used as it is. A search with one of the others
        continues identically after an interruption and visits no point of a discrete space twice; an instance does
        what it does by itself.
    seed : int
        Not negative. Without use for an instance.
    distributions : mapping of str to BaseDistribution
        All parameters of the space.
    conditional : bool
        Whether some trials lack some of them.
    n_objectives : int

    Returns
    -------
    sampler : BaseSampler

    Raises
    ------
    ValueError
        If ``value`` is nothing of this, or cannot serve the space or the number of objectives.
    ImportError
        If a package is missing.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution
    >>> from skboost.tuning._samplers import resolve_sampler
    >>> space = {"x": FloatDistribution(0, 1)}
    >>> type(resolve_sampler("tpe", 0, space, conditional=False, n_objectives=1)).__name__
    'KeyedSampler'
    """
    if isinstance(value, BaseSampler):
        return copy.deepcopy(value)
    task = Task(distributions, conditional, n_objectives)
    make: Maker
    if isinstance(value, str) and value in SAMPLERS:
        make = functools.partial(_make, SAMPLERS[value], task)
    elif isinstance(value, type) and issubclass(value, BaseSampler):
        make = functools.partial(_construct, value)
    elif callable(value):
        make = value
    else:
        raise ValueError(
            f"sampler={value!r} is unknown; choose from {sorted(SAMPLERS)} or pass a sampler of Optuna or a function "
            "from a seed to one."
        )
    sampler = make(seed)  # what cannot work shall say so before the search
    if not isinstance(sampler, BaseSampler):
        raise ValueError(f"sampler={value!r} must return a sampler of Optuna, not {sampler!r}.")
    if getattr(sampler, "is_keyed", False):
        make = functools.partial(_same, sampler)
    return KeyedSampler(make, seed, distinct=task.space)


def _make(factory: Factory, task: Task, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of Optuna; we know
        return factory(seed, task)


def _construct(kind: type[Any], seed: int) -> BaseSampler:
    sampler: BaseSampler = kind(seed=seed)
    return sampler


def _same(sampler: BaseSampler, seed: int) -> BaseSampler:
    return sampler


def single_objective(alias: str, task: Task) -> None:
    """Refuse several objectives.

    Raises
    ------
    ValueError
        With the samplers that do serve them.
    """
    if task.n_objectives > 1:
        raise ValueError(
            f"sampler={alias!r} serves one objective, but there are {task.n_objectives}; "
            "choose 'tpe', 'gp', 'nsga2', 'nsga3', 'random' or 'qmc'."
        )


def require(package: str, alias: str) -> None:
    """Import a package that Optuna needs for a sampler and does not bring.

    Raises
    ------
    ImportError
        If it is missing, with the command that installs it.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"sampler={alias!r} needs the package {package}, which is not installed; install it with: "
            f"pip install {package}, or choose sampler='tpe'."
        ) from error


@register("random")
def random(seed: int, task: Task) -> BaseSampler:
    """Independent random points."""
    return RandomSampler(seed=seed)


@register("qmc")
def qmc(seed: int, task: Task) -> BaseSampler:
    """Quasi-random points."""
    return QuasiRandomSampler(seed, distributions=task.space)


@register("tpe")
def tpe(seed: int, task: Task) -> BaseSampler:
    """Tree-structured Parzen estimators; of groups of parameters that occur together where some are conditional."""
    return TPESampler(
        seed=seed,
        n_startup_trials=N_STARTUP_TRIALS,
        multivariate=True
        if task.conditional
        else None,  # as grouping needs it; else Optuna decides
        group=task.conditional,
    )


@register("gp")
def gp(seed: int, task: Task) -> BaseSampler:
    """A Gaussian process for 200 trials, then Parzen estimators.

    Raises
    ------
    ImportError
        If PyTorch is missing.
    """
    require("torch", "gp")
    return EarlyGaussianProcess(seed, tpe(seed, task))


@register("cma")
def cma(seed: int, task: Task) -> BaseSampler:
    """Covariance matrix adaptation of the numeric parameters; others are random.

    Raises
    ------
    ValueError
        If fewer than two parameters are numeric, or there are several objectives.
    ImportError
        If cmaes is missing.
    """
    single_objective("cma", task)
    numeric = [
        name
        for name, distribution in task.distributions.items()
        if not isinstance(distribution, CategoricalDistribution) and not distribution.single()
    ]
    if len(numeric) < 2 or task.conditional:
        what = "conditions" if task.conditional else f"{len(numeric)} numeric parameter(s)"
        raise ValueError(
            f"sampler='cma' adapts at least two numeric parameters that all trials share, but the space has {what}; "
            "choose 'tpe'."
        )
    require("cmaes", "cma")
    return RandomRest(CmaEsSampler(seed=seed), seed)


@register("nsga2")
def nsga2(seed: int, task: Task) -> BaseSampler:
    """A genetic algorithm with ranks of domination."""
    return NSGAIISampler(seed=seed, population_size=POPULATION)


@register("nsga3")
def nsga3(seed: int, task: Task) -> BaseSampler:
    """A genetic algorithm with reference directions, for several objectives.

    Raises
    ------
    ValueError
        If there is one.
    """
    if task.n_objectives < 2:
        raise ValueError(
            "sampler='nsga3' needs several objectives, but there is one; choose 'nsga2' or 'tpe'."
        )
    return NSGAIIISampler(seed=seed, population_size=POPULATION)


@register("tabu")
def tabu(seed: int, task: Task) -> BaseSampler:
    """Tabu search.

    Raises
    ------
    ValueError
        If there are several objectives.
    """
    single_objective("tabu", task)
    return TabuSampler(seed, distributions=task.space)


@register("cost_model")
def cost_model(seed: int, task: Task) -> BaseSampler:
    """An ensemble of boosted trees.

    Raises
    ------
    ValueError
        If there are several objectives.
    """
    single_objective("cost_model", task)
    from skboost.tuning._cost_model import CostModelSampler  # it needs XGBoost

    return CostModelSampler(seed, distributions=task.space)
