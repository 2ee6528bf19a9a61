"""Ridge regression as a weak learner."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from skboost._ext.packed import PackedRows
from skboost.learners import LinearLearner
from skboost.learners._linear import solve_ridge


def problem(n_rows=500, d=6, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, d))
    target = x @ rng.normal(size=(d, n_outputs)) + rng.normal(size=(n_rows, n_outputs)) + 3.0
    return x, target, rng.uniform(0.0, 2.0, size=(n_rows, n_outputs))


def fit(x, target, weight, alpha=1.0, dtype=np.float64, **options):
    rows = PackedRows.from_dense(x, dtype=dtype)
    rng = np.random.default_rng(0)
    return LinearLearner(alpha).fit(rows, target, weight, rng, **options)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_coefficients_equal_those_of_ridge(alpha, dtype, tolerance):
    x, target, weight = problem()
    unit = fit(x, target, weight[:, 0], alpha, dtype)
    ridge = Ridge(alpha).fit(x, target, weight[:, 0])
    assert_allclose(unit.hidden @ unit.output, ridge.coef_.T, rtol=tolerance, atol=tolerance)
    assert_allclose(unit.output_bias, ridge.intercept_, rtol=tolerance)
    per_output = fit(x, target, weight, alpha, dtype)
    for k in range(2):
        ridge.fit(x, target[:, k], weight[:, k])
        assert_allclose(per_output.hidden[:, k], ridge.coef_, rtol=tolerance, atol=tolerance)
        assert_allclose(per_output.output_bias[k], ridge.intercept_, rtol=tolerance)


def test_a_large_offset_of_a_column_costs_no_digits():
    x, target, weight = problem()
    shifted = fit(x + 1e6, target, weight)
    assert_allclose(shifted.hidden, fit(x, target, weight).hidden, rtol=1e-7)


def test_columns_that_repeat_each_other_share_the_coefficient():
    x, target, weight = problem(d=1, n_outputs=1)
    once = fit(x, target, weight, alpha=0.0)
    thrice = fit(np.repeat(x, 3, axis=1), target, weight, alpha=0.0)
    assert_allclose(thrice.hidden, np.repeat(once.hidden, 3, axis=0) / 3, rtol=1e-8)
    constant = fit(np.column_stack([x, np.ones(500)]), target, weight, alpha=0.0)
    assert_allclose(constant.hidden[0], once.hidden[0], rtol=1e-8)


def test_wide_and_long_tables_do_not_depend_on_threads():
    x, target, weight = problem(n_rows=20_000, d=40)
    one, three = (fit(x, target, weight, n_threads=n) for n in (1, 3))
    assert_array_equal(one.hidden, three.hidden)
    wide, target, weight = problem(n_rows=300, d=200)
    reference = Ridge(1.0).fit(wide, target, weight[:, 0])
    assert_allclose(fit(wide, target, weight[:, 0]).hidden, reference.coef_.T, rtol=1e-7, atol=1e-9)


def test_an_impossible_penalty_is_refused():
    x, target, weight = problem()
    with pytest.raises(ValueError, match="alpha=-0.5 is not a penalty; pass a finite number >= 0"):
        fit(x, target, weight, alpha=-0.5)


def test_the_solver_finds_the_least_norm_where_nothing_else_decides():
    features = np.column_stack([np.arange(4.0), 2 * np.arange(4.0), np.zeros(4), np.ones(4)])
    right = features.T @ np.array([[1.0], [3.0], [5.0], [7.0]])
    solution = solve_ridge((features.T @ features)[None], right, 0.0)
    assert_allclose(features @ solution, [[1.0], [3.0], [5.0], [7.0]], atol=1e-8)
    assert solution[2, 0] == 0.0
