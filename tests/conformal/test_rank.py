"""The rank rule: exact for every number of rows and level that people write."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from skboost.conformal._calibration import Calibration
from skboost.conformal._rank import (
    exact_level,
    one_sided,
    pac_rank,
    pac_size,
    smallest_size,
    upper_rank,
)

LEVELS = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999]


@pytest.mark.parametrize("level", LEVELS)
def test_the_rank_is_the_smallest_that_covers(level):
    """The k-th smallest of n scores is not exceeded by the next with probability k / (n + 1)."""
    exact = Fraction(str(level))
    for n in range(1, 2001):
        k = upper_rank(n, exact_level(level))
        assert Fraction(k, n + 1) >= exact > Fraction(k - 1, n + 1)


@pytest.mark.parametrize("level", LEVELS)
def test_bounds_are_order_statistics(level):
    scores = np.random.default_rng(0).normal(size=2000)
    for n in [*range(1, 60), 99, 199, 999, 1999, 2000]:
        k = math.ceil((n + 1) * Fraction(str(level)))
        expected = np.sort(scores[:n])[k - 1] if k <= n else np.inf
        assert Calibration(scores[:n]).upper(exact_level(level)) == expected


@pytest.mark.parametrize(("n", "level"), [(9, 0.9), (19, 0.95), (39, 0.975), (99, 0.99)])
def test_the_smallest_size_is_enough_and_one_less_is_not(n, level):
    assert smallest_size(exact_level(level)) == n
    assert np.isfinite(Calibration(np.arange(float(n))).upper(exact_level(level)))
    assert np.isinf(Calibration(np.arange(n - 1.0)).upper(exact_level(level)))


def test_levels_are_the_decimal_numbers_that_are_meant():
    assert exact_level(0.9) == exact_level(np.float32(0.9)) == Fraction(9, 10)
    assert exact_level(1 - (1 - 0.9)) == exact_level(0.1 + 0.8) == Fraction(9, 10)
    assert [exact_level(p) for p in np.linspace(0.05, 0.95, 19)] == [
        Fraction(k, 20) for k in range(1, 20)
    ]
    assert 0 < exact_level(1e-300) < exact_level(1 - 1e-15) < 1
    assert one_sided(exact_level(0.9)) == Fraction(19, 20)


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, np.nan, "0.9", True, None])
def test_other_levels_are_refused(level):
    with pytest.raises(ValueError, match="must be a number between 0 and 1"):
        exact_level(level)


@pytest.mark.parametrize("failure", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.99])
def test_the_rank_with_a_promise_for_the_calibration_rows_at_hand(level, failure):
    """The k-th of n uniform numbers exceeds the level iff fewer than k of them lie below it."""
    for n in [1, 7, 29, 44, 100, 1000]:
        k = pac_rank(n, exact_level(level), failure)
        assert k <= n + 1
        if k <= n:
            assert binom.cdf(k - 1, n, level) >= 1 - failure
        if k > 1:
            assert binom.cdf(k - 2, n, level) < 1 - failure


@pytest.mark.parametrize("failure", [0.01, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("level", LEVELS)
def test_the_smallest_size_with_a_promise(level, failure):
    n = pac_size(exact_level(level), failure)
    assert pac_rank(n, exact_level(level), failure) <= n
    assert n == 1 or pac_rank(n - 1, exact_level(level), failure) == n


def test_weights_are_copies():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, weight = rng.normal(size=12), rng.integers(0, 5, 12).astype(float)
        weighted, copied = (
            Calibration(scores, weight),
            Calibration(scores.repeat(weight.astype(int))),
        )
        for level in LEVELS:
            assert weighted.upper(exact_level(level)) == copied.upper(exact_level(level))


def test_a_weight_of_one_for_new_rows_changes_no_bit():
    rng = np.random.default_rng(0)
    for n in [*range(1, 60), 99, 999, 1999]:
        calibration = Calibration(rng.normal(size=n))
        for level in LEVELS:
            bounds = calibration.upper(exact_level(level), test_weight=np.ones(3))
            assert set(bounds) == {calibration.upper(exact_level(level))}


def test_without_any_weight_nothing_is_known():
    calibration = Calibration(np.arange(3.0), np.zeros(3))
    assert calibration.upper(exact_level(0.5), test_weight=np.zeros(2)).tolist() == [np.inf] * 2
    assert Calibration(np.empty(0)).upper(exact_level(0.5)) == np.inf
