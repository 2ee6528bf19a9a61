"""What does a search of hyper-parameters cost beyond its fits, and how much faster do more workers make it?

A fit sleeps for 50 ms instead of computing, so that neither other programs nor the number of cores decide what is
measured: what is left is the work of the search itself. Beside ours are scikit-learn's RandomizedSearchCV, which asks
nobody, and the OptunaSearchCV of optuna-integration, whose workers are threads with a trial each. All make the same
number of fits, take turns, and have workers that run already; printed are medians over the turns::

    python examples/benchmarks/search_overhead.py             # about five minutes
    python examples/benchmarks/search_overhead.py --quick

"Overhead" is the wall time beyond ``fits x 50 ms / n_jobs``, in percent of that. "CPU a trial" is the time that the
process of the search itself was busy, which says on a machine that does other things too what the search needs.
"""

# %%
import argparse
import os
from functools import partial

from _machine import describe_run, pin_threads
from _timing import interleaved, print_table, typical

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="fewer trials, one turn")
parser.add_argument("--trials", type=int, default=40)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--fit-ms", type=float, default=50.0)
options = parser.parse_args()
if options.quick:
    options.trials, options.repeats = 16, 1
pin_threads(1)

import time  # noqa: E402
import warnings  # noqa: E402

import numpy as np  # noqa: E402
import optuna  # noqa: E402
from scipy.stats import loguniform, randint  # noqa: E402
from sklearn.base import BaseEstimator, RegressorMixin  # noqa: E402
from sklearn.model_selection import RandomizedSearchCV  # noqa: E402

from skboost.tuning import OptunaSearchCV  # noqa: E402

SPLITS = 5
JOBS = (1, 2)


# %%
# Fits that take their time and nothing else.
class Sleeper(RegressorMixin, BaseEstimator):
    """Sleeps; its score is a formula."""

    def __init__(self, width=1.0, depth=1, seconds=0.05):
        self.width, self.depth, self.seconds = width, depth, seconds

    def fit(self, X, y):
        time.sleep(self.seconds)
        return self

    def score(self, X, y):
        return -(np.log(self.width) ** 2) - 0.1 * (self.depth - 5) ** 2


ESTIMATOR = Sleeper(seconds=options.fit_ms / 1000)
SPACE = {"width": loguniform(0.01, 100.0), "depth": randint(0, 9)}
COMMON = {"cv": SPLITS, "refit": False, "random_state": 0}


def ours(sampler, n_jobs, **more):
    return OptunaSearchCV(
        ESTIMATOR, SPACE, n_trials=options.trials, sampler=sampler, n_jobs=n_jobs, **COMMON, **more
    )


def scikit_learn(n_jobs):
    return RandomizedSearchCV(ESTIMATOR, SPACE, n_iter=options.trials, n_jobs=n_jobs, **COMMON)


def optuna_integration(n_jobs):
    from optuna_integration import OptunaSearchCV as Threaded

    space = {
        "width": optuna.distributions.FloatDistribution(0.01, 100.0, log=True),
        "depth": optuna.distributions.IntDistribution(0, 8),
    }
    return Threaded(ESTIMATOR, space, n_trials=options.trials, n_jobs=n_jobs, **COMMON)


MAKERS = {
    "skboost, random": partial(ours, "random"),
    "skboost, TPE": partial(ours, "tpe"),
    "skboost, TPE, batches of 2": partial(ours, "tpe", batch_size=2),
    "skboost, TPE, folds one by one": partial(ours, "tpe", pruner="wilcoxon"),
    "scikit-learn, random": scikit_learn,
}
try:
    import optuna_integration as _  # noqa: F401

    MAKERS["optuna-integration, TPE"] = optuna_integration
except ImportError:
    pass


# %%
def searched(make, n_jobs):
    """Run a search; return how many fits it made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers call parts of Optuna experimental
        search = make(n_jobs).fit(X, y)
    return getattr(search, "n_fits_", options.trials * SPLITS)


optuna.logging.set_verbosity(optuna.logging.WARNING)
X = np.random.default_rng(0).normal(size=(100, 5))
y = X[:, 0]

print("# What searches cost beyond their fits\n")
print("\n".join(describe_run(1)))
print(f"- {options.trials} trials x {SPLITS} folds, {options.fit_ms:g} ms a fit, asleep")
if hasattr(os, "getloadavg"):
    print("- load of the machine before: {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))

for n_jobs in JOBS:  # workers start, modules are imported
    searched(partial(ours, "tpe"), n_jobs)
actions = {
    (name, n_jobs): partial(searched, make, n_jobs)
    for name, make in MAKERS.items()
    for n_jobs in JOBS
}
timings = interleaved(actions, options.repeats)

rows = []
for name in MAKERS:
    alone, _ = typical(timings[name, 1])
    n_fits_alone = timings[name, 1][0].result
    for n_jobs in JOBS:
        wall, cpu = typical(timings[name, n_jobs])
        n_fits = timings[name, n_jobs][0].result
        ideal = n_fits * options.fit_ms / 1000 / n_jobs
        speedup = (alone / n_fits_alone) / (wall / n_fits)
        rows.append(
            (
                f"{name}, n_jobs={n_jobs}",
                n_fits,
                f"{wall:.2f}",
                f"{100 * (wall / ideal - 1):.1f}",
                f"{1000 * (wall * n_jobs - ideal * n_jobs) / options.trials:.1f}",
                f"{1000 * cpu / options.trials:.1f}",
                f"{speedup:.2f}",
            )
        )
header = ("search", "fits", "wall s", "overhead %", "overhead a trial ms", "CPU a trial ms")
print_table("Wall time, overhead and speed-up", (*header, "speed-up"), rows)
