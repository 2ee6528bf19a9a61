"""A fit that leaves all bounds is stopped, told about, and reduced to its best stage."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skboost.boosting import Step
from skboost.exceptions import DivergenceWarning
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor


class Exploding(Step):
    """Good steps at first, then uphill by more and more."""

    def __init__(self, good=3, factor=-30.0):
        self.good = good
        self.factor = factor
        self.calls = 0

    def length(self, objective, raw, value, gradient, direction):
        self.calls += 1
        if self.calls <= self.good:
            return np.ones(objective.n_raw)
        return np.full(objective.n_raw, self.factor)


def settings(**kwargs):
    plain = {"n_stages": 20, "linear_start": False, "learning_rate": 1.0, "n_threads": 1}
    return plain | {"early_stopping": False} | kwargs


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_diverging_fit_stops_and_keeps_its_best_stage(diabetes, unit):
    X, y = diabetes
    model = BoostedNetworkRegressor(step=Exploding(), random_state=0, **settings())
    with pytest.warns(DivergenceWarning, match=r"diverges.*learning_rate=1\.0"):
        model.fit(X, unit * y)
    assert model.n_stages_ == 3
    assert len(model.train_loss_) < 20  # it did not go on for long, whatever the unit of y
    assert np.argmin(model.train_loss_) == 3
    assert model.score(X, unit * y) > 0.3


def test_numbers_that_are_not_finite_stop_the_fit(breast_cancer):
    X, y = breast_cancer
    model = BoostedNetworkClassifier(step=Exploding(factor=np.inf), random_state=0, **settings())
    with pytest.warns(DivergenceWarning, match="inf"):
        model.fit(X, y)
    assert model.n_stages_ == 3
    assert np.isfinite(model.predict_proba(X)).all()


def test_with_held_out_rows_the_best_stage_is_theirs(diabetes):
    X, y = diabetes
    with_rows = settings(early_stopping=True, n_folds=1)
    model = BoostedNetworkRegressor(step=Exploding(), random_state=0, **with_rows)
    with pytest.warns(DivergenceWarning):
        model.fit(X, y)
    assert model.n_stages_ == np.argmin(model.validation_loss_) > 0


def test_a_single_diverging_fold_stops_all(diabetes):
    X, y = diabetes
    folds = settings(early_stopping=True, n_folds=3)
    # 3 stages of 3 members, then the first member explodes
    model = BoostedNetworkRegressor(step=Exploding(good=9), random_state=0, **folds)
    with pytest.warns(DivergenceWarning) as warnings_given:
        model.fit(X, y)
    assert len(warnings_given) == 1
    assert model.n_stages_ == np.argmin(model.validation_loss_) > 0


def test_the_multi_class_step_of_the_paper_may_overshoot_but_never_ends_in_nan():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = rng.integers(0, 8, 200)
    model = BoostedNetworkClassifier(
        units_per_stage=1, step="diagonal_newton", random_state=0, **settings(n_stages=40)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        model.fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.train_loss_[model.n_stages_] < model.train_loss_[0]


def test_no_alarm_where_nothing_is_left_to_learn():
    X = np.random.default_rng(0).normal(size=(100, 3))
    for y in (np.full(100, 0.1), np.zeros(100), np.full(100, 1e12)):
        for step in ("newton", "line_search", "fixed"):
            model = BoostedNetworkRegressor(n_stages=10, step=step, n_threads=1).fit(X, y)
            np.testing.assert_allclose(model.predict(X), y, rtol=1e-12)


def test_the_state_of_a_diverged_fit_can_be_continued(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(step=Exploding(), warm_start=True, random_state=0, **settings())
    with pytest.warns(DivergenceWarning):
        model.fit(X, y)
    model.set_params(step="newton").fit(X, y)
    whole = BoostedNetworkRegressor(
        step=Exploding(good=3, factor=0.0), random_state=0, **settings(n_stages=3)
    )
    whole.fit(X, y)
    assert model.n_stages_ == 20
    assert_array_equal(model.train_loss_[:4], whole.train_loss_)
    assert (np.diff(model.train_loss_[3:]) <= 0).all()
