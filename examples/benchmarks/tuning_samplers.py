"""Samplers of hyper-parameters on tables of scores: who finds good configurations with few trials.

First the tables are measured, which takes half an hour of one core; then searches are replayed on them
by look-up, which takes about two hours, mostly for the cost model and the Gaussian process::

    python tuning_samplers.py collect --data FOLDER     # measure the tables that are missing
    python tuning_samplers.py compare > samplers.md     # replay searches, print the report
    python tuning_samplers.py compare --blocks main,batch --samplers random,genetic,tpe,tabu

Both keep what they have in files, so stopping loses little; ``--redo tabu`` searches anew after a change
of that sampler. Progress goes to stderr and tables to stdout.
"""

import argparse
import sys
from importlib.metadata import version

from _machine import describe_run, pin_threads

# name -> samplers, number of seeds, batch size, trials in common, tables (all if empty)
MAIN = (
    *("random", "grid order", "genetic", "qmc", "nsga-ii", "cma-es"),
    *("tpe", "tpe, 5 start-up", "tpe, no repeats", "tabu", "cost model"),
)
BLOCKS = {
    "main": (MAIN, 30, 1, 5, ()),
    "batch": (MAIN, 10, 4, 5, ()),
    # with one trial in common: the first trials are where a source is worth most
    "transfer": (("random", "cost model", "cost model, warm", "cost model, misled"), 10, 1, 1, ()),
    # the Gaussian process needs a Python package more than the others, and most of the time
    "gp": (
        ("random", "tpe", "tpe, no repeats", "tabu", "cost model", "gp", "gp, no repeats"),
        *(10, 1, 5, ()),
    ),
}
N_TRIALS = 60
REFERENCES = ("random", "genetic", "tpe", "tpe, no repeats")


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def listed(text):
        # names of samplers may hold a comma and a space
        return text.replace(", ", ";").replace(",", "|").replace(";", ", ").split("|")

    parser.add_argument("task", choices=("collect", "compare"))
    parser.add_argument("--data", help="folder with catalog.json and tables (else SKBOOST_DATA)")
    parser.add_argument("--tables", help="folder of the measured tables, default out/tuning_tables")
    parser.add_argument("--only", type=listed, help="comma-separated tables, default all")
    parser.add_argument("--blocks", type=listed, default=list(BLOCKS), help="default all")
    parser.add_argument("--samplers", type=listed, help="comma-separated samplers, default all")
    parser.add_argument(
        "--seeds", type=int, help="searches on each table, default 30 to 10 by block"
    )
    parser.add_argument("--redo", type=listed, default=[], help="samplers to search with anew")
    parser.add_argument("--jobs", type=int, default=1, help="searches at the same time")
    return parser.parse_args()


def print_block(block, comparison, halves):
    """All tables, then each half of the collection."""
    *_, batch_size, n_startup, _ = BLOCKS[block]
    print(f"\n## {block}: batches of {batch_size}, {n_startup} trials in common")
    references = [name for name in REFERENCES if name in comparison.samplers]
    parts = {"all tables": list(comparison.tables)}
    parts |= {f"half {half}": names for half, names in halves.items() if names}
    for title, names in parts.items():
        part = comparison.select(tables=names)
        text = part.summary(
            at=[15, 30, N_TRIALS], references=references, by_table=title == "all tables"
        )
        print(f"\n### {block}, {title}\n\n{text}", flush=True)


def print_transfer(comparison):
    """Trials to the first of the top 1 %, with and without a source, table by table."""
    import numpy as np

    names = [name for name in comparison.samplers if name.startswith("cost model")]
    hits = comparison.select(samplers=names).first_hits()
    capped = np.where(np.isnan(hits), N_TRIALS + 1, hits).mean(axis=-1)  # (n_samplers, n_tables)
    print(
        f"\n### transfer: mean number of trials to the first of the top 1 %, where a search without "
        f"one counts {N_TRIALS + 1}\n"
    )
    print("| table | " + " | ".join(names) + " |\n|---|" + "--:|" * len(names))
    for place, table in enumerate(comparison.tables):
        print(f"| {table} | " + " | ".join(f"{value:.1f}" for value in capped[:, place]) + " |")
    print("| mean | " + " | ".join(f"{value:.1f}" for value in capped.mean(axis=1)) + " |")
    for name, values in zip(names[1:], capped[1:], strict=True):
        ratio = values / capped[0]
        print(
            f"\n{name}: fewer trials on {(ratio < 1).mean():.0%} of the tables, more than 15 % more "
            f"on {(ratio > 1.15).mean():.0%}; ratio of the means {values.mean() / capped[0].mean():.2f}."
        )


def compare(arguments, folder):
    """Run what is missing, and print the report."""
    from _tuning_searches import samplers, search
    from _tuning_tables import half, load_tables

    tables = load_tables(folder, arguments.only)
    if not tables:
        sys.exit(f"{folder} holds no tables; measure them by: python tuning_samplers.py collect")
    known = samplers()
    print("# Samplers of hyper-parameters\n")
    print("\n".join([*describe_run(1), f"- optuna {version('optuna')}"]))
    print(f"- tables: {', '.join(tables)}")
    for block in arguments.blocks:
        names, n_seeds, batch_size, n_startup, some = BLOCKS[block]
        asked = [n for n in names if n in known and n in (arguments.samplers or names)]
        chosen = {name: tables[name] for name in some or tables if name in tables}
        if not asked or not chosen:
            continue
        comparison = search(
            *(f"{folder}/searches", chosen, asked),
            **{
                "n_trials": N_TRIALS,
                "n_seeds": arguments.seeds or n_seeds,
                "batch_size": batch_size,
            },
            **{"n_startup": n_startup, "jobs": arguments.jobs, "redo": arguments.redo},
        )
        halves = {h: [n for n in chosen if half(n) == h] for h in "AB"} if not some else {}
        print_block(block, comparison, halves)
        if block == "transfer" and "cost model, warm" in asked:
            print_transfer(comparison)


def main():
    """Measure or compare."""
    arguments = parse_arguments()
    pin_threads(1)
    from _tuning_tables import FOLDER, collect

    folder = arguments.tables or FOLDER
    if arguments.task == "compare":
        compare(arguments, folder)
        return
    collect(
        folder,
        arguments.only,
        arguments.data,
        lambda text: print(text, file=sys.stderr, flush=True),
    )


if __name__ == "__main__":
    main()
