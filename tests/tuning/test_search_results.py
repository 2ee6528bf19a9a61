"""``cv_results_`` is scikit-learn's: the same keys, types and values for the same candidates and folds."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from skboost.tuning import OptunaSearchCV

FOLDS = StratifiedKFold(3, shuffle=True, random_state=1)
EXTRAS = {"trial_number", "state", "n_splits_done", "duration", "resource", "is_pareto"}

SPACES = {
    "numbers": {"C": [0.1, 1.0, 10.0]},
    "integers in order": {"degree": [1, 2, 3, 4, 5, 6]},
    "texts": {"kernel": ["linear", "rbf"], "C": [0.1, 1.0]},
    "mixed": {"gamma": ["scale", "auto", 0.1, 1], "shrinking": [True, False]},
    "dicts": {"class_weight": [None, "balanced", {0: 1, 1: 2, 2: 1}]},
    "several spaces": [
        {"kernel": ["rbf"], "gamma": [0.1, 1.0]},
        {"kernel": ["poly"], "degree": [1, 2]},
        {"C": [0.5]},
    ],
}


def same_candidates(search, **params):
    """scikit-learn's search of the configurations of ours, in their order."""
    candidates = search.cv_results_["params"]
    return GridSearchCV(
        search.estimator,
        [{name: [value] for name, value in one.items()} for one in candidates],
        cv=search.cv,
        scoring=search.scoring,
        refit=search.refit,
        return_train_score=search.return_train_score,
        error_score=search.error_score,
        **params,
    )


def assert_same_results(search, grid):
    """Keys, types and values, except times, which are only of the same kind."""
    ours, theirs = search.cv_results_, grid.cv_results_
    assert set(ours) - EXTRAS == set(theirs)
    for key, expected in theirs.items():
        found = ours[key]
        assert type(found) is type(expected), key
        if key == "params":
            assert found == expected
            continue
        assert found.dtype == expected.dtype, key
        assert found.shape == expected.shape, key
        if key.startswith("param_"):
            np.testing.assert_array_equal(found.mask, expected.mask, err_msg=key)
            assert [repr(v) for v in found] == [repr(v) for v in expected]
        elif "_time" in key:
            assert np.isfinite(found).all()
            assert (found >= 0).all()
        else:
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("with_train", [False, True])
@pytest.mark.parametrize("space", SPACES)
def test_results_are_those_of_scikit_learn(iris, space, with_train):
    search = OptunaSearchCV(
        SVC(), SPACES[space], cv=FOLDS, return_train_score=with_train, n_trials=20, random_state=0
    ).fit(*iris)
    grid = same_candidates(search).fit(*iris)
    assert_same_results(search, grid)
    assert search.best_index_ == grid.best_index_
    assert search.best_params_ == grid.best_params_
    assert search.best_score_ == pytest.approx(grid.best_score_, abs=1e-12)
    assert search.n_splits_ == grid.n_splits_
    assert search.multimetric_ is grid.multimetric_
    assert type(search.best_index_) is int
    assert type(search.best_score_) is type(grid.best_score_)


def test_the_same_keys_as_a_random_search(iris):
    space = {"C": [0.1, 1.0, 10.0], "kernel": ["linear", "rbf"]}
    ours = OptunaSearchCV(SVC(), space, cv=FOLDS, n_trials=4, sampler="random").fit(*iris)
    theirs = RandomizedSearchCV(SVC(), space, cv=FOLDS, n_iter=4).fit(*iris)
    found = {k: getattr(v, "dtype", None) for k, v in ours.cv_results_.items() if k not in EXTRAS}
    assert found == {k: getattr(v, "dtype", None) for k, v in theirs.cv_results_.items()}
    fitted = [name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")]
    assert [name for name in fitted if not hasattr(ours, name)] == []


@pytest.mark.parametrize("with_train", [False, True])
def test_results_of_several_metrics(iris, with_train):
    scoring = {
        "accuracy": "accuracy",
        "recall": make_scorer(recall_score, average="macro"),
        "loss": "neg_log_loss",
    }
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": [0.001, 0.01, 0.1, 1.0]},
        cv=FOLDS,
        scoring=scoring,
        refit="loss",
        return_train_score=with_train,
        n_trials=4,
        random_state=0,
    ).fit(*iris)
    grid = same_candidates(search).fit(*iris)
    assert_same_results(search, grid)
    assert search.best_index_ == grid.best_index_
    assert search.scorer_.keys() == grid.scorer_.keys()
    assert search.score(*iris) == grid.score(*iris)


