"""How many fits of a cross-validation does pruning between folds save, and what does it lose?

A table of 720 boosted trees (XGBoost) on breast_cancer holds their accuracy in each of 10 folds. A search tries 60 of
them, drawn at random and in random order, and looks scores up, so that every rule sees the same numbers. Printed are,
over 30 such searches,

* the share of the 600 fold-fits that were made,
* the mean regret: the best mean score among the 60, minus that of the best trial that was completed,
* the share of searches with any regret,
* CPU milliseconds of one judgement.

Ours beside Optuna's MedianPruner, which is given running means, and WilcoxonPruner, which is given scores of folds. The
second table holds the better half of the candidates alone, which differ less::

    python fold_racing.py
    python fold_racing.py --orders 5 --save boosted_tree_folds.npz
"""

import argparse
import itertools
import time
import warnings

from _machine import describe_run, pin_threads, source_stamp

N_FOLDS = 10
N_CANDIDATES = 60
ROUNDS = (5, 15, 40)
GRID = {
    "max_depth": (1, 2, 3, 4, 6),
    "learning_rate": (0.03, 0.1, 0.3, 0.6),
    "subsample": (0.6, 1.0),
    "colsample_bytree": (0.3, 0.6, 1.0),
    "reg_lambda": (0.1, 3.0),
}


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=30, help="searches of each rule")
    parser.add_argument("--save", help="write the table to this file")
    return parser.parse_args()


def count_correct():
    """Rows that are classified correctly, as (720, 10), and the sizes of the 10 folds.

    A model of 40 rounds holds those of 5 and 15, so that 240 x 10 models are trained.
    """
    import numpy as np
    import xgboost
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import StratifiedKFold

    X, y = load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(X, y)
    settings = [dict(zip(GRID, point, strict=True)) for point in itertools.product(*GRID.values())]
    correct = np.empty((len(settings), len(ROUNDS), N_FOLDS), dtype=np.uint8)
    sizes = np.empty(N_FOLDS, dtype=np.uint8)
    fixed = {"objective": "binary:logistic", "max_bin": 32, "nthread": 1, "seed": 0}
    for fold, (train, test) in enumerate(folds):
        seen = xgboost.QuantileDMatrix(X[train], y[train], max_bin=32, nthread=1)
        unseen = xgboost.DMatrix(X[test], nthread=1)
        sizes[fold] = len(test)
        for number, setting in enumerate(settings):
            booster = xgboost.train({**setting, **fixed}, seen, num_boost_round=max(ROUNDS))
            for place, rounds in enumerate(ROUNDS):
                probability = booster.predict(unseen, iteration_range=(0, rounds))
                correct[number, place, fold] = np.count_nonzero((probability > 0.5) == y[test])
    return correct.reshape(-1, N_FOLDS), sizes


def rules():
    """Name -> (maker of the pruner, whether it is given scores of folds instead of running means)."""
    from optuna.pruners import MedianPruner, NopPruner, WilcoxonPruner

    from skboost.tuning import FoldRacingPruner

    def ours(*arguments, **parameters):
        return lambda: FoldRacingPruner(*arguments, **parameters)

    return {
        "none": (NopPruner, True),
        "median, 1 warm-up fold": (ours(n_warmup_folds=1), True),
        "**median**": (ours(), True),
        "median, 3 warm-up folds": (ours(n_warmup_folds=3), True),
        "wilcoxon, p < 0.1": (ours("wilcoxon", p_value=0.1), True),
        "**wilcoxon**, p < 0.2": (ours("wilcoxon"), True),
        "paired, 1 standard error": (ours("paired", n_standard_errors=1.0), True),
        "**paired**, 2 standard errors": (ours("paired"), True),
        "Optuna median, running means": (lambda: MedianPruner(n_warmup_steps=1), False),
        "Optuna Wilcoxon, p < 0.1": (lambda: WilcoxonPruner(p_threshold=0.1), True),
        "Optuna Wilcoxon, p < 0.2": (lambda: WilcoxonPruner(p_threshold=0.2), True),
    }


def search(pruner, scores, raw):
    """Share of fold-fits, regret, and CPU seconds and number of judgements of one search."""
    import numpy as np
    import optuna

    study = optuna.create_study(direction="maximize", pruner=pruner)
    fits, seconds = 0, 0.0
    for row in scores:
        trial = study.ask()
        for fold in range(N_FOLDS):
            fits += 1
            trial.report(row[fold] if raw else row[: fold + 1].mean(), step=fold)
            start = time.process_time()
            stops = trial.should_prune()
            seconds += time.process_time() - start
            if stops:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, row.mean())
    return fits / scores.size, np.max(scores.mean(axis=1)) - study.best_value, seconds, fits


def print_table(title, scores, n_orders):
    """Run all rules on these candidates, and print what they did."""
    import numpy as np

    print(f"\n### {title}\n")
    print("| rule | fold-fits | mean regret | searches with regret | ms |")
    print("|---|--:|--:|--:|--:|")
    for name, (make, raw) in rules().items():
        found = []
        for seed in range(n_orders):
            rng = np.random.default_rng([7, seed])
            chosen = scores[rng.choice(len(scores), N_CANDIDATES, replace=False)]
            found.append(search(make(), chosen, raw))
        share, regret, seconds, fits = np.array(found).T
        cells = [
            f"{share.mean():.3f}",
            f"{regret.mean():.5f}",
            f"{np.mean(regret > 1e-9):.2f}",
            f"{1e3 * seconds.sum() / fits.sum():.2f}",
        ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main():
    """Build the table of scores, run all rules."""
    arguments = parse_arguments()
    pin_threads(1)
    import numpy as np
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    print("## Pruning between folds\n")
    print("\n".join(describe_run("1")))
    print(f"- Optuna {optuna.__version__}; skboost's source: {source_stamp()}")
    start = time.process_time()
    correct, sizes = count_correct()
    print(f"- the table took {time.process_time() - start:.0f} s")
    if arguments.save:
        np.savez_compressed(arguments.save, correct=correct, size=sizes)
    scores = correct / sizes
    better = scores[np.argsort(-scores.mean(axis=1), kind="stable")[: len(scores) // 2]]
    print_table("All 720 candidates", scores, arguments.orders)
    print_table("The better 360 candidates", better, arguments.orders)


if __name__ == "__main__":
    main()
