"""Encoding of numeric columns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.tables import TableEncoder


def encoded(X, weight=None, rows=None, **params):
    encoder = TableEncoder(dtype=np.float64, **params).fit(X, weight)
    return encoder.pack(X if rows is None else rows).to_dense()


@pytest.mark.parametrize("scaling", ["robust", "standard"])
@pytest.mark.parametrize("weighted", [False, True])
def test_columns_have_mean_zero_and_standard_deviation_one(scaling, weighted):
    rng = np.random.default_rng(0)
    n = 500
    X = np.column_stack([
        rng.normal(1e6, 3.0, n),
        np.exp(3 * rng.standard_normal(n)),
        rng.standard_cauchy(n),
        rng.random(n) < 0.5,
        rng.random(n) < 0.03,
        rng.integers(0, 3, n),
        np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
    ])  # fmt: skip
    weight = rng.exponential(size=n) if weighted else None
    Z = encoded(X, weight, numeric_scaling=scaling)
    mean = np.average(Z, axis=0, weights=weight)
    assert_allclose(mean, 0, atol=1e-6)
    assert_allclose(np.average((Z - mean) ** 2, axis=0, weights=weight), 1, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_encoding_increases_with_the_value(seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.standard_cauchy(300) * 10.0 ** rng.integers(-5, 5))
    assert (np.diff(encoded(x[:, None])[:, 0]) > 0).all()


def test_values_within_three_robust_deviations_stay_linear():
    rng = np.random.default_rng(0)
    X = rng.standard_t(2, size=(400, 3)) * [1.0, 100.0, 1e-4] + [0.0, 5.0, 1.0]
    encoder = TableEncoder(dtype=np.float64).fit(X)
    scaling = encoder.numeric_
    z = (X - scaling.centre) / scaling.scale
    Z = encoder.pack(X).to_dense()
    inside = np.abs(z) <= 3
    linear = (z - scaling.mean) * scaling.gain
    assert_allclose(Z[inside], linear[inside], rtol=1e-12)
    assert (np.abs(Z + scaling.mean * scaling.gain) < np.abs(z * scaling.gain))[~inside].all()
    size = np.abs(z[~inside])
    gain = np.broadcast_to(scaling.gain, z.shape)[~inside]
    mean = np.broadcast_to(scaling.mean, z.shape)[~inside]
    compressed = np.sign(z[~inside]) * (3 + np.log1p(size - 3))
    assert_allclose(Z[~inside], (compressed - mean) * gain, rtol=1e-9)


def test_the_compression_has_slope_one_at_the_knee():
    x = np.random.default_rng(0).standard_normal(1000)[:, None]
    encoder = TableEncoder(dtype=np.float64).fit(x)
    scaling = encoder.numeric_
    step = 1e-5
    at = scaling.centre + scaling.scale * (3 + np.array([-step, 0, step]))
    below, above = np.diff(encoder.pack(at[:, None]).to_dense()[:, 0]) / step / scaling.gain
    assert_allclose([below, above], 1, atol=2e-5)


def test_linear_relations_keep_their_form_under_standard_scaling():
    X = np.random.default_rng(0).standard_t(2, size=(300, 2)) * [1, 1e4]
    expected = (X - X.mean(axis=0)) / X.std(axis=0)
    assert_allclose(encoded(X, numeric_scaling="standard"), expected, rtol=1e-6, atol=1e-6)


def test_standard_scaling_is_linear_for_columns_with_a_tiny_interquartile_range():
    # a saturated logistic unit: nearly always nearly 0, and sometimes 1
    x = np.full(200, 1.0)
    x[:160] = 1e-9 * np.random.default_rng(0).random(160)
    expected = (x - x.mean()) / x.std()
    assert_allclose(encoded(x[:, None], numeric_scaling="standard")[:, 0], expected, rtol=1e-6)


def test_units_do_not_matter():
    X = np.random.default_rng(0).standard_t(3, size=(200, 4))
    other = X * 2.0 ** np.array([-600, -3, 10, 900]) + [0.0, 1.0, 100.0, 0.0]
    assert_allclose(encoded(other), encoded(X), atol=1e-6)


def test_a_constant_column_is_zero_whatever_comes_later():
    X = np.column_stack([np.full(20, 7.0), np.full(20, 0.1) + np.arange(20) % 2 * 1e-17])
    X[:, 1] += np.arange(20) % 3 * 2e-17
    later = np.array([[8.0, -3.0], [np.nan, 1e300]])
    assert_array_equal(encoded(X), 0)
    assert_array_equal(encoded(X, rows=later), 0)


def test_one_row_is_enough():
    assert_array_equal(encoded(np.array([[1.0, np.nan, -5.0]])), 0)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.02, 1e-3])
def test_binary_columns_become_two_moderate_values(share):
    x = (np.arange(10_000) < share * 10_000).astype(float)
    low, high = np.unique(encoded(x[:, None]))
    assert low < 0 < high < 20
    assert_allclose((1 - share) * low + share * high, 0, atol=1e-6)
    if share >= 0.02:
        assert_allclose(high, np.sqrt((1 - share) / share), rtol=1e-6)


def test_booleans_are_numbers():
    flag = np.random.default_rng(0).random((50, 2)) < 0.3
    assert_array_equal(encoded(flag), encoded(flag.astype(float)))


def test_a_rare_value_of_a_long_column_is_not_lost():
    x = np.zeros((450_001, 1))
    x[[7, 100_000]] = 1.0
    Z = encoded(x)
    assert 5 < Z[7, 0] - Z[0, 0] < 30


def test_long_columns_nearly_have_the_quantiles_of_all_rows():
    rng = np.random.default_rng(0)
    n = 600_000
    x = rng.standard_normal(n) + 3.0 * (np.arange(n) % 3)  # a panel of three, as k = 3 would see it
    scaling = TableEncoder().fit(x[:, None]).numeric_
    assert abs(scaling.centre[0] - np.median(x)) < 0.02
    iqr = np.subtract(*np.quantile(x, [0.75, 0.25]))
    assert_allclose(scaling.scale[0] * 1.3489795, iqr, rtol=0.01)


@pytest.mark.parametrize("scaling", ["robust", "standard"])
def test_the_largest_floats_neither_overflow_nor_warn(scaling):
    top = np.finfo(np.float64).max
    X = np.array([
        [1e300, 1.0, top, 0.0, 1e300],
        [-1e300, 2.0, -top, 0.0, 1e300],
        [5e299, 3.0, top, 0.0, 1e300],
        [0.0, 4.0, -top, 0.0, 1e300],
        [1.0, 1e300, 1.0, top, -1e300],
    ])  # fmt: skip
    Z = encoded(X, numeric_scaling=scaling)
    assert np.isfinite(Z.astype(np.float32)).all()
    assert np.abs(Z).max() < 1000
    assert (Z.std(axis=0) > 0.1).all()
    later = np.array([[top] * 5, [-top] * 5])
    after = encoded(X, rows=later, numeric_scaling=scaling)
    assert np.isfinite(after.astype(np.float32)).all()
    assert (after[0] > after[1]).all()


def test_missing_values_are_zero_and_have_an_indicator():
    X = np.random.default_rng(0).standard_normal((60, 3))
    X[:15, 1] = np.nan
    encoder = TableEncoder(dtype=np.float64).fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x1_missing"]
    Z = encoder.pack(X).to_dense()
    assert_array_equal(Z[:15, 1], 0)
    assert_allclose(Z[15:, 1].mean(), 0, atol=1e-6)
    assert_allclose(Z[:, 3].mean(), 0, atol=1e-6)
    assert_allclose(np.ptp(Z[:, 3]), 1, atol=1e-6)
    assert Z[0, 3] > 0 > Z[15, 3]
    # Columns without missing values do not notice.
    assert_array_equal(Z[:, [0, 2]], encoded(X[:, [0, 2]]))


def test_a_missing_value_where_none_was_at_fit_is_the_average():
    X = np.random.default_rng(0).standard_normal((40, 2))
    Z = encoded(X, rows=np.array([[np.nan, X[0, 1]]]))
    assert Z.shape == (1, 2)
    assert Z[0, 0] == 0
    assert Z[0, 1] == encoded(X)[0, 1]


def test_indicators_of_rare_and_common_gaps_are_bounded():
    X = np.random.default_rng(0).standard_normal((5000, 3))
    X[0, 0] = np.nan
    X[:4999, 1] = np.nan
    X[:, 2] = np.nan
    encoder = TableEncoder(dtype=np.float64).fit(X)
    assert encoder.get_feature_names_out().tolist() == [
        "x0", "x1", "x2", "x0_missing", "x1_missing",
    ]  # fmt: skip
    assert np.abs(encoder.pack(X).to_dense()).max() <= 10


def test_the_unknown_future_of_an_empty_column_is_zero():
    X = np.column_stack([np.full(10, np.nan), np.arange(10.0)])
    assert_array_equal(encoded(X, rows=np.array([[3.0, 1.0]]))[0, 0], 0)
