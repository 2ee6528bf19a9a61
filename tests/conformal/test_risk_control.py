"""Risk control: the rule, its guarantee, split conformal prediction as a case of it, what it refuses."""

import pickle
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skboost.conformal import ConformalRiskControl
from skboost.conformal._calibration import Calibration
from skboost.conformal._rank import exact_level
from skboost.exceptions import UncertaintyWarning

GRID = np.linspace(0, 1, 51)


def share_missed(rng, n_rows, n_labels=6, thresholds=GRID):
    """Share of the true labels that are not shown, for probabilities that are right on average only."""
    probability = rng.beta(0.5, 1.0, size=(n_rows, n_labels))
    is_true = rng.random(probability.shape) < probability**1.5
    hidden = probability[:, :, None] < 1 - thresholds
    missed = np.sum(is_true[:, :, None] & hidden, axis=1)
    return missed / np.maximum(is_true.sum(axis=1), 1)[:, None]


def test_the_rule_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    for _ in range(100):
        n_rows, risk = int(rng.integers(12, 60)), int(rng.integers(10, 60))
        losses = -np.sort(-rng.integers(0, 5, (n_rows, 8)), axis=1) / 4
        losses[:, -1] = 0.0
        control = ConformalRiskControl(risk=risk / 100).fit(losses, np.arange(8))
        sums = [sum(map(Fraction, column)) for column in losses.T]
        feasible = [(total + 1) / (n_rows + 1) <= Fraction(risk, 100) for total in sums]
        assert control.threshold_ == feasible.index(True)
        assert_allclose(control.risks_, losses.mean(axis=0))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.975, 0.99])
def test_misses_as_losses_give_split_conformal_prediction(level):
    rng = np.random.default_rng(1)
    for n_rows in [*range(100, 130), 399, 1000, 1999]:
        scores = rng.normal(size=n_rows)
        if n_rows % 2:
            scores = scores.round(1)
        thresholds = np.unique(scores)
        losses = scores[:, None] > thresholds
        control = ConformalRiskControl(risk=1 - level).fit(losses, thresholds)
        assert control.threshold_ == Calibration(scores).upper(exact_level(level))


def test_split_conformal_prediction_with_weights():
    rng = np.random.default_rng(2)
    scores, weight = rng.normal(size=200), rng.integers(0, 4, 200)
    thresholds = np.sort(scores)
    losses = scores[:, None] > thresholds
    control = ConformalRiskControl().fit(losses, thresholds, sample_weight=weight)
    kept = weight > 0
    calibration = Calibration(scores[kept], weight[kept].astype(float))
    assert control.threshold_ == calibration.upper(exact_level(0.9))


@pytest.mark.parametrize("risk", [0.05, 0.1, 0.3])
def test_the_expected_loss_is_at_most_the_risk(risk):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(500):
        losses = share_missed(rng, 140)
        control = ConformalRiskControl(risk=risk).fit(losses[:100], GRID)
        found.append(losses[100:, control.threshold_ == GRID].mean())
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) <= risk + 4 * error
    # not far below either: 2 B / (n + 1) for continuous losses, and a step of the grid
    assert np.mean(found) >= risk - 2 / 101 - 0.03 - 4 * error


def test_losses_that_rise_are_replaced_by_the_largest_further_on():
    rng = np.random.default_rng(4)
    losses = rng.random((300, 20)) * np.linspace(1, 0, 20)
    with pytest.raises(ValueError, match="300 rows rise with the threshold, the first in row 0"):
        ConformalRiskControl().fit(losses, np.arange(20))
    control = ConformalRiskControl(monotonize=True).fit(losses, np.arange(20))
    largest = np.array([[row[place:].max() for place in range(20)] for row in losses])
    expected = ConformalRiskControl().fit(largest, np.arange(20))
    assert control.threshold_ == expected.threshold_
    assert_allclose(control.risks_, expected.risks_, rtol=1e-12, atol=1e-12)


def test_losses_may_be_negative_and_larger_than_one():
    losses = np.linspace(5, -5, 11) + np.zeros((49, 1))
    control = ConformalRiskControl(risk=-1.9, bound=8).fit(losses, np.arange(11))
    assert control.threshold_ == 8  # (49 * -3 + 8) / 50 = -2.78, and one step before -1.8: too much


