"""scikit-learn's network as a weak learner, for comparison with published results."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import has_fit_parameter

from skboost._ext.network_numpy import ACTIVATIONS
from skboost._ext.packed import PackedRows
from skboost.learners._base import LEARNERS, Learner, check_request
from skboost.learners._unit import NetworkUnit

Array = npt.NDArray[np.float64]


@LEARNERS.register("mlp")
class MLPLearner(Learner):
    """``MLPRegressor`` with one hidden layer, set up as in the published boosted networks [1]_.

    Much slower than :class:`NetworkLearner`; it exists so that published experiments can be
    repeated to the last bit. The rows are handed over in their own precision: pack them as float64
    for that purpose.

    Parameters
    ----------
    n_units : int, default=1
        Hidden units, >= 1.
    activation : {"logistic", "tanh", "relu", "identity"}, default="logistic"
    alpha : float, default=1e-4
        Penalty as scikit-learn counts it: divided by the number of rows, not by their weight.
    max_iter : int, default=200
        Most iterations of L-BFGS.
    tol : float, default=0.0
        Gradient tolerance of L-BFGS.
    random_state : None, int or numpy.random.RandomState, default=None
        None draws a seed from the generator handed to :meth:`fit`. A ``RandomState`` is handed on
        as it is and moves forward from unit to unit, as in a plain loop of regressors that share
        it. An int starts every unit alike.

    References
    ----------
    .. [1] S. Emami, G. Martinez-Munoz (2023). A gradient boosting approach for training neural
           networks. IEEE Access 11, 42738-42750. https://arxiv.org/abs/1909.12098
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        {"multi_output", "columns", "packed"}
        | ({"weights"} if has_fit_parameter(MLPRegressor, "sample_weight") else set())
    )

    def __init__(
        self,
        n_units: int = 1,
        *,
        activation: str = "logistic",
        alpha: float = 1e-4,
        max_iter: int = 200,
        tol: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_units = n_units
        self.activation = activation
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(
        self,
        rows: PackedRows,
        target: Array,
        weight: Array,
        rng: np.random.Generator,
        *,
        columns: npt.NDArray[np.int32] | None = None,
        n_threads: int = 1,
    ) -> NetworkUnit:
        """Fit one network; see :meth:`Learner.fit`. The BLAS library decides about threads."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation={self.activation!r} is unknown; choose from {sorted(ACTIVATIONS)}."
            )
        check_request(self, rows, target, weight)
        state = int(rng.integers(2**31)) if self.random_state is None else self.random_state
        kept = weight > 0.0
        if not kept.any():
            return NetworkUnit.zero(rows.n_columns, self.n_units, target.shape[1], self.activation)
        X, y, options = rows.to_dense(), target, self._weights(weight[kept])
        if not kept.all():
            X, y = X[kept], y[kept]
        used = slice(None) if columns is None else columns
        regressor = MLPRegressor(
            hidden_layer_sizes=(self.n_units,),
            activation=self.activation,
            solver="lbfgs",
            alpha=self.alpha,
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.max_iter,
            random_state=state,
        )
        with warnings.catch_warnings():
            # a weak learner is meant to stop early
            warnings.simplefilter("ignore", ConvergenceWarning)
            regressor.fit(X[:, used], y.ravel() if y.shape[1] == 1 else y, **options)
        hidden = np.zeros((rows.n_columns, self.n_units))
        hidden[used] = regressor.coefs_[0]
        return NetworkUnit(
            hidden,
            regressor.intercepts_[0],
            regressor.coefs_[1],
            regressor.intercepts_[1],
            self.activation,
        )

    def _weights(self, weight: Array) -> dict[str, Any]:
        """Weights for scikit-learn; none where all are equal, which is the published setting."""
        if np.all(weight == weight[0]):
            return {}
        if "weights" not in self.supports:
            raise ValueError(
                "MLPLearner takes weights only with scikit-learn 1.7 or newer; upgrade it or use "
                "learner='network'."
            )
        return {"sample_weight": weight}
