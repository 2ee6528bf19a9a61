"""Block ``predict`` of ``boosting_speed.py``."""

import warnings
from collections import deque
from functools import partial

import numpy as np
from _speed_of_fits import tree_boosters
from _timing import interleaved, print_table, typical
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from skboost.networks import BoostedNetworkRegressor


def measure_predict(threads, quick):
    """Milliseconds to predict 100,000 rows of 20 columns by 1,000 hidden units or 100 trees."""
    n_fit, n_rows, repeats = (5_000, 100_000, 3) if quick else (20_000, 100_000, 9)
    X, y = make_friedman1(n_fit + n_rows, 20, noise=1.0, random_state=0)
    X_fit, y_fit, X = X[:n_fit], y[:n_fit], X[n_fit:]
    model = BoostedNetworkRegressor(
        n_stages=100, early_stopping=False, n_threads=threads, random_state=0
    ).fit(X_fit, y_fit)
    network = model.to_network()
    single = BoostedNetworkRegressor(**{**model.get_params(), "n_threads": 1}).fit(X_fit, y_fit)
    perceptron = MLPRegressor(hidden_layer_sizes=(1000,), max_iter=2, random_state=0)
    narrow = MLPRegressor(hidden_layer_sizes=(1000,), max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it predicts is of no interest
        perceptron.fit(X_fit, y_fit)
        narrow.fit(X_fit.astype(np.float32), y_fit.astype(np.float32))
    trees = {name: m.fit(X_fit, y_fit) for name, m in tree_boosters(100, threads).items()}
    actions = {
        f"skboost, merged, {network.n_units} units, {threads} threads": partial(model.predict, X),
        "the same, one thread": partial(single.predict, X),
        "the same, to_network().predict": partial(network.predict, X),
        "the same, all 101 stages by staged_predict": partial(_last_stage, model, X),
        "MLPRegressor, 1000 units, float64, BLAS on one thread": partial(perceptron.predict, X),
        "MLPRegressor, 1000 units, float32": partial(narrow.predict, X.astype(np.float32)),
        **{f"{name}, 100 trees": partial(m.predict, X) for name, m in trees.items()},
    }
    timings = interleaved(actions, repeats)
    first = typical(next(iter(timings.values())))[0]
    rows = []
    for name, runs in timings.items():
        wall, cpu = typical(runs)
        rows.append((name, f"{1e3 * wall:.1f}", f"{1e3 * cpu:.1f}", f"{wall / first:.2f}"))
    header = (f"{n_rows:,} x 20, float64", "wall ms", "cpu ms", "wall / skboost")
    print_table("Prediction", header, rows)
    off = np.abs(_last_stage(model, X) - model.predict(X)).max() / np.abs(model.predict(X)).max()
    print(f"Merged network and sum of the stages differ by {off:.0e} of the largest prediction.\n")


def _last_stage(model, X):
    """The prediction after all stages, by way of those before."""
    return deque(model.staged_predict(X), maxlen=1)[0]
