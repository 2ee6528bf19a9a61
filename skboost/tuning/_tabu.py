"""Tabu search as a sampler of Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from skboost._validation import Integer, Nothing, Number, check_parameters
from skboost.tuning._neighbourhood import Neighbourhood
from skboost.tuning._quasirandom import (
    fresh_seed,
    quasi_random_point,
    random_value,
    without_constants,
)
from skboost.tuning._tabu_proposal import FINISHED, Told, propose
from skboost.tuning._tabu_walk import TabuMove, TabuWalk
from skboost.tuning._unit import Point

PROPOSAL = 2  # purpose of random numbers
TELLING = (TrialState.COMPLETE, TrialState.PRUNED)  # those that Optuna infers spaces from


class TabuSampler(BaseSampler):
    """Tabu search [1]_, [2]_ in a space of parameters of all kinds.

    The first ``n_startup_trials`` points are quasi-random; the best of them is the current point. From then on a trial
    is a neighbour of the current point, which differs from it in one parameter:

    - categorical: any other choice;
    - discrete and ordered: one or two steps, or about 0.3, 0.1 or 0.02 of the range, up or down;
    - continuous: about 0.3, 0.1 or 0.02 of the range (of its logarithm where declared), up or down.

    The search moves to the first neighbour that is better than the current point, or, after ``n_neighbours`` of them,
    to the best one, even though it is worse: so it leaves local optima. A step forbids the value that the changed
    parameter had for ``tenure`` moves and a random number more, at most as many as there are parameters; a forbidden
    value is taken only if the point is better than all points before (aspiration). Among worse neighbours the score

        value - frequency_weight * (spread of the last 20 values) * visits / (most visits)

    decides, where visits are moves to the new value of the parameter so far. After ``patience`` neighbourhoods without
    a new best point, the search returns to the best point with steps of half the length and nothing forbidden
    (intensification); after two such returns it starts again from the best of three points that are far from all
    others (diversification).

    Which neighbours are tried is drawn at random, those near good points more often: with the rank r_i of the value of
    trial i, from 0 for the worst to 1 for the best, and the distance d_i of the neighbour from its point, a neighbour's
    promise is

        (0.15 + sum_i k_i r_i) / (0.3 + sum_i k_i) + 0.3 e / sqrt(0.3 + sum_i k_i),   k_i = exp(-d_i / 0.25)

    where e is standard normal; the largest promise is taken. No point is tried twice as long as there are others.

    The sampler has no state. The walk is told anew from the trials of the study in the order of their numbers, and
    random numbers are keyed by them, so a search that was interrupted continues identically with a new object. Running
    trials count as points that were tried, with a middle rank. Constraints (``Trial.set_constraint``) come first: of
    two points the one that violates them less is better.

    Parameters that not every trial has, in spaces with conditions, get independent random values.

    Parameters
    ----------
    seed : int, optional
        Not negative. Without it, it is drawn once, when the sampler is made.
    n_startup_trials : int, default=5
        At least 1.
    n_neighbours : int, default=6
        At least 1.
    tenure : int, default=7
        Not negative. A parameter with m values forbids at most m - 1 of them at a time.
    frequency_weight : float, default=0.1
        Not negative.
    patience : int, default=2
        At least 1.
    distributions : mapping of str to BaseDistribution, optional
        The space, if it is known and the same for all trials; otherwise it is what all finished trials share, and the
        trials before the first one is finished are random.

    Raises
    ------
    ValueError
        If a parameter is not what it may be, or if a study has several objectives.

    References
    ----------
    .. [1] F. Glover, "Tabu search, part I", ORSA Journal on Computing 1, 1989.
    .. [2] F. Glover, "Tabu search, part II", ORSA Journal on Computing 2, 1990.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning import TabuSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def loss(trial):
    ...     kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    ...     size = trial.suggest_int("size", 1, 100)
    ...     return abs(size - 70) + 20 * (kind != "b")
    >>> study = optuna.create_study(sampler=TabuSampler(seed=0))
    >>> study.optimize(loss, n_trials=40)
    >>> study.best_value < 10
    True
    >>> study.sampler.moves(study)[0].kind
    'start'
    """

    is_keyed = True  # proposals follow from seed, study and number

    def __init__(
        self,
        seed: int | None = None,
        *,
        n_startup_trials: int = 5,
        n_neighbours: int = 6,
        tenure: int = 7,
        frequency_weight: float = 0.1,
        patience: int = 2,
        distributions: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        self.seed = seed
        self.n_startup_trials = n_startup_trials
        self.n_neighbours = n_neighbours
        self.tenure = tenure
        self.frequency_weight = frequency_weight
        self.patience = patience
        self.distributions = distributions
        check_parameters(
            self,
            {
                "seed": (Integer(0), Nothing()),
                "n_startup_trials": Integer(1),
                "n_neighbours": Integer(1),
                "tenure": Integer(0),
                "frequency_weight": Number(0, closed="left"),
                "patience": Integer(1),
            },
        )
        self._entropy = fresh_seed() if seed is None else int(seed)
        self._last: Told | None = None  # what was worked out last; it saves time, nothing else

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The declared space, or the parameters that all finished trials share."""
        check_single_objective(study, self)
        return dict(self._told(study, trial.number).walk.space.distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Point:
        """A neighbour of the current point."""
        check_single_objective(study, self)
        if not search_space:
            return {}
        told = self._told(study, trial.number, search_space)
        if trial.number < self.n_startup_trials or told.walk.current is None:
            return quasi_random_point(search_space, trial.number, self._entropy)
        random = np.random.default_rng([self._entropy, trial.number, PROPOSAL])
        return told.walk.space.point(propose(told, random))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value, a function of the seed, the number of the trial and the name."""
        check_single_objective(study, self)
        return random_value(param_distribution, param_name, trial.number, self._entropy)

    def moves(self, study: optuna.Study) -> list[TabuMove]:
        """The moves of the search so far, worked out from the trials of a study.

        Parameters
        ----------
        study : optuna.Study
            With one objective.

        Returns
        -------
        moves : list of TabuMove
            Named tuples with the ``kind`` of a move ("start", "step", "return" to the best point, "restart"), the
            ``number`` of the trial that it led to, the ``clock`` (neighbourhoods left before), the points ``start`` and
            ``end``, ``forbidden`` (of the parameters that a step changed, the last clock at which their old values are
            forbidden) and ``aspired`` (whether it led to a forbidden value).

        Raises
        ------
        ValueError
            If the study has several objectives.
        """
        check_single_objective(study, self)
        return list(self._told(study, None).walk.moves)

    def _told(
        self,
        study: optuna.Study,
        number: int | None,
        space: Mapping[str, BaseDistribution] | None = None,
    ) -> Told:
        """The walk after all finished trials but ``number``, and the points that are being tried."""
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        trials = study.get_trials(deepcopy=False)
        last = self._last
        if last is None or not last.begins(trials, sign):
            last = None
        n_told = 0 if last is None else len(last.trials)
        new = [trial for trial in trials[n_told:] if trial.number != number]
        new.sort(key=lambda trial: trial.number)
        if space is None:
            space = self._space(new, last)
        if last is None or last.walk.space.distributions != space:
            last = Told(self._new_walk(space), sign)
            new = sorted(
                (trial for trial in trials if trial.number != number),
                key=lambda trial: trial.number,
            )
        n_done = next((i for i, trial in enumerate(new) if trial.state not in FINISHED), len(new))
        self._last = last = last.beyond(new[:n_done]) if n_done else last
        return last.beyond(new[n_done:]) if new[n_done:] else last

    def _space(self, new: list[FrozenTrial], last: Told | None) -> Mapping[str, BaseDistribution]:
        if self.distributions is not None:
            return without_constants(self.distributions)
        shared: Mapping[str, BaseDistribution] | None = None
        if last is not None and any(trial.state in TELLING for trial in last.trials):
            shared = last.walk.space.distributions
        for trial in new:
            if trial.state in TELLING:
                theirs = trial.distributions
                shared = {
                    name: distribution
                    for name, distribution in (theirs if shared is None else shared).items()
                    if theirs.get(name) == distribution
                }
        return without_constants(shared or {})

    def _new_walk(self, space: Mapping[str, BaseDistribution]) -> TabuWalk:
        return TabuWalk(
            Neighbourhood(space),
            n_startup_trials=self.n_startup_trials,
            n_neighbours=self.n_neighbours,
            tenure=self.tenure,
            frequency_weight=self.frequency_weight,
            patience=self.patience,
            seed=self._entropy,
        )


def check_single_objective(study: optuna.Study, sampler: BaseSampler) -> None:
    """Refuse studies with several objectives.

    Raises
    ------
    ValueError
        With the samplers that do serve them.
    """
    if len(study.directions) > 1:
        raise ValueError(
            f"{type(sampler).__name__} compares single values, but the study has {len(study.directions)} objectives; "
            "use 'nsga2', 'nsga3', 'tpe', 'random' or 'qmc'."
        )
