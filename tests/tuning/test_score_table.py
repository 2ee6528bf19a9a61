"""Tables of cross-validated scores: what is measured, looked up, declared and kept."""

import itertools
import warnings

import numpy as np
import optuna
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from optuna.distributions import CategoricalDistribution, IntDistribution
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_iris, make_regression
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skboost.tuning import ScoreTable, tabulate

X, Y = load_iris(return_X_y=True)
TREE = DecisionTreeClassifier(random_state=0)
GRID = {
    "max_depth": [1, 2, 3, 4],
    "min_samples_leaf": [1, 5, 30],
    "criterion": ["gini", "entropy"],
}


@pytest.fixture(scope="module")
def table():
    return tabulate(TREE, GRID, X, Y, cv=4)


class Moody(ClassifierMixin, BaseEstimator):
    """Fails on demand."""

    def __init__(self, mood="good", threshold=0):
        self.mood = mood
        self.threshold = threshold

    def fit(self, X, y):
        if self.mood == "bad" or (self.mood == "picky" and X[:, 0].max() < self.threshold):
            raise RuntimeError("not today")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


# -- measuring --------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_cross_validation(table):
    assert len(table) == 24
    for row in (0, 7, 23):
        model = DecisionTreeClassifier(random_state=0, **table.params[row])
        assert_array_equal(table.scores[row], cross_val_score(model, X, Y, cv=4))
    assert table.fit_times.shape == (24, 4)
    assert (table.fit_times > 0).all()


def test_points_come_in_the_order_of_the_grid(table):
    assert [tuple(p.values()) for p in table.params] == list(itertools.product(*GRID.values()))


def test_scores_do_not_depend_on_n_jobs(table):
    with parallel_config(backend="threading"):
        again = tabulate(TREE, GRID, X, Y, cv=4, n_jobs=2)
    assert_array_equal(again.scores, table.scores)


def test_folds_are_drawn_once_for_all_points():
    cv = KFold(4, shuffle=True)  # draws anew each time it is asked
    model = LogisticRegression(max_iter=500)
    found = tabulate(model, {"warm_start": [False, True]}, X, Y, cv=cv)
    assert_array_equal(found.scores[0], found.scores[1])


def test_scoring_groups_and_weights_are_passed_on():
    rng = np.random.default_rng(0)
    groups, weight = rng.integers(6, size=len(X)), rng.integers(3, size=len(X)).astype(float)
    cv = GroupKFold(3)
    found = tabulate(
        *(TREE, {"max_depth": [1, 3]}, X, Y),
        **{"cv": cv, "scoring": "neg_brier_score", "groups": groups},
        params={"sample_weight": weight},
    )
    for train, test in cv.split(X, Y, groups):
        model = DecisionTreeClassifier(random_state=0, max_depth=1)
        model.fit(X[train], Y[train], weight[train])
        wanted = get_scorer("neg_brier_score")(model, X[test], Y[test])
        assert wanted in found.scores[0]


def test_learning_curves_end_in_the_scores():
    found = tabulate(
        *(TREE, {"criterion": ["gini", "entropy"]}, X, Y),
        **{"cv": 3, "resource": "max_depth", "resources": [1, 2, 3]},
    )
    assert found.curves.shape == (2, 3, 3)
    assert_array_equal(found.curves[:, -1], found.scores)
    for place, depth in enumerate(found.resources):
        model = DecisionTreeClassifier(random_state=0, max_depth=depth)
        assert_array_equal(found.curves[0, place], cross_val_score(model, X, Y, cv=3))


def test_a_drawn_table_is_a_part_of_the_full_one(table):
    part = tabulate(TREE, GRID, X, Y, cv=4, n_points=10, random_state=3)
    full = {tuple(p.values()): scores for p, scores in zip(table.params, table.scores, strict=True)}
    assert len({tuple(p.values()) for p in part.params}) == 10
    for point, scores in zip(part.params, part.scores, strict=True):
        assert_array_equal(scores, full[tuple(point.values())])
    again = tabulate(TREE, GRID, X, Y, cv=4, n_points=10, random_state=3)
    assert part.params == again.params


