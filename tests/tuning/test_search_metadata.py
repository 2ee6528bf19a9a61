"""Metadata and data of all kinds reach fits, scorers and splitters as in scikit-learn's searches."""

import numpy as np
import pandas as pd
import polars
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    cross_validate,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skboost.tuning import OptunaSearchCV

N = 30
ROWS = np.arange(float(N))[:, None]
TARGET = np.arange(N) % 2
WEIGHT = np.random.default_rng(0).uniform(1, 2, N)
FOLDS = KFold(3, shuffle=True, random_state=0)
SPACE = {"a": [0.1, 0.2, 0.3]}
QUICK = {"n_trials": 3, "sampler": "random", "random_state": 0}

SEEN = []


class Witness(ClassifierMixin, BaseEstimator):
    """Writes down which metadata came with which rows; each row is its own number."""

    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y, sample_weight=None, price=None, note=None):
        self.classes_ = np.unique(y)
        SEEN.append(("fit", numbers(X), listed(sample_weight), listed(price), note))
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        self.classes_ = classes
        SEEN.append(("partial_fit", numbers(X), listed(sample_weight), None, None))
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y, sample_weight=None):
        SEEN.append(("score", numbers(X), listed(sample_weight), None, None))
        return self.a


def numbers(X):
    return np.asarray(X)[:, 0].astype(int).tolist()


def listed(values):
    return None if values is None else np.asarray(values).tolist()


def metric(y_true, y_pred, sample_weight=None):
    SEEN.append(("metric", len(y_true), listed(sample_weight), None, None))
    return 0.5


def both_searches(estimator, space, grid, X, y, fit_params, **params):
    """What our search and scikit-learn's show to a witness, for the same configurations."""
    found = []
    for search in (
        OptunaSearchCV(estimator, space, **(QUICK | params)),
        GridSearchCV(estimator, grid, **params),
    ):
        SEEN.clear()
        search.fit(X, y, **fit_params)
        found.append(sorted(SEEN, key=repr))
    return found


def assert_cut_to_rows(name="fit", place=2, values=WEIGHT):
    seen = [event for event in SEEN if event[0] == name]
    assert seen
    for event in seen:
        assert event[place] == values[event[1]].tolist()


@pytest.mark.parametrize("kind", [np.asarray, list, pd.Series, polars.Series])
@pytest.mark.parametrize("pruner", [None, "median"])
def test_weights_are_cut_to_the_rows_of_each_fold(kind, pruner):
    SEEN.clear()
    search = OptunaSearchCV(Witness(), SPACE, cv=FOLDS, pruner=pruner, **QUICK)
    search.fit(ROWS, TARGET, sample_weight=kind(WEIGHT))
    assert_cut_to_rows("fit")
    assert_cut_to_rows("score")
    assert len([event for event in SEEN if event[0] == "fit"]) == search.n_fits_ + 1


def test_weights_follow_the_rows_of_every_rung():
    for resource, limits in (("n_samples", {}), ("partial_fit", {"max_resources": 4})):
        SEEN.clear()
        search = OptunaSearchCV(
            Witness(), SPACE, cv=FOLDS, resource=resource, factor=2, min_resources=2, **limits, **QUICK
        )  # fmt: skip
        search.fit(ROWS, TARGET, sample_weight=WEIGHT)
        assert_cut_to_rows("fit" if resource == "n_samples" else "partial_fit")
        assert_cut_to_rows("score")


@pytest.mark.parametrize(
    "scoring", [None, "accuracy", make_scorer(metric), {"m": make_scorer(metric)}]
)
def test_without_routing_metadata_go_where_they_go_in_scikit_learn(scoring):  # fmt: skip
    fit_params = {
        "sample_weight": WEIGHT,
        "price": pd.Series(WEIGHT * 10, index=np.arange(N)[::-1]),
        "note": "short",
    }
    ours, theirs = both_searches(
        Witness(),
        SPACE,
        SPACE,
        ROWS,
        TARGET,
        fit_params,
        cv=FOLDS,
        scoring=scoring,
        refit="m" if isinstance(scoring, dict) else True,
    )
    assert ours == theirs


