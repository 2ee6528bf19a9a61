"""Small networks fitted natively."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes

from skboost._ext.packed import PackedRows
from skboost.learners import NetworkLearner, NetworkUnit
from skboost.learners import _network as network


def rows_of(x, dtype=np.float64):
    return PackedRows.from_dense(x, dtype=dtype)


def wave(n_rows, seed=0, d=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, d))
    return x, np.sin(2 * x[:, :1]) + 0.3 * x[:, 1:2] * x[:, 2:3]


def fit(x, target, learner=None, *, weight=None, seed=0, dtype=np.float64, **options):
    learner = NetworkLearner() if learner is None else learner
    weight = np.ones(len(x)) if weight is None else weight
    return learner.fit(rows_of(x, dtype), target, weight, np.random.default_rng(seed), **options)


def objective(unit, x, target, weight, alpha):
    """What a learner minimises, for a target whose root mean square is 1."""
    error = target - unit.predict(rows_of(x))
    weights = weight if weight.ndim == 2 else weight[:, None]
    return 0.5 * np.sum(weights * error**2) + 0.5 * alpha * (
        np.sum(unit.hidden**2) + np.sum(unit.output**2)
    )


@pytest.mark.parametrize("per_output", [False, True])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_the_output_layer_is_the_ridge_solution(solver, per_output):
    x, target = wave(300)
    target = np.column_stack([target, x[:, 0] ** 2])
    weight = np.random.default_rng(1).uniform(0, 2, size=(300, 2) if per_output else 300)
    alpha = 0.7
    unit = fit(x, target, NetworkLearner(5, solver=solver, alpha=alpha), weight=weight)
    z = np.column_stack([np.tanh(x @ unit.hidden + unit.hidden_bias), np.ones(300)])
    penalty = np.sqrt(alpha) * np.eye(6)[:5]
    for k in range(2):
        root = np.sqrt(weight[:, k] if per_output else weight)
        expected = np.linalg.lstsq(
            np.vstack([root[:, None] * z, penalty]), np.r_[root * target[:, k], np.zeros(5)]
        )[0]
        assert_allclose(np.r_[unit.output[:, k], unit.output_bias[k]], expected, rtol=1e-7)


def test_units_that_coincide_do_not_break_the_output_solve():
    # one column of two values, many units: the hidden features span only two dimensions
    x = np.repeat([[-1.0], [1.0]], 50, axis=0)
    unit = fit(x, 2 * x, NetworkLearner(12, alpha=0.0))
    assert_allclose(unit.predict(rows_of(x)), 2 * x, atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_more_iterations_lower_the_objective(activation):
    x, y = load_diabetes(return_X_y=True)
    x, target, weight = x / x.std(axis=0), ((y - y.mean()) / y.std())[:, None], np.ones(len(x))
    values = [
        objective(
            fit(x, target, NetworkLearner(4, activation=activation, max_iter=n, alpha=0.1)),
            x,
            target,
            weight,
            0.1,
        )
        for n in (1, 10, 100)
    ]
    assert values[0] > values[1] > values[2]


def test_the_target_scale_passes_through():
    x, target = wave(200)
    small, large = fit(x, target), fit(x, 2.0**40 * target)
    assert_array_equal(large.hidden, small.hidden)
    assert_array_equal(large.output, 2.0**40 * small.output)
    tiny = fit(x, 1e-250 * target)
    assert_allclose(1e250 * tiny.predict(rows_of(x)), small.predict(rows_of(x)), atol=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_act_relative_to_the_penalty_whatever_their_size(dtype):
    x, target = wave(200)
    for size in (2.0**-120, 2.0**120):
        unit = fit(x, target, NetworkLearner(alpha=size), weight=np.full(200, size), dtype=dtype)
        assert_array_equal(unit.output, fit(x, target, dtype=dtype).output)


def test_a_weight_of_two_equals_two_copies():
    x, target = wave(120)
    twice = np.arange(120) % 2 == 0
    weighted = fit(x, target, weight=1.0 + twice)
    copied = fit(np.vstack([x, x[twice]]), np.vstack([target, target[twice]]))
    assert_allclose(weighted.predict(rows_of(x)), copied.predict(rows_of(x)), atol=1e-5)


def test_the_solver_follows_the_number_of_rows_that_count(monkeypatch):
    monkeypatch.setattr(network, "MOST_ROWS_FOR_LBFGS", 200)
    x, target = wave(500)
    by_name = {
        solver: fit(x, target, NetworkLearner(solver=solver)).output for solver in ("lbfgs", "adam")
    }
    assert_array_equal(fit(x, target).output, by_name["adam"])
    weight = (np.arange(500) < 180).astype(float)
    auto = fit(x, target, weight=weight)
    kept = fit(x[:180], target[:180], NetworkLearner(solver="lbfgs"))
    assert_array_equal(auto.output, kept.output)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_minibatches_find_structure_in_many_rows(n_outputs, dtype):
    x, target = wave(20_000)
    target = np.repeat(target, n_outputs, axis=1) * np.arange(1, n_outputs + 1)
    unit = fit(x, target, NetworkLearner(8), dtype=dtype)
    left = np.mean((target - unit.predict(rows_of(x, dtype))) ** 2) / np.mean(target**2)
    assert left < 0.15
    few_steps = fit(x, target, NetworkLearner(8, max_steps=10), dtype=dtype)
    assert np.mean((target - few_steps.predict(rows_of(x, dtype))) ** 2) / np.mean(target**2) > left


def test_threads_leave_no_trace_in_a_large_fit():
    x, target = wave(40_000, d=8)
    learner = NetworkLearner(6)
    one = fit(x, target, learner, dtype=np.float32)
    three = fit(x, target, learner, dtype=np.float32, n_threads=3)
    for name in ("hidden", "hidden_bias", "output", "output_bias"):
        assert_array_equal(getattr(one, name), getattr(three, name))
    rows = rows_of(x, np.float32)
    assert_array_equal(one.predict(rows), one.predict(rows, n_threads=3))


def test_a_stronger_penalty_makes_smaller_weights():
    x, target = wave(200)
    sizes = [
        np.sum(unit.hidden**2) + np.sum(unit.output**2)
        for unit in (fit(x, target, NetworkLearner(alpha=a)) for a in (0.01, 1.0, 100.0, 1e6))
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 1e-3


@pytest.mark.parametrize(
    "changed",
    [
        {"n_units": 5},
        {"activation": "relu"},
        {"alpha": 2.0},
        {"init_scale": 2.0},
        {"max_iter": 3},
        {"solver": "adam"},
        {"solver": "adam", "max_steps": 50},
        {"solver": "adam", "learning_rate_init": 0.01},
    ],
    ids=str,
)
def test_every_parameter_acts(changed):
    x, target = wave(200)
    base = {"solver": changed["solver"]} if len(changed) > 1 else {}
    before = fit(x, target, NetworkLearner(**base)).predict(rows_of(x))
    after = fit(x, target, NetworkLearner(**changed)).predict(rows_of(x))
    assert np.max(np.abs(before - after)) > 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_that_are_not_finite_never_reach_the_unit(dtype):
    x, target = wave(100)
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[3, 1] = bad
        assert not fit(broken, target, NetworkLearner(activation="relu"), dtype=dtype).output.any()
    wild = fit(1e30 * x, target, NetworkLearner(activation="identity"), dtype=dtype)
    assert np.isfinite(wild.predict(rows_of(x, dtype))).all()
    with pytest.raises(ValueError, match="target of a learner must be finite"):
        fit(x, np.where(x[:, :1] > 0, np.nan, target))
    with pytest.raises(ValueError, match="Weights must be finite and not negative"):
        fit(x, target, weight=np.r_[-1.0, np.ones(99)])


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"n_units": 0}, "n_units=0 is not a count; pass an integer >= 1"),
        ({"n_units": 2.5}, "n_units=2.5 is not a count"),
        ({"max_iter": 0}, "max_iter=0 is not a count"),
        ({"max_steps": -1}, "max_steps=-1 is not a count"),
        ({"alpha": -1.0}, "alpha=-1.0 is not a penalty; pass a finite number >= 0"),
        ({"alpha": np.inf}, "alpha=inf is not a penalty"),
        ({"learning_rate_init": 0.0}, "learning_rate_init=0.0 is not a size"),
        ({"init_scale": np.nan}, "init_scale=nan is not a size"),
        ({"activation": "sine"}, "activation='sine' is unknown; choose from"),
        ({"solver": "sgd"}, "solver='sgd' is unknown; choose from"),
    ],
    ids=str,
)
def test_impossible_parameters_are_refused(parameters, sentence):
    x, target = wave(20)
    with pytest.raises(ValueError, match=sentence):
        fit(x, target, NetworkLearner(**parameters))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([], "at least one column"),
        ([0, 3], r"columns must lie in \[0, 3\), but they run from 0 to 3"),
        ([-1], "run from -1"),
        ([1, 1], "names a column twice"),
    ],
    ids=str,
)
def test_impossible_columns_are_refused(columns, sentence):
    x, target = wave(20)
    with pytest.raises(ValueError, match=sentence):
        fit(x, target, columns=np.array(columns, dtype=np.int32))


def test_the_answer_is_a_network_unit():
    x, target = wave(50)
    unit = fit(x, target, NetworkLearner(3))
    assert isinstance(unit, NetworkUnit)
    assert unit.hidden.shape == (3, 3)
    assert unit.n_units == 3
    f = np.tanh(x @ unit.hidden + unit.hidden_bias) @ unit.output + unit.output_bias
    assert_allclose(unit.predict(rows_of(x)), f, rtol=1e-12)
