"""The documented defaults reach what they promise on scikit-learn's bundled data.

Five random 70/30 splits each, no tuning. The floors are those of the published setting and of the
models beside it; ``examples/benchmarks/bundled_sets.py`` prints the whole table.
"""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

pytestmark = pytest.mark.long

SPLITS = range(5)


def splits(load):
    X, y = load(return_X_y=True)
    strata = None if load is load_diabetes else y
    for seed in SPLITS:
        yield seed, *train_test_split(X, y, test_size=0.3, random_state=seed, stratify=strata)


@pytest.mark.parametrize(
    ("load", "accuracy", "loss"),
    [
        (load_breast_cancer, 0.967, 0.120),
        (load_wine, 0.985, 0.0275),
        (load_digits, 0.975, 0.0975),
    ],
    ids=["breast_cancer", "wine", "digits"],
)
def test_accuracy_and_log_loss_of_the_defaults(load, accuracy, loss):
    hits, losses = [], []
    for seed, X_train, X_test, y_train, y_test in splits(load):
        model = BoostedNetworkClassifier(random_state=seed).fit(X_train, y_train)
        hits.append(accuracy_score(y_test, model.predict(X_test)))
        losses.append(log_loss(y_test, model.predict_proba(X_test)))
    assert np.mean(hits) >= accuracy
    assert np.mean(losses) <= loss


def test_error_of_the_defaults_on_diabetes():
    errors = []
    for seed, X_train, X_test, y_train, y_test in splits(load_diabetes):
        model = BoostedNetworkRegressor(random_state=seed).fit(X_train, y_train)
        errors.append(root_mean_squared_error(y_test, model.predict(X_test)))
    assert np.mean(errors) <= 56.0


@pytest.mark.parametrize("settings", [{}, {"linear_start": False, "early_stopping": False}])
def test_many_classes_with_one_unit_a_stage_and_full_steps_do_not_collapse(settings):
    """The published defaults end in NaN or a constant class on most splits of digits."""
    for seed, X_train, X_test, y_train, y_test in splits(load_digits):
        one = {"n_stages": 200, "units_per_stage": 1, "learning_rate": 1.0, "n_folds": 1}
        model = BoostedNetworkClassifier(**one, **settings, random_state=seed)
        model.fit(X_train, y_train)
        assert np.isfinite(model.train_loss_).all()
        assert (np.diff(model.train_loss_) <= 1e-12).all()
        assert model.score(X_test, y_test) >= 0.94


def test_linear_data_do_not_lose_to_linear_models():
    rng = np.random.default_rng(0)
    for seed in SPLITS:
        X = rng.normal(size=(600, 8))
        signal = X @ rng.normal(size=8)
        y = signal + rng.normal(size=600)
        model = BoostedNetworkRegressor(random_state=seed).fit(X[:300], y[:300])
        ridge = make_pipeline(StandardScaler(), Ridge()).fit(X[:300], y[:300])
        errors = [root_mean_squared_error(y[300:], m.predict(X[300:])) for m in (model, ridge)]
        assert errors[0] <= 1.02 * errors[1]
        labels = (signal + rng.logistic(size=600) > 0).astype(int)
        model = BoostedNetworkClassifier(random_state=seed).fit(X[:300], labels[:300])
        logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:300], labels[:300])
        losses = [log_loss(labels[300:], m.predict_proba(X[300:])) for m in (model, logistic)]
        assert losses[0] <= 1.03 * losses[1]


def test_switching_units_off_costs_little_at_first():
    """Half of the units give nearly the accuracy of all of them."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    model = BoostedNetworkClassifier(random_state=0).fit(X_train, y_train)
    hits = [
        accuracy_score(y_test, model.predict(X_test, n_stages=round(share * model.n_stages_)))
        for share in (0.25, 0.5, 0.75, 1.0)
    ]
    assert hits[0] > 0.94
    assert hits[1] > hits[3] - 0.01
