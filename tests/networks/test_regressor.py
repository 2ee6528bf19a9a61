"""Numbers of all kinds: losses, quantiles, several outputs, penalties, and parameters that act."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_friedman1
from sklearn.metrics import d2_absolute_error_score, d2_tweedie_score, mean_pinball_loss

from skboost.boosting import LineSearchStep
from skboost.losses import LOSSES, AbsoluteError, Huber, Loss, Quantile, SquaredError, Tweedie
from skboost.networks import BoostedNetworkRegressor
from skboost.penalties import Covariance

FAST = {"n_stages": 10, "units_per_stage": 5, "n_threads": 1, "random_state": 0}


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(400, noise=1.0, random_state=0)


@pytest.fixture(scope="module")
def counts():
    """Inputs, means, and counts drawn with them."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 4))
    mean = np.exp(1 + np.sin(3 * X[:, 0]) + X[:, 1])
    return X, mean, rng.poisson(mean).astype(float)


def test_it_beats_a_linear_model_where_data_are_curved(friedman):
    X, y = friedman
    model = BoostedNetworkRegressor(n_stages=60, random_state=0, n_threads=1).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9
    linear = model.predict(X[300:], n_stages=1)
    assert 1 - np.sum((y[300:] - linear) ** 2) / np.sum((y[300:] - y[300:].mean()) ** 2) < 0.8


# -- losses


@pytest.mark.parametrize("alias", [a for a, loss in LOSSES.items() if loss.kind == "regression"])
def test_every_loss_improves_on_the_constant(counts, alias):
    X, _, y = counts
    y = y + 0.5  # positive, for gamma
    model = BoostedNetworkRegressor(loss=alias, **FAST).fit(X[:400], y[:400])
    loss, held_out = model.loss_, []
    for raw in (model._raw_predict(X[400:], 0), model._raw_predict(X[400:])):
        held_out.append(loss.value(y[400:], raw).mean())
    assert held_out[1] < 0.85 * held_out[0]
    assert model.train_loss_[-1] < 0.85 * model.train_loss_[0]


def test_counts(counts):
    X, mean, y = counts
    model = BoostedNetworkRegressor(loss="poisson", **FAST | {"n_stages": 40}).fit(X, y)
    predicted = model.predict(X)
    assert predicted.min() > 0
    assert_allclose(predicted.mean(), y.mean(), rtol=0.03)
    assert d2_tweedie_score(mean, predicted, power=1) > 0.9
    squared = BoostedNetworkRegressor(**FAST | {"n_stages": 40}).fit(X, y).predict(X)
    assert np.mean(np.log(predicted / mean) ** 2) < np.mean(
        np.log(np.maximum(squared, 0.01) / mean) ** 2
    )


def test_amounts_that_are_often_zero():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (800, 3))
    mean = np.exp(2 * X[:, 0])
    y = rng.gamma(2.0, 0.5, 800) * mean * (rng.random(800) < 0.5) * 2
    model = BoostedNetworkRegressor(loss=Tweedie(power=1.4), **FAST).fit(X, y)
    assert np.corrcoef(np.log(model.predict(X)), X[:, 0])[0, 1] > 0.95


def test_robust_losses_bear_outliers(friedman):
    X, y = friedman
    spoilt = y.copy()
    spoilt[:20] += 500.0
    scores = {
        loss: d2_absolute_error_score(
            y[300:],
            BoostedNetworkRegressor(loss=loss, **FAST).fit(X[:300], spoilt[:300]).predict(X[300:]),
        )
        for loss in ("squared_error", "absolute_error", "huber")
    }
    assert min(scores["absolute_error"], scores["huber"]) > max(0.3, scores["squared_error"] + 0.2)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_quantile_has_its_share_of_the_targets_below(level):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (1500, 2))
    y = X[:, 0] + (1.5 + X[:, 1]) * rng.normal(size=1500)
    model = BoostedNetworkRegressor(loss=Quantile(level), **FAST).fit(X[:1000], y[:1000])
    below = y[1000:] <= model.predict(X[1000:])
    assert abs(below.mean() - level) < 0.06
    for part in (X[1000:, 1] > 0, X[1000:, 1] <= 0):  # everywhere, not on the average
        assert abs(below[part].mean() - level) < 0.1


