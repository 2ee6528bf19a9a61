"""Trials that failed or break a constraint are no yardstick for others; comparisons are of equal tables."""

import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.trial import create_trial
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge

from skboost.tuning import (
    CostModelSampler,
    ExtrapolationPruner,
    FoldRacingPruner,
    OptunaSearchCV,
    ScoreTable,
    TabuSampler,
    compare_samplers,
    tabulate,
)
from skboost.tuning._records import TrialRecord

optuna.logging.set_verbosity(optuna.logging.WARNING)
SPACE = {"x": IntDistribution(0, 9)}
FAILURE = {"skboost": TrialRecord(0, state="failed").as_attribute()}


def add(study, x, value, constraint=None, **more):
    trial = create_trial(params={"x": x}, distributions=SPACE, value=value, **more)
    if constraint is not None:
        trial.set_constraint("size", constraint)
    study.add_trial(trial)


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
@pytest.mark.parametrize("kind", ["infeasible", "failed"])
def test_folds_do_not_race_against_trials_that_cannot_win(rule, kind):
    pruner = FoldRacingPruner(rule, n_startup_trials=2)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    more = {"user_attrs": FAILURE} if kind == "failed" else {"constraint": 5.0}
    for x in range(6):
        reports = {fold: 0.9 + 0.001 * ((x + fold) % 3) for fold in range(5)}
        add(study, x, 0.9, intermediate_values=reports, **more)
    trial = study.ask(SPACE)
    for fold in range(4):
        trial.report(0.7 + 0.001 * fold, fold)
        assert not trial.should_prune()


def test_curves_do_not_race_against_trials_that_cannot_win():
    study = optuna.create_study(direction="maximize", pruner=ExtrapolationPruner(max_step=10))
    for x in range(6):
        add(study, x, 0.9, constraint=5.0, intermediate_values=dict.fromkeys(range(1, 11), 0.9))
    trial = study.ask(SPACE)
    for step in range(1, 9):
        trial.report(0.5, step)
        assert not trial.should_prune()


def test_tabu_search_does_not_start_at_a_failure():
    study = optuna.create_study(direction="maximize")
    for x in range(5):
        more = {"user_attrs": FAILURE} if x == 2 else {"constraint": 1.0 + x}
        add(study, x, 0.5 + x / 10, **more)
    assert TabuSampler(seed=0).moves(study)[-1].number == 0


class Fragile(Ridge):
    """Some of its fits fail."""

    def fit(self, X, y):
        if self.alpha > 5:
            raise ArithmeticError("too large")
        return super().fit(X, y)


def fragile_search(**params):
    """The trials of a search with failures that its sampler was told of."""
    X = np.arange(40.0)[:, None]
    usual = {"n_trials": 8, "cv": 2, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = OptunaSearchCV(Fragile(), {"alpha": (0.0, 10.0)}, **(usual | params))
        search.fit(X, X[:, 0])
    trials = search.study_.trials
    told = [t for t in trials if t.user_attrs["skboost"]["state"] == "failed"]
    assert any(t.state.name == "COMPLETE" for t in told)
    return trials, [t for t in told if t.state.name == "COMPLETE"]


def test_failures_of_a_search_break_its_constraints():
    scoring = {"fit": "r2", "alpha": lambda model, X, y: model.alpha}
    bounds = {"alpha": (0.0, 3.0)}
    _, failed = fragile_search(scoring=scoring, refit="fit", constraints=bounds)
    assert all(trial.constraints["alpha"] > 0 for trial in failed)


def test_failures_of_a_search_count_as_the_worst_trial_before():
    trials, failed = fragile_search(n_trials=20, sampler="random")
    for trial in failed:
        before = [t.value for t in trials[: trial.number] if t.state.name == "COMPLETE"]
        assert min(before) < max(before)
        assert trial.value == min(before)


def table(sign=1, n=30):
    levels = {"a": tuple(float(v) for v in range(n))}
    scores = sign * np.arange(float(n))[:, None]
    return ScoreTable(levels, np.arange(n)[:, None], scores, np.ones((n, 1)))


def test_many_levels_survive_a_file(tmp_path):
    levels = {"a": tuple(np.linspace(0, 1, 40001).tolist())}
    before = ScoreTable(levels, np.array([[0], [40000]]), np.ones((2, 1)), np.ones((2, 1)))
    before.save(tmp_path / "table.npz")
    assert ScoreTable.load(tmp_path / "table.npz").params == before.params


def test_comparisons_on_other_tables_are_not_joined():
    one = compare_samplers(table(), ["random"], n_trials=5, n_seeds=2, n_startup=2)
    other = compare_samplers(table(-1), ["qmc"], n_trials=5, n_seeds=2, n_startup=2)
    with pytest.raises(ValueError, match="cannot be joined"):
        one.join(other)


def test_a_grid_begins_with_its_first_row():
    found = compare_samplers(table(-1), ["grid order"], n_trials=8, n_seeds=5, n_startup=5)
    assert np.all(found.regrets[..., 5] == 0)  # the best one is the first row


def test_scores_that_are_not_finite_are_told():
    def score(model, X, y):
        return np.nan if model.alpha == 1.0 else 0.0

    X = np.arange(20.0)[:, None]
    with pytest.warns(FitFailedWarning, match="not finite"):
        tabulate(Ridge(), {"alpha": [0.1, 1.0]}, X, X[:, 0], cv=2, scoring=score)


def test_sources_have_one_objective():
    study = optuna.create_study(directions=["maximize", "maximize"])
    study.add_trial(create_trial(params={"x": 1}, distributions=SPACE, values=[1.0, 2.0]))
    with pytest.raises(ValueError, match="several objectives"):
        CostModelSampler(sources=[study.trials])