def test_groups_reach_the_splitter():
    groups = np.arange(N) // 6
    for cv in (GroupKFold(3), LeaveOneGroupOut()):
        ours, theirs = both_searches(
            Witness(), SPACE, SPACE, ROWS, TARGET, {"groups": groups}, cv=cv
        )
        assert ours == theirs
    with pytest.raises(ValueError, match="groups"):
        OptunaSearchCV(Witness(), SPACE, cv=GroupKFold(3)).fit(ROWS, TARGET)


@pytest.mark.parametrize("pruner", [None, "median"])
def test_with_routing_metadata_go_where_they_are_requested(pruner):
    with config_context(enable_metadata_routing=True):
        estimator = Witness().set_fit_request(sample_weight=True, price=True, note=False)
        scorer = make_scorer(metric).set_score_request(sample_weight="price")
        params = {"cv": GroupKFold(3), "scoring": scorer}
        fit_params = {"sample_weight": WEIGHT, "price": WEIGHT * 10, "groups": np.arange(N) // 6}
        SEEN.clear()
        search = OptunaSearchCV(estimator, SPACE, pruner=pruner, **params, **QUICK)
        search.fit(ROWS, TARGET, **fit_params)
        ours = sorted(SEEN, key=repr)
        assert_cut_to_rows("fit")
        assert_cut_to_rows("fit", 3, WEIGHT * 10)
        if pruner is None:
            SEEN.clear()
            GridSearchCV(estimator, SPACE, **params).fit(ROWS, TARGET, **fit_params)
            assert ours == sorted(SEEN, key=repr)
        scored = [event[2] for event in ours if event[0] == "metric"]
        assert len(scored) == search.n_fits_
        assert all(min(weights) >= 10 for weights in scored)


def test_with_routing_what_nobody_requests_is_refused_as_in_scikit_learn():
    with config_context(enable_metadata_routing=True):
        for search in (OptunaSearchCV(Witness(), SPACE, **QUICK), GridSearchCV(Witness(), SPACE)):
            with pytest.raises(ValueError, match="sample_weight.*not explicitly set"):
                search.fit(ROWS, TARGET, sample_weight=WEIGHT)
        refused = OptunaSearchCV(Witness().set_fit_request(sample_weight=True), SPACE, **QUICK)
        with pytest.raises((TypeError, ValueError), match="colour"):
            refused.set_params(scoring=make_scorer(metric)).fit(ROWS, TARGET, colour=WEIGHT)


def test_a_search_inside_other_tools_gets_its_metadata():
    with config_context(enable_metadata_routing=True):
        estimator = (
            Witness().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        )
        search = OptunaSearchCV(estimator, SPACE, cv=GroupKFold(2), **QUICK)
        params = {"sample_weight": WEIGHT, "groups": np.arange(N) // 5}
        SEEN.clear()
        cross_validate(search, ROWS, TARGET, cv=GroupKFold(3), params=params)
        assert_cut_to_rows("fit")
        assert {event[2] for event in SEEN if event[0] == "score"} == {None}
        SEEN.clear()
        pipeline = make_pipeline("passthrough", search)
        pipeline.fit(ROWS, TARGET, **params)
        assert_cut_to_rows("fit")  # fmt: skip


def test_score_takes_the_metadata_that_scorers_request():
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        search = OptunaSearchCV(
            LogisticRegression().set_fit_request(sample_weight=True), {"C": [1.0]}, scoring=scorer
        )
        rng = np.random.default_rng(0)
        X, weight = rng.normal(size=(N, 2)), rng.uniform(size=N)
        search.fit(X, TARGET, sample_weight=weight)
        expected = accuracy_score(TARGET, search.predict(X), sample_weight=weight)
        assert search.score(X, TARGET, sample_weight=weight) == expected


def test_weights_change_scores_as_in_scikit_learn(iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(size=len(y))
    space = {"C": [0.1, 1.0]}
    model = LogisticRegression(max_iter=1000)
    ours = OptunaSearchCV(model, space, cv=3, n_trials=2, random_state=0)
    ours.fit(X, y, sample_weight=weight)
    order = [{"C": [p["C"]]} for p in ours.cv_results_["params"]]
    theirs = GridSearchCV(model, order, cv=3).fit(X, y, sample_weight=weight)
    for key in ("split0_test_score", "split2_test_score", "mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-12)
    np.testing.assert_array_equal(ours.best_estimator_.coef_, theirs.best_estimator_.coef_)


# -- data of all kinds ---------------------------------------------------------------------------------------------

RNG = np.random.default_rng(1)
FEATURES = RNG.normal(size=(60, 3))
LABELS = (FEATURES[:, 0] + 0.3 * RNG.normal(size=60) > 0).astype(int)

KINDS = {
    "lists": (FEATURES.tolist(), LABELS.tolist()),
    "pandas": (pd.DataFrame(FEATURES, columns=list("abc")), pd.Series(LABELS, index=range(60, 0, -1))),
    "polars": (polars.DataFrame(FEATURES, schema=list("abc")), polars.Series(LABELS)),
    "csr": (sparse.csr_array(FEATURES), LABELS),
    "csc": (sparse.csc_matrix(FEATURES), LABELS),
    "coo": (sparse.coo_array(FEATURES), LABELS),
    "float32": (FEATURES.astype(np.float32), LABELS),
    "texts": (FEATURES, np.array(["no", "yes"])[LABELS]),
    "objects": (FEATURES.astype(object), np.array(["no", "yes"], dtype=object)[LABELS]),
    "categories": (FEATURES, pd.Series(["no", "yes"]).iloc[LABELS].astype("category")),
    "column": (FEATURES, pd.Series(LABELS, name="label")),
}  # fmt: skip


@pytest.mark.parametrize("pruner", [None, "median"])
@pytest.mark.parametrize("kind", KINDS)
def test_data_of_all_kinds_give_scikit_learns_scores(kind, pruner):
    X, y = KINDS[kind]
    model, space = LogisticRegression(), {"C": [0.01, 1.0]}
    ours = OptunaSearchCV(model, space, cv=3, n_trials=2, pruner=pruner).fit(X, y)
    order = [{"C": [p["C"]]} for p in ours.cv_results_["params"]]
    theirs = GridSearchCV(model, order, cv=3).fit(X, y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-12
    )
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("resource", [None, "n_samples"])
def test_kernels_are_cut_on_both_sides(resource):
    kernel = FEATURES @ FEATURES.T
    search = OptunaSearchCV(
        SVC(kernel="precomputed"), {"C": [0.1, 1.0]}, cv=3, n_trials=2, resource=resource, factor=2
    ).fit(kernel, LABELS)
    plain = GridSearchCV(SVC(kernel="linear"), {"C": [0.1, 1.0]}, cv=3).fit(FEATURES, LABELS)
    ours = dict(
        zip(search.cv_results_["param_C"], search.cv_results_["mean_test_score"], strict=True)
    )
    theirs = dict(
        zip(plain.cv_results_["param_C"], plain.cv_results_["mean_test_score"], strict=True)
    )
    assert all(np.isnan(ours[c]) or ours[c] == pytest.approx(theirs[c]) for c in theirs)
    assert search.best_score_ == pytest.approx(theirs[search.best_params_["C"]])
    np.testing.assert_array_equal(search.predict(kernel), search.best_estimator_.predict(kernel))  # fmt: skip


def test_one_split_that_was_made_beforehand():
    folds = PredefinedSplit(np.where(np.arange(60) < 40, -1, 0))
    for pruner in (None, "median"):
        search = OptunaSearchCV(
            LogisticRegression(), {"C": [0.01, 1.0]}, cv=folds, n_trials=2, pruner=pruner
        ).fit(FEATURES, LABELS)
        assert search.n_splits_ == 1
        model = LogisticRegression(**search.best_params_).fit(FEATURES[:40], LABELS[:40])
        assert search.best_score_ == model.score(FEATURES[40:], LABELS[40:])
        assert list(search.cv_results_["std_test_score"]) == [0.0, 0.0]


def test_without_a_target():
    model = KMeans(n_init=1, random_state=0)
    search = OptunaSearchCV(model, {"n_clusters": [2, 3]}, cv=3, n_trials=2).fit(FEATURES)
    grid = GridSearchCV(model, {"n_clusters": [2, 3]}, cv=3).fit(FEATURES)
    assert search.best_params_ == grid.best_params_
    np.testing.assert_allclose(
        np.sort(search.cv_results_["mean_test_score"]), np.sort(grid.cv_results_["mean_test_score"])
    )
    assert search.transform(FEATURES).shape == (60, search.best_params_["n_clusters"])
    assert search.score(FEATURES) == grid.score(FEATURES)


def test_several_outputs():
    Y = np.column_stack([FEATURES[:, 0], FEATURES[:, 1] ** 2])
    for y in (Y, pd.DataFrame(Y, columns=["one", "two"])):
        search = OptunaSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3, n_trials=2).fit(FEATURES, y)
        assert search.predict(FEATURES).shape == Y.shape
        grid = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(FEATURES, y)
        assert search.best_score_ == pytest.approx(grid.best_score_, abs=1e-12)
    labels = (Y > 0.5).astype(int)
    model = MultiOutputClassifier(LogisticRegression())
    search = OptunaSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=3, n_trials=2)
    assert search.fit(FEATURES, labels).predict(FEATURES).shape == labels.shape


def test_a_scaler_learns_from_training_rows_only():
    """A pipeline is fitted whole in every fold."""
    model = make_pipeline(StandardScaler(), Ridge())
    search = OptunaSearchCV(
        model, {"ridge__alpha": [1.0]}, cv=FOLDS, n_trials=1, scoring="r2", return_train_score=True
    ).fit(FEATURES, FEATURES[:, 0])
    for k, (train, test) in enumerate(FOLDS.split(FEATURES)):
        fitted = make_pipeline(StandardScaler(), Ridge()).fit(FEATURES[train], FEATURES[train, 0])
        for rows, name in ((train, "train"), (test, "test")):
            expected = r2_score(FEATURES[rows, 0], fitted.predict(FEATURES[rows]))
            assert search.cv_results_[f"split{k}_{name}_score"] == pytest.approx([expected], abs=1e-12)  # fmt: skip


def test_a_trial_may_decide_whether_rows_are_kernels():
    kernel = FEATURES @ FEATURES.T
    for model, space in (
        (SVC(), {"kernel": ["precomputed"], "C": [0.1, 1.0]}),
        (SVC(kernel="precomputed"), {"kernel": ["rbf", "precomputed"]}),
        (make_pipeline(SVC()), {"svc": [SVC(kernel="precomputed"), SVC(C=2.0)]}),
    ):
        search = OptunaSearchCV(model, space, cv=3, return_train_score=True, error_score="raise")
        search.fit(kernel, LABELS)
        order = [{name: [value] for name, value in p.items()} for p in search.cv_results_["params"]]
        plain = GridSearchCV(model, order, cv=3, return_train_score=True).fit(kernel, LABELS)
        for key in ("mean_test_score", "mean_train_score"):
            np.testing.assert_allclose(search.cv_results_[key], plain.cv_results_[key], rtol=1e-12)
        assert search.score(kernel, LABELS) == plain.score(kernel, LABELS)


def test_a_fit_need_not_return_its_estimator():
    class Silent(Ridge):
        def fit(self, X, y):
            super().fit(X, y)

    search = OptunaSearchCV(Silent(), {"alpha": [0.1, 1.0]}, cv=3).fit(FEATURES, FEATURES[:, 0])
    assert isinstance(search.best_estimator_, Silent)
    assert search.predict(FEATURES).shape == (len(FEATURES),)
