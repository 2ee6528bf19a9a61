"""Nested cross-validation: honest scores, agreement of the choices, no leakage, nothing lost."""

import numpy as np
import optuna
import pytest
import sklearn
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.metrics.pairwise import linear_kernel
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skboost.tuning import NestedResult, OptunaSearchCV, nested_cv


def grid(estimator=None, space=None, **settings):
    """A small search for classes."""
    estimator = DecisionTreeClassifier(random_state=0) if estimator is None else estimator
    return GridSearchCV(estimator, space or {"max_depth": [1, 2, 3]}, **{"cv": 3} | settings)


def test_scores_are_those_of_cross_validate(iris):
    X, y = iris
    for search in (
        grid(),
        grid(scoring="neg_log_loss"),
        RandomizedSearchCV(
            KNeighborsClassifier(), {"n_neighbors": stats.randint(1, 30)}, n_iter=5, random_state=0
        ),
    ):
        result = nested_cv(search, X, y, outer=4, return_searches=True)
        expected = cross_validate(search, X, y, cv=4, return_estimator=True)
        assert_allclose(result.scores["score"], expected["test_score"])
        inner = [fitted.best_score_ for fitted in expected["estimator"]]
        assert_allclose(result.inner_scores["score"], inner)
        assert_allclose(result.optimism["score"], inner - expected["test_score"])
        assert list(result.params) == [s.best_params_ for s in expected["estimator"]]
        assert [s.best_params_ for s in result.searches] == list(result.params)
        assert_array_equal(result.n_train + result.n_test, len(y))
        assert (result.fit_times > 0).all()
        assert (result.score_times > 0).all()
        assert result.errors == ("",) * 4
    assert not hasattr(search, "best_params_")  # the search that was given is not fitted


