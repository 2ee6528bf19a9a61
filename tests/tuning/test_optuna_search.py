"""The search keeps scikit-learn's contract of searches."""

import os
import pickle
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import get_tags

from skboost.exceptions import UncertaintyWarning
from skboost.tuning import OptunaSearchCV

C = {"C": (0.01, 1.0, "log")}
QUICK = {"n_trials": 5, "cv": 3, "sampler": "random", "random_state": 0}

ROWS = np.arange(24.0)[:, None]
TARGET = np.arange(24) % 2


class Told(ClassifierMixin, BaseEstimator):
    """An estimator whose scores are its parameters, and which fails on demand."""

    def __init__(self, a=0.0, b=0.0, fit_fails=None, score_fails=None, seconds=0.0):
        self.a, self.b = a, b
        self.fit_fails, self.score_fails = fit_fails, score_fails
        self.seconds = seconds

    def fit(self, X, y=None):
        time.sleep(self.seconds)
        if self.fit_fails is not None and self.a > self.fit_fails:
            raise LookupError(f"a={self.a} is not for me")
        self.classes_ = np.unique(y)
        self.n_rows_ = len(X)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y=None):
        return score_a(self, X, y)


def score_a(estimator, X, y=None):
    if estimator.score_fails is not None and estimator.a > estimator.score_fails:
        raise ArithmeticError(f"a={estimator.a} cannot be judged")
    return estimator.a


def score_b(estimator, X, y=None):
    return estimator.b


def both(estimator, X, y=None):
    return {"a": score_a(estimator, X, y), "b": score_b(estimator, X, y)}


AB = {"a": score_a, "b": score_b}
UNIT = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


def told(space=UNIT, **params):
    """A search over scores that are known beforehand."""
    estimator = params.pop("estimator", Told())
    return OptunaSearchCV(estimator, space, **(QUICK | {"n_trials": 8, "cv": 2} | params))


# -- parameters, copies and displays ------------------------------------------------------------------------------


def test_clones_have_the_same_parameters_and_nothing_fitted(iris):
    search = OptunaSearchCV(LogisticRegression(C=3, max_iter=1000), C, refit=False, **QUICK).fit(
        *iris
    )
    copy = clone(search)
    assert repr(copy.get_params()) == repr(search.get_params())
    assert not hasattr(copy, "study_")
    assert not hasattr(copy, "cv_results_")


def test_the_constructor_keeps_what_it_is_given():
    for name, default in OptunaSearchCV(Ridge()).get_params(deep=False).items():
        value = object()
        given = {"estimator": Ridge(), name: value}
        assert getattr(OptunaSearchCV(**given), name) is value
        assert getattr(OptunaSearchCV(Ridge()), name) is default or name == "estimator"


def test_parameters_are_set_by_name_and_through_the_estimator():
    search = OptunaSearchCV(LogisticRegression(max_iter=1000)).set_params(
        n_trials=7, estimator__C=5.0
    )
    assert (search.n_trials, search.estimator.C) == (7, 5.0)
    assert search.get_params()["estimator__C"] == 5.0


def test_fit_changes_no_parameter(iris):
    space = {"C": [0.1, 1.0], "fit_intercept": [True, False]}
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000),
        space,
        initial_params=[{"C": 1.0}],
        callbacks=[],
        pruner=MedianPruner(),
        **(QUICK | {"sampler": RandomSampler(seed=0)}),
    )
    before = {name: (id(value), repr(value)) for name, value in search.get_params().items()}
    search.fit(*iris)
    after = {name: (id(value), repr(value)) for name, value in search.get_params().items()}
    assert after == before
    assert not hasattr(search.estimator, "coef_")


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "tabu", "nsga2"])
def test_pickles_before_and_after_fit(iris, sampler):
    X, y = iris
    search = pickle.loads(
        pickle.dumps(
            OptunaSearchCV(LogisticRegression(max_iter=1000), C, **(QUICK | {"sampler": sampler}))
        )
    )
    search.fit(X, y)
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict_proba(X), search.predict_proba(X))
    assert copy.cv_results_["params"] == search.cv_results_["params"]
    assert [t.params for t in copy.study_.trials] == [t.params for t in search.study_.trials]
    assert copy.study_.best_value == search.best_score_


