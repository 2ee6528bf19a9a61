"""Boosted networks as the last layers of a deep network, or of any other feature extractor."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skboost.losses import Quantile
from skboost.networks import (
    BoostedHeadClassifier,
    BoostedHeadRegressor,
    BoostedNetworkClassifier,
    BoostedNetworkRegressor,
)

QUICK = {
    "n_stages": 4,
    "units_per_stage": 3,
    "early_stopping": False,
    "n_threads": 1,
    "random_state": 0,
}
LINEAR = {**QUICK, "numeric_scaling": "standard"}
DEEP = {"hidden_layer_sizes": (6, 5), "solver": "lbfgs", "tol": 0.1, "random_state": 0}
ACTIVATIONS = {
    "tanh": np.tanh,
    "logistic": expit,
    "relu": lambda z: z.clip(0),
    "identity": lambda z: z,
}


def deep_output(layers, X):
    """A forward pass by hand."""
    for weights, bias, activations in zip(
        layers.coefs_, layers.intercepts_, layers.activations_, strict=False
    ):
        X = X @ weights + bias
        for name in set(activations):
            X[:, activations == name] = ACTIVATIONS[name](X[:, activations == name])
    return X @ layers.coefs_[-1] + layers.intercepts_[-1]


# -- features --------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "identity"])
@pytest.mark.parametrize("layer", [0, 1, -1, -2])
def test_hidden_activations_are_what_the_perceptron_computes(iris, activation, layer):
    X, y = iris
    perceptron = MLPClassifier(**DEEP, activation=activation).fit(X, y)
    model = BoostedHeadClassifier(
        FrozenEstimator(perceptron), BoostedNetworkClassifier(**QUICK), layer=layer
    )
    features = model.fit(X, y).features(X)
    first = ACTIVATIONS[activation](X @ perceptron.coefs_[0] + perceptron.intercepts_[0])
    second = ACTIVATIONS[activation](first @ perceptron.coefs_[1] + perceptron.intercepts_[1])
    assert_allclose(features, first if layer in (0, -2) else second, rtol=1e-12)
    if layer in (1, -1):
        scores = features @ perceptron.coefs_[2] + perceptron.intercepts_[2]
        assert_array_equal(perceptron.classes_[scores.argmax(axis=1)], perceptron.predict(X))


def test_transformers_functions_and_pipelines_give_features(iris):
    X, y = iris
    head = BoostedNetworkClassifier(**QUICK)
    by_transformer = BoostedHeadClassifier(MinMaxScaler(), head).fit(X, y)
    scaled = MinMaxScaler().fit_transform(X)
    assert_allclose(by_transformer.features(X), scaled)
    assert_array_equal(
        by_transformer.predict_proba(X), clone(head).fit(scaled, y).predict_proba(scaled)
    )
    by_function = BoostedHeadClassifier(np.exp, head).fit(X, y)
    assert_array_equal(by_function.features(X), np.exp(X))
    perceptron = MLPClassifier(**DEEP)
    by_pipeline = BoostedHeadClassifier(make_pipeline(MinMaxScaler(), perceptron), head).fit(X, y)
    alone = BoostedHeadClassifier(perceptron, head).fit(scaled, y)
    assert_allclose(by_pipeline.features(X), alone.features(scaled), rtol=1e-10)
    by_steps = BoostedHeadClassifier(make_pipeline(MinMaxScaler(), PCA(2)), head).fit(X, y)
    assert by_steps.features(X).shape == (150, 2)


def test_sparse_rows_reach_a_perceptron(iris):
    X, y = iris
    model = BoostedHeadClassifier(MLPClassifier(**DEEP), BoostedNetworkClassifier(**QUICK)).fit(
        X, y
    )
    assert_allclose(model.predict_proba(sparse.csr_array(X)), model.predict_proba(X), rtol=1e-10)


# -- one deep network ------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("layer", [0, -1])
@pytest.mark.parametrize("count", [2, 3])
def test_replacing_the_last_layer_changes_no_output_of_a_classifier(iris, activation, layer, count):
    X, y = iris
    X, y = X[y < count], np.array(["a", "b", "c"])[y[y < count]]
    perceptron = MLPClassifier(**DEEP, activation=activation).fit(X, y)
    head = BoostedNetworkClassifier(**LINEAR)
    model = BoostedHeadClassifier(FrozenEstimator(perceptron), head, layer=layer).fit(X, y)
    for n_stages in (0, 1, None):
        layers = model.to_layers(n_stages)
        raw = model.decision_function(X, n_stages=n_stages)
        assert_allclose(layers.raw(X), raw, rtol=1e-10, atol=1e-10)
        assert_allclose(deep_output(layers, X).reshape(raw.shape), raw, rtol=1e-10, atol=1e-10)
        assert_allclose(
            layers.predict_proba(X), model.predict_proba(X, n_stages=n_stages), atol=1e-10
        )
        assert_array_equal(layers.predict(X), model.predict(X, n_stages=n_stages))
    n_hidden = 1 if layer == 0 else 2
    for ours, theirs in zip(layers.coefs_[:n_hidden], perceptron.coefs_, strict=False):
        assert_array_equal(ours, theirs)
    assert layers.n_layers_ == n_hidden + 3
    assert repr(layers).startswith("LayeredNetwork(4 - 6")


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_replacing_the_last_layer_changes_no_output_of_a_regressor(diabetes, n_outputs):
    X, y = diabetes
    y = y if n_outputs == 1 else np.column_stack([y, y**2, -y])
    scaled = StandardScaler().fit(X)
    perceptron = MLPRegressor(**DEEP | {"tol": 1e3}, activation="tanh").fit(scaled.transform(X), y)
    extractor = make_pipeline(FrozenEstimator(scaled), FrozenEstimator(perceptron))
    model = BoostedHeadRegressor(extractor, BoostedNetworkRegressor(**LINEAR)).fit(X, y)
    layers, seen = model.to_layers(), scaled.transform(X)  # layers act on what the perceptron sees
    assert_allclose(layers.predict(seen), model.predict(X), rtol=1e-10)
    assert_allclose(deep_output(layers, seen).reshape(y.shape), model.predict(X), rtol=1e-10)


def test_saturated_units_do_not_break_the_fold(iris):
    X, y = iris
    perceptron = MLPClassifier(**DEEP, activation="logistic").fit(X, y)
    perceptron.coefs_[0][:, 0] = [
        0,
        0,
        40,
        0,
    ]  # 1 for petals longer than 5.6 cm, and next to 0 for all others
    perceptron.intercepts_[0][0] = -40 * 5.6
    head = BoostedNetworkClassifier(**LINEAR)
    model = BoostedHeadClassifier(FrozenEstimator(perceptron), head, layer=0).fit(X, y)
    low, high = np.quantile(model.features(X)[:, 0], [0.25, 0.75])
    assert high - low < 1e-7
    assert_allclose(model.to_layers().raw(X), model.decision_function(X), rtol=1e-10, atol=1e-10)


def test_the_default_head_can_be_folded_in_and_its_network_stands_alone(iris):
    X, y = iris
    model = BoostedHeadClassifier(
        MLPClassifier(**DEEP | {"random_state": None}), random_state=0
    ).fit(X, y)
    assert_allclose(model.to_layers().predict_proba(X), model.predict_proba(X), atol=1e-10)
    network = model.to_network()
    assert_allclose(network.predict_proba(model.features(X)), model.predict_proba(X), atol=1e-10)
    assert model.to_network(1).n_stages == 1
    assert BoostedHeadClassifier(PCA(2)).fit(X, y).head_.numeric_scaling == "robust"


def test_layers_are_refused_where_there_are_none(iris):
    X, y = iris
    model = BoostedHeadClassifier(PCA(2), BoostedNetworkClassifier(**LINEAR)).fit(X, y)
    with pytest.raises(ValueError, match="has no layers of weights"):
        model.to_layers()
    model = BoostedHeadClassifier(MLPClassifier(**DEEP), BoostedNetworkClassifier(**QUICK)).fit(
        X, y
    )
    with pytest.raises(ValueError, match="numeric_scaling='standard'"):
        model.to_layers()


def test_predictions_stage_by_stage(iris):
    X, y = iris
    model = BoostedHeadClassifier(MLPClassifier(**DEEP), BoostedNetworkClassifier(**QUICK)).fit(
        X, y
    )
    staged = list(model.staged_predict(X))
    assert len(staged) == model.head_.n_stages_ + 1
    for stage, labels in enumerate(staged):
        assert_array_equal(labels, model.predict(X, n_stages=stage))


# -- an estimator around an estimator --------------------------------------------------------------


def test_extractor_and_head_are_copied_and_a_frozen_extractor_is_not_refitted(iris):
    X, y = iris
    perceptron = MLPClassifier(**DEEP).fit(X[:90], y[:90])
    weights = [w.copy() for w in perceptron.coefs_]
    head = BoostedNetworkClassifier(**QUICK)
    frozen = BoostedHeadClassifier(FrozenEstimator(perceptron), head).fit(X, y)
    assert not hasattr(head, "model_")
    assert frozen.extractor_.estimator is perceptron
    refitted = BoostedHeadClassifier(perceptron, head).fit(X, y)
    assert refitted.extractor_ is not perceptron
    for model, same in ((frozen, True), (refitted, False)):
        pairs = zip(weights, model.extractor_.coefs_, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs) == same
    for before, after in zip(weights, perceptron.coefs_, strict=True):
        assert_array_equal(before, after)


def test_a_fitted_head_is_pickled(iris):
    X, y = iris
    model = BoostedHeadClassifier(MLPClassifier(**DEEP), BoostedNetworkClassifier(**QUICK)).fit(
        X, y
    )
    restored = pickle.loads(pickle.dumps(model))
    assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


def test_column_names_are_kept_and_compared(iris):
    X, y = iris
    table = pd.DataFrame(X, columns=list("abcd"))
    extractor = make_pipeline(StandardScaler(), MLPClassifier(**DEEP))
    model = BoostedHeadClassifier(extractor, BoostedNetworkClassifier(**QUICK)).fit(table, y)
    assert_array_equal(model.feature_names_in_, list("abcd"))
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[list("dcba")])
    by_function = BoostedHeadClassifier(lambda t: t[["a", "b"]], BoostedNetworkClassifier(**QUICK))
    assert by_function.fit(table, y).head_.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="3 features, but BoostedHeadClassifier is expecting 4"):
        BoostedHeadClassifier(np.sqrt).fit(np.abs(X), y).predict(np.abs(X[:, :3]))


def test_one_seed_reaches_every_part_that_has_none(iris):
    X, y = iris
    extractor = make_pipeline(StandardScaler(), MLPClassifier((6,), solver="lbfgs", tol=0.1))
    head = BoostedNetworkClassifier(**QUICK | {"random_state": None})
    model = BoostedHeadClassifier(extractor, head, random_state=3)
    first = model.fit(X, y).predict_proba(X)
    assert_array_equal(model.fit(X, y).predict_proba(X), first)
    assert extractor[-1].random_state is None
    assert head.random_state is None
    other = clone(model).set_params(random_state=4).fit(X, y)
    assert not np.array_equal(other.features(X), model.features(X))
    seeded = BoostedHeadClassifier(
        MLPClassifier(**DEEP), BoostedNetworkClassifier(**QUICK), random_state=3
    )
    assert seeded.fit(X, y).extractor_.random_state == 0


def test_parameters_of_both_parts_can_be_searched(iris):
    X, y = iris
    model = BoostedHeadClassifier(MLPClassifier(**DEEP), BoostedNetworkClassifier(**QUICK))
    grid = {"layer": [0, 1], "head__n_stages": [1, 2], "extractor__activation": ["tanh"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.9


def test_validation_rows_are_turned_into_features(iris):
    X, y = iris
    head = BoostedNetworkClassifier(
        **QUICK | {"early_stopping": True, "n_stages": 40, "n_iter_no_change": 2}
    )
    perceptron = FrozenEstimator(MLPClassifier(**DEEP).fit(X[:60], y[:60]))
    model = BoostedHeadClassifier(perceptron, head)
    model.fit(X[:60], y[:60], X_val=X[60:100], y_val=y[60:100])
    features = model.features(X)
    alone = clone(head).fit(features[:60], y[:60], X_val=features[60:100], y_val=y[60:100])
    assert_array_equal(model.head_.validation_loss_, alone.validation_loss_)
    weighted = clone(model).fit(
        X[:60], y[:60], X_val=X[60:100], y_val=y[60:100], sample_weight_val=np.arange(40.0)
    )
    assert not np.array_equal(weighted.head_.validation_loss_, alone.validation_loss_)
    with pytest.raises(ValueError, match="4 features"):
        model.fit(X[:60], y[:60], X_val=X[60:100, :2], y_val=y[60:100])


# -- weights and other metadata --------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [False, True])
def test_weights_reach_extractor_and_head(iris, pipeline):
    X, y = iris
    weight = np.arange(len(y)) % 3
    extractor = make_pipeline(StandardScaler()) if pipeline else StandardScaler()
    model = BoostedHeadClassifier(extractor, BoostedNetworkClassifier(**QUICK))
    weighted = clone(model).fit(X, y, weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_allclose(weighted.features(X), repeated.features(X), rtol=1e-10)
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-6)
    assert not np.allclose(weighted.features(X), clone(model).fit(X, y).features(X))


def test_an_extractor_without_weights_is_named_in_a_warning(iris):
    X, y = iris
    weight = np.arange(len(y)) % 3
    head = BoostedNetworkClassifier(**QUICK)
    with pytest.warns(UserWarning, match="PCA takes no sample_weight"):
        model = BoostedHeadClassifier(PCA(2), head).fit(X, y, weight)
    assert_array_equal(model.head_.predict(model.features(X)), model.predict(X))
    # nothing is learned from frozen extractors and functions, so there is nothing to warn of
    BoostedHeadClassifier(FrozenEstimator(PCA(2).fit(X)), head).fit(X, y, weight)
    BoostedHeadClassifier(np.exp, head).fit(X, y, weight)


def test_metadata_go_where_they_are_requested(iris):
    X, y = iris
    weight = np.arange(len(y)) % 3
    plain = BoostedHeadClassifier(StandardScaler(), BoostedNetworkClassifier(**QUICK)).fit(
        X, y, weight
    )
    with config_context(enable_metadata_routing=True):
        scaler, head = StandardScaler(), BoostedNetworkClassifier(**QUICK)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            BoostedHeadClassifier(scaler, head).fit(X, y, sample_weight=weight)
        head.set_fit_request(sample_weight=True)
        both = BoostedHeadClassifier(scaler.set_fit_request(sample_weight=True), head)
        assert_array_equal(
            both.fit(X, y, sample_weight=weight).predict_proba(X), plain.predict_proba(X)
        )
        one = BoostedHeadClassifier(StandardScaler().set_fit_request(sample_weight=False), head)
        one.fit(X, y, sample_weight=weight)
        assert_allclose(one.extractor_.mean_, X.mean(axis=0))
        # the default head asks for weights by itself; a search hands them on to the head's owner
        default = BoostedHeadClassifier(np.exp, random_state=0).set_fit_request(sample_weight=True)
        default.set_score_request(sample_weight=False)
        search = GridSearchCV(default, {"layer": [-1]}, cv=2).fit(X, y, sample_weight=weight)
        alone = BoostedHeadClassifier(np.exp, random_state=0).fit(X, y, sample_weight=weight)
    unweighted = BoostedHeadClassifier(np.exp, random_state=0).fit(X, y)
    best = search.best_estimator_.predict_proba(X)
    assert_array_equal(best, alone.predict_proba(X))
    assert not np.array_equal(best, unweighted.predict_proba(X))


def test_other_metadata_need_routing(iris, diabetes):
    with pytest.raises(
        ValueError, match=r"fit got \['sensitive_features'\], .*enable_metadata_routing=True"
    ):
        BoostedHeadClassifier(np.exp).fit(*iris, sensitive_features=iris[1])
    X, y = diabetes
    group = X[:, 1] > 0
    with config_context(enable_metadata_routing=True):
        head = BoostedNetworkRegressor(**QUICK, penalty="covariance").set_fit_request(
            sensitive_features=True
        )
        model = BoostedHeadRegressor(StandardScaler(), head).fit(X, y, sensitive_features=group)
    alone = clone(head).fit(model.features(X), y, sensitive_features=group)
    assert_array_equal(model.predict(X), alone.predict(model.features(X)))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extractor", "settings", "words"),
    [
        (None, {}, "extractor=None gives no features"),
        ("mlp", {}, "extractor='mlp' gives no features"),
        (DummyClassifier(), {}, "neither hidden layers nor a transform method"),
        (PCA(2), {"layer": 0}, "layer=0 names a hidden layer, but"),
        (
            MLPClassifier(**DEEP),
            {"layer": 2},
            "layer=2 is out of range: the extractor has 2 hidden layers",
        ),
        (MLPClassifier(**DEEP), {"layer": -3}, "layer=-3 is out of range"),
        (PCA(2), {"layer": 0.5}, "layer=0.5 is not valid"),
        (PCA(2), {"head": BoostedNetworkRegressor()}, "must be a BoostedNetworkClassifier or None"),
        (PCA(2), {"head": DummyClassifier()}, "must be a BoostedNetworkClassifier or None"),
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(iris, extractor, settings, words):
    with pytest.raises(ValueError, match=words):
        BoostedHeadClassifier(extractor, **settings).fit(*iris)


def test_a_frozen_extractor_must_be_fitted(iris):
    with pytest.raises(NotFittedError):
        BoostedHeadClassifier(FrozenEstimator(MLPClassifier())).fit(*iris)


def test_quantile_levels_have_no_r2(diabetes):
    X, y = diabetes
    head = BoostedNetworkRegressor(**QUICK, loss=Quantile([0.1, 0.9]))
    model = BoostedHeadRegressor(StandardScaler(), head).fit(X, y)
    assert model.predict(X).shape == (442, 2)
    with pytest.raises(ValueError, match="mean_pinball_loss"):
        model.score(X, y)
