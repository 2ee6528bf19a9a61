"""The sum of units that boosting makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import PackedRows
from skboost.learners import Unit

Floats = npt.NDArray[np.float64]


@dataclass
class StagedModel:
    """A constant and a list of units with their step lengths.

        F_t(x) = start + sum_{s <= t} step_s * unit_s(x)

    Attributes
    ----------
    start : ndarray of shape (n_raw,)
    units : list of Unit
    steps : list of ndarray of shape (n_raw,)
        Learning rate times step length.
    """

    start: Floats
    units: list[Unit] = field(default_factory=list)
    steps: list[Floats] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.units)

    def append(self, unit: Unit, step: Floats) -> None:
        self.units.append(unit)
        self.steps.append(step)

    def truncated(self, n_stages: int) -> StagedModel:
        """The model after its first ``n_stages`` stages."""
        return StagedModel(self.start, self.units[:n_stages], self.steps[:n_stages])

    def staged_raw(self, rows: PackedRows, n_threads: int = 1) -> Iterator[Floats]:
        """Raw scores after 0, 1, ..., len(self) stages; each a fresh (n_samples, n_raw) array."""
        raw = np.tile(self.start, (rows.n_rows, 1))
        yield raw
        for unit, step in zip(self.units, self.steps, strict=True):
            raw = raw + step * unit.predict(rows, n_threads=n_threads)
            yield raw

    def raw(self, rows: PackedRows, n_threads: int = 1) -> Floats:
        """Raw scores after all stages, shape (n_samples, n_raw)."""
        raw = np.tile(self.start, (rows.n_rows, 1))
        for unit, step in zip(self.units, self.steps, strict=True):
            raw += step * unit.predict(rows, n_threads=n_threads)
        return raw