def test_html_shows_the_estimator_inside(iris):
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), C, **QUICK)
    assert "LogisticRegression" in search._repr_html_()
    assert "best_estimator_" in search.fit(*iris)._repr_html_()
    assert "OptunaSearchCV" in repr(search)


# -- what others see of the search ---------------------------------------------------------------------------------


def test_the_search_is_what_its_estimator_is():
    assert is_classifier(OptunaSearchCV(LogisticRegression(max_iter=1000)))
    assert is_regressor(OptunaSearchCV(Ridge()))
    kernel = OptunaSearchCV(SVC(kernel="precomputed"))
    assert get_tags(kernel).input_tags.pairwise
    assert get_tags(OptunaSearchCV(Ridge())).target_tags.multi_output
    assert get_tags(OptunaSearchCV(PCA())).target_tags.required is False


def test_outer_folds_are_stratified(iris):
    """Rows of iris sorted by class: a splitter that does not know of classes leaves one out."""
    X, y = iris
    order = np.argsort(y, kind="stable")
    search = OptunaSearchCV(LogisticRegression(max_iter=200), C, **QUICK)
    assert cross_val_score(search, X[order], y[order], cv=3).min() > 0.9
    predicted = cross_val_predict(search, X[order], y[order], cv=3)
    assert np.mean(predicted == y[order]) > 0.9


def test_methods_are_those_of_the_estimator(iris):
    X, y = iris
    search = OptunaSearchCV(LinearSVC(), C, **QUICK)
    assert not hasattr(search, "predict_proba")
    search.fit(X, y)
    assert not hasattr(search, "predict_proba")
    assert not hasattr(search, "transform")
    np.testing.assert_array_equal(
        search.decision_function(X), search.best_estimator_.decision_function(X)
    )
    np.testing.assert_array_equal(search.classes_, [0, 1, 2])
    assert search.n_features_in_ == 4
    components = OptunaSearchCV(PCA(), {"n_components": [1, 2]}, **(QUICK | {"n_trials": 2}))
    assert components.fit(X).transform(X).shape[1] == components.best_params_["n_components"]
    assert components.inverse_transform(components.transform(X)).shape == X.shape


def test_before_fit_it_says_that_it_is_not_fitted(iris):
    X, y = iris
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), C)
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(search, method)(X)
    with pytest.raises(NotFittedError):
        search.score(X, y)
    assert not hasattr(search, "n_features_in_")
    assert not hasattr(search, "classes_")


def test_score_is_that_of_scoring(iris):
    X, y = iris
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000), C, scoring="neg_log_loss", **QUICK
    ).fit(X, y)
    grid = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [search.best_params_["C"]]}, cv=3)
    assert search.score(X, y) == grid.set_params(scoring="neg_log_loss").fit(X, y).score(X, y)
    assert search.score(X, y) < 0


def test_names_of_features_are_those_of_the_frame(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), C, **QUICK).fit(frame, y)
    assert list(search.feature_names_in_) == list("abcd")


def test_a_search_inside_a_pipeline_and_around_one(iris):
    X, y = iris
    inner = OptunaSearchCV(LogisticRegression(max_iter=1000), C, **QUICK)
    assert make_pipeline(StandardScaler(), inner).fit(X, y).score(X, y) > 0.9
    outer = OptunaSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        {
            "logisticregression__C": (0.1, 10.0, "log"),
            "standardscaler": [StandardScaler(), "passthrough"],
        },
        **QUICK,
    )
    assert outer.fit(X, y).score(X, y) > 0.9


# -- one metric, several metrics -----------------------------------------------------------------------------------


