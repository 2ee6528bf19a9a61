"""A penalised linear model fitted to the whole objective, the first stage of a boosted model."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, solve_triangular
from scipy.optimize import minimize

from skboost._ext.packed import PackedRows
from skboost.base import Component
from skboost.learners._linear import check_alpha
from skboost.learners._unit import NetworkUnit

Array = npt.NDArray[np.float64]

# Rows times columns of the dense float64 table that the fit holds: 64 MiB. More rows than fit are
# left out; they are in random order, and a linear model of d columns is settled long before. Later
# stages see every row.
LARGEST_TABLE = 2**23


class SmoothObjective(Protocol):
    """What the linear start needs to know of an objective."""

    weight: Array
    total_weight: float

    def value_and_gradient(self, raw: Array) -> tuple[float, Array]: ...
    def hessian(self, raw: Array) -> Array: ...


class LinearStart(Component):
    """Ridge, logistic, Poisson ... regression by the loss's own derivatives.

        minimise  sum_i w_i loss(y_i, F_i + b + x_i' V) + 1/2 alpha unit ||V||^2

    Intercepts ``b`` are free. For squared error this is ridge regression, for log loss logistic
    regression with ``C = 1 / alpha``. ``unit`` is 1, or the mean curvature at the start for losses
    that are rounded off to be smooth (their scale is that of y, not of its square).

    The problem is solved by L-BFGS in coordinates in which the curvature at the start is the
    identity, so that it takes a handful of evaluations: one Gram matrix and its Cholesky factor are
    the only cost that is quadratic in the columns.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty, >= 0, in the unit of one row of weight 1.
    max_iter : int, default=100
    tol : float, default=1e-11
        Stop when an iteration lowers the objective by less than ``tol`` times what the first step promises.
    """

    def __init__(self, alpha: float = 1.0, max_iter: int = 100, tol: float = 1e-11) -> None:
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol

    @staticmethod
    def rows_used(n_rows: int, n_columns: int) -> int:
        """How many of the rows the fit looks at."""
        return min(n_rows, max(4096, LARGEST_TABLE // max(1, n_columns)))

    def fit_objective(
        self, rows: PackedRows, raw: Array, objective: SmoothObjective, *, unit: float = 1.0
    ) -> NetworkUnit:
        """Fit the model on top of the raw scores.

        Parameters
        ----------
        rows : PackedRows
            As many rows as the objective has.
        raw : ndarray of shape (n_rows, n_raw)
        objective : SmoothObjective
        unit : float, default=1.0

        Returns
        -------
        unit : NetworkUnit
            With identity activation: ``hidden = V``, ``output_bias = b``.
        """
        check_alpha(self.alpha)
        n_raw, weight = raw.shape[1], objective.weight
        table = rows.to_dense().astype(np.float64, copy=False)
        mean = weight @ table / objective.total_weight
        table = table - mean  # intercepts decouple from slopes
        curvature = np.maximum(objective.hessian(raw).mean(axis=1), 0.0) * weight
        ridge = self.alpha * unit
        root = _root(table, curvature, ridge)
        spread = 1.0 / np.sqrt(max(float(curvature.sum()), np.finfo(float).tiny))

        def read(point: Array) -> tuple[Array, Array]:
            whitened = point[:-n_raw].reshape(-1, n_raw)
            return solve_triangular(root, whitened, check_finite=False), point[-n_raw:] * spread

        def evaluate(point: Array) -> tuple[float, Array]:
            slopes, intercepts = read(point)
            with np.errstate(over="ignore", invalid="ignore"):
                value, gradient = objective.value_and_gradient(raw + table @ slopes + intercepts)
            gradient = gradient * weight[:, None]
            value = value * objective.total_weight + 0.5 * ridge * float(np.sum(slopes**2))
            if not np.isfinite(value):
                return np.inf, np.zeros_like(point)
            pull = solve_triangular(
                root, table.T @ gradient + ridge * slopes, trans="T", check_finite=False
            )
            return value, np.concatenate([pull.ravel(), gradient.sum(axis=0) * spread])

        start = np.zeros((table.shape[1] + 1) * n_raw)
        # The solver's tolerances are absolute for values below 1. In units of the first slope the objective falls by
        # about 1/2 along a way of about 1, whatever the unit of y.
        size = float(np.linalg.norm(evaluate(start)[1])) or 1.0

        def scaled(point: Array) -> tuple[float, Array]:
            value, gradient = evaluate(size * point)
            return value / size**2, gradient / size

        options = {"maxiter": self.max_iter, "ftol": self.tol, "gtol": 1e-9}
        found = minimize(scaled, start, jac=True, method="L-BFGS-B", options=options)
        slopes, intercepts = read(size * found.x)
        return NetworkUnit(
            slopes, np.zeros(n_raw), np.eye(n_raw), intercepts - mean @ slopes, "identity"
        )


def _root(table: Array, curvature: Array, ridge: float) -> Array:
    """Upper triangular R with R'R = table' diag(curvature) table + ridge I, made definite where it
    is not."""
    gram = (table * curvature[:, None]).T @ table
    diagonal = np.arange(len(gram))
    # the floor only shapes the coordinates, the minimum is where it was
    gram[diagonal, diagonal] += ridge + 1e-8 * np.trace(gram) / len(gram) + np.finfo(float).tiny
    factor, _ = cho_factor(gram, check_finite=False)
    return np.triu(factor)
