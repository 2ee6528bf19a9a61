"""Calibration error as a score for model selection."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.svm import LinearSVC

from skboost.metrics import calibration_error_scorer, expected_calibration_error

KINDS = ["binary", "top_label", "classwise"]


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    return X[:, :2], np.array(["setosa", "versicolor", "virginica"])[y]


def of_kind(kind, X, y):
    kept = y != "setosa" if kind == "binary" else slice(None)
    return X[kept], y[kept]


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_is_minus_the_error(kind, flowers):
    X, y = of_kind(kind, *flowers)
    model = LogisticRegression().fit(X, y)
    options = {"n_bins": 5, "strategy": "quantile", "norm": "l2", "debiased": True}
    weight = np.arange(len(y)) % 3
    scorer = calibration_error_scorer(kind, **options)
    p = model.predict_proba(X)
    assert scorer(model, X, y) == -expected_calibration_error(y, p, kind=kind, **options)
    assert scorer(model, X, y, sample_weight=weight) == -expected_calibration_error(
        y, p, kind=kind, sample_weight=weight, **options
    )


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_search_takes_the_scorer(kind, routing, flowers):
    X, y = of_kind(kind, *flowers)
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            LogisticRegression(),
            {"C": [1e-4, 1.0]},
            scoring={"calibration": calibration_error_scorer(kind), "log": "neg_log_loss"},
            refit="log",
            cv=3,
        ).fit(X, y)
    scores = search.cv_results_["mean_test_calibration"]
    assert ((scores <= 0) & (scores >= -1)).all()
    assert scores[0] != scores[1]


def test_a_fold_may_lack_a_class(flowers):
    X, y = flowers
    found = cross_validate(
        LogisticRegression(),
        X[50:],
        np.where(np.arange(100) < 3, "rare", y[50:]),
        scoring=calibration_error_scorer("classwise"),
        cv=KFold(4, shuffle=True, random_state=0),
    )
    assert np.isfinite(found["test_score"]).all()


def test_the_scorer_can_be_pickled_and_read(flowers):
    scorer = calibration_error_scorer("top_label", n_bins=7)
    again = pickle.loads(pickle.dumps(scorer))
    model = LogisticRegression().fit(*flowers)
    assert again(model, *flowers) == scorer(model, *flowers)
    assert repr(again) == repr(scorer)
    assert "'top_label'" in repr(scorer)
    assert "n_bins=7" in repr(scorer)


def test_options_are_checked_before_any_model_is_fitted():
    with pytest.raises(ValueError, match="top_label"):
        calibration_error_scorer()
    with pytest.raises(ValueError, match="norm='l3'"):
        calibration_error_scorer("binary", norm="l3")
    with pytest.raises(ValueError, match="debiased=True"):
        calibration_error_scorer("binary", debiased=True)


def test_a_model_without_probabilities_is_refused(flowers):
    X, y = flowers
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        calibration_error_scorer("top_label")(LinearSVC().fit(X, y), X, y)
