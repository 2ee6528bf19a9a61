"""Continuous ranked probability score: against the double sum, integrals and other scores."""

import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from skboost.metrics import continuous_ranked_probability_score as crps
from skboost.metrics import pinball_loss


def double_sum(y, values, weight=None):
    """The definition, one row."""
    values = np.asarray(values, dtype=float)
    v = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=float)
    v = v / v.sum()
    spread = np.abs(values[:, None] - values).T
    return v @ np.abs(values - y) - v @ spread @ v / 2


@pytest.fixture(params=[1, 2, 7, 40])
def rows(request):
    """Numbers and ensembles with ties, within each and with the numbers."""
    rng = np.random.default_rng(request.param)
    return rng.normal(size=30).round(1), rng.normal(size=(30, request.param)).round(1)


@pytest.mark.parametrize("weighted", [None, "shared", "own"])
def test_own_distributions_score_as_defined(rows, weighted):
    y, values = rows
    rng = np.random.default_rng(1)
    weight = {"shared": rng.random(values.shape[1]), "own": rng.integers(0, 3, values.shape)}.get(
        weighted
    )
    if weighted == "own":
        weight[:, 0] = 1
    each = np.broadcast_to(1.0 if weight is None else weight, values.shape)
    expected = [double_sum(*row) for row in zip(y, values, each, strict=True)]
    found = crps(y, values, member_weight=weight, per_row=True)
    assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert_allclose(crps(y, values, member_weight=weight), np.mean(expected))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_shared_distribution_scores_as_defined(rows, weighted):
    y, values = rows
    values = values[0]
    weight = np.arange(len(values)) % 3 + (len(values) < 3) if weighted else None
    expected = [double_sum(number, values, weight) for number in y]
    found = crps(y, values, member_weight=weight, per_row=True)
    assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    tiled = np.tile(values, (len(y), 1))
    assert_allclose(
        crps(y, tiled, member_weight=weight, per_row=True), found, rtol=1e-10, atol=1e-14
    )


def test_weights_may_differ_over_a_shared_distribution(rows):
    y, values = rows
    weight = np.random.default_rng(2).random(values.shape)
    found = crps(y, values[0], member_weight=weight, per_row=True)
    expected = [double_sum(a, values[0], b) for a, b in zip(y, weight, strict=True)]
    assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_a_single_value_has_its_absolute_error(rows):
    y, values = rows
    assert_allclose(crps(y, values[:, :1], per_row=True), np.abs(y - values[:, 0]))
    assert_allclose(crps(y, [0.5], per_row=True), np.abs(y - 0.5))


def test_many_draws_come_close_to_the_integral():
    y = np.array([-2.0, 0.0, 0.7])
    exact = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
    quantiles = norm.ppf((np.arange(2000) + 0.5) / 2000)
    assert_allclose(crps(y, quantiles, per_row=True), exact, atol=1e-3)


def test_it_is_twice_the_mean_pinball_loss_of_evenly_spaced_quantiles(rows):
    y, values = rows
    m = values.shape[1]
    losses = pinball_loss(
        y, np.sort(values, axis=1), quantiles=(np.arange(m) + 0.5) / m, per_row=True
    )
    assert_allclose(crps(y, values, per_row=True), 2 * losses.mean(axis=1), atol=1e-13)


def test_the_true_distribution_scores_best():
    rng = np.random.default_rng(3)
    y, values = rng.normal(size=20_000), rng.normal(size=2000)
    assert crps(y, values) < min(
        crps(y, 1.4 * values), crps(y, 0.7 * values), crps(y, values + 0.3)
    )


def test_nothing_cancels_far_from_zero(rows):
    y, values = rows
    shift = 2.0**30
    for sample in (values, values[0]):
        y, sample = np.round(8 * y) / 8, np.round(8 * sample) / 8  # the shift loses no digit
        near, far = crps(y, sample, per_row=True), crps(y + shift, sample + shift, per_row=True)
        assert_array_equal(near, far)
        assert (near >= 0).all()


