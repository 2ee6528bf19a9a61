"""Samplers by name, and their searches on tables, kept in files so that only missing ones are run."""

import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
from _tuning_tables import kind

from skboost.tuning import SamplerComparison, compare_samplers

N_SOURCE = 200  # random trials of an earlier study


def samplers():
    """Name -> function of (name of a table, all tables) that makes a factory, or a name that the library knows.

    The latter are what OptunaSearchCV uses: they repeat no point.
    """
    from optuna import samplers as optuna_samplers

    from skboost.tuning import CostModelSampler

    def plain(kind, **options):
        return lambda name, tables: lambda seed: kind(seed=seed, **options)

    def baseline(label):
        return lambda name, tables: label

    quiet = {"warn_independent_sampling": False}
    named = {
        "random": baseline("random"),
        "grid order": baseline("grid order"),
        "genetic": baseline("genetic"),
        "qmc": baseline("qmc"),
        "nsga-ii": plain(optuna_samplers.NSGAIISampler, population_size=10),
        "cma-es": plain(optuna_samplers.CmaEsSampler, **quiet),
        "tpe": plain(optuna_samplers.TPESampler),
        "tpe, 5 start-up": plain(optuna_samplers.TPESampler, n_startup_trials=5),
        "tpe, no repeats": baseline("tpe"),  # 5 start-up too
        "gp": plain(optuna_samplers.GPSampler, deterministic_objective=True),
        "gp, no repeats": baseline("gp"),
    }

    def warm(source, sign):
        def make(name, tables):
            trials = random_trials(tables[source(name, tables)], sign)
            return lambda seed: CostModelSampler(
                seed, sources=[trials], distributions=tables[name].distributions
            )

        return make

    return named | {
        "tabu": baseline("tabu"),
        "cost model": baseline("cost_model"),
        "cost model, warm": warm(neighbour, 1.0),
        "cost model, misled": warm(lambda name, tables: name, -1.0),
    }


def neighbour(name, tables):
    """The next table of the same learner and grid: another set."""
    same = [other for other in tables if kind(other) == kind(name)]
    return same[(same.index(name) + 1) % len(same)]


def random_trials(table, sign):
    """An earlier study: random points of a table, with their scores or the negative ones."""
    from optuna.trial import create_trial

    rows = np.random.default_rng(0).permutation(len(table))[:N_SOURCE]
    return [
        create_trial(
            params=table.trial_params(row),
            distributions=table.distributions,
            value=sign * float(table.values[row]),
        )
        for row in rows.tolist()
    ]


def search(folder, tables, names, *, n_trials, n_seeds, batch_size, n_startup, jobs, redo=()):
    """A comparison of the named samplers, from files where they have it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    known = samplers()
    rows, seconds = [], []
    for name in names:
        for place, (table, scores) in enumerate(tables.items()):
            label = f"{name}-{table}-{n_trials}-{batch_size}-{n_startup}".replace("/", "-")
            path = Path(folder) / (label.replace(" ", "_") + ".npz")
            stamp = zlib.crc32(scores.values.tobytes())
            found = None if name in redo else _kept(path, stamp, n_seeds)
            if found is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # some samplers are experimental
                    factory = known[name](table, tables)
                    found = compare_samplers(
                        scores,
                        {name: factory},
                        n_trials=n_trials,
                        n_seeds=n_seeds,
                        batch_size=batch_size,
                        n_startup=n_startup,
                        n_jobs=jobs,
                    )
                found = found.rows[0, 0], found.seconds[0, 0]
                np.savez_compressed(path, rows=found[0], seconds=found[1], stamp=stamp)
                took = found[1].sum()
                print(
                    f"{name}, {table} ({place + 1}/{len(tables)}), batches of {batch_size}: "
                    f"{took:.0f} s of CPU",
                    file=sys.stderr,
                    flush=True,
                )
            rows.append(found[0])
            seconds.append(found[1])
    shape = (len(names), len(tables), n_seeds, -1)
    return SamplerComparison(
        dict(tables),
        tuple(names),
        np.array(rows).reshape(shape),
        np.array(seconds).reshape(shape),
        batch_size,
        n_startup,
    )


def _kept(path, stamp, n_seeds):
    """Searches of the first seeds in a file; None if it has fewer, or belongs to another table."""
    if not path.is_file():
        return None
    with np.load(path) as file:
        if int(file["stamp"]) != stamp or len(file["rows"]) < n_seeds:
            return None
        return file["rows"][:n_seeds], file["seconds"][:n_seeds]
