"""Coverage in groups: sums, exact limits, flags, and the table."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom, binomtest

from skboost.metrics import (
    GroupCoverage,
    coverage_by_group,
    coverage_score,
    mean_interval_width,
    mean_set_size,
    set_coverage_score,
)

ARRAYS = ["n_rows", "n_covered", "coverage", "low", "high", "size", "too_low", "too_high"]


@pytest.fixture
def rows():
    """Numbers, intervals that cover them less the wilder their group is, and the groups."""
    rng = np.random.default_rng(0)
    group = rng.choice(["calm", "mild", "wild"], p=[0.6, 0.3, 0.1], size=300)
    spread = pd.Series(group).map({"calm": 1, "mild": 1.3, "wild": 3}).to_numpy()
    interval = np.sort(rng.normal(size=(300, 2)), axis=1) + [-1.5, 1.5]
    return rng.normal(size=300) * spread, interval, group


def same(first, second):
    assert_array_equal(first.group, second.group)
    for name in ARRAYS:
        assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-12, err_msg=name)


# -- counts and limits -----------------------------------------------------------------------------------------------


def test_each_group_is_scored_alone(rows):
    y, interval, group = rows
    found = coverage_by_group(y, interval, group, confidence_level=0.9)
    assert isinstance(found, GroupCoverage)
    assert_array_equal(found.group, ["calm", "mild", "wild"])
    for k, name in enumerate(found.group):
        inside = group == name
        assert found.n_rows[k] == inside.sum()
        assert_allclose(found.coverage[k], coverage_score(y[inside], interval[inside]))
        assert_allclose(found.size[k], mean_interval_width(interval[inside]))
    assert found.overall.n_rows == 300
    assert_allclose(found.overall.coverage, coverage_score(y, interval))
    assert_allclose(found.overall.size, mean_interval_width(interval))
    assert found.kind == "interval"


def test_sets_are_scored_too():
    rng = np.random.default_rng(1)
    labels = np.array(["a", "b", "c"])
    y, sets, group = rng.choice(labels, 200), rng.random((200, 3)) < 0.7, rng.integers(0, 2, 200)
    found = coverage_by_group(y, sets, group, confidence_level=0.7)
    assert found.kind == "set"
    for k in range(2):
        inside = group == k
        expected = set_coverage_score(y[inside], sets[inside], labels=labels)
        assert_allclose(found.coverage[k], expected)
        assert_allclose(found.size[k], mean_set_size(sets[inside]))
    order = [1, 2, 0]
    same(
        coverage_by_group(y, sets[:, order], group, confidence_level=0.7, labels=labels[order]),
        found,
    )


@pytest.mark.parametrize("simultaneous", [False, True])
def test_limits_are_those_of_scipy(rows, simultaneous):
    found = coverage_by_group(
        *rows, confidence_level=0.9, limits_level=0.8, simultaneous=simultaneous
    )
    level = 1 - 0.2 / 3 if simultaneous else 0.8
    for part, each in ((found, level), (found.overall, 0.8)):
        for k in range(len(part.group)):
            counts = int(part.n_covered[k]), int(part.n_rows[k])
            limits = binomtest(*counts).proportion_ci(each, method="exact")
            assert_allclose([part.low[k], part.high[k]], [limits.low, limits.high], rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_limits_of_all_counts(n):
    """No row covered up to all rows covered."""
    y = (np.arange(n + 1)[:, None] <= np.arange(n)).astype(float).ravel()  # k ones in group n - k
    interval = np.tile([-0.5, 0.5], (len(y), 1))
    group = np.repeat(np.arange(n + 1), n)
    found = coverage_by_group(y, interval, group, confidence_level=0.9, simultaneous=False)
    assert_array_equal(np.sort(found.n_covered), np.arange(n + 1))
    for k in range(n + 1):
        limits = binomtest(int(found.n_covered[k]), n).proportion_ci(0.95, method="exact")
        assert_allclose([found.low[k], found.high[k]], [limits.low, limits.high], rtol=1e-9)
    low, high = found.expected()
    outside = (found.coverage < low) | (found.coverage > high)
    assert_array_equal(outside, found.too_low | found.too_high)
    hits = found.n_covered  # flagged if one tail of the binomial law is rarer than 2.5 %
    rare = np.minimum(binom.cdf(hits, n, 0.9), binom.sf(hits - 1, n, 0.9)) < 0.025
    assert_array_equal(rare, outside)


def test_flags_tell_which_groups_fail(rows):
    y, interval, group = rows
    found = coverage_by_group(y, interval, group, confidence_level=0.9)
    assert_array_equal(found.too_low, [False, False, True])
    assert not found.too_high.any()
    wide = interval + np.where(group == "calm", 9, 0)[:, None] * [-1, 1]
    found = coverage_by_group(y, wide, group, confidence_level=0.9)
    assert_array_equal(found.too_high, [True, False, False])


def test_simultaneous_flags_are_rarely_wrong():
    """5 % of samples with any flag at most, if all groups keep the level; each alone flags far more often."""
    rng = np.random.default_rng(0)
    y = np.zeros(600)
    group = np.repeat(np.arange(20), 30)
    flagged = {True: 0, False: 0}
    for _ in range(200):
        covered = rng.random(600) < 0.8
        interval = np.column_stack([np.where(covered, -1, 1), np.ones(600)])
        for joint in flagged:
            found = coverage_by_group(y, interval, group, confidence_level=0.8, simultaneous=joint)
            flagged[joint] += bool((found.too_low | found.too_high).any())
    assert flagged[True] <= binom.ppf(1 - 1e-4, 200, 0.05)
    assert flagged[False] > flagged[True]


def test_expected_shares_are_where_the_level_is_within_the_limits():
    """The ends of the bars, for weights that are no counts too."""
    weight = np.array([0.4, 3.0, 17.5, 400.0])
    y = np.zeros(4)
    interval = np.tile([-1, 1], (4, 1))
    found = coverage_by_group(y, interval, range(4), confidence_level=0.9, sample_weight=weight)
    low, high = found.expected()
    assert ((low >= 0) & (low < 0.9) & (high > 0.9) & (high <= 1)).all()
    for k in range(4):
        for share, end in ((low[k], "high"), (high[k], "low")):
            if share in (0, 1):
                continue
            parts = coverage_by_group(
                [0.0, 5.0] * 4,
                [[-1, 1]] * 8,
                np.arange(4).repeat(2),
                confidence_level=0.9,
                sample_weight=np.column_stack([weight * share, weight * (1 - share)]).ravel(),
            )
            assert_allclose(getattr(parts, end)[k], 0.9, rtol=1e-9)


# -- weights and groups ----------------------------------------------------------------------------------------------


def test_weights_count_copies(rows):
    y, interval, group = rows
    count = np.random.default_rng(2).integers(0, 3, 300)
    copies = np.repeat(np.arange(300), count)
    same(
        coverage_by_group(y, interval, group, confidence_level=0.9, sample_weight=count),
        coverage_by_group(y[copies], interval[copies], group[copies], confidence_level=0.9),
    )
    same(
        coverage_by_group(y, interval, y, n_bins=4, confidence_level=0.9, sample_weight=count),
        coverage_by_group(y[copies], interval[copies], y[copies], n_bins=4, confidence_level=0.9),
    )


def test_weight_zero_removes_groups(rows):
    y, interval, group = rows
    weight = (group != "wild").astype(float)
    found = coverage_by_group(y, interval, group, confidence_level=0.9, sample_weight=weight)
    assert_array_equal(found.group, ["calm", "mild"])
    interval[group == "wild"] = -np.inf, np.inf
    found = coverage_by_group(y, interval, group, confidence_level=0.9, sample_weight=weight)
    assert np.isfinite(found.overall.size).all()


def test_infinite_intervals_show_in_the_width(rows):
    y, interval, group = rows
    interval[np.flatnonzero(group == "wild")[0]] = -np.inf, np.inf
    found = coverage_by_group(y, interval, group, confidence_level=0.9)
    assert_array_equal(np.isinf(found.size), [False, False, True])
    assert np.isinf(found.overall.size)
    assert " inf" in str(found)


@pytest.mark.parametrize(
    "groups",
    [
        lambda group: group.tolist(),
        lambda group: group.astype(object),
        pd.Series,
        pl.Series,
        lambda group: pd.Series(group, index=np.arange(300)[::-1]),
        lambda group: pd.Series(group).convert_dtypes(),
        lambda group: pd.Series(group, dtype="category"),
    ],
)
def test_groups_may_be_in_any_container(rows, groups):
    y, interval, group = rows
    expected = coverage_by_group(y, interval, group, confidence_level=0.9)
    same(coverage_by_group(y, interval, groups(group), confidence_level=0.9), expected)
    tables = coverage_by_group(
        pl.Series(y), pd.DataFrame(interval), groups(group), confidence_level=0.9
    )
    same(tables, expected)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_categories_keep_their_order(rows, kind):
    y, interval, group = rows
    order = ["wild", "none", "mild", "calm"]
    if kind == "pandas":
        column = pd.Series(pd.Categorical(group, categories=order, ordered=True))
    else:
        column = pl.Series(group, dtype=pl.Enum(order))
    found = coverage_by_group(y, interval, column, confidence_level=0.9)
    assert_array_equal(found.group, ["wild", "mild", "calm"])
    expected = coverage_by_group(y, interval, group, confidence_level=0.9)
    assert_array_equal(found.coverage, expected.coverage[::-1])


@pytest.mark.parametrize("labels", [[0, 1, 2], [0.5, 1.5, 2.5], [-3, -2, 10**15]])
def test_groups_may_be_numbers(rows, labels):
    y, interval, group = rows
    numbers = np.asarray(labels)[np.unique(group, return_inverse=True)[1]]
    found = coverage_by_group(y, interval, numbers, confidence_level=0.9)
    assert_array_equal(found.group, labels)
    expected = coverage_by_group(y, interval, group, confidence_level=0.9)
    assert_array_equal(found.coverage, expected.coverage)


def test_bins_hold_equal_mass_and_keep_ties_together():
    x = np.r_[np.arange(40), np.full(20, 100.0)]
    y, interval = np.zeros(60), np.tile([-1, 1], (60, 1))
    found = coverage_by_group(y, interval, x, n_bins=3, confidence_level=0.9)
    assert_array_equal(found.group, ["0 to 19", "20 to 39", "100"])
    assert_array_equal(found.n_rows, [20, 20, 20])
    one = coverage_by_group(y, interval, np.ones(60), n_bins=3, confidence_level=0.9)
    assert_array_equal(one.group, ["1"])


def test_names_of_bins_have_as_many_digits_as_tell_them_apart():
    x = 1000 + np.arange(30) / 1000
    interval = np.tile([-1, 1], (30, 1))
    found = coverage_by_group(np.zeros(30), interval, x, n_bins=3, confidence_level=0.9)
    assert_array_equal(found.group, ["1000 to 1000.01", "1000.01 to 1000.02", "1000.02 to 1000.03"])


# -- the table -------------------------------------------------------------------------------------------------------


def test_the_table_shows_groups_and_all_rows(rows):
    found = coverage_by_group(*rows, confidence_level=0.9)
    lines = str(found).splitlines()
    assert lines[0] == (
        "coverage of intervals, wished 90 %; limits of 95 % confidence for all groups together"
    )
    assert [line.split()[0] for line in lines[1:]] == ["group", "calm", "mild", "wild", "all"]
    assert lines[4].endswith("too low")
    assert all(len(line) <= 80 for line in lines[1:])
    alone = coverage_by_group(*rows, confidence_level=0.9, simultaneous=False)
    assert "together" not in str(alone)


def test_the_frame_has_a_row_for_each_group(rows):
    found = coverage_by_group(*rows, confidence_level=0.9)
    frame = found.to_frame()
    assert frame["group"].tolist() == ["calm", "mild", "wild"]
    assert_array_equal(frame["coverage"], found.coverage)
    assert_array_equal(frame["too_low"], found.too_low)
    assert_array_equal(frame["mean_width"], found.size)


def test_results_can_be_pickled(rows):
    found = coverage_by_group(*rows, confidence_level=0.9)
    again = pickle.loads(pickle.dumps(found))
    same(again, found)
    assert str(again) == str(found)


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": ["a", "b"]}, "groups has 2 rows, but the prediction has 3"),
        ({"groups": ["a", None, "b"]}, "groups contains NaN or None; give rows without a group"),
        ({"groups": [1.0, np.nan, 2.0]}, "groups contains NaN or None"),
        ({"groups": np.array(["a", 1, "b"], dtype=object)}, "groups mixes labels"),
        ({"groups": [[1, 2]] * 3}, "1d array"),
        ({"groups": ["a", "b", "c"], "n_bins": 2}, "groups must be an array of numbers"),
        ({"groups": [1.0, np.nan, 2.0], "n_bins": 2}, "groups contains NaN"),
        ({"n_bins": 0}, "n_bins=0"),
        ({"confidence_level": 90}, "confidence_level=90"),
        ({"limits_level": 1.0}, "limits_level=1.0"),
        ({"simultaneous": 1}, "simultaneous=1"),
        ({"labels": [0, 1]}, "labels cannot act with intervals"),
        (
            {"prediction": np.zeros((3, 2, 2))},
            r"of 2 levels; pass one of them, prediction\[..., j\]",
        ),
        ({"prediction": [[0, 1, 1]] * 3}, r"interval has shape \(3, 3\)"),
        ({"prediction": [[1, 0]] * 3}, "lower end above"),
        ({"y_true": [0.0, 1.0]}, "y_true has 2 rows"),
        ({"sample_weight": [1, 1]}, "one number for each of the 3 rows"),
    ],
)
def test_bad_input_gets_a_sentence(change, words):
    given = {
        "y_true": [0.0, 1.0, 2.0],
        "prediction": [[0, 1]] * 3,
        "groups": ["a", "b", "a"],
        "confidence_level": 0.9,
    } | change
    arrays = [given.pop(name) for name in ("y_true", "prediction", "groups")]
    with pytest.raises(ValueError, match=words):
        coverage_by_group(*arrays, **given)