def test_several_quantiles_never_cross():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 2))
    y = X[:, 0] + (1.2 + X[:, 1]) * rng.normal(size=400)
    levels = [0.5, 0.05, 0.95, 0.25]
    model = BoostedNetworkRegressor(loss=Quantile(levels), **FAST).fit(X, y)
    wide = rng.uniform(-5, 5, (2000, 2))
    for rows in (X, wide):
        predicted = model.predict(rows)
        assert predicted.shape == (len(rows), 4)
        assert (np.diff(predicted[:, np.argsort(levels)], axis=1) >= 0).all()
    for stage in model.staged_predict(wide):
        assert (np.diff(stage[:, np.argsort(levels)], axis=1) >= 0).all()
    one = BoostedNetworkRegressor(loss=Quantile(0.95), **FAST).fit(X, y).predict(X)
    together = mean_pinball_loss(y, model.predict(X)[:, 2], alpha=0.95)
    assert together < 1.15 * mean_pinball_loss(y, one, alpha=0.95)
    with pytest.raises(ValueError, match=r"score compares one prediction.*4.*pinball"):
        model.score(X, y)


class Expectile(Loss):
    """A third party's loss: squares that cost three times as much above as below."""

    def initial_raw(self, y, sample_weight=None, n_classes=None):
        return np.asarray(np.average(y, weights=sample_weight))

    def _cost(self, y, raw):
        return np.where(y > raw, 3.0, 1.0)

    def value(self, y, raw):
        return 0.5 * self._cost(y, raw) * (y - raw) ** 2

    def gradient(self, y, raw):
        return self._cost(y, raw) * (raw - y)

    def hessian(self, y, raw):
        return self._cost(y, raw)

    def sample(self, n, random_state=None, n_raw=None):
        rng = np.random.default_rng(random_state)
        return rng.normal(size=n), rng.normal(size=n)


def test_a_loss_of_the_users_own(friedman):
    X, y = friedman
    model = BoostedNetworkRegressor(loss=Expectile(), **FAST).fit(X, y)
    assert (np.diff(model.train_loss_) <= 1e-12).all()
    assert (y < model.predict(X)).mean() > 0.6
    network = model.to_network()
    assert_allclose(network.predict(X), model.predict(X), rtol=1e-10)


# -- several outputs


def test_several_outputs_share_one_network(friedman):
    X, y = friedman
    both = np.column_stack([y, -3 * y + 7])
    model = BoostedNetworkRegressor(**FAST).fit(X, both)
    assert model.predict(X).shape == (400, 2)
    assert model.score(X, both) > 0.85
    assert_allclose(model.predict(X)[:, 1], -3 * model.predict(X)[:, 0] + 7, atol=1e-6)
    alone = BoostedNetworkRegressor(**FAST).fit(X, y)
    assert model.to_network().n_units <= alone.to_network().n_units + 60


def test_a_column_stays_a_column(friedman):
    X, y = friedman
    flat = BoostedNetworkRegressor(**FAST).fit(X, y).predict(X)
    assert flat.shape == (400,)
    column = BoostedNetworkRegressor(**FAST).fit(X, y[:, None]).predict(X)
    assert_array_equal(column, flat[:, None])


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
def test_outputs_of_very_different_size(counts, loss):
    X, _, y = counts
    both = np.column_stack([1e4 * (y + 1), (y[::-1] + 1) / 100])
    X = np.column_stack([X, X[::-1]])
    model = BoostedNetworkRegressor(loss=loss, **FAST | {"n_stages": 20}).fit(X, both)
    for k in range(2):
        start = model.predict(X[:1], n_stages=0)[0, k]
        left = np.abs(both[:, k] - model.predict(X)[:, k]).mean()
        assert left < 0.85 * np.abs(both[:, k] - start).mean()


# -- stages


