"""The sum of units that boosting makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import PackedRows
from skboost.learners import Unit

Floats = npt.NDArray[np.float64]


class Term(NamedTuple):
    """A unit and its step: learning rate times step length, shape (n_raw,)."""

    unit: Unit
    step: Floats


@dataclass
class StagedModel:
    """Constants and, stage by stage, units with their steps.

        F_t(x) = 1/K sum_k [ start_k + sum_{s <= t} step_ks * unit_ks(x) ]

    K is 1 for a single boosted model. K folds give K models that grow side by side and are averaged; their units of one
    stage stand together, so that truncation means the same for one model and for several.

    Attributes
    ----------
    starts : ndarray of shape (K, n_raw)
    stages : list of list of Term
        K terms for each stage.
    """

    starts: Floats
    stages: list[list[Term]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.stages)

    @property
    def n_members(self) -> int:
        """Number K of models that are averaged."""
        return int(self.starts.shape[0])

    @property
    def start(self) -> Floats:
        """Raw scores without any stage, shape (n_raw,)."""
        return np.asarray(self.starts.mean(axis=0))

    def member(self, k: int) -> StagedModel:
        """One of the averaged models by itself."""
        return StagedModel(self.starts[k : k + 1], [[stage[k]] for stage in self.stages])

    def truncated(self, n_stages: int) -> StagedModel:
        """The model after its first ``n_stages`` stages."""
        return StagedModel(self.starts, self.stages[:n_stages])

    def staged_raw(self, rows: PackedRows, n_threads: int = 1) -> Iterator[Floats]:
        """Raw scores after 0, 1, ..., len(self) stages; each a fresh (n_samples, n_raw) array."""
        raw = np.tile(self.start, (rows.n_rows, 1))
        yield raw
        for stage in self.stages:
            moves = [term.step * term.unit.predict(rows, n_threads=n_threads) for term in stage]
            raw = raw + sum(moves) / self.n_members
            yield raw

    def raw(self, rows: PackedRows, n_threads: int = 1) -> Floats:
        """Raw scores after all stages, shape (n_samples, n_raw)."""
        raw = np.tile(self.start, (rows.n_rows, 1))
        for stage in self.stages:
            for term in stage:
                raw += (term.step / self.n_members) * term.unit.predict(rows, n_threads=n_threads)
        return raw
