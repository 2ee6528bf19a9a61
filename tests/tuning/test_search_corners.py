"""Corners of searches: spaces that run out, functions that wander, metrics that say nothing, other tools' callbacks."""

import pickle
import threading
from copy import copy

import numpy as np
import pytest
from optuna import load_study
from optuna.distributions import IntDistribution
from optuna.exceptions import TrialPruned
from optuna.pruners import ThresholdPruner
from optuna.samplers import BruteForceSampler, GridSampler, RandomSampler
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from skboost.tuning import OptunaSearchCV
from skboost.tuning._storage import open_storage

ROWS = np.arange(48.0)[:, None]
TARGET = np.arange(48) % 2
SEEN: list[tuple[object, int]] = []


class Told(ClassifierMixin, BaseEstimator):
    """An estimator whose score is one of its parameters; it remembers with what it was fitted."""

    def __init__(self, a=0.0, kind="x", n_rounds=9):
        self.a, self.kind, self.n_rounds = a, kind, n_rounds

    def fit(self, X, y=None):
        SEEN.append((self.a, len(X)))
        if isinstance(self.a, float) and self.a == 3.0:
            raise TypeError("a must be whole")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def score(self, X, y=None):
        return float(self.a)


def search_of(space, **params):
    SEEN.clear()
    usual = {"n_trials": 6, "cv": 2, "sampler": "random", "random_state": 0}
    return OptunaSearchCV(Told(), space, **(usual | params))


def points(search):
    return [tuple(sorted(params.items())) for params in search.cv_results_["params"]]


def say_nothing(estimator, X, y):
    return np.nan


# -- spaces that run out ------------------------------------------------------------------------------------------

BRANCHES = [{"kind": ["x"], "a": [1, 2]}, {"kind": ["y"], "a": [1, 2, 4]}]


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "tabu", "cost_model", "nsga2"])
@pytest.mark.parametrize("n_trials", [5, 50])
def test_all_points_of_several_small_spaces_are_tried(sampler, n_trials):
    search = search_of(BRANCHES, n_trials=n_trials, sampler=sampler).fit(ROWS, TARGET)
    assert len(points(search)) == len(set(points(search))) == 5


@pytest.mark.parametrize("space", [BRANCHES, {"a": [1, 2, 4], "kind": ["x", "y"]}])
def test_all_points_are_tried_by_a_sampler_of_ones_own(space):
    search = search_of(space, n_trials=50, sampler=RandomSampler(0)).fit(ROWS, TARGET)
    assert len(points(search)) == len(set(points(search))) == search.plan_.n_trials


@pytest.mark.parametrize("n_before", [2, 3, 4])
def test_what_a_first_run_of_fewer_has_tried_is_not_tried_again(n_before, tmp_path):
    kept = {"storage": tmp_path / "journal", "batch_size": 2}
    before = set(points(search_of(BRANCHES, n_trials=n_before, **kept).fit(ROWS, TARGET)))
    after = points(search_of(BRANCHES, n_trials=50, **kept).fit(ROWS, TARGET))
    assert set(after[:n_before]) == before
    assert len(set(after[n_before:]) - before) == 5 - n_before


def test_configurations_to_try_first_are_first_where_all_are_tried():
    first = {"kind": "y", "a": 4}
    search = search_of(BRANCHES, n_trials=5, initial_params=[first]).fit(ROWS, TARGET)
    assert search.cv_results_["params"][0] == first
    assert len(set(points(search))) == 5


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{"x", "y"}, frozenset({"x"}), {"x": 1}])
def test_sets_have_no_order_to_search_in(values):
    with pytest.raises(ValueError, match=r"space\['kind'\].*list of choices"):
        search_of({"kind": values}).fit(ROWS, TARGET)