def test_staged_predictions_are_predictions_of_the_first_stages(friedman):
    X, y = friedman
    model = BoostedNetworkRegressor(**FAST).fit(X, y)
    staged = list(model.staged_predict(X))
    assert len(staged) == model.n_stages_ + 1
    for t, prediction in enumerate(staged):
        assert_allclose(model.predict(X, n_stages=t), prediction, rtol=1e-10)
        shorter = model.truncate(t)
        assert shorter.n_stages_ == t
        assert_array_equal(shorter.predict(X), model.predict(X, n_stages=t))
    assert model.truncate(2).truncate(1).n_stages_ == 1
    assert model.n_stages_ == len(staged) - 1  # truncation makes copies


def test_no_stages_at_all(friedman):
    X, y = friedman
    model = BoostedNetworkRegressor(n_stages=0, linear_start=False).fit(X, y)
    assert_allclose(model.predict(X), y.mean(), rtol=1e-12)
    assert (model.n_stages_, model.n_units_) == (0, 0)
    assert len(list(model.staged_predict(X))) == 1
    assert_allclose(model.to_network().predict(X), y.mean(), rtol=1e-12)
    linear = BoostedNetworkRegressor(n_stages=0).fit(X, y)
    assert linear.n_stages_ == 1
    assert 0.5 < linear.score(X, y) < 0.85


def test_fitted_attributes(friedman):
    X, y = friedman
    model = BoostedNetworkRegressor(**FAST | {"early_stopping": False}).fit(X, y)
    assert model.n_features_in_ == 10
    assert model.n_stages_ == 11
    assert model.n_units_ == 51  # a linear unit and 10 times 5
    assert model.train_loss_.shape == (11 + 1,)
    assert model.validation_loss_ is None
    assert type(model.loss_) is SquaredError
    assert_allclose(model.train_loss_[0], 0.5 * y.var(), rtol=1e-9)


# -- penalties


@pytest.fixture(scope="module")
def unfair():
    rng = np.random.default_rng(0)
    group = (rng.random(400) < 0.4).astype(float)
    X = np.column_stack([group + 0.3 * rng.normal(size=400), rng.normal(size=(400, 3))])
    return X, 2 * group + X[:, 1] + X[:, 2] ** 2 + 0.1 * rng.normal(size=400), group


def gap(model, X, group):
    return abs(np.cov(model.predict(X), group)[0, 1])


@pytest.mark.parametrize("linear_start", [True, False])
def test_a_penalty_lowers_the_dependence(unfair, linear_start):
    X, y, group = unfair
    settings = FAST | {"linear_start": linear_start, "learning_rate": 0.5, "n_stages": 20}
    plain = BoostedNetworkRegressor(**settings).fit(X, y)
    alias = BoostedNetworkRegressor(**settings, penalty="covariance")
    alias.fit(X, y, sensitive_features=group)
    gaps = [gap(plain, X, group), gap(alias, X, group)]
    for strength in (10.0, 1000.0):
        strong = BoostedNetworkRegressor(**settings, penalty=Covariance(strength))
        gaps.append(gap(strong.fit(X, y, sensitive_features=group), X, group))
    assert gaps[0] > gaps[1] > gaps[2] > gaps[3]
    assert gaps[1] < 0.75 * gaps[0]
    assert gaps[3] < 0.1 * gaps[0]


def test_penalties_of_strength_zero_and_several_at_once(unfair):
    X, y, group = unfair
    plain = BoostedNetworkRegressor(**FAST, early_stopping=False).fit(X, y)
    nothing = BoostedNetworkRegressor(**FAST, early_stopping=False, penalty=Covariance(0.0))
    nothing.fit(X, y, sensitive_features=np.column_stack([group, X[:, 3]]))
    assert_allclose(nothing.score(X, y), plain.score(X, y), atol=0.02)
    once = BoostedNetworkRegressor(**FAST, penalty=Covariance(6.0))
    twice = BoostedNetworkRegressor(**FAST, penalty=["covariance", Covariance(5.0)])
    assert_allclose(
        once.fit(X, y, sensitive_features=group).predict(X),
        twice.fit(X, y, sensitive_features=group).predict(X),
        atol=0.1,
    )


# -- every parameter acts


