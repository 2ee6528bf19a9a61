"""Conformal estimators in searches over their own scores, and in their own pictures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate

from skboost.conformal import (
    ConformalClassifier,
    ConformalRegressor,
    CoverageDisplay,
    IntervalDisplay,
)
from skboost.exceptions import UncertaintyWarning
from skboost.metrics import (
    coverage_by_group,
    coverage_score,
    coverage_scorer,
    interval_score_scorer,
    set_size_scorer,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    """No figure outlives its test."""
    yield
    pyplot.close("all")


@pytest.mark.parametrize("routing", [False, True])
def test_a_search_chooses_the_model_of_the_best_intervals(diabetes, routing):
    X, y = diabetes
    weight = np.arange(len(y)) % 2
    scores = {"score": interval_score_scorer(0.8), "coverage": coverage_scorer(0.8)}
    with config_context(enable_metadata_routing=routing):
        ridge = Ridge()
        model = ConformalRegressor(ridge, cv=3)
        if routing:
            ridge.set_fit_request(sample_weight=True)
            model.set_fit_request(sample_weight=True)
            for scorer in scores.values():
                scorer.set_score_request(sample_weight=True)
        search = GridSearchCV(
            model,
            {"estimator__alpha": [0.1, 1000.0]},
            scoring=scores,
            refit="score",
            cv=3,
            error_score="raise",
        ).fit(X, y, sample_weight=weight)
    assert search.best_params_ == {"estimator__alpha": 0.1}
    coverage = search.cv_results_["mean_test_coverage"]
    assert ((coverage > 0.65) & (coverage < 0.95)).all()


def test_infinite_intervals_come_last(diabetes):
    X, y = diabetes
    model = ConformalRegressor(FrozenEstimator(Ridge().fit(X, y)), method="split")
    model.fit(X[:5], y[:5])
    with pytest.warns(UncertaintyWarning):
        assert interval_score_scorer()(model, X, y) == -np.inf
    with pytest.warns(UncertaintyWarning):
        assert coverage_scorer()(model, X, y) == 1.0


def test_sets_are_scored_in_cross_validation(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = ConformalClassifier(LogisticRegression(max_iter=1000), random_state=0)
    scoring = {"coverage": coverage_scorer(0.8), "size": set_size_scorer(0.8)}
    found = cross_validate(model, X, names, scoring=scoring, cv=3, error_score="raise")
    assert (found["test_coverage"] > 0.5).all()
    assert ((found["test_size"] < -0.5) & (found["test_size"] > -2)).all()


def test_pictures_show_what_the_estimators_say(diabetes, iris):
    X, y = diabetes
    model = ConformalRegressor(Ridge(), cv=3, confidence_level=0.8).fit(X[:300], y[:300])
    interval = model.predict_interval(X[300:])
    display = IntervalDisplay.from_estimator(model, X[300:], y[300:], feature=2)
    assert display.coverage == coverage_score(y[300:], interval)
    order = np.argsort(X[300:, 2], kind="stable")
    assert_allclose(np.array(display.intervals_.get_segments())[:, :, 1], interval[order])
    groups = CoverageDisplay.from_estimator(model, X[300:], y[300:], groups=1)
    expected = coverage_by_group(y[300:], interval, X[300:, 1], confidence_level=0.8)
    assert_array_equal(groups.result.coverage, expected.coverage)
    X, y = iris
    model = ConformalClassifier(LogisticRegression(max_iter=1000), random_state=0)
    model.fit(X[:75], y[:75])
    sets = CoverageDisplay.from_estimator(model, X[75:], y[75:], groups=y[75:])
    expected = coverage_by_group(y[75:], model.predict_set(X[75:]), y[75:], confidence_level=0.9)
    assert_array_equal(sets.result.coverage, expected.coverage)
    assert_array_equal(sets.result.size, expected.size)