@pytest.mark.parametrize("given", [3, 3.0, np.int64(3), np.float32(3)])
@pytest.mark.parametrize("values", [(1, 10), IntDistribution(1, 10), [1, 2, 3], [1, 2, 3, 4, 5]])
def test_numbers_to_try_first_become_those_of_the_space(values, given):
    search = search_of({"a": values}, n_trials=2, initial_params=[{"a": given}]).fit(ROWS, TARGET)
    assert search.cv_results_["params"][0] == {"a": 3}
    assert type(search.cv_results_["params"][0]["a"]) is int
    assert (search.cv_results_["state"] == "complete").all()


def test_numbers_to_try_first_become_fractions_where_the_space_has_them():
    search = search_of({"a": (0.0, 9.0)}, n_trials=1, initial_params=[{"a": np.int32(2)}])
    found = search.fit(ROWS, TARGET).best_params_["a"]
    assert found == 2.0
    assert type(found) is float


# -- functions as spaces ------------------------------------------------------------------------------------------


def test_a_function_that_wanders_reports_what_was_fitted():
    chance = np.random.default_rng(0)
    search = search_of(lambda trial: {"a": trial.suggest_float("a", 0, 1) + chance.random()})
    search.fit(ROWS, TARGET)
    fitted = list(dict.fromkeys(a for a, n_rows in SEEN if n_rows < len(ROWS)))
    assert [params["a"] for params in search.cv_results_["params"]] == fitted
    assert search.best_estimator_.a == search.best_score_


def test_a_function_may_look_at_the_study():
    def space(trial):
        n_ended = len(trial.study.get_trials(deepcopy=False))
        return {"a": trial.suggest_float("a", 0, 1), "kind": f"{n_ended} trials"}

    search = search_of(space, verbose=0).fit(ROWS, TARGET)
    assert search.cv_results_["params"][0]["kind"] == "1 trials"


def test_what_a_function_returned_is_on_record(tmp_path):
    chance = np.random.default_rng(0)

    def space(trial):
        a = trial.suggest_int("a", 1, 4)
        if any(other.params == trial.params for other in trial.study.trials[: trial.number]):
            raise TrialPruned("not again")
        return {"a": a + chance.random()}

    kept = {"storage": tmp_path / "journal", "batch_size": 1}
    first = search_of(space, n_trials=8, **kept).fit(ROWS, TARGET)
    assert set(first.cv_results_["state"]) == {"complete", "pruned"}
    again = search_of(space, n_trials=8, **kept).fit(ROWS, TARGET)
    assert points(again) == points(first)
    assert again.best_estimator_.a == again.best_score_
    longer = search_of(space, n_trials=12, **kept).fit(ROWS, TARGET)
    assert points(longer)[:8] == points(first)


def test_functions_may_return_what_no_storage_holds(tmp_path):
    def space(trial):
        return {"a": trial.suggest_int("a", 1, 4), "kind": (trial.number, np.arange(2))}

    first, again = (
        search_of(space, storage=tmp_path / "journal").fit(ROWS, TARGET) for _ in range(2)
    )
    assert repr(points(again)) == repr(points(first))


def test_what_a_function_never_suggests_cannot_be_tried_first():
    def space(trial):
        return {"a": 10 ** trial.suggest_float("log_a", -1, 1)}

    search = search_of(space, initial_params=[{"log_a": 0.5}]).fit(ROWS, TARGET)
    assert search.cv_results_["params"][0] == {"a": 10**0.5}
    with pytest.raises(ValueError, match=r"initial_params.*'a'.*never suggested"):
        search_of(space, initial_params=[{"a": 1.0}]).fit(ROWS, TARGET)


def test_a_function_may_not_set_the_resource():
    def space(trial):
        return {"n_rounds": trial.suggest_int("n", 1, 5)}

    with pytest.raises(ValueError, match=r"resource='n_rounds'.*space"):
        search_of(space, resource="n_rounds").fit(ROWS, TARGET)


