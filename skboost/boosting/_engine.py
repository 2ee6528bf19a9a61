"""The boosting loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import PackedRows
from skboost.boosting._member import Member, joined, mean_held_out_loss, mean_loss
from skboost.boosting._model import StagedModel, Term
from skboost.boosting._objective import Objective
from skboost.boosting._requirements import check_learner
from skboost.boosting._sampling import RowSampler, draw_columns
from skboost.boosting._step import Step, backtrack
from skboost.boosting._stopping import EarlyStopping
from skboost.exceptions import DivergenceWarning
from skboost.learners import Learner, LinearStart, Unit

Floats = npt.NDArray[np.float64]

# A training loss this far above its start has left the path of descent; the unit is what the loss is at the start, or
# what a shift of all raw scores by one typical deviation costs.
DIVERGED = 1e3
# Steps that are longer than this call for a look at the unit ...
LONG_STEP = 1e6
# ... and units that are smaller than this, in units of the residuals, are rounding errors.
NOISE = 1e-8


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
        Round ``t`` of member ``k`` draws all its random numbers from ``(seed, t, k)``, so that a continued fit equals
        an unbroken one.
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
class BoostingState:
    """Where a fit stands: its members, which grow in step, and the losses so far.

    Attributes
    ----------
    members : list of Member
    train_loss : list of float
        Training objective after 0, 1, ... stages.
    validation_loss : list of float
        Loss of the held-out rows after as many stages; empty where no rows are held out.
    limits : list of float
        Training objective of each member above which the fit counts as diverged.
    divergence : str
        What to tell the user about a stage that left all bounds; empty if none did.
    interrupted : bool
    """

    members: list[Member]
    train_loss: list[float]
    validation_loss: list[float]
    limits: list[float]
    divergence: str = ""
    interrupted: bool = False

    @classmethod
    def begin(
        cls,
        rows: PackedRows,
        members: list[Member],
        model: StagedModel | None = None,
        n_threads: int = 1,
        train_loss: Sequence[float] = (),
        validation_loss: Sequence[float] = (),
    ) -> BoostingState:
        """State before the first round, or after the rounds that ``model`` has already.

        Parameters
        ----------
        rows : PackedRows
        members : list of Member
        model : StagedModel, optional
            Stages to go on from, with as many members.
        n_threads : int, default=1
        train_loss, validation_loss : sequence of float
            Losses after 0, 1, ... stages of ``model``, as far as they are known. Those of other validation rows are
            of no use for early stopping, which then counts from here.
        """
        for k, member in enumerate(members):
            member.begin(rows, None if model is None else model.member(k), n_threads)
        done = 0 if model is None else len(model)
        held_out = mean_held_out_loss(members)
        known = list(validation_loss[: done + 1])
        if held_out is None:
            known = []
        elif len(known) <= done or known[-1] != held_out:
            known = [held_out]
        return cls(
            members,
            [*train_loss[:done], mean_loss(members)],
            known,
            [_limit(member.objective) for member in members],
        )

    @property
    def n_stages(self) -> int:
        """Finished stages."""
        return len(self.members[0].model)

    def model(self, n_stages: int | None = None) -> StagedModel:
        """The average of the members, after all or the first stages."""
        return joined(self.members, n_stages)

    @property
    def best_stage(self) -> int:
        """Number of stages with the lowest held-out loss, or without one, the lowest training loss."""
        losses = np.array(self.validation_loss or self.train_loss)
        best = int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
        return best + self.n_stages + 1 - len(losses)


def _limit(objective: Objective) -> float:
    """Training objective that no descent can reach, in whatever unit y and the loss come."""
    start = objective.start()
    shifted = np.tile(start + objective.raw_scale(), (objective.n_rows, 1))
    constant = objective.value(np.tile(start, (objective.n_rows, 1)))
    cost = max(abs(constant), objective.value(shifted) - constant)
    return constant + DIVERGED * (cost if np.isfinite(cost) else abs(constant))


def boost(
    state: BoostingState,
    rows: PackedRows,
    plan: Plan,
    stopping: EarlyStopping | None = None,
    on_stage: Callable[[BoostingState], bool] | None = None,
) -> BoostingState:
    """Add stages to ``state`` until the plan is full or a reason to stop comes up.

    A reason is: the held-out loss stopped falling, ``on_stage`` returned True, the training loss left all bounds
    (recorded in ``state.divergence``, with a warning), or the user pressed Ctrl-C (recorded in ``state.interrupted``).
    Finished stages are kept in any case.

    Parameters
    ----------
    state : BoostingState
        Changed in place and returned.
    rows : PackedRows
        The rows that all members share.
    plan : Plan
    stopping : EarlyStopping, optional
    on_stage : callable, optional
        Called after every stage with the state.
    """
    check_learner(plan.learner, state.members, plan.column_fraction, plan.newton_residuals)
    finished = state.n_stages, len(state.validation_loss)
    try:
        with _team(len(state.members), plan) as (each, plan):
            while state.n_stages < plan.n_stages:
                steps = list(each(partial(_step, state, rows, plan), range(len(state.members))))
                if state.divergence:
                    break
                _take(state, steps, plan.n_threads)
                finished = state.n_stages, len(state.validation_loss)
                stop = stopping is not None and stopping.is_over(state.validation_loss)
                stop = (on_stage is not None and bool(on_stage(state))) or stop
                if stop:
                    break
    except KeyboardInterrupt:
        # half a stage may be there: with some members, or without its losses
        state.interrupted = True
        for member in state.members:
            del member.model.stages[finished[0] :]
        del state.train_loss[finished[0] + 1 :], state.validation_loss[finished[1] :]
    if state.divergence:
        warnings.warn(state.divergence, DivergenceWarning, stacklevel=2)
    return state


@contextmanager
def _team(n_members: int, plan: Plan) -> Iterator[tuple[Callable, Plan]]:
    """A ``map`` over members that shares the threads out, and the plan for one member.

    Members know nothing of each other, so each may have a thread of its own: that is worth more than several threads
    inside a kernel that is done in a fraction of a millisecond.
    """
    n_workers = min(n_members, plan.n_threads)
    if n_workers <= 1 or "concurrent" not in plan.learner.supports:
        yield map, plan
        return
    with ThreadPoolExecutor(n_workers) as pool:
        yield pool.map, replace(plan, n_threads=plan.n_threads // n_workers)


def _take(state: BoostingState, steps: list[tuple[Term, Floats, float]], n_threads: int) -> None:
    """Let all members take their stage on and note the losses."""
    for member, (term, raw, loss) in zip(state.members, steps, strict=True):
        member.grow(term, raw, loss, n_threads)
    state.train_loss.append(mean_loss(state.members))
    held_out = mean_held_out_loss(state.members)
    if held_out is not None:
        state.validation_loss.append(held_out)


def _step(state: BoostingState, rows: PackedRows, plan: Plan, k: int) -> tuple[Term, Floats, float]:
    """The next stage of member ``k``, raw scores and loss with it; notes where it leaves all bounds."""
    member = state.members[k]
    objective, stage = member.objective, len(member.model)
    rng = np.random.default_rng([plan.seed, stage, k])
    start = plan.start if stage == 0 else None
    if start is not None:
        unit = _fit_start(start, member, rows)
        move = unit.predict(rows, n_threads=plan.n_threads)
        step = np.ones(objective.n_raw)
    else:
        value, gradient = objective.value_and_gradient(member.raw)
        scale = objective.residual_scale(plan.newton_residuals)
        unit = _fit_unit(gradient, member, rows, plan, rng, scale)
        move = unit.predict(rows, n_threads=plan.n_threads)
        direction = move if np.all(scale == 1.0) else scale * move  # spares a copy of all scores
        length = plan.step.length(objective, member.raw, value, gradient, direction)
        if np.abs(length).max() > LONG_STEP and _is_noise(direction, gradient, objective, plan):
            length = np.zeros_like(length)
        step = plan.learning_rate * length * scale
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at
        raw = member.raw + step * move
        loss = objective.value(raw)
        # the start was fitted to a rounded loss, or to some of the rows
        if start is not None and not loss <= member.loss:
            step = backtrack(objective, member.raw, member.loss, move, step / 2)
            raw = member.raw + step * move
            loss = objective.value(raw)
    if not loss <= state.limits[k]:
        state.divergence = (
            f"Stage {stage + 1} took the training loss from {member.loss:.4g} to {loss:.4g}: the fit diverges and was "
            f"stopped; the best of the {stage} stages before is kept. Lower learning_rate={plan.learning_rate} or "
            "use step='newton'."
        )
    return Term(unit, step), raw, loss


def _is_noise(direction: Floats, gradient: Floats, objective: Objective, plan: Plan) -> bool:
    """Whether a unit is so much smaller than what it was fitted to that only rounding errors are left of it.

    So it is where the learner's penalty outweighs the data by many orders. A step would blow the errors up.
    """

    def size(values: Floats) -> float:
        return float(np.sqrt(np.average(np.square(values).mean(axis=1), weights=objective.weight)))

    residuals = float(objective.raw_scale().max()) if plan.newton_residuals else size(gradient)
    return size(direction) < NOISE * residuals


def _fit_start(start: LinearStart, member: Member, rows: PackedRows) -> Unit:
    """The linear first stage, on as many rows as it wants to see."""
    n_rows = start.rows_used(member.n_fit or rows.n_rows, rows.n_columns)
    smooth, unit = member.objective.smooth_head(n_rows)
    return start.fit_objective(
        rows.head(smooth.n_rows), member.raw[: smooth.n_rows], smooth, unit=unit
    )


def _fit_unit(
    gradient: Floats,
    member: Member,
    rows: PackedRows,
    plan: Plan,
    rng: np.random.Generator,
    scale: Floats,
) -> Unit:
    """A unit fitted to the pseudo-residuals, in units of ``scale``, on this round's rows and columns."""
    target, weight = -gradient, member.objective.weight
    if plan.newton_residuals:
        target, weight = _newton_target(gradient, member.raw, member.objective)
    target = target / scale
    if member.n_fit is not None:
        rows, target, weight = (
            rows.head(member.n_fit),
            target[: member.n_fit],
            weight[: member.n_fit],
        )
    drawn = plan.row_sampler.draw(rows.n_rows, rng)
    columns = draw_columns(plan.column_fraction, rows.n_columns, rng)
    if drawn is not None:
        rows = plan.row_sampler.take(rows, drawn)
        target, weight = target[drawn], weight[drawn]
    return plan.learner.fit(rows, target, weight, rng, columns=columns, n_threads=plan.n_threads)


def _newton_target(gradient: Floats, raw: Floats, objective: Objective) -> tuple[Floats, Floats]:
    """Residuals ``-g / h`` with weights ``w h / mean(h)``, safe where the curvature vanishes.

    Rows that are fitted already have almost no curvature and would give residuals of any size; the floor of a
    thousandth of the mean curvature keeps them bounded, as in LogitBoost. Dividing by the mean leaves the sum of the
    weights as it is, so that the learner's penalty keeps its meaning where all curvatures are small.
    """
    hessian = objective.hessian(raw)
    mean = np.average(hessian, axis=0, weights=objective.weight)
    hessian = np.maximum(hessian, 1e-3 * mean + np.finfo(float).tiny)
    unit = mean if objective.separable else np.full_like(mean, mean.mean())
    share = hessian / np.where(unit > 0, unit, 1.0)
    weight = objective.weight[:, None] * share
    return -gradient / hessian, weight[:, 0] if weight.shape[1] == 1 else weight
