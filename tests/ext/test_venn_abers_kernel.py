"""The sweep of Venn-ABERS: equal to its twin, and to refits with the additional row put among the others."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost._ext import _venn_abers, venn_abers_numpy
from skboost._ext.venn_abers import Blocks, Steps, swept


def refit(scores, y, weight, at, label):
    """Isotonic regression at the score ``at`` of a row of weight 1 and this label, in exact arithmetic."""
    columns = (np.asarray(column).tolist() for column in (scores, y, weight))
    rows = [*zip(*columns, strict=True), (at, label, 1)]
    blocks = []
    for score in sorted({row[0] for row in rows}):
        mine = [(Fraction(w), Fraction(w) * Fraction(v)) for s, v, w in rows if s == score]
        blocks.append([sum(w for w, _ in mine), sum(t for _, t in mine), score])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            w, t, last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + w, blocks[-1][1] + t, last]
    return next(t / w for w, t, last in blocks if last >= at)


def places(scores):
    """A score at, between and beyond those given."""
    distinct = np.unique(scores)
    middles = (distinct[1:] + distinct[:-1]) / 2
    return np.concatenate([distinct, middles, [distinct[0] - 1, distinct[-1] + 1]])


def problem(seed, n=None):
    """Scores of which some are equal, and labels 0 and 1 that follow them."""
    rng = np.random.default_rng(seed)
    n = n or rng.integers(1, 41)
    scores = np.round(rng.random(n), rng.choice([1, 2, 6]))
    return rng, scores, (rng.random(n) < scores).astype(np.float64)


def both(blocks, y, at, low=0.0, high=1.0):
    return blocks.lower(y, low)(at), blocks.upper(y, high)(at)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
@pytest.mark.parametrize("seed", range(30))
def test_kernel_equals_its_numpy_twin(seed, kind):
    rng = np.random.default_rng(seed)
    k = [1, 2, 3, 57][seed % 4]
    weight = rng.integers(1, 5, k) if kind is np.int64 else rng.random(k) + 0.1
    labels = rng.integers(-3, 4, k) if kind is np.int64 else rng.normal(size=k)
    label = labels.max() + seed % 2
    total = np.concatenate([[0], np.cumsum(weight)]).astype(kind)
    sums = np.concatenate([[0], np.cumsum(weight * labels)]).astype(kind)
    wanted = venn_abers_numpy.sweep(total.tolist(), sums.tolist(), 1, label)
    assert_array_equal(swept(total, sums, label), wanted)


@pytest.mark.parametrize("seed", range(60))
def test_steps_are_exact_refits(seed):
    rng, scores, y = problem(seed)
    weight = None if seed % 2 else rng.integers(1, 6, len(scores))
    at = places(scores)
    p0, p1 = both(Blocks(scores, weight), y, at)
    copies = np.ones(len(scores), int) if weight is None else weight
    rows = (scores, y, copies)
    # the nearest float of a fraction is unique: equal to the last bit
    assert_array_equal(p0, [float(refit(*rows, s, 0)) for s in at])
    assert_array_equal(p1, [float(refit(*rows, s, 1)) for s in at])
    assert (p0 < p1).all()
    assert not np.signbit(p0).any()


@pytest.mark.parametrize("seed", range(30))
def test_other_labels_and_weights_are_refits_to_rounding(seed):
    rng, scores, _ = problem(seed)
    y = scores + rng.normal(size=len(scores))
    weight = 3 * rng.random(len(scores)) + 0.01
    low, high = y.min() - seed % 3, y.max() + seed % 2
    at = places(scores)
    lower, upper = both(Blocks(scores, weight), y, at, low, high)
    assert_allclose(lower, [float(refit(scores, y, weight, s, low)) for s in at], atol=1e-12)
    assert_allclose(upper, [float(refit(scores, y, weight, s, high)) for s in at], atol=1e-12)
    order = np.argsort(at)
    assert (np.diff(lower[order]) >= 0).all()
    assert (np.diff(upper[order]) >= 0).all()
    assert (lower >= low).all()
    assert (upper <= high).all()


@pytest.mark.parametrize("total", [10**6, 2 * 10**9, 3 * 10**9, 10**12, 10**15])
def test_big_whole_weights_stay_right(total):
    rng, scores, y = problem(0, n=25)
    weight = rng.integers(1, total // 25, 25)
    at = places(scores)
    p0, p1 = both(Blocks(scores, weight), y, at)
    rows = (scores, y, weight)
    assert_allclose(p0, [float(refit(*rows, s, 0)) for s in at], rtol=1e-15)
    assert_allclose(p1, [float(refit(*rows, s, 1)) for s in at], rtol=1e-15)


@pytest.mark.parametrize("total", [2**31 - 2, 2**31 - 1, 2**31, 2**32, 2**40])
def test_nothing_overflows_at_the_edge_of_exactness(total):
    # the largest products that there are: one block of each label, in either order
    for y in ([0.0, 1.0], [1.0, 0.0]):
        for first in (1, total // 2, total - 1):
            weight = [first, total - first]
            at = [-1.0, 0.0, 0.5, 1.0, 2.0]
            p0, p1 = both(Blocks([0.0, 1.0], weight), y, at)
            assert_array_equal(p0, [float(refit([0, 1], y, weight, s, 0)) for s in at])
            assert_array_equal(p1, [float(refit([0, 1], y, weight, s, 1)) for s in at])


def test_large_labels_leave_integers_in_time():
    scores, y = np.arange(4.0), np.array([0.0, 2.0**52, -(2.0**52), 2.0**52])
    at = places(scores)
    lower, upper = both(Blocks(scores), y, at, -(2.0**52), 2.0**52)
    wanted = [float(refit(scores, y, [1] * 4, s, 2**52)) for s in at]
    assert_allclose(upper, wanted, rtol=1e-15)
    assert_allclose(lower, [float(refit(scores, y, [1] * 4, s, -(2**52))) for s in at], rtol=1e-15)


def test_rounding_is_as_small_as_promised():
    rng = np.random.default_rng(0)
    n = 3000
    weight, y = rng.random(n) + 0.01, rng.normal(size=n) + np.arange(n) / n
    exact = [Fraction(0)], [Fraction(0)]
    for w, v in zip(weight.tolist(), y.tolist(), strict=True):
        exact[0].append(exact[0][-1] + Fraction(w))
        exact[1].append(exact[1][-1] + Fraction(w) * Fraction(v))
    # a common denominator makes whole numbers of them, which the twin takes in any size
    scale = 2**220
    whole = [[int(s * scale) for s in sums] for sums in exact]
    wanted = venn_abers_numpy.sweep(*whole, scale, int(Fraction(y.max()) * scale))
    found = Blocks(np.arange(n), weight).upper(y, y.max())(np.arange(n))
    assert_allclose(found, wanted[:-1], rtol=0, atol=2e-16 * np.abs(y).max() * weight.sum())


@pytest.mark.parametrize("label", [0.1, -0.7, 1e-12, 12345.678])
@pytest.mark.parametrize("weight", [0.1, 1.0, 3.7, 1e-7])
def test_equal_labels_give_that_label_in_spite_of_rounding(label, weight):
    rng = np.random.default_rng(0)
    scores, weights = rng.random(500), weight * (1 + rng.random(500))
    for side in (Blocks(scores, weights).upper, Blocks(scores, weights).lower):
        assert_allclose(side(np.full(500, label), label)(places(scores)), label, rtol=1e-12)


def test_a_row_that_is_the_only_one():
    at = [-1.0, 0.0, 1.0]
    p0, p1 = both(Blocks([0.0]), [1.0], at)
    assert_array_equal(p0, [0.0, 0.5, 0.5])
    assert_array_equal(p1, [1.0, 1.0, 1.0])
    p0, p1 = both(Blocks([0.0]), [0.0], at)
    assert_array_equal(p0, [0.0, 0.0, 0.0])
    assert_array_equal(p1, [0.5, 0.5, 1.0])


def test_the_order_of_rows_changes_no_bit():
    rng, scores, y = problem(3, n=200)
    at, order = places(scores), rng.permutation(200)
    for one, other in zip(
        both(Blocks(scores), y, at), both(Blocks(scores[order]), y[order], at), strict=True
    ):
        assert_array_equal(one, other)


def test_a_weight_is_so_many_copies():
    rng, scores, y = problem(4, n=50)
    weight, at = rng.integers(1, 5, 50), places(scores)
    copies = np.repeat(np.arange(50), weight)
    for one, other in zip(
        both(Blocks(scores, weight), y, at),
        both(Blocks(scores[copies]), y[copies], at),
        strict=True,
    ):
        assert_array_equal(one, other)


def test_negative_zero_is_zero():
    at = [-0.0, 0.0]
    for steps in both(Blocks([-0.0, 0.0, -0.0, 0.5]), [0.0, 1.0, 1.0, 1.0], at):
        assert steps[0] == steps[1]
    assert len(Blocks([-0.0, 0.0, -0.0, 0.5]).thresholds) == 2


def test_steps_of_height_zero_are_left_away():
    rng, scores, y = problem(5, n=300)
    for steps in (Blocks(scores).upper(y, 1), Blocks(scores).lower(y, 0)):
        assert isinstance(steps, Steps)
        assert (np.diff(steps.values) > 0).all()
        assert len(steps.values) == len(steps.thresholds) + 1


def test_read_only_input_is_taken_and_nothing_is_changed():
    _, scores, y = problem(6, n=30)
    weight = np.full(30, 2.0)
    kept = [array.copy() for array in (scores, y, weight)]
    for array in (scores, y, weight):
        array.flags.writeable = False
    both(Blocks(scores, weight), y, scores)
    for array, before in zip((scores, y, weight), kept, strict=True):
        assert_array_equal(array, before)


@pytest.mark.parametrize(
    "scores",
    [[], [np.nan], [np.inf, 0.0], [[0.1, 0.2]], 0.5],
    ids=["none", "nan", "inf", "2d", "0d"],
)
def test_scores_that_cannot_be_sorted_are_refused(scores):
    with pytest.raises(ValueError, match="scores must be finite numbers"):
        Blocks(scores)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1.0, 0.0], "must be positive"),
        ([1.0, -1.0], "must be positive"),
        ([1.0, np.nan], "finite number for each of the 2 rows"),
        ([1.0], "finite number for each of the 2 rows"),
        ([2.0**53, 1.0], "divide the weights"),
        ([1e300, 1e300], "divide the weights"),
    ],
)
def test_weights_that_cannot_count_are_refused(weight, words):
    with pytest.raises(ValueError, match=words):
        Blocks([0.1, 0.2], weight)


def test_labels_that_do_not_fit_are_refused():
    blocks = Blocks([0.1, 0.2])
    with pytest.raises(ValueError, match="below the largest of y"):
        blocks.upper([0.0, 2.0], 1.0)
    with pytest.raises(ValueError, match="above the smallest of y"):
        blocks.lower([-1.0, 2.0], 0.0)
    with pytest.raises(ValueError, match="y must hold a finite number"):
        blocks.upper([0.0, np.nan], 1.0)
    with pytest.raises(ValueError, match="y must hold a finite number"):
        blocks.upper([0.0], 1.0)
    for label in (np.nan, np.inf, 1e308):
        with pytest.raises(ValueError, match="divide them by a number"):
            blocks.upper([0.0, 1.0], label)


def test_the_kernel_refuses_arrays_that_it_would_overrun():
    x = np.arange(3.0)
    for value, work in ((2, (2, 4)), (4, (2, 4)), (3, (2, 3)), (3, (1, 4))):
        with pytest.raises(ValueError, match="equally long"):
            _venn_abers.sweep(x, x, 1.0, 1.0, np.empty(work), np.empty(value))
    with pytest.raises(ValueError, match="equally long"):
        _venn_abers.sweep(x[:0], x[:0], 1.0, 1.0, np.empty((2, 4)), np.empty(0))
