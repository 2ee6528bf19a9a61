"""Promises that every registered learner keeps."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skboost._ext.packed import PackedRows
from skboost.learners import LEARNERS, Learner

LEARNER_CASES = [pytest.param(learner, id=alias) for alias, learner in LEARNERS.items()]


def problem(n_rows=150, n_outputs=2, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 4))
    target = np.sin(x[:, :n_outputs]) + 0.5 * x[:, 2:3] + 0.1 * rng.normal(size=(n_rows, n_outputs))
    return PackedRows.from_dense(x, dtype=dtype), target, rng.uniform(0.5, 2.0, size=n_rows)


def fit(learner, rows, target, weight, seed=0, **options):
    return learner.fit(rows, target, weight, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("learner", LEARNER_CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_unit_explains_much_of_the_target(learner, n_outputs, dtype):
    rows, target, weight = problem(n_outputs=n_outputs, dtype=dtype)
    unit = fit(learner, rows, target, weight)
    predicted = unit.predict(rows)
    assert predicted.shape == target.shape
    assert predicted.dtype == np.float64
    left = np.average((target - predicted) ** 2, axis=0, weights=weight)
    assert np.all(left < 0.5 * np.average(target**2, axis=0, weights=weight))


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_the_generator_alone_decides(learner):
    rows, target, weight = problem()
    first = fit(learner, rows, target, weight).predict(rows)
    np.random.seed(1)  # noqa: NPY002
    assert_array_equal(fit(clone(learner), rows, target, weight).predict(rows), first)
    assert_array_equal(fit(learner, rows, target, weight, n_threads=2).predict(rows), first)


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_columns_that_are_left_out_do_not_act(learner):
    rows, target, weight = problem()
    columns = np.array([3, 0], dtype=np.int32)
    unit = fit(learner, rows, target, weight, columns=columns)
    changed = PackedRows.from_dense(rows.to_dense() + [0.0, 5.0, -3.0, 0.0], dtype=np.float64)
    assert_array_equal(unit.predict(changed), unit.predict(rows))
    chosen = PackedRows.from_dense(rows.to_dense()[:, columns], dtype=np.float64)
    alone = fit(learner, chosen, target, weight)
    assert_allclose(unit.predict(rows), alone.predict(chosen), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_without_weight_or_target_a_unit_is_zero(learner):
    rows, target, weight = problem()
    assert not fit(learner, rows, target, np.zeros(150)).predict(rows).any()
    assert_allclose(fit(learner, rows, 0 * target, weight).predict(rows), 0.0, atol=1e-4)


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_rows_of_weight_zero_do_not_act(learner):
    rows, target, weight = problem()
    weight[::3] = 0.0
    target[::3] = 100.0
    kept = weight > 0.0
    unit = fit(learner, rows, target, weight)
    few = PackedRows.from_dense(rows.to_dense()[kept], dtype=np.float64)
    expected = fit(learner, few, target[kept], weight[kept])
    assert_allclose(unit.predict(few), expected.predict(few), rtol=0, atol=1e-3)


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_units_survive_pickling_and_copying(learner):
    rows, target, weight = problem()
    unit = fit(learner, rows, target, weight)
    for again in (pickle.loads(pickle.dumps(unit)), copy.deepcopy(unit)):
        assert_array_equal(again.predict(rows), unit.predict(rows))


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_requests_that_cannot_be_met_are_refused_with_a_sentence(learner):
    rows, target, weight = problem()
    with pytest.raises(ValueError, match=r"needs a target of shape \(150, n_outputs\)"):
        fit(learner, rows, target[:100], weight)
    with pytest.raises(ValueError, match="needs weights of shape"):
        fit(learner, rows, target, weight[:100])
    with pytest.raises(ValueError, match="at least one row and one column"):
        fit(learner, PackedRows.empty(0, 4), target[:0], weight[:0])


@pytest.mark.parametrize("learner", LEARNER_CASES)
def test_weights_per_output_are_used_or_refused(learner):
    rows, target, weight = problem()
    weights = np.column_stack([weight, weight[::-1]])
    if "output_weights" not in learner.supports:
        with pytest.raises(ValueError, match="takes one weight per row"):
            fit(learner, rows, target, weights)
        return
    equal = fit(learner, rows, target, np.column_stack([weight, weight])).predict(rows)
    assert_allclose(equal, fit(learner, rows, target, weight).predict(rows), rtol=0, atol=1e-3)
    different = fit(learner, rows, target, weights).predict(rows)
    assert np.max(np.abs(different - equal)) > 1e-3


def test_aliases_resolve_to_fresh_learners():
    assert LEARNERS.aliases() == ["linear", "mlp", "network"]
    first, second = LEARNERS.resolve("network", Learner), LEARNERS.resolve("network", Learner)
    assert first is not second
    with pytest.raises(ValueError, match="learner='tree' is unknown; choose from"):
        LEARNERS.resolve("tree", Learner)
