"""A sampler that learns from the trials which points are good, by boosted trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from skboost._validation import Integer, Nothing, Number, check_parameters
from skboost.tuning._candidates import farthest
from skboost.tuning._encoding import Floats
from skboost.tuning._history import History, HistoryReader
from skboost.tuning._proposals import Proposals, highest, random_units
from skboost.tuning._quasirandom import (
    fresh_seed,
    quasi_random_point,
    random_value,
    without_constants,
)
from skboost.tuning._targets import one_direction
from skboost.tuning._transfer import NO_SOURCES, Source, SourceModels
from skboost.tuning._unit import Point

CHOICE = 11  # purpose of random numbers
SOURCE_TURN = 4  # one trial of so many may follow the sources
RESTART = 4  # far points in a row once the search has got stuck


@dataclass(frozen=True)
class Request:
    """The trial that is asked for.

    ``slot`` is the number of earlier trials that are still running, ``fixed`` holds parameters that the user has
    enqueued.
    """

    number: int
    slot: int
    fixed: Mapping[str, Any]
    random: np.random.Generator


class CostModelSampler(BaseSampler):
    """Chooses the next point by boosted trees that were fitted to the trials.

    A bagged ensemble of K boosted trees learns the ranks of the trials from their parameters, as in the tuners of
    compilers [1]_, [2]_. With mean mu(x) and standard deviation s(x) over its members, the trial is put at the
    candidate x that maximises

        mu(x) + exploration * s(x)     if no other trial is running,
        f_k(x), k drawn at random      otherwise,

    so that a batch of trials, asked one after the other, spreads over what single members believe (Thompson sampling).
    Candidates are all points of a discrete space with at most 20,000 points; in larger ones, random points and
    neighbours of the ten best trials. A point that a trial has or had is not proposed again until a discrete space is
    exhausted. The first trials are a quasi-random sequence, a few are random, and where the last 3 d + 10 trials (d
    parameters) brought no gain, four random ones follow that are far from all others.

    Ranks make the model indifferent to the scale of the objective. Failed trials have the lowest rank, pruned ones at
    most that of the worst quarter of the complete ones, and trials that break constraints rank below the others.

    Spaces may be conditional or defined by run. The sampler proposes all parameters that it has seen together, and
    learns from the trials which of them are active. Parameters not seen before get independent random values.

    A proposal is a function of the trials of the study, the seed and the number of the trial: a study that is resumed
    goes on identically, and the object keeps nothing but what spares computing. Beyond 100 trials the model is fitted
    to the first n - (n mod ceil(n / 100)) of n, so that its cost per trial stays bounded.

    Parameters
    ----------
    seed : int, optional
        Not negative. Without it, it is drawn once, when the sampler is made.
    n_startup_trials : int, optional
        Quasi-random trials before the first model. Without it, max(5, d).
    n_members : int, default=10
        Size K of the ensemble.
    n_rounds : int, default=20
        Boosting rounds of each member.
    exploration : float, default=1.0
        Weight of the spread s, not negative.
    random_share : float in [0, 1], default=0.05
        Share of trials that are random.
    sources : sequence of Study or of list of FrozenTrial, optional
        Earlier studies of similar problems; parameters are matched by name. A list of trials is taken to have the
        direction of the study at hand. See Notes.
    distributions : mapping of str to BaseDistribution, optional
        The space, if it is known and the same for all trials: then the first trial belongs to the sequence too.

    Raises
    ------
    ValueError
        If a parameter is not what it may be, or the study has several objectives.

    Notes
    -----
    *Sources.* An ensemble is fitted to the ranks within each source. Of the first trials every second goes where the
    sources expect most, as long as they order the trials at hand better than chance. Later one trial of four goes
    where the weighted mean of sources and own model is highest; weights are shares of bootstrap samples of the trials
    that a model orders best [3]_, the own model by its out-of-bag predictions. So sources that mislead cost a part of
    the first trials and little after. That an earlier study helps is not to be taken for granted: sister tasks can
    have their best points elsewhere.

    References
    ----------
    .. [1] T. Chen et al., "Learning to optimize tensor programs", NeurIPS 2018.
    .. [2] J. Lee et al., "Quantune: Post-training quantization of convolutional neural networks using extreme gradient
       boosting for fast deployment", Future Generation Computer Systems 132, 2022.
    .. [3] M. Feurer, B. Letham and E. Bakshy, "Scalable meta-learning for Bayesian optimization using ranking-weighted
       Gaussian process ensembles", AutoML workshop at ICML 2018.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning import CostModelSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def objective(trial):
    ...     kind = trial.suggest_categorical("kind", ["a", "b"])
    ...     return (kind == "a") - (trial.suggest_int("size", 1, 20) - 15) ** 2 / 100
    >>> study = optuna.create_study(direction="maximize", sampler=CostModelSampler(seed=0))
    >>> study.optimize(objective, n_trials=25)
    >>> study.best_params
    {'kind': 'a', 'size': 15}
    """

    is_keyed = True  # proposals follow from seed, study and number

    def __init__(
        self,
        seed: int | None = None,
        *,
        n_startup_trials: int | None = None,
        n_members: int = 10,
        n_rounds: int = 20,
        exploration: float = 1.0,
        random_share: float = 0.05,
        sources: Sequence[optuna.Study | Sequence[FrozenTrial]] | None = None,
        distributions: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        self.seed = seed
        self.n_startup_trials = n_startup_trials
        self.n_members = n_members
        self.n_rounds = n_rounds
        self.exploration = exploration
        self.random_share = random_share
        self.distributions = distributions
        check_parameters(
            self,
            {
                "seed": (Integer(0), Nothing()),
                "n_startup_trials": (Integer(1), Nothing()),
                "n_members": Integer(2),
                "n_rounds": Integer(1),
                "exploration": Number(0, closed="left"),
                "random_share": Number(0, 1, closed="both"),
            },
        )
        self._entropy = fresh_seed() if seed is None else int(seed)
        if not isinstance(sources, list | tuple | type(None)):
            raise ValueError(NO_SOURCES.format(sources))
        self._sources = [Source(source) for source in sources or ()]
        self._forget()

    def _forget(self) -> None:
        """Drop what only spares computing; nothing that is proposed depends on it."""
        self._reader = HistoryReader()
        self._last: tuple[Any, Proposals] | None = None
        self._models: SourceModels | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reader": None, "_last": None, "_models": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The declared space, or all parameters that the trials of the study have had."""
        one_direction(study, "CostModelSampler")
        if self.distributions is not None:
            return without_constants(self.distributions)
        seen: dict[str, BaseDistribution] = {}
        for other in study.get_trials(deepcopy=False):
            if other.number != trial.number:
                seen.update(other.distributions)  # the latest range
        return without_constants(seen)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value, a function of the seed, the number of the trial and the name."""
        one_direction(study, "CostModelSampler")
        return random_value(param_distribution, param_name, trial.number, self._entropy)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Point:
        """The point that the model likes best; at first, a point of a quasi-random sequence."""
        one_direction(study, "CostModelSampler")
        if not search_space:
            return {}
        others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        history = self._reader.read(others, search_space, study.directions[0])
        request = Request(
            number=trial.number,
            slot=sum(t.state == TrialState.RUNNING and t.number < trial.number for t in others),
            fixed=trial.system_attrs.get("fixed_params", {}),
            random=np.random.default_rng([self._entropy, trial.number, CHOICE]),
        )
        n_startup = self.n_startup_trials or max(5, len(search_space))
        if len(history.trials) < n_startup:
            return history.encoding.point(self._first(history, request))
        return history.encoding.point(self._next(history, request))

    def _first(self, history: History, request: Request) -> Floats:
        """A quasi-random point, or every second time what the sources expect most of."""
        sources = self._source_models(history)
        if sources is not None and request.number % 2 and sources.are_plausible(history):
            pool = random_units(history, request.fixed, request.random)
            best = highest(sources.predict(pool).mean(axis=0), request.random)
            return _row(pool, best)
        point = quasi_random_point(history.encoding.distributions, request.number, self._entropy)
        row = history.encoding.units([{**point, **request.fixed}])
        if not np.isin(history.encoding.keys(row), history.taken).any():
            return _row(row, 0)
        return _row(random_units(history, request.fixed, request.random), 0)

    def _next(self, history: History, request: Request) -> Floats:
        """The point that the model likes best, or a random one where there is reason for it."""
        random = request.random
        if random.random() < self.random_share:
            return _row(random_units(history, request.fixed, random), 0)
        proposals = self._proposals(history, request.fixed)
        if proposals.is_flat() or is_stuck(history):
            pool = random_units(history, request.fixed, random)
            return farthest(history.encoding, pool, history.units)
        score = self._score(proposals, history, request)
        best = proposals.best_free(score, history, random)
        if best is None:  # of a discrete space nothing is left
            return _row(random_units(history, request.fixed, random), 0)
        return _row(proposals.units, best)

    def _score(self, proposals: Proposals, history: History, request: Request) -> Floats:
        """What is maximised over the candidates."""
        sources = self._source_models(history)
        if sources is not None and request.number % SOURCE_TURN == SOURCE_TURN - 1:
            weights = sources.weights(history, proposals.ensemble)
            if weights[-1] < 1:
                models = [*sources.predict(proposals.units), proposals.prediction.mean(axis=1)]
                mixture: Floats = weights @ np.array(models)
                return mixture
        if request.slot == 0:
            return proposals.optimistic(self.exploration)
        return proposals.member(int(request.random.integers(self.n_members)))

    def _proposals(self, history: History, fixed: Mapping[str, Any]) -> Proposals:
        """The model of a history; trials of a batch share it."""
        units, target = history.known()
        key = (
            repr((history.encoding.distributions, sorted(fixed.items()))),
            units.tobytes(),
            target.tobytes(),
        )
        if self._last is None or self._last[0] != key:
            proposals = Proposals.of(
                history,
                n_members=self.n_members,
                n_rounds=self.n_rounds,
                entropy=self._entropy,
                fixed=fixed,
            )
            self._last = key, proposals
            return proposals
        return self._last[1]

    def _source_models(self, history: History) -> SourceModels | None:
        """Models of the sources over the space of a history."""
        if not self._sources:
            return None
        models = self._models
        key = (history.encoding, history.direction)
        if models is None or (models.encoding, models.direction) != key:
            models = SourceModels(
                self._sources,
                history.encoding,
                history.direction,
                n_members=self.n_members,
                n_rounds=self.n_rounds,
                entropy=self._entropy,
            )
            self._models = models
        return models


def is_stuck(history: History) -> bool:
    """Whether it is time for far points: the last 3 d + 10 trials, or a multiple, brought no gain."""
    period = 3 * len(history.encoding.names) + 10
    stalled = history.n_since_gain()
    return stalled >= period and stalled % period < RESTART


def _row(units: Floats, place: int) -> Floats:
    row: Floats = units[place]
    return row
