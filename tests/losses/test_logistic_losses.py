"""Log loss, and log loss on half the log-odds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import log_loss

from skboost.losses import HalfLogLoss, LogLoss


@pytest.mark.parametrize("n_classes", [3, 10, 200])
def test_several_classes_agree_with_scipy(n_classes):
    y, raw = LogLoss().sample(300, 0, n_classes)
    rows = np.arange(300)
    value, gradient = LogLoss().value_and_gradient(y, raw)
    assert_allclose(value, -log_softmax(raw, axis=1)[rows, y], rtol=1e-13)
    expected = softmax(raw, axis=1)
    assert_allclose(LogLoss().predict(raw), expected, rtol=1e-13)
    assert_allclose(LogLoss().hessian(y, raw), expected * (1 - expected), rtol=1e-12)
    expected[rows, y] -= 1.0
    assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n_raw", [None, 4])
def test_the_mean_is_scikit_learns_log_loss(n_raw):
    y, raw = LogLoss().sample(100, 0, n_raw)
    assert_allclose(LogLoss().value(y, raw).mean(), log_loss(y, LogLoss().predict(raw)))


def test_two_classes_in_one_score_or_in_two():
    y, raw = LogLoss().sample(50, 0)
    pair = np.column_stack([np.zeros_like(raw), raw])
    assert_allclose(LogLoss().value(y, raw), LogLoss().value(y, pair))
    assert_allclose(LogLoss().gradient(y, raw), LogLoss().gradient(y, pair)[:, 1])
    assert_allclose(LogLoss().predict(raw), LogLoss().predict(pair))


def test_small_probabilities_keep_their_digits():
    y, raw = np.array([1, 0]), np.array([200.0, -200.0])
    assert_allclose(LogLoss().value(y, raw), np.exp(-200.0), rtol=1e-13)
    assert_allclose(np.abs(LogLoss().gradient(y, raw)), np.exp(-200.0), rtol=1e-13)
    assert_allclose(LogLoss().hessian(y, raw), np.exp(-200.0), rtol=1e-13)


def test_the_start_is_the_log_of_the_class_shares():
    y, weight = np.array([0, 1, 1, 2]), np.array([2.0, 1.0, 0.0, 1.0])
    assert_allclose(LogLoss().initial_raw(y, weight), np.log([0.5, 0.25, 0.25]))
    assert_allclose(LogLoss().initial_raw(np.array([0, 1, 1])), np.log(2.0))


def test_a_class_without_rows_has_a_finite_start():
    start = LogLoss().initial_raw(np.array([0, 0, 2]), n_classes=4)
    assert start.shape == (4,)
    assert np.isfinite(start).all()
    y = np.zeros(5, dtype=np.int64)
    for loss in (LogLoss(), HalfLogLoss()):
        start = loss.initial_raw(y, n_classes=2)
        assert start.shape == ()
        assert np.isfinite(start)
        assert np.abs(loss.gradient(y, np.full(5, start))).max() <= 1e-8


def test_the_curvature_knows_that_a_shift_of_all_classes_changes_nothing():
    y, raw = LogLoss().sample(30, 0, 5)
    assert_allclose(LogLoss().curvature(y, raw, np.ones_like(raw)), 0.0, atol=1e-15)
    assert LogLoss().hessian(y, raw).sum(axis=1).min() > 0.01


class TestHalfLogLoss:
    @pytest.fixture
    def rows(self):
        y, raw = HalfLogLoss().sample(60, 0)
        return y, 2.0 * y - 1.0, raw

    def test_the_residual_of_the_paper(self, rows):
        y, sign, raw = rows
        residual = 2 * sign / (1 + np.exp(2 * sign * raw))
        assert_allclose(HalfLogLoss().gradient(y, raw), -residual, rtol=1e-13)
        assert_allclose(HalfLogLoss().value(y, raw), np.log1p(np.exp(-2 * sign * raw)))
        assert_allclose(HalfLogLoss().hessian(y, raw), residual * (2 * sign - residual))
        assert_allclose(HalfLogLoss().predict(raw)[:, 1], expit(2 * raw))

    def test_the_start_of_the_paper(self, rows):
        y, sign, _ = rows
        y, sign = y[:40], sign[:40]
        y[:10], sign[:10] = 1, 1.0
        mean = sign.mean()
        start = HalfLogLoss().initial_raw(y)
        assert_allclose(start, 0.5 * np.log((1 + mean) / (1 - mean)))
        assert abs(HalfLogLoss().gradient(y, np.full(40, start)).mean()) <= 1e-12
        assert_array_equal(HalfLogLoss().initial_raw(np.array([0, 1, 2])), np.zeros(3))

    def test_it_is_log_loss_of_twice_the_score(self, rows):
        y, _, raw = rows
        assert_allclose(HalfLogLoss().value(y, raw), LogLoss().value(y, 2 * raw))
        assert_allclose(HalfLogLoss().gradient(y, raw), 2 * LogLoss().gradient(y, 2 * raw))

    def test_several_classes_are_those_of_log_loss(self):
        y, raw = HalfLogLoss().sample(30, 0, 4)
        for method in ("value", "gradient", "hessian"):
            assert_array_equal(
                getattr(HalfLogLoss(), method)(y, raw), getattr(LogLoss(), method)(y, raw)
            )
