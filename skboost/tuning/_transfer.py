"""What earlier studies know about a space, and how far to believe it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from skboost.tuning._encoding import Encoding, Floats
from skboost.tuning._ensemble import BoosterEnsemble, fit_ensemble
from skboost.tuning._history import History
from skboost.tuning._targets import measured_trials, one_direction, rank_targets

N_VOTES = 100
NO_SOURCES = (
    "sources must be a list of studies, or of lists of their trials, but it is or holds {!r}."
)
SOURCE_MODEL, VOTES = 14, 15  # purposes of random numbers


class Source:
    """The trials of an earlier study, and their ranks among each other.

    Ranks are taken within the study, so that scales of different data never mix.

    Parameters
    ----------
    study : Study or sequence of FrozenTrial
        Trials without a study are ranked in the direction of the study that is to profit.

    Raises
    ------
    ValueError
        If the study has several objectives, or no trial that was measured.
    """

    def __init__(self, study: optuna.Study | Sequence[FrozenTrial]) -> None:
        self.direction = None
        if isinstance(study, optuna.Study):
            self.direction = one_direction(study, "sources")
            trials = study.get_trials(deepcopy=False)
        else:
            is_list = isinstance(study, list | tuple)
            if not is_list or not all(isinstance(trial, FrozenTrial) for trial in study):
                raise ValueError(NO_SOURCES.format(study))
            if any(len(trial.values or ()) > 1 for trial in study):
                raise ValueError(
                    "sources: trials of a study with several objectives have no one order; give those of one objective."
                )
            trials = list(study)
        self.trials = measured_trials(trials)
        if len(self.trials) < 2:
            raise ValueError(
                f"a study in sources has {len(self.trials)} measured trials; a source needs at least two."
            )

    def fit(
        self,
        encoding: Encoding,
        direction: StudyDirection,
        *,
        n_members: int,
        n_rounds: int,
        seed: list[int],
    ) -> BoosterEnsemble:
        """A model of the ranks in this study over the space of another one.

        Parameters are matched by name. Numbers outside the range of the target space are moved to its ends; choices
        that it does not know, and parameters that the source lacks, are missing values.
        """
        target = rank_targets(self.trials, self.direction or direction)
        units = encoding.units(trial.params for trial in self.trials)
        return fit_ensemble(
            encoding.features(units), target, n_members=n_members, n_rounds=n_rounds, seed=seed
        )


def ordered_share(prediction: Floats, target: Floats) -> float:
    """Share of pairs with different targets that a prediction orders correctly; 1/2 without such pairs.

    Pairs that the prediction ties count one half.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.tuning._transfer import ordered_share
    >>> ordered_share(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.9, 0.5]))
    0.6666666666666666
    """
    agreement, matters = _pairs(prediction, target)
    total = matters.sum()
    return float(agreement.sum() / total) if total else 0.5


def vote(predictions: Sequence[Floats], target: Floats, seed: list[int]) -> Floats:
    """How often each model orders a bootstrap sample of the trials best.

    This is the ranking-weighted ensemble of [1]_, section 4: the weight of a model is the share of bootstrap samples in
    which it orders the largest share of pairs correctly. Source models that order no more than half of all pairs
    correctly get no vote, and where models tie, the last one wins.

    Parameters
    ----------
    predictions : sequence of ndarray of shape (n_trials,)
        Those of the sources, then those of the study's own model, out of bag; NaN where there is none.
    target : ndarray of shape (n_trials,)
    seed : list of int

    Returns
    -------
    weights : ndarray of shape (n_models,)
        They add up to 1.

    References
    ----------
    .. [1] M. Feurer, B. Letham and E. Bakshy, "Scalable meta-learning for Bayesian optimization using ranking-weighted
       Gaussian process ensembles", AutoML workshop at ICML 2018.
    """
    known = ~np.isnan(predictions[-1])
    predictions = [prediction[known] for prediction in predictions]
    target = target[known]
    if len(target) == 0:
        return np.append(np.zeros(len(predictions) - 1), 1.0)
    n = len(target)
    count = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=N_VOTES)
    count = count.astype(np.float64)
    shares = []
    for place, prediction in enumerate(predictions):
        agreement, matters = _pairs(prediction, target)
        correct = np.einsum("bi,bi->b", count @ agreement, count)
        total = np.einsum("bi,bi->b", count @ matters, count)
        share = np.where(total > 0, correct / np.maximum(total, 1), 0.5)
        is_own = place == len(predictions) - 1
        if not is_own and ordered_share(prediction, target) <= 0.5:
            share = np.full(N_VOTES, -1.0)
        shares.append(share)
    winner = len(shares) - 1 - np.argmax(shares[::-1], axis=0)
    weights: Floats = np.bincount(winner, minlength=len(shares)) / N_VOTES
    return weights


def _pairs(prediction: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Over ordered pairs: 1 where the order is right and 1/2 where the prediction ties; 1 where the pair matters."""
    matters = target[:, None] > target[None, :]
    agreement = 0.5 + 0.5 * np.sign(prediction[:, None] - prediction[None, :])
    return np.where(matters, agreement, 0.0), matters.astype(np.float64)


class SourceModels:
    """Models of sources over the space of the study that is to profit.

    Parameters
    ----------
    sources : sequence of Source
    encoding : Encoding
        Of that study's space.
    direction : StudyDirection
        Of that study, for sources that have none.
    n_members, n_rounds : int
    entropy : int
        Seed.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        encoding: Encoding,
        direction: StudyDirection,
        *,
        n_members: int,
        n_rounds: int,
        entropy: int,
    ) -> None:
        self.encoding = encoding
        self.direction = direction
        self.entropy = entropy
        self.models = [
            source.fit(
                encoding,
                direction,
                n_members=n_members,
                n_rounds=n_rounds,
                seed=[entropy, place, SOURCE_MODEL],
            )
            for place, source in enumerate(sources)
        ]

    def predict(self, units: Floats) -> Floats:
        """Mean predictions of the models, of shape (n_sources, n_points)."""
        features = self.encoding.features(units)
        return np.array([model.predict(features).mean(axis=1) for model in self.models])

    def are_plausible(self, history: History) -> bool:
        """Whether they order the first trials of a study no worse than chance."""
        guess = self.predict(history.units).mean(axis=0)
        return ordered_share(guess, history.target) >= 0.5

    def weights(self, history: History, own: BoosterEnsemble) -> Floats:
        """How far to believe each source and, last, the study's own model; they add up to 1."""
        units, target = history.known()
        outside = own.out_of_bag(self.encoding.features(units))
        return vote([*self.predict(units), outside], target, [self.entropy, len(target), VOTES])
