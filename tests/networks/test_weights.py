"""Weight k is k copies of a row, weight 0 its removal; the order of rows does not matter."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification, make_regression

from skboost.losses import Quantile
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

FAST = {"n_stages": 6, "units_per_stage": 3, "n_threads": 1, "random_state": 0}
SETTINGS = [
    {},
    {"early_stopping": False},
    {"early_stopping": True, "n_folds": 1, "validation_fraction": 0.2},
    {"subsample": 0.6, "max_features": 0.5},
    {"linear_start": False, "residuals": "newton"},
    {"step": "line_search", "activation": "relu"},
    {"dtype": "float32"},
]


@pytest.fixture
def numbers():
    X, y = make_regression(120, 6, noise=5.0, random_state=0)
    return X, np.abs(y) / 50 + 0.1


@pytest.fixture
def classes():
    return make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)


@pytest.fixture
def weight():
    """0, 1, 2 or 3 for each row."""
    return np.random.default_rng(1).integers(0, 4, 120)


def shuffled_copies(weight):
    return np.random.default_rng(2).permutation(np.repeat(np.arange(len(weight)), weight))


def assert_same_model(one, other, X):
    assert one.n_stages_ == other.n_stages_ > 0
    assert_allclose(one.train_loss_, other.train_loss_, rtol=1e-12)
    assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_weights_are_copies_for_a_regressor(numbers, weight, settings):
    X, y = numbers
    copies = shuffled_copies(weight)
    model = BoostedNetworkRegressor(**FAST | settings)
    weighted = model.fit(X, y, weight).predict(X)
    assert_array_equal(weighted, model.fit(X[copies], y[copies]).predict(X))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_weights_are_copies_for_a_classifier(classes, weight, settings):
    X, y = classes
    copies = shuffled_copies(weight)
    model = BoostedNetworkClassifier(**FAST | settings)
    weighted = model.fit(X, y, weight).predict_proba(X)
    assert_array_equal(weighted, model.fit(X[copies], y[copies]).predict_proba(X))


@pytest.mark.parametrize(
    "loss",
    ["squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma", "tweedie"]
    + [Quantile([0.1, 0.5, 0.9])],
    ids=str,
)
def test_weights_are_copies_for_every_loss(numbers, weight, loss):
    X, y = numbers
    copies = shuffled_copies(weight)
    model = BoostedNetworkRegressor(loss=loss, **FAST)
    weighted = model.fit(X, y, weight).predict(X)
    assert_array_equal(weighted, model.fit(X[copies], y[copies]).predict(X))


def test_weights_are_copies_for_several_outputs(numbers, weight):
    X, y = numbers
    y = np.column_stack([y, y[::-1]])
    copies = shuffled_copies(weight)
    model = BoostedNetworkRegressor(**FAST)
    weighted = model.fit(X, y, weight).predict(X)
    assert_array_equal(weighted, model.fit(X[copies], y[copies]).predict(X))


def test_weights_are_copies_for_two_classes_with_names(classes, weight):
    X, y = classes
    names = np.array(["no", "yes"])[np.minimum(y, 1)]
    copies = shuffled_copies(weight)
    model = BoostedNetworkClassifier(**FAST)
    weighted = model.fit(X, names, weight).predict_proba(X)
    assert_array_equal(weighted, model.fit(X[copies], names[copies]).predict_proba(X))


def test_weights_are_copies_where_a_penalty_acts(numbers, weight):
    X, y = numbers
    group = (X[:, 0] > 0).astype(float)
    copies = shuffled_copies(weight)
    model = BoostedNetworkRegressor(penalty="covariance", **FAST)
    weighted = model.fit(X, y, weight, sensitive_features=group).predict(X)
    copied = model.fit(X[copies], y[copies], sensitive_features=group[copies]).predict(X)
    assert_allclose(weighted, copied, rtol=1e-10)


def test_weights_are_copies_of_validation_rows(classes, weight):
    X, y = classes
    validation = {"X_val": X[80:], "y_val": y[80:]}
    copies = 80 + shuffled_copies(weight[80:])
    model = BoostedNetworkClassifier(**FAST)
    model.fit(X[:80], y[:80], **validation, sample_weight_val=weight[80:])
    weighted = model.validation_loss_
    model.fit(X[:80], y[:80], X_val=X[copies], y_val=y[copies])
    assert_allclose(weighted, model.validation_loss_, rtol=1e-12)
    model.fit(X[:80], y[:80], **validation)
    assert np.abs(weighted - model.validation_loss_).max() > 1e-6


@pytest.mark.parametrize("kind", [BoostedNetworkRegressor, BoostedNetworkClassifier])
def test_weight_zero_is_removal(numbers, classes, kind):
    X, y = numbers if kind is BoostedNetworkRegressor else classes
    kept = np.arange(len(y)) % 3 > 0
    strange = X.copy()
    strange[~kept] = np.nan  # whatever stands there
    strange[~kept, 0] = 1e30
    model = kind(**FAST)
    weighted = model.fit(strange, y, kept.astype(float)).predict(X)
    assert_array_equal(weighted, model.fit(X[kept], y[kept]).predict(X))


def test_a_class_without_weight_is_no_class(classes):
    X, y = classes
    model = BoostedNetworkClassifier(**FAST).fit(X, y, (y != 1).astype(float))
    assert model.classes_.tolist() == [0, 2]
    assert model.predict_proba(X).shape == (120, 2)
    alone = BoostedNetworkClassifier(**FAST).fit(X[y != 1], y[y != 1])
    assert_array_equal(model.predict(X), alone.predict(X))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_order_of_rows_does_not_matter(classes, settings):
    X, y = classes
    order = np.random.default_rng(3).permutation(len(y))
    model = BoostedNetworkClassifier(**FAST | settings)
    ordered = model.fit(X, y).predict_proba(X)
    assert_array_equal(ordered, model.fit(X[order], y[order]).predict_proba(X))


def test_the_unit_of_weights_only_scales_the_penalties(numbers):
    X, y = numbers
    settings = FAST | {"early_stopping": False}
    model = BoostedNetworkRegressor(alpha=4.0, linear_alpha=2.0, **settings)
    one = model.fit(X, y).predict(X)
    model.set_params(alpha=16.0, linear_alpha=8.0)  # a power of 4: no rounding is blown up
    assert_allclose(one, model.fit(X, y, np.full(len(y), 4.0)).predict(X), rtol=1e-6)


def test_tiny_and_huge_weights_are_fine(numbers):
    X, y = numbers
    for unit in (1e-8, 1e8):
        model = BoostedNetworkRegressor(**FAST).fit(X, y, np.full(len(y), unit))
        assert np.isfinite(model.predict(X)).all()


def test_more_rows_than_small_data_keep_to_the_weights():
    """Above 4096 rows, minibatches see weights; they mean the same, but not to the last bit."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (6000, 3))
    y = np.where(np.arange(6000) % 2, X[:, 0], -X[:, 0])  # two populations, cancelling
    weight = np.where(np.arange(6000) % 2, 5.0, 0.1)
    model = BoostedNetworkRegressor(**FAST | {"learning_rate": 1.0}, adam_steps=200)
    model.fit(X, y, weight)
    assert np.corrcoef(model.predict(X), X[:, 0])[0, 1] > 0.99
    assert_allclose(model.predict(X).std(), X[:, 0].std() * 4.9 / 5.1, rtol=0.05)
