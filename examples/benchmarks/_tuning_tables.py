"""Tables of scores on which samplers are compared: sets, learners and grids, and the folder of tables."""

import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _datasets import data_folder, load_table

from skboost.tuning import ScoreTable, tabulate

FOLDER = Path(__file__).resolve().parents[2] / "out" / "tuning_tables"
N_FOLDS = 5

# name -> half of the collection, most rows, score. The halves were fixed before any sampler was run on them: a default
# may be chosen on A and is judged on B.
SETS = {
    "breast_cancer": ("A", 600, "neg_log_loss"),
    "digits": ("A", 500, "accuracy"),
    "german_credit": ("A", 700, "roc_auc"),
    "ionosphere": ("A", 600, "accuracy"),
    "diabetes": ("A", 600, "r2"),
    "australian": ("B", 700, "accuracy"),
    "pima_diabetes": ("B", 400, "roc_auc"),
    "ecoli": ("B", 600, "neg_log_loss"),
    "concrete": ("B", 400, "neg_root_mean_squared_error"),
    "auto_mpg": ("B", 600, "r2"),
}
BUNDLED = ("breast_cancer", "digits", "diabetes")  # these come with scikit-learn
LEARNERS = ("linear", "trees", "network")


def names():
    """All tables, as set/learner; the sets take turns so that a stopped collection is balanced."""
    return [f"{name}/{learner}" for name in SETS for learner in LEARNERS]


def half(name):
    """The half of the collection to which a table belongs."""
    return SETS[name.partition("/")[0]][0]


def kind(name):
    """Tables of one kind have the same grid: the learner, apart for classes and for numbers."""
    data, _, learner = name.partition("/")
    score = SETS[data][2]
    return learner, "regression" if score in ("r2", "neg_root_mean_squared_error") else "classes"


def load_tables(folder, asked=None):
    """Tables that are in the folder, by name and in a fixed order."""
    paths = {name: _path(folder, name) for name in asked or names()}
    return {name: ScoreTable.load(path) for name, path in paths.items() if path.is_file()}


def collect(folder, asked, data, log):
    """Measure the tables that the folder lacks; a set that is not at hand is left out."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in asked or names():
        path = _path(folder, name)
        if path.is_file():
            continue
        dataset, _, learner = name.partition("/")
        loaded = _load(dataset, data)
        if loaded is None:
            log(f"{name}: left out, the folder of data was not found")
            continue
        started = time.process_time()
        table = _measure(*loaded, dataset, learner)
        table.save(path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)  # a stopped run leaves no half a table
        log(f"{name}: {table!r}, {time.process_time() - started:.0f} s of CPU, {_facts(table)}")


def _path(folder, name):
    return Path(folder) / f"{name.replace('/', '-')}.npz"


def _facts(table):
    default = "-" if table.default is None else f"{table.regret(table.values[table.default]):.2f}"
    return (
        f"best {table.best:.4g}, median {table.median:.4g}, regret of the defaults {default}, "
        f"{table.top().sum()} in the top 1 %"
    )


def _load(dataset, data):
    """Numbers, standard preparation done, and the target; None if the files are not there."""
    _, most, _ = SETS[dataset]
    if dataset in BUNDLED:
        from sklearn import datasets

        X, y = getattr(datasets, f"load_{dataset}")(return_X_y=True)
        X = pd.DataFrame(X)
    else:
        folder = data_folder(data)
        if folder is None:
            return None
        loaded = load_table(dataset, str(folder))
        X, y = loaded.X, loaded.y
    chosen = np.random.RandomState(0).permutation(len(X))[:most]  # shuffled: folds are blocks
    X = pd.get_dummies(X, dtype=float).fillna(X.median(numeric_only=True))
    return X.to_numpy(dtype=np.float64)[chosen], np.asarray(y)[chosen]


def _measure(X, y, dataset, learner):
    score = SETS[dataset][2]
    regression = kind(f"{dataset}/{learner}")[1] == "regression"
    estimator, grid = {"linear": _linear, "trees": _trees, "network": _network}[learner](regression)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of iterations that ran out: part of what is tuned
        return tabulate(estimator, grid, X, y, cv=N_FOLDS, scoring=score, n_jobs=1)


def _linear(regression):
    """A penalised linear model on scaled, selected and expanded columns: 576 points."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.feature_selection import SelectPercentile, f_classif, f_regression
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import (
        MinMaxScaler,
        PowerTransformer,
        RobustScaler,
        SplineTransformer,
        StandardScaler,
    )

    model = Ridge() if regression else LogisticRegression(max_iter=200, tol=1e-3)
    steps = [
        ("scale", StandardScaler()),
        ("select", SelectPercentile(f_regression if regression else f_classif, percentile=100)),
        ("expand", "passthrough"),
        ("model", model),
    ]
    strengths = [0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0]
    grid = {
        "scale": [StandardScaler(), MinMaxScaler(), RobustScaler()],
        "select__percentile": [25, 50, 75, 100],
        "expand": ["passthrough", SplineTransformer(n_knots=3), SplineTransformer(n_knots=6)],
    }
    if not regression:
        grid |= {"model__C": strengths, "model__class_weight": [None, "balanced"]}
        return Pipeline(steps), grid
    estimator = TransformedTargetRegressor(Pipeline(steps))
    grid = {f"regressor__{name}": values for name, values in grid.items()}
    grid |= {"regressor__model__alpha": strengths, "transformer": [None, PowerTransformer()]}
    return estimator, grid


def _trees(regression):
    """Boosted trees, few rounds: 768 points."""
    from xgboost import XGBClassifier, XGBRegressor

    estimator = (XGBRegressor if regression else XGBClassifier)(
        **{"n_estimators": 32, "max_depth": 6, "learning_rate": 0.3, "subsample": 1.0},
        **{"colsample_bytree": 1.0, "min_child_weight": 1},
        **{"n_jobs": 1, "random_state": 0},
    )
    return estimator, {
        "n_estimators": [8, 16, 32, 64],
        "max_depth": [2, 3, 4, 6],
        "learning_rate": [0.05, 0.1, 0.3, 0.6],
        "subsample": [0.5, 1.0],
        "colsample_bytree": [0.5, 1.0],
        "min_child_weight": [1, 4, 16],
    }


def _network(regression):
    """A boosted network of one hidden layer with few units: 576 points."""
    from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

    estimator = (BoostedNetworkRegressor if regression else BoostedNetworkClassifier)(
        n_stages=16, units_per_stage=10, early_stopping=False, n_threads=1, random_state=0
    )
    return estimator, {
        "n_stages": [4, 8, 16, 32],
        "units_per_stage": [2, 5, 10],
        "learning_rate": [0.1, 0.2, 0.5],
        "alpha": [0.01, 0.1, 1.0, 10.0],
        "activation": ["relu", "tanh"],
        "linear_start": [True, False],
    }