def test_what_a_function_encloses_is_part_of_the_search(tmp_path):
    def below(high):
        return lambda trial: {"a": trial.suggest_float("a", 0, high)}

    kept = {"storage": tmp_path / "journal", "study_name": "enclosed"}
    search_of(below(1.0), **kept).fit(ROWS, TARGET)
    search_of(below(1.0), **kept).fit(ROWS, TARGET)
    with pytest.raises(ValueError, match="space"):
        search_of(below(2.0), **kept).fit(ROWS, TARGET)


# -- metrics that say nothing -------------------------------------------------------------------------------------


def test_if_all_trials_are_pruned_there_is_a_sentence():
    search = search_of({"a": (0.0, 1.0)}, pruner=ThresholdPruner(lower=10))
    with pytest.raises(ValueError, match="6 trials.*pruned"):
        search.fit(ROWS, TARGET)
    assert set(search.cv_results_["state"]) == {"pruned"}


def test_a_metric_that_is_never_a_number_cannot_decide():
    search = search_of(
        {"a": (0.0, 1.0)},
        scoring={"good": "accuracy", "bad": say_nothing},
        objectives="good",
        refit="bad",
    )
    with pytest.raises(ValueError, match="'bad'"):
        search.fit(ROWS, TARGET)


def test_several_metrics_may_be_one_of_any_name():
    params = {"scoring": {"score": "accuracy"}, "refit": "score"}
    search = search_of({"a": [1, 2]}, **params).fit(ROWS, TARGET)
    other = GridSearchCV(Told(), {"a": [1, 2]}, cv=2, **params).fit(ROWS, TARGET)
    assert search.multimetric_ is other.multimetric_ is True
    assert search.score(ROWS, TARGET) == other.score(ROWS, TARGET)
    with pytest.raises(ValueError, match="refit=True"):
        search.set_params(refit=True).fit(ROWS, TARGET)


# -- all rows, and time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [TimeSeriesSplit(3), KFold(5)])
def test_the_last_rung_of_rows_is_all_of_them(cv):
    search = search_of({"a": [1]}, cv=cv, resource="n_samples", min_resources=4)
    search.fit(ROWS[:47], TARGET[:47])
    n_splits = search.n_splits_
    last = [n_rows for _, n_rows in SEEN[-1 - n_splits : -1]]
    assert last == [len(train) for train, _ in cv.split(ROWS[:47])]
    assert search.plan_.rungs[-1] == min(last)  # so that each rung is a step in every fold


def test_all_rows_and_as_many_as_the_smallest_fold_has_are_two_searches(tmp_path):
    kept = {"storage": tmp_path / "journal", "study_name": "rows", "cv": TimeSeriesSplit(3)}
    rungs = {"resource": "n_samples", "min_resources": 4}
    top = search_of({"a": [1]}, **kept, **rungs).fit(ROWS, TARGET).plan_.rungs[-1]
    with pytest.raises(ValueError, match="resource"):
        search_of({"a": [1]}, max_resources=top, **kept, **rungs).fit(ROWS, TARGET)


def test_a_shared_search_waits_for_others_until_its_time_is_up(tmp_path):
    shared = {"storage": str(tmp_path / "journal"), "study_name": "s", "shared": True}
    begun, over, ended = threading.Event(), threading.Event(), []

    def linger(study, trial):
        begun.set()
        ended.append(over.wait(20))

    slow = search_of({"a": (0.0, 1.0)}, callbacks=[linger], n_trials=4, **shared)
    thread = threading.Thread(target=slow.fit, args=(ROWS, TARGET))
    thread.start()
    try:
        assert begun.wait(20)
        search_of({"a": (0.0, 1.0)}, n_trials=4, timeout=0.5, **shared).fit(ROWS, TARGET)
        assert ended == []  # the other one is still at its first trial
        assert thread.is_alive()
    finally:
        over.set()
        thread.join()


