"""What all boosted estimators share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from skboost._ext._omp import effective_n_threads
from skboost._ext.blas import single_threaded_blas
from skboost._ext.packed import PackedRows
from skboost._validation import Constraint, check_parameters, check_weights
from skboost.boosting._callbacks import CallbackSupportMixin, Watcher
from skboost.boosting._engine import BoostingState, Plan, boost
from skboost.boosting._folds import held_out_parts, rows_to_fit
from skboost.boosting._member import HeldOut, Member
from skboost.boosting._objective import Objective
from skboost.boosting._prediction import StagedPrediction
from skboost.boosting._sample import Sample
from skboost.boosting._sampling import RowSampler, spread_order
from skboost.boosting._step import STEPS, LineSearchStep, NewtonStep, Step
from skboost.boosting._stopping import EarlyStopping
from skboost.learners import Learner, LinearStart
from skboost.losses import LOSSES, Loss
from skboost.penalties import PENALTIES, Penalty, PenaltyContext
from skboost.tables import Table, TableEncoder

Floats = npt.NDArray[np.float64]

# Up to here a stage is fitted to all rows at once in float64, and weights act exactly like copies of rows; above, it is
# fitted to minibatches in float32.
SMALL_DATA = 4096
# Fewer held-out rows cannot tell one round from the next.
ROWS_FOR_EARLY_STOPPING = 30
# Up to here the rows are worth more than the time of a fit for each fold.
ROWS_FOR_FOLDS = 10_000
AUTO_FOLDS = 5
FEWEST_COLUMNS = 6
# Purposes of random numbers that are not drawn stage by stage.
ORDER, FOLDS = 0xA11, 0xF01D


class BoostedEstimator(CallbackSupportMixin, StagedPrediction):
    """Base of the boosted estimators.

    A subclass gives the constructor with at least the parameters that this class reads, and the methods marked
    abstract. Everything between the raw table and the fitted model is here: validation of parameters and data,
    encoding, held-out rows, warm start, the call of the engine, and staged predictions.
    """

    _constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {}
    _loss_kind: ClassVar[str]

    # -- what subclasses give ---------------------------------------------------------------------------------------

    @abstractmethod
    def _check_target(self, y: Any, n_rows: int, weight: Floats) -> npt.NDArray:
        """Check the target and remember its classes or shape; returns it as losses take it."""

    @abstractmethod
    def _encode_validation_target(self, y: Any, n_rows: int) -> npt.NDArray:
        """The validation target in the form of the training target."""

    @abstractmethod
    def _make_learner(self) -> Learner:
        """A fresh learner from the parameters."""

    def _class_codes(self, y: npt.NDArray) -> npt.NDArray | None:
        """Strata for drawing rows; None where rows need no strata."""
        return None

    @property
    def _n_target_classes(self) -> int | None:
        return None

    # -- fitting ----------------------------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        sample_weight_val: Any,
        sensitive_features: Any,
    ) -> Self:
        check_parameters(self, self._constraints)
        self._check_validation_arguments(X_val, y_val, sample_weight_val)
        resume = self.warm_start and hasattr(self, "model_")
        if not resume:
            # a fit that fails half-way must not leave an old model beside a new encoding
            self.__dict__.pop("model_", None)
        with single_threaded_blas():
            table, target, weight = self._check_data(X, y, sample_weight, resume)
            seed = self._draw_seed(resume)
            if not resume:
                self._fit_encoder(table, weight)
            sample = self._make_sample(table, target, weight, sensitive_features, seed)
            del target, weight  # the sample has its own, in another order
            validation = self._validation_sample(X_val, y_val, sample_weight_val)
            members = self._make_members(sample, validation, seed)
            plan = self._make_plan(members[0], sample, seed)
            state = self._begin(sample, members, plan, resume)
            self._run(state, sample, plan, (X, y))
        return self

    def _check_validation_arguments(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: pass both of them or none.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError(
                "sample_weight_val was passed without X_val and y_val; pass them too, or none."
            )
        if X_val is not None and not self.early_stopping:
            raise ValueError(
                "X_val was passed, but early_stopping=False would ignore it; "
                "use early_stopping='auto' or True."
            )
        if X_val is not None and self.n_folds not in ("auto", 1):
            raise ValueError(
                f"n_folds={self.n_folds!r} holds rows of X out, but X_val was passed as well; choose one of them."
            )

    def _check_data(
        self, X: Any, y: Any, sample_weight: Any, resume: bool
    ) -> tuple[Table, npt.NDArray, Floats]:
        """Names and counts of columns and rows, weights, target."""
        table = self._read(X, reset=not resume)
        weight = check_weights(sample_weight, len(table))
        if np.count_nonzero(weight) < 2:
            raise ValueError(
                f"A boosted model needs at least 2 rows of positive weight, but X has n_samples={len(table)} and "
                f"{np.count_nonzero(weight)} of them count."
            )
        return table, self._check_target(y, len(table), weight), weight

    def _draw_seed(self, resume: bool) -> int:
        if not resume:
            try:
                source = check_random_state(self.random_state)
            except ValueError as error:
                raise ValueError(
                    f"random_state={self.random_state!r} is not a source of random numbers: "
                    "pass None, an integer or a numpy.random.RandomState."
                ) from error
            # one seed for all purposes, each of which derives its own from it
            self._seed = int(source.randint(2**31 - 1))
        return self._seed

    def _fit_encoder(self, table: Table, weight: Floats) -> None:
        """Learn how columns are scaled and encoded; no target is looked at."""
        self.encoder_ = TableEncoder(
            categorical_features=self.categorical_features,
            handle_unknown=self.handle_unknown,
            numeric_scaling=self.numeric_scaling,
        ).fit(table, weight)

    def _make_sample(
        self, table: Table, y: npt.NDArray, weight: Floats, sensitive_features: Any, seed: int
    ) -> Sample:
        """Rows of positive weight, encoded, in the order and the precision of the engine."""
        sensitive_features = self._check_sensitive_features(sensitive_features, len(table))
        kept = np.flatnonzero(weight > 0)
        is_small = len(kept) <= SMALL_DATA
        if not is_small:
            rng = np.random.default_rng([seed, ORDER])
            kept = kept[spread_order(self._class_codes(y[kept]), len(kept), rng)]
        sample = Sample(
            # read with 24 bits in any case, so that copies of a row are found whatever the encoding's rounding
            self._pack(table, "float32", kept),
            y[kept],
            weight[kept],
            None if sensitive_features is None else sensitive_features[kept],
        )
        if is_small and {"weights", "output_weights"} & self._make_learner().supports:
            sample = sample.without_copies()
        if self.dtype == "float64" or (self.dtype == "auto" and is_small):
            sample.rows = PackedRows(sample.rows.blocks.astype(np.float64), len(sample.rows))
        return sample

    def _check_sensitive_features(self, values: Any, n_rows: int) -> npt.NDArray | None:
        """What only penalties see, one row for each row of X."""
        if values is None:
            return None
        if not self._penalties():
            raise ValueError(
                f"sensitive_features was passed, but penalty={self.penalty!r} would ignore it; choose a penalty."
            )
        features = np.asarray(values)
        if features.ndim not in (1, 2) or len(features) != n_rows:
            raise ValueError(
                f"sensitive_features has shape {features.shape}, but X has {n_rows} rows; "
                "pass one row of attributes for each row of X."
            )
        return features

    def _penalties(self) -> list[Penalty]:
        """Fresh penalties, as many as were asked for."""
        wished = self.penalty if isinstance(self.penalty, list | tuple) else [self.penalty]
        return [PENALTIES.resolve(p, Penalty) for p in wished if p is not None]

    def _validation_sample(self, X_val: Any, y_val: Any, weight: Any) -> Sample | None:
        """The rows that were passed for early stopping."""
        if X_val is None:
            return None
        table = self._read(X_val, reset=False)
        weight = check_weights(weight, len(table), "sample_weight_val")
        target = self._encode_validation_target(y_val, len(table))
        return Sample(self._pack(table, "float32"), target, weight)

    # -- held-out rows ----------------------------------------------------------------------------------------------

    def _make_members(self, sample: Sample, validation: Sample | None, seed: int) -> list[Member]:
        """The models that grow side by side: one, or one for each fold."""
        loss = self._make_loss(sample.y)
        n_rows = len(sample.rows)
        if validation is not None:
            loss.check_target(validation.y)
            judge = HeldOut(self._objective(loss, validation, validation.weight), validation.rows)
            return [Member(self._penalised(loss, sample, sample.weight), judge)]
        stops = self._stops_early(n_rows)
        n_folds = self.n_folds
        if n_folds == "auto":
            codes = self._class_codes(sample.y)
            most = n_rows if codes is None else int(np.bincount(codes).max())  # rows of a class
            n_folds = min(AUTO_FOLDS, most) if stops and n_rows <= ROWS_FOR_FOLDS else 1
        if n_folds > n_rows:
            raise ValueError(
                f"n_folds={n_folds} is more than the {n_rows} different rows of positive weight; lower it."
            )
        if n_folds == 1 and not stops:
            return [Member(self._penalised(loss, sample, sample.weight))]
        parts = held_out_parts(
            self._class_codes(sample.y),
            n_rows,
            self.validation_fraction if n_folds == 1 else n_folds,
            np.random.default_rng([seed, FOLDS]),
            in_spread_order=n_rows > SMALL_DATA,
        )
        members = []
        for part in parts:
            training, judging = sample.weight * ~part, sample.weight * part
            # only a single part is held out from the end of the table on purpose
            n_fit = rows_to_fit(part) if n_folds == 1 else None
            member = Member(self._penalised(loss, sample, training), n_fit=n_fit)
            if part.any():
                member.held_out = HeldOut(self._objective(loss, sample, judging))
            members.append(member)
        if self.early_stopping is True and all(member.held_out is None for member in members):
            raise ValueError(
                f"early_stopping=True has no rows to hold out: every class has fewer rows than the {n_folds} folds; "
                "lower n_folds, or use early_stopping='auto'."
            )
        return members

    def _stops_early(self, n_rows: int) -> bool:
        if self.early_stopping == "auto":
            return n_rows >= ROWS_FOR_EARLY_STOPPING
        return bool(self.early_stopping)

    def _make_loss(self, y: npt.NDArray) -> Loss:
        """A fresh loss that suits estimator and target."""
        loss = LOSSES.resolve(self.loss, Loss)
        if loss.kind != self._loss_kind:
            raise ValueError(
                f"loss={self.loss!r} is a loss for {loss.kind}, but {type(self).__name__} does "
                f"{self._loss_kind}; choose another loss or estimator."
            )
        loss.check_target(y)
        raw_shape = loss.raw_shape(y, self._n_target_classes)
        if (
            hasattr(self, "model_") and raw_shape != self._raw_shape
        ):  # only where warm_start keeps it
            raise ValueError(
                f"warm_start=True continues a fit of raw scores of shape {self._raw_shape}, but loss={self.loss!r} "
                f"has raw scores of shape {raw_shape}; use warm_start=False."
            )
        self.loss_ = loss
        self._raw_shape = raw_shape
        return loss

    def _objective(
        self, loss: Loss, sample: Sample, weight: Floats, penalties: list[Penalty] | None = None
    ) -> Objective:
        n_threads = effective_n_threads(self.n_threads)
        return Objective(loss, sample.y, weight, penalties or (), n_threads, self._n_target_classes)

    def _penalised(self, loss: Loss, sample: Sample, weight: Floats) -> Objective:
        """The training objective of one member, with penalties of its own."""
        penalties = self._penalties()
        objective = self._objective(loss, sample, weight, penalties)
        for penalty in penalties:
            penalty.prepare(
                PenaltyContext(
                    y=sample.y,
                    sample_weight=weight,
                    protected=sample.protected,
                    n_raw=objective.n_raw,
                )
            )
        return objective

    # -- the fit itself ---------------------------------------------------------------------------------------------

    def _make_plan(self, member: Member, sample: Sample, seed: int) -> Plan:
        n_rows, n_columns = len(sample.rows), sample.rows.n_columns
        step = STEPS.resolve(default_step(member) if self.step == "auto" else self.step, Step)
        check_parameters(step, step.constraints)
        columns = max(self.max_features * n_columns, min(n_columns, FEWEST_COLUMNS))
        strata = self._class_codes(sample.y[: member.n_fit])
        return Plan(
            learner=self._make_learner(),
            step=step,
            learning_rate=self.learning_rate,
            n_stages=self.n_stages + bool(self.linear_start),
            row_sampler=RowSampler(self.subsample, strata, by_block=n_rows > SMALL_DATA),
            column_fraction=columns / max(1, n_columns),
            newton_residuals=self.residuals == "newton",
            start=LinearStart(self.linear_alpha) if self.linear_start else None,
            seed=seed,
            n_threads=member.objective.n_threads,
        )

    def _begin(
        self, sample: Sample, members: list[Member], plan: Plan, resume: bool
    ) -> BoostingState:
        """A new state, or one that goes on where the last fit stopped."""
        if not resume:
            return BoostingState.begin(sample.rows, members, n_threads=plan.n_threads)
        model = self.model_
        if len(model) >= plan.n_stages:
            raise ValueError(
                f"n_stages={self.n_stages} is not more than the {len(model) - bool(self.linear_start)} stages "
                "that warm_start=True continues from; raise n_stages or use warm_start=False."
            )
        if model.n_members != len(members):
            raise ValueError(
                f"warm_start=True continues a fit of {model.n_members} members, but n_folds={self.n_folds!r} makes "
                f"{len(members)} of these data; keep n_folds and early_stopping as they were."
            )
        known = () if self.validation_loss_ is None else self.validation_loss_
        return BoostingState.begin(
            sample.rows, members, model, plan.n_threads, self.train_loss_, known
        )

    def _run(self, state: BoostingState, sample: Sample, plan: Plan, data: tuple[Any, Any]) -> None:
        """Boost, then keep the best round; after Ctrl-C keep what is there only if the fit can go on from it."""
        n_rounds = plan.n_stages - state.n_stages
        watcher = Watcher(self, n_rounds, self.verbose, data, self._attributes)
        stopping = None
        if state.validation_loss and self.early_stopping:
            stopping = EarlyStopping(self.n_iter_no_change, self.tol)
        boost(state, sample.rows, plan, stopping, watcher.stage)
        watcher.end(state)
        if state.interrupted and not self.warm_start:
            raise KeyboardInterrupt
        for name, value in self._attributes(state).items():
            setattr(self, name, value)
        if state.interrupted:
            raise KeyboardInterrupt

    def _attributes(self, state: BoostingState) -> dict[str, Any]:
        """Fitted attributes of a state; with early stopping, or after divergence, of its best round."""
        stops = bool(state.validation_loss) and bool(self.early_stopping)
        model = state.model(state.best_stage if stops or state.divergence else None)
        return {
            "model_": model,
            "n_stages_": len(model),
            "train_loss_": np.array(state.train_loss),
            "validation_loss_": np.array(state.validation_loss) if state.validation_loss else None,
        }


def default_step(member: Member) -> Step:
    """Newton where the loss has curvature; else a line search, to three digits of a step that is shrunk anyway."""
    return NewtonStep() if member.objective.loss.exact_hessian else LineSearchStep(tol=1e-3)
