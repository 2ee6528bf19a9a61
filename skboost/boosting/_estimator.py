"""What all boosted estimators share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skboost._ext._omp import effective_n_threads
from skboost._ext.packed import PackedRows
from skboost._validation import Constraint, check_parameters, check_weights
from skboost.boosting._callbacks import CallbackSupportMixin, Watcher
from skboost.boosting._engine import BoostingState, Plan, Validation, boost
from skboost.boosting._model import StagedModel
from skboost.boosting._objective import Objective
from skboost.boosting._sample import Sample
from skboost.boosting._sampling import RowSampler, spread_order
from skboost.boosting._step import STEPS, Step
from skboost.boosting._stopping import EarlyStopping
from skboost.learners import Learner, LinearStart
from skboost.losses import LOSSES, Loss
from skboost.penalties import PENALTIES, Penalty, PenaltyContext
from skboost.tables import Table, TableEncoder, read_table

Floats = npt.NDArray[np.float64]

# Up to here a stage is fitted to all rows at once in float64, and weights act exactly like copies of rows; above, it is
# fitted to minibatches in float32.
SMALL_DATA = 4096
# Automatic early stopping needs enough held-out rows to tell one round from the next.
ROWS_FOR_EARLY_STOPPING = 2000
PREDICTION_CHUNK = 64 * 1024


class BoostedEstimator(CallbackSupportMixin, BaseEstimator):
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
        resume = self.warm_start and hasattr(self, "model_")
        table, target, weight = self._check_data(X, y, sample_weight, resume)
        seed = self._draw_seed(resume)
        training, held_out = self._split(target, weight, seed, X_val, y_val)
        self._fit_encoder(table, weight, held_out, resume)
        sample = self._training_sample(table, target, weight, training, sensitive_features)
        validation_sample = self._validation_sample(
            table, target, weight, held_out, (X_val, y_val, sample_weight_val)
        )
        objective = self._make_objective(sample)
        validation = self._make_validation(validation_sample)
        plan = self._make_plan(objective, sample, seed)
        state = self._begin(sample, objective, validation, plan, resume)
        self._run(state, sample, objective, plan, validation, (X, y))
        return self

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

    def _read(self, X: Any, *, reset: bool) -> Table:
        """The raw table, with the names and the number of its columns noted or compared."""
        table = read_table(X)
        validate_data(self, X, skip_check_array=True, reset=reset)
        return table

    def _pack(
        self, table: Table, dtype: str, order: npt.NDArray[np.intp] | None = None
    ) -> PackedRows:
        return self.encoder_.pack(table, order=order, dtype=dtype)

    def _draw_seed(self, resume: bool) -> int:
        if not resume:
            self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._seed

    def _split(
        self, y: npt.NDArray, weight: Floats, seed: int, X_val: Any, y_val: Any
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp] | None]:
        """Row numbers for training (in the order of storage) and for validation."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: pass both of them or none.")
        if X_val is not None and self.early_stopping is False:
            raise ValueError(
                "X_val was passed, but early_stopping=False would ignore it; "
                "use early_stopping='auto' or True."
            )
        kept = np.flatnonzero(weight > 0)
        strata = self._class_codes(y[kept])
        rng = np.random.default_rng([seed, 0xC0DE])
        if X_val is not None or not self._stops_early(len(kept)):
            if len(kept) > SMALL_DATA:
                kept = kept[spread_order(strata, len(kept), rng)]
            return kept, None
        order = kept[spread_order(strata, len(kept), rng)]
        n_held_out = max(1, round(self.validation_fraction * len(order)))
        if n_held_out >= len(order):
            raise ValueError(
                f"validation_fraction={self.validation_fraction} leaves no row of {len(order)} for training; "
                "lower it, or use early_stopping=False."
            )
        training, held_out = order[n_held_out:], order[:n_held_out]
        return training, held_out

    def _stops_early(self, n_rows: int) -> bool:
        if self.early_stopping == "auto":
            return n_rows >= ROWS_FOR_EARLY_STOPPING
        return bool(self.early_stopping)

    def _fit_encoder(
        self, table: Table, weight: Floats, held_out: npt.NDArray[np.intp] | None, resume: bool
    ) -> None:
        """Learn the encoding from the training rows; a continued fit keeps the one it has."""
        if resume:
            return
        if held_out is not None:
            weight = weight.copy()
            weight[held_out] = 0.0  # weight 0 is as good as not there
        self.encoder_ = TableEncoder(
            categorical_features=self.categorical_features, handle_unknown=self.handle_unknown
        ).fit(table, weight)

    def _training_sample(
        self,
        table: Table,
        y: npt.NDArray,
        weight: Floats,
        training: npt.NDArray[np.intp],
        sensitive_features: Any,
    ) -> Sample:
        """Training rows in the precision of the learner."""
        if sensitive_features is not None:
            if self.penalty is None:
                raise ValueError(
                    "sensitive_features was passed, but penalty=None would ignore it; choose a penalty."
                )
            sensitive_features = np.asarray(sensitive_features)
            if len(sensitive_features) != len(table):
                raise ValueError(
                    f"sensitive_features has {len(sensitive_features)} rows, but X has {len(table)}."
                )
            sensitive_features = sensitive_features[training]
        # read with 24 bits in any case, so that copies of a row are found whatever the encoding's rounding
        rows = self._pack(table, "float32", training)
        sample = Sample(rows, y[training], weight[training], sensitive_features)
        if len(training) <= SMALL_DATA:
            sample = sample.without_copies()
        if self._stage_dtype(len(training)) == "float64":
            blocks = sample.rows.blocks.astype(np.float64)
            sample.rows = PackedRows(blocks, sample.rows.n_rows)
        return sample

    def _stage_dtype(self, n_rows: int) -> str:
        if self.dtype != "auto":
            return str(self.dtype)
        return "float64" if n_rows <= SMALL_DATA else "float32"

    def _validation_sample(
        self,
        table: Table,
        y: npt.NDArray,
        weight: Floats,
        held_out: npt.NDArray[np.intp] | None,
        given: tuple[Any, Any, Any],
    ) -> Sample | None:
        """Rows for early stopping: held out from X, given, or none."""
        if held_out is not None:
            return Sample(self._pack(table, "float32", held_out), y[held_out], weight[held_out])
        X_val, y_val, weight_val = given
        if X_val is None:
            return None
        table = self._read(X_val, reset=False)
        weight = check_weights(weight_val, len(table), "sample_weight_val")
        target = self._encode_validation_target(y_val, len(table))
        return Sample(self._pack(table, "float32"), target, weight)

    def _make_objective(self, sample: Sample) -> Objective:
        """Resolve loss and penalties and check that they suit the target."""
        loss = LOSSES.resolve(self.loss, Loss)
        if loss.kind != self._loss_kind:
            raise ValueError(
                f"loss={self.loss!r} is a loss for {loss.kind}, but {type(self).__name__} does "
                f"{self._loss_kind}; choose another loss or estimator."
            )
        loss.check_target(sample.y)
        wished = self.penalty if isinstance(self.penalty, list | tuple) else [self.penalty]
        penalties = [PENALTIES.resolve(p, Penalty) for p in wished if p is not None]
        self.loss_ = loss
        self._raw_shape = loss.raw_shape(sample.y, self._n_target_classes)
        objective = Objective(
            loss,
            sample.y,
            sample.weight,
            penalties,
            effective_n_threads(self.n_threads),
            self._n_target_classes,
        )
        for penalty in penalties:
            penalty.prepare(
                PenaltyContext(
                    y=sample.y,
                    sample_weight=sample.weight,
                    protected=sample.protected,
                    n_raw=objective.n_raw,
                )
            )
        return objective

    def _make_validation(self, sample: Sample | None) -> Validation | None:
        if sample is None:
            return None
        self.loss_.check_target(sample.y)
        objective = Objective(
            self.loss_,
            sample.y,
            sample.weight,
            n_threads=effective_n_threads(self.n_threads),
            n_classes=self._n_target_classes,
        )
        return Validation(sample.rows, objective, EarlyStopping(self.n_iter_no_change, self.tol))

    def _make_plan(self, objective: Objective, sample: Sample, seed: int) -> Plan:
        n_rows, n_columns = sample.rows.n_rows, sample.rows.n_columns
        step = self.step
        if step == "auto":
            step = "newton" if objective.loss.smooth else "line_search"
        columns = max(self.max_features * n_columns, min(n_columns, 4)) / max(1, n_columns)
        return Plan(
            learner=self._make_learner(),
            step=STEPS.resolve(step, Step),
            learning_rate=self.learning_rate,
            n_stages=self.n_stages + bool(self.linear_start),
            row_sampler=RowSampler(
                self.subsample, self._class_codes(sample.y), by_block=n_rows > SMALL_DATA
            ),
            column_fraction=columns,
            newton_residuals=self.residuals == "newton",
            start=LinearStart(self.linear_alpha) if self.linear_start else None,
            seed=seed,
            n_threads=objective.n_threads,
        )

    def _begin(
        self,
        sample: Sample,
        objective: Objective,
        validation: Validation | None,
        plan: Plan,
        resume: bool,
    ) -> BoostingState:
        """A new state, or one that goes on where the last fit stopped."""
        model = None
        if resume:
            model = self.model_.truncated(len(self.model_))
            if len(model) >= plan.n_stages:
                raise ValueError(
                    f"n_stages={self.n_stages} is not more than the {len(model) - bool(self.linear_start)} stages "
                    "that warm_start=True continues from; raise n_stages or use warm_start=False."
                )
        return BoostingState.begin(sample.rows, objective, model, validation, plan.n_threads)

    def _run(
        self,
        state: BoostingState,
        sample: Sample,
        objective: Objective,
        plan: Plan,
        validation: Validation | None,
        data: tuple[Any, Any],
    ) -> None:
        """Boost, then keep the best round; after Ctrl-C keep what is there only if the fit can go on from it."""
        first = len(state.model)
        losses = None if validation is None else validation.stopping.losses
        watcher = Watcher(
            self, plan.n_stages - first, self.verbose, data, lambda s: self._attributes(s, losses)
        )

        def on_stage(state: BoostingState) -> bool:
            return watcher.stage(state, None if losses is None else losses[-1])

        boost(state, sample.rows, objective, plan, validation, on_stage)
        watcher.end(state)
        if state.interrupted and not self.warm_start:
            raise KeyboardInterrupt
        for name, value in self._attributes(state, losses, first).items():
            setattr(self, name, value)
        self._prepare_prediction()
        if state.interrupted:
            raise KeyboardInterrupt

    def _attributes(
        self, state: BoostingState, losses: list[float] | None, first: int = 0
    ) -> dict[str, Any]:
        """Fitted attributes of a state; with validation losses, of its best round."""
        model = state.model
        if losses is not None:
            best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else len(losses) - 1
            model = model.truncated(first + best)
        return {
            "model_": model,
            "n_stages_": len(model),
            "train_loss_": np.array(state.train_loss),
            "validation_loss_": None if losses is None else np.array(losses),
        }

    # -- prediction -------------------------------------------------------------------------------------------------

    def _prepare_prediction(self) -> None:
        """Hook for estimators that predict faster than unit by unit."""

    def _check_n_stages(self, n_stages: int | None) -> int:
        if n_stages is None:
            return len(self.model_)
        if isinstance(n_stages, bool) or not isinstance(n_stages, int | np.integer):
            raise ValueError(f"n_stages={n_stages!r} must be a whole number or None.")
        if not 0 <= n_stages <= len(self.model_):
            raise ValueError(
                f"n_stages={n_stages} is out of range: this model has {len(self.model_)} stages, "
                "and 0 means its constant start."
            )
        return int(n_stages)

    def _chunks(self, X: Any) -> Iterator[PackedRows]:
        """Encoded rows, a chunk at a time, in double precision."""
        check_is_fitted(self)
        table = self._read(X, reset=False)
        if len(table) <= PREDICTION_CHUNK:
            yield self._pack(table, "float64")
            return
        for start in range(0, len(table), PREDICTION_CHUNK):
            yield self._pack(
                table, "float64", np.arange(start, min(start + PREDICTION_CHUNK, len(table)))
            )

    def _model_raw(self, rows: PackedRows, n_stages: int, n_threads: int) -> Floats:
        return self.model_.truncated(n_stages).raw(rows, n_threads)

    def _raw_predict(self, X: Any, n_stages: int | None = None) -> Floats:
        """Raw scores of shape (n_samples,) or (n_samples, n_raw)."""
        check_is_fitted(self)
        n_stages = self._check_n_stages(n_stages)
        n_threads = effective_n_threads(self.n_threads)
        raw = np.concatenate([self._model_raw(r, n_stages, n_threads) for r in self._chunks(X)])
        return self._shape_raw(raw)

    def _staged_raw_predict(self, X: Any) -> Iterator[Floats]:
        """Raw scores after 0, 1, ..., n_stages_ stages."""
        rows = list(self._chunks(X))
        n_threads = effective_n_threads(self.n_threads)
        parts = [self.model_.staged_raw(r, n_threads) for r in rows]
        for stage in zip(*parts, strict=True):
            yield self._shape_raw(np.concatenate(stage))

    def _shape_raw(self, raw: Floats) -> Floats:
        return raw.reshape(raw.shape[0], *self._raw_shape)
