"""Weighted quantiles: agreement with NumPy, and weights that act like copies to the last bit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.tables._quantiles import weighted_quantiles

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 8, 101, 1999, 2000, 2001])
def test_without_weights_they_are_the_averaged_inverse_distribution_function(n_rows):
    values = np.random.default_rng(n_rows).standard_normal((3, n_rows))
    expected = np.quantile(values, (0.25, 0.5, 0.75), axis=1, method="averaged_inverted_cdf")
    assert_allclose(weighted_quantiles(values, (0.25, 0.5, 0.75)), expected, rtol=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_weight_k_is_k_copies_to_the_last_bit(seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.standard_normal((4, 37)), rng.integers(1, 4))  # with ties
    values[rng.random(values.shape) < 0.1] = np.nan
    weight = rng.integers(1, 5, 37)
    copies = np.repeat(values, weight, axis=1)
    rng.shuffle(copies, axis=1)
    by_weight = weighted_quantiles(values, LEVELS, weight.astype(float))
    assert_array_equal(by_weight, weighted_quantiles(copies, LEVELS))


def test_a_common_factor_of_the_weights_does_not_matter():
    values = np.random.default_rng(0).standard_normal((2, 40))
    expected = weighted_quantiles(values.copy(), (0.25, 0.5, 0.75))
    for factor in (1 / 40, 0.1, 1e-30, 1e30):
        found = weighted_quantiles(values, (0.25, 0.5, 0.75), np.full(40, factor))
        assert_array_equal(found, expected)


def test_columns_do_not_depend_on_one_another():
    values = np.random.default_rng(0).standard_normal((5, 1500))
    values[2, ::3] = np.nan
    together = weighted_quantiles(values.copy(), LEVELS)
    alone = [weighted_quantiles(row[None].copy(), LEVELS)[:, 0] for row in values]
    assert_array_equal(together, np.stack(alone, axis=1))


def test_extremes():
    huge = np.array([[1.7e308, 1.7e308], [5e-324, 5e-324], [np.nan, np.nan]])
    assert_array_equal(weighted_quantiles(huge, (0.5,)), [[1.7e308, 5e-324, np.nan]])
    assert_array_equal(weighted_quantiles(huge, (0.5,), np.array([1.0, 2.0]))[0, :2],
                       [1.7e308, 5e-324])  # fmt: skip
    assert weighted_quantiles(np.empty((0, 5)), (0.5,)).shape == (1, 0)
