"""How fast are the network kernels, and what does one weak learner cost?

The same sums, steps and fits are done by NumPy, SciPy and scikit-learn in the same process. Every
table prints what was reached (loss, share of variance left) beside the time, because a fast fit that
stops early is no gain. Times are the least of several repetitions.

    python examples/benchmarks/network_kernel.py             # about a minute
    python examples/benchmarks/network_kernel.py --quick     # without a million rows, few repetitions
"""

# %%
import argparse
import time
import warnings
from functools import partial

from _machine import describe_run, pin_threads

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--quick", action="store_true")
options = parser.parse_args()
pin_threads(options.threads)

import numpy as np  # noqa: E402
from scipy.optimize import minimize  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.neural_network import MLPRegressor  # noqa: E402

from skboost._ext import _network as kernels  # noqa: E402
from skboost._ext.network_numpy import ACTIVATIONS, n_parameters, split  # noqa: E402
from skboost._ext.packed import BLOCK, PackedRows  # noqa: E402
from skboost.learners import LinearLearner, NetworkLearner  # noqa: E402

TANH = ACTIVATIONS["tanh"]
REPEATS = 3 if options.quick else 9
MANY = (100_000,) if options.quick else (100_000, 1_000_000)


def least(action, repeats=REPEATS):
    """Least time of several runs in milliseconds, and what the last one returned."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times), result


def table(title, header, lines):
    print(f"\n## {title}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for line in lines:
        print(f"| {' | '.join(str(cell) for cell in line)} |")


def friedman(n_rows, n_columns, n_outputs=1):
    """Standardised data; output k is Friedman's first function of the columns k to k + 4."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(n_rows, n_columns))
    outputs = []
    for k in range(n_outputs):
        a, b, c, d, e = (x[:, k + i] for i in range(5))
        y = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
        y += rng.normal(size=n_rows)
        outputs.append((y - y.mean()) / y.std())
    return (x - x.mean(axis=0)) / x.std(axis=0), np.column_stack(outputs)


class Problem:
    """One data set in the layout of the kernels and in rows, a network and where it starts."""

    def __init__(self, x, t, n_units, dtype):
        self.x, self.t, self.n_units = x.astype(dtype), t.astype(dtype), n_units
        self.w = np.ones((len(x), 1), dtype)
        blocks = PackedRows.from_dense(x, dtype=dtype).blocks
        target = np.empty((len(blocks), t.shape[1], BLOCK), dtype)
        weight = np.empty((len(blocks), 1, BLOCK), dtype)
        kernels.pack_outputs(np.ascontiguousarray(t), 1.0, target)
        kernels.pack_outputs(np.ones((len(x), 1)), 1.0, weight)
        self.packed = blocks, None, target, weight
        size = n_parameters(x.shape[1], n_units, t.shape[1])
        rng = np.random.default_rng(0)
        self.start = rng.normal(scale=1 / np.sqrt(x.shape[1]), size=size)
        self.gradient = np.empty(size)
        self.penalty = np.zeros(size)  # of 1 on all weights, none on biases
        for part in (0, 2):
            split(self.penalty, x.shape[1], n_units)[part][...] = 1.0

    def fused(self, parameters=None):
        parameters = self.start if parameters is None else parameters
        return kernels.evaluate(
            *self.packed, parameters, self.n_units, TANH, self.gradient, options.threads
        )

    def numpy(self, parameters=None):
        """The same by the formula, in as few products as it takes."""
        parameters = self.start if parameters is None else parameters
        w, c, v, b = split(parameters.astype(self.x.dtype), self.x.shape[1], self.n_units)
        a = np.tanh(self.x @ w.T + c)
        error = a @ v + b - self.t
        weighted = self.w * error
        delta = (weighted @ v.T) * (1 - a * a)
        parts = split(self.gradient, self.x.shape[1], self.n_units)
        parts[0][...] = delta.T @ self.x
        parts[1][...] = delta.sum(axis=0)
        parts[2][...] = a.T @ weighted
        parts[3][...] = weighted.sum(axis=0)
        return 0.5 * float(np.sum(weighted * error, dtype=np.float64))

    def lbfgs(self, n_iterations):
        """Objective a row and number of iterations of the compiled optimiser."""
        network = self.start.copy(), self.n_units, TANH
        n_rows = float(len(self.x))
        losses = kernels.minimise_lbfgs(*self.packed, *network, 1.0, n_rows, n_iterations, 0.0)
        return losses[-1], len(losses) - 1

    def scipy_lbfgs(self, n_iterations, evaluate):
        """The same by SciPy's optimiser."""

        def objective(theta):
            loss = evaluate(theta) + 0.5 * np.sum(self.penalty * theta**2)
            return loss / len(self.x), (self.gradient + self.penalty * theta) / len(self.x)

        limits = {"maxiter": n_iterations, "ftol": 0.0, "gtol": 0.0}
        done = minimize(objective, self.start, jac=True, method="L-BFGS-B", options=limits)
        return done.fun, done.nit

    def adam(self, n_steps):
        parameters = self.start.copy()
        n_rows = float(len(self.x))
        network = parameters, self.n_units, TANH
        kernels.minimise_adam(*self.packed, *network, 1.0, n_rows, n_steps, 0.03, 1)
        return parameters