def test_several_metrics_each_have_inner_and_outer_scores(iris):
    X, y = iris
    search = grid(scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss")
    result = nested_cv(search, X, y, outer=3)
    expected = cross_validate(search, X, y, cv=3, scoring=search.scoring, return_estimator=True)
    assert list(result.scores) == ["accuracy", "neg_log_loss"]
    assert result.metric == "neg_log_loss"
    for name in result.scores:
        assert_allclose(result.scores[name], expected[f"test_{name}"])
        for fold, fitted in enumerate(expected["estimator"]):
            inner = fitted.cv_results_[f"mean_test_{name}"][fitted.best_index_]
            assert result.inner_scores[name][fold] == inner


def test_other_metrics_than_those_of_the_search_have_no_inner_score(iris):
    X, y = iris
    result = nested_cv(grid(), X, y, outer=3, scoring="neg_log_loss")
    assert result.scores["score"].max() < 0
    assert np.isnan(result.inner_scores["score"]).all()
    result = nested_cv(
        grid(scoring="accuracy"), X, y, outer=3, scoring={"a": "accuracy", "score": "accuracy"}
    )
    assert np.isnan(result.inner_scores["a"]).all()
    assert np.isfinite(result.inner_scores["score"]).all()
    assert result.metric == "a"


def test_a_function_may_return_several_metrics(iris):
    X, y = iris

    def scoring(model, X, y):
        return {"right": model.score(X, y), "depth": -model.get_depth()}

    result = nested_cv(grid(scoring=scoring, refit="right"), X, y, outer=3)
    assert list(result.scores) == ["right", "depth"]
    assert np.isfinite(result.inner_scores["depth"]).all()
    assert result.metric == "right"


class Witness(ClassifierMixin, BaseEstimator):
    """Notes which rows it is fitted on and asked about."""

    seen = []  # (what, number of rows in the first column)

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        Witness.seen.append(("fit", X[:, 0].astype(int), sample_weight))
        return self

    def predict(self, X):
        Witness.seen.append(("predict", X[:, 0].astype(int), None))
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def witness():
    Witness.seen.clear()
    X = np.column_stack([np.arange(60.0), np.ones(60)])
    y = np.tile([0, 1], 30)
    return X, y


SEARCHES = [
    GridSearchCV(Witness(), {"strength": [1, 2]}, cv=3),
    OptunaSearchCV(Witness(), {"strength": (1.0, 2.0)}, n_trials=2, cv=3, random_state=0),
]
BOTH = pytest.mark.parametrize("search", SEARCHES, ids=["grid", "optuna"])


@BOTH
def test_a_search_never_meets_the_test_rows_of_its_outer_fold(search, witness):
    X, y = witness
    outer = StratifiedKFold(3, shuffle=True)  # unseeded: the folds are drawn once
    nested_cv(search, X, y, outer=outer)
    per_fold = len(Witness.seen) // 3
    everything = []
    for fold in range(3):
        seen = Witness.seen[fold * per_fold : (fold + 1) * per_fold]
        *in_search, (last, tested, _) = seen
        assert last == "predict"
        met = np.unique(np.concatenate([rows for _, rows, _ in in_search]))
        assert len(met) == 40
        assert not np.intersect1d(met, tested).size
        everything.append(tested)
    assert_array_equal(np.sort(np.concatenate(everything)), np.arange(60))


@BOTH
def test_weights_are_cut_to_the_rows_of_each_fold(search, witness):
    X, y = witness
    weight = np.arange(60.0) + 1
    nested_cv(search, X, y, outer=3, params={"sample_weight": weight})
    fits = [(rows, given) for what, rows, given in Witness.seen if what == "fit"]
    assert len(fits) == 3 * (2 * 3 + 1)
    for rows, given in fits:
        assert_array_equal(given, rows + 1.0)


def test_weights_count_in_outer_scores_as_they_do_in_the_search(iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    search = grid(scoring="accuracy")
    result = nested_cv(
        search, X, y, outer=3, params={"sample_weight": weight}, return_searches=True
    )
    folds = StratifiedKFold(3).split(X, y)
    for fold, (train, test) in enumerate(folds):
        fitted = clone(search).fit(X[train], y[train], sample_weight=weight[train])
        told = fitted._get_routed_params_for_fit({"sample_weight": weight}).scorer.score
        used = weight[test] if "sample_weight" in told else None
        expected = accuracy_score(y[test], fitted.predict(X[test]), sample_weight=used)
        assert_allclose(result.scores["score"][fold], expected)
        assert_allclose(result.inner_scores["score"][fold], fitted.best_score_)


def test_groups_stay_together_outside_and_inside(iris):
    X, y = iris
    groups = np.repeat(np.arange(30), 5)
    Witness.seen.clear()
    rows = np.column_stack([np.arange(150.0), X])
    search = GridSearchCV(Witness(), {"strength": [1]}, cv=GroupKFold(3))
    nested_cv(search, rows, y, outer=GroupKFold(5), params={"groups": groups})
    fits = [(seen, groups[seen]) for what, seen, _ in Witness.seen if what == "fit"]
    assert len(fits) == 5 * 4
    for seen, met in fits:
        assert len(seen) == 5 * len(np.unique(met))  # whole groups


@BOTH
def test_metadata_go_where_they_are_requested(search, witness):
    X, y = witness
    weight = np.arange(60.0) + 1
    groups = np.repeat(np.arange(12), 5)
    with sklearn.config_context(enable_metadata_routing=True):
        model = Witness().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        asking = clone(search).set_params(estimator=model, cv=GroupKFold(2))
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        result = nested_cv(
            asking,
            X,
            y,
            outer=GroupKFold(3),
            scoring=scorer,
            params={"sample_weight": weight, "groups": groups},
        )
    folds = GroupKFold(3).split(X, y, groups)
    expected = [np.average(y[test] == 0, weights=weight[test]) for _, test in folds]
    assert_allclose(result.scores["score"], expected)
    for what, rows, given in Witness.seen:
        if what == "fit":
            assert_array_equal(given, rows + 1.0)


def test_workers_do_not_change_the_result(iris):
    X, y = iris
    one = nested_cv(grid(), X, y, outer=3)
    with parallel_config("threading"):
        two = nested_cv(grid(), X, y, outer=3, n_jobs=2)
    assert_array_equal(one.scores["score"], two.scores["score"])
    assert one.params == two.params
    assert one.searches is None


def test_frames_sparse_matrices_lists_and_kernels(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    search = grid(LogisticRegression(max_iter=1000), {"C": [0.1, 1]})
    plain = nested_cv(search, X, y, outer=3).scores["score"]
    frame = pandas.DataFrame(X, columns=list("abcd"), index=np.arange(150) * 7)
    for data in (frame, sparse.csr_array(X), X.tolist()):
        found = nested_cv(search, data, list(y), outer=3).scores["score"]
        assert_allclose(found, plain, atol=0.02)  # the solver differs with the type of the matrix
    target = X[:, 0]
    spaces = {"alpha": [0.1, 1.0]}
    linear = GridSearchCV(KernelRidge(kernel="linear"), spaces, cv=3)
    kernel = GridSearchCV(KernelRidge(kernel="precomputed"), spaces, cv=3)
    assert_allclose(
        nested_cv(kernel, linear_kernel(X[:, 1:]), target, outer=3).scores["score"],
        nested_cv(linear, X[:, 1:], target, outer=3).scores["score"],
    )


class Fragile(Ridge):
    """Cannot be fitted without the first row."""

    def fit(self, X, y, sample_weight=None):
        if 0.0 not in X[:, 0]:
            raise OverflowError("no first row")
        return super().fit(X, y, sample_weight)


@pytest.fixture
def line():
    X = np.column_stack([np.arange(30.0), np.ones(30)])
    return X, X[:, 0] + np.random.default_rng(0).normal(size=30)


def test_folds_that_fail_do_not_cost_the_others(line):
    X, y = line
    whole = [(np.arange(30), np.arange(30))]
    search = GridSearchCV(Fragile(), {"alpha": [1.0, 2.0]}, cv=whole, error_score="raise")
    search.set_params(cv=[(np.arange(15), np.arange(15, 20))])
    with pytest.warns(FitFailedWarning, match=r"1 of 3 outer folds failed(.|\n)*no first row"):
        result = nested_cv(search, X, y, outer=KFold(3))
    assert np.isnan(result.scores["score"]).tolist() == [True, False, False]
    assert np.isnan(result.fit_times).tolist() == [True, False, False]
    assert "OverflowError" in result.errors[0]
    assert result.params[0] == {}
    assert result.agreement()["alpha"].share in (0.5, 1.0)
    assert "1 of which failed" in result.summary()
    assert np.isfinite(result.interval()).all()
    with pytest.raises(OverflowError, match="no first row"):
        nested_cv(search, X, y, outer=[(np.arange(10, 30), np.arange(10))])


def test_a_search_that_cannot_be_scored_is_kept(line):
    X, y = line

    def scoring(model, X, y):
        raise ZeroDivisionError("no score")

    search = GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=3)
    with pytest.warns(FitFailedWarning, match="3 of 3 outer folds failed"):
        result = nested_cv(search, X, y, outer=3, scoring=scoring)
    assert np.isnan(result.scores["score"]).all()
    assert [fitted.best_params_ for fitted in result.searches] == list(result.params)
    assert np.isnan(result.interval()).all()


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (Ridge(), "Ridge is no search"),
        (3, "int is no search"),
        (make_pipeline(StandardScaler(), grid()), "Pipeline is no search.*inside the search"),
        (grid(refit=False), "refit=False leaves GridSearchCV without a model"),
    ],
)
def test_what_cannot_be_nested_is_refused(search, message, iris):
    with pytest.raises(ValueError, match=message):
        nested_cv(search, *iris)


