"""The CORP decomposition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from skboost.metrics import corp_decomposition

LOSSES = ["brier", "log"]


def sample(seed, n=200, ties=False):
    rng = np.random.default_rng(seed)
    p = np.clip(rng.random(n), 1e-3, 1 - 1e-3)
    if ties:
        p = np.clip(np.round(p, 1), 0.05, 0.95)
    return (rng.random(n) < p ** rng.uniform(0.3, 3)).astype(int), p, rng.random(n)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_parts_add_up_and_are_not_negative(seed, ties, loss):
    y, p, weight = sample(seed, ties=ties)
    found = corp_decomposition(y, p, loss=loss, sample_weight=weight)
    total = found.miscalibration - found.discrimination + found.uncertainty
    assert abs(total - found.score) < 1e-12
    assert found.miscalibration >= 0
    assert found.discrimination >= 0


@pytest.mark.parametrize("ties", [False, True])
def test_parts_are_scores_of_scikit_learn(ties):
    y, p, weight = sample(0, ties=ties)
    recalibrated = IsotonicRegression().fit(p, y, weight).predict(p)
    share = np.full(len(y), np.average(y, weights=weight))
    for loss, function in [("brier", brier_score_loss), ("log", log_loss)]:
        given, best, constant = (
            function(y, each, sample_weight=weight) for each in (p, recalibrated, share)
        )
        expected = (given, given - best, constant - best, constant)
        found = corp_decomposition(y, p, loss=loss, sample_weight=weight)
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_increasing_map_changes_miscalibration_alone(loss):
    y, p, _ = sample(1)
    found, moved = (corp_decomposition(y, each, loss=loss) for each in (p, p**3 / 2))
    assert_allclose(moved[2:], found[2:], rtol=1e-12)
    change = moved.miscalibration - found.miscalibration
    assert change != 0
    assert_allclose(moved.score - found.score, change, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_recalibrated_probabilities_are_calibrated(loss):
    y, p, _ = sample(2)
    better = IsotonicRegression().fit(p, y).predict(p)
    found = corp_decomposition(y, better, loss=loss)
    assert_allclose(found.miscalibration, 0, atol=1e-12)
    expected = corp_decomposition(y, p, loss=loss).discrimination
    assert_allclose(found.discrimination, expected, rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_base_rate_neither_errs_nor_discriminates(loss):
    y = np.array([0, 0, 1, 0, 1])
    found = corp_decomposition(y, np.full(5, 0.4), loss=loss)
    assert_allclose(found[1:3], 0, atol=1e-15)
    assert_allclose(found.score, found.uncertainty)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_wrong_order_does_not_discriminate(loss):
    found = corp_decomposition([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], loss=loss)
    assert found.discrimination == 0
    assert found.miscalibration > 0.1


def test_certain_and_wrong_costs_infinitely_many_nats():
    found = corp_decomposition([0, 1, 1], [0.0, 0.0, 1.0], loss="log")
    assert found.score == found.miscalibration == np.inf
    assert np.isfinite(found[2:]).all()
    assert np.isfinite(corp_decomposition([0, 1, 1], [0.0, 0.0, 1.0])).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_one_class_has_no_uncertainty(loss):
    found = corp_decomposition([1, 1, 1], [0.5, 0.6, 1.0], loss=loss)
    assert found[2:] == (0.0, 0.0)
    assert found.score == found.miscalibration


def test_the_loss_is_checked():
    with pytest.raises(ValueError, match="loss='hinge' is not valid for corp_decomposition"):
        corp_decomposition([0, 1], [0.2, 0.7], loss="hinge")
