"""Expected, maximum and adaptive calibration error."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from skboost.metrics import (
    adaptive_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)


def overconfident(n=1000):
    """Probabilities expit(2 x) of an event that has probability expit(x)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(n)
    y = rng.random(n) < expit(x)
    return y.astype(int), expit(2 * x)


def four_classes(n=1000):
    """Probabilities of four classes that should be closer to one another."""
    rng = np.random.default_rng(0)
    weights = np.exp(2 * rng.standard_normal((n, 4)))
    said = weights / weights.sum(axis=1, keepdims=True)
    true = np.sqrt(said) / np.sqrt(said).sum(axis=1, keepdims=True)
    y = (rng.random((n, 1)) >= true.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return y, said


def by_loop(y, p, n_bins, norm="l1", debiased=False):
    """The definition, bin by bin, with the edges j / n_bins."""
    error = 0.0
    for j in range(n_bins):
        inside = (p >= j / n_bins) & ((p < (j + 1) / n_bins) | (j == n_bins - 1))
        n = inside.sum()
        if not n:
            continue
        accuracy = y[inside].mean()
        gap = abs(accuracy - p[inside].mean())
        noise = accuracy * (1 - accuracy) / (n - 1) if debiased and n > 1 else 0.0
        square = gap**2 - noise if n > 1 or not debiased else 0.0
        part = {"l1": gap, "l2": square, "max": gap}[norm]
        error = max(error, part) if norm == "max" else error + n / len(p) * part
    return np.sqrt(max(error, 0.0)) if norm == "l2" else error


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("n_bins", [1, 2, 7, 10, 15, 100, 1000])
@pytest.mark.parametrize("n", [1, 5, 200])
def test_the_error_is_that_of_a_loop_over_bins(n, n_bins, norm):
    rng = np.random.default_rng([n, n_bins])
    # 0, 1 and edges of bins among them
    grid = np.concatenate([[0.0, 1.0], np.arange(n_bins) / n_bins, np.arange(n_bins) * 0.01 % 1])
    p = np.where(rng.random(n) < 0.5, rng.random(n), rng.choice(grid, n))
    y = rng.integers(0, 2, n)
    found = expected_calibration_error(y, p, kind="binary", n_bins=n_bins, norm=norm)
    assert_allclose(found, by_loop(y, p, n_bins, norm), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("n_bins", [1, 15, 300])
def test_the_debiased_error_is_that_of_a_loop_over_bins(n_bins):
    y, p = overconfident(500)
    found = expected_calibration_error(y, p, kind="binary", n_bins=n_bins, norm="l2", debiased=True)
    assert_allclose(found, by_loop(y, p, n_bins, "l2", debiased=True), rtol=1e-11)


def test_debiased_squares_are_zero_on_average_for_a_calibrated_model():
    rng = np.random.default_rng(0)
    squares = []
    for _ in range(500):
        p = rng.choice([0.1, 0.3, 0.5, 0.7, 0.9], 60)
        y = rng.random(60) < p
        plain = expected_calibration_error(y, p, kind="binary", norm="l2") ** 2
        debiased = expected_calibration_error(y, p, kind="binary", norm="l2", debiased=True) ** 2
        squares.append((plain, debiased))
    plain, debiased = np.mean(squares, axis=0)
    # the floor at 0 leaves the positive half, which is much less than what chance adds to a plain square
    assert debiased < 0.4 * plain


def test_a_bin_of_one_row_has_no_debiased_error():
    assert (
        expected_calibration_error([1, 0], [0.1, 0.9], kind="binary", norm="l2", debiased=True)
        == 0.0
    )


@pytest.mark.parametrize("y", [[0, 1], [1, 0], [1, 1], [0, 0]])
def test_probabilities_of_0_and_1_have_bins(y):
    error = expected_calibration_error(y, [0.0, 1.0], kind="binary")
    assert error == (abs(y[0] - 0) + abs(y[1] - 1)) / 2


# torchmetrics 1.9.0 (binary_calibration_error, n_bins=15) and netcal 1.4.0 (ECE(15), MCE(15)) on overconfident();
# MAPIE 1.6.0 with num_bins=16 agrees, with num_bins=15 it has 14 bins
BINARY = {"l1": 0.13170044660163485, "l2": 0.14928736496300676, "max": 0.26149813050973475}
# torchmetrics 1.9.0 (multiclass_calibration_error, n_bins=15, float32) and netcal 1.4.0 on four_classes()
TOP_LABEL = {"l1": 0.16900279068079527, "l2": 0.18624818325042725, "max": 0.31572042701391706}


@pytest.mark.parametrize("norm", BINARY)
def test_the_error_of_one_event_is_that_of_other_packages(norm):
    y, p = overconfident()
    error = expected_calibration_error(y, p, kind="binary", norm=norm)
    assert_allclose(error, BINARY[norm], rtol=1e-13)


@pytest.mark.parametrize("norm", TOP_LABEL)
def test_the_error_of_top_labels_is_that_of_other_packages(norm):
    y, p = four_classes()
    error = expected_calibration_error(y, p, kind="top_label", norm=norm)
    assert_allclose(error, TOP_LABEL[norm], rtol=1e-6)


def test_without_ties_equal_mass_is_that_of_netcal():
    y, p = overconfident()
    # netcal 1.4.0: ECE(15, equal_intervals=False)
    assert_allclose(adaptive_calibration_error(y, p, kind="binary"), 0.13310251008690882)


def test_maximum_is_the_norm_max():
    y, p = four_classes(300)
    for kind in ("top_label", "classwise"):
        for strategy in ("uniform", "quantile"):
            options = {"kind": kind, "strategy": strategy, "n_bins": 9}
            assert maximum_calibration_error(y, p, **options) == expected_calibration_error(
                y, p, norm="max", **options
            )


def test_norms_are_ordered():
    y, p = overconfident(200)
    l1, l2, worst = (
        expected_calibration_error(y, p, kind="binary", norm=norm) for norm in ("l1", "l2", "max")
    )
    assert l1 <= l2 <= worst


def test_top_label_asks_whether_the_likeliest_class_is_right():
    y, p = four_classes(400)
    right = p.argmax(axis=1) == y
    assert expected_calibration_error(y, p, kind="top_label") == expected_calibration_error(
        right, p.max(axis=1), kind="binary"
    )


def test_of_two_equal_probabilities_the_first_class_is_the_top_label():
    p = np.array([0.5, 0.5, 0.52])
    expected = abs(2 / 3 - p.mean())
    for given in (p, np.column_stack([1 - p, p])):
        error = expected_calibration_error([0, 0, 0], given, kind="top_label", labels=[0, 1])
        assert_allclose(error, expected)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_classwise_combines_the_errors_of_all_classes(norm):
    y, p = four_classes(400)
    each = [expected_calibration_error(y == k, p[:, k], kind="binary", norm=norm) for k in range(4)]
    expected = {"l1": np.mean(each), "l2": np.sqrt(np.mean(np.square(each))), "max": max(each)}
    assert_allclose(
        expected_calibration_error(y, p, kind="classwise", norm=norm), expected[norm], rtol=1e-13
    )


def test_one_number_a_row_speaks_of_two_classes():
    y, p = overconfident(300)
    columns = np.column_stack([1 - p, p])
    for kind in ("binary", "top_label", "classwise"):
        one = expected_calibration_error(y, p, kind=kind)
        assert_allclose(expected_calibration_error(y, columns, kind=kind), one, rtol=1e-13)


def test_nixons_definition_holds_for_equal_ranges():
    y, p = four_classes(150)
    total = 0.0
    for k in range(4):
        order = np.argsort(p[:, k])
        for part in np.split(order, 15):
            total += abs((y[part] == k).mean() - p[part, k].mean())
    found = adaptive_calibration_error(y, p, kind="classwise", n_bins=15)
    assert_allclose(found, total / (4 * 15), rtol=1e-12)


def test_a_threshold_leaves_small_probabilities_out():
    y, p = four_classes(300)
    each = [
        adaptive_calibration_error((y == k)[kept], p[kept, k], kind="binary")
        for k in range(4)
        for kept in [p[:, k] > 0.2]
    ]
    found = adaptive_calibration_error(y, p, kind="classwise", threshold=0.2)
    assert_allclose(found, np.mean(each), rtol=1e-13)


def test_a_class_that_nobody_expects_is_left_out_by_a_threshold():
    p = np.array([[0.6, 0.39, 0.01]] * 10)
    y = [0] * 5 + [1] * 5
    found = adaptive_calibration_error(
        y, p, kind="classwise", threshold=0.1, labels=[0, 1, 2], n_bins=3
    )
    assert_allclose(found, (0.1 + 0.11) / 2)


def test_equal_probabilities_share_a_bin_of_equal_mass():
    # the edge between two halves would fall into the five equal ones; their middle rank, 5.5 of 10, is in the second
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.8, 0.9])
    y = np.array([0, 0, 1, 1, 1, 0, 0, 0, 1, 1])
    halves = [slice(0, 3), slice(3, 10)]
    expected = sum(abs((y[h] - p[h]).sum()) for h in halves) / 10
    rng = np.random.default_rng(0)
    for _ in range(20):
        order = rng.permutation(10)
        error = adaptive_calibration_error(y[order], p[order], kind="binary", n_bins=2)
        assert_allclose(error, expected, rtol=1e-13)