def test_an_interrupted_search_gives_its_trials_back_to_others(tmp_path):
    def press(study, trial):
        raise KeyboardInterrupt

    shared = {"storage": str(tmp_path / "journal"), "study_name": "s", "shared": True}
    search = search_of({"a": (0.0, 1.0)}, callbacks=[press], **shared)
    with pytest.warns(UserWarning, match="interrupted"):
        search.fit(ROWS, TARGET)
    states = [trial.state.name for trial in search.study_.trials]
    assert states == ["COMPLETE", "FAIL", "FAIL", "FAIL"]


def test_a_trial_that_others_have_ended_is_made_up_for(tmp_path):
    shared = {"storage": str(tmp_path / "journal"), "study_name": "s", "shared": True}
    lost = []

    def lose_one(estimator, X, y):
        if not lost:
            study = load_study(study_name="s", storage=open_storage(shared["storage"]))
            lost.append(study.get_trials(states=(TrialState.RUNNING,))[0].number)
            study.tell(lost[0], state=TrialState.FAIL)
        return estimator.a

    search = search_of({"a": (0.0, 1.0)}, scoring=lose_one, **shared).fit(ROWS, TARGET)
    numbers = search.cv_results_["trial_number"].tolist()
    assert len(numbers) == 6
    assert lost[0] not in numbers


# -- other tools --------------------------------------------------------------------------------------------------


def test_a_search_with_callbacks_may_be_around_one():
    callback = pytest.importorskip("sklearn.callback")
    outer = GridSearchCV(search_of({"a": [1, 2]}), {"batch_size": [1, 2]}, cv=2)
    outer.set_callbacks(callback.ProgressBar())
    with pytest.warns(UserWarning, match="OptunaSearchCV"):
        outer.fit(ROWS, TARGET)
    assert outer.best_score_ == 2


def test_failures_are_told_once():
    search = search_of({"a": [3.0, 1.0]}, n_trials=2)
    with pytest.warns(FitFailedWarning) as told:
        search.fit(ROWS, TARGET)
    assert len(told) == 1


# -- points that the space itself gives up ----------------------------------------------------------------------------


def only_odd(trial):
    a = trial.suggest_int("a", 1, 40)
    if a % 2 == 0:
        raise TrialPruned("even")
    return {"a": a}


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "tabu", "cost_model", "nsga2"])
@pytest.mark.parametrize("pruner", [None, "median"])
def test_points_that_the_space_prunes_are_not_fitted(sampler, pruner):
    search = search_of(only_odd, sampler=sampler, pruner=pruner, n_trials=24, refit=False)
    search.fit(ROWS, TARGET)
    results = search.cv_results_
    odd = np.array([trial.params["a"] % 2 == 1 for trial in search.study_.trials])
    assert 0 < odd.sum() < 24
    assert {a % 2 for a, _ in SEEN} == {1}
    assert set(results["state"][~odd]) == {"pruned"}
    assert all(
        bool(params) == is_odd for params, is_odd in zip(results["params"], odd, strict=True)
    )
    assert np.isnan(results["mean_test_score"][~odd]).all()
    assert search.best_params_["a"] == results["param_a"][odd].max()


def test_points_that_the_space_prunes_are_remembered(tmp_path):
    options = {"storage": tmp_path / "journal", "n_trials": 12}
    first = search_of(only_odd, **options).fit(ROWS, TARGET)
    again = search_of(only_odd, **options).fit(ROWS, TARGET)
    assert len(SEEN) == 1  # the refit
    assert points(again) == points(first)
    assert list(again.cv_results_["state"]) == list(first.cv_results_["state"])
    longer = search_of(only_odd, **options | {"n_trials": 20}).fit(ROWS, TARGET)
    assert points(longer) == points(search_of(only_odd, n_trials=20).fit(ROWS, TARGET))


def test_a_space_that_prunes_all_of_its_points_is_refused():
    def nothing(trial):
        trial.suggest_int("a", 1, 3)
        raise TrialPruned

    with pytest.raises(ValueError, match=r"None of the 6 trials has a mean .*6 were pruned"):
        search_of(nothing).fit(ROWS, TARGET)


