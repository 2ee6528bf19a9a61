"""A fit that goes on where the last one stopped."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skboost.losses import Quantile
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

FAST = {"n_threads": 1, "random_state": 3, "units_per_stage": 3}


def assert_same_fit(one, other, X):
    assert one.n_stages_ == other.n_stages_
    assert_array_equal(one.train_loss_, other.train_loss_)
    assert_array_equal(one.validation_loss_, other.validation_loss_)
    for stage, same in zip(one.model_.stages, other.model_.stages, strict=True):
        assert_array_equal([term.step for term in stage], [term.step for term in same])
    assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"subsample": 0.5, "max_features": 0.5, "linear_start": False},
        {"loss": "absolute_error", "residuals": "newton"},
    ],
    ids=str,
)
def test_a_continued_fit_equals_one_long_fit_to_the_last_bit(diabetes, settings):
    X, y = diabetes
    whole = BoostedNetworkRegressor(n_stages=12, **FAST, **settings).fit(X, y)
    parts = BoostedNetworkRegressor(warm_start=True, **FAST, **settings)
    for n_stages in (0, 5, 6, 12):
        if n_stages == 0 and not parts.linear_start:
            continue
        parts.set_params(n_stages=n_stages).fit(X, y)
    assert_same_fit(whole, parts, X)


def test_classes_can_be_continued(iris):
    X, y = iris
    names = np.array(["a", "b", "c"])[y]
    whole = BoostedNetworkClassifier(n_stages=9, **FAST).fit(X, names)
    parts = BoostedNetworkClassifier(n_stages=4, warm_start=True, **FAST).fit(X, names)
    parts.set_params(n_stages=9).fit(X, names)
    assert_same_fit(whole, parts, X)


@pytest.mark.parametrize("with_rows", [False, True])
def test_early_stopping_goes_on_counting(breast_cancer, with_rows):
    X, y = breast_cancer
    settings = FAST | {"early_stopping": True, "n_iter_no_change": 8, "learning_rate": 1.0}
    rows = {"X_val": X[400:], "y_val": y[400:]} if with_rows else {}
    whole = BoostedNetworkClassifier(n_stages=60, **settings).fit(X[:400], y[:400], **rows)
    assert len(whole.validation_loss_) < 60  # it did stop early
    parts = BoostedNetworkClassifier(warm_start=True, **settings)
    for n_stages in (2, whole.n_stages_ + 3, 60):
        parts.set_params(n_stages=n_stages).fit(X[:400], y[:400], **rows)
    assert_same_fit(whole, parts, X)


def test_other_validation_rows_start_the_count_again(breast_cancer):
    X, y = breast_cancer
    model = BoostedNetworkClassifier(n_stages=5, warm_start=True, **FAST)
    model.fit(X[:300], y[:300], X_val=X[300:400], y_val=y[300:400])
    kept = model.n_stages_
    model.set_params(n_stages=8).fit(X[:300], y[:300], X_val=X[400:], y_val=y[400:])
    assert len(model.validation_loss_) == 9 - kept + 1
    assert model.n_stages_ == kept + np.argmin(model.validation_loss_)


def test_new_rows_may_join(diabetes):
    X, y = diabetes
    settings = FAST | {"early_stopping": False, "warm_start": True}
    model = BoostedNetworkRegressor(n_stages=5, **settings).fit(X[:200], y[:200])
    first = model.model_.stages[:]
    model.set_params(n_stages=10).fit(X, y)
    assert model.n_stages_ == 11
    kept = model.model_.stages[: len(first)]
    assert [stage[0].unit for stage in kept] == [stage[0].unit for stage in first]


def test_nothing_to_add_is_refused(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(n_stages=3, warm_start=True, **FAST).fit(X, y)
    before = model.predict(X)
    for n_stages in (3, 2):
        with pytest.raises(
            ValueError, match=f"n_stages={n_stages} .*warm_start=True.*raise n_stages"
        ):
            model.set_params(n_stages=n_stages).fit(X, y)
    assert_array_equal(model.predict(X), before)


def test_what_changed_in_between_is_refused(diabetes, iris):
    X, y = diabetes
    model = BoostedNetworkRegressor(n_stages=3, warm_start=True, **FAST).fit(X, y)
    model.set_params(n_stages=6)
    with pytest.raises(ValueError, match=r"y has shape \(442, 2\); use warm_start=False"):
        model.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :5], y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"Quantile.*shape \(2,\); use warm_start=False"):
        model.set_params(loss=Quantile([0.2, 0.8])).fit(X, y)
    assert_array_equal(model.predict(X), before)
    with pytest.raises(ValueError, match="n_folds=3"):
        model.set_params(loss="squared_error", n_folds=3).fit(X, y)
    X, y = iris
    model = BoostedNetworkClassifier(n_stages=3, warm_start=True, **FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"classes \[0, 1, 2\].*\[0, 1\].*warm_start=False"):
        model.set_params(n_stages=6).fit(X[y < 2], y[y < 2])


def test_without_warm_start_a_fit_starts_anew(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(n_stages=3, **FAST).fit(X, y)
    again = BoostedNetworkRegressor(n_stages=3, **FAST).fit(X[:100], y[:100]).fit(X, y)
    assert_same_fit(model, again, X)
