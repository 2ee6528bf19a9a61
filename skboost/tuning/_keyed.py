"""Samplers whose proposals depend on the seed, the number of the trial and the study, not on their own past."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from skboost._validation import Integer, Nothing, check_parameters
from skboost.tuning._delegate import DelegatingSampler
from skboost.tuning._quasirandom import fresh_seed, without_constants
from skboost.tuning._unit import Point, n_points
from skboost.tuning._unvisited import distinct_point

REPLACEMENT, GENERATION = 1, 4  # purposes of random numbers
MOST_OPEN_TRIALS = 1024


class KeyedSampler(DelegatingSampler):
    """Gives each trial a fresh sampler, seeded by the number of the trial.

    The sampler of trial number i is ``make(s_i)``, where s_i is drawn from ``SeedSequence([seed, i])``. What it
    proposes is a function of the trials of the study, of ``seed`` and of i alone. So a search that was interrupted
    goes on as if nothing had happened, where a sampler made anew with the old seed would repeat its first random
    numbers; and ``optimize(n_jobs=2)``, which gives samplers new seeds, does not disturb it.

    This holds for the samplers of Optuna that keep their knowledge in the study: random search, TPE, NSGA-II, NSGA-III
    and CMA-ES. The last three write system attributes of trials, which a copy of a study has to keep; the parents of a
    generation are selected by a sampler of their own. The Gaussian process (GPSampler) keeps the parameters of its
    kernel in the object to start the next fit from them; a fresh one starts from its defaults each time, so it takes
    part too, with proposals that differ a little from those of one object that lives on. Samplers that count in the
    object gain nothing.

    Parameters
    ----------
    make : callable
        From a seed, a whole number below 2**32, to a sampler of Optuna. A class or a function of a module lets the
        sampler be pickled.
    seed : int, optional
        Not negative. Without it, it is drawn once, when the sampler is made.
    distinct : mapping of str to BaseDistribution, optional
        The whole space, the same for all trials. If it is discrete, a proposal that equals the point of a finished or
        running trial is replaced by one that no trial has had and that differs from it in as few parameters as can be
        found, of random search by any such point; when there is none left, points repeat. It has no effect if a
        parameter is continuous.

    Raises
    ------
    ValueError
        If a parameter is not what it may be, or ``make`` does not return a sampler.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning import KeyedSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def search(study, n_trials):
    ...     study.sampler = KeyedSampler(lambda seed: optuna.samplers.TPESampler(seed=seed), seed=0)
    ...     study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials)
    ...     return [trial.params["x"] for trial in study.trials]
    >>> interrupted = optuna.create_study()
    >>> _ = search(interrupted, 12)
    >>> search(interrupted, 8) == search(optuna.create_study(), 20)
    True
    """

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        seed: int | None = None,
        *,
        distinct: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        self.make = make
        self.seed = seed
        self.distinct = distinct
        check_parameters(self, {"seed": (Integer(0), Nothing())})
        if not callable(make):
            raise ValueError(
                f"make={make!r} is not valid for KeyedSampler: it must be a callable that takes a seed and returns a "
                "sampler of Optuna."
            )
        self._entropy = fresh_seed() if seed is None else int(seed)
        self._keeps_distinct = distinct is not None and n_points(distinct) is not None
        self._open: dict[int, BaseSampler] = {}  # samplers of the trials that are running
        # a study whose generations have been settled, and how many; it saves time, nothing else
        self._settled: tuple[weakref.ref[optuna.Study] | None, int] = (None, 0)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_settled": (None, 0)}

    def sampler_of(self, trial: FrozenTrial) -> BaseSampler:
        """The sampler of a trial; it is made at the first question."""
        sampler = self._open.get(trial.number)
        if sampler is None:
            sampler = self._open[trial.number] = self._made(trial.number)
        return sampler

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the sampler of the trial."""
        self._open.pop(trial.number, None)  # of another study
        if len(self._open) >= MOST_OPEN_TRIALS:  # trials whose end nobody has told
            self._open.pop(next(iter(self._open)), None)
        super().before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Let the sampler of the trial see the result, and forget it."""
        super().after_trial(study, trial, state, values)
        self._open.pop(trial.number, None)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The whole space where points shall be distinct, else what the sampler of the trial says."""
        if self._keeps_distinct and self.distinct is not None:
            return without_constants(self.distinct)
        return super().infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Point:
        """The proposal of the trial's sampler, or another point if that has been visited."""
        self._settle_generations(study, trial)
        if not self._keeps_distinct:
            return super().sample_relative(study, trial, search_space)
        sampler = self.sampler_of(trial)
        shared = sampler.infer_relative_search_space(study, trial)
        shared = {name: shared[name] for name in shared if name in search_space}
        point = sampler.sample_relative(study, trial, shared)
        so_far = copy.copy(trial)  # some samplers look at what the trial has already
        for name, distribution in search_space.items():
            if name not in point:
                so_far.params = dict(point)
                so_far.distributions = {known: search_space[known] for known in point}
                point[name] = sampler.sample_independent(study, so_far, name, distribution)
        others = [
            other for other in study.get_trials(deepcopy=False) if other.number != trial.number
        ]
        random = np.random.default_rng([self._entropy, trial.number, REPLACEMENT])
        fixed = trial.system_attrs.get("fixed_params", {})  # of a trial that was enqueued in part
        near = not isinstance(sampler, RandomSampler)  # which has no opinion that is worth keeping
        return distinct_point(search_space, point, others, random, fixed, near=near)

    def _settle_generations(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Select the parents of a trial by chance that belongs to their generation.

        Genetic samplers select them at the first trial that needs them and note them in the study, where others find
        them in another order. A restored study lacks the note: its next trial would be the first. So a sampler of the
        generation selects them before any trial does.
        """
        sampler = self.sampler_of(trial)
        if not isinstance(sampler, BaseGASampler):
            return
        generation = sampler.get_trial_generation(study, trial)
        known, settled = self._settled
        settled = settled if known is not None and known() is study else 0
        for parents in range(settled + 1, generation + 1):
            genetic = self._made(parents, GENERATION)
            assert isinstance(genetic, BaseGASampler)
            genetic.get_parent_population(study, parents)
        self._settled = weakref.ref(study), max(settled, generation)

    def _made(self, *key: int) -> BaseSampler:
        seed = int(np.random.SeedSequence([self._entropy, *key]).generate_state(1)[0])
        sampler = self.make(seed)
        if not isinstance(sampler, BaseSampler):
            raise ValueError(
                f"make must return a sampler of Optuna, but make({seed}) returned {sampler!r}."
            )
        return sampler
