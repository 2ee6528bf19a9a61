"""How long does a search take to find what a grid search finds, beside the searches that people use?

Three real tables, XGBoost and boosted networks, five folds that are the same for all. GridSearchCV goes through its
grid; the others search the box around it, or its points, and are stopped as soon as their best mean score reaches the
grid's best.
All run in one process with one thread; CPU seconds are counted, which other programs cannot lengthen. A search that
does not get there within its trials counts with all of its time and a ">"::

    python examples/benchmarks/search_peers.py                        # about an hour
    python examples/benchmarks/search_peers.py --quick                # one table, one seed, a small grid
    python examples/benchmarks/search_peers.py --only xgboost,wdbc    # tasks whose names hold one of these words
    python examples/benchmarks/search_peers.py --searches tpe,tabu    # searches, likewise
    python examples/benchmarks/search_peers.py --space grid           # the others try points of the grid

The tables wdbc, pima_diabetes and concrete come from the folder that ``SKBOOST_DATA`` names; the first one is
scikit-learn's breast_cancer where there is no such folder. optuna-integration and scikit-optimize are left out where
they are not installed. HalvingRandomSearchCV judges candidates on samples of other sizes: its best one is scored on
the folds of the others afterwards, and its time is that of the whole search.
"""

# %%
import argparse
import contextlib
import importlib
import sys
import time
import warnings

from _machine import describe_run, pin_threads, source_stamp
from _timing import print_table

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--trials", type=int, default=60)
parser.add_argument(
    "--space",
    choices=("box", "grid"),
    default="box",
    help="where the others search: the box around the grid, or its very points",
)
parser.add_argument("--only", default="", help="words of tasks, default all")
parser.add_argument("--searches", default="", help="words of searches, default all")
options = parser.parse_args()
pin_threads(1)

import numpy as np  # noqa: E402
import scipy.stats as st  # noqa: E402
from _datasets import data_folder, load_table  # noqa: E402
from sklearn.datasets import load_breast_cancer  # noqa: E402
from sklearn.experimental import enable_halving_search_cv  # noqa: E402, F401
from sklearn.metrics import get_scorer  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from xgboost import XGBClassifier, XGBRegressor  # noqa: E402

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor  # noqa: E402
from skboost.tuning import OptunaSearchCV  # noqa: E402

N_SPLITS = 5
SEEDS = range(1 if options.quick else options.seeds)
TRIALS = 20 if options.quick else options.trials

# name -> (low, high, scale) of the box, and the values of the grid inside it
BOXES = {
    "xgboost": {
        "max_depth": ((2, 6), [2, 3, 4, 6]),
        "learning_rate": ((0.03, 0.3, "log"), [0.03, 0.1, 0.3]),
        "subsample": ((0.6, 1.0), [0.6, 0.8, 1.0]),
        "colsample_bytree": ((0.5, 1.0), [0.5, 0.75, 1.0]),
        "min_child_weight": ((1.0, 10.0, "log"), [1.0, 4.0, 10.0]),
    },
    "network": {
        "units_per_stage": ((3, 30, "log"), [3, 10, 30]),
        "learning_rate": ((0.05, 0.4, "log"), [0.05, 0.1, 0.2, 0.4]),
        "alpha": ((0.01, 10.0, "log"), [0.01, 0.1, 1.0, 10.0]),
        "max_features": ((0.25, 1.0), [0.25, 0.5, 1.0]),
    },
}
MODELS = {
    ("xgboost", "classification"): lambda: XGBClassifier(n_estimators=100, n_jobs=1),
    ("xgboost", "regression"): lambda: XGBRegressor(n_estimators=100, n_jobs=1),
    ("network", "classification"): lambda: BoostedNetworkClassifier(
        n_stages=60, n_folds=1, n_threads=1, random_state=0
    ),
    ("network", "regression"): lambda: BoostedNetworkRegressor(
        n_stages=60, n_folds=1, n_threads=1, random_state=0
    ),
}


# %%
# Tasks, and a scorer that notes when each score was there.
def tables():
    folder = data_folder()
    if folder is None:
        X, y = load_breast_cancer(return_X_y=True)
        return {"wdbc": ("classification", X, y)}
    names = ("wdbc",) if options.quick else ("wdbc", "pima_diabetes", "concrete")
    loaded = {name: load_table(name, str(folder)) for name in names}
    return {name: (t.task, t.X.to_numpy(dtype=float), t.y) for name, t in loaded.items()}


def quick_grid(grid):
    return {name: values[::2] for name, values in grid.items()}