# -- another seed -----------------------------------------------------------------------------------------------------


def test_going_on_with_another_seed_is_no_secret(tmp_path):
    space = {"a": (1, 10**6)}
    options = {"storage": tmp_path / "journal", "study_name": "mine"}
    search_of(space, n_trials=8, **options).fit(ROWS, TARGET)
    with pytest.warns(
        UserWarning, match=r"random_state=1 .*began with the seed 0: from trial 8 on"
    ):
        search_of(space, n_trials=12, random_state=1, **options).fit(ROWS, TARGET)
    went_on = search_of(space, n_trials=12, random_state=None, **options).fit(ROWS, TARGET)
    assert went_on.seed_ == 0
    search_of(space, n_trials=12, random_state=1, **options).fit(ROWS, TARGET)  # nothing follows


# -- what Optuna's own parts stop -------------------------------------------------------------------------------------


def test_callbacks_of_optuna_stop_a_search():
    stop = MaxTrialsCallback(5)
    search = search_of({"a": (1, 100)}, n_trials=40, callbacks=[stop]).fit(ROWS, TARGET)
    assert points(search) == points(search_of({"a": (1, 100)}, n_trials=8).fit(ROWS, TARGET))
    with pytest.raises(RuntimeError):  # it is Optuna's study again
        search.study_.stop()


def test_a_study_may_be_kept_by_a_callback():
    kept = []
    space, callbacks = {"a": (1, 100)}, [lambda study, trial: kept.append(pickle.dumps(study))]
    search_of(space, callbacks=callbacks).fit(ROWS, TARGET)
    assert [len(pickle.loads(one).trials) for one in kept] == [4, 4, 4, 4, 6, 6]


@pytest.mark.parametrize("n_trials", [3, 6, 20])
def test_a_grid_of_optuna_ends_a_search(n_trials):
    grid = {"a": [1, 2, 4], "n_rounds": [3, 5]}
    search = search_of(grid, sampler=GridSampler(grid), n_trials=n_trials).fit(ROWS, TARGET)
    assert len(set(points(search))) == min(n_trials, 6)
    wide = {"a": (0.5, 4.0), "n_rounds": (3, 5)}
    search = search_of(wide, sampler=GridSampler(grid), n_trials=n_trials).fit(ROWS, TARGET)
    assert len(set(points(search))) == min(n_trials, 6)
    assert len(points(search)) == min(n_trials, 8)  # the batch is ended


@pytest.mark.filterwarnings("ignore:BruteForceSampler is experimental")
@pytest.mark.parametrize("n_trials", [4, 6, 20])
def test_a_sampler_that_looks_at_what_its_trial_has_already(n_trials):
    grid = {"a": [1, 2, 4], "kind": ["x", "y"]}
    search = search_of(grid, sampler=lambda seed: BruteForceSampler(seed), n_trials=n_trials)
    assert len(set(points(search.fit(ROWS, TARGET)))) == min(n_trials, 6)


def test_verbose_may_be_a_flag(capsys):
    search_of({"a": (1, 9)}, verbose=True).fit(ROWS, TARGET)
    assert "[6/6]" in capsys.readouterr().out


# -- folds of another run ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [KFold(2, shuffle=True), ShuffleSplit(2), RepeatedKFold(n_splits=2)])
def test_folds_that_no_other_run_will_draw_are_no_secret(tmp_path, cv):
    search = search_of({"a": (1, 9)}, storage=tmp_path / "journal", cv=cv)
    with pytest.warns(UserWarning, match=r"cv=.* draws other folds in each run.*random_state"):
        search.fit(ROWS, TARGET)
    search.set_params(cv=clone_with_seed(cv)).fit(ROWS, TARGET)
    search.set_params(cv=cv, storage=None).fit(ROWS, TARGET)


def clone_with_seed(cv):
    seeded = copy(cv)
    seeded.random_state = 0
    return seeded