def test_the_best_trial_has_the_highest_mean():
    search = told().fit(ROWS, TARGET)
    values = [params["a"] for params in search.cv_results_["params"]]
    assert search.best_index_ == np.argmax(values)
    assert search.best_score_ == search.study_.best_value == max(values)
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert search.best_estimator_.n_rows_ == len(ROWS)
    assert [t.number for t in search.best_trials_] == [search.best_index_]
    assert search.refit_time_ >= 0
    assert search.multimetric_ is False


def test_of_several_metrics_refit_names_the_one_that_decides():
    for metric in ("a", "b"):
        search = told(scoring=AB, refit=metric).fit(ROWS, TARGET)
        values = [params[metric] for params in search.cv_results_["params"]]
        assert search.best_score_ == search.study_.best_value == max(values)
        assert search.multimetric_ is True
        assert set(search.scorer_) == {"a", "b"}
        assert search.score(ROWS, TARGET) == max(values)


def test_a_callable_refit_chooses_the_place_and_an_estimator_is_fitted():
    def second_best(results):
        return int(np.argsort(results["mean_test_score"])[-2])

    search = told(refit=second_best).fit(ROWS, TARGET)
    values = sorted(params["a"] for params in search.cv_results_["params"])
    assert search.best_params_["a"] == search.best_estimator_.a == values[-2]
    assert isinstance(search.best_estimator_, Told)
    assert not hasattr(search, "best_score_")
    for wrong, error in (("0", TypeError), (99, IndexError), (-1, IndexError)):
        with pytest.raises(error, match="refit"):
            told(refit=lambda results, wrong=wrong: wrong).fit(ROWS, TARGET)


def test_a_callable_refit_of_several_metrics():
    search = told(
        scoring=AB, refit=lambda r: int(np.argmin(r["mean_test_b"])), objectives=["a", "b"]
    ).fit(ROWS, TARGET)
    assert search.best_params_["b"] == min(p["b"] for p in search.cv_results_["params"])


def test_without_refit_there_is_no_estimator():
    search = told(refit=False).fit(ROWS, TARGET)
    assert search.best_score_ == search.best_params_["a"]
    for name in ("best_estimator_", "refit_time_", "predict", "n_features_in_"):
        assert not hasattr(search, name)
    several = told(scoring=AB, refit=False, objectives=["a", "b"]).fit(ROWS, TARGET)
    for name in ("best_index_", "best_params_", "best_score_"):
        assert not hasattr(several, name)
        assert not hasattr(GridSearchCV, name)


def test_refit_may_name_the_only_metric(iris):
    """As in scikit-learn, where a text counts as True."""
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000), C, scoring="accuracy", refit="accuracy", **QUICK
    ).fit(*iris)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    with pytest.raises(ValueError, match="refit='roc_auc'.*accuracy"):
        OptunaSearchCV(
            LogisticRegression(max_iter=1000), C, scoring="accuracy", refit="roc_auc"
        ).fit(*iris)


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "nsga3"])
def test_the_pareto_set_is_that_of_brute_force(sampler):
    search = told(
        scoring=AB, objectives=["a", "b"], refit=False, n_trials=25, batch_size=5, sampler=sampler
    ).fit(ROWS, TARGET)
    points = np.array([[p["a"], p["b"]] for p in search.cv_results_["params"]])
    beaten = [any(np.all(q >= p) and np.any(q > p) for q in points) for p in points]
    np.testing.assert_array_equal(search.cv_results_["is_pareto"], ~np.array(beaten))
    assert [t.number for t in search.best_trials_] == list(np.flatnonzero(~np.array(beaten)))
    assert {t.number for t in search.study_.best_trials} == {t.number for t in search.best_trials_}
    assert len(search.study_.directions) == 2


def test_objectives_may_be_fewer_than_metrics():
    search = told(scoring=AB, objectives="b", refit="a").fit(ROWS, TARGET)
    params = search.cv_results_["params"]
    assert search.study_.best_value == max(p["b"] for p in params)
    assert search.best_score_ == max(p["a"] for p in params)


