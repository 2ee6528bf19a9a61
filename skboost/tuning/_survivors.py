"""Which trials of a genetic search survive: what the rules of selection have in common."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import optuna
from optuna.trial import FrozenTrial

from skboost._validation import Integer, check_parameters
from skboost.tuning._domination import Floats, oriented

Places = npt.NDArray[np.int64]


def level_front(rank: Places, n_selected: int) -> int:
    """The front that does not fit as a whole: the first one with which there are at least ``n_selected`` points.

    Raises
    ------
    ValueError
        If there are not so many points of known values.
    """
    if not Integer(1).accepts(n_selected):
        raise ValueError(f"n_selected={n_selected!r} must be an integer of at least 1.")
    sizes = np.bincount(rank[rank >= 0], minlength=1)
    if sizes.sum() < n_selected:
        raise ValueError(
            f"n_selected={n_selected} points cannot be selected from {sizes.sum()} of known values."
        )
    return int(np.searchsorted(np.cumsum(sizes), n_selected))


def finite(table: Floats) -> Floats:
    """A table in which infinite values are moved to one range beyond the finite ones of their column."""
    known = np.where(np.isfinite(table), table, np.nan)
    some = ~np.isnan(known).all(axis=0)
    low, high = np.zeros((2, table.shape[1]))
    low[some], high[some] = np.nanmin(known[:, some], axis=0), np.nanmax(known[:, some], axis=0)
    margin = np.maximum(high - low, 1.0)
    return np.clip(table, low - margin, high + margin)


class SurvivorSelection(abc.ABC):
    """Base of callables for ``elite_population_selection_strategy`` of Optuna's genetic samplers.

    The result depends on the trials alone, not on their order: random numbers are keyed by the largest trial number.
    """

    population_size: int
    seed: int

    def _check(self) -> None:
        check_parameters(self, {"population_size": Integer(2), "seed": Integer(0)})

    def __call__(self, study: optuna.Study, population: list[FrozenTrial]) -> list[FrozenTrial]:
        """Trials that survive.

        Parameters
        ----------
        study : optuna.Study
            Says which objectives are maximised.
        population : list of FrozenTrial
            Complete trials: the last generation and its parents. Those with constraints are compared as Deb proposes:
            feasible ones come first, others follow by the sum of what they violate.

        Returns
        -------
        survivors : list of FrozenTrial
            ``population_size`` of them, or all if there are no more; by number.
        """
        trials = sorted(population, key=lambda trial: trial.number)
        if len(trials) <= self.population_size:
            return trials
        directions = [direction.name.lower() for direction in study.directions]
        values = oriented([trial.values for trial in trials], directions)
        seed = [self.seed, trials[-1].number]
        chosen = self._select(values, directions, violations(trials), seed)
        return [trials[place] for place in chosen]

    @abc.abstractmethod
    def _select(
        self,
        values: Floats,
        directions: Sequence[str],
        violation: Floats | None,
        seed: Sequence[int],
    ) -> Places:
        """Places of the survivors, increasing; larger values are better, whatever the directions of the study."""


def violations(trials: Sequence[FrozenTrial]) -> Floats | None:
    """Sum of what each trial violates; infinity for one that tells nothing though others do; None if none does."""
    if not any(trial.constraints for trial in trials):
        return None
    return np.array(
        [
            sum(max(0.0, bound) for bound in trial.constraints.values())
            if trial.constraints
            else np.inf
            for trial in trials
        ]
    )
