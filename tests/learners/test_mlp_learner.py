"""scikit-learn's network as a weak learner."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from skboost._ext.packed import PackedRows
from skboost.learners import MLPLearner


def problem(n_outputs, n_rows=120):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, 3))
    return x, np.sin(x[:, :n_outputs]) + 0.1 * rng.normal(size=(n_rows, n_outputs))


def regressor(state, activation="logistic"):
    return MLPRegressor(
        hidden_layer_sizes=(2,),
        activation=activation,
        solver="lbfgs",
        max_iter=20,
        tol=0.0,
        n_iter_no_change=20,
        random_state=state,
    )


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_units_equal_a_loop_of_regressors_that_share_a_random_state(n_outputs, activation):
    x, target = problem(n_outputs)
    rows, rng = PackedRows.from_dense(x, dtype=np.float64), np.random.default_rng(0)
    state = np.random.RandomState(3)
    learner = MLPLearner(
        2, activation=activation, max_iter=20, random_state=np.random.RandomState(3)
    )
    left, left_here = target.copy(), target.copy()
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            y = left if n_outputs > 1 else left.ravel()
            network = regressor(state, activation).fit(x, y)
        unit = learner.fit(rows, left_here, np.ones(len(x)), rng)
        assert_array_equal(unit.hidden, network.coefs_[0])
        assert_array_equal(unit.output_bias, network.intercepts_[1])
        predicted = network.predict(x).reshape(target.shape)
        assert_allclose(unit.predict(rows), predicted, rtol=0, atol=1e-13)
        left = left - predicted
        left_here = left.copy()


def test_the_generator_seeds_the_network_unless_a_state_is_given():
    x, target = problem(1)
    rows, weight = PackedRows.from_dense(x, dtype=np.float64), np.ones(len(x))

    def hidden(learner, seed):
        return learner.fit(rows, target, weight, np.random.default_rng(seed)).hidden

    assert np.any(hidden(MLPLearner(), 0) != hidden(MLPLearner(), 1))
    assert_array_equal(hidden(MLPLearner(random_state=4), 0), hidden(MLPLearner(random_state=4), 1))


@pytest.mark.skipif("weights" not in MLPLearner.supports, reason="scikit-learn before 1.7")
def test_weights_reach_the_regressor():
    x, target = problem(1)
    weight = np.random.default_rng(1).uniform(0.0, 2.0, size=len(x))
    rows = PackedRows.from_dense(x, dtype=np.float64)
    learner = MLPLearner(2, max_iter=20, random_state=7)
    unit = learner.fit(rows, target, weight, np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = regressor(7).fit(x, target.ravel(), sample_weight=weight)
    assert_array_equal(unit.hidden, network.coefs_[0])


def test_an_unknown_activation_is_refused():
    x, target = problem(1)
    with pytest.raises(ValueError, match="activation='sine' is unknown"):
        MLPLearner(activation="sine").fit(
            PackedRows.from_dense(x), target, np.ones(len(x)), np.random.default_rng(0)
        )
