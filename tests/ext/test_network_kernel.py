"""The compiled network kernels against their NumPy twin, central differences and scipy."""

import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes

from skboost._ext import _network as kernels
from skboost._ext import network_numpy as twin
from skboost._ext.network_numpy import ACTIVATIONS, n_parameters
from skboost._ext.packed import BLOCK, PackedRows

TANH = ACTIVATIONS["tanh"]
# rows, columns, hidden units, outputs, weights: fewer rows than a block, a block and a half, many groups of blocks,
# every remainder of the tiles
SHAPES = [
    (10, 1, 1, 1, 1),
    (64, 2, 2, 3, 1),
    (96, 3, 5, 1, 1),
    (777, 7, 4, 3, 3),
    (1100, 19, 10, 10, 1),
    (1100, 6, 16, 10, 10),
    (300, 300, 3, 1, 1),
    (5000, 20, 7, 2, 1),
]


class Case:
    """A random problem in the layout of the kernels."""

    def __init__(self, n_rows, d, n_units, n_outputs, n_weights=1, *, dtype=np.float64, seed=0):
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(n_rows, d))
        self.t = rng.normal(size=(n_rows, n_outputs))
        self.w = rng.uniform(0.0, 2.0, size=(n_rows, n_weights))
        self.rows = PackedRows.from_dense(self.x, dtype=dtype)
        self.n_units, self.n_outputs = n_units, n_outputs
        self.target, self.weight = self.pack(self.t), self.pack(self.w)
        size = n_parameters(d, n_units, n_outputs)
        self.parameters = rng.normal(scale=0.4, size=size)

    def pack(self, values):
        packed = np.full((len(self.rows.blocks), values.shape[1], BLOCK), np.nan, self.rows.dtype)
        kernels.pack_outputs(np.ascontiguousarray(values), 1.0, packed)
        return packed

    def evaluate(self, module: ModuleType = kernels, activation=TANH, **options):
        columns = options.pop("columns", None)
        parameters = options.pop("parameters", self.parameters)
        gradient = np.full_like(parameters, np.nan)
        loss = module.evaluate(
            self.rows.blocks,
            columns,
            self.target,
            self.weight,
            parameters,
            self.n_units,
            activation,
            gradient,
            **options,
        )
        return loss, gradient

    def forward(self, module: ModuleType = kernels, activation=TANH, **options):
        out = options.pop("out", None)
        if out is None:
            out = np.full((self.rows.n_rows, self.n_outputs), np.nan)
        columns = options.pop("columns", None)
        module.forward(
            self.rows.blocks, columns, self.parameters, self.n_units, activation, out, **options
        )
        return out

    def gram(self, module: ModuleType = kernels, *, raw=False, **options):
        n_units = 0 if raw else self.n_units
        size = (n_units or self.x.shape[1]) + 1
        gram = np.full((self.weight.shape[1], size, size), np.nan)
        moment = np.full((size, self.n_outputs), np.nan)
        given = np.linspace(-1, 1, self.x.shape[1]) if raw else self.parameters
        module.gram(
            self.rows.blocks,
            None,
            self.target,
            self.weight,
            given,
            n_units,
            TANH,
            gram,
            moment,
            **options,
        )
        return gram, moment


def close(actual, expected, tolerance):
    """Close relative to the largest number: sums that nearly cancel carry the rounding of their terms."""
    assert_allclose(actual, expected, rtol=0, atol=tolerance * np.max(np.abs(expected)))


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_loss_gradient_and_outputs_equal_the_numpy_formula(dtype, tolerance, shape, activation):
    case, exact = Case(*shape, dtype=dtype), Case(*shape)
    loss, gradient = case.evaluate(activation=activation)
    exact_loss, exact_gradient = exact.evaluate(twin, activation=activation)
    assert loss == pytest.approx(exact_loss, rel=tolerance)
    close(gradient, exact_gradient, tolerance)
    close(
        case.forward(activation=activation), exact.forward(twin, activation=activation), tolerance
    )


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_normal_equations_equal_the_numpy_formula(dtype, tolerance, shape, raw):
    case, exact = Case(*shape, dtype=dtype), Case(*shape)
    for actual, expected in zip(case.gram(raw=raw), exact.gram(twin, raw=raw), strict=True):
        close(actual, expected, tolerance)
    gram = case.gram(raw=raw)[0]
    assert_array_equal(gram, gram.transpose(0, 2, 1))


