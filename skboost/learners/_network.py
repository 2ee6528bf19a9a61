"""Small networks fitted natively: the weak learner that boosted networks are made of."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from skboost._ext import _network as kernels
from skboost._ext.network_numpy import ACTIVATIONS, n_parameters, split
from skboost._ext.packed import PackedRows
from skboost.learners._base import LEARNERS, Learner, check_request
from skboost.learners._linear import check_alpha, solve_ridge
from skboost.learners._problem import Problem
from skboost.learners._unit import NetworkUnit

Array = npt.NDArray[np.float64]

# up to here passes over all rows cost less than a fixed number of minibatch steps
MOST_ROWS_FOR_LBFGS = 4096
SOLVERS = ("auto", "lbfgs", "adam")


@LEARNERS.register("network")
class NetworkLearner(Learner):
    """A network with one hidden layer, fitted by weighted least squares.

        minimise 1/2 sum_ik w_ik (t_ik - f_k(x_i))^2 + 1/2 alpha (||hidden||^2 + ||output||^2)
        f(x) = output_bias + output' act(hidden' x + hidden_bias)

    where t is the target divided by its weighted root mean square (one number for all outputs); the
    outputs are scaled back at the end. The columns are expected to have unit scale. All parameters
    are optimised together, by L-BFGS on all rows or by Adam on batches of 256 rows, and the output
    layer is then solved exactly for the hidden layer found.

    Parameters
    ----------
    n_units : int, default=4
        Hidden units J, >= 1.
    activation : {"tanh", "logistic", "relu", "identity"}, default="tanh"
    alpha : float, default=1.0
        Penalty on hidden and output weights, >= 0, in the unit of one row of weight 1: its share
        falls as rows are added. Biases are not penalised.
    solver : {"auto", "lbfgs", "adam"}, default="auto"
        "auto" takes "lbfgs" for at most 4096 rows of positive weight and "adam" above.
    max_iter : int, default=100
        Most iterations of L-BFGS, >= 1.
    max_steps : int, default=1000
        Steps of Adam, >= 1. The cost of a fit by Adam hardly depends on the number of rows.
    learning_rate_init : float, default=0.03
        First step length of Adam, > 0; it falls to 0 along a half cosine.
    init_scale : float, default=1.0
        Size of the random hidden weights, > 0: they start with standard deviation ``init_scale /
        sqrt(d)``.

    Notes
    -----
    The precision is that of the rows: float32 rows are computed in float32 with sums in float64,
    float64 rows in float64. The result depends on ``rng`` alone, not on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.packed import PackedRows
    >>> from skboost.learners import NetworkLearner
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 3))
    >>> rows = PackedRows.from_dense(x, dtype=np.float64)
    >>> unit = NetworkLearner(n_units=2).fit(rows, np.sin(x[:, :1]), np.ones(200), rng)
    >>> unit
    NetworkUnit(3 columns, 2 tanh units, 1 outputs)
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        {"weights", "output_weights", "multi_output", "columns", "packed", "concurrent"}
    )

    def __init__(
        self,
        n_units: int = 4,
        *,
        activation: str = "tanh",
        alpha: float = 1.0,
        solver: str = "auto",
        max_iter: int = 100,
        max_steps: int = 1000,
        learning_rate_init: float = 0.03,
        init_scale: float = 1.0,
    ) -> None:
        self.n_units = n_units
        self.activation = activation
        self.alpha = alpha
        self.solver = solver
        self.max_iter = max_iter
        self.max_steps = max_steps
        self.learning_rate_init = learning_rate_init
        self.init_scale = init_scale

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
        """Fit one network; see :meth:`Learner.fit`.

        Returns
        -------
        unit : NetworkUnit
            Zero everywhere if the target is zero or no row has weight.
        """
        self._check_parameters()
        check_request(self, rows, target, weight)
        n_outputs = target.shape[1]
        zero = NetworkUnit.zero(rows.n_columns, self.n_units, n_outputs, self.activation)
        problem = Problem.prepare(rows, target, weight, columns, n_threads)
        if problem is None:
            return zero
        parameters = self._start(problem, rng)
        self._optimise(problem, parameters, rng)
        hidden, hidden_bias, _, _ = split(parameters, problem.n_columns, self.n_units)
        gram, moment = problem.normal_equations(
            parameters, self.n_units, ACTIVATIONS[self.activation]
        )
        if not (np.isfinite(gram).all() and np.isfinite(moment).all()):
            return zero
        solution = problem.scale * solve_ridge(gram, moment, problem.penalty(self.alpha))
        if not np.isfinite(solution).all():
            return zero
        return NetworkUnit(
            problem.spread(hidden.T, rows.n_columns),
            hidden_bias,
            solution[:-1],
            solution[-1],
            self.activation,
        )

    def _start(self, problem: Problem, rng: np.random.Generator) -> Array:
        d, n_units, n_outputs = problem.n_columns, self.n_units, problem.n_outputs
        parameters = np.zeros(n_parameters(d, n_units, n_outputs))
        hidden, hidden_bias, output, _ = split(parameters, d, n_units)
        hidden[...] = rng.normal(scale=self.init_scale / np.sqrt(d), size=hidden.shape)
        hidden_bias[...] = rng.normal(scale=0.1 * self.init_scale, size=n_units)
        output[...] = rng.normal(scale=1.0 / np.sqrt(n_units), size=output.shape)
        return parameters

    def _optimise(self, problem: Problem, parameters: Array, rng: np.random.Generator) -> None:
        # drawn in any case, so that the stream does not depend on the solver
        seed = int(rng.integers(2**63))
        solver = self.solver
        if solver == "auto":
            solver = "lbfgs" if problem.n_positive <= MOST_ROWS_FOR_LBFGS else "adam"
        data = (
            problem.blocks,
            problem.columns,
            problem.target,
            problem.weight,
            parameters,
            self.n_units,
            ACTIVATIONS[self.activation],
            problem.penalty(self.alpha),
            problem.total_weight,
        )
        if solver == "lbfgs":
            kernels.minimise_lbfgs(*data, self.max_iter, n_threads=problem.n_threads)
        else:
            kernels.minimise_adam(*data, self.max_steps, float(self.learning_rate_init), seed)

    def _check_parameters(self) -> None:
        check_alpha(self.alpha)
        for name in ("n_units", "max_iter", "max_steps"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}={value!r} is not a count; pass an integer >= 1.")
        for name in ("learning_rate_init", "init_scale"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0.0 < float(value) < np.inf:
                raise ValueError(f"{name}={value!r} is not a size; pass a finite number > 0.")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation={self.activation!r} is unknown; choose from {sorted(ACTIVATIONS)}."
            )
        if self.solver not in SOLVERS:
            raise ValueError(f"solver={self.solver!r} is unknown; choose from {list(SOLVERS)}.")
