"""Candidates with what a model of the trials says of them, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.tuning._activity import Gate, closed
from skboost.tuning._candidates import candidate_units, distinct, is_listed
from skboost.tuning._encoding import Encoding, Floats, Words
from skboost.tuning._ensemble import BoosterEnsemble, fit_ensemble
from skboost.tuning._history import History

CANDIDATES, MODEL = 12, 13  # purposes of random numbers
N_POOL = 256
SPACING = 0.3
TIE = 1e-9
FLAT = 1e-6

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Proposals:
    """Candidates and the predictions of an ensemble.

    Attributes
    ----------
    encoding : Encoding
    gates : list of Gate
    ensemble : BoosterEnsemble
    units : ndarray of shape (n_candidates, n_parameters)
    prediction : ndarray of shape (n_candidates, n_members)
    keys : ndarray of shape (n_candidates,)
    squared_distance : ndarray of shape (n_candidates,)
        To the nearest of the first ``n_known`` trials.
    """

    encoding: Encoding
    gates: list[Gate]
    ensemble: BoosterEnsemble
    units: Floats
    prediction: Floats
    keys: Words
    squared_distance: Floats

    @classmethod
    def of(
        cls,
        history: History,
        *,
        n_members: int,
        n_rounds: int,
        entropy: int,
        fixed: Mapping[str, Any],
    ) -> Proposals:
        """Fit the model to a history and predict its candidates.

        Random numbers are keyed by the number of trials that the model knows, so all trials of a batch share it.
        ``fixed`` names parameters that the candidates must have.
        """
        encoding, gates = history.encoding, history.gates
        units, target = history.known()
        ensemble = fit_ensemble(
            encoding.features(units),
            target,
            n_members=n_members,
            n_rounds=n_rounds,
            seed=[entropy, len(target), MODEL],
        )
        random = np.random.default_rng([entropy, len(target), CANDIDATES])
        candidates = candidate_units(encoding, gates, units, target, random)
        candidates = held(encoding, gates, candidates, fixed)
        prediction = ensemble.predict(encoding.features(candidates))
        return cls(
            encoding,
            gates,
            ensemble,
            candidates,
            prediction,
            encoding.keys(candidates),
            squared_distances(encoding, candidates, units),
        )

    def spacing(self, n_trials: int) -> Floats:
        """Distance that candidates keep from trials: 0.3 / sqrt(n), with one ordered parameter 0.3 / n."""
        n_ordered = (~np.isnan(self.units[:, ~self.encoding.is_categorical])).sum(axis=1)
        return SPACING * np.where(n_ordered > 1, 1.0 / np.sqrt(n_trials), 1.0 / n_trials)

    def distances(self, history: History) -> Floats:
        """Euclidean distance to the nearest trial."""
        later = history.occupied[history.n_known :]
        squared = self.squared_distance
        if len(later):
            squared = np.minimum(squared, squared_distances(self.encoding, self.units, later))
        distance: Floats = np.sqrt(squared)
        return distance

    def best_free(self, score: Floats, history: History, random: np.random.Generator) -> int | None:
        """Place of the best candidate that no trial has had, at random among equals; None if all are taken.

        In a space that is not listed, candidates that are too close to a trial are left for later: trees are constant
        around a good trial, and would gather there.
        """
        free = np.flatnonzero(~np.isin(self.keys, history.taken))
        if len(free) == 0:
            return None
        if not is_listed(self.encoding):
            apart = self.distances(history)[free] > self.spacing(len(history.trials))[free]
            free = free[apart] if apart.any() else free
        return int(free[highest(score[free], random)])

    def optimistic(self, exploration: float) -> Floats:
        """Mean prediction and a multiple of the spread over members."""
        optimism: Floats = self.prediction.mean(axis=1) + exploration * self.prediction.std(axis=1)
        return optimism

    def member(self, number: int) -> Floats:
        """What one member predicts."""
        prediction: Floats = self.prediction[:, number]
        return prediction

    def is_flat(self) -> bool:
        """Whether all members agree everywhere, so that nothing can be learned from them."""
        return float(self.prediction.std(axis=1).max()) < FLAT


def random_units(history: History, fixed: Mapping[str, Any], random: np.random.Generator) -> Floats:
    """Random points that no trial has had; of a discrete space, only points that are left, or any if none is."""
    encoding = history.encoding
    if is_listed(encoding):
        rows = random.permutation(encoding.all_units())
    else:
        rows = encoding.snapped(random.random((N_POOL, len(encoding.names))))
    rows = held(encoding, history.gates, closed(rows, history.gates), fixed)
    free = rows[~np.isin(encoding.keys(rows), history.taken)]
    return free[:N_POOL] if len(free) else rows[:N_POOL]


def held(encoding: Encoding, gates: list[Gate], units: Floats, fixed: Mapping[str, Any]) -> Floats:
    """Points with the values that others have fixed, each once."""
    if not fixed:
        return distinct(encoding, units) if gates else units
    row = encoding.units([fixed])[0]
    return distinct(encoding, closed(np.where(np.isnan(row), units, row), gates))


def squared_distances(encoding: Encoding, units: Floats, others: Floats) -> Floats:
    """Squared Euclidean distance of each point to the nearest of the others."""
    ours, theirs = encoding.coordinates(units), encoding.coordinates(others)
    inner = ours @ theirs.T
    nearest = ((theirs**2).sum(axis=1) - 2.0 * inner).min(axis=1)
    distances: Floats = np.maximum(nearest + (ours**2).sum(axis=1), 0.0)
    return distances


def highest(score: Floats, random: np.random.Generator) -> int:
    """Place of the highest score, at random among equal ones."""
    return int(random.choice(np.flatnonzero(score >= score.max() - TIE)))