@pytest.mark.parametrize("n_bins", [1, 2, 15, 1000])
def test_edges_of_equal_mass_may_coincide(n_bins):
    error = adaptive_calibration_error([0, 1, 1, 1], [0.5] * 4, kind="binary", n_bins=n_bins)
    assert error == 0.25
    p = [0.2] * 7 + [0.9] * 2
    error = adaptive_calibration_error([0, 1] * 4 + [0], p, kind="binary", n_bins=n_bins)
    parts = [3 - 7 * 0.2, 1 - 2 * 0.9]
    expected = abs(sum(parts)) if n_bins == 1 else sum(map(abs, parts))
    assert_allclose(error, expected / 9, rtol=1e-12)


def test_more_bins_than_rows_of_equal_mass_are_fine():
    y, p = overconfident(10)
    error = adaptive_calibration_error(y, p, kind="binary", n_bins=100)
    assert_allclose(error, np.abs(y - p).mean(), rtol=1e-13)


@pytest.mark.parametrize("function", [expected_calibration_error, maximum_calibration_error])
def test_the_kind_must_be_chosen(function):
    for options in ({}, {"kind": None}, {"kind": "confidence"}):
        with pytest.raises(ValueError, match="binary.*top_label.*classwise"):
            function([0, 1], [0.2, 0.7], **options)