def test_a_study_that_all_folds_would_share_is_refused(iris):
    class WithStudy(GridSearchCV):
        def __init__(self, estimator, param_grid, *, scoring=None, study=None):
            super().__init__(estimator, param_grid, scoring=scoring)
            self.study = study

    with pytest.raises(ValueError, match=r"study=.* would be shared"):
        nested_cv(WithStudy(Ridge(), {"alpha": [1]}, study=object()), *iris)


def result_of(scores, params=None, n_train=80, n_test=20):
    n = len(scores)
    return NestedResult(
        scores={"r2": np.asarray(scores, float)},
        inner_scores={"r2": np.asarray(scores, float) + 0.1},
        params=tuple(params or ({},) * n),
        n_train=np.full(n, n_train),
        n_test=np.full(n, n_test),
        fit_times=np.ones(n),
        score_times=np.ones(n),
        errors=("",) * n,
        searches=None,
        metric="r2",
    )


def test_the_interval_is_that_of_the_corrected_test():
    scores = np.array([0.5, 0.7, 0.6, 0.8, 0.65])
    result = result_of(scores)
    plain = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    low, high = result.interval(confidence_level=0.9)
    assert_allclose((low + high) / 2, scores.mean())
    # n2 / n1 = 1/4 beside 1/J = 1/5
    assert_allclose(high - low, (plain.high - plain.low) * np.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    missing = result_of([0.5, 0.7, np.nan, 0.6, 0.8, 0.65])
    assert_allclose(missing.interval(confidence_level=0.9), (low, high))
    assert np.isnan(result_of([0.5]).interval()).all()


def test_the_interval_covers_the_mean_of_independent_splits():
    # scores that share nothing: the correction makes the interval too wide, never too short
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = result_of(rng.normal(size=5)).interval(confidence_level=0.9)
        hits += low < 0 < high
    assert hits >= stats.binom.ppf(1e-4, 200, 0.9)


@pytest.mark.parametrize("level", [0, 1, "high"])
def test_a_confidence_level_is_between_0_and_1(level):
    with pytest.raises(ValueError, match="confidence_level"):
        result_of([1, 2]).interval(confidence_level=level)


def test_a_metric_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"metric='f1' is none of \['r2'\]"):
        result_of([1, 2]).interval("f1")