ACTS = {
    "n_stages": 3,
    "units_per_stage": 2,
    "learning_rate": 0.7,
    "loss": "absolute_error",
    "activation": "logistic",
    "alpha": 20.0,
    "linear_start": False,
    "linear_alpha": 50.0,
    "max_features": 1.0,
    "subsample": 0.5,
    "step": "fixed",
    "lbfgs_iter": 3,
    "early_stopping": False,
    "n_folds": 2,
    "numeric_scaling": "standard",
    "dtype": "float32",
    "random_state": 1,
    "categorical_features": [0],
}
ELSEWHERE = {
    "penalty": "test_a_penalty_lowers_the_dependence",
    "learner": "test_learners_by_name",
    "residuals": "test_newton_residuals_are_another_fit",
    "adam_steps": "test_adam_steps_act_on_long_tables",
    "validation_fraction": "test_early_stopping.py",
    "n_iter_no_change": "test_early_stopping.py",
    "tol": "test_early_stopping.py",
    "handle_unknown": "test_tables_in_estimators.py",
    "warm_start": "test_warm_start.py",
    "n_threads": "test_threads_and_seeds.py",
    "verbose": "test_callbacks.py",
}


def test_every_parameter_is_seen_to_act():
    assert set(ACTS) | set(ELSEWHERE) == set(BoostedNetworkRegressor().get_params(deep=False))


@pytest.mark.parametrize("name", ACTS)
def test_changing_a_parameter_changes_the_predictions(friedman, name):
    X, y = friedman
    X = np.column_stack([np.round(4 * X[:, 0]), X[:, 1:]])
    plain = BoostedNetworkRegressor(**FAST).fit(X, y).predict(X)
    changed = BoostedNetworkRegressor(**FAST | {name: ACTS[name]}).fit(X, y).predict(X)
    assert np.abs(plain - changed).max() > (1e-6 if name == "dtype" else 1e-3)


def test_newton_residuals_are_another_fit(counts):
    X, _, y = counts
    fits = [
        BoostedNetworkRegressor(loss="poisson", residuals=residuals, **FAST).fit(X, y)
        for residuals in ("gradient", "newton")
    ]
    assert np.abs(fits[0].predict(X) - fits[1].predict(X)).max() > 1e-3
    assert fits[1].train_loss_[-1] < 1.1 * fits[0].train_loss_[-1]


def test_learners_by_name(friedman):
    X, y = friedman
    plain = {"n_stages": 5, "n_threads": 1, "random_state": 0, "early_stopping": False}
    fits = {
        name: BoostedNetworkRegressor(learner=name, **plain).fit(X, y)
        for name in ("network", "linear", "mlp")
    }
    assert fits["linear"].score(X, y) < 0.8 < fits["network"].score(X, y)
    assert fits["linear"].n_units_ == 6
    assert_allclose(fits["mlp"].to_network().predict(X), fits["mlp"].predict(X), rtol=1e-10)


def test_adam_steps_act_on_long_tables():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (5000, 3))
    y = np.sin(4 * X[:, 0])
    settings = FAST | {"n_stages": 3, "n_folds": 1, "linear_start": False, "learning_rate": 1.0}
    scores = [
        BoostedNetworkRegressor(**settings, adam_steps=n).fit(X, y).score(X, y) for n in (2, 300)
    ]
    assert scores[0] < scores[1] - 0.05
    assert scores[1] > 0.9


def test_steps_of_their_own_accord_suit_the_loss(friedman):
    X, y = friedman
    for loss, same in (
        ("squared_error", "newton"),
        (Expectile(), "newton"),
        ("huber", LineSearchStep(tol=1e-3)),
        ("quantile", LineSearchStep(tol=1e-3)),
    ):
        settings = FAST | {"loss": loss, "early_stopping": False}
        auto = BoostedNetworkRegressor(**settings).fit(X, y).predict(X)
        assert_array_equal(
            auto, BoostedNetworkRegressor(**settings, step=same).fit(X, y).predict(X)
        )


def test_smoothing_of_a_loss_is_a_parameter_like_any_other(friedman):
    X, y = friedman
    fits = [
        BoostedNetworkRegressor(loss=loss, **FAST).fit(X, y).predict(X)
        for loss in (AbsoluteError(), AbsoluteError(smoothing=3.0), Huber(0.5), Huber(5.0))
    ]
    assert all(np.abs(fits[0] - other).max() > 1e-2 for other in fits[1:])
