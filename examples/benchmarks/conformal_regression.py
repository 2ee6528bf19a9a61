"""What do prediction intervals cost, in time and in memory, and are they the same as elsewhere?

Beside ours: MAPIE for CV+, jackknife+ and jackknife+-after-bootstrap, MAPIE and crepes for one hold-out. All get the
same rows and folds and a linear model, so that fits cost next to nothing; they take turns in one process on one
thread, and printed are the least CPU seconds of several repetitions, which other programs cannot lengthen much. What
takes longer than five seconds is run once. Memory is by how much the peak of a fresh process grows in
``predict_interval``::

    python examples/benchmarks/conformal_regression.py             # about five minutes, 4 GB
    python examples/benchmarks/conformal_regression.py --quick     # 1,000 training rows, 5,000 new ones

Rows are uniform in [-1, 1]^5, and y = 2 x1 + sin(3 x2) + (0.2 + |x1|) times normal noise.
"""

# %%
import argparse
import importlib
import subprocess
import sys
import warnings
from functools import partial
from importlib.metadata import version

from _machine import describe_run, pin_threads, source_stamp
from _resident import peak, reset_peak
from _timing import print_table, timed

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--repeats", type=int, default=5)
parser.add_argument("--memory-of", nargs=4, help=argparse.SUPPRESS)  # what a fresh process does
options = parser.parse_args()
pin_threads(1)

import numpy as np  # noqa: E402
from sklearn.base import BaseEstimator, RegressorMixin  # noqa: E402
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.model_selection import KFold  # noqa: E402

from skboost.conformal import ConformalRegressor  # noqa: E402

LEVEL = 0.9
LONG = 5.0  # seconds, after which nothing is repeated
N_NEW = 5_000 if options.quick else 20_000
N_RESAMPLES = 30


