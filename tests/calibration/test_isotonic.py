"""Isotonic calibration, plain and centred."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from skboost.calibration import IsotonicScaler


def problem(rng, n, decimals=None):
    """Scores with or without ties, labels and weights."""
    scores = rng.random(n)
    if decimals is not None:
        scores = scores.round(decimals)
    y = (rng.random(n) < scores).astype(int)
    return scores, y, rng.exponential(size=n)


@pytest.mark.parametrize("decimals", [None, 1, 2])
@pytest.mark.parametrize("clip", [False, True])
def test_the_numbers_are_those_of_scikit_learn(decimals, clip):
    rng = np.random.default_rng(0)
    points = np.linspace(0, 1, 301)
    for n in (1, 2, 3, 5, 10, 50, 300):
        for weighted in (False, True):
            scores, y, weight = problem(rng, n, decimals)
            weight = weight if weighted else np.ones(n)
            total = weight.sum()
            ends = (1 / (total + 2), (total + 1) / (total + 2)) if clip else (None, None)
            peer = IsotonicRegression(y_min=ends[0], y_max=ends[1], out_of_bounds="clip")
            expected = peer.fit(scores, y, weight).predict(points)
            scaler = IsotonicScaler(classes=[0, 1], clip=clip).fit(scores, y, weight)
            assert_allclose(scaler.transform(points), expected, rtol=0, atol=1e-12)


def test_only_the_order_of_scores_matters():
    rng = np.random.default_rng(1)
    scores, y, weight = problem(rng, 200, 2)
    expected = IsotonicScaler().fit(scores, y, weight).transform(scores)
    for increasing in (np.exp, np.cbrt, lambda s: 1e9 * s - 7):
        moved = increasing(scores)
        scaler = IsotonicScaler(input="logit").fit(moved, y, weight)
        assert_array_equal(scaler.transform(moved), expected)


@pytest.mark.parametrize("centered", [False, True])
def test_swapped_labels_and_turned_scores_give_the_rest_to_one(centered):
    rng = np.random.default_rng(2)
    scores, y, _ = problem(rng, 100)
    points = np.linspace(0, 1, 101)
    straight = IsotonicScaler(centered=centered).fit(scores, y).transform(points)
    turned = IsotonicScaler(centered=centered).fit(1 - scores, 1 - y).transform(1 - points)
    assert_allclose(turned, 1 - straight, rtol=1e-12)


@pytest.mark.parametrize("centered", [False, True])
def test_the_clip_keeps_probabilities_from_zero_and_one(centered):
    scores = np.linspace(0.1, 0.9, 8)
    y = (scores > 0.5).astype(int)
    weight = np.full(8, 0.5)
    clipped = IsotonicScaler(centered=centered).fit(scores, y, weight).transform([0.0, 1.0])
    assert_allclose(clipped, [1 / 6, 5 / 6], rtol=1e-14)
    exact = IsotonicScaler(centered=centered, clip=False).fit(scores, y, weight)
    assert_array_equal(exact.transform([0.0, 1.0]), [0.0, 1.0])


def centred_reference(scores, y, weight, points):
    """Blocks merged one after another, then lines through their centres."""
    blocks = []
    for s in np.unique(scores):
        here = scores == s
        block = [s, weight[here].sum(), np.average(y[here], weights=weight[here])]
        while blocks and blocks[-1][2] >= block[2] - 1e-13:
            last = blocks.pop()
            total = last[1] + block[1]
            block = [
                (last[1] * last[0] + block[1] * block[0]) / total,
                total,
                (last[1] * last[2] + block[1] * block[2]) / total,
            ]
        blocks.append(block)
    centre, _, mean = np.transpose(blocks)
    return np.interp(points, centre, mean)


@pytest.mark.parametrize("decimals", [None, 1, 2])
def test_centred_blocks_are_points_joined_by_lines(decimals):
    rng = np.random.default_rng(3)
    points = np.linspace(0, 1, 301)
    for n in (1, 2, 5, 20, 200):
        scores, y, weight = problem(rng, n, decimals)
        scaler = IsotonicScaler(classes=[0, 1], centered=True, clip=False)
        probability = scaler.fit(scores, y, weight).transform(points)
        assert_allclose(probability, centred_reference(scores, y, weight, points), atol=1e-11)


def test_the_centred_form_keeps_scores_apart_and_the_plain_one_does_not():
    rng = np.random.default_rng(4)
    scores, y, _ = problem(rng, 500)
    middle = np.linspace(0.3, 0.7, 200)
    plain = IsotonicScaler().fit(scores, y).transform(middle)
    centred = IsotonicScaler(centered=True).fit(scores, y).transform(middle)
    assert np.diff(centred).min() > 0
    assert (np.diff(plain) == 0).sum() > 50


@pytest.mark.parametrize("centered", [False, True])
def test_many_rows_show_the_true_curve(centered):
    rng = np.random.default_rng(5)
    f = 2 * rng.normal(size=50_000)
    y = (rng.random(len(f)) < expit(f / 2)).astype(int)
    points = np.linspace(-3, 3, 61)
    scaler = IsotonicScaler(input="logit", centered=centered).fit(f, y)
    assert_allclose(scaler.transform(points), expit(points / 2), atol=0.06)


def test_probabilities_that_underflow_stay_probabilities():
    """The slope between two such knots is more than a float can hold."""
    scores = np.array([0.0, 5e-324, 2e-323, 1e-300, 1.0])
    scaler = IsotonicScaler(clip=False).fit(scores, [0, 1, 0, 1, 1])
    p = scaler.transform(np.array([0.0, 5e-324, 1e-323, 2e-323, 1e-310, 1e-300, 0.5]))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= 0).all()
