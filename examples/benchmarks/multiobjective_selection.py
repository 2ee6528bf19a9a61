"""Which survivors make a genetic search with several objectives good, and what does it cost to choose them?

First table: CPU milliseconds to choose 500 of 1000 trials with three objectives that all lie on one front, the median
of several calls of ``select_parent`` of Optuna's samplers, and the share of the volume dominated by all 1000 that the
500 dominate.

Second table: hypervolume that all trials of a study dominate after 30 generations of 40, as a share of what the exact
front dominates; mean over seeds and its standard error. ZDT1 has two objectives and 10 variables, DTLZ2 three
objectives and 7 variables. All searches use simulated binary crossover and differ in the survivors alone: those of
Optuna's NSGA-II (crowding distance) and NSGA-III (directions of three divisions), and ours, which are given to
Optuna's NSGAIISampler::

    python multiobjective_selection.py
    python multiobjective_selection.py --seeds 3 --generations 10
"""

import argparse
import warnings

from _machine import describe_run, pin_threads, source_stamp
from _timing import interleaved, print_table, typical

POPULATION = 40
N_CROWD, N_KEPT = 1000, 500


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--generations", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5, help="of timed selections")
    return parser.parse_args()


def samplers(population_size, seed, **parameters):
    """Name -> sampler."""
    from optuna.samplers import NSGAIIISampler, NSGAIISampler

    from skboost.tuning import HypeSelection, ReferencePointSelection

    shared = {"population_size": population_size, "seed": seed, **parameters}

    def ours(selection):
        return NSGAIISampler(**shared, elite_population_selection_strategy=selection)

    return {
        "Optuna NSGA-II": NSGAIISampler(**shared),
        "Optuna NSGA-III": NSGAIIISampler(**shared),
        "ReferencePointSelection": ours(ReferencePointSelection(population_size)),
        "HypeSelection": ours(HypeSelection(population_size)),
        "HypeSelection, 4 rounds, 4096 samples": ours(
            HypeSelection(population_size, n_rounds=4, n_samples=4096)
        ),
    }


def crowd(sampler_class):
    """A study whose first generation is 1000 points on one front."""
    import numpy as np
    import optuna

    sampler = sampler_class(population_size=N_CROWD, seed=0)
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    for row in np.abs(np.random.default_rng(0).standard_normal((N_CROWD, 3))):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, (-row / np.linalg.norm(row)).tolist())
    return study


def volume(values, reference_point):
    """Hypervolume below a reference point, for objectives that are minimised."""
    import numpy as np

    from skboost.tuning import hype_contributions, pareto_mask

    down = ["minimize"] * len(reference_point)
    points = np.unique(values, axis=0)
    points = points[pareto_mask(points, down)]
    return hype_contributions(
        points, reference_point, directions=down, n_samples=None if len(down) == 2 else 1 << 17
    ).sum()


def print_costs(repeats):
    """Time of a selection, and what the chosen dominate."""
    import numpy as np

    candidates = samplers(N_KEPT, seed=0)
    studies = {kind: crowd(kind) for kind in {type(one) for one in candidates.values()}}
    calls = {
        name: lambda one=one: one.select_parent(studies[type(one)], 1)
        for name, one in candidates.items()
    }
    rows, corner = [], [0.1] * 3
    for name, timings in interleaved(calls, repeats).items():
        study = studies[type(candidates[name])]
        whole = volume(np.array([trial.values for trial in study.trials]), corner)
        kept = volume(np.array([trial.values for trial in timings[-1].result]), corner)
        rows.append((name, f"{1e3 * typical(timings)[1]:.0f}", f"{kept / whole:.4f}"))
    header = ("survivors", "ms", "share of volume")
    print_table(f"{N_KEPT} of {N_CROWD} trials, three objectives", header, rows)


def zdt1(x):
    """Two objectives; the front is f2 = 1 - sqrt(f1)."""
    g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    return x[0], g * (1 - (x[0] / g) ** 0.5)


def dtlz2(x):
    """Three objectives; the front is an eighth of a sphere."""
    from math import cos, pi, sin

    g = 1 + sum((v - 0.5) ** 2 for v in x[2:])
    a, b = x[0] * pi / 2, x[1] * pi / 2
    return g * cos(a) * cos(b), g * cos(a) * sin(b), g * sin(a)


# objective, variables, reference point, volume of the exact front
PROBLEMS = {
    "ZDT1": (zdt1, 10, (1.1, 1.1), 1.1 * 1.1 - 1 / 3),
    "DTLZ2": (dtlz2, 7, (1.1, 1.1, 1.1), 1.1**3 - 3.141592653589793 / 6),
}


def search(sampler, problem, n_trials):
    """Share of the exact front's volume that a study dominates."""
    import numpy as np
    import optuna

    objective, n_variables, corner, exact = problem
    study = optuna.create_study(directions=["minimize"] * len(corner), sampler=sampler)
    study.optimize(
        lambda trial: objective([trial.suggest_float(f"x{j}", 0, 1) for j in range(n_variables)]),
        n_trials=n_trials,
    )
    return volume(np.array([trial.values for trial in study.trials]), corner) / exact


def print_searches(n_seeds, n_generations):
    """Hypervolume of whole searches."""
    import numpy as np
    from optuna.samplers.nsgaii import SBXCrossover

    rows = {}
    for problem in PROBLEMS.values():
        for seed in range(n_seeds):
            made = samplers(POPULATION, seed, crossover=SBXCrossover())
            for name, sampler in made.items():
                share = search(sampler, problem, POPULATION * n_generations)
                rows.setdefault(name, {}).setdefault(problem[0].__name__, []).append(share)
    cells = [
        (
            name,
            *(f"{np.mean(s):.4f} +- {np.std(s) / len(s) ** 0.5:.4f}" for s in by_problem.values()),
        )
        for name, by_problem in rows.items()
    ]
    print_table(
        f"Volume after {n_generations} generations of {POPULATION}, {n_seeds} seeds",
        ("survivors", *PROBLEMS),
        cells,
    )


def main():
    """Measure and print everything."""
    arguments = parse_arguments()
    pin_threads(1)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    print("# Survivors of genetic searches\n")
    print("\n".join(describe_run("1")))
    print(f"- Optuna {optuna.__version__}; skboost's source: {source_stamp()}")
    print_costs(arguments.repeats)
    print_searches(arguments.seeds, arguments.generations)


if __name__ == "__main__":
    main()