def test_rows_of_several_blocks_agree_with_one(rows):
    y, values = rows
    many = np.tile(np.tile(values, 300)[:, :300], (200, 1))
    found = crps(np.tile(y, 200), many, per_row=True).reshape(200, 30)
    assert_array_equal(found, np.tile(crps(y, many[:30], per_row=True), (200, 1)))


def test_values_of_weight_zero_do_not_count(rows):
    y, values = rows
    strange = np.full((30, 2), [np.inf, -1e300])
    weight = np.r_[np.ones(values.shape[1]), 0, 0]
    together = np.hstack([values, strange])
    expected = crps(y, values, per_row=True)
    for v in (weight, np.tile(weight, (30, 1))):
        found = crps(y, together, member_weight=v, per_row=True)
        assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert_allclose(
        crps(y, together[0], member_weight=weight), crps(y, values[0]), rtol=1e-10, atol=1e-14
    )


def test_an_infinite_value_makes_an_infinite_score():
    found = crps([0.0, 0.0, 0.0], [[0, 1], [0, np.inf], [-np.inf, np.inf]], per_row=True)
    assert_array_equal(found, [0.25, np.inf, np.inf])
    assert crps([0.0], [0.0, -np.inf]) == np.inf
    values, weight = [[0, 1], [0, np.inf]], [[1, 1], [1, 0]]
    assert_allclose(crps([0.0, 0.0], values, member_weight=weight, per_row=True), [0.25, 0.0])


def test_row_weights_count_copies(rows):
    y, values = rows
    count = np.random.default_rng(2).integers(0, 4, 30)
    copies = np.repeat(np.arange(30), count)
    assert_allclose(crps(y, values, sample_weight=count), crps(y[copies], values[copies]))
    assert_allclose(crps(y, values[0], sample_weight=count), crps(y[copies], values[0]))


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, np.ndarray.tolist])
@pytest.mark.parametrize("column", [pd.Series, pl.Series, list])
def test_containers_do_not_matter(rows, table, column):
    y, values = rows
    assert crps(column(y), table(values)) == crps(y, values)
    assert isinstance(crps(column(y), column(values[0])), float)
    assert crps(column(y), column(values[0])) == crps(y, values[0])


def test_the_double_sum_is_avoided():
    rng = np.random.default_rng(0)
    y, values = rng.normal(size=20_000), rng.normal(size=20_000)
    start = time.process_time()
    crps(y, values)
    assert (
        time.process_time() - start < 1.0
    )  # 4e8 differences take seconds, this a few milliseconds


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sample": [[1.0, np.nan]] * 3}, "sample contains NaN"),
        ({"sample": [[1.0, 2.0]] * 2}, "y_true has 3 rows, but sample has 2"),
        ({"sample": np.zeros((3, 2, 2))}, r"sample has shape \(3, 2, 2\)"),
        ({"sample": []}, "at least one row"),
        ({"sample": ["a"]}, "sample must be an array of numbers"),
        ({"y_true": [0.0, np.inf, 1.0]}, "y_true contains infinity"),
        ({"member_weight": [1, 1, 1]}, "member_weight must hold one number for each of the 2 rows"),
        ({"member_weight": [1, -1]}, "member_weight must not be negative"),
        ({"member_weight": [0, 0]}, "member_weight: all weights are zero"),
        ({"member_weight": [[1, 1]]}, r"member_weight has shape \(1, 2\), but \(2,\) or \(3, 2\)"),
        ({"member_weight": [[1, 1], [0, 0], [1, 0]]}, "some row has weights of zero only"),
        ({"member_weight": [[1, 1], [np.inf, 0], [1, 0]]}, "member_weight holds NaN or infinity"),
        ({"sample_weight": [1, 1]}, "sample_weight must hold one number for each of the 3 rows"),
        ({"sample_weight": [1, 1, 1], "per_row": True}, "sample_weight cannot act"),
        ({"per_row": 1}, "per_row=1"),
    ],
)
def test_bad_input_gets_a_sentence(change, words):
    given = {"y_true": [0.0, 1.0, 2.0], "sample": [[0.0, 1.0]] * 3} | change
    with pytest.raises(ValueError, match=words):
        crps(given.pop("y_true"), given.pop("sample"), **given)