class Reached(BaseException):
    """The target is reached; no search catches this as the failure of a fit."""


class Clock:
    """A scorer that keeps CPU seconds and scores of all folds in the order in which they came.

    Where a search fits the folds of several configurations in turns, it calls :meth:`note` instead, after each of them.
    """

    def __init__(self, scoring, target=np.inf):
        self.scorer = get_scorer(scoring)
        self.target = target
        self.start = time.process_time()
        self.seconds, self.scores = [], []
        self.notes = []
        self.counts_folds = True

    def note(self, study, trial):
        """A callback of ours: the seconds, and the score unless the trial was given up."""
        score = trial.value if trial.state.name == "COMPLETE" else -np.inf
        self.notes.append((time.process_time() - self.start, score))
        return score >= self.target

    def __call__(self, estimator, X, y):
        score = self.scorer(estimator, X, y)
        self.seconds.append(time.process_time() - self.start)
        self.scores.append(score)
        is_whole = self.counts_folds and len(self.scores) % N_SPLITS == 0
        if is_whole and np.mean(self.scores[-N_SPLITS:]) >= self.target:
            raise Reached
        return score

    def progress(self):
        """Seconds after each configuration, and the best mean so far; folds of one come one after the other."""
        if self.notes:
            seconds, scores = np.array(self.notes).T
            return seconds, np.maximum.accumulate(scores)
        n = len(self.scores) // N_SPLITS
        means = np.reshape(self.scores[: n * N_SPLITS], (n, N_SPLITS)).mean(axis=1)
        return np.array(self.seconds[N_SPLITS - 1 :: N_SPLITS])[:n], np.maximum.accumulate(means)


class Task:
    """An estimator, a table, a grid and the box around it."""

    def __init__(self, kind, name, task, X, y):
        self.name, self.X, self.y = f"{kind}, {name}", X, y
        self.model = MODELS[kind, task]
        self.scoring = "neg_log_loss" if task == "classification" else "neg_root_mean_squared_error"
        splitter = StratifiedKFold if task == "classification" else KFold
        self.cv = list(splitter(N_SPLITS, shuffle=True, random_state=0).split(X, y))
        grid = {name: values for name, (_, values) in BOXES[kind].items()}
        self.grid = quick_grid(grid) if options.quick else grid
        box = {name: box for name, (box, _) in BOXES[kind].items()}
        self.space = box if options.space == "box" else self.grid

    def run(self, make, target=np.inf):
        """The clock of a search that ends with its trials or at the target, and all of its CPU seconds."""
        clock = Clock(self.scoring, target - 1e-12)
        with warnings.catch_warnings(), contextlib.suppress(Reached):
            warnings.simplefilter("ignore")
            make(clock).fit(self.X, self.y)
        return clock, time.process_time() - clock.start


# %%
# The searches. Each makes one from a task, a seed and a scorer.
def for_scipy(values):
    """A range as a frozen distribution; lists stay lists."""
    if isinstance(values, list):
        return values
    low, high, *scale = values
    if isinstance(low, int):
        return st.randint(low, high + 1)
    return st.loguniform(low, high) if scale else st.uniform(low, high - low)


