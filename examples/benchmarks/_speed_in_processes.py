"""Blocks ``rows`` and ``import`` of ``boosting_speed.py``, which need processes of their own.

Run as a script it is one of these processes: it fits once and prints what that took as JSON.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from statistics import median

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
N_COLUMNS = 20
SETTINGS = {
    "30 stages": {"n_stages": 30, "early_stopping": False},
    "early stopping on a tenth of the rows": {"n_folds": 1},
}
TRACED_STAGES = 5  # memory does not grow with the stages, and tracing is slow
IMPORT = """
import sys, time
import sklearn.ensemble
base, known = time.process_time(), set(sys.modules)
from skboost.networks import BoostedNetworkClassifier
print(base, time.process_time(), len(known), *(set(sys.modules) - known))
"""


# -- seconds and memory by rows -------------------------------------------------------------------


def measure_rows(threads, quick):
    """Fit time and peak memory against the number of rows."""
    from _timing import print_table

    sizes, repeats = (SIZES[:3], 1) if quick else (SIZES, 3)
    for name, settings in SETTINGS.items():
        found = {n: [] for n in sizes}
        for _ in range(repeats):
            for n in sizes:
                found[n].append(_in_process(n, {**settings, "n_threads": threads}))
        middle = {
            n: {key: median(run[key] for run in runs) for key in runs[0]}
            for n, runs in found.items()
        }
        lines = []
        for n, m in middle.items():
            packed = 4e-6 * n * N_COLUMNS
            seconds = (f"{m['wall']:.3f}", f"{m['cpu']:.3f}", f"{m['stages']:.0f}")
            memory = (f"{packed:.1f}", f"{m['resident']:.1f}", f"{m['resident'] / packed:.2f}")
            lines.append((f"{n:,}", *seconds, *memory, f"{m['traced']:.1f}"))
        header = (
            *("rows", "wall s", "cpu s", "stages", "packed MB"),
            *("peak MB beyond input", "peak / packed", "of it by Python, MB"),
        )
        title = f"Rows: {name}, {N_COLUMNS} columns, {threads} threads"
        print_table(title, header, lines)
        _print_growth(middle)


def _in_process(n_rows, settings):
    command = [sys.executable, __file__, json.dumps({"n_rows": n_rows, "settings": settings})]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _print_growth(middle):
    sizes = list(middle)
    low, high, last = sizes[0], sizes[-1], sizes[-2]

    def slope(first, second):
        per_stage = [middle[n]["cpu"] / middle[n]["stages"] for n in (first, second)]
        return math.log(per_stage[1] / per_stage[0]) / math.log(second / first)

    grown = 1e6 * (middle[high]["resident"] - middle[last]["resident"]) / (high - last)
    print(
        f"CPU seconds of a stage grow like rows to the power {slope(low, high):.2f} from {low:,} to "
        f"{high:,} rows, and {slope(last, high):.2f} from {last:,} on. There, a row more takes "
        f"{grown:.0f} bytes, {grown / (4 * N_COLUMNS):.2f} times its packed size.\n"
    )


def _fit_once(n_rows, settings):
    """Draw data, warm up on a few rows, fit; seconds, and megabytes beyond what is there."""
    import numpy as np
    from _resident import peak, reset_peak

    from skboost.networks import BoostedNetworkRegressor

    rng = np.random.default_rng(0)
    X, y = rng.random((n_rows, N_COLUMNS)), np.empty(n_rows)
    for start in range(0, n_rows, 50_000):  # so that the data leave no large temporaries behind
        x = X[start : start + 50_000].T
        signal = 10 * np.sin(np.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
        y[start : start + 50_000] = signal + rng.standard_normal(x.shape[1])
    settings = {"random_state": 0, **settings}
    few = settings | {"n_stages": TRACED_STAGES}
    BoostedNetworkRegressor(**few).fit(X[:5000], y[:5000])
    before = reset_peak()
    model = BoostedNetworkRegressor(**settings)
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X, y)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    resident = peak() - before
    tracemalloc.start()
    BoostedNetworkRegressor(**few).fit(X, y)
    traced = tracemalloc.get_traced_memory()[1] / 1e6
    return {
        "wall": wall,
        "cpu": cpu,
        "stages": len(model.train_loss_) - 1,
        "resident": resident,
        "traced": traced,
    }


# -- import ---------------------------------------------------------------------------------------


def measure_import(threads, quick):
    """CPU seconds of fresh interpreters; bytecode is kept, as in an installation."""
    from _timing import print_table

    repeats = 3 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = [_import_once(environment) for _ in range(repeats + 1)][1:]  # the first compiles
    base, both = (median(run[k] for run in runs) for k in (0, 1))
    added = median(run[1] - run[0] for run in runs)
    n_known, new = runs[0][2], runs[0][3]
    n_own = sum(module.partition(".")[0] == "skboost" for module in new)
    rows = [
        ("sklearn.ensemble", f"{base:.3f}", n_known, "", ""),
        ("and an estimator of skboost", f"{both:.3f}", n_known + len(new), n_own, len(new) - n_own),
    ]
    header = ("import", "cpu s of the process", "modules", "of skboost", "others that are new")
    print_table(f"Import, medians of {repeats} fresh processes", header, rows)
    print(f"The estimator takes {added:.3f} s more in the same process.\n")


def _import_once(environment):
    """Seconds before and after the estimator's import, modules before, names of the new ones."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, check=True
    )
    base, both, n_known, *new = done.stdout.split()
    return float(base), float(both), int(n_known), new


if __name__ == "__main__":
    print(json.dumps(_fit_once(**json.loads(sys.argv[1]))))
