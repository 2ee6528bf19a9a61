"""A penalised linear model fitted to the whole objective, the first stage of a boosted model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, solve_triangular
from scipy.optimize import minimize

from skboost._ext.packed import BLOCK, PackedRows
from skboost.base import Component
from skboost.learners._linear import check_alpha
from skboost.learners._unit import NetworkUnit

Array = npt.NDArray[np.float64]

# Rows times columns that the fit looks at. More rows than that are left out: they are in random
# order, and a linear model of d columns is settled long before. Later stages see every row.
MOST_CELLS = 2**25
# Numbers that are widened to float64 at a time: 0.5 MiB, which stays in the second-level cache.
CELLS_AT_ONCE = 2**16


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
    the only cost that is quadratic in the columns. The packed rows are read a few blocks at a time
    in float64, which costs no more time than a float64 table of all rows and none of its memory.

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
        return min(n_rows, max(4096, MOST_CELLS // max(1, n_columns)))

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
        columns = CentredColumns(rows, weight, objective.total_weight)
        curvature = np.maximum(objective.hessian(raw).mean(axis=1), 0.0) * weight
        ridge = self.alpha * unit
        # columns have unit scale: what varies by less than a millionth is rounding, and no direction to go along
        root = _root(columns.gram(curvature), ridge + 1e-12 * float(curvature.sum()))
        spread = 1.0 / np.sqrt(max(float(curvature.sum()), np.finfo(float).tiny))
        del curvature  # one number a row, and the evaluations need the room

        def read(point: Array) -> tuple[Array, Array]:
            whitened = point[:-n_raw].reshape(-1, n_raw)
            return solve_triangular(root, whitened, check_finite=False), point[-n_raw:] * spread

        def evaluate(point: Array) -> tuple[float, Array]:
            slopes, intercepts = read(point)
            with np.errstate(over="ignore", invalid="ignore"):
                moved = columns.times(slopes)
                moved += raw
                moved += intercepts
                value, gradient = objective.value_and_gradient(moved)
                value = value * objective.total_weight + 0.5 * ridge * float(np.sum(slopes**2))
            gradient = gradient * weight[:, None]
            if not np.isfinite(value):
                return np.inf, np.zeros_like(point)
            pull = solve_triangular(
                root, columns.sums(gradient) + ridge * slopes, trans="T", check_finite=False
            )
            return value, np.concatenate([pull.ravel(), gradient.sum(axis=0) * spread])

        start = np.zeros((rows.n_columns + 1) * n_raw)
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
            slopes, np.zeros(n_raw), np.eye(n_raw), intercepts - columns.mean @ slopes, "identity"
        )


class CentredColumns:
    """Packed columns minus their weighted means, as a matrix of float64 that is never held whole.

    The means are taken off the products. Encoded columns have means near zero, so that no digits
    are lost by it.

    Parameters
    ----------
    rows : PackedRows
    weight : ndarray of shape (n_rows,)
    total_weight : float

    Attributes
    ----------
    mean : ndarray of shape (n_columns,)
    """

    def __init__(self, rows: PackedRows, weight: Array, total_weight: float) -> None:
        self._rows = rows
        self._step = max(1, CELLS_AT_ONCE // (BLOCK * max(1, rows.n_columns)))
        self._only: Array | None = None
        if len(rows.blocks) <= self._step:
            self._only = rows.blocks.astype(np.float64, copy=False)
        self.mean = np.zeros(rows.n_columns)
        self.mean = self.sums(weight[:, None])[:, 0] / total_weight

    def _parts(self) -> Iterator[tuple[int, int, Array]]:
        """First row, last row and blocks (n_blocks, n_columns, 64), a few blocks at a time."""
        n_rows, blocks = self._rows.n_rows, self._rows.blocks
        for first in range(0, len(blocks), self._step):
            part = self._only
            if part is None:
                part = blocks[first : first + self._step].astype(np.float64, copy=False)
            yield first * BLOCK, min(n_rows, (first + len(part)) * BLOCK), part

    def times(self, slopes: Array) -> Array:
        """The product with ``slopes`` of shape (n_columns, k), of shape (n_rows, k)."""
        n_out, shift = slopes.shape[1], self.mean @ slopes
        out = np.empty((self._rows.n_rows, n_out))
        for start, stop, part in self._parts():
            product = np.matmul(part.transpose(0, 2, 1), slopes).reshape(-1, n_out)
            np.subtract(product[: stop - start], shift, out=out[start:stop])
        return out

    def sums(self, values: Array) -> Array:
        """The product of the transpose with ``values`` of shape (n_rows, k), shape (n_columns, k)."""
        n_out = values.shape[1]
        out = np.outer(-self.mean, values.sum(axis=0))
        for start, stop, part in self._parts():
            mine = np.zeros((len(part) * BLOCK, n_out))  # lanes that are no rows count nothing
            mine[: stop - start] = values[start:stop]
            out += np.matmul(part, mine.reshape(-1, BLOCK, n_out)).sum(axis=0)
        return out

    def gram(self, curvature: Array) -> Array:
        """The product of the transpose, ``diag(curvature)`` and the matrix itself."""
        out = np.zeros((self._rows.n_columns, self._rows.n_columns))
        for start, stop, part in self._parts():
            table = part.transpose(0, 2, 1).reshape(-1, part.shape[1])[: stop - start] - self.mean
            out += (table * curvature[start:stop, None]).T @ table
        return out


def _root(gram: Array, ridge: float) -> Array:
    """Upper triangular R with R'R = gram + ridge I, made definite where it is not."""
    diagonal = np.arange(len(gram))
    # the floor only shapes the coordinates, the minimum is where it was
    gram[diagonal, diagonal] += ridge + 1e-8 * np.trace(gram) / len(gram) + np.finfo(float).tiny
    factor, _ = cho_factor(gram, check_finite=False)
    return np.triu(factor)
