"""Classes: two and more, probabilities, stages, parameters that act."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, make_classification, make_moons
from sklearn.metrics import log_loss

from skboost.losses import LogLoss
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor
from skboost.penalties import Covariance

FAST = {"n_stages": 10, "units_per_stage": 5, "n_threads": 1, "random_state": 0}


@pytest.fixture(scope="module")
def moons():
    return make_moons(300, noise=0.15, random_state=0)


@pytest.fixture(scope="module")
def four_classes():
    return make_classification(
        400, 8, n_informative=6, n_classes=4, n_clusters_per_class=1, random_state=0
    )


def test_two_moons_are_told_apart(moons):
    X, y = moons
    model = BoostedNetworkClassifier(n_stages=60, random_state=0, n_threads=1).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.95
    linear = model.predict(X[200:], n_stages=1)
    assert (linear == y[200:]).mean() < 0.92


def test_many_classes():
    X, y = load_digits(return_X_y=True)
    model = BoostedNetworkClassifier(n_stages=15, n_folds=1, random_state=0, n_threads=1)
    model.fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9
    assert log_loss(y[1200:], model.predict_proba(X[1200:])) < 0.3


@pytest.mark.parametrize("loss", ["log_loss", "half_log_loss", LogLoss()])
def test_what_is_predicted_for_two_classes(moons, loss):
    X, y = moons
    model = BoostedNetworkClassifier(loss=loss, **FAST).fit(X, y)
    raw, proba = model.decision_function(X), model.predict_proba(X)
    assert raw.shape == (300,)
    assert proba.shape == (300, 2)
    slope = 2.0 if loss == "half_log_loss" else 1.0
    assert_allclose(proba[:, 1], 1 / (1 + np.exp(-slope * raw)), rtol=1e-12)
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)
    assert_array_equal(model.predict(X), model.classes_[(raw > 0).astype(int)])
    assert_allclose(model.predict_log_proba(X), np.log(proba))
    assert_allclose(log_loss(y, proba), model.loss_.value(y, raw).mean(), rtol=1e-9)


@pytest.mark.parametrize("loss", ["log_loss", "half_log_loss"])
def test_what_is_predicted_for_more_classes(four_classes, loss):
    X, y = four_classes
    model = BoostedNetworkClassifier(loss=loss, **FAST).fit(X, y)
    raw, proba = model.decision_function(X), model.predict_proba(X)
    assert raw.shape == proba.shape == (400, 4)
    assert_allclose(proba, np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), rtol=1e-12)
    assert_array_equal(model.predict(X), model.classes_[np.argmax(proba, axis=1)])


def test_both_forms_of_log_loss_give_about_the_same(moons):
    X, y = moons
    proba = [
        BoostedNetworkClassifier(loss=loss, **FAST).fit(X, y).predict_proba(X)
        for loss in ("log_loss", "half_log_loss")
    ]
    assert np.abs(proba[0] - proba[1]).mean() < 0.05


def test_the_start_is_the_shares_of_the_classes(four_classes):
    X, y = four_classes
    weight = np.arange(400) % 5 + 1.0
    settings = FAST | {"early_stopping": False}
    model = BoostedNetworkClassifier(**settings).fit(X, y, weight)
    shares = np.bincount(y, weights=weight) / weight.sum()
    assert_allclose(model.predict_proba(X[:2], n_stages=0), [shares, shares], rtol=1e-9)
    model.fit(X, y == 0, weight)
    assert_allclose(model.predict_proba(X[:1], n_stages=0)[0], [1 - shares[0], shares[0]])


def test_staged_predictions_are_predictions_of_the_first_stages(four_classes):
    X, y = four_classes
    for labels in (y, y > 1):
        model = BoostedNetworkClassifier(**FAST).fit(X, labels)
        stages = zip(
            model.staged_decision_function(X),
            model.staged_predict_proba(X),
            model.staged_predict(X),
            strict=True,
        )
        for t, (raw, proba, predicted) in enumerate(stages):
            assert_allclose(model.decision_function(X, n_stages=t), raw, rtol=1e-9, atol=1e-9)
            assert_allclose(model.predict_proba(X, n_stages=t), proba, rtol=1e-9, atol=1e-12)
            assert_array_equal(model.predict(X, n_stages=t), predicted)
            assert_array_equal(
                model.truncate(t).predict_proba(X), model.predict_proba(X, n_stages=t)
            )
        assert t == model.n_stages_


def test_the_merged_network_is_the_ensemble(four_classes):
    X, y = four_classes
    names = np.array(["w", "x", "y", "z"])[y]
    for labels in (names, names == "x"):
        model = BoostedNetworkClassifier(**FAST).fit(X, labels)
        network = model.to_network()
        assert_allclose(network.predict_proba(X), model.predict_proba(X), rtol=1e-10, atol=1e-14)
        assert_array_equal(network.predict(X), model.predict(X))


def test_no_stages_at_all(moons):
    X, y = moons
    model = BoostedNetworkClassifier(n_stages=0, linear_start=False).fit(X, y)
    assert_allclose(model.predict_proba(X), 0.5)
    assert model.n_units_ == 0


def test_a_rare_class_is_found():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    y = (X[:, 0] > 2.2).astype(int)
    model = BoostedNetworkClassifier(**FAST | {"n_stages": 30}).fit(X, y)
    assert 10 < y.sum() < 60
    assert model.predict(X)[y == 1].mean() > 0.7


def test_weights_move_the_boundary(moons):
    X, y = moons
    even = BoostedNetworkClassifier(**FAST).fit(X, y)
    heavy = BoostedNetworkClassifier(**FAST).fit(X, y, np.where(y == 1, 20.0, 1.0))
    assert heavy.predict_proba(X)[:, 1].mean() > even.predict_proba(X)[:, 1].mean() + 0.02


def test_a_penalty_lowers_the_dependence():
    rng = np.random.default_rng(0)
    group = (rng.random(500) < 0.4).astype(float)
    X = np.column_stack([group + 0.3 * rng.normal(size=500), rng.normal(size=(500, 2))])
    y = (2 * group + X[:, 1] + 0.5 * rng.normal(size=500) > 1).astype(int)
    gaps = []
    for penalty in (None, "covariance", Covariance(100.0)):
        model = BoostedNetworkClassifier(penalty=penalty, **FAST)
        model.fit(X, y, **({} if penalty is None else {"sensitive_features": group}))
        gaps.append(abs(np.cov(model.decision_function(X), group)[0, 1]))
    assert gaps[0] > 1.5 * gaps[1] > 1.5 * gaps[2]
    assert gaps[2] < 0.1 * gaps[0]


ACTS = {
    "n_stages": 3,
    "units_per_stage": 2,
    "learning_rate": 0.7,
    "loss": "half_log_loss",
    "activation": "tanh",
    "alpha": 20.0,
    "linear_start": False,
    "linear_alpha": 50.0,
    "max_features": 1.0,
    "subsample": 0.5,
    "step": "line_search",
    "residuals": "newton",
    "lbfgs_iter": 3,
    "early_stopping": False,
    "n_folds": 2,
    "numeric_scaling": "standard",
    "dtype": "float32",
    "random_state": 1,
    "categorical_features": [0],
}


@pytest.mark.parametrize("name", ACTS)
def test_changing_a_parameter_changes_the_predictions(four_classes, name):
    X, y = four_classes
    X = np.column_stack([np.round(X[:, 0]), X[:, 1:]])
    plain = BoostedNetworkClassifier(**FAST).fit(X, y).predict_proba(X)
    changed = BoostedNetworkClassifier(**FAST | {name: ACTS[name]}).fit(X, y).predict_proba(X)
    assert np.abs(plain - changed).max() > (1e-7 if name == "dtype" else 1e-4)


def test_both_kinds_of_estimators_have_the_same_parameters():

    one = BoostedNetworkClassifier().get_params(deep=False)
    other = BoostedNetworkRegressor().get_params(deep=False)
    assert {k for k in one if one[k] != other.get(k)} <= {"loss", "learning_rate", "alpha"}
    assert list(one) == list(other)