def test_constraints_decide_before_scores():
    search = told(
        scoring=AB, refit="a", constraints={"b": (0.4, None), "a": (None, 0.9)}, n_trials=15
    ).fit(ROWS, TARGET)
    params = search.cv_results_["params"]
    allowed = np.array([p["b"] >= 0.4 and p["a"] <= 0.9 for p in params])
    assert 0 < allowed.sum() < 15
    np.testing.assert_array_equal(search.cv_results_["is_feasible"], allowed)
    assert search.best_params_["a"] == max(
        p["a"] for p, ok in zip(params, allowed, strict=True) if ok
    )
    assert all(t.number in np.flatnonzero(allowed) for t in search.best_trials_)
    violated = [max(t.constraints.values()) > 0 for t in search.study_.trials]
    np.testing.assert_array_equal(violated, ~allowed)


def test_constraints_that_no_trial_meets_are_missed_least_by_the_best():
    with pytest.warns(UncertaintyWarning, match="No trial meets the constraints"):
        search = told(scoring=AB, refit="a", constraints={"b": (2.0, None)}).fit(ROWS, TARGET)
    assert search.best_params_["b"] == max(p["b"] for p in search.cv_results_["params"])
    assert search.best_trials_ == []


def test_a_metric_that_is_no_number_meets_no_constraint():
    def maybe(estimator, X, y):
        return np.nan if estimator.a > 0.5 else estimator.b

    scoring = {"a": AB["a"], "b": maybe}
    search = told(scoring=scoring, refit="a", constraints={"b": (None, 1.0)}).fit(ROWS, TARGET)
    values = np.array([params["a"] for params in search.cv_results_["params"]])
    assert set(search.cv_results_["state"]) == {"complete"}
    np.testing.assert_array_equal(search.cv_results_["is_feasible"], values <= 0.5)
    assert search.best_params_["a"] == values[values <= 0.5].max()


def test_a_callable_may_score_several_metrics():
    search = told(scoring=both, refit="b").fit(ROWS, TARGET)
    named = told(scoring=AB, refit="b").fit(ROWS, TARGET)
    assert search.multimetric_
    assert search.best_params_ == named.best_params_
    for key in ("mean_test_a", "mean_test_b", "rank_test_a", "split0_test_b"):
        np.testing.assert_array_equal(search.cv_results_[key], named.cv_results_[key])
    assert search.score(ROWS, TARGET) == named.score(ROWS, TARGET)
    with pytest.raises(ValueError, match=r"scoring returned the metrics \['a', 'b'\]"):
        told(scoring=both).fit(ROWS, TARGET)
    with pytest.raises(ValueError, match=r"scoring returned the metrics \['a', 'b'\]"):
        told(scoring=both, refit="c").fit(ROWS, TARGET)
    with pytest.raises(ValueError, match=r"scoring returned the metrics \[\]"):
        told(scoring=lambda estimator, X, y: {}).fit(ROWS, TARGET)


def test_metrics_by_names_and_by_scorers(iris):
    named = {"acc": "accuracy", "rec": make_scorer(recall_score, average="macro")}
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000), C, scoring=named, refit="rec", **QUICK
    ).fit(*iris)
    listed = OptunaSearchCV(
        LogisticRegression(max_iter=1000),
        C,
        scoring=["accuracy", "recall_macro"],
        refit="accuracy",
        **QUICK,
    ).fit(*iris)
    for one, other in (("acc", "accuracy"), ("rec", "recall_macro")):
        np.testing.assert_array_equal(
            search.cv_results_[f"mean_test_{one}"], listed.cv_results_[f"mean_test_{other}"]
        )


# -- fits that fail ------------------------------------------------------------------------------------------------

FAILS = {"fit": LookupError, "score": ArithmeticError}


@pytest.mark.parametrize("where", FAILS)
def test_the_error_itself_is_raised_on_request(where):
    search = told(estimator=Told(**{f"{where}_fails": 0.5}), error_score="raise")
    with pytest.raises(FAILS[where], match=r"a=0\.\d+"):
        search.fit(ROWS, TARGET)
    assert all(trial.state.is_finished() for trial in search.study_.trials)


