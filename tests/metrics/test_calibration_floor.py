"""The floor of calibration errors, and the test against it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest

from skboost.metrics import calibration_floor, calibration_test, expected_calibration_error


def calibrated(n, rng, n_classes=2):
    """Labels that have the probabilities that are said."""
    if n_classes == 2:
        p = rng.random(n)
        return (rng.random(n) < p).astype(int), p
    p = rng.dirichlet(np.ones(n_classes), n)
    return (rng.random((n, 1)) >= p.cumsum(axis=1)[:, :-1]).sum(axis=1), p


@pytest.mark.parametrize(("n", "floor"), [(1000, 0.0384), (101, 0.121)])
def test_the_floor_is_known_for_evenly_spread_probabilities(n, floor):
    # sqrt(2 / pi) E[sqrt(p (1 - p))] sqrt(15 / n), of which the mean is pi / 8
    p = (np.arange(n) + 0.5) / n
    assert_allclose(calibration_floor(p, kind="binary"), floor, rtol=0.01)
    assert_allclose(np.sqrt(2 / np.pi) * np.pi / 8 * np.sqrt(15 / n), floor, rtol=0.005)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n", [1000, 101])
def test_the_floor_is_the_mean_error_of_calibrated_models(n, strategy):
    rng = np.random.default_rng(n)
    options = {"kind": "binary", "strategy": strategy}
    errors, floors = [], []
    for _ in range(1000):
        y, p = calibrated(n, rng)
        errors.append(expected_calibration_error(y, p, **options))
        floors.append(calibration_floor(p, **options))
    assert_allclose(np.mean(floors), np.mean(errors), rtol=0.05)


@pytest.mark.parametrize("kind", ["top_label", "classwise"])
def test_the_floor_holds_for_several_classes(kind):
    rng = np.random.default_rng(0)
    errors, floors = [], []
    for _ in range(300):
        y, p = calibrated(500, rng, 4)
        errors.append(expected_calibration_error(y, p, kind=kind))
        floors.append(calibration_floor(p, kind=kind))
    assert_allclose(np.mean(floors), np.mean(errors), rtol=0.05)


@pytest.mark.parametrize(("kind", "n_classes"), [("binary", 2), ("top_label", 3), ("classwise", 3)])
def test_simulated_floor_and_formula_agree(kind, n_classes):
    y, p = calibrated(2000, np.random.default_rng(1), n_classes)
    found = calibration_test(y, p, kind=kind, n_resamples=500, random_state=0)
    assert_allclose(found.floor, calibration_floor(p, kind=kind), rtol=0.04)


def test_twice_the_weight_lowers_the_floor_by_the_root_of_two():
    p = np.random.default_rng(0).random(50)
    once = calibration_floor(p, kind="binary", sample_weight=np.ones(50))
    twice = calibration_floor(p, kind="binary", sample_weight=np.full(50, 2.0))
    assert_allclose(once / twice, np.sqrt(2))


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("kind", ["binary", "top_label", "classwise"])
def test_the_error_of_the_test_is_the_calibration_error(kind, strategy, norm):
    rng = np.random.default_rng(3)
    y, p = calibrated(200, rng, 2 if kind == "binary" else 3)
    options = {"kind": kind, "strategy": strategy, "norm": norm, "n_bins": 6}
    options["sample_weight"] = rng.random(200)
    found = calibration_test(y, p, n_resamples=1, **options)
    assert_allclose(found.error, expected_calibration_error(y, p, **options), rtol=1e-10)


# 400 p-values, each a multiple of 1/100: their distribution is that of a uniform number up to 0.01
@pytest.mark.parametrize(
    ("kind", "n_classes", "options"),
    [
        ("binary", 2, {}),
        ("binary", 2, {"strategy": "quantile", "norm": "l2", "n_bins": 5}),
        ("binary", 2, {"norm": "max", "n_bins": 4}),
        ("top_label", 4, {}),
        ("classwise", 3, {"n_bins": 5}),
    ],
)
def test_p_values_of_calibrated_models_are_uniform(kind, n_classes, options):
    rng = np.random.default_rng(0)
    found = [
        calibration_test(
            *calibrated(150, rng, n_classes), kind=kind, n_resamples=99, random_state=rng, **options
        ).p_value
        for _ in range(400)
    ]
    jittered = np.array(found) - rng.random(400) / 100
    assert kstest(jittered, "uniform").pvalue > 1e-4


def test_weights_of_copies_leave_p_values_uniform():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        count = rng.integers(1, 4, 60)
        p = rng.random(60)
        # as many independent rows as the weights say, whose outcomes are given by two rows of fractional weight
        happened = rng.binomial(count, p)
        weight = np.concatenate([happened, count - happened])
        y = np.repeat([1, 0], 60)
        result = calibration_test(
            y,
            np.tile(p, 2),
            kind="binary",
            sample_weight=weight,
            n_resamples=99,
            random_state=rng,
        )
        found.append(result.p_value)
    assert kstest(np.array(found) - rng.random(300) / 100, "uniform").pvalue > 1e-4


@pytest.mark.parametrize(("kind", "n_classes"), [("binary", 2), ("top_label", 3), ("classwise", 3)])
def test_what_is_not_calibrated_is_found_out(kind, n_classes):
    y, p = calibrated(1000, np.random.default_rng(2), n_classes)
    bold = p**3 / (p**3 + (1 - p) ** 3) if n_classes == 2 else p**3 / (p**3).sum(1, keepdims=True)
    found = calibration_test(y, bold, kind=kind, n_resamples=199, random_state=0)
    assert found.p_value == 1 / 200
    assert found.error > 3 * found.floor


@pytest.mark.parametrize("kind", ["binary", "top_label", "classwise"])
def test_parts_of_rows_count_as_such(kind):
    # 800 rows of weight 0.5 scatter like 400, not like the 800 that are drawn
    _, p = calibrated(800, np.random.default_rng(6), 3 if kind != "binary" else 2)
    y = np.arange(800) % (2 if kind == "binary" else 3)
    options = {"kind": kind, "n_bins": 8, "sample_weight": np.full(800, 0.5)}
    found = calibration_test(y, p, n_resamples=500, random_state=0, **options)
    assert_allclose(found.floor, calibration_floor(p, **options), rtol=0.06)


def test_many_rows_are_drawn_in_cells_without_a_trace():
    # 5000 different probabilities in two bins: far more than there are cells, and spread over half the range each
    rng = np.random.default_rng(5)
    y, p = calibrated(5000, rng)
    found = calibration_test(y, p, kind="binary", n_bins=2, n_resamples=4000, random_state=0)
    drawn = rng.random((1000, 5000)) < p
    residual = drawn - p
    errors = (np.abs(residual[:, p < 0.5].sum(1)) + np.abs(residual[:, p >= 0.5].sum(1))) / 5000
    # standard error of the mean of 1000 errors is about 2 %; one binomial number a bin would be 20 % off
    assert_allclose(found.floor, errors.mean(), rtol=0.1)


def test_all_certain_and_right_is_calibrated():
    found = calibration_test([0, 0, 1], [0.0, 0.0, 1.0], kind="binary")
    assert found == (0.0, 0.0, 1.0)


def test_certain_and_wrong_is_not():
    found = calibration_test([0, 0, 0], [0.0, 0.0, 1.0], kind="binary", n_resamples=99)
    assert found.p_value == 0.01


@pytest.mark.parametrize("kind", ["binary", "classwise"])
def test_the_seed_decides(kind):
    y, p = calibrated(100, np.random.default_rng(0))
    same = [
        calibration_test(y, p, kind=kind, n_resamples=50, random_state=state)
        for state in (7, 7, np.random.RandomState(7), 8)
    ]
    assert same[0] == same[1] == same[2] != same[3]
    generators = [np.random.default_rng(7) for _ in range(2)]
    found = [
        calibration_test(y, p, kind=kind, n_resamples=50, random_state=rng) for rng in generators
    ]
    assert found[0] == found[1]
    again = calibration_test(y, p, kind=kind, n_resamples=50, random_state=generators[0])
    assert again != found[0]


@pytest.mark.parametrize(
    "options", [{"n_resamples": 0}, {"norm": "l0"}, {"strategy": "isotonic"}, {"n_bins": True}]
)
def test_every_option_of_the_test_is_checked(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}=.* calibration_test"):
        calibration_test([0, 1], [0.2, 0.7], kind="binary", **options)


def test_the_kind_must_be_chosen():
    with pytest.raises(ValueError, match="classwise"):
        calibration_test([0, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match="classwise"):
        calibration_floor([0.2, 0.7])


def test_heavy_rows_are_many_rows_whatever_the_kind():
    y, p = calibrated(150, np.random.default_rng(3), 3)
    rows = np.repeat(np.arange(150), 25)
    options = {"kind": "classwise", "n_resamples": 400, "random_state": 0}
    weighted = calibration_test(y, p, sample_weight=np.full(150, 25), **options)
    copied = calibration_test(y[rows], p[rows], **options)
    assert_allclose(weighted.floor, copied.floor, rtol=0.1)
    # as many copies would not fit into memory
    assert calibration_test(y, p, sample_weight=np.full(150, 1e12), **options).floor < 1e-6
