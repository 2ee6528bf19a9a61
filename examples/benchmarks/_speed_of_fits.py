"""Blocks ``units``, ``stage`` and ``friedman`` of ``boosting_speed.py``."""

import warnings
from functools import partial
from statistics import mean, median

import numpy as np
from _gbnn_loop import PlainBoostedNetwork
from _timing import interleaved, print_table, timed, typical
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skboost._ext.packed import PackedRows
from skboost.learners import NetworkLearner
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

# 200 units in 20 stages: few, well-penalised stages, each with a short optimisation
SMALL_BUDGET = {
    "n_stages": 20,
    "units_per_stage": 10,
    "learning_rate": 0.3,
    "alpha": 5.0,
    "lbfgs_iter": 25,
    "early_stopping": False,
}
BUNDLED = {
    "breast_cancer": BoostedNetworkClassifier,
    "digits": BoostedNetworkClassifier,
    "diabetes": BoostedNetworkRegressor,
}


def tree_boosters(n_trees, threads, seed=0):
    """Unfitted boosters of trees, those that are installed; scikit-learn's obeys its pool."""
    models = {
        "HistGradientBoosting": HistGradientBoostingRegressor(
            max_iter=n_trees, early_stopping=False, random_state=seed
        )
    }
    try:
        from xgboost import XGBRegressor

        models["XGBoost"] = XGBRegressor(n_estimators=n_trees, n_jobs=threads, random_state=seed)
    except ImportError:
        pass
    try:
        from lightgbm import LGBMRegressor

        models["LightGBM"] = LGBMRegressor(
            n_estimators=n_trees, n_jobs=threads, random_state=seed, verbose=-1
        )
    except ImportError:
        pass
    return models


# -- 200 units ------------------------------------------------------------------------------------


def measure_units(threads, quick):
    """CPU seconds and quality of 200 hidden units on bundled data, one thread."""
    n_splits, repeats = (2, 1) if quick else (5, 3)
    for name, kind in BUNDLED.items():
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        classes = kind is BoostedNetworkClassifier
        found = {}
        for split in range(n_splits):
            data = _split(X, y, split, classes)
            task = "classification" if classes else "regression"
            models = {
                "skboost, 200 units": kind(**SMALL_BUDGET, n_threads=1, random_state=split),
                "published setting": PlainBoostedNetwork(task, seed=split),
                "skboost, defaults": kind(n_threads=1, random_state=split),
            }
            fits = {n: partial(m.fit, data[0], data[2]) for n, m in models.items()}
            with warnings.catch_warnings():
                # running out of iterations is part of the published setting
                warnings.simplefilter("ignore")
                timings = interleaved(fits, repeats)
            for model, runs in timings.items():
                quality = _quality(runs[-1].result, data[1], data[3], classes)
                found.setdefault(model, []).append((*quality, typical(runs)[1]))
        _print_units(name, X.shape, found, classes)


def _split(X, y, split, classes):
    parts = train_test_split(
        X, y, test_size=0.3, random_state=split, stratify=y if classes else None
    )
    scaler = StandardScaler().fit(parts[0])
    return scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]


def _quality(model, X, y, classes):
    """Accuracy and log loss, or the RMSE twice."""
    if not classes:
        error = root_mean_squared_error(y, model.predict(X))
        return error, error
    proba = np.clip(model.predict_proba(X), 1e-7, 1.0)
    proba /= proba.sum(axis=1, keepdims=True)
    labels = np.arange(proba.shape[1])
    return accuracy_score(y, proba.argmax(axis=1)), log_loss(y, proba, labels=labels)


def _print_units(name, shape, found, classes):
    cost = {model: median(seconds for *_, seconds in runs) for model, runs in found.items()}
    rows = []
    for model, runs in found.items():
        score, loss = mean(run[0] for run in runs), mean(run[1] for run in runs)
        cells = [f"{score:.4f}", f"{loss:.4f}"] if classes else [f"{score:.2f}"]
        ratio = cost["published setting"] / cost[model]
        rows.append((model, *cells, f"{cost[model]:.4f}", f"{ratio:.3g}"))
    quality = ("accuracy", "log loss") if classes else ("RMSE",)
    header = ("model", *quality, "cpu s a fit", "published / this")
    print_table(f"200 units on {name} ({shape[0]} x {shape[1]})", header, rows)


# -- one stage ------------------------------------------------------------------------------------


