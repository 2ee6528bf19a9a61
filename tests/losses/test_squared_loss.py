"""Squared error."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skboost.losses import SquaredError


def test_each_output_starts_at_its_own_mean():
    y = np.array([[1.0, 100.0], [3.0, 300.0]])
    assert_allclose(SquaredError().initial_raw(y), [2.0, 200.0])
    assert_allclose(SquaredError().initial_raw(y, np.array([3.0, 1.0])), [1.5, 150.0])


def test_outputs_are_added():
    y, raw = SquaredError().sample(10, 0, n_raw=3)
    columns = [SquaredError().value(y[:, k], raw[:, k]) for k in range(3)]
    assert_allclose(SquaredError().value(y, raw), np.sum(columns, axis=0))


def test_the_scale_is_the_weighted_deviation_and_never_zero():
    y = np.column_stack([np.arange(10.0), np.full(10, 0.1)])
    assert_allclose(SquaredError().target_scale(y), [y[:, 0].std(), 1.0])


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_an_offset_costs_no_digits(offset):
    y = np.random.default_rng(0).standard_normal(1000)
    loss = SquaredError()
    assert_allclose(loss.initial_raw(y + offset) - offset, loss.initial_raw(y), atol=1e-15 * offset)
    assert_allclose(loss.target_scale(y + offset), loss.target_scale(y), rtol=1e-15 * offset)


def test_a_second_dimension_too_many_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        SquaredError().check_target(np.zeros((2, 2, 2)))