def draw(n_rows, seed):
    """Rows and labels."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_rows, 5))
    noise = rng.normal(size=n_rows)
    return X, 2 * X[:, 0] + np.sin(3 * X[:, 1]) + (0.2 + np.abs(X[:, 0])) * noise


# %%
# The candidates. Each makes of training rows and a number of folds a function from rows to intervals.
def ours_cross(X, y, n_folds):
    """CV+, or jackknife+ with a fold for each row."""
    model = ConformalRegressor(LinearRegression(), method="plus", cv=folds(n_folds))
    return model.fit(X, y).predict_interval


def ours_bootstrap(X, y, n_resamples):
    """Jackknife+-after-bootstrap."""
    model = ConformalRegressor(
        LinearRegression(),
        method="bootstrap",
        n_resamples=n_resamples,
        fixed_resamples=True,
        random_state=0,
    )
    return model.fit(X, y).predict_interval


def mapie_cross(X, y, n_folds):
    """The same of MAPIE."""
    kind = importlib.import_module("mapie.regression").CrossConformalRegressor
    model = kind(LinearRegression(), confidence_level=LEVEL, method="plus", cv=folds(n_folds))
    model.fit_conformalize(X, y)
    return lambda X: model.predict_interval(X)[1][:, :, 0]


def mapie_bootstrap(X, y, n_resamples):
    """The same of MAPIE, with resamples of its own."""
    kind = importlib.import_module("mapie.regression").JackknifeAfterBootstrapRegressor
    model = kind(LinearRegression(), confidence_level=LEVEL, resampling=n_resamples, random_state=0)
    model.fit_conformalize(X, y)
    return lambda X: model.predict_interval(X)[1][:, :, 0]


def folds(number):
    """Shuffled folds, the same for everybody."""
    return KFold(number, shuffle=True, random_state=0)


def ours_split(model, X, y, level=LEVEL):
    """A fitted model, calibrated."""
    model = ConformalRegressor(FrozenEstimator(model), method="split", confidence_level=level)
    return model.fit(X, y).predict_interval


def mapie_split(model, X, y, level=LEVEL, **how):
    """The same of MAPIE."""
    kind = importlib.import_module("mapie.regression").SplitConformalRegressor
    model = kind(model, confidence_level=level, prefit=True)
    model.conformalize(X, y)
    return lambda X: model.predict_interval(X, **how)[1][:, :, 0]


def crepes_split(model, X, y, level=LEVEL):
    """The same of crepes."""
    model = importlib.import_module("crepes").WrapRegressor(model)
    model.calibrate(X, y)
    return lambda X: model.predict_int(X, confidence=level)


CROSS = {"ours": ours_cross, "MAPIE": mapie_cross}
BOOTSTRAP = {"ours": ours_bootstrap, "MAPIE": mapie_bootstrap}
SPLIT = {"ours": ours_split, "MAPIE": mapie_split, "crepes": crepes_split}
METHODS = {"cross": CROSS, "bootstrap": BOOTSTRAP}
MODULES = {"MAPIE": "mapie.regression", "crepes": "crepes"}


def installed():
    """Names of the packages that are there; others are left out with a line that says so."""
    found = ["ours"]
    for name, module in MODULES.items():
        try:
            importlib.import_module(module)
            found.append(name)
        except ImportError as error:
            print(f"- {name} is left out: {error}")
    versions = [f"{name} {version(name.lower())}" for name in found[1:]]
    print(f"- peers: {', '.join(versions) or 'none'}")
    return found


# %%
# Measuring.
def least(actions):
    """Least CPU seconds of each action, in turns, and what it returned."""
    best = {}
    for _ in range(options.repeats):
        for name, action in actions.items():
            if name in best and best[name].cpu > LONG:
                continue
            timing = timed(action)
            if name not in best or timing.cpu < best[name].cpu:
                best[name] = timing
    return best


def in_fresh_process(method, name, n_rows, number):
    """Megabytes that intervals of the new rows need, beyond what was there after the fit."""
    arguments = [method, name, str(n_rows), str(number)]
    command = [sys.executable, __file__, "--memory-of", *arguments]
    if options.quick:
        command.append("--quick")
    done = subprocess.run(command, capture_output=True, text=True)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else float("nan")


def measure_memory(method, name, n_rows, number):
    """What the fresh process does."""
    interval = METHODS[method][name](*draw(int(n_rows), 0), int(number))
    X_new, _ = draw(N_NEW, 1)
    interval(X_new[:10])  # imports
    before = reset_peak()
    interval(X_new)
    print(peak() - before)


def quality(ends, y):
    """Coverage and mean width."""
    low, high = ends.T
    return f"{np.mean((low <= y) & (y <= high)):.3f}", f"{np.mean(high - low):.3f}"


def beside(value, ours, unit=""):
    """A number, and how many times ours."""
    return (
        short(value) + unit if value is ours else f"{short(value)}{unit} ({short(value / ours)}x)"
    )


def short(number):
    """Two or three digits, and no exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def compare_models(found, method, n_rows, number):
    """A row for each candidate of a method that fits several models."""
    X, y = draw(n_rows, 0)
    X_new, y_new = draw(N_NEW, 1)
    names = [name for name in METHODS[method] if name in found]
    fits = least({name: partial(METHODS[method][name], X, y, number) for name in names})
    answers = least({name: partial(fits[name].result, X_new) for name in names})
    memory = {name: in_fresh_process(method, name, n_rows, number) for name in names}
    rows = []
    for name in names:
        ends = answers[name].result
        apart = np.abs(ends - answers["ours"].result).max()
        same = f"{apart:.1e}" if method == "cross" and name != "ours" else "-"
        rows.append(
            (
                f"{name}, {n_rows:,} rows, {number:,} models",
                beside(fits[name].cpu, fits["ours"].cpu),
                beside(answers[name].cpu, answers["ours"].cpu),
                beside(memory[name], memory["ours"]),
                same,
                *quality(ends, y_new),
            )
        )
    return rows


