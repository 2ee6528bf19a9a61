"""Nonconformity scores of regression: units, inverses, refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.conformal import SCORES, AbsoluteScore, GammaScore, NormalizedScore

ALL = [*SCORES.items(), ("normalized", NormalizedScore(beta=0.5, symmetric=False))]
PREDICTION = np.array([0.5, 1.0, 2.0, 7.0])
SCALE = np.array([1.0, 0.1, 3.0, 0.5])


@pytest.mark.parametrize(("alias", "score"), ALL)
def test_inverting_gives_labels_with_these_residuals(alias, score):
    lower, upper = score.invert(PREDICTION, SCALE, -0.7, 0.4)
    assert_allclose(score.residual(lower, PREDICTION, SCALE), np.full(4, -0.7), rtol=1e-12)
    assert_allclose(score.residual(upper, PREDICTION, SCALE), np.full(4, 0.4), rtol=1e-12)
    assert (lower < PREDICTION).all()
    assert (upper > PREDICTION).all()


@pytest.mark.parametrize(("alias", "score"), ALL)
def test_infinite_bounds_give_infinite_labels(alias, score):
    assert_array_equal(score.invert(PREDICTION, SCALE, -np.inf, np.inf)[0], np.full(4, -np.inf))
    assert_array_equal(score.invert(PREDICTION, SCALE, -np.inf, np.inf)[1], np.full(4, np.inf))


@pytest.mark.parametrize(("alias", "score"), ALL)
def test_a_one_tailed_score_is_the_size_of_the_residual(alias, score):
    y = PREDICTION + [-1.0, 2.0, 0.0, 0.3]
    residual = score.residual(y, PREDICTION, SCALE)
    expected = residual if score.two_tailed else np.abs(residual)
    assert_array_equal(score.score(y, PREDICTION, SCALE), expected)
    assert_array_equal(np.sign(residual), [-1, 1, 0, 1])


def test_units():
    y = PREDICTION + 1.0
    assert_array_equal(AbsoluteScore().score(y, PREDICTION), np.ones(4))
    assert_allclose(NormalizedScore(beta=1.0).score(y, PREDICTION, SCALE), 1 / (SCALE + 1))
    assert_allclose(GammaScore().score(y, PREDICTION), 1 / PREDICTION)


def test_gamma_needs_positive_predictions():
    with pytest.raises(ValueError, match="must be positive, but the smallest is 0"):
        GammaScore().score(np.ones(2), np.array([1.0, 0.0]))
