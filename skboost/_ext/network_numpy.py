"""NumPy twin of the network kernels: slow, short, and what the compiled ones are tested against.

A network with one hidden layer of J units and K linear outputs is

    f_k(x) = b_k + sum_j v_jk act(sum_c w_jc x_c + c_j).

Its parameters travel as one float64 vector: w (J, d) unit by unit, then c (J,), v (J, K) unit by
unit, b (K,). Targets and weights are packed like the rows: ``(n_blocks, K, 64)`` and ``(n_blocks, 1
or K, 64)``, padding zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import BLOCK

Array = npt.NDArray[Any]
Columns = npt.NDArray[np.int32] | None

ACTIVATIONS = {"identity": 0, "logistic": 1, "relu": 2, "tanh": 3}
BATCH_BLOCKS = 4
HISTORY = 10
MASK = (1 << 64) - 1


def n_parameters(n_columns: int, n_units: int, n_outputs: int) -> int:
    """Length of the parameter vector."""
    return n_units * (n_columns + 1 + n_outputs) + n_outputs


def split(parameters: Array, n_columns: int, n_units: int) -> tuple[Array, Array, Array, Array]:
    """Views of w (J, d), c (J,), v (J, K) and b (K,) in the parameter vector."""
    first = n_units * n_columns
    n_outputs = (len(parameters) - first - n_units) // (n_units + 1)
    second = first + n_units
    third = second + n_units * n_outputs
    return (
        parameters[:first].reshape(n_units, n_columns),
        parameters[first:second],
        parameters[second:third].reshape(n_units, n_outputs),
        parameters[third:],
    )


def activate(z: Array, activation: int) -> Array:
    """The activation of every element."""
    if activation == ACTIVATIONS["tanh"]:
        return np.asarray(np.tanh(z))
    if activation == ACTIVATIONS["logistic"]:
        return 0.5 * (1.0 + np.tanh(0.5 * z))  # never overflows
    if activation == ACTIVATIONS["relu"]:
        return np.maximum(z, 0.0)
    return z


def slope(a: Array, activation: int) -> Array:
    """Derivative of the activation, told by its value."""
    if activation == ACTIVATIONS["tanh"]:
        return 1.0 - a * a
    if activation == ACTIVATIONS["logistic"]:
        return a * (1.0 - a)
    if activation == ACTIVATIONS["relu"]:
        return (a > 0.0).astype(a.dtype)
    return np.ones_like(a)


def summarise(
    target: Array, weight: Array, n_threads: int = 1
) -> tuple[float, float, float, float, int]:
    """Total weight, ``sum w (t / max|t|)^2``, max|t|, least weight, rows of positive weight.

    ``weight`` has one column or as many as ``target``. The largest value is taken where the weight
    is positive; it is nan if any target is nan.
    """
    counted = np.where((weight > 0.0) | ~np.isfinite(target), np.abs(target), 0.0)
    largest = float(np.max(counted))
    square = 0.0
    if 0.0 < largest < math.inf:
        square = float(np.sum(weight * (target / largest) ** 2))
    return (
        float(np.sum(weight)),
        square,
        largest,
        float(np.min(weight)),
        int(np.count_nonzero((weight > 0.0).any(axis=1))),
    )


def pack_outputs(values: Array, scale: float, packed: Array, n_threads: int = 1) -> None:
    """``packed[block, k, row] = values[row, k] / scale``; padding rows become zero."""
    n_rows, n_outputs = values.shape
    dense = np.zeros((packed.shape[0] * BLOCK, n_outputs))
    dense[:n_rows] = values / scale
    packed[...] = dense.reshape(-1, BLOCK, n_outputs).transpose(0, 2, 1)


def _dense(blocks: Array, columns: Columns) -> Array:
    chosen = blocks if columns is None else blocks[:, columns]
    return np.ascontiguousarray(chosen.transpose(0, 2, 1)).reshape(-1, chosen.shape[1])


def _rows(packed: Array) -> Array:
    return packed.transpose(0, 2, 1).reshape(-1, packed.shape[1])


def evaluate(
    blocks: Array,
    columns: Columns,
    target: Array,
    weight: Array,
    parameters: Array,
    n_units: int,
    activation: int,
    gradient: Array,
    n_threads: int = 1,
) -> float:
    """Loss ``1/2 sum_ik w_ik (t_ik - f_k(x_i))^2``; its derivative is written into ``gradient``."""
    x, t, omega = _dense(blocks, columns), _rows(target), _rows(weight)
    w, c, v, b = split(parameters.astype(x.dtype), x.shape[1], n_units)
    a = activate(x @ w.T + c, activation)
    error = a @ v + b - t
    weighted = omega * error
    delta = (weighted @ v.T) * slope(a, activation)
    parts = split(gradient, x.shape[1], n_units)
    parts[0][...] = delta.T @ x
    parts[1][...] = delta.sum(axis=0, dtype=np.float64)
    parts[2][...] = a.T @ weighted
    parts[3][...] = weighted.sum(axis=0, dtype=np.float64)
    return 0.5 * float(np.sum(weighted * error, dtype=np.float64))


def forward(
    blocks: Array,
    columns: Columns,
    parameters: Array,
    n_units: int,
    activation: int,
    out: npt.NDArray[np.float64],
    accumulate: bool = False,
    n_threads: int = 1,
) -> None:
    """Write (or add) the outputs of the network into ``out`` of shape (n_rows, K)."""
    x = _dense(blocks, columns)[: len(out)]
    w, c, v, b = split(parameters.astype(x.dtype), x.shape[1], n_units)
    f = activate(x @ w.T + c, activation) @ v + b
    out[...] = out + f if accumulate else f


def gram(
    blocks: Array,
    columns: Columns,
    target: Array,
    weight: Array,
    parameters: Array,
    n_units: int,
    activation: int,
    gram_out: npt.NDArray[np.float64],
    moment_out: npt.NDArray[np.float64],
    n_threads: int = 1,
) -> None:
    """Normal equations of the output layer.

    With z_i = (act(...), 1) of length J + 1: ``gram_out[s] = sum_i w_is z_i z_i'`` for each of the
    1 or K weights and ``moment_out[:, k] = sum_i w_ik t_ik z_i``. For ``n_units=0`` the features
    are the columns themselves minus ``parameters`` (their shift), then 1.
    """
    x, t, omega = _dense(blocks, columns), _rows(target), _rows(weight)
    if n_units:
        w, c, _, _ = split(parameters.astype(x.dtype), x.shape[1], n_units)
        features = activate(x @ w.T + c, activation).astype(np.float64)
    else:
        features = x.astype(np.float64) - parameters
    z = np.column_stack([features, np.ones(len(x))])
    omega = omega.astype(np.float64)
    for s in range(omega.shape[1]):
        gram_out[s] = (omega[:, s : s + 1] * z).T @ z
    moment_out[...] = z.T @ (omega * t)


class Counter:
    """Random 64-bit numbers from a counter (splitmix64: Steele, Lea and Flood 2014)."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def below(self, bound: int) -> int:
        """An integer in [0, bound): the high part of a product (bias below bound / 2^32)."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        return ((z >> 32) * bound) >> 32


def minimise_adam(
    blocks: Array,
    columns: Columns,
    target: Array,
    weight: Array,
    parameters: npt.NDArray[np.float64],
    n_units: int,
    activation: int,
    alpha: float,
    total_weight: float,
    max_steps: int,
    learning_rate: float,
    seed: int,
) -> int:
    """Adam (Kingma and Ba 2015, algorithm 1) on batches of four blocks; returns the steps taken.

    The blocks of an epoch are drawn without replacement. The rate falls from ``learning_rate`` to 0
    along a half cosine. ``parameters`` is replaced by the last finite iterate.
    """
    n_blocks, n_columns = blocks.shape[0], blocks.shape[1] if columns is None else len(columns)
    n_batch = min(BATCH_BLOCKS, n_blocks)
    order, position, counter = list(range(n_blocks)), n_blocks, Counter(seed)
    decay = np.zeros_like(parameters)
    for part in (0, 2):
        split(decay, n_columns, n_units)[part][...] = alpha / total_weight
    factor = n_blocks / (n_batch * total_weight)
    theta, good = parameters.astype(blocks.dtype), parameters.astype(blocks.dtype)
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    gradient = np.zeros_like(parameters)
    for step in range(max_steps):
        ids = []
        for _ in range(n_batch):
            if position == n_blocks:
                position = 0
            other = position + counter.below(n_blocks - position)
            order[position], order[other] = order[other], order[position]
            ids.append(order[position])
            position += 1
        loss = evaluate(
            blocks[ids], columns, target[ids], weight[ids], theta, n_units, activation, gradient
        )
        if not math.isfinite(loss):
            parameters[...] = good
            return step
        good = theta.copy()
        g = (factor * gradient + decay * theta).astype(theta.dtype)
        first += 0.1 * (g - first)
        second += 0.001 * (g * g - second)
        rate = 0.5 * learning_rate * (1.0 + math.cos(math.pi * step / max_steps))
        size = rate / (1.0 - 0.9 ** (step + 1))
        theta = theta - size * first / (np.sqrt(second / (1.0 - 0.999 ** (step + 1))) + 1e-8)
        theta = theta.astype(blocks.dtype)
    parameters[...] = theta if np.isfinite(theta).all() else good
    return max_steps


def minimise_lbfgs(
    blocks: Array,
    columns: Columns,
    target: Array,
    weight: Array,
    parameters: npt.NDArray[np.float64],
    n_units: int,
    activation: int,
    alpha: float,
    total_weight: float,
    max_iter: int,
    ftol: float = 1e-6,
    n_threads: int = 1,
) -> npt.NDArray[np.float64]:
    """L-BFGS on all rows; replaces ``parameters``, returns the objective after each iteration.

    The objective is (data loss + 1/2 alpha ||w, v||^2) / total_weight. See :func:`lbfgs`.
    """
    n_columns = blocks.shape[1] if columns is None else len(columns)
    decay = np.zeros_like(parameters)
    for part in (0, 2):
        split(decay, n_columns, n_units)[part][...] = alpha
    gradient = np.zeros_like(parameters)

    def objective(theta: Array) -> tuple[float, Array]:
        loss = evaluate(blocks, columns, target, weight, theta, n_units, activation, gradient)
        loss += 0.5 * float(np.sum(decay * theta * theta))
        return loss / total_weight, (gradient + decay * theta) / total_weight

    return lbfgs(objective, parameters, max_iter, ftol)


def lbfgs(
    objective: Callable[[Array], tuple[float, Array]], x: Array, max_iter: int, ftol: float
) -> npt.NDArray[np.float64]:
    """L-BFGS (Nocedal and Wright 2006, algorithm 7.4) with a weak Wolfe search by bisection.

    Stops when an iteration lowers the objective by less than ``ftol`` of its value, or no step
    lowers it.
    """
    f, g = objective(x)
    losses = [f]
    pairs: list[tuple[Array, Array, float]] = []
    if not math.isfinite(f):
        return np.array(losses)
    for _ in range(max_iter):
        direction = -g
        alphas = []
        for s, y, rho in reversed(pairs):
            alphas.append(rho * (s @ direction))
            direction = direction - alphas[-1] * y
        if pairs:
            s, y, rho = pairs[-1]
            direction = direction / (rho * (y @ y))
        for (s, y, rho), a in zip(pairs, reversed(alphas), strict=True):
            direction = direction + (a - rho * (y @ direction)) * s
        slope0 = g @ direction
        if not slope0 < 0.0:
            break
        step = 1.0 if pairs else min(1.0, 1.0 / math.sqrt(-slope0))
        low, high = 0.0, math.inf
        best: tuple[float, float, Array] | None = None
        for _ in range(20):
            f_new, g_new = objective(x + step * direction)
            if not f_new <= f + 1e-4 * step * slope0:
                high = step
            else:
                best = step, f_new, g_new.copy()
                if g_new @ direction >= 0.9 * slope0:
                    break
                low = step
            step = 0.5 * (low + high) if high < math.inf else 2.0 * low
        if best is None:
            break
        step, f_new, g_new = best
        s, y = step * direction, g_new - g
        x += s
        if s @ y > 1e-10 * (y @ y):
            pairs = [*pairs[1 - HISTORY :], (s, y, 1.0 / float(s @ y))]
        f_old, f, g = f, f_new, g_new
        losses.append(f)
        if f_old - f <= ftol * abs(f_old):
            break
    return np.array(losses)
