"""Which rows and columns a stage sees, and which rows judge it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skboost._ext.packed import PackedRows
from skboost.boosting._folds import held_out_parts, rows_to_fit
from skboost.boosting._sampling import RowSampler, draw_columns, spread_order
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor


def generator(seed=0):
    return np.random.default_rng(seed)


STRATA = np.repeat([0, 1, 2, 3], [500, 300, 190, 10])


# -- order of storage


def test_spread_order_is_a_permutation_that_seeds_decide():
    for strata in (None, STRATA):
        order = spread_order(strata, 1000, generator())
        assert_array_equal(np.sort(order), np.arange(1000))
        assert_array_equal(order, spread_order(strata, 1000, generator()))
        assert (order != spread_order(strata, 1000, generator(1))).mean() > 0.9


@pytest.mark.parametrize("stretch", [64, 100, 250])
def test_every_stretch_of_spread_order_holds_the_shares_of_the_classes(stretch):
    for seed in range(5):
        codes = STRATA[spread_order(STRATA, 1000, generator(seed))]
        for start in range(0, 1000 - stretch, 37):
            found = np.bincount(codes[start : start + stretch], minlength=4)
            assert (np.abs(found - stretch * np.bincount(STRATA) / 1000) < 2).all()


def test_within_a_class_spread_order_is_uniform():
    places = np.array(
        [np.argsort(spread_order(STRATA, 1000, generator(s)))[[0, 499]] for s in range(400)]
    )
    for place in places.T:
        assert abs(place.mean() / 1000 - 0.5) < 0.05
        assert np.ptp(place) > 900


# -- rows of a stage


def test_all_rows_are_none_to_draw():
    assert RowSampler(1.0, STRATA, by_block=False).draw(1000, generator()) is None


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9])
def test_drawn_rows_keep_the_shares_of_the_classes(fraction):
    sampler = RowSampler(fraction, STRATA, by_block=False)
    seen = np.zeros(1000)
    for seed in range(60):
        drawn = sampler.draw(1000, generator(seed))
        assert (np.diff(drawn) > 0).all()  # increasing, none twice
        expected = np.maximum(1, np.round(fraction * np.bincount(STRATA)))
        assert_array_equal(np.bincount(STRATA[drawn], minlength=4), expected)
        seen[drawn] += 1
    assert abs(seen[:500].mean() / 60 - fraction) < 0.01
    assert seen[:500].std() / 60 < 3 * np.sqrt(fraction * (1 - fraction) / 60)


def test_rows_without_classes():
    drawn = RowSampler(0.3, None, by_block=False).draw(101, generator())
    assert len(drawn) == 30
    assert len(RowSampler(0.001, None, by_block=False).draw(101, generator())) == 1


@pytest.mark.parametrize("n_rows", [6400, 6401, 6463])
def test_blocks_are_drawn_as_a_whole(n_rows):
    table = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    rows = PackedRows.from_dense(table, dtype=np.float64)
    sampler = RowSampler(0.25, None, by_block=True)
    for seed in range(20):
        drawn = sampler.draw(n_rows, generator(seed))
        assert abs(len(drawn) - 0.25 * n_rows) <= 64
        assert drawn.max() < n_rows
        assert_array_equal(sampler.take(rows, drawn).to_dense(), table[drawn])


def test_single_rows_are_taken_as_well():
    table = np.arange(200.0)[:, None]
    sampler = RowSampler(0.4, None, by_block=False)
    drawn = sampler.draw(200, generator())
    rows = PackedRows.from_dense(table, dtype=np.float64)
    assert_array_equal(sampler.take(rows, drawn).to_dense(), table[drawn])


# -- columns of a stage


def test_columns_are_drawn_evenly_and_in_order():
    seen = np.zeros(20)
    for seed in range(300):
        columns = draw_columns(0.3, 20, generator(seed))
        assert len(columns) == 6
        assert (np.diff(columns) > 0).all()
        seen[columns] += 1
    assert (np.abs(seen / 300 - 0.3) < 0.1).all()
    assert draw_columns(1.0, 20, generator()) is None
    assert len(draw_columns(0.001, 20, generator())) == 1


def test_columns_that_were_not_drawn_have_no_weights(breast_cancer):
    X, y = breast_cancer
    model = BoostedNetworkClassifier(n_stages=6, max_features=0.3, random_state=0).fit(X, y)
    for stage in model.model_.stages[1:]:
        for term in stage:
            assert np.count_nonzero(term.unit.hidden.any(axis=1)) == 9


def test_few_columns_are_never_left_out(diabetes):
    X, y = diabetes
    settings = {"n_stages": 3, "random_state": 0, "early_stopping": False}
    model = BoostedNetworkRegressor(max_features=0.1, **settings).fit(X, y)
    used = [np.count_nonzero(s[0].unit.hidden.any(axis=1)) for s in model.model_.stages[1:]]
    assert min(used) == max(used) >= 4
    model.fit(X[:, :3], y)
    assert all(s[0].unit.hidden.any(axis=1).all() for s in model.model_.stages[1:])


# -- held-out rows


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
@pytest.mark.parametrize("strata", [None, STRATA, STRATA[::-1], STRATA % 2])
def test_folds_part_the_rows_in_the_shares_of_the_classes(folds, strata):
    for seed in range(5):
        parts = held_out_parts(strata, 1000, folds, generator(seed), in_spread_order=False)
        assert len(parts) == folds
        assert_array_equal(np.sum(parts, axis=0), np.ones(1000))
        sizes = [part.sum() for part in parts]
        assert max(sizes) - min(sizes) <= 1
        if strata is not None:
            for code in np.unique(strata):
                shares = [np.count_nonzero(strata[part] == code) for part in parts]
                assert max(shares) - min(shares) <= 1


def test_rare_classes_are_spread_over_the_folds():
    """Every twentieth row is of the rare class: a pattern that must not meet that of the folds."""
    for rare, common in ((5, 95), (10, 90), (20, 80), (25, 75)):
        strata = np.repeat([1, 0], [rare, common])
        for seed in range(5):
            parts = held_out_parts(strata, 100, 5, generator(seed), in_spread_order=False)
            assert {int(strata[part].sum()) for part in parts} == {rare // 5}


def test_a_class_smaller_than_the_number_of_folds_is_held_out_by_nobody():
    strata = np.repeat([0, 1], [97, 3])
    parts = held_out_parts(strata, 100, 5, generator(), in_spread_order=False)
    assert not any(strata[part].any() for part in parts)


def test_a_share_of_the_rows():
    for strata in (None, STRATA):
        (part,) = held_out_parts(strata, 1000, 0.2, generator(), in_spread_order=False)
        assert part.sum() == 200
        if strata is not None:
            found = np.bincount(strata[part], minlength=4)
            assert (np.abs(found - 0.2 * np.bincount(strata)) <= 1).all()
    (part,) = held_out_parts(None, 1000, 0.2, generator(), in_spread_order=True)
    assert_array_equal(part, np.arange(1000) >= 800)
    assert rows_to_fit(part) == 800


def test_rows_to_fit_are_the_first_ones_or_unknown():
    assert rows_to_fit(np.array([False, False, True])) == 2
    assert rows_to_fit(np.array([False, True, False])) is None
    assert rows_to_fit(np.array([True, True])) is None
    assert rows_to_fit(np.array([False, False])) is None
