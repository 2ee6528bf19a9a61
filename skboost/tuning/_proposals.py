"""Candidates with what a model of the trials says of them, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.tuning._activity import Gate, closed
from skboost.tuning._candidates import LARGEST_LIST, candidate_units, distinct
from skboost.tuning._encoding import Encoding, Floats, Words
from skboost.tuning._ensemble import BoosterEnsemble, fit_ensemble
from skboost.tuning._history import History

CANDIDATES, MODEL = 12, 13  # purposes of random numbers
N_POOL = 256
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
    """

    encoding: Encoding
    gates: list[Gate]
    ensemble: BoosterEnsemble
    units: Floats
    prediction: Floats
    keys: Words

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
        return cls(encoding, gates, ensemble, candidates, prediction, encoding.keys(candidates))

    def best_free(self, score: Floats, taken: Words, random: np.random.Generator) -> int | None:
        """Place of the best candidate that no trial has had, at random among equals; None if all are taken."""
        free = np.flatnonzero(~np.isin(self.keys, taken))
        if len(free) == 0:
            return None
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
    if encoding.n_points is not None and encoding.n_points <= LARGEST_LIST:
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


def highest(score: Floats, random: np.random.Generator) -> int:
    """Place of the highest score, at random among equal ones."""
    return int(random.choice(np.flatnonzero(score >= score.max() - TIE)))
