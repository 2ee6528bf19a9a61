"""Structured matrix scaling."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning

from skboost.calibration import MatrixScaler, TemperatureScaler

STRUCTURES = ["full", "diagonal", "bias"]


def sample(seed, n=400, n_classes=4, bias=0.0):
    """Logits, and labels of a bolder truth with other biases."""
    rng = np.random.default_rng(seed)
    z = 3 * rng.normal(size=(n, n_classes))
    truth = z / 2 + bias + 0.3 * np.roll(z, 1, axis=1)
    return z, (truth + rng.gumbel(size=z.shape)).argmax(axis=1)


def penalised_loss(scaler, change, z, y, weight):
    """The objective, for logits that the temperature has divided."""
    n, k = weight.sum(), z.shape[1]
    log_p = log_softmax(z + z @ change[:, :k].T + change[:, k], axis=1)
    diagonal = np.diag(change[:, :k])
    rest = change[:, :k] - np.diag(diagonal)
    penalty = (
        k * (change[:, k] @ change[:, k] + diagonal @ diagonal) + k * (k - 1) * (rest**2).sum()
    )
    return (-weight @ log_p[np.arange(len(y)), y] + scaler.penalty * penalty) / n


def learned_places(structure, k):
    """Which of (diag(v) + M, b) are learned."""
    places = np.zeros((k, k + 1), dtype=bool)
    places[:, k] = True
    if structure != "bias":
        places[np.arange(k), np.arange(k)] = True
    return places if structure != "full" else np.ones_like(places)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_derivatives_of_the_penalised_loss_are_zero(structure, n_classes):
    s, y = sample(0, n_classes=n_classes)
    weight = np.random.default_rng(0).exponential(size=len(y))
    scaler = MatrixScaler(input="logit", structure=structure, penalty=0.7).fit(s, y, weight)
    n = weight.sum()
    if n_classes == 2:  # two logits are their difference
        s = np.column_stack([np.zeros(len(s)), s[:, 1] - s[:, 0]])
    q = softmax(s / scaler.temperature_, axis=1)
    z = np.log((n * q + 1 / n_classes) / (n + 1))
    change = np.column_stack([scaler.coef_ - np.eye(n_classes), scaler.intercept_])
    places = learned_places(structure, n_classes)
    assert_array_equal(change[~places], 0.0)
    step = 1e-5
    for place in np.argwhere(places):
        move = np.zeros_like(change)
        move[tuple(place)] = step
        up = penalised_loss(scaler, change + move, z, y, weight)
        down = penalised_loss(scaler, change - move, z, y, weight)
        assert abs(up - down) / (2 * step) < 1e-8


def test_a_large_penalty_leaves_temperature_scaling():
    s, y = sample(1)
    expected = TemperatureScaler(input="logit", laplace=True).fit(s, y)
    scaler = MatrixScaler(input="logit", penalty=1e9).fit(s, y)
    assert scaler.temperature_ == expected.temperature_
    assert_allclose(scaler.transform(s), expected.transform(s), rtol=1e-5)


def test_more_freedom_fits_the_rows_better():
    s, y = sample(2, bias=[1.0, 0.0, 0.0, -1.0])
    rows = np.arange(len(y))
    scalers = [TemperatureScaler(input="logit", laplace=True)]
    scalers += [MatrixScaler(input="logit", structure=structure) for structure in STRUCTURES[::-1]]
    losses = [-np.log(m.fit(s, y).transform(s)[rows, y]).mean() for m in scalers]
    assert (np.diff(losses) < -0.005).all()


def test_biases_and_confusions_are_found():
    s, y = sample(3, n=50_000, bias=[1.0, 0.0, 0.0, -1.0])
    scaler = MatrixScaler(input="logit").fit(s, y)
    fresh, _ = sample(4)
    truth = fresh / 2 + [1.0, 0.0, 0.0, -1.0] + 0.3 * np.roll(fresh, 1, axis=1)
    assert_allclose(scaler.transform(fresh), softmax(truth, axis=1), atol=0.06)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_classes_may_come_in_any_order(structure):
    s, y = sample(5)
    order = np.array([2, 0, 3, 1])
    scaler = MatrixScaler(input="logit", structure=structure)
    expected = scaler.fit(s, y).transform(s)[:, order]
    turned = scaler.fit(s[:, order], np.argsort(order)[y]).transform(s[:, order])
    assert_allclose(turned, expected, rtol=1e-6)


def test_rows_without_error_leave_probabilities_inside():
    s, _ = sample(6, n=60)
    y = s.argmax(axis=1)
    scaler = MatrixScaler(input="logit", classes=[0, 1, 2, 3]).fit(s, y)
    probability = scaler.transform(s)
    assert probability.min() > 0
    assert -np.log(probability[np.arange(60), y]).max() < 0.1


def test_many_classes():
    s, y = sample(7, n=600, n_classes=40)
    scaler = MatrixScaler(input="logit", classes=list(range(40)))
    after = scaler.fit(s[:300], y[:300]).transform(s[300:])
    rows = np.arange(300)
    before = log_softmax(s[300:], axis=1)[rows, y[300:]]
    assert -np.log(after[rows, y[300:]]).mean() < -before.mean() - 0.2


def test_an_optimum_out_of_reach_is_reported(monkeypatch):
    monkeypatch.setattr("skboost.calibration._matrix.MAX_STEPS", 3)
    s, y = sample(8)
    with pytest.warns(ConvergenceWarning, match="larger penalty"):
        MatrixScaler(input="logit").fit(s, y)
