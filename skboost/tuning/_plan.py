"""How much work a search is, told before it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SearchPlan:
    """The size of a search.

    Attributes
    ----------
    n_trials : int
        Configurations that are tried, with those of a run that is resumed.
    n_splits : int
        Folds of the cross-validation.
    batch_size : int
        Configurations that are chosen before the first of them is judged.
    rungs : tuple of int
        Amounts of the resource on which a trial is looked at; empty without one.
    n_jobs_side_by_side : int
        The most fits that can run at the same time; more workers than these stand idle.
    """

    n_trials: int
    n_splits: int
    batch_size: int
    rungs: tuple[int, ...] = ()
    n_jobs_side_by_side: int = 1

    @property
    def n_batches(self) -> int:
        """Rounds of choosing and judging."""
        return math.ceil(self.n_trials / self.batch_size)

    @property
    def n_fits(self) -> int:
        """The most fits that there will be, without the last one on all rows; pruning spares some of them."""
        return self.n_trials * self.n_splits * max(len(self.rungs), 1)

    def __str__(self) -> str:
        rungs = f" on {len(self.rungs)} rungs {list(self.rungs)}" if self.rungs else ""
        return (
            f"{self.n_trials} trials x {self.n_splits} folds{rungs} = at most {self.n_fits} fits, "
            f"{self.n_jobs_side_by_side} side by side"
        )
