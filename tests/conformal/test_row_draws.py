"""Random numbers of rows: uniform, independent, and the same again for the same row."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import kstest

from skboost.conformal._draws import row_draws

N = 50_000
FAILS_ONCE_IN = 1e-5


def probabilities(kind):
    if kind == "different":
        return np.random.default_rng(0).dirichlet(np.ones(4), N)
    if kind == "on a line":
        first = np.arange(N) / N
        return np.column_stack([first, 1 - first])
    if kind == "float32":
        return np.random.default_rng(0).dirichlet(np.ones(4), N).astype(np.float32)
    return np.tile([0.0, 1.0, 0.0], (N, 1))  # a model that is certain


KINDS = ["different", "on a line", "float32", "certain"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_numbers_of_a_call_are_uniform_and_independent(kind, seed):
    u, v = row_draws(probabilities(kind), seed, 2)
    assert min(u.min(), v.min()) > 0
    assert max(u.max(), v.max()) < 1
    for numbers in (u, v):
        assert kstest(numbers, "uniform").pvalue > FAILS_ONCE_IN
    for other in (v, np.roll(u, 1), np.roll(u, 7), np.roll(v, 1)):
        assert abs(np.corrcoef(u, other)[0, 1]) * N**0.5 < 4.5


def test_numbers_of_a_row_are_uniform_over_seeds():
    p = np.array([[0.2, 0.8], [0.2000001, 0.7999999]])
    u = np.array([row_draws(p, seed)[0] for seed in range(5000)])
    for numbers in u.T:
        assert kstest(numbers, "uniform").pvalue > FAILS_ONCE_IN
    assert abs(np.corrcoef(u.T)[0, 1]) * 5000**0.5 < 4.5


def test_batches_and_order_do_not_matter_for_rows_that_differ():
    p = probabilities("different")[:1000]
    u = row_draws(p, 3, 2)
    assert_array_equal(np.hstack([row_draws(part, 3, 2) for part in np.split(p, 10)]), u)
    order = np.random.default_rng(1).permutation(len(p))
    assert_array_equal(row_draws(p[order], 3, 2), u[:, order])


def test_equal_rows_get_different_numbers_and_keep_them():
    p = np.repeat([[0.3, 0.7], [0.6, 0.4]], 50, axis=0)
    u = row_draws(p, 3)[0]
    assert len(np.unique(u)) == 100
    assert_array_equal(row_draws(p[:50], 3)[0], u[:50])
    assert_array_equal(row_draws(p[50:], 3)[0], u[50:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_last_digits_hardly_matter(dtype):
    p = probabilities("different").astype(dtype)
    moved = np.nextafter(p, np.ones(4, dtype=dtype))
    same = row_draws(p, 0)[0] == row_draws(moved, 0)[0]
    assert same.mean() > 0.99


def test_seeds_differ():
    p = probabilities("different")
    assert abs(np.corrcoef(row_draws(p, 0)[0], row_draws(p, 1)[0])[0, 1]) * N**0.5 < 4.5
