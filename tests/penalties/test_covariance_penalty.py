"""Covariance with protected attributes."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.penalties import Covariance, PenaltyContext


def prepared(protected, weight=None):
    n = len(protected)
    penalty = Covariance()
    weight = np.ones(n) if weight is None else weight
    penalty.prepare(PenaltyContext(np.zeros(n), weight, protected=protected))
    return penalty


def test_two_groups_are_compared_by_their_means():
    rng = np.random.default_rng(0)
    group, weight, raw = rng.integers(0, 2, 50), rng.random(50), rng.standard_normal(50)
    share = weight[group == 1].sum() / weight.sum()
    means = [np.average(raw[group == g], weights=weight[group == g]) for g in (0, 1)]
    expected = 0.5 * weight.sum() * share * (1 - share) * (means[1] - means[0]) ** 2
    assert_allclose(prepared(group, weight).value_and_gradient(raw)[0], expected)


def test_neither_the_unit_of_an_attribute_nor_a_shift_of_the_scores_matters():
    context, raw = Covariance().sample(30, 0, n_raw=2)
    penalty = Covariance()
    penalty.prepare(context)
    value, gradient = penalty.value_and_gradient(raw)
    assert_allclose(penalty.value_and_gradient(raw + 7.0)[0], value)
    penalty.prepare(replace(context, protected=1000.0 * context.protected + 3.0))
    assert_allclose(penalty.value_and_gradient(raw)[0], value)
    assert_allclose(gradient.sum(axis=0), 0.0, atol=1e-12)


def test_scores_without_the_linear_part_have_no_penalty():
    context, raw = Covariance().sample(30, 0)
    w = np.sqrt(context.sample_weight)
    design = np.column_stack([np.ones(30), context.protected])
    fit = np.linalg.lstsq(w[:, None] * design, w * raw, rcond=None)[0]
    penalty = Covariance()
    penalty.prepare(context)
    value, gradient = penalty.value_and_gradient(raw - design @ fit)
    assert value <= 1e-20
    assert_allclose(gradient, 0.0, atol=1e-10)


@pytest.mark.parametrize("level", [0.0, 0.1, 1e9])
def test_a_constant_attribute_adds_nothing(level):
    penalty = prepared(np.full((20, 1), level))
    value, gradient = penalty.value_and_gradient(np.arange(20.0))
    assert value == 0.0
    assert_array_equal(gradient, 0.0)


@pytest.mark.parametrize(
    ("protected", "match"),
    [
        (None, "none were given"),
        (np.array(["a", "b"] * 5), "encode groups"),
        (np.full(10, np.nan), "NaN or infinity"),
    ],
)
def test_unusable_attributes_are_refused(protected, match):
    context = PenaltyContext(np.zeros(10), np.ones(10), protected=protected)
    with pytest.raises(ValueError, match=match):
        Covariance().prepare(context)


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match="strength=-1 is not valid for Covariance"):
        Covariance(strength=-1).prepare(Covariance().sample(5, 0)[0])
