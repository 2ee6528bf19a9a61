"""Packed columns as a centred matrix, read a few blocks at a time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skboost._ext.packed import PackedRows
from skboost.learners import LinearStart, _start
from skboost.learners._start import CentredColumns


@pytest.fixture(params=[2**17, 300])
def cells_at_once(request, monkeypatch):
    """All at once, and one block at a time."""
    monkeypatch.setattr(_start, "CELLS_AT_ONCE", request.param)


@pytest.mark.parametrize("n_rows", [1, 64, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_of_the_centred_table(cells_at_once, n_rows, dtype):
    rng = np.random.default_rng(0)
    table = rng.normal(0.1, 1.0, (n_rows, 3)).astype(dtype)
    weight = rng.integers(1, 4, n_rows).astype(float)
    columns = CentredColumns(PackedRows.from_dense(table, dtype=dtype), weight, weight.sum())
    mean = np.average(table.astype(float), axis=0, weights=weight)
    centred = table - mean
    slopes, values = rng.normal(size=(3, 2)), rng.normal(size=(n_rows, 2))
    assert_allclose(columns.mean, mean, rtol=1e-13)
    assert_allclose(columns.times(slopes), centred @ slopes, atol=1e-13)
    assert_allclose(columns.sums(values), centred.T @ values, atol=1e-12)
    gram = (centred * weight[:, None]).T @ centred
    assert_allclose(columns.gram(weight), gram, atol=1e-11)


def test_rows_behind_the_last_one_do_not_count(cells_at_once):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 3))
    head = PackedRows.from_dense(table, dtype=np.float64).head(150)  # shares the block of row 151
    columns = CentredColumns(head, np.ones(150), 150.0)
    assert_allclose(columns.mean, table[:150].mean(axis=0), rtol=1e-12)
    assert columns.times(np.ones((3, 1))).shape == (150, 1)


def test_every_row_counts_up_to_a_bound():
    assert LinearStart.rows_used(1_000_000, 20) == 1_000_000
    assert LinearStart.rows_used(1_000_000, 1000) == _start.MOST_CELLS // 1000
    assert LinearStart.rows_used(5000, 10**6) == 4096
