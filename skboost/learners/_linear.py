"""Weighted ridge regression as a weak learner, and the solver that networks share with it."""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skboost._ext.packed import PackedRows
from skboost.learners._base import LEARNERS, Learner, check_request
from skboost.learners._problem import Problem
from skboost.learners._unit import NetworkUnit

Array = npt.NDArray[np.float64]


def solve_ridge(gram: Array, moment: Array, alpha: float) -> Array:
    """Solve ridge regressions by normal equations; the last feature, constant 1, is unpenalised.

    Parameters
    ----------
    gram : ndarray of shape (1 or K, m, m)
        Weighted Gram matrix, one for all outputs or one each.
    moment : ndarray of shape (m, K)
    alpha : float
        Penalty on the first m - 1 coefficients, >= 0.

    Returns
    -------
    coefficients : ndarray of shape (m, K)
        The solution of least norm where the matrix is singular.
    """
    solution = np.empty_like(moment)
    for s, matrix in enumerate(gram):
        penalised = matrix.copy()
        inner = np.arange(len(matrix) - 1)
        penalised[inner, inner] += alpha
        part = slice(None) if len(gram) == 1 else slice(s, s + 1)
        solution[:, part] = _solve(penalised, moment[:, part])
    return solution


def _solve(matrix: Array, right: Array) -> Array:
    # unit diagonal first: columns of very different size are no sign of singularity
    scale = np.sqrt(np.diag(matrix))
    scale = np.where(scale > 0.0, 1.0 / np.where(scale > 0.0, scale, 1.0), 0.0)
    balanced = matrix * scale * scale[:, None]
    right = right * scale[:, None]
    try:
        factor = cho_factor(balanced, check_finite=False)
        pivots = np.diag(factor[0])
        if pivots.min() > 1e-6:  # squared, a condition number near 1e12: beyond it digits are lost
            return np.asarray(cho_solve(factor, right, check_finite=False)) * scale[:, None]
    except LinAlgError:
        pass
    return np.asarray(np.linalg.lstsq(balanced, right, rcond=1e-12)[0]) * scale[:, None]


@LEARNERS.register("linear")
class LinearLearner(Learner):
    """Ridge regression on the packed columns, solved exactly.

        minimise 1/2 sum_ik w_ik (t_ik - b_k - x_i' v_k)^2 + 1/2 alpha sum_k ||v_k||^2

    The intercepts b are not penalised. Sums are taken in float64 over columns from which their
    weighted mean was subtracted, so a large offset of a column costs no digits.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty, >= 0, in the unit of one row of weight 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.packed import PackedRows
    >>> from skboost.learners import LinearLearner
    >>> x = np.arange(5.0)[:, None]
    >>> rows = PackedRows.from_dense(x, dtype=np.float64)
    >>> unit = LinearLearner(alpha=0.0).fit(rows, 2 * x + 1, np.ones(5), np.random.default_rng(0))
    >>> unit.hidden.round(6), unit.output_bias.round(6)
    (array([[2.]]), array([1.]))
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        {"weights", "output_weights", "multi_output", "columns", "packed", "concurrent"}
    )

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

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
        """Fit the ridge regression; see :meth:`Learner.fit`. ``rng`` is not drawn from."""
        check_alpha(self.alpha)
        check_request(self, rows, target, weight)
        n_outputs = target.shape[1]
        problem = Problem.prepare(rows, target, weight, columns, n_threads)
        if problem is None:
            return NetworkUnit.zero(rows.n_columns, n_outputs, n_outputs, "identity")
        mean = problem.column_means()
        gram, moment = problem.normal_equations(mean, 0, 0)
        solution = solve_ridge(gram, moment, problem.penalty(self.alpha))
        slopes = problem.scale * solution[:-1]
        return NetworkUnit(
            problem.spread(slopes, rows.n_columns),
            np.zeros(n_outputs),
            np.eye(n_outputs),
            problem.scale * solution[-1] - mean @ slopes,
            "identity",
        )


def check_alpha(alpha: float) -> None:
    """Refuse a penalty that is negative or not finite."""
    if not isinstance(alpha, Real) or not 0.0 <= float(alpha) < np.inf:
        raise ValueError(f"alpha={alpha!r} is not a penalty; pass a finite number >= 0.")
