"""Intervals and sets as scores for model selection."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from skboost.metrics import (
    calibration_error_scorer,
    coverage_score,
    coverage_scorer,
    interval_score,
    interval_score_scorer,
    mean_set_size,
    set_coverage_score,
    set_size_scorer,
)


class Interval(RegressorMixin, BaseEstimator):
    """Prediction plus and minus a multiple of the spread of its errors."""

    def __init__(self, factor=1.6, confidence_level=0.9):
        self.factor = factor
        self.confidence_level = confidence_level

    def fit(self, X, y, sample_weight=None):
        self.model_ = Ridge().fit(X, y)
        self.spread_ = np.std(y - self.model_.predict(X))
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_interval(self, X, confidence_level=None):
        level = self.confidence_level if confidence_level is None else confidence_level
        half = self.factor * self.spread_ * level / 0.9
        return self.predict(X)[:, None] + half * np.array([-1, 1])


class Sets(ClassifierMixin, BaseEstimator):
    """Labels of the largest probabilities that together reach the level."""

    def __init__(self, C=1.0, confidence_level=0.9):
        self.C = C
        self.confidence_level = confidence_level

    def fit(self, X, y, sample_weight=None):
        self.model_ = LogisticRegression(C=self.C, max_iter=1000).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_set(self, X, confidence_level=None):
        level = self.confidence_level if confidence_level is None else confidence_level
        p = self.model_.predict_proba(X)
        above = np.where(p[:, None, :] > p[:, :, None], p[:, None, :], 0).sum(axis=2)
        return above < level


@pytest.fixture(scope="module")
def numbers(diabetes):
    return diabetes[0], diabetes[1]


@pytest.fixture(scope="module")
def flowers(iris):
    return iris[0], np.array(["setosa", "versicolor", "virginica"])[iris[1]]


FACTORIES = [interval_score_scorer, coverage_scorer, set_size_scorer]


def test_scores_are_those_of_the_metrics(numbers, flowers):
    X, y = numbers
    model, weight = Interval().fit(X, y), np.arange(len(y)) % 3
    interval = model.predict_interval(X, 0.8)
    assert coverage_scorer(0.8)(model, X, y) == coverage_score(y, interval)
    expected = interval_score(y, interval, confidence_level=0.8, sample_weight=weight)
    assert interval_score_scorer(0.8)(model, X, y, sample_weight=weight) == -expected
    assert coverage_scorer(0.8)(model, X, y, weight) == coverage_score(
        y, interval, sample_weight=weight
    )
    X, y = flowers
    model, weight = Sets().fit(X, y), np.arange(len(y)) % 3
    sets = model.predict_set(X, 0.8)
    assert coverage_scorer(0.8)(model, X, y) == set_coverage_score(y, sets)
    assert set_size_scorer(0.8)(model, X, y, weight) == -mean_set_size(sets, sample_weight=weight)


def test_the_level_may_be_that_of_the_estimator(numbers):
    X, y = numbers
    model = Interval(confidence_level=0.6).fit(X, y)
    for factory in (interval_score_scorer, coverage_scorer):
        assert factory(None)(model, X, y) == factory(0.6)(model, X, y) != factory()(model, X, y)
    model = Interval(confidence_level=[0.6, 0.8]).fit(X, y)
    with pytest.raises(ValueError, match=r"that of Interval is \[0.6, 0.8\]; give the scorer one"):
        coverage_scorer(None)(model, X, y)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("routing", [False, True])
def test_a_search_takes_the_scorers(numbers, routing, weighted):
    X, y = numbers
    weight = {"sample_weight": np.r_[np.ones(200), np.zeros(len(y) - 200)]} if weighted else {}
    with config_context(enable_metadata_routing=routing):
        model, scoring = (
            Interval(),
            {"score": interval_score_scorer(), "coverage": coverage_scorer()},
        )
        if routing and weighted:
            model.set_fit_request(sample_weight=True)
            scoring = {k: s.set_score_request(sample_weight=True) for k, s in scoring.items()}
        search = GridSearchCV(
            model,
            {"factor": [0.5, 1.6, 9]},
            scoring=scoring,
            refit="score",
            cv=KFold(3, shuffle=True, random_state=0),
            error_score="raise",
        ).fit(X, y, **weight)
    assert search.best_params_ == {"factor": 1.6}
    coverage = search.cv_results_["mean_test_coverage"]
    assert coverage[0] < 0.6 < 0.8 < coverage[1] < 0.97 < coverage[2] == 1.0
    rows = next(KFold(3, shuffle=True, random_state=0).split(X))[1]
    fitted = Interval(factor=0.5).fit(*(np.delete(part, rows, axis=0) for part in (X, y)))
    rows = rows[rows < 200] if weighted else rows
    assert search.cv_results_["split0_test_coverage"][0] == pytest.approx(
        coverage_score(y[rows], fitted.predict_interval(X[rows]))
    )


@pytest.mark.parametrize("routing", [False, True])
def test_a_single_scorer_is_fine_for_a_search(flowers, routing):
    X, y = flowers
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            Sets(), {"C": [1e-3, 1.0]}, scoring=set_size_scorer(), error_score="raise"
        )
        found = clone(search).fit(X, y)
    assert found.best_params_ == {"C": 1.0}
    assert found.score(X, y) == -mean_set_size(found.best_estimator_.predict_set(X))


def test_weights_reach_the_scorers_of_calibration(flowers):
    X, y = flowers
    weight, found = np.arange(len(y)) % 2, []
    for routing in (False, True):
        with config_context(enable_metadata_routing=routing):
            scorer, model = calibration_error_scorer("top_label"), LogisticRegression(max_iter=1000)
            if routing:
                scorer.set_score_request(sample_weight=True)
                model.set_fit_request(sample_weight=True)
            search = GridSearchCV(model, {"C": [0.1, 1]}, scoring={"error": scorer}, refit="error")
            found.append(search.fit(X, y, sample_weight=weight).cv_results_["mean_test_error"])
    plain = GridSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": [0.1, 1]},
        scoring=calibration_error_scorer("top_label"),
    ).fit(X, y)
    assert found[0].tolist() == found[1].tolist() != plain.cv_results_["mean_test_score"].tolist()


def test_a_fold_may_hold_a_class_that_the_model_does_not_know(flowers):
    X, y = flowers
    order = np.argsort(y)
    order = np.r_[order[1:], order[0]]
    found = cross_validate(
        Sets(), X[order], y[order], scoring=coverage_scorer(), cv=KFold(3), error_score="raise"
    )
    assert found["test_score"][2] <= 0.02


@pytest.mark.parametrize("factory", FACTORIES)
def test_scorers_can_be_pickled_and_read(factory, numbers, flowers):
    X, y = flowers if factory is set_size_scorer else numbers
    model = (Sets if factory is set_size_scorer else Interval)().fit(X, y)
    with config_context(enable_metadata_routing=True):
        scorer = factory(0.7).set_score_request(sample_weight="importance")
    again = pickle.loads(pickle.dumps(scorer))
    assert again(model, X, y) == scorer(model, X, y)
    assert repr(again) == repr(scorer) == f"{factory.__name__}(0.7)"
    assert again.get_metadata_routing().score.requests == {"sample_weight": "importance"}
    assert repr(factory(None)) == f"{factory.__name__}(None)"


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("level", [90, 0.0, "high", [0.9], True])
def test_levels_are_checked_before_any_model_is_fitted(factory, level):
    with pytest.raises(ValueError, match="or None for the level of the estimator"):
        factory(level)


def test_requests_need_metadata_routing():
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        coverage_scorer().set_score_request(sample_weight=True)
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match="sample_weight"),
    ):
        coverage_scorer().set_score_request(sample_weight="not a name")


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (interval_score_scorer, "Ridge has no predict_interval; wrap it in a conformal estimator"),
        (coverage_scorer, "Ridge has no predict_interval or predict_set"),
        (set_size_scorer, "Ridge has no predict_set"),
    ],
)
def test_models_without_intervals_or_sets_are_refused(factory, words, numbers):
    with pytest.raises(ValueError, match=words):
        factory()(Ridge().fit(*numbers), *numbers)
