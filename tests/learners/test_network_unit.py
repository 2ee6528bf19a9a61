"""A fitted network with one hidden layer."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost._ext.packed import PackedRows
from skboost.learners import NetworkUnit


def unit(d=5, n_units=3, n_outputs=2, activation="tanh", seed=0):
    rng = np.random.default_rng(seed)
    return NetworkUnit(
        rng.normal(size=(d, n_units)),
        rng.normal(size=n_units),
        rng.normal(size=(n_units, n_outputs)),
        rng.normal(size=n_outputs),
        activation,
    )


ACTIVATIONS = {
    "tanh": np.tanh,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_predictions_follow_the_formula(activation, dtype, tolerance):
    network = unit(activation=activation)
    x = np.random.default_rng(1).normal(size=(100, 5))
    expected = (
        ACTIVATIONS[activation](x @ network.hidden + network.hidden_bias) @ network.output
        + network.output_bias
    )
    out = network.predict(PackedRows.from_dense(x, dtype=dtype))
    assert_allclose(out, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_columns_without_weight_are_not_read():
    network = unit()
    hidden = network.hidden.copy()
    hidden[[1, 4]] = 0.0
    network = NetworkUnit(hidden, network.hidden_bias, network.output, network.output_bias)
    x = np.random.default_rng(1).normal(size=(70, 5))
    spoilt = x.copy()
    spoilt[:, [1, 4]] = np.nan
    assert_array_equal(
        network.predict(PackedRows.from_dense(spoilt)), network.predict(PackedRows.from_dense(x))
    )


def test_a_zero_unit_predicts_zero():
    zero = NetworkUnit.zero(5, 3, 2, "relu")
    assert not zero.predict(PackedRows.from_dense(np.ones((10, 5)))).any()
    assert (zero.n_columns, zero.n_units, zero.n_outputs) == (5, 3, 2)


def test_no_rows_give_no_predictions():
    assert unit().predict(PackedRows.empty(0, 5)).shape == (0, 2)


def test_a_unit_is_small_to_print_and_easy_to_pickle():
    network = unit()
    assert repr(network) == "NetworkUnit(5 columns, 3 tanh units, 2 outputs)"
    assert_array_equal(pickle.loads(pickle.dumps(network)).output, network.output)


def test_arrays_that_do_not_belong_together_are_refused():
    network = unit()
    with pytest.raises(ValueError, match="do not belong together"):
        NetworkUnit(network.hidden, network.hidden_bias[1:], network.output, network.output_bias)
    with pytest.raises(ValueError, match="hidden holds numbers that are not finite"):
        NetworkUnit(
            network.hidden * np.nan, network.hidden_bias, network.output, network.output_bias
        )
    with pytest.raises(ValueError, match="activation='sine' is unknown"):
        unit(activation="sine")
    with pytest.raises(ValueError, match="fitted on 5 columns, but the rows have 4"):
        network.predict(PackedRows.from_dense(np.ones((3, 4))))
