"""Temperature scaling."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone

from skboost.calibration import TemperatureScaler
from skboost.exceptions import UncertaintyWarning

OBJECTIVES = ["log", "brier", "correctness"]


def sample(seed, n=300, n_classes=4, temperature=2.5):
    """Logits, and labels drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(seed)
    z = 4 * rng.normal(size=(n, n_classes))
    y = (z / temperature + rng.gumbel(size=z.shape)).argmax(axis=1)
    return z, y


def value(objective, temperature, z, y, weight):
    """What is minimised."""
    p = softmax(z / temperature, axis=1)
    if objective == "log":
        return -weight @ log_softmax(z / temperature, axis=1)[np.arange(len(y)), y]
    if objective == "brier":
        return weight @ ((p - np.eye(z.shape[1])[y]) ** 2).sum(axis=1)
    return weight @ (p.max(axis=1) - (p.argmax(axis=1) == y)) ** 2


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_other_temperature_is_better(objective):
    for seed in range(10):
        z, y = sample(seed)
        weight = np.random.default_rng(seed).exponential(size=len(y))
        scaler = TemperatureScaler(input="logit", objective=objective).fit(z, y, weight)
        best = value(objective, scaler.temperature_, z, y, weight)
        others = scaler.temperature_ * np.exp(np.linspace(-6, 6, 2001))
        assert best <= min(value(objective, t, z, y, weight) for t in others) + 1e-12


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_the_derivative_of_log_loss_is_zero(n_classes):
    for seed in range(20):
        z, y = sample(seed, n_classes=n_classes)
        beta = 1 / TemperatureScaler(input="logit").fit(z, y).temperature_
        p = softmax(beta * z, axis=1)
        slope = ((p * z).sum(axis=1) - z[np.arange(len(y)), y]).sum()
        assert abs(slope) < 1e-9


@pytest.mark.parametrize("objective", ["brier", "correctness"])
def test_the_derivative_of_the_other_objectives_is_zero(objective):
    z, y = sample(3)
    best = TemperatureScaler(input="logit", objective=objective).fit(z, y).temperature_
    step, ones = 1e-4, np.ones(len(y))
    up, down = (value(objective, best * np.exp(s), z, y, ones) for s in (step, -step))
    curvature = (up + down - 2 * value(objective, best, z, y, ones)) / step**2
    assert abs(up - down) / (2 * step) < 1e-4 * curvature


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_temperature_that_made_the_labels_is_found(objective):
    z, y = sample(0, n=20_000)
    found = TemperatureScaler(input="logit", objective=objective).fit(z, y).temperature_
    assert_allclose(found, 2.5, rtol=0.1)  # standard error about 1 % for log loss


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("laplace", [False, True])
def test_the_predicted_class_stays(objective, laplace):
    z, y = sample(1)
    p = softmax(z, axis=1)
    after = TemperatureScaler(objective=objective, laplace=laplace).fit(p, y).transform(p)
    assert_array_equal(np.argsort(after, axis=1), np.argsort(p, axis=1))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("unit", [1e-200, 1e-5, 1e5, 1e200, 1e305])
def test_the_unit_of_logits_does_not_matter(objective, unit):
    z, y = sample(2)
    one = TemperatureScaler(input="logit", objective=objective).fit(z, y)
    other = TemperatureScaler(input="logit", objective=objective).fit(unit * z, y)
    assert_allclose(other.temperature_ / unit, one.temperature_, rtol=1e-9)
    assert_allclose(other.transform(unit * z), one.transform(z), rtol=1e-7)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("mask", [-1e6, -1e9, -1e30, float(np.finfo(np.float32).min)])
def test_masked_classes_do_not_matter(objective, mask):
    z, y = sample(9)
    possible = np.random.default_rng(9).random(z.shape) < 0.6
    possible[np.arange(len(y)), y] = True
    scaler = TemperatureScaler(input="logit", objective=objective)
    expected = clone(scaler).fit(np.where(possible, z, -1e3), y)
    masked = np.where(possible, z, mask)
    assert_allclose(scaler.fit(masked, y).temperature_, expected.temperature_, rtol=1e-6)
    assert_array_equal(scaler.transform(masked).argmax(axis=1), masked.argmax(axis=1))


