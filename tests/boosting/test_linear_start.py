"""The first stage is the loss's own generalised linear model on the encoded columns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

ALONE = {"n_stages": 0, "early_stopping": False, "n_threads": 1, "dtype": "float64"}


def encoded(model, X):
    return model.encoder_.pack(X, dtype="float64").to_dense()


def coefficients(model):
    """Slopes (d, n_raw) and intercepts (n_raw,) of a model that is linear."""
    network = model.to_network()
    slopes = network.hidden @ network.output
    return slopes, network.hidden_bias @ network.output + network.stage_bias[-1]


@pytest.fixture
def weight():
    return np.random.default_rng(0).integers(0, 4, 569).astype(float)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 30.0])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_squared_error_gives_ridge(diabetes, weight, alpha, unit):
    X, y = diabetes
    y, w = unit * np.column_stack([y, np.sqrt(y)]), weight[:442]
    model = BoostedNetworkRegressor(linear_alpha=alpha, **ALONE).fit(X, y, w)
    ridge = Ridge(alpha).fit(encoded(model, X), y, w)
    slopes, intercepts = coefficients(model)
    assert_allclose(slopes, ridge.coef_.T, rtol=1e-5, atol=1e-5 * unit)
    assert_allclose(intercepts, ridge.intercept_, rtol=1e-6)
    assert_allclose(model.predict(X), ridge.predict(encoded(model, X)), rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 30.0])
def test_log_loss_gives_logistic_regression(breast_cancer, weight, alpha):
    X, y = breast_cancer
    model = BoostedNetworkClassifier(linear_alpha=alpha, **ALONE).fit(X, y, weight)
    peer = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000)
    peer.fit(encoded(model, X), y, weight)
    slopes, intercepts = coefficients(model)
    assert_allclose(slopes.T, peer.coef_, atol=1e-4)
    assert_allclose(intercepts, peer.intercept_, atol=1e-4)
    assert_allclose(model.predict_proba(X), peer.predict_proba(encoded(model, X)), atol=1e-4)


def test_many_classes_give_multinomial_regression(iris):
    X, y = iris
    model = BoostedNetworkClassifier(linear_alpha=1.0, **ALONE).fit(X, y)
    peer = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(encoded(model, X), y)
    assert_allclose(model.predict_proba(X), peer.predict_proba(encoded(model, X)), atol=1e-4)


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_poisson_gives_poisson_regression(alpha):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = rng.poisson(np.exp(0.5 + X @ [0.5, -0.3, 0.0, 0.2]))
    model = BoostedNetworkRegressor(loss="poisson", linear_alpha=alpha, **ALONE).fit(X, y)
    # scikit-learn divides the deviance by the number of rows
    peer = PoissonRegressor(alpha=alpha / 300, tol=1e-10, max_iter=1000).fit(encoded(model, X), y)
    slopes, intercepts = coefficients(model)
    assert_allclose(slopes[:, 0], peer.coef_, atol=1e-4)
    assert_allclose(intercepts[0], peer.intercept_, atol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "quantile"])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_losses_with_a_corner_start_from_a_robust_line(loss, unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = 3 * X[:, 0] - X[:, 1] + 0.1 * rng.standard_t(2, 300)
    y[:20] += 1000.0  # outliers do not move a median
    model = BoostedNetworkRegressor(loss=loss, **ALONE).fit(X, unit * y)
    assert np.median(np.abs(unit * y - model.predict(X))) < 0.3 * unit


def test_many_more_columns_than_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 300))
    y = X[:, 0] + 0.1 * rng.normal(size=40)
    model = BoostedNetworkRegressor(**ALONE).fit(X, y)
    ridge = Ridge(1.0).fit(encoded(model, X), y)
    assert_allclose(model.predict(X), ridge.predict(encoded(model, X)), rtol=1e-4, atol=1e-4)


def test_columns_that_say_the_same():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 1))
    X = np.hstack([x, x, 2 * x, np.ones((100, 1))])
    model = BoostedNetworkRegressor(linear_alpha=0.0, **ALONE).fit(X, 3 * x[:, 0])
    assert_allclose(model.predict(X), 3 * x[:, 0], atol=1e-4)


def test_columns_that_hardly_vary_among_the_rows_that_count():
    rng = np.random.default_rng(0)
    for n_rows in (2, 3, 5):
        X = np.vstack([np.ones((n_rows, 2)), rng.normal(size=(30, 2))])
        weight = np.repeat([1.0, 1e-300], [n_rows, 30])
        for loss in ("squared_error", "absolute_error", "huber"):
            model = BoostedNetworkRegressor(loss=loss, linear_alpha=0.0, **ALONE)
            model.fit(X, rng.normal(size=n_rows + 30), weight)
            assert np.isfinite(model.predict(X)).all()


def test_perfect_separation_without_a_penalty_ends():
    X = np.linspace(-1, 1, 50)[:, None]
    model = BoostedNetworkClassifier(linear_alpha=0.0, **ALONE).fit(X, X[:, 0] > 0)
    assert model.score(X, X[:, 0] > 0) == 1.0
    assert np.isfinite(model.decision_function(X)).all()


def test_a_penalty_acts_on_the_linear_start_too():
    rng = np.random.default_rng(0)
    group = (rng.random(400) < 0.5).astype(float)
    X = np.column_stack([group + 0.3 * rng.normal(size=400), rng.normal(size=400)])
    y = 2 * group + X[:, 1]
    plain = BoostedNetworkRegressor(**ALONE).fit(X, y)
    fair = BoostedNetworkRegressor(penalty="covariance", **ALONE)
    fair.fit(X, y, sensitive_features=group)
    gaps = [abs(np.cov(m.predict(X), group)[0, 1]) for m in (plain, fair)]
    assert gaps[1] < 0.8 * gaps[0]


def test_linear_data_need_nothing_else():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = X @ [1.0, -2.0, 0.5, 0.0, 3.0] + 0.5 * rng.normal(size=300)
    model = BoostedNetworkRegressor(n_stages=20, n_threads=1, random_state=0).fit(X[:200], y[:200])
    ridge = Ridge(1.0).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > ridge.score(X[200:], y[200:]) - 0.01