@pytest.mark.parametrize("scoring", [None, AB, both], ids=["one", "dict", "callable"])
@pytest.mark.parametrize("where", FAILS)
def test_trials_that_fail_rank_last(where, scoring):
    search = told(estimator=Told(**{f"{where}_fails": 0.5}), scoring=scoring, refit="a").set_params(
        refit=True if scoring is None else "a"
    )
    with pytest.warns(FitFailedWarning, match="Error: a=0"):
        search.fit(ROWS, TARGET)
    results, metric = search.cv_results_, "score" if scoring is None else "a"
    failed = np.array([p["a"] > 0.5 for p in results["params"]])
    assert 0 < failed.sum() < 8
    np.testing.assert_array_equal(np.isnan(results[f"mean_test_{metric}"]), failed)
    np.testing.assert_array_equal(results["state"] == "failed", failed)
    assert set(results[f"rank_test_{metric}"][failed]) == {8 - failed.sum() + 1}
    assert search.best_score_ <= 0.5
    assert not any(failed[trial.number] for trial in search.best_trials_)
    told_values = [v for t in search.study_.trials if t.values for v in t.values]
    assert np.isfinite(told_values).all()


@pytest.mark.parametrize("scoring", [None, AB, both], ids=["one", "dict", "callable"])
@pytest.mark.parametrize("where", FAILS)
def test_failures_count_as_the_number_that_is_given(where, scoring):
    """In each fold, in each metric and in the scores of training rows, as in scikit-learn."""
    estimator = Told(**{f"{where}_fails": 0.5})
    refit = True if scoring is None else "a"
    search = told(
        estimator=estimator,
        scoring=scoring,
        refit=refit,
        error_score=-2,
        return_train_score=True,
    )
    with pytest.warns(FitFailedWarning):
        search.fit(ROWS, TARGET)
    assert set(search.cv_results_["state"]) == {"complete"}
    if where == "score" and scoring is both:  # which scikit-learn does not survive
        failed = [p["a"] > 0.5 for p in search.cv_results_["params"]]
        for key in ("mean_test_a", "mean_test_b", "mean_train_a", "mean_train_b"):
            np.testing.assert_array_equal(search.cv_results_[key] == -2, failed)
        return
    grid = GridSearchCV(
        estimator,
        [{name: [value] for name, value in p.items()} for p in search.cv_results_["params"]],
        cv=2,
        scoring=scoring,
        refit=False,
        error_score=-2,
        return_train_score=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grid.fit(ROWS, TARGET)
    for key, values in grid.cv_results_.items():
        if "time" not in key and "param" not in key:
            np.testing.assert_array_equal(search.cv_results_[key], values, err_msg=key)


def test_an_error_of_one_metric_leaves_the_others():
    search = told(estimator=Told(score_fails=0.5), scoring=AB, refit="b", error_score=-1.0)
    with pytest.warns(FitFailedWarning, match="cannot be judged"):
        search.fit(ROWS, TARGET)
    params = search.cv_results_["params"]
    np.testing.assert_allclose(search.cv_results_["mean_test_b"], [p["b"] for p in params])
    np.testing.assert_allclose(
        search.cv_results_["mean_test_a"], [-1.0 if p["a"] > 0.5 else p["a"] for p in params]
    )


def test_an_error_on_training_rows_is_told_and_costs_no_trial():
    def picky(estimator, X, y):
        if len(X) == 16:
            raise ArithmeticError("too many rows")
        return estimator.a

    search = told(scoring=picky, cv=3, return_train_score=True)
    with pytest.warns(FitFailedWarning, match="too many rows"):
        search.fit(ROWS, TARGET)
    assert set(search.cv_results_["state"]) == {"complete"}
    assert np.isnan(search.cv_results_["mean_train_score"]).all()


def test_scores_that_are_not_finite_are_failures_that_are_told():
    def strange(estimator, X, y):
        return np.nan if estimator.a > 0.5 else estimator.a

    with pytest.warns(FitFailedWarning, match="not finite"):
        search = told(scoring=strange).fit(ROWS, TARGET)
    assert search.best_score_ <= 0.5
    with pytest.raises(ValueError, match="scoring must return a number"):
        told(scoring=lambda estimator, X, y: "much").fit(ROWS, TARGET)


@pytest.mark.parametrize("where", FAILS)
def test_if_all_trials_fail_there_is_an_error_with_the_first_of_them(where):
    search = told(estimator=Told(**{f"{where}_fails": -1.0}), n_trials=3)
    with pytest.raises(ValueError, match="All 3 trials failed(.|\n)*Error: a=0") as error:
        search.fit(ROWS, TARGET)
    assert "error_score='raise'" in str(error.value)
    assert [t.state for t in search.study_.trials] == [TrialState.FAIL] * 3


def test_the_refit_raises_what_it_raises():
    class Late(Told):
        def fit(self, X, y=None):
            if len(X) == len(ROWS):
                raise LookupError("all rows are too many")
            return super().fit(X, y)

    with pytest.raises(LookupError, match="too many"):
        told(estimator=Late()).fit(ROWS, TARGET)


# -- the end of a search -------------------------------------------------------------------------------------------


def test_callbacks_see_each_trial_and_may_end_the_search():
    seen = []

    def note(study, trial):
        seen.append((trial.number, len(study.get_trials(states=(TrialState.COMPLETE,)))))
        return trial.number == 5

    search = told(n_trials=20, batch_size=2, callbacks=[note]).fit(ROWS, TARGET)
    assert seen == [(k, k + 1) for k in range(6)]
    assert len(search.cv_results_["params"]) == 6
    assert search.study_.best_value == search.best_score_


def test_a_comparison_of_arrays_ends_the_search_too():
    search = told(callbacks=[lambda study, trial: np.float64(trial.number) >= 2]).fit(ROWS, TARGET)
    assert len(search.cv_results_["params"]) < search.n_trials


def test_callbacks_that_return_other_things_end_nothing():
    search = told(callbacks=[lambda study, trial: 1, lambda study, trial: "stop"]).fit(ROWS, TARGET)
    assert len(search.cv_results_["params"]) == search.n_trials


def test_verbose_prints_a_line_a_trial(capsys):
    told(n_trials=4, verbose=1).fit(ROWS, TARGET)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "4 trials x 2 folds = at most 8 fits" in lines[0]
    assert lines[4].startswith("[4/4] score=0.")
    told(n_trials=4, verbose=2).fit(ROWS, TARGET)
    assert "folds {'score': [" in capsys.readouterr().out.splitlines()[1]
    told(n_trials=4).fit(ROWS, TARGET)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_a_bar_that_reaches_its_end(capsys):
    told(n_trials=4, progress=True, verbose=1).fit(ROWS, TARGET)
    found = capsys.readouterr()
    assert "4/4" in found.err
    assert "best=0." in found.err
    assert "[4/4]" in found.out


def test_the_timeout_ends_the_search_with_whole_trials():
    estimator = Told(seconds=0.02)
    search = told(estimator=estimator, n_trials=10_000, timeout=0.5, batch_size=3).fit(ROWS, TARGET)
    results = search.cv_results_
    assert 1 <= len(results["params"]) < 10_000
    assert set(results["state"]) == {"complete"}
    assert set(results["n_splits_done"]) == {2}
    assert all(trial.state.is_finished() for trial in search.study_.trials)
    assert len(search.study_.trials) <= len(results["params"]) + 3  # no more were asked for
    with pytest.raises(ValueError, match=r"No trial has ended within timeout=0\.01"):
        told(estimator=Told(seconds=0.02), timeout=0.01).fit(ROWS, TARGET)


class Slow(Told):
    """Hangs for some of its parameters."""

    def fit(self, X, y=None):
        if self.a > 0.5 and len(X) < len(ROWS):
            time.sleep(600)
        return super().fit(X, y)


@pytest.mark.long
def test_fits_that_hang_are_stopped():
    search = told(estimator=Slow(), space={"a": [0.2, 0.9, 0.4]}, n_trials=3, fit_timeout=2.0)
    with pytest.warns(FitFailedWarning, match=r"longer than fit_timeout=2 seconds"):
        search.fit(ROWS, TARGET)
    states = {p["a"]: s for p, s in zip(*map(search.cv_results_.get, ("params", "state")))}  # noqa: B905
    assert states == {0.2: "complete", 0.9: "failed", 0.4: "complete"}
    assert search.best_params_ == {"a": 0.4}
    with pytest.raises(TimeoutError, match="2 s"):
        search.set_params(error_score="raise").fit(ROWS, TARGET)


class Crashing(Told):
    """Takes its process with it for some of its parameters."""

    def fit(self, X, y=None):
        if self.a > 0.5 and len(X) < len(ROWS):
            os._exit(3)
        return super().fit(X, y)


def test_fits_that_crash_in_a_process_of_their_own_are_failures():
    search = told(estimator=Crashing(), space={"a": [0.2, 0.9, 0.4]}, n_trials=3, fit_timeout=60.0)
    with pytest.warns(FitFailedWarning, match=r"FitCrashedError: .* has died \(exit status 3\)"):
        search.fit(ROWS, TARGET)
    assert search.best_params_ == {"a": 0.4}
    assert sorted(search.cv_results_["state"]) == ["complete", "complete", "failed"]
    with pytest.raises(ChildProcessError, match=r"exit status 3"):
        search.set_params(error_score="raise").fit(ROWS, TARGET)


class Interrupted(Told):
    """Whoever waits for it presses Ctrl-C at one of its fits."""

    n_fits, at = 0, 0

    def fit(self, X, y=None):
        type(self).n_fits += 1
        if self.n_fits == self.at:
            raise KeyboardInterrupt
        return super().fit(X, y)


def interrupted(at, **params):
    Interrupted.n_fits, Interrupted.at = 0, at
    return told(estimator=Interrupted(), **params)


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("pruner", [None, "median"])
def test_an_interrupted_search_is_usable(batch_size, pruner):
    search = interrupted(at=10, batch_size=batch_size, pruner=pruner)
    with pytest.warns(UserWarning, match="interrupted"):
        search.fit(ROWS, TARGET)
    assert len(search.cv_results_["params"]) == 4
    whole = told(batch_size=batch_size, pruner=pruner, n_trials=4).fit(ROWS, TARGET)
    assert search.cv_results_["params"] == whole.cv_results_["params"]
    assert search.best_params_ == whole.best_params_
    assert search.best_estimator_.n_rows_ == len(ROWS)
    np.testing.assert_array_equal(search.predict(ROWS), np.zeros(len(ROWS)))
    assert all(trial.state.is_finished() for trial in search.study_.trials)
    pickle.loads(pickle.dumps(search))


def test_an_interrupt_before_the_first_result_is_one():
    with pytest.raises(KeyboardInterrupt):
        interrupted(at=1).fit(ROWS, TARGET)
    with pytest.raises(KeyboardInterrupt):
        interrupted(at=17).fit(ROWS, TARGET)  # while the best one is fitted on all rows


def test_another_fit_begins_anew(iris):
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), C, **QUICK)
    first = search.fit(*iris).cv_results_["params"]
    study = search.study_
    assert search.fit(*iris).cv_results_["params"] == first
    assert search.study_ is not study
    assert len(study.trials) == len(search.study_.trials) == 5


