"""What does a sampler of hyper-parameters cost beside the fit that its trial stands for?

Each sampler searches in ten parameters with an objective that costs nothing, in memory, one trial at a time, on one
thread. Printed are CPU milliseconds a trial, all that Optuna does for a trial included: the mean over 100 and over 500
trials, and the mean of the last 20 of them, which says where it goes; and the best value found. Of several repetitions
that take turns the quickest is printed, which other programs cannot lengthen much::

    python examples/benchmarks/tuning_overhead.py                   # 10 minutes
    python examples/benchmarks/tuning_overhead.py --only tabu tpe   # some of them
    python examples/benchmarks/tuning_overhead.py --quick           # 100 trials, once

"keyed" means inside ``KeyedSampler``, as in a search: a fresh sampler for each trial. The Gaussian process gets 60
trials, because it takes a tenth of a second for each of them. The objective is sum (x_i - 1)^2, and sum (x_i + 1)^2 for
NSGA-III besides, with x_i in [-5, 5]; in the second table four of the parameters are whole numbers and three are one of
five choices. A sphere flatters samplers that model it (Gaussian process, CMA-ES): the values found say that a sampler
works, not which one is good; for that see ``tuning_samplers.py``.
"""

# %%
import argparse
import importlib.util
import time
import warnings
from importlib.metadata import version

from _machine import describe_run, pin_threads
from _timing import print_table

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--only", nargs="+", help="samplers, default all")
options = parser.parse_args()
pin_threads(1)

import optuna  # noqa: E402
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import (  # noqa: E402
    CmaEsSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from skboost.tuning import (  # noqa: E402
    CostModelSampler,
    KeyedSampler,
    QuasiRandomSampler,
    TabuSampler,
)

warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)

CONTINUOUS = {f"x{i}": FloatDistribution(-5, 5) for i in range(10)}
MIXED = {
    **{f"x{i}": FloatDistribution(-5, 5) for i in range(3)},
    **{f"x{i}": IntDistribution(-5, 5) for i in range(3, 7)},
    **{f"x{i}": CategoricalDistribution((-3, -1, 1, 3, 5)) for i in range(7, 10)},
}
LAST = 20
BUDGETS = (100,) if options.quick else (100, 500)
REPEATS = 1 if options.quick else options.repeats


# %%
# The candidates, each made from a seed and the space.
def keyed(kind):
    """A fresh sampler of Optuna for each trial."""
    return lambda seed, space: KeyedSampler(lambda s: kind(seed=s), seed, distinct=space)


SAMPLERS = {
    "random": lambda seed, space: RandomSampler(seed=seed),
    "random, keyed": keyed(RandomSampler),
    "qmc of Optuna": lambda seed, space: QMCSampler(
        seed=seed, scramble=True, warn_independent_sampling=False
    ),
    "qmc": lambda seed, space: QuasiRandomSampler(seed, distributions=space),
    "tpe": lambda seed, space: TPESampler(seed=seed),
    "tpe, keyed": keyed(TPESampler),
    "tabu": lambda seed, space: TabuSampler(seed, distributions=space),
    "tabu, space unknown": lambda seed, space: TabuSampler(seed),
    "cost model": lambda seed, space: CostModelSampler(seed, distributions=space),
    "nsga-ii": lambda seed, space: NSGAIISampler(seed=seed, population_size=20),
    "nsga-ii, keyed": keyed(lambda seed: NSGAIISampler(seed=seed, population_size=20)),
    "nsga-iii": lambda seed, space: NSGAIIISampler(seed=seed, population_size=20),
    "nsga-iii, keyed": keyed(lambda seed: NSGAIIISampler(seed=seed, population_size=20)),
    "cma-es": lambda seed, space: CmaEsSampler(seed=seed),
    "cma-es, keyed": keyed(CmaEsSampler),
    "gp": lambda seed, space: GPSampler(seed=seed),
}
NEEDS = {"cma-es": "cmaes", "cma-es, keyed": "cmaes", "gp": "torch"}
FEW = {"gp": 60}
NUMBERS_ONLY = ("cma-es", "cma-es, keyed")


def search(name, space, n_trials, seed=0):
    """CPU milliseconds of each trial, and the best value of the first objective."""
    n_objectives = 2 if name.startswith("nsga-iii") else 1
    sampler = SAMPLERS[name](seed, space)
    study = optuna.create_study(directions=["minimize"] * n_objectives, sampler=sampler)
    spent, best = [], float("inf")
    for _ in range(n_trials):
        start = time.process_time()
        trial = study.ask(space)
        middle = time.process_time()
        point = trial.params.values()
        values = [sum((x - 1) ** 2 for x in point), sum((x + 1) ** 2 for x in point)]
        best = min(best, values[0])
        again = time.process_time()
        study.tell(trial, values[:n_objectives])
        spent.append(1e3 * (middle - start + time.process_time() - again))
    return spent, best


def figures(name, space, n_trials):
    """Mean milliseconds of all and of the last trials in the quickest of some searches, and the value."""
    runs = [search(name, space, n_trials) for _ in range(REPEATS)]
    mean = min(sum(spent) / n_trials for spent, _ in runs)
    last = min(sum(spent[-LAST:]) / LAST for spent, _ in runs)
    return f"{mean:.2f}", f"{last:.2f}", f"{runs[0][1]:.3g}"


# %%
print("# Overhead of samplers\n")
print("\n".join(describe_run(1)))
packages = [p for p in ("optuna", "cmaes", "torch") if importlib.util.find_spec(p)]
print("- with: " + ", ".join(f"{package} {version(package)}" for package in packages))
chosen = options.only or list(SAMPLERS)
if unknown := [name for name in chosen if name not in SAMPLERS]:
    parser.error(f"--only {unknown[0]!r} is no sampler; choose from {list(SAMPLERS)}")
header = ["sampler"]
for budget in BUDGETS:
    header += [f"{budget}: ms", f"last {LAST}", "best"]
for title, space in (("Ten continuous parameters", CONTINUOUS), ("Ten mixed parameters", MIXED)):
    rows = []
    for name in chosen:
        missing = name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None
        if missing or (name in NUMBERS_ONLY and space is MIXED):
            continue
        search(name, space, 15)  # imports
        if name in FEW:
            cells = [*figures(name, space, FEW[name]), *["-"] * (3 * len(BUDGETS) - 3)]
            rows.append((f"{name}, {FEW[name]} trials", *cells))
        else:
            rows.append((name, *(cell for n in BUDGETS for cell in figures(name, space, n))))
    print_table(title, header, rows)