def measure_stage(threads, quick):
    """Milliseconds of one stage of 10 units at 100,000 rows of 20 columns, one thread."""
    n_rows, few, many = (100_000, 5, 15) if quick else (100_000, 10, 40)
    repeats = 2 if quick else 7
    X, y = datasets.make_friedman1(n_rows, 20, noise=1.0, random_state=0)
    settings = {"early_stopping": False, "n_threads": 1, "random_state": 0}
    regressor = partial(BoostedNetworkRegressor, **settings)
    classifier = partial(BoostedNetworkClassifier, **settings)
    halves = (y > np.median(y)).astype(int)
    tenths = np.searchsorted(np.quantile(y, np.arange(0.1, 1.0, 0.1)), y)
    whole = {
        "whole stage, 10 of 20 columns (default)": (regressor, y),
        "whole stage, all columns": (partial(regressor, max_features=1.0), y),
        "whole stage, 2 classes": (classifier, halves),
        "whole stage, 10 classes": (classifier, tenths),
    }
    actions = _learner_fits(X, y)
    for name, (kind, target) in whole.items():
        for n in (few, many):
            actions[name, n] = partial(kind(n_stages=n).fit, X, target)
    for n in (few, many):
        for name, model in tree_boosters(n, 1).items():
            actions[f"one tree of {name}", n] = partial(model.fit, X, y)
    with threadpool_limits(1, "openmp"):
        timings = interleaved(actions, repeats)
    rows = []
    for name in dict.fromkeys(key if isinstance(key, str) else key[0] for key in timings):
        if name in timings:
            wall, cpu = typical(timings[name])
        else:  # a stage is what more stages cost more
            pairs = list(zip(timings[name, few], timings[name, many], strict=True))
            wall = median(long.wall - short.wall for short, long in pairs) / (many - few)
            cpu = median(long.cpu - short.cpu for short, long in pairs) / (many - few)
        rows.append((name, f"{1e3 * cpu:.2f}", f"{1e3 * wall:.2f}"))
    header = (f"{n_rows:,} x 20, 10 units, one thread", "cpu ms", "wall ms")
    print_table("One stage", header, rows)


def _learner_fits(X, y):
    """The weak learner alone, on residuals of unit size, as the engine calls it."""
    rows = PackedRows.from_dense(StandardScaler().fit_transform(X))
    target, weight = ((y - y.mean()) / y.std())[:, None], np.ones(len(y))
    learner = NetworkLearner(10, activation="relu")

    def fit(columns=None):
        rng = np.random.default_rng(0)
        return learner.fit(rows, target, weight, rng, columns=columns, n_threads=1)

    half = np.arange(0, 20, 2, dtype=np.int32)
    return {
        "learner alone, 10 of 20 columns": partial(fit, half),
        "learner alone, all columns": fit,
    }


# -- beside trees ---------------------------------------------------------------------------------


def measure_friedman(threads, quick):
    """Seconds and R2 of 100 stages and of 100 trees; new data for each repetition."""
    n_rows, n_test, repeats = (100_000, 20_000, 1) if quick else (100_000, 20_000, 5)
    found = {}
    for seed in range(repeats):
        X, y = datasets.make_friedman1(n_rows + n_test, 20, noise=1.0, random_state=seed)
        models = {
            "skboost": BoostedNetworkRegressor(
                n_stages=100, early_stopping=False, n_threads=threads, random_state=seed
            ),
            **tree_boosters(100, threads, seed),
        }
        for name, model in models.items():
            run = timed(partial(model.fit, X[:n_rows], y[:n_rows]))
            found.setdefault(name, []).append(
                (run.wall, run.cpu, model.score(X[n_rows:], y[n_rows:]))
            )
    middle = {
        name: [median(part) for part in zip(*runs, strict=True)] for name, runs in found.items()
    }
    base = middle["HistGradientBoosting"]
    rows = [
        (
            name,
            f"{wall:.2f}",
            f"{cpu:.2f}",
            f"{wall / base[0]:.2f}",
            f"{r2:.4f}",
            f"{r2 - base[2]:+.4f}",
        )
        for name, (wall, cpu, r2) in middle.items()
    ]
    header = ("100 stages or trees", "wall s", "cpu s", "wall / HistGB", "R2", "R2 - HistGB")
    print_table(f"Friedman 1, {n_rows:,} x 20, noise 1, {threads} threads", header, rows)
