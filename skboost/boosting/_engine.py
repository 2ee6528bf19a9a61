"""The boosting loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import BLOCK, PackedRows
from skboost.boosting._model import StagedModel
from skboost.boosting._objective import Objective
from skboost.boosting._sampling import RowSampler, draw_columns
from skboost.boosting._step import Step
from skboost.boosting._stopping import EarlyStopping
from skboost.exceptions import DivergenceWarning
from skboost.learners import Learner, LinearStart, Unit

Floats = npt.NDArray[np.float64]

# A training objective this many times its start (after shifting both by the start) has left the path of descent.
DIVERGED = 1e3


@dataclass
class Plan:
    """Everything a round needs to know and no round changes.

    Attributes
    ----------
    learner : Learner
        Fits one round.
    step : Step
        Rule for the step length.
    learning_rate : float
        Shrinkage of every step.
    n_stages : int
        Stages the model shall have in the end, those it has already included.
    row_sampler : RowSampler
    column_fraction : float
    newton_residuals : bool
        Fit ``-g / h`` with weights ``w h`` instead of ``-g`` with weights ``w``.
    start : LinearStart or None
        Fits the first stage to the whole objective; its step is 1.
    seed : int
        Round ``t`` draws all its random numbers from ``(seed, t)``, so that a continued fit equals an unbroken one.
    n_threads : int
    """

    learner: Learner
    step: Step
    learning_rate: float
    n_stages: int
    row_sampler: RowSampler
    column_fraction: float = 1.0
    newton_residuals: bool = False
    start: LinearStart | None = None
    seed: int = 0
    n_threads: int = 1


@dataclass
class Validation:
    """Held-out rows on which early stopping is decided."""

    rows: PackedRows
    objective: Objective
    stopping: EarlyStopping


@dataclass
class BoostingState:
    """Where a fit stands: the model, the raw scores it gives, and the losses so far.

    Attributes
    ----------
    model : StagedModel
    raw : ndarray of shape (n_samples, n_raw)
        Raw scores of the training rows.
    train_loss : list of float
        Training objective after 0, 1, ... stages.
    validation_raw : ndarray or None
        Raw scores of the validation rows.
    diverged, interrupted : bool
    """

    model: StagedModel
    raw: Floats
    train_loss: list[float]
    validation_raw: Floats | None = None
    diverged: bool = False
    interrupted: bool = False

    @classmethod
    def begin(
        cls,
        rows: PackedRows,
        objective: Objective,
        model: StagedModel | None = None,
        validation: Validation | None = None,
        n_threads: int = 1,
    ) -> BoostingState:
        """State before the first round, or after the rounds that ``model`` has already."""
        model = StagedModel(objective.start()) if model is None else model
        raw = model.raw(rows, n_threads)
        state = cls(model, raw, [objective.value(raw)])
        if validation is not None:
            state.validation_raw = model.raw(validation.rows, n_threads)
            validation.stopping.losses.append(validation.objective.value(state.validation_raw))
        return state


def boost(
    state: BoostingState,
    rows: PackedRows,
    objective: Objective,
    plan: Plan,
    validation: Validation | None = None,
    on_stage: Callable[[BoostingState], bool] | None = None,
) -> BoostingState:
    """Add stages to ``state`` until the plan is full or a reason to stop comes up.

    A reason is: the validation loss stopped falling, ``on_stage`` returned True, numbers stopped being finite, or the
    user pressed Ctrl-C (recorded in ``state.interrupted``; all finished stages are kept).

    Parameters
    ----------
    state : BoostingState
        Changed in place and returned.
    rows : PackedRows
        Training rows.
    objective : Objective
    plan : Plan
    validation : Validation, optional
    on_stage : callable, optional
        Called after every stage with the state.
    """
    try:
        while len(state.model) < plan.n_stages:
            if not _add_stage(state, rows, objective, plan):
                break
            stop = validation is not None and _validate(state, validation, plan.n_threads)
            stop = (on_stage is not None and bool(on_stage(state))) or stop
            if stop:
                break
    except KeyboardInterrupt:
        state.interrupted = True
    return state


def _add_stage(
    state: BoostingState, rows: PackedRows, objective: Objective, plan: Plan
) -> bool:
    """One round; False (and a warning) where it would leave the finite numbers."""
    stage = len(state.model)
    rng = np.random.default_rng([plan.seed, stage])
    value, gradient = objective.value_and_gradient(state.raw)
    if stage == 0 and plan.start is not None:
        unit = _fit_start(plan.start, state.raw, rows, objective)
        move = unit.predict(rows, n_threads=plan.n_threads)
        step = np.ones(objective.n_raw)
    else:
        unit = _fit_unit(gradient, state, rows, objective, plan, rng)
        move = unit.predict(rows, n_threads=plan.n_threads)
        length = plan.step.length(objective, state.raw, value, gradient, move)
        step = plan.learning_rate * length
    raw = state.raw + step * move
    loss = objective.value(raw)
    if not np.isfinite(loss) or loss - state.train_loss[0] > DIVERGED * (
        1.0 + abs(state.train_loss[0])
    ):
        state.diverged = True
        warnings.warn(
            f"Stage {stage + 1} took the training loss from {value:.4g} to {loss:.4g}: the fit diverges and was "
            f"stopped, the {stage} stages before are kept. Lower learning_rate={plan.learning_rate} or use "
            "step='newton'.",
            DivergenceWarning,
            stacklevel=2,
        )
        return False
    state.model.append(unit, step)
    state.raw = raw
    state.train_loss.append(loss)
    return True


def _fit_start(start: LinearStart, raw: Floats, rows: PackedRows, objective: Objective) -> Unit:
    """The linear first stage, on as many rows as it wants to see."""
    n_rows = start.rows_used(rows.n_rows, rows.n_columns)
    smooth, unit = objective.smooth_head(n_rows)
    head = PackedRows(rows.blocks[: -(-smooth.n_rows // BLOCK)], smooth.n_rows)
    return start.fit_objective(head, raw[: smooth.n_rows], smooth, unit=unit)


def _fit_unit(
    gradient: Floats,
    state: BoostingState,
    rows: PackedRows,
    objective: Objective,
    plan: Plan,
    rng: np.random.Generator,
) -> Unit:
    """A unit fitted to the pseudo-residuals on this round's rows and columns."""
    target, weight = -gradient, objective.weight
    if plan.newton_residuals:
        target, weight = _newton_target(gradient, objective.hessian(state.raw), weight)
    drawn = plan.row_sampler.draw(rows.n_rows, rng)
    columns = draw_columns(plan.column_fraction, rows.n_columns, rng)
    if drawn is not None:
        rows = plan.row_sampler.take(rows, drawn)
        target, weight = target[drawn], weight[drawn]
    return plan.learner.fit(
        rows, target, weight, rng, columns=columns, n_threads=plan.n_threads
    )


def _newton_target(gradient: Floats, hessian: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Residuals ``-g / h`` with weights ``w h``, safe where the curvature vanishes.

    Rows that are fitted already have almost no curvature and would give residuals of any size; the floor of a
    thousandth of the mean curvature keeps them bounded, as in LogitBoost.
    """
    floor = 1e-3 * np.average(hessian, axis=0, weights=weight) + np.finfo(float).tiny
    hessian = np.maximum(hessian, floor)
    return -gradient / hessian, weight[:, None] * hessian


def _validate(state: BoostingState, validation: Validation, n_threads: int) -> bool:
    """Carry the validation scores one stage on; True when it is time to stop."""
    if state.validation_raw is None:
        raise ValueError("The state was begun without validation rows.")
    move = state.model.units[-1].predict(validation.rows, n_threads=n_threads)
    state.validation_raw = state.validation_raw + state.model.steps[-1] * move
    return validation.stopping.update(validation.objective.value(state.validation_raw))
