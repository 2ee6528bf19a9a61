"""Selection among sorted lists that move as a whole."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skboost.conformal import _shifted_lists
from skboost.conformal._shifted_lists import ShiftedLists


def dense(scores, owner, weight, needed, shift, scale=None):
    """The definition: all numbers of a row, sorted, and the first whose summed weight is enough."""
    answers = np.full((len(shift), len(needed)), np.inf)
    for row in range(len(shift)):
        numbers = shift[row, owner] + (1 if scale is None else scale[row, owner]) * scores
        order = np.argsort(numbers, kind="stable")
        reached = np.cumsum(weight[order])
        for place, enough in enumerate(needed):
            if reached[-1] >= enough:
                answers[row, place] = numbers[order][np.argmax(reached >= enough)]
    return answers


def problem(seed):
    """Lists of any length, empty ones too, ties, infinities and weights."""
    rng = np.random.default_rng(seed)
    n, n_lists, m = rng.integers(1, 60), rng.integers(1, 12), rng.integers(1, 8)
    scores, shift = rng.normal(size=n), rng.normal(size=(m, n_lists))
    if seed % 2:
        scores, shift = scores.round(1), shift.round(1)
    if seed % 5 == 0:
        scores[rng.random(n) < 0.1] = np.inf
    weight = rng.integers(1, 4, n).astype(float) if seed % 3 else np.ones(n)
    scale = rng.uniform(0.5, 2, (m, n_lists)) if seed % 4 == 0 else None
    needed = [*rng.integers(1, weight.sum() + 1, 3).astype(float), weight.sum() + 1]
    return scores, rng.integers(0, n_lists, n), weight, needed, shift, scale


@pytest.mark.parametrize("long", [0, 10**9], ids=["search", "partition"])
def test_both_ways_are_the_definition_bit_for_bit(long, monkeypatch):
    monkeypatch.setattr(_shifted_lists, "LONG", long)
    monkeypatch.setattr(_shifted_lists, "BLOCK", 50)  # several blocks
    for seed in range(300):
        scores, owner, weight, needed, shift, scale = problem(seed)
        lists = ShiftedLists(scores, owner, shift.shape[1], weight)
        found = lists.smallest(needed, shift, scale)
        assert_array_equal(found, dense(scores, owner, weight, needed, shift, scale))


def test_long_lists_are_the_definition(monkeypatch):
    rng = np.random.default_rng(0)
    scores, owner = np.abs(rng.normal(size=3000)), rng.integers(0, 10, 3000)
    shift = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 10))
    for weight in (np.ones(3000), rng.integers(1, 5, 3000), rng.random(3000)):
        lists = ShiftedLists(scores, owner, 10, weight)
        needed = [float(np.ceil(share * weight.sum())) for share in (0.001, 0.1, 0.5, 0.9)]
        found = lists.smallest(needed, shift)
        assert_array_equal(found, dense(scores, owner, weight, needed, shift))


def test_numbers_that_rounding_makes_equal():
    # next to 1e16 most scores disappear, so that bisection sees long runs of equal numbers
    rng = np.random.default_rng(0)
    scores, owner = rng.uniform(0, 10, 500), rng.integers(0, 5, 500)
    shift = np.array([[1e16] * 5, [1.0, 1e16, -1e16, 0.0, 1e8]])
    needed = [1.0, 250.0, 499.0, 500.0]
    found = ShiftedLists(scores, owner, 5).smallest(needed, shift)
    assert_array_equal(found, dense(scores, owner, np.ones(500), needed, shift))


def test_a_weight_is_so_many_copies():
    rng = np.random.default_rng(0)
    scores, owner = rng.normal(size=400), rng.integers(0, 4, 400)
    weight, shift = rng.integers(1, 4, 400), rng.normal(size=(20, 4))
    copies = ShiftedLists(np.repeat(scores, weight), np.repeat(owner, weight), 4)
    weighted = ShiftedLists(scores, owner, 4, weight.astype(float))
    needed = [1.0, 100.0, weight.sum() - 1.0]
    assert_array_equal(weighted.smallest(needed, shift), copies.smallest(needed, shift))


def test_weights_that_differ_by_many_orders_of_magnitude():
    # sums of such weights are rounded, and the search must come to an end all the same
    rng = np.random.default_rng(0)
    scores, owner = rng.normal(size=500), rng.integers(0, 5, 500)
    weight = 10.0 ** rng.uniform(-20, 3, 500)
    lists = ShiftedLists(scores, owner, 5, weight)
    found = lists.smallest([0.5 * lists.total, lists.total], rng.normal(size=(50, 5)))
    assert np.isfinite(found).all()


def test_infinite_and_unknown_shifts(monkeypatch):
    scores, owner = np.tile([0.0, 1.0, 2.0, 3.0], 100), np.repeat([0, 1], 200)
    shift = np.array([[0.0, np.inf], [-np.inf, 0.0], [0.0, np.nan], [0.0, 10.0]])
    expected = np.array([[0.0, np.inf], [-np.inf, 3.0], [np.nan] * 2, [0.0, 13.0]])
    for long in (0, 10**9):
        monkeypatch.setattr(_shifted_lists, "LONG", long)
        assert_array_equal(ShiftedLists(scores, owner, 2).smallest([1.0, 400.0], shift), expected)
    lists = ShiftedLists(scores, owner, 2)
    assert_array_equal(lists.smallest([401.0], shift)[:, 0], [np.inf, np.inf, np.nan, np.inf])


def test_memory_does_not_grow_with_the_questions():
    rng = np.random.default_rng(0)
    scores, owner = rng.normal(size=2000), np.arange(2000)
    for n_lists in (2000, 10):
        lists = ShiftedLists(scores, owner % n_lists, n_lists)
        shift = rng.normal(size=(2000, n_lists))  # all numbers together: 32 MB
        tracemalloc.start()
        lists.smallest([1800.0], shift)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 25e6
