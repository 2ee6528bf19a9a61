"""Coverage and size of sets of labels."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.metrics import mean_set_size, set_coverage_score

NAMES = np.array(["high", "low", "middle"])


@pytest.fixture
def rows():
    """Labels, and sets of three labels, empty and full ones among them."""
    rng = np.random.default_rng(0)
    sets = rng.random((50, 3)) < 0.6
    sets[:2] = [[False] * 3, [True] * 3]
    return rng.integers(0, 3, 50), sets


def test_values_of_the_definition(rows):
    y, sets = rows
    members = [set(np.flatnonzero(row)) for row in sets]
    assert set_coverage_score(y, sets) == np.mean(
        [label in held for label, held in zip(y, members, strict=True)]
    )
    assert mean_set_size(sets) == np.mean([len(held) for held in members])
    assert isinstance(set_coverage_score(y, sets), float)
    assert isinstance(mean_set_size(sets), float)


def test_several_levels_at_once(rows):
    y, sets = rows
    several = np.stack([sets, sets | (np.arange(3) == 1), np.ones_like(sets)], axis=-1)
    coverage, size = set_coverage_score(y, several), mean_set_size(several)
    assert_array_equal(coverage, [set_coverage_score(y, several[..., j]) for j in range(3)])
    assert_array_equal(size, [mean_set_size(several[..., j]) for j in range(3)])
    assert coverage[2] == 1.0
    assert size[2] == 3.0


@pytest.mark.parametrize("dtype", [str, object])
@pytest.mark.parametrize("container", [np.asarray, list, pd.Series, pl.Series, pd.Categorical])
def test_labels_may_be_strings(rows, dtype, container):
    y, sets = rows
    expected = set_coverage_score(y, sets)
    words = container(NAMES.astype(dtype)[y])
    assert set_coverage_score(words, sets) == expected
    order = [2, 0, 1]
    assert set_coverage_score(words, sets[:, order], labels=NAMES[order]) == expected


def test_labels_may_be_booleans_and_any_numbers():
    sets = [[True, False], [True, True]]
    assert set_coverage_score([True, True], sets) == 0.5
    assert set_coverage_score([-1, 1], sets) == 1.0
    assert set_coverage_score([1, 1], sets) == 0.5
    assert set_coverage_score([2.0, 7.0], sets) == 1.0


def test_a_label_without_a_column_is_missed(rows):
    y, sets = rows
    strange = np.where(np.arange(50) < 5, 9, y)
    sets = np.ones_like(sets)
    assert set_coverage_score(strange, sets, labels=[0, 1, 2]) == 0.9
    with pytest.raises(ValueError, match=r"none of the labels of y_true \(\[0, 1, 2\]\) is among"):
        set_coverage_score(y, sets, labels=NAMES)


def test_a_class_may_be_absent_if_labels_are_given(rows):
    sets = rows[1]
    y = np.zeros(50, dtype=int)
    assert set_coverage_score(y, sets, labels=[0, 1, 2]) == sets[:, 0].mean()
    with pytest.raises(ValueError, match=r"1 different label\(s\) \(\[0\]\), but sets speaks of 3"):
        set_coverage_score(y, sets)


def test_weights_count_copies_and_0_removes(rows):
    y, sets = rows
    count = np.random.default_rng(2).integers(0, 4, 50)
    copies = np.repeat(np.arange(50), count)
    assert_allclose(
        set_coverage_score(y, sets, sample_weight=count),
        set_coverage_score(y[copies], sets[copies]),
    )
    assert_allclose(mean_set_size(sets, sample_weight=count), mean_set_size(sets[copies]))


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, np.ndarray.tolist, np.asarray])
def test_containers_do_not_matter(rows, table):
    y, sets = rows
    for kind in (bool, int, float):
        given = table(sets.astype(kind))
        assert set_coverage_score(y, given) == set_coverage_score(y, sets)
        assert mean_set_size(given) == mean_set_size(sets)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ([[0.2, 0.8]], "sets must hold True and False only.*p > 1 - confidence_level"),
        ([[1, 2]], "True and False only"),
        ([[np.nan, 1]], "True and False only"),
        ([["a", "b"]], "True and False only"),
        ([True, False], r"sets has shape \(2,\)"),
        (np.ones((0, 2), dtype=bool), "at least one row"),
        (np.ones((1, 2, 3, 4), dtype=bool), r"shape \(1, 2, 3, 4\)"),
    ],
)
def test_what_are_no_sets_is_refused(sets, words):
    with pytest.raises(ValueError, match=words):
        mean_set_size(sets)
    with pytest.raises(ValueError, match=words):
        set_coverage_score([0], sets)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_true": [0, 1]}, "y_true has 2 rows, but sets has 3"),
        ({"y_true": [0, np.nan, 1]}, "y_true contains NaN"),
        ({"y_true": [0.5, 0, 1]}, "were y_true and sets swapped"),
        ({"labels": [0, 1, 2]}, "must hold 2 different labels, one for each class of sets"),
        ({"labels": [1, 1]}, "must hold 2 different labels"),
        ({"sample_weight": [1, 1]}, "one number for each of the 3 rows"),
    ],
)
def test_bad_input_gets_a_sentence(change, words):
    given = {"y_true": [0, 1, 1], "sets": np.ones((3, 2), dtype=bool)} | change
    with pytest.raises(ValueError, match=words):
        set_coverage_score(given.pop("y_true"), given.pop("sets"), **given)