# %%
print("\n".join(describe_run(options.threads)))
print(f"- instruction set: {kernels.SIMD}")

# %% [markdown]
# One evaluation: loss and gradient of all parameters over all rows.

# %%
lines = []
shapes = [(1_000, 20, 10, 1), (10_000, 20, 4, 1), (100_000, 20, 1, 1), (100_000, 20, 4, 1)]
shapes += [(100_000, 20, 10, 1), (100_000, 20, 10, 10), (100_000, 100, 10, 1)]
shapes += [(n_rows, 20, 10, 1) for n_rows in MANY[1:]]
for n_rows, d, n_units, n_outputs in shapes:
    x, t = friedman(n_rows, d, n_outputs)
    for dtype in (np.float32, np.float64):
        problem = Problem(x, t, n_units, dtype)
        fused, loss = least(problem.fused)
        plain, expected = least(problem.numpy)
        off = f"{abs(loss / expected - 1):.0e}"
        sizes = f"{n_rows:,}", d, n_units, n_outputs, dtype.__name__
        lines.append((*sizes, f"{fused:.3f}", f"{plain:.3f}", f"{plain / fused:.1f}", off))
header = "n", "d", "J", "K", "precision", "fused, ms", "NumPy, ms", "ratio", "losses differ by"
table("Loss and gradient", header, lines)

# %% [markdown]
# Optimisers from the same start. The loss is the objective divided by the number of rows.

# %%
lines = []
for n_rows, d, n_units in [(400, 30, 4), (4_000, 20, 10)]:
    x, t = friedman(n_rows, d)
    for dtype in (np.float32, np.float64):
        problem = Problem(x, t, n_units, dtype)
        peers = {
            "skboost": partial(problem.lbfgs, 50),
            "SciPy L-BFGS-B on the fused kernel": partial(problem.scipy_lbfgs, 50, problem.fused),
            "SciPy L-BFGS-B on NumPy": partial(problem.scipy_lbfgs, 50, problem.numpy),
        }
        for name, action in peers.items():
            cost, (loss, taken) = least(action)
            sizes = f"{n_rows:,}", d, n_units, 1, dtype.__name__
            lines.append((*sizes, f"{name}, {taken} iterations", f"{cost:.2f}", f"{loss:.4f}"))
for n_rows in MANY:
    for n_outputs in (1, 10):
        problem = Problem(*friedman(n_rows, 20, n_outputs), 10, np.float32)
        cost, parameters = least(partial(problem.adam, 1000))
        loss = problem.fused(parameters) / n_rows
        sizes = f"{n_rows:,}", 20, 10, n_outputs, "float32"
        lines.append((*sizes, "skboost, 1000 steps of Adam", f"{cost:.2f}", f"{loss:.4f}"))
header = "n", "d", "J", "K", "precision", "optimiser", "ms", "loss"
table("Optimisers", header, lines)

# %% [markdown]
# A whole weak learner as boosting calls it: pack target and weights, optimise, solve the output layer.
# Scikit-learn's regressor trains a network of the same shape.

# %%
lines = []
for n_rows in (4_000, *MANY):
    for n_outputs in (1, 10):
        x, t = friedman(n_rows, 20, n_outputs)
        rows, weight = PackedRows.from_dense(x), np.ones(n_rows)
        sizes = f"{n_rows:,}", n_outputs
        for learner in (NetworkLearner(10), LinearLearner()):
            rng = np.random.default_rng(0)
            fit = partial(learner.fit, rows, t, weight, rng, n_threads=options.threads)
            cost, unit = least(fit)
            forward, predicted = least(partial(unit.predict, rows, n_threads=options.threads))
            left = np.mean((t - predicted) ** 2)
            name = f"skboost {type(learner).__name__}"
            lines.append((*sizes, name, f"{cost:.2f}", f"{forward:.2f}", f"{left:.4f}"))
        if n_rows > 100_000:
            continue
        target, x32 = t if n_outputs > 1 else t.ravel(), x.astype(np.float32)
        # Adam: as many epochs of batches of 256 rows as come closest to 1000 steps
        for solver, epochs in (("lbfgs", 50), ("adam", max(1, round(256_000 / n_rows)))):
            peer = MLPRegressor(
                hidden_layer_sizes=(10,),
                activation="tanh",
                solver=solver,
                max_iter=epochs,
                batch_size=256,
                learning_rate_init=0.03,
                n_iter_no_change=epochs,
                random_state=0,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                cost, _ = least(partial(peer.fit, x32, target), 1)
            forward, predicted = least(partial(peer.predict, x32))
            left = np.mean((t - predicted.reshape(t.shape)) ** 2)
            name = f"scikit-learn MLPRegressor, {solver}, max_iter={epochs}"
            lines.append((*sizes, name, f"{cost:.2f}", f"{forward:.2f}", f"{left:.4f}"))
header = "n", "K", "learner (d = 20, J = 10)", "fit, ms", "predict, ms", "variance left"
table("Weak learners, float32", header, lines)