def test_thresholds_come_in_any_order_and_may_be_infinite():
    rng = np.random.default_rng(5)
    losses, order = share_missed(rng, 200), rng.permutation(51)
    thresholds = np.append(GRID[:-1], np.inf)
    control = ConformalRiskControl().fit(losses, thresholds)
    mixed = ConformalRiskControl().fit(losses[:, order], thresholds[order])
    assert mixed.threshold_ == control.threshold_
    assert_array_equal(mixed.thresholds_, thresholds)
    assert_allclose(mixed.risk_bounds_, control.risk_bounds_, rtol=1e-12)


def test_equality_on_paper_counts():
    """Three losses of 1/3 and the bound make 2 of 20 rows, whatever the last bit of the sum."""
    losses = np.zeros((19, 2))
    losses[:3, :] = 1 / 3
    losses[3:, 0] = 1.0
    assert ConformalRiskControl(risk=0.1).fit(losses, [0.0, 1.0]).threshold_ == 1.0


def test_no_feasible_threshold():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConformalRiskControl().fit(np.zeros((9, 2)), [0, 1])  # 1 / 10 is as small as asked for
    with pytest.warns(UncertaintyWarning, match=r"with 8 .* is 0.1111 .* needs 9 rows"):
        control = ConformalRiskControl().fit(np.zeros((8, 2)), [0, 1])
    assert control.threshold_ == 1.0
    with pytest.warns(UncertaintyWarning, match="smallest bound is 0.505"):
        control = ConformalRiskControl().fit(np.full((100, 3), 0.5), [3, 1, 2])
    assert control.threshold_ == 3.0


def test_weights_count_copies_and_zero_removes():
    rng = np.random.default_rng(6)
    losses, weight = share_missed(rng, 80), rng.integers(0, 4, 80)
    weighted = ConformalRiskControl().fit(losses, GRID, sample_weight=pd.Series(weight))
    copied = ConformalRiskControl().fit(np.repeat(losses, weight, axis=0), GRID)
    assert weighted.threshold_ == copied.threshold_
    assert_allclose(weighted.risk_bounds_, copied.risk_bounds_, rtol=1e-12)
    assert weighted.n_calibration_ == weight.sum()
    spoiled = np.where(weight[:, None] > 0, losses, 7.0)  # rows that do not count may be anything
    assert ConformalRiskControl().fit(spoiled, GRID, weight).threshold_ == weighted.threshold_


def test_frames_and_single_precision():
    losses = share_missed(np.random.default_rng(7), 80)
    control = ConformalRiskControl().fit(losses, GRID)
    frame = pd.DataFrame(losses.astype(np.float32))
    single = ConformalRiskControl().fit(frame, GRID.tolist())
    assert single.threshold_ == control.threshold_


def test_it_clones_and_pickles():
    control = ConformalRiskControl(risk=0.2, bound=2.0, monotonize=True)
    assert clone(control).get_params() == {"risk": 0.2, "bound": 2.0, "monotonize": True}
    control.fit(share_missed(np.random.default_rng(8), 50), GRID)
    assert pickle.loads(pickle.dumps(control)).threshold_ == control.threshold_


@pytest.mark.parametrize(
    ("parameters", "losses", "thresholds", "sentence"),
    [
        ({"risk": "much"}, [[0.0]], [0], "risk='much' is not valid"),
        ({"risk": 1.0}, [[0.0]], [0], "risk=1.0 must be less than bound=1.0"),
        ({"monotonize": 1}, [[0.0]], [0], "monotonize=1 is not valid"),
        ({}, [[2.0, 0.0]], [0, 1], "bound=1.0 must be at least as large as every loss"),
        ({}, [[0.0, np.nan]], [0, 1], "losses contains NaN"),
        ({}, [[0.0, 0.0]], [0, 1, 2], "each of the 2 columns"),
        ({}, [[0.0, 0.0]], [0, np.nan], "thresholds holds NaN"),
        ({}, [[1.0, 0.0]], [2, 2], "thresholds holds 2 twice"),
        ({}, np.zeros((0, 2)), [0, 1], "0 sample"),
        ({}, [0.0, 0.0], [0, 1], "2D array"),
    ],
)
def test_what_cannot_be_gets_a_sentence(parameters, losses, thresholds, sentence):
    with pytest.raises(ValueError, match=sentence):
        ConformalRiskControl(**parameters).fit(losses, thresholds)
