"""What boosted network classifier and regressor share: their parameters and their merged network."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skboost._ext.packed import PackedRows
from skboost._validation import Constraint, Flag, Instance, Integer, Nothing, Number, OneOf
from skboost.boosting import BoostingState, StagedModel, Step
from skboost.boosting._estimator import BoostedEstimator
from skboost.learners import LEARNERS, Learner, NetworkLearner, NetworkUnit
from skboost.networks._merged import Network

Floats = npt.NDArray[np.float64]


class BaseBoostedNetwork(BoostedEstimator):
    """Parameters of boosted networks; see the classifier and the regressor."""

    _network: Network | None
    _constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "n_stages": Integer(0),
        "units_per_stage": Integer(1),
        "learning_rate": Number(0, np.inf),
        "activation": OneOf("tanh", "logistic", "relu", "identity"),
        "alpha": Number(0, np.inf, closed="left"),
        "linear_start": Flag(),
        "linear_alpha": Number(0, np.inf, closed="left"),
        "max_features": Number(0, 1, closed="right"),
        "subsample": Number(0, 1, closed="right"),
        "step": (
            OneOf("auto", "newton", "line_search", "fixed", "diagonal_newton"),
            Instance(Step),
        ),
        "residuals": OneOf("gradient", "newton"),
        "lbfgs_iter": Integer(1),
        "adam_steps": Integer(1),
        "early_stopping": (OneOf("auto"), Flag()),
        "n_folds": (OneOf("auto"), Integer(1)),
        "validation_fraction": Number(0, 1),
        "n_iter_no_change": Integer(1),
        "tol": Number(0, np.inf, closed="left"),
        "handle_unknown": OneOf("ignore", "error"),
        "numeric_scaling": OneOf("robust", "standard"),
        "dtype": OneOf("auto", "float32", "float64"),
        "warm_start": Flag(),
        "n_threads": (Integer(), Nothing()),
        "verbose": Integer(0),
    }

    def __init__(
        self,
        *,
        n_stages: int,
        units_per_stage: int,
        learning_rate: float,
        loss: Any,
        penalty: Any,
        learner: Any,
        activation: str,
        alpha: float,
        linear_start: bool,
        linear_alpha: float,
        max_features: float,
        subsample: float,
        step: Any,
        residuals: str,
        lbfgs_iter: int,
        adam_steps: int,
        early_stopping: bool | str,
        n_folds: int | str,
        validation_fraction: float,
        n_iter_no_change: int,
        tol: float,
        categorical_features: Any,
        handle_unknown: str,
        numeric_scaling: str,
        dtype: str,
        warm_start: bool,
        n_threads: int | None,
        random_state: Any,
        verbose: int,
    ) -> None:
        self.n_stages = n_stages
        self.units_per_stage = units_per_stage
        self.learning_rate = learning_rate
        self.loss = loss
        self.penalty = penalty
        self.learner = learner
        self.activation = activation
        self.alpha = alpha
        self.linear_start = linear_start
        self.linear_alpha = linear_alpha
        self.max_features = max_features
        self.subsample = subsample
        self.step = step
        self.residuals = residuals
        self.lbfgs_iter = lbfgs_iter
        self.adam_steps = adam_steps
        self.early_stopping = early_stopping
        self.n_folds = n_folds
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.categorical_features = categorical_features
        self.handle_unknown = handle_unknown
        self.numeric_scaling = numeric_scaling
        self.dtype = dtype
        self.warm_start = warm_start
        self.n_threads = n_threads
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _make_learner(self) -> Learner:
        if self.learner is not None:
            return LEARNERS.resolve(self.learner, Learner)
        return NetworkLearner(
            self.units_per_stage,
            activation=self.activation,
            alpha=self.alpha,
            max_iter=self.lbfgs_iter,
            max_steps=self.adam_steps,
        )

    # -- one network ------------------------------------------------------------------------------------------------

    def _attributes(self, state: BoostingState) -> dict[str, Any]:
        attributes = super()._attributes(state)
        return attributes | {"_network": self._merged(attributes["model_"])}

    def _merged(self, model: StagedModel) -> Network | None:
        """The model as one network; None where a learner of the user's own makes other units."""
        if not all(isinstance(term.unit, NetworkUnit) for stage in model.stages for term in stage):
            return None
        classes = getattr(self, "classes_", None)
        return Network.merge(model, self.encoder_, self.loss_, self._raw_shape, classes)

    def _model_raw(self, rows: PackedRows, n_stages: int, n_threads: int) -> Floats:
        if self._network is None:
            return super()._model_raw(rows, n_stages, n_threads)
        # the merged network's link may carry a factor, raw scores do not
        factor = self.loss_.link(self._raw_shape).factor
        return self._network.truncate(n_stages)._forward(rows, n_threads) / factor

    def _check_network(self) -> Network:
        check_is_fitted(self, "model_")
        if self._network is None:
            raise AttributeError(
                f"learner={self.learner!r} made units that are not networks, so there is no merged network; "
                "use truncate, or n_stages= in the predict methods."
            )
        return self._network

    @property
    def n_units_(self) -> int:
        """Number of hidden units of the merged network."""
        return self._check_network().n_units

    def to_network(self, n_stages: int | None = None) -> Network:
        """Merge all stages, or the first ``n_stages``, into one network.

        Parameters
        ----------
        n_stages : int, optional
            From 0 (the constant start) to ``n_stages_``.

        Returns
        -------
        network : Network
            Plain arrays with ``predict``, ``truncate``, ``save`` and ``load``.

        Raises
        ------
        AttributeError
            If ``learner`` makes units that are not networks.
        """
        network = self._check_network()
        return network.truncate(self._check_n_stages(n_stages))

    def truncate(self, n_stages: int) -> BaseBoostedNetwork:
        """A copy of this estimator that has only its first ``n_stages`` stages."""
        check_is_fitted(self, "model_")
        n_stages = self._check_n_stages(n_stages)
        shorter = type(self)(**self.get_params(deep=False))
        shorter.__dict__.update(self.__dict__)
        shorter.model_ = self.model_.truncated(n_stages)
        shorter.n_stages_ = n_stages
        shorter._network = self._merged(shorter.model_)
        return shorter
