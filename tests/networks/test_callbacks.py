"""Watching a fit: scikit-learn's callbacks, the lines on the terminal, Ctrl-C."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skboost.boosting import NewtonStep
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

try:
    from sklearn import callback
except ImportError:
    callback = None
needs_callbacks = pytest.mark.skipif(callback is None, reason="scikit-learn 1.9 has callbacks")

FAST = {"n_stages": 5, "units_per_stage": 3, "n_threads": 1, "random_state": 0}


class Recorder:
    """Notes what it is told; may stop the fit or raise."""

    def __init__(self, stop_after=None, error=None):
        self.stop_after = stop_after
        self.error = error
        self.stages = []
        self.ended = 0
        self.torn_down = 0

    def setup(self, estimator, context):
        self.max_stages = context.max_subtasks

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name != "stage":
            self.ended += 1
            return None
        self.stages.append(fitted_estimator.predict(X))
        if self.error is not None and len(self.stages) == self.stop_after:
            raise self.error
        return len(self.stages) == self.stop_after

    def teardown(self, estimator, context):
        self.torn_down += 1


@needs_callbacks
def test_every_stage_is_reported_with_an_estimator_that_predicts(diabetes):
    X, y = diabetes
    recorder = Recorder()
    model = BoostedNetworkRegressor(**FAST, early_stopping=False).set_callbacks(recorder)
    model.fit(X, y)
    assert recorder.max_stages == len(recorder.stages) == 6
    assert (recorder.ended, recorder.torn_down) == (1, 1)
    for seen, staged in zip(recorder.stages, list(model.staged_predict(X))[1:], strict=True):
        assert_allclose(seen, staged, rtol=1e-10)


@needs_callbacks
def test_a_refit_does_not_show_the_callback_the_old_model(diabetes):
    X, y = diabetes
    recorder = Recorder()
    model = BoostedNetworkRegressor(**FAST, early_stopping=False).fit(X, -100 * y)
    model.set_callbacks(recorder).fit(X, y)
    assert_array_equal(recorder.stages[-1], model.predict(X))


@needs_callbacks
def test_a_continued_fit_reports_its_own_stages(diabetes):
    X, y = diabetes
    recorder = Recorder()
    model = BoostedNetworkRegressor(**FAST, warm_start=True, early_stopping=False).fit(X, y)
    model.set_params(n_stages=8).set_callbacks(recorder).fit(X, y)
    assert recorder.max_stages == len(recorder.stages) == 3
    assert_array_equal(recorder.stages[-1], model.predict(X))


@needs_callbacks
def test_a_callback_can_stop_the_fit(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST, early_stopping=False)
    model.set_callbacks(Recorder(stop_after=2)).fit(X, y)
    assert model.n_stages_ == 2


@needs_callbacks
def test_an_error_in_a_callback_comes_out_and_the_callback_is_torn_down(diabetes):
    X, y = diabetes
    recorder = Recorder(stop_after=2, error=RuntimeError("enough"))
    model = BoostedNetworkRegressor(**FAST).set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, y)
    assert recorder.torn_down == 1
    model.set_callbacks().fit(X, y)
    assert model.n_stages_ > 0


@needs_callbacks
@pytest.mark.parametrize("kind", [BoostedNetworkRegressor, BoostedNetworkClassifier])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_scoring_monitor_of_scikit_learn_sees_each_stage(
    diabetes, breast_cancer, kind, early_stopping
):
    X, y = diabetes if kind is BoostedNetworkRegressor else breast_cancer
    scoring = "r2" if kind is BoostedNetworkRegressor else "neg_log_loss"
    monitor = callback.ScoringMonitor(scoring=scoring)
    model = kind(**FAST, early_stopping=early_stopping).set_callbacks(monitor).fit(X, y)
    scores = [row[scoring] for row in monitor.get_logs().data if row["task_name"] == "stage"]
    assert len(scores) == 6
    assert scores[-1] > scores[0]
    if kind is BoostedNetworkRegressor:
        assert_allclose(scores[-1], model.score(X, y))


@needs_callbacks
def test_the_progress_bar_of_scikit_learn_runs(breast_cancer, capsys):
    pytest.importorskip("rich")
    X, y = breast_cancer
    model = BoostedNetworkClassifier(**FAST).set_callbacks(callback.ProgressBar())
    model.fit(X, y)
    assert "BoostedNetworkClassifier" in capsys.readouterr().out
    assert_array_equal(model.predict(X), BoostedNetworkClassifier(**FAST).fit(X, y).predict(X))


@needs_callbacks
def test_callbacks_are_no_part_of_the_model(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST).set_callbacks(Recorder()).fit(X, y)
    plain = BoostedNetworkRegressor(**FAST).fit(X, y)
    assert_array_equal(model.predict(X), plain.predict(X))
    assert clone(model).get_params() == plain.get_params()
    assert not any("callback" in name and "ctx" in name for name in vars(model))
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), plain.predict(X))


@needs_callbacks
def test_callbacks_reach_into_a_grid_search(diabetes):
    pytest.importorskip("rich")
    X, y = diabetes
    search = GridSearchCV(BoostedNetworkRegressor(**FAST), {"alpha": [1.0, 10.0]}, cv=2)
    if not hasattr(search, "set_callbacks"):
        pytest.skip("this version of scikit-learn has searches without callbacks")
    search.set_callbacks(callback.ProgressBar()).fit(X, y)
    assert search.best_score_ > 0.3


# -- the terminal


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_verbose_says_as_much_as_it_is_asked_for(diabetes, capsys, verbose):
    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST, verbose=verbose).fit(X, y)
    said = capsys.readouterr()
    assert said.err == ""
    if verbose == 0:
        assert said.out == ""
        return
    assert said.out.endswith("\n")
    assert said.out.count("\n") == (1 if verbose == 1 else 6)
    assert said.out.count("training loss") == said.out.count("validation loss") == 6
    assert f"{model.validation_loss_[-1]:.5f}" in said.out
    assert "6/6" in said.out


def test_verbose_changes_no_number(diabetes, capsys):
    X, y = diabetes
    quiet = BoostedNetworkRegressor(**FAST).fit(X, y)
    loud = BoostedNetworkRegressor(**FAST, verbose=1).fit(X, y)
    assert_array_equal(quiet.predict(X), loud.predict(X))


# -- Ctrl-C


class Interrupted(NewtonStep):
    """Newton's step, until the user presses Ctrl-C in the middle of a stage."""

    def __init__(self, calls=7):
        self.calls = calls
        self.seen = 0

    def length(self, *arguments):
        self.seen += 1
        if self.seen == self.calls:
            raise KeyboardInterrupt
        return super().length(*arguments)


