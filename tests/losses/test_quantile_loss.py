"""The pinball loss, for one level and for several at once."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import mean_pinball_loss

from skboost.losses import AbsoluteError, Quantile

LEVELS = [0.9, 0.1, 0.5]


@pytest.mark.parametrize("level", [0.05, 0.5, 0.8])
def test_it_is_the_pinball_loss_of_scikit_learn(level):
    y, raw = Quantile(level).sample(50, 0)
    expected = mean_pinball_loss(y, raw, alpha=level)
    assert_allclose(Quantile(level).value(y, raw).mean(), expected)


def test_the_median_is_half_the_absolute_error():
    y, raw = Quantile().sample(50, 0)
    assert_allclose(2 * Quantile().value(y, raw), AbsoluteError().value(y, raw))
    assert_allclose(2 * Quantile().hessian(y, raw), AbsoluteError().hessian(y, raw))


def test_the_start_is_the_middle_of_all_minimisers():
    y = np.arange(1.0, 11.0)
    assert Quantile(0.1).initial_raw(y) == 1.5  # every number from 1 to 2 is a 10 % quantile
    assert Quantile(0.25).initial_raw(y) == 3.0
    assert Quantile(0.1).initial_raw(np.repeat(y, 3)) == 1.5
    assert Quantile(0.1).initial_raw(y, np.full(10, 0.1)) == 1.5


def test_the_start_leaves_the_right_share_of_weight_below():
    rng = np.random.default_rng(0)
    y, weight = rng.standard_normal(5000), rng.random(5000)
    for level, start in zip(LEVELS, Quantile(LEVELS).initial_raw(y, weight), strict=True):
        assert_allclose(weight[y <= start].sum() / weight.sum(), level, atol=1e-3)


def test_several_levels_are_several_losses():
    loss = Quantile(LEVELS)
    y, raw = loss.sample(30, 0)
    single = [Quantile(q) for q in LEVELS]
    assert raw.shape == (30, 3)
    assert_allclose(loss.value(y, raw), sum(s.value(y, raw[:, k]) for k, s in enumerate(single)))
    for k, alone in enumerate(single):
        assert_array_equal(loss.gradient(y, raw)[:, k], alone.gradient(y, raw[:, k]))
        assert loss.initial_raw(y)[k] == alone.initial_raw(y)


def test_predicted_quantiles_never_cross_and_keep_their_columns():
    loss = Quantile(LEVELS)
    y, raw = loss.sample(200, 0)
    predicted = loss.predict(raw)
    assert (predicted[:, 1] <= predicted[:, 2]).all()
    assert (predicted[:, 2] <= predicted[:, 0]).all()
    assert_array_equal(np.sort(predicted, axis=1), np.sort(raw, axis=1))
    assert (loss.value(y, predicted) <= loss.value(y, raw) + 1e-12).all()


def test_equal_levels_are_allowed():
    assert_array_equal(Quantile([0.5, 0.5]).predict(np.array([[2.0, 1.0]])), [[1.0, 2.0]])


def test_several_levels_need_one_output():
    with pytest.raises(ValueError, match="one model for each output"):
        Quantile(LEVELS).check_target(np.zeros((5, 2)))
    Quantile(0.3).check_target(np.zeros((5, 2)))


@pytest.mark.parametrize("level", [0, 1, 1.5, [], [0.5, 1.0], "0.5", None, np.array([[0.5]])])
def test_a_wrong_level_is_refused(level):
    with pytest.raises(ValueError, match=r"quantile=.* number in \(0, 1\)"):
        Quantile(level).check_target(np.zeros(3))


def test_an_array_of_levels_is_fine():
    Quantile(np.array(LEVELS)).check_target(np.zeros(3))