def test_probabilities_are_taken_as_logits():
    z, y = sample(4)
    by_logits = TemperatureScaler(input="logit").fit(z, y)
    by_probability = TemperatureScaler().fit(softmax(z, axis=1), y)
    assert_allclose(by_probability.temperature_, by_logits.temperature_, rtol=1e-9)
    assert by_logits.clip_ is None


def test_two_classes_follow_the_logistic_curve():
    rng = np.random.default_rng(5)
    d = 3 * rng.normal(size=500)
    y = (rng.random(500) < expit(d / 2)).astype(int)
    scaler = TemperatureScaler(input="logit").fit(d, y)
    assert_allclose(scaler.transform(d), expit(d / scaler.temperature_), rtol=1e-12)
    columns = TemperatureScaler(input="logit").fit(np.column_stack([-d, d]), y)
    assert_allclose(columns.temperature_, 2 * scaler.temperature_, rtol=1e-12)


def test_zeros_are_clipped_at_half_the_smallest_probability():
    votes = np.array([[0.98, 0.02, 0.0], [0.5, 0.4, 0.1], [0.0, 0.3, 0.7], [0.2, 0.8, 0.0]])
    scaler = TemperatureScaler().fit(votes, [1, 0, 2, 1])
    assert_allclose(scaler.clip_, 0.01)
    logits = np.log(np.maximum(votes, 0.01)) / scaler.temperature_
    assert_allclose(scaler.transform(votes), softmax(logits, axis=1), rtol=1e-12)
    two = TemperatureScaler().fit([0.0, 0.04, 0.5, 0.7, 1.0], [0, 1, 0, 1, 1])
    assert_allclose(two.clip_, 0.02)
    tiny = np.array([[1.0, 1e-300, 0.0], [0.4, 0.5, 0.1], [0.4, 0.5, 0.1], [0.1, 0.2, 0.7]])
    assert TemperatureScaler().fit(tiny, [0, 0, 1, 2]).clip_ == 1e-20


def test_laplace_mixes_in_one_uniform_row():
    z, y = sample(6)
    plain = TemperatureScaler(input="logit").fit(z, y)
    mixed = TemperatureScaler(input="logit", laplace=True).fit(z, y)
    assert mixed.temperature_ == plain.temperature_
    expected = (300 * plain.transform(z) + 1 / 4) / 301
    assert_allclose(mixed.transform(z), expected, rtol=1e-14)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rows_without_error_ask_for_a_warning_or_for_laplace(objective):
    z, _ = sample(7, n=50)
    y = z.argmax(axis=1)
    classes = range(4)
    scaler = TemperatureScaler(input="logit", classes=list(classes), objective=objective)
    with pytest.warns(UncertaintyWarning, match="every calibration row is right"):
        certain = scaler.fit(z, y).transform(z)
    assert np.isfinite(certain).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixed = scaler.set_params(laplace=True).fit(z, y).transform(z)
    assert mixed.min() >= 1 / 4 / 51 - 1e-15


@pytest.mark.parametrize("objective", ["log", "brier"])
def test_opposed_scores_become_uniform_and_are_reported(objective):
    z, _ = sample(8, n=50)
    scaler = TemperatureScaler(input="logit", classes=[0, 1, 2, 3], objective=objective)
    with pytest.warns(UncertaintyWarning, match="opposed"):
        probability = scaler.fit(z, z.argmin(axis=1)).transform(z)
    assert_allclose(probability, 0.25, rtol=1e-5)


def test_equal_logits_leave_the_temperature_alone():
    scaler = TemperatureScaler(input="logit", classes=[0, 1, 2]).fit(
        np.ones((5, 3)), [0, 1, 2, 2, 1]
    )
    assert scaler.temperature_ == 1
    assert_allclose(scaler.transform([[7.0, 7.0, 7.0]]), 1 / 3)