def compare_split(found, n_rows):
    """Time of the calibration and of intervals together, and the largest difference from ours."""
    X, y = draw(n_rows, 0)
    X_new, y_new = draw(N_NEW, 1)
    model = LinearRegression().fit(*draw(1000, 2))
    names = [name for name in SPLIT if name in found]
    made = {name: (lambda name=name: SPLIT[name](model, X, y)(X_new)) for name in names}
    best = least(made)
    ours = best["ours"].result
    cells = []
    ms = {name: 1e3 * best[name].cpu for name in names}
    for name in names:
        cells.append(beside(ms[name], ms["ours"]))
        if name != "ours":
            cells.append(f"{np.abs(best[name].result - ours).max():.1e}")
    return (f"{n_rows:,}", cells[0], *cells[1:], *quality(ours, y_new))


class Nought(RegressorMixin, BaseEstimator):
    """Predicts 0, so that half the width of an interval is a score."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.zeros(len(X))


def half_width(make, X, y, level):
    """Half the width of an interval, or what was said instead."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ends = np.asarray(make(Nought().fit(X, y), X, y, level)(X[:1]))
        return f"{np.ptp(ends) / 2:.3f}"
    except Exception as error:
        return type(error).__name__


def few_rows(found):
    """Half widths with few calibration rows, beside the order statistic that the definition asks for."""
    makers = {name: SPLIT[name] for name in found}
    if "MAPIE" in found:
        makers["MAPIE, allow_infinite_bounds"] = partial(mapie_split, allow_infinite_bounds=True)
    rows = []
    for level, sizes in ((0.9, (5, 8, 9, 10, 19, 99)), (0.95, (18, 19, 99)), (0.99, (98, 99))):
        for n in sizes:
            rng = np.random.default_rng(n)
            X, y = rng.normal(size=(n, 1)), 10 * rng.normal(size=n)
            rank = -(-(n + 1) * round(1000 * level) // 1000)  # rounded up, without floating point
            exact = np.sort(np.abs(y))[rank - 1] if rank <= n else np.inf
            answers = [half_width(make, X, y, level) for make in makers.values()]
            rows.append((f"{n} rows, {level:.0%}", f"{exact:.3f}", *answers))
    print_table("Half widths with few calibration rows", ["", "definition", *makers], rows)


def main():
    """Measure and print everything."""
    print("## Conformal regression\n")
    print("\n".join(describe_run(1)))
    print(f"- skboost's source: {source_stamp()}")
    found = installed()
    header = ["", "fit, s", f"{N_NEW:,} intervals, s", "memory, MB", "difference", "coverage"]
    header.append("width")
    sizes = [(1_000, 10)] if options.quick else [(1_000, 10), (5_000, 10), (5_000, 100)]
    leave_one_out = 200 if options.quick else 1_000
    sizes.append((leave_one_out, leave_one_out))
    cross = [row for n, k in sizes for row in compare_models(found, "cross", n, k)]
    print_table("CV+ and jackknife+", header, cross)
    few = (500,) if options.quick else (500, 5_000)
    boot = [row for n in few for row in compare_models(found, "bootstrap", n, N_RESAMPLES)]
    print_table("Jackknife+-after-bootstrap", header, boot)
    split = [compare_split(found, n) for n in ((1_000,) if options.quick else (1_000, 100_000))]
    names = [cell for name in found[1:] for cell in (f"{name}, ms", "difference")]
    print_table(
        f"One hold-out: calibration and {N_NEW:,} intervals",
        ["calibration rows", "ours, ms", *names, "coverage", "width"],
        split,
    )
    few_rows(found)
    apart = [float(row[4]) for row in cross if row[4] != "-"]
    if apart:
        print(f"Intervals of CV+ agree to {max(apart):.1e}; 1e-10 is asked for.")
        if max(apart) > 1e-10:
            raise SystemExit("Intervals of CV+ are not those of the peer.")


if __name__ == "__main__":
    if options.memory_of:
        measure_memory(*options.memory_of)
    else:
        main()