def test_options_that_cannot_act_are_refused():
    y, p = four_classes(20)
    with pytest.raises(ValueError, match="norm='l2'"):
        expected_calibration_error(y, p, kind="top_label", debiased=True)
    with pytest.raises(ValueError, match="one event, but y_prob has 4 columns"):
        expected_calibration_error(y, p, kind="binary")
    with pytest.raises(ValueError, match="threshold=0.99999 is not exceeded"):
        adaptive_calibration_error(y, p, kind="classwise", threshold=0.99999)


@pytest.mark.parametrize(
    "options",
    [
        {"n_bins": 0},
        {"n_bins": 2.0},
        {"strategy": "isotonic"},
        {"norm": "l3"},
        {"debiased": "yes"},
    ],
)
def test_every_option_is_checked(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}=.* expected_calibration_error"):
        expected_calibration_error([0, 1], [0.2, 0.7], kind="binary", **options)


def test_labels_give_the_order_of_columns():
    y, p = four_classes(200)
    names = np.array(["delta", "alpha", "gamma", "beta"])
    expected = expected_calibration_error(y, p, kind="classwise")
    found = expected_calibration_error(names[y], p, kind="classwise", labels=names)
    assert found == expected
    # without labels columns are those of the sorted names
    assert (
        expected_calibration_error(names[y], p[:, np.argsort(names)], kind="top_label")
    ) == expected_calibration_error(y, p, kind="top_label")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, np.float32, np.asfortranarray])
@pytest.mark.parametrize("kind", ["top_label", "classwise"])
def test_tables_of_probabilities_may_be_frames(kind, frame):
    y, p = four_classes(200)
    expected = expected_calibration_error(y, p, kind=kind)
    assert_allclose(expected_calibration_error(y, frame(p), kind=kind), expected, rtol=1e-6)


def test_a_class_may_be_absent_if_labels_are_given():
    y, p = four_classes(200)
    few = y < 3
    with pytest.raises(ValueError, match=r"3 different label.*4 classes.*labels=\[...\]"):
        expected_calibration_error(y[few], p[few], kind="top_label")
    found = expected_calibration_error(y[few], p[few], kind="top_label", labels=range(4))
    right = p[few].argmax(axis=1) == y[few]
    assert found == expected_calibration_error(right, p[few].max(axis=1), kind="binary")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, 2], "must hold 4 different labels"),
        ([0, 1, 2, 2], "must hold 4 different labels"),
        ([0, 1, 2, 7], r"y_true holds labels that .* does not: \[3\]"),
    ],
)
def test_labels_are_checked(labels, words):
    y, p = four_classes(50)
    with pytest.raises(ValueError, match=words):
        expected_calibration_error(y, p, kind="top_label", labels=labels)


def test_rows_of_several_columns_sum_to_1():
    with pytest.raises(ValueError, match="row 1 of y_prob sums to 0.9"):
        expected_calibration_error([0, 1], [[0.5, 0.5], [0.2, 0.7]], kind="binary")
    # rounded to two digits is close enough
    expected_calibration_error([0, 1, 2], [[0.33, 0.33, 0.33]] * 3, kind="top_label")