def test_a_drawn_table_answers_with_the_nearest_point():
    found = tabulate(TREE, GRID, X, Y, cv=3, n_points=12, random_state=0)
    for point in itertools.product(range(4), range(3), range(2)):
        values = {"max_depth": point[0] + 1, "min_samples_leaf": point[1]}
        values["criterion"] = GRID["criterion"][point[2]]
        steps = np.abs(found.codes - point) / [3, 2, 1]
        assert steps[found.row(values)].sum() == steps.sum(axis=1).min()


def test_defaults_of_the_estimator_are_found_in_the_grid():
    Xr, yr = make_regression(60, 4, random_state=0)
    grid = {"alpha": [0.1, 1, 10], "solver": ["svd", "auto"]}
    found = tabulate(Ridge(), grid, Xr, yr, cv=3)
    assert found.params[found.default] == {"alpha": 1, "solver": "auto"}
    assert tabulate(Ridge(alpha=3.0), grid, Xr, yr, cv=3).default is None


def test_steps_of_a_pipeline_can_be_exchanged():
    data = load_breast_cancer(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0))
    grid = {"standardscaler": [StandardScaler(), MinMaxScaler(), "passthrough"]}
    grid["decisiontreeclassifier__max_depth"] = [1, 2]
    found = tabulate(pipe, grid, *data, cv=2)
    choices = found.distributions["standardscaler"].choices
    assert choices == ("StandardScaler()", "MinMaxScaler()", "passthrough")
    assert found.objective({"standardscaler": "MinMaxScaler()", **_depth(2)}) == found.values[3]


def _depth(depth):
    return {"decisiontreeclassifier__max_depth": depth}


# -- failures ---------------------------------------------------------------------------------------------------------


def test_a_failed_fit_is_nan_and_counts_as_the_worst_mean():
    grid = {"mood": ["good", "bad"], "threshold": [0]}
    with pytest.warns(FitFailedWarning, match="3 of 6 fits failed.*not today"):
        found = tabulate(Moody(), grid, X, Y, cv=3)
    assert np.isnan(found.scores[1]).all()
    assert found.values[1] == found.values[0]


def test_one_failed_fold_leaves_the_scores_of_the_others():
    order = np.argsort(X[:, 0], kind="stable")  # the last fold holds the largest numbers
    with pytest.warns(FitFailedWarning, match="1 of 3"):
        found = tabulate(
            *(Moody(), {"mood": ["picky"], "threshold": [X[:, 0].max()]}, X[order], Y[order]),
            cv=KFold(3),
        )
    assert_array_equal(np.isnan(found.scores[0]), [False, False, True])


def test_errors_can_be_raised():
    with pytest.raises(RuntimeError, match="not today"):
        tabulate(Moody(), {"mood": ["bad"]}, X, Y, cv=3, error_score="raise")


def test_a_table_without_any_score_is_an_error():
    with pytest.raises(ValueError, match="all 3 fits failed.*not today"):
        tabulate(Moody(), {"mood": ["bad"]}, X, Y, cv=3)


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({}, {}, "not a dict with a list"),
        ([{"max_depth": [1]}], {}, "for several grids"),
        ({"max_depth": 3}, {}, r"write \[3\]"),
        ({"criterion": "gini"}, {}, "not a list of values"),
        ({"max_depth": []}, {}, "is empty"),
        ({"max_depth": [1, 2, 1]}, {}, "twice"),
        ({"max_depth": [1, True]}, {}, "twice"),
        ({"depth": [1]}, {}, "Invalid parameter 'depth'"),
        ({"max_depth": [1, 2]}, {"n_points": 3}, "n_points=3"),
        ({"max_depth": [1, 2]}, {"scoring": ["accuracy", "f1"]}, "several scores"),
        ({"max_depth": [1, 2]}, {"resource": "max_leaf_nodes"}, "belong together"),
        ({"max_depth": [1, 2]}, {"resource": "max_depth", "resources": [1, 2]}, "in the grid"),
        ({"max_depth": [1]}, {"resource": "max_leaf_nodes", "resources": [4, 2]}, "must rise"),
        ({f"p{place}": range(20) for place in range(5)}, {}, "Invalid parameter"),
    ],
)
def test_impossible_requests_are_refused(grid, options, message):
    with pytest.raises(ValueError, match=message):
        tabulate(TREE, grid, X, Y, cv=3, **options)