def test_values_that_are_sequences_stay_what_they_are(iris):
    shapes = [(3,), (4, 2), [5]]
    search = OptunaSearchCV(
        MLPClassifier(max_iter=3, random_state=0),
        {"hidden_layer_sizes": shapes, "alpha": (1e-4, 1e-2, "log")},
        cv=KFold(2),
        n_trials=4,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three rounds are few
        search.fit(*iris)
        grid = same_candidates(search).fit(*iris)
    assert_same_results(search, grid)
    assert all(any(one is shape for shape in shapes) for one in values_of(search))


def values_of(search):
    return [params["hidden_layer_sizes"] for params in search.cv_results_["params"]]


class Picky(BaseEstimator):
    """Fails in one fold for some of its parameters."""

    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y):
        if self.a in (1, 3) and 0 not in X:
            raise ArithmeticError("row 0 is missing")
        return self

    def score(self, X, y):
        return self.a // 2


@pytest.mark.parametrize("error_score", [np.nan, -5.0])
def test_ranks_of_ties_and_of_failures(error_score):
    X, y = np.arange(12.0)[:, None], np.zeros(12)
    search = OptunaSearchCV(
        Picky(), {"a": [0, 1, 2, 3, 4]}, cv=KFold(3), n_trials=5, error_score=error_score
    )
    with pytest.warns(FitFailedWarning):
        search.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grid = same_candidates(search).fit(X, y)
    assert_same_results(search, grid)
    assert search.best_params_ == grid.best_params_ == {"a": 4}
    expected = {0: 3, 1: 4, 2: 2, 3: 4, 4: 1} if np.isnan(error_score) else None
    if expected:
        ranks = dict(
            zip(
                search.cv_results_["param_a"].tolist(),
                search.cv_results_["rank_test_score"].tolist(),
                strict=True,
            )
        )
        assert ranks == expected


def test_what_scikit_learn_does_not_have(iris):
    search = OptunaSearchCV(SVC(), {"C": (0.1, 10.0, "log")}, cv=FOLDS, n_trials=4).fit(*iris)
    results = search.cv_results_
    assert set(results) >= EXTRAS
    np.testing.assert_array_equal(results["trial_number"], range(4))
    assert list(results["state"]) == ["complete"] * 4
    assert list(results["n_splits_done"]) == [3] * 4
    assert results["resource"].mask.all()
    seconds = 3 * (results["mean_fit_time"] + results["mean_score_time"])
    np.testing.assert_allclose(results["duration"], seconds, rtol=1e-9)
    assert all(len(column) == 4 for column in results.values())


def test_pruned_trials_have_scores_of_their_folds_and_no_mean(iris):
    search = OptunaSearchCV(
        SVC(), {"C": (1e-3, 10.0, "log")}, cv=5, n_trials=25, pruner="median", random_state=0
    ).fit(*iris)
    results = search.cv_results_
    pruned = results["state"] == "pruned"
    assert 0 < pruned.sum() < 25
    splits = np.array([results[f"split{k}_test_score"] for k in range(5)]).T
    np.testing.assert_array_equal((~np.isnan(splits)).sum(axis=1), results["n_splits_done"])
    np.testing.assert_array_equal(np.isnan(results["mean_test_score"]), pruned)
    np.testing.assert_array_equal(np.isnan(results["std_test_score"]), pruned)
    assert set(results["rank_test_score"][pruned]) == {(~pruned).sum() + 1}
    assert not pruned[search.best_index_]
    assert not results["is_pareto"][pruned].any()
    assert np.isfinite(results["mean_fit_time"]).all()


@pytest.mark.parametrize("refit", [False, lambda results: 1])
def test_a_single_metric_is_the_one_to_maximise(iris, refit):
    search = OptunaSearchCV(SVC(), {"C": [0.1, 1.0]}, scoring=["accuracy"], cv=FOLDS, refit=refit)
    plain = same_candidates(search.fit(*iris)).fit(*iris)
    assert getattr(search, "best_index_", None) == getattr(plain, "best_index_", None)
    means = search.cv_results_["mean_test_accuracy"]
    np.testing.assert_array_equal(means, plain.cv_results_["mean_test_accuracy"])
    assert search.best_trials_[0].value == means.max()


def test_nothing_is_left_of_an_earlier_fit(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    search = OptunaSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=FOLDS).fit(frame, y)
    assert not hasattr(search.fit(X, y), "feature_names_in_")
    search.set_params(refit=lambda results: 0).fit(X, y)
    assert search.best_index_ == 0
    assert not hasattr(search, "best_score_")
    search.set_params(refit=False).fit(X, y)
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "refit_time_")