# -- spaces and first configurations -------------------------------------------------------------------------------


def test_initial_params_are_tried_first():
    first = [{"a": 0.25, "b": 0.75}, {"a": 0.5}]
    search = told(initial_params=first, batch_size=1).fit(ROWS, TARGET)
    params = search.cv_results_["params"]
    assert params[0] == first[0]
    assert params[1]["a"] == 0.5
    branched = told([{"a": [0.1, 0.2]}, {"b": (0.0, 1.0)}], initial_params=[{"b": 0.125}])
    assert branched.fit(ROWS, TARGET).cv_results_["params"][0] == {"b": 0.125}


def test_a_space_of_few_points_is_tried_once_through():
    search = told({"a": [0.1, 0.2, 0.3], "b": [0.0, 1.0]}, n_trials=50).fit(ROWS, TARGET)
    points = {(p["a"], p["b"]) for p in search.cv_results_["params"]}
    assert len(points) == len(search.cv_results_["params"]) == search.plan_.n_trials == 6


def test_without_a_space_the_usual_one_is_searched(iris):
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), **QUICK).fit(*iris)
    assert "C" in search.best_params_


def test_the_plan_is_what_is_done():
    search = told(n_trials=7, batch_size=3).fit(ROWS, TARGET)
    assert (search.plan_.n_fits, search.plan_.n_batches) == (14, 3)
    assert (search.n_fits_, search.n_fits_saved_, search.n_splits_) == (14, 0, 2)


