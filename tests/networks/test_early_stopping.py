"""Held-out rows end the fit and the best stage is kept."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

# steps and units that overfit soon
WILD = {
    "n_stages": 60,
    "units_per_stage": 10,
    "learning_rate": 1.0,
    "alpha": 1e-3,
    "n_iter_no_change": 5,
    "n_threads": 1,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 4))
    return X, np.sin(3 * X[:, 0]) + 0.5 * rng.normal(size=300)


@pytest.fixture(scope="module")
def noisy_classes(noisy):
    X, y = noisy
    return X, (y > 0).astype(int)


@pytest.mark.parametrize(
    "how", [{"n_folds": 5}, {"n_folds": 2}, {"n_folds": 1, "validation_fraction": 0.3}]
)
def test_the_fit_stops_and_the_best_stage_is_kept(noisy, how):
    X, y = noisy
    model = BoostedNetworkRegressor(**WILD, **how).fit(X, y)
    losses = model.validation_loss_
    assert len(losses) == len(model.train_loss_) < 60
    assert model.n_stages_ == np.argmin(losses) == len(losses) - 1 - WILD["n_iter_no_change"]
    assert len(model.model_) == model.n_stages_
    whole = BoostedNetworkRegressor(**WILD | {"early_stopping": False}).fit(X, y)
    test_X = np.random.default_rng(1).uniform(-1, 1, (2000, 4))
    truth = np.sin(3 * test_X[:, 0])
    assert model.score(test_X, truth) > whole.score(test_X, truth)


def test_validation_rows_may_be_passed(noisy_classes):
    X, y = noisy_classes
    model = BoostedNetworkClassifier(**WILD)
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert model.model_.n_members == 1
    assert model.n_stages_ == np.argmin(model.validation_loss_) < 60
    for t, proba in enumerate(model.staged_predict_proba(X[200:])):
        # validation rows are encoded in single precision
        assert_allclose(log_loss(y[200:], proba), model.validation_loss_[t], rtol=1e-4)


def test_losses_of_the_history_are_those_of_the_stages(noisy):
    X, y = noisy
    model = BoostedNetworkRegressor(**WILD | {"early_stopping": False, "n_stages": 6}).fit(X, y)
    for t, prediction in enumerate(model.staged_predict(X)):
        assert_allclose(0.5 * np.mean((y - prediction) ** 2), model.train_loss_[t], rtol=1e-5)
    assert model.validation_loss_ is None


def test_nobody_learns_from_the_rows_that_judge_it(noisy):
    """A row that nothing can predict has the same held-out loss however hard the fit tries."""
    X, y = noisy
    y = y.copy()
    y[7] = 1e6
    settings = WILD | {"early_stopping": True, "loss": "absolute_error", "n_folds": 3}
    model = BoostedNetworkRegressor(**settings).fit(X, y)
    assert model.validation_loss_.min() > 0.99e6 / len(y)


def test_every_fold_holds_its_share_of_each_class():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = np.repeat([0, 1], [95, 5])
    model = BoostedNetworkClassifier(**WILD | {"n_stages": 2}, n_folds=5).fit(X, y)
    starts = 1 / (1 + np.exp(-model.model_.starts[:, 0]))
    assert_allclose(starts, 0.05, atol=1e-12)


def test_a_class_with_fewer_rows_than_folds_is_held_out_by_nobody():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = np.repeat([0, 1, 2], [60, 37, 3])
    model = BoostedNetworkClassifier(**WILD | {"n_stages": 2}, n_folds=5).fit(X, y)
    assert (model.model_.starts > -5).all()  # every member saw every class
    assert np.isfinite(model.validation_loss_).all()


def test_classes_that_are_all_too_small_are_refused(noisy):
    X, y = noisy[0][:8], np.repeat([0, 1], 4)
    with pytest.raises(
        ValueError, match=r"early_stopping=True has no rows.*5 folds; lower n_folds"
    ):
        BoostedNetworkClassifier(**WILD, early_stopping=True, n_folds=5).fit(X, y)
    model = BoostedNetworkClassifier(**WILD, early_stopping=True).fit(X, y)
    assert model.model_.n_members == 4
    assert model.validation_loss_ is not None


def test_folds_without_early_stopping_are_averaged(noisy):
    X, y = noisy
    settings = WILD | {"early_stopping": False, "n_stages": 8, "n_folds": 4}
    model = BoostedNetworkRegressor(**settings).fit(X, y)
    assert model.n_stages_ == 9
    assert model.model_.n_members == 4
    assert model.validation_loss_.shape == model.train_loss_.shape == (10,)
    rows = model.encoder_.pack(X, dtype="float64")
    members = [model.model_.member(k).raw(rows)[:, 0] for k in range(4)]
    assert_allclose(np.mean(members, axis=0), model.predict(X), rtol=1e-9)


def test_auto_needs_thirty_different_rows(noisy):
    X, y = noisy
    for n_rows, stops in ((29, False), (30, True)):
        copies = np.resize(np.arange(n_rows), 60)
        model = BoostedNetworkRegressor(**WILD | {"n_stages": 2}).fit(X[copies], y[copies])
        assert (model.validation_loss_ is not None) is stops
    few = BoostedNetworkRegressor(**WILD | {"early_stopping": True, "n_stages": 2})
    assert few.fit(X[:4], y[:4]).validation_loss_ is not None


def test_patience_and_tolerance_act(noisy):
    X, y = noisy
    model = BoostedNetworkRegressor(**WILD)
    lengths = [
        len(model.set_params(n_iter_no_change=n, tol=tol).fit(X, y).validation_loss_)
        for n, tol in ((1, 0.0), (5, 0.0), (20, 0.0), (5, 0.5))
    ]
    assert lengths[0] < lengths[1] < lengths[2]
    assert lengths[3] < lengths[1]


def test_the_share_that_is_held_out_acts(noisy):
    X, y = noisy
    fits = [
        BoostedNetworkRegressor(**WILD, n_folds=1, validation_fraction=share).fit(X, y)
        for share in (0.1, 0.5)
    ]
    assert not np.array_equal(fits[0].validation_loss_, fits[1].validation_loss_)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.9 leaves none of 4 rows"):
        BoostedNetworkRegressor(early_stopping=True, n_folds=1, validation_fraction=0.9).fit(
            X[:4], y[:4]
        )


def test_large_data_hold_out_a_share_and_small_data_use_folds():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_001, 2))
    y = X[:, 0] + 0.1 * rng.normal(size=10_001)
    settings = WILD | {"n_stages": 1, "adam_steps": 20, "units_per_stage": 2}
    for n_rows, members in ((10_000, 5), (10_001, 1)):
        model = BoostedNetworkRegressor(**settings).fit(X[:n_rows], y[:n_rows])
        assert model.model_.n_members == members
        assert model.validation_loss_ is not None


def test_early_stopping_of_no_stages(noisy):
    X, y = noisy
    model = BoostedNetworkRegressor(**WILD | {"n_stages": 0}, linear_start=False).fit(X, y)
    assert model.n_stages_ == 0
    assert_allclose(model.predict(X), y.mean(), rtol=1e-9)
    assert model.train_loss_.shape == model.validation_loss_.shape == (1,)


def test_if_no_stage_helps_the_start_is_kept():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    model = BoostedNetworkRegressor(**WILD | {"learning_rate": 1.0, "alpha": 1e-6}, n_folds=1)
    model.fit(X, y, X_val=X[:20], y_val=np.full(20, y.mean()))
    assert model.n_stages_ == 0
    assert_array_equal(model.predict(X), np.full(200, model.predict(X)[0]))
