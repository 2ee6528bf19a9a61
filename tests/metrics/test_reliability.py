"""Reliability curves and consistency bands."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

from skboost.metrics import (
    adaptive_calibration_error,
    consistency_band,
    expected_calibration_error,
    reliability_curve,
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    p = rng.random(400) ** 2
    return (rng.random(400) < p**0.7).astype(int), p


def test_bins_of_equal_width_are_those_of_scikit_learn(rows):
    y, p = rows
    curve = reliability_curve(y, p, n_bins=12)
    true, said = calibration_curve(y, p, n_bins=12)
    assert_allclose(curve.prob_true, true, rtol=1e-12)
    assert_allclose(curve.prob_pred, said, rtol=1e-12)


@pytest.mark.parametrize("strategy", ["uniform", "quantile", "isotonic"])
def test_bins_hold_all_rows_in_order(rows, strategy):
    y, p = rows
    weight = np.random.default_rng(1).random(len(y))
    curve = reliability_curve(y, p, strategy=strategy, sample_weight=weight)
    assert_allclose(curve.weight.sum(), weight.sum())
    assert_allclose(curve.weight @ curve.prob_pred, weight @ p)
    assert_allclose(curve.weight @ curve.prob_true, weight @ y)
    assert (curve.left <= curve.prob_pred).all()
    assert (curve.prob_pred <= curve.right).all()
    assert (curve.right[:-1] <= curve.left[1:]).all()


def test_empty_bins_are_left_out():
    curve = reliability_curve([0, 1, 1], [0.05, 0.95, 1.0], n_bins=10)
    assert_allclose(curve.left, [0.0, 0.9])
    assert_allclose(curve.right, [0.1, 1.0])
    assert_array_equal(curve.weight, [1.0, 2.0])


def test_an_edge_belongs_to_the_bin_above():
    # 0.29 * 100 is 28.999999999999996
    p = np.array([0.0, 0.07, 0.29, 0.57, 0.58, 1.0])
    curve = reliability_curve([0, 1, 0, 1, 0, 1], p, n_bins=100)
    assert_allclose(curve.left, [0.0, 0.07, 0.29, 0.57, 0.58, 0.99])


@pytest.mark.parametrize("n_bins", [3, 15, 49, 93, 1000])
def test_the_number_below_an_edge_belongs_to_the_bin_below(n_bins):
    edges = np.arange(1, n_bins) / n_bins
    for p, place in [
        (edges, np.arange(1, n_bins)),
        (np.nextafter(edges, 0), np.arange(n_bins - 1)),
    ]:
        curve = reliability_curve(np.ones(n_bins - 1), p, n_bins=n_bins)
        assert_array_equal(curve.left, place / n_bins)


def test_bins_of_equal_mass_have_equal_numbers_of_rows(rows):
    y, p = rows
    curve = reliability_curve(y, p, n_bins=16, strategy="quantile")
    assert_array_equal(curve.weight, np.full(16, 25.0))
    assert_array_equal(curve.left, np.sort(p)[::25])
    assert_array_equal(curve.right, np.sort(p)[24::25])


def test_bins_of_equal_mass_follow_the_weights(rows):
    y, p = rows
    weight = np.random.default_rng(2).random(len(y)) + 0.5
    curve = reliability_curve(y, p, n_bins=10, strategy="quantile", sample_weight=weight)
    assert_allclose(curve.weight, weight.sum() / 10, atol=weight.max())


def test_the_calibration_error_is_the_mean_gap_of_the_curve(rows):
    y, p = rows
    for strategy, function in [
        ("uniform", expected_calibration_error),
        ("quantile", adaptive_calibration_error),
    ]:
        curve = reliability_curve(y, p, strategy=strategy)
        gap = np.abs(curve.prob_true - curve.prob_pred)
        assert_allclose(np.average(gap, weights=curve.weight), function(y, p, kind="binary"))


def test_the_isotonic_curve_is_isotonic_regression(rows):
    y, p = rows
    p = np.round(p, 2)  # with ties
    weight = np.random.default_rng(3).integers(1, 4, len(y))
    curve = reliability_curve(y, p, strategy="isotonic", sample_weight=weight)
    fitted = IsotonicRegression().fit(p, y, weight).predict(p)
    assert (np.diff(curve.prob_true) > 0).all()
    block = np.searchsorted(curve.right, p)
    assert_allclose(curve.prob_true[block], fitted, rtol=1e-9, atol=1e-12)
    assert (curve.left[block] <= p).all()


def test_a_curve_can_be_pickled(rows):
    curve = reliability_curve(*rows)
    again = pickle.loads(pickle.dumps(curve))
    assert_array_equal(again.prob_true, curve.prob_true)
    with pytest.raises(AttributeError):
        curve.weight = 1


def test_the_band_of_equal_probabilities_is_binomial():
    low, high = consistency_band(
        np.repeat([0.3, 0.6], [200, 50]), n_bins=2, n_resamples=20000, random_state=0
    )
    expected = binom.ppf([[0.05], [0.95]], [200, 50], [0.3, 0.6]) / [200, 50]
    # one success more or less is what 20000 draws may be off
    assert_allclose([low, high], expected, atol=1 / 50 + 1e-12)
    assert_allclose([low[0], high[0]], expected[:, 0], atol=1 / 200 + 1e-12)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_a_calibrated_model_lies_inside_of_the_band(strategy):
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(150):
        p = rng.random(900)
        y = rng.random(900) < p
        low, high = consistency_band(p, strategy=strategy, n_resamples=400, random_state=rng)
        true = reliability_curve(y, p, strategy=strategy).prob_true
        assert low.shape == high.shape == true.shape
        inside.append((low <= true) & (true <= high))
    # 2250 bins: the standard error is 0.006; whole numbers of successes make the band cover somewhat more
    assert 0.87 < np.mean(np.concatenate(inside)) < 0.96


def test_the_isotonic_band_is_that_of_refits():
    rng = np.random.default_rng(1)
    p = np.round(rng.random(80), 2)
    at = np.unique(p)
    low, high = consistency_band(p, strategy="isotonic", n_resamples=2000, random_state=0)
    assert low.shape == high.shape == at.shape
    refits = [IsotonicRegression().fit(p, rng.random(80) < p).predict(at) for _ in range(2000)]
    expected = np.quantile(refits, [0.05, 0.95], axis=0)
    # a quantile of 2000 draws stands at 0.05 +- 0.005, where the distribution has steps
    assert np.abs(np.array([low, high]) - expected).max() < 0.12
    assert np.abs(np.array([low, high]) - expected).mean() < 0.015
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()


def test_the_band_of_many_rows_has_an_entry_for_each_probability():
    p = np.random.default_rng(0).random(5000)
    low, high = consistency_band(p, strategy="isotonic", n_resamples=50, random_state=0)
    assert low.shape == high.shape == (5000,)
    middle = (low + high) / 2
    assert np.abs(middle - np.sort(p)).max() < 0.15


def test_a_higher_level_makes_the_band_wider():
    p = np.random.default_rng(0).random(300)
    bands = [
        np.subtract(*consistency_band(p, confidence_level=level, random_state=0)[::-1])
        for level in (0.5, 0.9, 0.99)
    ]
    assert (bands[0] < bands[1]).all()
    assert (bands[1] < bands[2]).all()


def test_larger_weights_make_the_band_narrower():
    p = np.random.default_rng(0).random(300)
    widths = [
        np.subtract(*consistency_band(p, sample_weight=np.full(300, w), random_state=0)[::-1])
        for w in (0.5, 1.0, 4.0)
    ]
    assert_allclose(widths[1].mean() / widths[2].mean(), 2, rtol=0.1)
    assert widths[0].mean() > 1.2 * widths[1].mean()


def test_the_seed_decides():
    p = np.random.default_rng(0).random(50)
    bands = [np.array(consistency_band(p, random_state=state)) for state in (1, 1, 2)]
    assert_array_equal(bands[0], bands[1])
    assert (bands[0] != bands[2]).any()


@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "kmeans"},
        {"n_bins": 0},
        {"confidence_level": 1},
        {"confidence_level": 0},
        {"n_resamples": 0},
    ],
)
def test_every_option_is_checked(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}=.* consistency_band"):
        consistency_band([0.2, 0.7], **options)
    if "strategy" in options or "n_bins" in options:
        with pytest.raises(ValueError, match=f"{next(iter(options))}=.* reliability_curve"):
            reliability_curve([0, 1], [0.2, 0.7], **options)