@pytest.mark.parametrize("seed", [np.random.RandomState, np.random.default_rng])
def test_seeds_of_all_kinds(seed):
    runs = [told(random_state=seed(3)).fit(ROWS, TARGET).cv_results_["params"] for _ in range(2)]
    assert runs[0] == runs[1]
    one, other = (told(random_state=None).fit(ROWS, TARGET) for _ in range(2))
    assert one.seed_ != other.seed_
    again = told(random_state=one.seed_).fit(ROWS, TARGET)
    assert again.cv_results_["params"] == one.cv_results_["params"]


# -- data of many kinds on several workers -------------------------------------------------------------------------


def mixed_frame(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        kind=np.where(X[:, 0] > 5.8, "long", "short")
    )
    columns = make_column_transformer(
        (StandardScaler(), list("abcd")), (OneHotEncoder(), ["kind"]), remainder="drop"
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)), frame, pd.Series(y)


def test_a_frame_and_its_columns_on_four_threads(iris):
    pipeline, X, y = mixed_frame(iris)
    space = {"logisticregression__C": (0.1, 10.0, "log")}
    one = OptunaSearchCV(pipeline, space, **QUICK).fit(X, y)
    with parallel_config("threading"):
        four = OptunaSearchCV(pipeline, space, n_jobs=4, **QUICK).fit(X, y)
    assert one.cv_results_["params"] == four.cv_results_["params"]
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], four.cv_results_["mean_test_score"]
    )


