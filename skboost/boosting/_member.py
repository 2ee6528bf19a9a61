"""One boosted model in the making, and the rows that judge it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import PackedRows
from skboost.boosting._model import StagedModel, Term
from skboost.boosting._objective import Objective

Floats = npt.NDArray[np.float64]


@dataclass
class HeldOut:
    """Rows on which a model is judged while it grows.

    Attributes
    ----------
    objective : Objective
        The loss with the weights of these rows.
    rows : PackedRows or None
        Rows of their own; None where they lie among the training rows, with training weight zero.
    raw : ndarray or None
        Raw scores of rows of their own.
    first : int
        Training rows before this one are not held out, and the objective knows nothing of them.
    """

    objective: Objective
    rows: PackedRows | None = None
    raw: Floats | None = None
    first: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.rows is None:  # where the last rows are held out, the others cost no time
            self.first = int(np.argmax(self.objective.weight > 0))
            self.objective = self.objective.behind(self.first)

    def begin(self, model: StagedModel, n_threads: int) -> None:
        """Scores of rows of their own after the stages that are there."""
        if self.rows is not None:
            self.raw = model.raw(self.rows, n_threads)

    def move(self, term: Term, n_threads: int) -> None:
        """Carry the scores one stage on."""
        if self.rows is not None and self.raw is not None:
            self.raw = self.raw + term.step * term.unit.predict(self.rows, n_threads=n_threads)

    def total_loss(self, training_raw: Floats) -> float:
        """Weighted sum of the losses."""
        raw = training_raw[self.first :] if self.raw is None else self.raw
        return self.objective.value(raw) * self.objective.total_weight


@dataclass
class Member:
    """A boosted model that grows on its share of the rows.

    All members see the same packed rows and differ in the weights that they give them, so that no row is stored twice.

    Attributes
    ----------
    objective : Objective
        With weight zero for rows that this member must not learn from.
    held_out : HeldOut or None
    n_fit : int or None
        Only the first ``n_fit`` rows are shown to the learner; the others have weight zero anyway.
    model : StagedModel
        Of this member alone.
    raw : ndarray of shape (n_samples, n_raw)
        Its raw scores of all rows.
    loss : float
        Training objective there.
    """

    objective: Objective
    held_out: HeldOut | None = None
    n_fit: int | None = None
    model: StagedModel = field(init=False)
    raw: Floats = field(init=False)
    loss: float = field(init=False)

    def begin(self, rows: PackedRows, model: StagedModel | None, n_threads: int) -> None:
        """Start from the best constant, or from the stages of ``model``."""
        self.model = StagedModel(self.objective.start()[None, :]) if model is None else model
        self.raw = self.model.raw(rows, n_threads)
        self.loss = self.objective.value(self.raw)
        if self.held_out is not None:
            self.held_out.begin(self.model, n_threads)

    def grow(self, term: Term, raw: Floats, loss: float, n_threads: int) -> None:
        """Take a stage on; ``raw`` are the scores with it and ``loss`` is their objective."""
        self.model.stages.append([term])
        self.raw, self.loss = raw, loss
        if self.held_out is not None:
            self.held_out.move(term, n_threads)


def mean_loss(members: list[Member]) -> float:
    """Training objective per unit of weight, over all members."""
    totals = [member.objective.total_weight for member in members]
    return float(np.average([member.loss for member in members], weights=totals))


def mean_held_out_loss(members: list[Member]) -> float | None:
    """Loss of all held-out rows together, each judged by the member that did not learn from it."""
    judged = [(m, m.held_out) for m in members if m.held_out is not None]
    if not judged:
        return None
    weight = sum(held_out.objective.total_weight for _, held_out in judged)
    return sum(held_out.total_loss(member.raw) for member, held_out in judged) / weight


def joined(members: list[Member], n_stages: int | None = None) -> StagedModel:
    """The average of the members' models."""
    models = [member.model for member in members]
    starts = np.vstack([model.starts for model in models])
    stages = [
        [stage[0] for stage in stages] for stages in zip(*(m.stages for m in models), strict=False)
    ]
    return StagedModel(starts, stages[:n_stages])