@pytest.mark.parametrize("activation", ["tanh", "logistic", "identity"])
@pytest.mark.parametrize("shape", [(50, 3, 4, 1, 1), (130, 2, 3, 3, 3)], ids=str)
def test_gradient_is_the_derivative_of_the_loss(shape, activation):
    case, code, step = Case(*shape), ACTIVATIONS[activation], 1e-5
    _, gradient = case.evaluate(activation=code)
    numerical = np.empty_like(gradient)
    for i in range(len(gradient)):
        sides = []
        for sign in (1.0, -1.0):
            moved = case.parameters.copy()
            moved[i] += sign * step
            sides.append(case.evaluate(activation=code, parameters=moved)[0])
        numerical[i] = (sides[0] - sides[1]) / (2 * step)
    close(gradient, numerical, 1e-8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_a_row_of_weight_zero_is_absent(dtype, tolerance):
    case = Case(200, 4, 3, 2, dtype=dtype)
    kept = np.arange(200) % 3 > 0
    case.w[~kept] = 0.0
    case.t[~kept] = 1e6  # would be seen
    case.target, case.weight = case.pack(case.t), case.pack(case.w)
    fewer = Case(200, 4, 3, 2, dtype=dtype)
    fewer.rows = PackedRows.from_dense(case.x[kept], dtype=dtype)
    fewer.target, fewer.weight = fewer.pack(case.t[kept]), fewer.pack(case.w[kept])
    close(case.evaluate()[1], fewer.evaluate()[1], tolerance)
    for actual, expected in zip(case.gram(), fewer.gram(), strict=True):
        close(actual, expected, tolerance)


def test_weights_per_output_equal_one_network_per_output():
    case = Case(300, 3, 4, 3, 3)
    gram, moment = case.gram()
    for k in range(3):
        single = Case(300, 3, 4, 1, 1)
        single.parameters[:16] = case.parameters[:16]  # the hidden layer
        single.target, single.weight = case.pack(case.t[:, [k]]), case.pack(case.w[:, [k]])
        gram_k, moment_k = single.gram()
        close(gram[k], gram_k[0], 1e-14)
        close(moment[:, k], moment_k[:, 0], 1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_subset_of_columns_equals_a_table_of_those_columns(dtype):
    columns = np.array([5, 0, 3], dtype=np.int32)
    wide = Case(150, 7, 4, 2, dtype=dtype)
    narrow = Case(150, 3, 4, 2, dtype=dtype)
    narrow.rows = PackedRows.from_dense(wide.x[:, columns], dtype=dtype)
    narrow.target, narrow.weight = wide.target, wide.weight
    wide.parameters = narrow.parameters
    loss, gradient = wide.evaluate(columns=columns)
    expected_loss, expected_gradient = narrow.evaluate()
    assert loss == expected_loss
    assert_array_equal(gradient, expected_gradient)
    assert_array_equal(wide.forward(columns=columns), narrow.forward())
    assert_allclose(wide.evaluate(twin, columns=columns)[1], gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_the_number_of_threads(dtype):
    # large enough for every kernel to use its threads
    case = Case(30_000, 20, 10, 2, dtype=dtype)
    loss, gradient = case.evaluate()
    out, (gram, moment) = case.forward(), case.gram()
    summary = kernels.summarise(np.tile(case.t, (4, 1)), np.tile(case.w, (4, 1)))
    fitted = minimise(case, "lbfgs", max_iter=3)
    for n_threads in (2, 3, 7):
        again, gradient_again = case.evaluate(n_threads=n_threads)
        assert again == loss
        assert_array_equal(gradient_again, gradient)
        assert_array_equal(case.forward(n_threads=n_threads), out)
        for actual, expected in zip(case.gram(n_threads=n_threads), (gram, moment), strict=True):
            assert_array_equal(actual, expected)
        assert summary == kernels.summarise(
            np.tile(case.t, (4, 1)), np.tile(case.w, (4, 1)), n_threads
        )
        assert_array_equal(minimise(case, "lbfgs", max_iter=3, n_threads=n_threads), fitted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_saturated_units_stay_finite(activation, dtype):
    case = Case(70, 2, 3, 2, dtype=dtype)
    case.rows = PackedRows.from_dense(np.sign(case.x) * 1e4, dtype=dtype)
    loss, gradient = case.evaluate(activation=activation)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    assert np.isfinite(case.forward(activation=activation)).all()


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 4), (np.float64, 4)])
def test_tanh_keeps_its_relative_precision(dtype, ulps):
    z = np.concatenate([np.geomspace(1e-6, 30, 2000), -np.geomspace(1e-6, 30, 2000)])
    z = z.astype(dtype)
    out = np.empty((len(z), 1))
    identity = np.array([1.0, 0.0, 1.0, 0.0])  # w = 1, c = 0, v = 1, b = 0
    blocks = PackedRows.from_dense(z[:, None], dtype=dtype).blocks
    kernels.forward(blocks, None, identity, 1, TANH, out)
    exact = np.tanh(z.astype(np.longdouble))
    assert np.max(np.abs(out[:, 0] / exact - 1)) < ulps * np.finfo(dtype).eps


def test_a_network_of_thousands_of_units_keeps_its_digits_in_float32():
    case, exact = Case(130, 5, 3000, 2, dtype=np.float32), Case(130, 5, 3000, 2)
    close(case.forward(), exact.forward(twin), 2e-6)
    close(case.forward(accumulate=True, out=np.ones((130, 2))), 1 + case.forward(), 1e-15)


def test_sums_over_many_float32_rows_keep_their_digits():
    n_rows, rng = 400_000, np.random.default_rng(0)
    column = (1 + rng.uniform(size=(n_rows, 1))).astype(np.float32)
    rows = PackedRows.from_dense(column)
    target = np.full((len(rows.blocks), 1, BLOCK), -1.0, np.float32)
    weight = np.empty_like(target)
    kernels.pack_outputs(np.ones((n_rows, 1)), 1.0, weight)
    gradient = np.empty(4)
    loss = kernels.evaluate(
        rows.blocks, None, target, weight, np.array([1.0, 0, 1, 0]), 1, 0, gradient
    )
    error = column.astype(np.float64) + 1
    assert loss == pytest.approx(0.5 * np.sum(error**2), rel=1e-7)
    exact = np.sum(error * column), np.sum(error), np.sum(error * column), np.sum(error)
    assert_allclose(gradient, exact, rtol=2e-7)


def minimise(case, solver, module: ModuleType = kernels, **options):
    """Parameters after an optimiser."""
    parameters = case.parameters.copy()
    data = (case.rows.blocks, None, case.target, case.weight, parameters, case.n_units, TANH)
    total = float(case.w.sum() / case.w.shape[1])
    if solver == "lbfgs":
        options.setdefault("max_iter", 100)
        module.minimise_lbfgs(*data, 1.0, total, **options)
    else:
        steps = options.get("max_steps", 40)
        module.minimise_adam(*data, 1.0, total, steps, 0.03, options.get("seed", 1))
    return parameters


@pytest.mark.parametrize("shape", [(50, 3, 4, 1, 1), (1000, 4, 3, 2, 2)], ids=str)
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_optimisers_take_the_steps_of_the_numpy_version(solver, shape):
    case = Case(*shape)
    options = {"max_iter": 8} if solver == "lbfgs" else {"max_steps": 40}
    start, end = case.parameters, minimise(case, solver, **options)
    assert np.max(np.abs(end - start)) > 0.01
    assert_allclose(end, minimise(case, solver, twin, **options), rtol=0, atol=1e-8)


def test_adam_repeats_itself_and_obeys_its_seed():
    case = Case(3000, 5, 4, 1, dtype=np.float32)
    first = minimise(case, "adam", seed=5)
    assert_array_equal(first, minimise(case, "adam", seed=5))
    assert np.any(first != minimise(case, "adam", seed=6))


def diabetes(dtype):
    """Standardised diabetes data and one hidden unit."""
    x, y = load_diabetes(return_X_y=True)
    case = Case(len(x), 10, 1, 1, dtype=dtype)
    case.rows = PackedRows.from_dense(x / x.std(axis=0), dtype=dtype)
    case.target = case.pack(((y - y.mean()) / y.std())[:, None])
    case.weight = case.pack(np.ones((len(x), 1)))
    return case


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_descends_to_the_loss_that_scipy_finds(dtype):
    case, n_rows, alpha = diabetes(dtype), 442, 0.1
    penalised = np.r_[np.ones(10), 0, 1, 0]

    def objective(theta):
        loss, gradient = case.evaluate(parameters=theta)
        return (loss + alpha / 2 * np.sum(penalised * theta**2)) / n_rows, (
            gradient + alpha * penalised * theta
        ) / n_rows

    parameters = case.parameters.copy()
    losses = kernels.minimise_lbfgs(
        case.rows.blocks,
        None,
        case.target,
        case.weight,
        parameters,
        1,
        TANH,
        alpha,
        float(n_rows),
        200,
        1e-9,
    )
    assert np.all(np.diff(losses) < 0)
    assert losses[0] == pytest.approx(objective(case.parameters)[0], rel=1e-6)
    assert losses[-1] == pytest.approx(objective(parameters)[0], rel=1e-6)
    peer = minimize(objective, case.parameters, jac=True, method="L-BFGS-B")
    assert losses[-1] == pytest.approx(peer.fun, rel=0.01)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_optimisers_keep_the_last_finite_parameters(solver):
    case = Case(100, 3, 2, 1)
    case.rows.blocks[0, 0, 0] = np.nan
    assert_array_equal(minimise(case, solver), case.parameters)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("n_weights", [1, 3])
def test_the_summary_of_a_target_neither_overflows_nor_vanishes(size, n_weights):
    case = Case(500, 1, 1, 3, n_weights)
    case.w[:50] = 0.0
    summary = kernels.summarise(size * case.t, case.w)
    assert_allclose(summary, twin.summarise(size * case.t, case.w), rtol=1e-12)
    assert summary[4] == 450
    largest = np.abs(case.t).max()
    assert summary[1] == pytest.approx(np.sum(case.w * (case.t / largest) ** 2))


def test_the_summary_tells_what_is_not_finite_or_negative():
    case = Case(500, 1, 1, 1)
    for value in (np.nan, np.inf):
        t = case.t.copy()
        t[7] = value
        assert not np.isfinite(kernels.summarise(t, case.w)[2])
    w = case.w.copy()
    w[499] = -1.0
    assert kernels.summarise(case.t, w)[3] == -1.0
    w[3] = np.nan
    assert np.isnan(kernels.summarise(case.t, w)[0])


def test_packed_outputs_are_scaled_and_padded():
    values = np.arange(210.0).reshape(70, 3)
    packed, expected = np.full((2, 3, BLOCK), np.nan), np.full((2, 3, BLOCK), np.nan)
    kernels.pack_outputs(values, 2.0, packed)
    twin.pack_outputs(values, 2.0, expected)
    assert_array_equal(packed, expected)
    assert packed[1, 2, 5] == values[69, 2] / 2
    assert not packed[1, :, 6:].any()


def test_read_only_tables_are_accepted():
    case = Case(100, 3, 2, 1)
    for array in (case.rows.blocks, case.target, case.weight, case.parameters):
        array.flags.writeable = False
    assert np.isfinite(case.evaluate()[0])
    assert np.isfinite(case.forward()).all()


def test_arrays_that_do_not_belong_together_are_refused():
    case = Case(100, 3, 2, 1)
    with pytest.raises(ValueError, match="expected 11 parameters, got 10"):
        case.evaluate(parameters=case.parameters[1:])
    with pytest.raises(ValueError, match="same number of blocks"):
        Case.evaluate(Mixed(case), parameters=case.parameters)
    with pytest.raises(ValueError, match="out has 10 rows"):
        case.forward(out=np.empty((10, 1)))


class Mixed(Case):
    """A case whose target belongs to fewer rows."""

    def __init__(self, case):
        self.__dict__.update(case.__dict__)
        self.target = case.target[:1]


SCRIPT = """
import numpy as np
from skboost._ext import _network as kernels
rng = np.random.default_rng(0)
blocks, target = rng.normal(size=(6, 9, 64)), rng.normal(size=(6, 3, 64))
weight, parameters, gradient = np.ones((6, 1, 64)), rng.normal(size=94), np.empty(94)
loss = kernels.evaluate(blocks, None, target, weight, parameters, 7, 3, gradient)
print(kernels.SIMD, repr(loss), repr(float(np.abs(gradient).sum())))
"""


def test_every_instruction_set_gives_the_same_numbers():
    sets = kernels.SIMD_LEVELS[: kernels.SIMD_LEVELS.index(kernels.SIMD) + 1]
    results = []
    for name in sets:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"SKBOOST_SIMD": name},
            capture_output=True,
            text=True,
            check=True,
        )
        used, *numbers = done.stdout.split()
        assert used == name
        results.append([float(number) for number in numbers])
    for result in results:
        assert_allclose(result, results[0], rtol=1e-12)


def test_an_unknown_instruction_set_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import skboost._ext._network"],
        env=os.environ | {"SKBOOST_SIMD": "mmx"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SKBOOST_SIMD='mmx' is unknown; choose from" in done.stderr