@pytest.mark.long
def test_a_frame_and_its_columns_on_four_processes(iris):
    pipeline, X, y = mixed_frame(iris)
    space = {"logisticregression__C": (0.1, 10.0, "log")}
    one = OptunaSearchCV(pipeline, space, **QUICK).fit(X, y)
    four = OptunaSearchCV(pipeline, space, n_jobs=4, **QUICK).fit(X, y)
    assert one.cv_results_["params"] == four.cv_results_["params"]
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], four.cv_results_["mean_test_score"]
    )


def test_string_labels_and_several_outputs(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), C, **QUICK).fit(X, names)
    assert accuracy_score(names, search.predict(X)) > 0.9
    outputs = OptunaSearchCV(
        MultiOutputRegressor(Ridge()), {"estimator__alpha": (0.1, 10.0)}, **QUICK
    ).fit(X[:, :2], X[:, 2:])
    assert outputs.predict(X[:, :2]).shape == (150, 2)
    assert outputs.best_score_ > 0.5


def test_distributions_of_optuna_and_folds_given_as_rows(iris):
    X, y = iris
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))
    space = {"C": FloatDistribution(0.1, 10.0, log=True)}
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000), space, **(QUICK | {"cv": folds})
    ).fit(X, y)
    masks = [tuple(np.isin(np.arange(150), rows) for rows in fold) for fold in folds]
    same = OptunaSearchCV(LogisticRegression(max_iter=1000), space, **(QUICK | {"cv": masks})).fit(
        X, y
    )
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], same.cv_results_["mean_test_score"]
    )