def for_optuna(values):
    """The distribution of Optuna of a range or a list."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, list):
        return CategoricalDistribution(values)
    low, high, *scale = values
    kind = IntDistribution if isinstance(low, int) else FloatDistribution
    return kind(low, high, log=bool(scale))


def for_skopt(values):
    """The dimension of scikit-optimize of a range or a list; lists of numbers are in order for it."""
    from skopt.space import Categorical, Integer, Real

    if isinstance(values, list):
        return Categorical(values, transform="identity")
    low, high, *scale = values
    kind = Integer if isinstance(low, int) else Real
    return kind(low, high, prior="log-uniform" if scale else "uniform")


def translated(space, translate):
    return {name: translate(values) for name, values in space.items()}


def ours(sampler, **more):
    def make(task, seed, clock):
        clock.counts_folds = False
        return OptunaSearchCV(
            task.model(),
            task.space,
            n_trials=TRIALS,
            cv=task.cv,
            scoring=clock,
            sampler=sampler,
            callbacks=[clock.note],
            refit=False,
            random_state=seed,
            **more,
        )

    return make


def random_search(task, seed, clock):
    return RandomizedSearchCV(
        task.model(),
        translated(task.space, for_scipy),
        n_iter=TRIALS,
        cv=task.cv,
        scoring=clock,
        refit=False,
        random_state=seed,
    )


def optuna_integration(task, seed, clock):
    from optuna.logging import WARNING, set_verbosity
    from optuna.samplers import TPESampler
    from optuna.study import create_study
    from optuna_integration import OptunaSearchCV as Peer

    set_verbosity(WARNING)
    study = create_study(direction="maximize", sampler=TPESampler(seed=seed))
    return Peer(
        task.model(),
        translated(task.space, for_optuna),
        n_trials=TRIALS,
        cv=task.cv,
        scoring=clock,
        refit=False,
        study=study,
        verbose=0,
    )


def scikit_optimize(task, seed, clock):
    from skopt import BayesSearchCV

    return BayesSearchCV(
        task.model(),
        translated(task.space, for_skopt),
        n_iter=TRIALS,
        cv=task.cv,
        scoring=clock,
        refit=False,
        random_state=seed,
    )


SEARCHES = {
    "skboost, tpe": ours("tpe"),
    "skboost, tpe, folds pruned": ours("tpe", pruner="median"),
    "skboost, tpe, one by one": ours("tpe", batch_size=1),
    "skboost, tabu": ours("tabu"),
    "skboost, tabu, one by one": ours("tabu", batch_size=1),
    "skboost, cost_model": ours("cost_model"),
    "skboost, cost_model, one by one": ours("cost_model", batch_size=1),
    "RandomizedSearchCV": random_search,
    "optuna-integration": optuna_integration,
    "scikit-optimize": scikit_optimize,
}
NEEDS = {"optuna-integration": "optuna_integration", "scikit-optimize": "skopt"}


def asked_for(name, words):
    """Whether a name holds one of some words, of which there may be none."""
    return not words or any(word in name for word in words.split(","))


def available(name):
    if not asked_for(name, options.searches):
        return False
    try:
        importlib.import_module(NEEDS.get(name, "skboost"))
    except ImportError:
        return False
    return True


# %%
# One task: the grid first, then all others until they are as good.
def halving(task, seed):
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = HalvingRandomSearchCV(
            task.model(),
            translated(task.space, for_scipy),
            cv=N_SPLITS,
            scoring=task.scoring,
            refit=False,
            random_state=seed,
        ).fit(task.X, task.y)
    seconds = time.process_time() - start
    model = task.model().set_params(**search.best_params_)
    return seconds, cross_val_score(model, task.X, task.y, cv=task.cv, scoring=task.scoring).mean()


def compare(task):
    """Rows of the report of a task."""
    clock, whole = task.run(
        lambda clock: GridSearchCV(task.model(), task.grid, cv=task.cv, scoring=clock, refit=False)
    )
    seconds, best = clock.progress()
    target = best[-1]
    yield [task.name, "GridSearchCV", "", len(best), f"{whole:.1f}", "1.0"]
    for name in filter(available, SEARCHES):
        runs = []
        for seed in SEEDS:
            clock, total = task.run(lambda c, s=seed, n=name: SEARCHES[n](task, s, c), target)
            seconds, best = clock.progress()
            runs.append((best[-1] >= target - 1e-12, len(best), total))
        yield row(task, name, whole, runs)
    if not asked_for("HalvingRandomSearchCV", options.searches):
        return
    runs = []
    for seed in SEEDS:
        seconds, score = halving(task, seed)
        runs.append((score >= target, 0, seconds))
    yield row(task, "HalvingRandomSearchCV", whole, runs)


def row(task, name, whole, runs):
    """Medians over the seeds; a search that did not get there counts with all of its time."""
    reached, trials, seconds = map(np.array, zip(*runs, strict=True))
    sign = ">" if reached.mean() <= 0.5 else ""
    median = float(np.median(seconds))
    return [
        task.name,
        name,
        f"{reached.sum()} of {len(reached)}",
        f"{sign}{np.median(trials):.0f}" if trials.any() else "",
        f"{sign}{median:.1f}",
        f"{'<' if sign else ''}{whole / median:.1f}",
    ]


# %%
print("# Searches until they have found what a grid finds\n")
print(
    "\n".join(
        [
            *describe_run(1),
            f"- source: {source_stamp()}",
            f"- trials: {TRIALS}, seeds: {len(SEEDS)}, space of the others: the {options.space}",
        ]
    )
)
print()
rows = []
for kind in BOXES:
    for name, table in tables().items():
        if asked_for(f"{kind}, {name}", options.only):
            for line in compare(Task(kind, name, *table)):
                print(*line, sep=" | ", file=sys.stderr)
                rows.append(line)
print_table(
    "The search, and when it is as good as the grid",
    ["task", "search", "as good as the grid", "trials", "CPU s", "times sooner"],
    rows,
)