@pytest.mark.parametrize("folds", [{"early_stopping": False}, {"n_folds": 2}, {"n_folds": 1}])
def test_finished_stages_survive_ctrl_c_with_warm_start(diabetes, folds):
    X, y = diabetes
    settings = FAST | folds | {"n_stages": 12}
    model = BoostedNetworkRegressor(step=Interrupted(), warm_start=True, **settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert 0 < model.n_stages_ <= 7
    assert np.isfinite(model.predict(X)).all()
    model.set_params(step="newton").fit(X, y)
    whole = BoostedNetworkRegressor(**settings).fit(X, y)
    assert model.n_stages_ == whole.n_stages_
    assert_array_equal(model.train_loss_, whole.train_loss_)
    assert_array_equal(model.predict(X), whole.predict(X))


@needs_callbacks
def test_ctrl_c_in_a_callback_counts_as_well(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST, warm_start=True, early_stopping=False)
    model.set_callbacks(Recorder(stop_after=3, error=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_stages_ == 3
    model.set_callbacks().fit(X, y)
    assert_array_equal(
        model.predict(X), BoostedNetworkRegressor(**FAST, early_stopping=False).fit(X, y).predict(X)
    )


def test_without_warm_start_ctrl_c_leaves_an_unfitted_estimator(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST).fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(step=Interrupted()).fit(100 * X, y)
    with pytest.raises(ValueError, match="not fitted"):
        model.predict(X)  # neither the old model nor half of a new one