def test_agreement_counts_choices():
    chosen = [
        {"depth": np.int64(2), "rate": 0.1, "kind": "a", "flag": True},
        {"depth": 3, "rate": 0.3, "kind": "b", "flag": True},
        {"depth": 2, "rate": 0.2, "kind": "b", "only": (1, 2)},
    ]
    found = result_of([1, 2, 3], chosen).agreement()
    assert (found["depth"].mode, found["depth"].share) == (2, 2 / 3)
    assert (found["depth"].low, found["depth"].median, found["depth"].high) == (2, 2, 3)
    assert found["rate"].mode == 0.1
    assert found["rate"].median == 0.2
    assert (found["kind"].mode, found["kind"].share) == ("b", 2 / 3)
    assert np.isnan(found["kind"].low)
    assert np.isnan(found["flag"].high)
    assert (found["flag"].share, found["flag"].n_chosen) == (2 / 3, 2)
    assert (found["only"].mode, found["only"].n_chosen) == ((1, 2), 1)


def test_the_result_as_a_frame_and_as_text():
    pytest.importorskip("pandas")
    chosen = [{"alpha": 1.0}, {"alpha": 2.0}, {}]
    result = result_of([0.5, 0.75, 0.25], chosen)
    frame = result.to_frame()
    assert frame["test_r2"].tolist() == [0.5, 0.75, 0.25]
    assert_allclose(frame["optimism_r2"], 0.1)
    assert frame["param_alpha"].tolist()[:2] == [1.0, 2.0]
    assert len(frame) == 3
    text = result.summary()
    assert text == repr(result)
    assert "alpha" in text
    assert "1 of 2" in text


def test_the_picture_shows_each_fold():
    pytest.importorskip("matplotlib").use("Agg")
    ax = result_of([0.5, 0.75, 0.25]).plot()
    inner, outer = [line for line in ax.lines if line.get_marker() == "o"]
    assert_allclose(outer.get_ydata(), [0.5, 0.75, 0.25])
    assert_allclose(inner.get_ydata(), [0.6, 0.85, 0.35])
    assert result_of([0.5, 0.75]).plot(ax) is ax
    ax.figure.clear()


def test_verbose_prints_a_line_a_fold(iris, capsys):
    X, y = iris
    nested_cv(grid(), X, y, outer=3, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"outer fold {i} of 3" for i in (1, 2, 3)]


@pytest.fixture
def journal(tmp_path):
    return str(tmp_path / "studies.log")


def studies_in(path):
    backend = optuna.storages.journal.JournalFileBackend(path)
    storage = optuna.storages.JournalStorage(backend)
    return {
        name: len(optuna.load_study(study_name=name, storage=storage).trials)
        for name in optuna.get_all_study_names(storage)
    }


def optuna_search(**settings):
    space = {"C": (1e-3, 1e3, "log")}
    model = LogisticRegression(max_iter=1000)
    return OptunaSearchCV(model, space, n_trials=3, cv=3, random_state=0, **settings)


def test_each_outer_fold_has_a_study_of_its_own(iris, journal):
    X, y = iris
    search = optuna_search(storage=journal)
    result = nested_cv(search, X, y, outer=3)
    studies = studies_in(journal)
    assert list(studies.values()) == [3, 3, 3]
    again = nested_cv(search, X, y, outer=3)  # everything is on record
    assert studies_in(journal) == studies
    assert again.params == result.params
    assert_array_equal(again.scores["score"], result.scores["score"])


def test_a_name_of_a_study_is_told_apart_by_the_outer_fold(iris, journal):
    X, y = iris
    nested_cv(optuna_search(storage=journal, study_name="mine"), X, y, outer=3)
    assert studies_in(journal) == {f"mine-outer{i}": 3 for i in range(3)}


def test_a_search_inside_cross_val_score_is_stratified():
    X, y = load_iris(return_X_y=True)  # sorted by class
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), n_trials=4, random_state=0)
    assert (cross_val_score(search, X, y, cv=3) > 0.9).all()
    assert (nested_cv(search, X, y, outer=3).scores["score"] > 0.9).all()
