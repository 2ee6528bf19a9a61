"""A search that was cut short goes on as if it had not been, and no study is taken for another one."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import HyperbandPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.trial import TrialState
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

from skboost.tuning import OptunaSearchCV

ROWS = np.arange(60.0)[:, None]
TARGET = np.arange(60.0)
UNIT = {"a": (0.0, 1.0), "b": (1, 20), "kind": ["x", "y", "z"]}


class Counted(BaseEstimator):
    """Its scores are its parameters; it counts its fits, and the one of number ``at`` is interrupted."""

    n_fits, at = 0, None

    def __init__(self, a=0.5, b=5, kind="x", fails_above=None):
        self.a, self.b, self.kind, self.fails_above = a, b, kind, fails_above

    def fit(self, X, y):
        Counted.n_fits += 1
        if Counted.n_fits == Counted.at:
            raise KeyboardInterrupt
        if self.fails_above is not None and self.a > self.fails_above:
            raise ArithmeticError("too large")
        self.mean_, self.n_rows_ = np.mean(y), len(X)
        return self

    def score(self, X, y):
        return score_a(self, X, y)


def score_a(estimator, X, y):
    high = 1 - (estimator.a - 0.7) ** 2 - abs(estimator.b - 12) / 40 - 0.1 * (estimator.kind == "y")
    return high + np.sin(np.mean(y) * (1 + estimator.b)) / 20 + estimator.n_rows_ / 1e3


def score_b(estimator, X, y):
    return estimator.a * estimator.b


def conditional(trial):
    """A space of which some parameters are only there in some trials."""
    params = {"a": trial.suggest_float("a", 0.0, 1.0)}
    if params["a"] > 0.4:
        params["b"] = trial.suggest_int("b", 1, 20)
    return params


AB = {"one": score_a, "two": score_b}
KINDS = {
    **{name: {"sampler": name} for name in ("random", "qmc", "tpe", "tabu", "cost_model", "nsga2")},
    "a function": {"sampler": lambda seed: optuna.samplers.TPESampler(seed=seed)},
    "few points": {"space": {"b": [1, 2, 3, 4, 5, 6], "kind": ["x", "z"]}, "sampler": "random"},
    "several spaces": {"space": [{"a": (0.0, 0.4)}, {"b": (1, 20), "kind": ["x", "y"]}]},
    "conditional": {"space": conditional},
    "median of folds": {"pruner": "median"},
    "paired folds": {"pruner": "paired", "sampler": "random"},
    "halving": {"resource": "n_samples", "min_resources": 5},
    "hyperband": {"resource": "n_samples", "min_resources": 5, "pruner": "hyperband"},
    **{
        f"hyperband of {name}": {"resource": "n_samples", "min_resources": 5, "pruner": "hyperband", "sampler": name}
        for name in ("tabu", "cost_model")
    },
    "hyperband of its own": {
        "resource": "n_samples", "min_resources": 5, "pruner": HyperbandPruner(min_resource=1),
        "sampler": "tabu", "batch_size": 4,
    },
    "extrapolation": {"resource": "n_samples", "min_resources": 5, "pruner": "extrapolation"},
    "failures": {"estimator": Counted(fails_above=0.6)},
    "failures by number": {"estimator": Counted(fails_above=0.6), "error_score": -1.0},
    "several objectives": {"scoring": AB, "objectives": ["one", "two"], "refit": "one", "sampler": "nsga2"},
    "constraints": {"scoring": AB, "refit": "one", "constraints": {"two": (1.0, 10.0)}},
    "first ones": {"initial_params": [{"a": 0.1}, {"a": 0.2}, {"a": 0.3}, {"b": 4}, {"b": 5}]},
}  # fmt: skip

WARNED = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:The search was interrupted"
)


def search_of(kind, **params):
    given = {"estimator": Counted(), "space": UNIT, "cv": KFold(3), "n_trials": 14, "batch_size": 3}
    given |= {"random_state": 0} | KINDS.get(kind, {}) | params
    return OptunaSearchCV(**given)


def fitted(search):
    """The search after fit, and how many fits it made."""
    Counted.n_fits = 0
    search.fit(ROWS, TARGET)
    return search, Counted.n_fits


def assert_same(search, whole):
    """All but the times."""
    assert search.cv_results_.keys() == whole.cv_results_.keys()
    for key, expected in whole.cv_results_.items():
        if "time" not in key and key != "duration":
            np.testing.assert_array_equal(search.cv_results_[key], expected, err_msg=key)
    assert search.best_params_ == whole.best_params_
    assert search.best_index_ == whole.best_index_
    assert search.best_score_ == whole.best_score_
    assert (search.n_fits_, search.n_fits_saved_) == (whole.n_fits_, whole.n_fits_saved_)
    assert [t.number for t in search.best_trials_] == [t.number for t in whole.best_trials_]


class Stop(Exception):
    """The end of a process, as far as a test can play it."""


def crash_after(n_trials):
    """A callback that ends everything once so many trials were seen."""
    seen = []

    def crash(study, trial):
        seen.append(trial.number)
        if len(seen) == n_trials:
            raise Stop

    return [crash]


def trials_on_record(path):
    storage = JournalStorage(JournalFileBackend(str(path)))
    return {
        name: optuna.load_study(study_name=name, storage=storage).trials
        for name in optuna.get_all_study_names(storage)
    }


# -- resuming ------------------------------------------------------------------------------------------------------


@WARNED
@pytest.mark.parametrize(
    "n_before", [1, 5, 9]
)  # in the first batch, in the second, at the end of the third
@pytest.mark.parametrize("kind", KINDS)
def test_a_search_that_crashed_goes_on_as_if_it_had_not(kind, n_before, tmp_path):
    whole, _ = fitted(search_of(kind))
    path = tmp_path / "study.log"
    with pytest.raises(Stop):
        search_of(kind, storage=path, callbacks=crash_after(n_before)).fit(ROWS, TARGET)
    (on_record,) = trials_on_record(path).values()
    assert len(on_record) == n_before
    search, n_fits = fitted(search_of(kind, storage=path))
    assert_same(search, whole)
    # nothing that is on record is fitted again
    known = sum(trial.user_attrs["skboost"]["n_fits"] for trial in on_record)
    assert n_fits == whole.n_fits_ - known + 1
    (after,) = trials_on_record(path).values()
    numbers = sorted(trial.user_attrs["skboost"]["number"] for trial in after)
    assert numbers == list(range(len(whole.cv_results_["params"])))
    assert all(trial.state.is_finished() for trial in after)


@WARNED
@pytest.mark.parametrize("at", [19, 23, 27])
@pytest.mark.parametrize("kind", ["random", "tpe", "median of folds", "halving"])
def test_a_search_that_was_interrupted_goes_on(kind, at, tmp_path):
    """Ctrl-C in the middle of a fit; the result so far is usable, too."""
    whole, _ = fitted(search_of(kind))
    Counted.at = at
    try:
        first, _ = fitted(search_of(kind, storage=tmp_path / "study.log"))
    except KeyboardInterrupt:  # which would end the tests
        pytest.fail("a search with trials that have ended was lost")
    finally:
        Counted.at = None
    n_first = len(first.cv_results_["params"])
    assert first.cv_results_["params"] == whole.cv_results_["params"][:n_first]
    assert 0 < n_first < 14
    assert first.best_estimator_.n_rows_ == len(ROWS)
    search, _ = fitted(search_of(kind, storage=tmp_path / "study.log"))
    assert_same(search, whole)


@pytest.mark.parametrize("kind", ["tpe", "tabu", "median of folds"])
def test_crashes_may_be_many(kind, tmp_path):
    whole, _ = fitted(search_of(kind))
    path, n_crashes = tmp_path / "study.log", 0
    while True:
        search = search_of(kind, storage=path, callbacks=crash_after(2))
        try:
            search.fit(ROWS, TARGET)
            break
        except Stop:
            n_crashes += 1
    assert n_crashes == 7
    assert_same(search, whole)


@pytest.mark.parametrize("kind", ["tpe", "tabu", "few points"])
def test_a_batch_that_was_cut_short_keeps_its_size(kind, tmp_path):
    whole, cut = tmp_path / "whole.log", tmp_path / "cut.log"
    fitted(search_of(kind, storage=whole, n_trials=5))  # batches of 3 and 2
    with pytest.raises(Stop):
        search_of(kind, storage=cut, n_trials=5, callbacks=crash_after(4)).fit(ROWS, TARGET)
    searches = [fitted(search_of(kind, storage=path))[0] for path in (whole, cut)]
    assert_same(*searches)


def test_a_finished_search_is_read_and_nothing_is_fitted_but_the_best(tmp_path):
    first, n_fits = fitted(search_of("tpe", storage=tmp_path / "study.log"))
    assert n_fits == 14 * 3 + 1
    again, n_fits = fitted(search_of("tpe", storage=tmp_path / "study.log"))
    assert n_fits == 1
    assert_same(again, first)
    fewer, n_fits = fitted(search_of("tpe", storage=tmp_path / "study.log", n_trials=5))
    assert n_fits == 1
    assert_same(fewer, first)


def test_more_trials_are_added_to_those_on_record(tmp_path):
    path = tmp_path / "study.log"
    first, _ = fitted(search_of("tpe", storage=path, n_trials=6))
    more, n_fits = fitted(search_of("tpe", storage=path, n_trials=14))
    assert more.cv_results_["params"][:6] == first.cv_results_["params"]
    assert len(more.cv_results_["params"]) == 14
    assert n_fits == 8 * 3 + 1
    assert_same(more, fitted(search_of("tpe"))[0])  # as 6 trials are two whole batches


def test_without_a_seed_the_one_on_record_goes_on(tmp_path):
    path = tmp_path / "study.log"
    with pytest.raises(Stop):
        search_of("tpe", storage=path, random_state=None, callbacks=crash_after(4)).fit(
            ROWS, TARGET
        )
    search, _ = fitted(search_of("tpe", storage=path, random_state=None))
    assert_same(search, fitted(search_of("tpe", random_state=search.seed_))[0])  # fmt: skip


@pytest.mark.parametrize("kind", ["median of folds", "failures"])
@WARNED
def test_progress_begins_with_all_that_is_on_record(kind, tmp_path, capsys):
    """Complete, pruned and failed trials, those of a batch that was cut short too."""
    path = tmp_path / "study.log"
    with pytest.raises(Stop):
        search_of(kind, storage=path, callbacks=crash_after(10)).fit(ROWS, TARGET)
    search_of(kind, storage=path, progress=True, verbose=1).fit(ROWS, TARGET)
    found = capsys.readouterr()
    assert "10 of the trials are on record" in found.out
    assert len(found.out.splitlines()) == 1 + 4
    assert "14/14" in found.err


def test_a_batch_that_cannot_be_repeated_is_refused(tmp_path):
    path = tmp_path / "study.log"
    with pytest.raises(Stop):
        search_of("tpe", storage=path, callbacks=crash_after(4)).fit(ROWS, TARGET)
    with (
        pytest.warns(UserWarning, match="began with the seed"),
        pytest.raises(ValueError, match="Trial 3 is on record.*random_state"),
    ):
        search_of("tpe", storage=path, random_state=1).fit(ROWS, TARGET)
    assert_same(fitted(search_of("tpe", storage=path))[0], fitted(search_of("tpe"))[0])


def test_workers_may_change_between_runs(tmp_path):
    whole, _ = fitted(search_of("tpe"))
    with pytest.raises(Stop):
        search_of("tpe", storage=tmp_path / "log", callbacks=crash_after(4)).fit(ROWS, TARGET)
    from joblib import parallel_config

    with parallel_config("threading"):
        search = search_of("tpe", storage=tmp_path / "log", n_jobs=3).fit(ROWS, TARGET)
    assert_same(search, whole)


def test_the_kind_of_storage_does_not_matter(tmp_path):
    whole, _ = fitted(search_of("tpe"))
    for storage in (
        str(tmp_path / "study.log"),
        f"sqlite:///{tmp_path / 'study.db'}",
        optuna.storages.InMemoryStorage(),
        JournalStorage(JournalFileBackend(str(tmp_path / "other.log"))),
    ):
        with pytest.raises(Stop):
            search_of("tpe", storage=storage, callbacks=crash_after(5)).fit(ROWS, TARGET)
        search, n_fits = fitted(search_of("tpe", storage=storage))
        assert_same(search, whole)
        assert n_fits == 9 * 3 + 1


def test_all_failures_are_kept(tmp_path):
    path = tmp_path / "study.log"
    search = search_of("random", estimator=Counted(fails_above=-1.0), storage=path)
    for _ in range(2):
        Counted.n_fits = 0
        with pytest.raises(ValueError, match="All 14 trials failed.*kept in the storage"):
            search.fit(ROWS, TARGET)
    assert Counted.n_fits == 0
    ((*trials,),) = trials_on_record(path).values()
    assert {trial.state for trial in trials} == {TrialState.FAIL}


def test_values_on_record_are_finite(tmp_path):
    path = tmp_path / "study.log"
    with pytest.warns(FitFailedWarning):
        fitted(search_of("failures", storage=path))
    ((*trials,),) = trials_on_record(path).values()
    assert all(np.isfinite(t.values).all() for t in trials if t.values is not None)
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()


# -- one study for one search --------------------------------------------------------------------------------------


def test_each_outer_fold_has_a_study_of_its_own(iris, tmp_path):
    X, y = iris
    path = tmp_path / "study.log"
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": (0.01, 1.0, "log")},
        cv=3,
        n_trials=3,
        storage=path,
        random_state=0,
    )
    outer = StratifiedKFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(search, X, y, cv=outer)
    studies = trials_on_record(path)
    assert [len(trials) for trials in studies.values()] == [3, 3, 3]
    assert all(name.startswith("OptunaSearchCV-LogisticRegression-") for name in studies)
    np.testing.assert_array_equal(cross_val_score(search, X, y, cv=outer), scores)
    assert [len(trials) for trials in trials_on_record(path).values()] == [3, 3, 3]
    without = cross_val_score(search.set_params(storage=None), X, y, cv=outer)
    np.testing.assert_array_equal(scores, without)


CHANGES = {
    "X": ({}, {"X": ROWS + 1}, "X .*rows or values"),
    "fewer rows": ({}, {"X": ROWS[:-1], "y": TARGET[:-1]}, "X .*y .*folds"),
    "y": ({}, {"y": TARGET[::-1].copy()}, r"y \(the target\)"),
    "weights": ({}, {"price": TARGET + 1}, "metadata"),
    "folds": ({"cv": KFold(3, shuffle=True, random_state=1)}, {}, "folds"),
    "number of folds": ({"cv": KFold(4)}, {}, "folds"),
    "range": ({"space": UNIT | {"a": (0.0, 2.0)}}, {}, "space"),
    "choices": ({"space": UNIT | {"kind": ["x", "z", "y"]}}, {}, "space"),
    "another parameter": ({"space": {"a": (0.0, 1.0)}}, {}, "space"),
    "estimator": ({"estimator": Counted(b=6)}, {}, "estimator"),
    "class": ({"estimator": Ridge(), "space": {"alpha": (0.0, 1.0)}}, {}, "estimator.*space"),
    "scoring": ({"scoring": make_scorer(r2_score)}, {}, "scoring"),
}


class Tolerant(Counted):
    def fit(self, X, y, price=None):
        return super().fit(X, y)

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_refused_by_name(change, tmp_path):
    params, data, sentence = CHANGES[change]
    estimator = Tolerant() if change in ("weights", "scoring") else Counted()
    keep = {"storage": tmp_path / "study.log", "n_trials": 3, "estimator": estimator}
    search_of("tpe", **keep, study_name="mine").fit(ROWS, TARGET)
    other = search_of("tpe", **(keep | params), study_name="mine")
    given = {"X": ROWS, "y": TARGET} | data
    with pytest.raises(ValueError, match=f"study_name='mine' is on record.*differs in {sentence}"):
        other.fit(**given)
    with pytest.raises(ValueError, match="study_name"):
        search_of("tpe", **keep, study_name="mine", resume=False).fit(ROWS, TARGET)
    other.set_params(study_name=None).fit(**given)  # the search finds a name of its own
    assert len(trials_on_record(keep["storage"])) == 2


def test_another_direction_is_refused(tmp_path):
    keep = {"storage": tmp_path / "study.log", "n_trials": 3, "study_name": "mine", "scoring": AB}
    search_of("random", **keep, refit="one").fit(ROWS, TARGET)
    with pytest.raises(ValueError, match="study_name='mine' is on record with the directions"):
        search_of("random", **keep, refit="one", objectives=["one", "two"]).fit(ROWS, TARGET)


def test_a_sampler_that_does_not_repeat_itself_goes_on_behind_what_is_on_record(tmp_path):
    keep = {"storage": tmp_path / "study.log", "batch_size": 4, "n_trials": 12}

    for at in (5, 8):  # the second batch that is cut begins in the middle of the first one

        def crash(study, trial, at=at):
            if trial.number == at:
                raise RuntimeError("power cut")

        sampler = optuna.samplers.RandomSampler()
        with pytest.raises(RuntimeError, match="power cut"):
            search_of("random", **keep | {"sampler": sampler}, callbacks=[crash]).fit(ROWS, TARGET)
    whole, _ = fitted(search_of("random", **keep | {"sampler": optuna.samplers.RandomSampler()}))
    assert whole.cv_results_["trial_number"].tolist() == list(range(12))
    again, n_more = fitted(
        search_of("random", **keep | {"sampler": optuna.samplers.RandomSampler()})
    )
    assert n_more == 1  # the last fit, on all rows
    assert again.cv_results_["params"] == whole.cv_results_["params"]


def test_what_does_not_change_scores_may_change(tmp_path):
    keep = {"storage": tmp_path / "study.log", "study_name": "mine"}
    first, _ = fitted(search_of("tpe", **keep))
    space = UNIT | {"a": FloatDistribution(0.0, 1.0)}
    search = search_of("tpe", **keep, n_jobs=1, verbose=0, space=space)
    again, n_fits = fitted(search)
    assert n_fits == 1
    assert again.best_params_ == first.best_params_


def test_train_scores_that_are_not_on_record_cannot_be_asked_for_later(tmp_path):
    keep = {"storage": tmp_path / "study.log", "study_name": "mine"}
    fitted(search_of("tpe", **keep))
    with pytest.raises(ValueError, match="train scores"):
        fitted(search_of("tpe", **keep, return_train_score=True))


# -- the cost of a record ------------------------------------------------------------------------------------------


class Counting(BaseJournalBackend):
    """A journal in memory that counts what is written to it."""

    def __init__(self):
        self.logs, self.n_calls = [], 0

    def read_logs(self, log_number_from):
        return self.logs[log_number_from:]

    def append_logs(self, logs):
        self.n_calls += 1
        self.logs.extend(logs)


@pytest.mark.parametrize("kind", ["random", "tpe", "tabu", "median of folds", "several objectives"])
def test_a_trial_is_at_most_two_writes(kind):
    calls, logs = [], []
    for n_trials in (4, 14):
        backend = Counting()
        fitted(search_of(kind, storage=JournalStorage(backend), n_trials=n_trials))
        calls.append(backend.n_calls)
        logs.append(len(backend.logs))
    assert calls[1] - calls[0] <= 2 * 10
    assert logs[1] - logs[0] <= 2 * 10


class Refusing(Counting):
    """A journal that cannot be written for a while."""

    refuses = False

    def append_logs(self, logs):
        if self.refuses:
            raise OSError("no space")
        super().append_logs(logs)


def test_trials_that_a_storage_refused_are_on_record_in_the_end():
    backend = Refusing()

    def refuse(study, trial):
        backend.refuses = trial.number == 12

    with pytest.warns(UserWarning, match="no space"):
        fitted(search_of("tpe", storage=JournalStorage(backend), callbacks=[refuse]))
    _, n_fits = fitted(search_of("tpe", storage=JournalStorage(backend)))
    assert n_fits == 1
