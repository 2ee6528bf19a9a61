"""No fit sees a validation row, folds are the same for all trials, and what is cheap is a part of what is dear."""

import warnings

import numpy as np
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner, WilcoxonPruner
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import (
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from skboost.tuning import OptunaSearchCV

N = 96
ROWS = np.arange(float(N))[:, None]
TARGET = np.arange(N) % 3 % 2
SPACE = {"a": (0.0, 1.0)}
QUICK = {"n_trials": 12, "sampler": "random", "random_state": 0}

SEEN = []  # (rows that were learnt from, rows that were judged, rounds, a) of every judgement


class Tracker(ClassifierMixin, BaseEstimator):
    """Knows the numbers of the rows that it has learnt from, and does better with more of anything."""

    def __init__(self, a=0.0, n_rounds=27):
        self.a, self.n_rounds = a, n_rounds

    def fit(self, X, y):
        self.rows_, self.n_passes_ = set(), 0
        return self.partial_fit(X, y)

    def partial_fit(self, X, y, classes=None):
        self.classes_ = np.unique(y) if classes is None else classes
        self.rows_ = getattr(self, "rows_", set()) | set(X[:, 0].astype(int))
        self.n_passes_ = getattr(self, "n_passes_", 0) + 1
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def score(self, X, y):
        judged = set(X[:, 0].astype(int))
        SEEN.append((self.rows_, judged, self.n_rounds, self.n_passes_, self.a))
        amount = len(self.rows_) / N + self.n_rounds / 27 + self.n_passes_ / 27
        return self.a * amount + sum(judged) / 1e6


with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    WILCOXON = WilcoxonPruner(n_startup_steps=1)

SPLITTERS = {
    "shuffled": KFold(3, shuffle=True),
    "stratified": StratifiedKFold(3, shuffle=True),
    "random": ShuffleSplit(3, test_size=0.3),
    "random strata": StratifiedShuffleSplit(3, test_size=0.3),
    "repeated": RepeatedKFold(n_splits=2, n_repeats=2),
    "often repeated": RepeatedKFold(n_splits=2, n_repeats=4),
    "generator": None,
}
WAYS = {
    "whole": {},
    "median of folds": {"pruner": "median"},
    "wilcoxon of folds": {"pruner": "wilcoxon"},
    "paired folds": {"pruner": "paired"},
    "median by Optuna": {"pruner": MedianPruner(n_startup_trials=2)},
    "wilcoxon by Optuna": {"pruner": WILCOXON},
} | {
    f"{pruner} of {resource}": {"pruner": pruner, "resource": resource, "factor": 2}
    for pruner in ("halving", "hyperband", "median", "extrapolation")
    for resource in ("n_samples", "n_rounds", "partial_fit")
}
LIMITS = {"n_samples": {"min_resources": 8}, "partial_fit": {"max_resources": 8}}


def searched(splitter, way, **params):
    """A finished search; what was seen is in SEEN."""
    SEEN.clear()
    if splitter == "generator":
        cv = (fold for fold in KFold(3, shuffle=True).split(ROWS))
    else:
        cv = SPLITTERS[splitter]
    given = QUICK | WAYS[way] | LIMITS.get(WAYS[way].get("resource"), {}) | params
    return OptunaSearchCV(Tracker(), SPACE, cv=cv, **given).fit(ROWS, TARGET)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("splitter", [name for name in SPLITTERS if name != "often repeated"])
def test_no_fit_sees_a_row_that_it_is_judged_by(splitter, way):
    search = searched(splitter, way)
    assert all(not learnt & judged for learnt, judged, *_ in SEEN)
    assert len(SEEN) == search.n_fits_
    # unseeded splitters draw other folds at each call: they were called once
    assert len({frozenset(judged) for _, judged, *_ in SEEN}) == search.n_splits_
    assert search.best_estimator_.rows_ == set(range(N))


@pytest.mark.parametrize("way", ["whole", "median of folds", "halving of n_samples"])
def test_equal_configurations_score_equally(way):
    same = [{"a": 0.5}] * 4
    search = searched("shuffled", way, initial_params=same, n_trials=4)
    for split in range(3):
        scores = search.cv_results_[f"split{split}_test_score"]
        assert len(set(scores[search.cv_results_["state"] == "complete"])) == 1


@pytest.mark.parametrize("classifier", [True, False])
@pytest.mark.parametrize("splitter", ["stratified", "shuffled", "random strata"])
def test_samples_of_rungs_are_nested_and_validation_is_whole(splitter, classifier):
    search = searched(splitter, "halving of n_samples")
    by_fold = {}
    for learnt, judged, *_ in SEEN:
        by_fold.setdefault(frozenset(judged), set()).add(frozenset(learnt))
    rungs = search.plan_.rungs
    assert len(rungs) >= 3
    assert rungs == tuple(sorted(rungs))
    for judged, samples in by_fold.items():
        chain = sorted(samples, key=len)
        assert [len(sample) for sample in chain] == list(rungs)
        assert all(small < large for small, large in zip(chain, chain[1:], strict=False))
        assert not judged & chain[-1]
    if splitter == "stratified":
        share = TARGET.mean()
        for samples in by_fold.values():
            for sample in samples:
                positive = sum(TARGET[list(sample)])
                assert abs(positive - share * len(sample)) <= 2


def test_rungs_that_nobody_has_named_are_few_and_not_too_small():
    def rungs(resource, **limits):
        return searched("shuffled", f"halving of {resource}", n_trials=1, **limits).plan_.rungs

    assert rungs("n_samples", min_resources="auto") == (32, 64)
    assert rungs("partial_fit", max_resources=16) == (2, 4, 8, 16)


def test_samples_depend_on_the_seed_alone():
    runs = []
    for seed in (0, 0, 1):
        SEEN.clear()
        OptunaSearchCV(
            Tracker(), SPACE, cv=KFold(3), resource="n_samples", **(QUICK | {"random_state": seed})
        ).fit(ROWS, TARGET)
        runs.append({frozenset(learnt) for learnt, *_ in SEEN})
    assert runs[0] == runs[1] != runs[2]


def test_rounds_are_what_rungs_are_made_of():
    search = searched("shuffled", "halving of n_rounds", factor=3)
    assert search.plan_.rungs == (1, 3, 9, 27)
    assert {n_rounds for *_, n_rounds, _, _ in SEEN} == {1, 3, 9, 27}
    assert search.best_params_ == {"a": search.best_params_["a"], "n_rounds": 27}
    assert search.best_estimator_.n_rounds == 27
    assert all(params["n_rounds"] == 27 for params in search.cv_results_["params"])
    reached = search.cv_results_["resource"]
    assert set(reached[search.cv_results_["state"] == "complete"]) == {27}
    assert set(reached) <= {1, 3, 9, 27}
    shorter = searched("shuffled", "halving of n_rounds", max_resources=16, min_resources=4)
    assert shorter.plan_.rungs == (4, 8, 16)
    assert shorter.best_estimator_.n_rounds == 16


def test_passes_over_the_data_begin_anew_at_every_rung():
    search = searched("shuffled", "halving of partial_fit")
    assert {n_passes for *_, n_passes, _ in SEEN} == {1, 2, 4, 8}
    assert search.best_estimator_.n_passes_ == 8
    assert search.best_params_ == {"a": search.best_params_["a"]}


def test_passes_of_scikit_learns_own(iris):
    X, y = iris
    search = OptunaSearchCV(
        SGDClassifier(random_state=0),
        {"alpha": (1e-5, 1e-1, "log")},
        cv=StratifiedKFold(3, shuffle=True),
        resource="partial_fit",
        max_resources=9,
        n_trials=6,
        random_state=0,
    ).fit((X - X.mean(axis=0)) / X.std(axis=0), y)
    expected = SGDClassifier(random_state=0, **search.best_params_)
    for _ in range(9):
        expected.partial_fit((X - X.mean(axis=0)) / X.std(axis=0), y, classes=np.unique(y))
    np.testing.assert_array_equal(search.best_estimator_.coef_, expected.coef_)


def test_trees_of_a_forest(iris):
    search = OptunaSearchCV(
        RandomForestClassifier(n_estimators=9, random_state=0),
        {"max_depth": (1, 5)},
        cv=3,
        resource="n_estimators",
        n_trials=4,
        random_state=0,
    ).fit(*iris)
    assert search.plan_.rungs == (1, 3, 9)
    assert len(search.best_estimator_.estimators_) == 9


# -- pruning -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [way for way in WAYS if way != "whole"])
def test_fits_are_counted(way):
    search = searched("shuffled", way, n_trials=30)
    results = search.cv_results_
    assert search.n_fits_ == len(SEEN)
    assert search.n_fits_ + search.n_fits_saved_ == search.plan_.n_fits
    pruned = results["state"] == "pruned"
    assert set(results["state"]) <= {"complete", "pruned"}
    assert (search.n_fits_saved_ > 0) == pruned.any()
    np.testing.assert_array_equal(np.isnan(results["mean_test_score"]), pruned)
    # Optuna's and our words for it agree
    states = [trial.state.name.lower() for trial in search.study_.trials]
    np.testing.assert_array_equal(states, results["state"])


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_the_incumbent_is_never_pruned(way, batch_size, seed):
    """A trial that is better than all others in every fold and on every rung runs to its end."""
    search = searched("shuffled", way, n_trials=30, batch_size=batch_size, random_state=seed)
    values = [params["a"] for params in search.cv_results_["params"]]
    assert search.best_index_ == np.argmax(values)
    assert search.cv_results_["state"][np.argmax(values)] == "complete"


@pytest.mark.parametrize("way", ["median of folds", "wilcoxon of folds", "paired folds"])
def test_pruners_of_folds_save_fits(way):
    search = searched("often repeated", way, n_trials=40)
    assert search.n_fits_saved_ > 0


def test_pruners_are_told_means_so_far_or_the_scores_of_folds():
    def reports(way):
        search = searched("shuffled", way, initial_params=[{"a": 1.0}], n_trials=1)
        scores = [search.cv_results_[f"split{k}_test_score"][0] for k in range(3)]
        return search.study_.trials[0].intermediate_values, scores

    found, scores = reports("median by Optuna")
    assert found == pytest.approx({0: scores[0], 1: np.mean(scores[:2])})
    found, scores = reports("wilcoxon by Optuna")
    assert found == pytest.approx(dict(enumerate(scores[:2])))


@pytest.mark.parametrize("way", WAYS)
def test_runs_of_one_seed_are_equal(way):
    """Whatever a pruner draws or hashes."""
    cv = KFold(3, shuffle=True, random_state=0)
    given = QUICK | WAYS[way] | LIMITS.get(WAYS[way].get("resource"), {})
    first, second = (
        OptunaSearchCV(Tracker(), SPACE, cv=cv, **(given | {"n_trials": 25})).fit(ROWS, TARGET)
        for _ in range(2)
    )
    for key in ("state", "resource", "mean_test_score", "n_splits_done"):
        np.testing.assert_array_equal(first.cv_results_[key], second.cv_results_[key])