# -- what samplers see ------------------------------------------------------------------------------------------------


def test_only_numbers_are_declared_as_ordered():
    grid = {
        "max_depth": [4, 1, 3, 2],  # sorted; equal steps stay as they are
        "min_samples_leaf": [1, 5, 30],  # ordered by place
        "max_features": [0.5, 1.0],  # two values have no order
        "max_leaf_nodes": [None, 8, 16],
        "class_weight": [None, "balanced"],
    }
    found = tabulate(TREE, grid, X, Y, cv=2, n_points=3, random_state=0)
    assert found.distributions == {
        "max_depth": IntDistribution(1, 4),
        "min_samples_leaf": IntDistribution(0, 2),
        "max_features": CategoricalDistribution([0.5, 1.0]),
        "max_leaf_nodes": CategoricalDistribution([None, 8, 16]),
        "class_weight": CategoricalDistribution([None, "balanced"]),
    }


def test_values_of_a_trial_lead_back_to_their_row(table):
    for row in range(len(table)):
        assert table.row(table.trial_params(row)) == row


def test_the_objective_serves_any_study(table):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(table.trial_params(table.best_row))
    study.optimize(table.objective, n_trials=5)
    assert study.trials[0].value == table.best
    assert study.trials[0].distributions == table.distributions
    for trial in study.trials:
        assert trial.value == table.objective(trial.params)


def test_values_outside_are_refused(table):
    values = table.trial_params(0)
    with pytest.raises(ValueError, match="lacks 'criterion'"):
        table.row({name: values[name] for name in list(values)[:-1]})
    with pytest.raises(ValueError, match="max_depth=9 is not in"):
        table.objective(values | {"max_depth": 9})


# -- measures ---------------------------------------------------------------------------------------------------------


def test_regret_is_one_at_the_median_and_zero_at_the_best(table):
    assert table.regret(table.best) == 0.0
    assert table.regret(table.median) == 1.0
    assert_allclose(
        table.regret(table.values), (table.best - table.values) / (table.best - table.median)
    )


def test_a_flat_table_has_no_regret():
    flat = ScoreTable({"a": (1, 2)}, np.array([[0], [1]]), np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="nothing to search"):
        flat.regret(1.0)


def test_the_top_holds_ties():
    scores = np.array([[0.1], [0.9], [0.9], [0.5]])
    found = ScoreTable({"a": (1, 2, 3, 4)}, np.arange(4)[:, None], scores, np.ones((4, 1)))
    assert_array_equal(found.top(0.01), [False, True, True, False])
    assert found.top(1.0).all()


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_table_survives_its_file(tmp_path):
    grid = {
        "hidden_layer_sizes": [(4,), (2, 3)],
        "alpha": [0.01, 0.1, 1.0],
        "early_stopping": [False],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = tabulate(
            *(MLPClassifier(random_state=0), grid, X, Y),
            **{"cv": 2, "resource": "max_iter", "resources": [1, 2]},
        )
    found.save(tmp_path / "table.any")
    again = ScoreTable.load(tmp_path / "table.any")
    assert again.levels == found.levels
    assert again.distributions == found.distributions
    assert (again.default, again.resource, again.resources) == (None, "max_iter", (1, 2))
    for name in ("codes", "scores", "curves"):
        assert_array_equal(getattr(again, name), getattr(found, name))
    assert_allclose(again.fit_times, found.fit_times, rtol=1e-6)
    assert again.params == found.params


def test_estimators_come_back_as_their_text(tmp_path, table):
    levels = {"scale": (StandardScaler(), "passthrough")}
    found = ScoreTable(levels, np.array([[0], [1]]), np.array([[0.0], [1.0]]), np.ones((2, 1)))
    found.save(tmp_path / "table.npz")
    again = ScoreTable.load(tmp_path / "table.npz")
    assert again.levels == {"scale": ("StandardScaler()", "passthrough")}
    assert again.distributions == found.distributions


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(ValueError, match="holds no table"):
        ScoreTable.load(tmp_path / "other.npz")
