"""Boosted networks beside trees, a perceptron and linear models on 30 real tables.

Ten seeded 70/30 splits (stratified for classes); every model first with its defaults, then tuned:
the same number of configurations for each model and split (the defaults and random draws), chosen
by 3-fold cross-validation of the log loss or RMSE on the training part. Scores are kept cell by
cell in a file and reused, so that only missing cells are computed, and stopping the script loses no
more than the cells that are running::

    python tables_of_real_data.py --data FOLDER --jobs 2     # compute what is missing, print tables
    python tables_of_real_data.py --report-only > tables.md  # print tables from the file
    python tables_of_real_data.py --models skboost --redo    # after a change of skboost
    python tables_of_real_data.py --sets wdbc,vowel --budget 0 --variant fast='{"subsample": 0.5}'

Progress goes to stderr and tables to stdout.
"""

import argparse
import sys
import time
from pathlib import Path

from _machine import describe_run, pin_threads, source_stamp

RESULTS = Path(__file__).resolve().parents[2] / "out" / "tables_of_real_data.jsonl"


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with catalog.json and tables (else SKBOOST_DATA)")
    parser.add_argument("--results", default=RESULTS, help=f"file of cells, default {RESULTS}")
    parser.add_argument("--sets", type=_names, help="comma-separated sets, default all")
    parser.add_argument("--models", type=_names, help="comma-separated models, default all")
    parser.add_argument("--splits", type=int, default=10, help="splits at the defaults")
    parser.add_argument("--tuned-splits", type=int, default=5, help="tuned splits (slow sets: 3)")
    parser.add_argument(
        "--budget",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[0, 8],
        help="configurations a split, comma-separated; 0 stands for the defaults. Default 0,8",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        type=_variant,
        metavar="NAME=JSON",
        help="also run skboost with these parameters, under the name skboost:NAME",
    )
    parser.add_argument("--jobs", type=int, default=1, help="cells computed at the same time")
    parser.add_argument("--threads", type=int, default=1, help="threads of each fit")
    parser.add_argument(
        "--redo",
        action="store_true",
        help="anew: cells of skboost from another state of its source",
    )
    parser.add_argument("--report-only", action="store_true", help="compute nothing")
    return parser.parse_args()


def _names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def _variant(text):
    name, found, params = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"--variant {text!r} has no '='; write NAME=JSON")
    return f"skboost:{name}", params


def wanted_cells(arguments, models):
    """List the cells, budget by budget, split by split: a run that is stopped early is balanced."""
    from _cells import Cell
    from _datasets import SETS

    variants = dict(arguments.variant)
    cells = []
    for budget in arguments.budget:
        limit = arguments.tuned_splits if budget else arguments.splits
        for split in range(limit):
            for name in arguments.sets or SETS:
                if budget and split >= SETS[name].get("tuned_splits", limit):
                    continue
                cells += [Cell(name, split, m, budget, variants.get(m, "")) for m in models]
    return cells


def compute_missing(cells, store, folder, arguments):
    """Compute cells that the file lacks; return the number of failures."""
    from _cells import compute
    from joblib import Parallel, delayed

    stamp = source_stamp()
    todo = [
        cell
        for cell in cells
        if cell not in store.records
        or (arguments.redo and store.records[cell].get("source", stamp) != stamp)
    ]
    print(f"{len(cells)} cells, {len(todo)} to compute.", file=sys.stderr, flush=True)
    started, failures = time.perf_counter(), 0
    results = Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")(
        delayed(compute)(cell, str(folder), arguments.threads, stamp) for cell in todo
    )
    for done, record in enumerate(results, start=1):
        where = "{set} split {split} {model} budget {budget}".format(**record)
        if "error" in record:
            failures += 1
            print(f"FAILED {where}\n{record['error']}", file=sys.stderr, flush=True)
            continue
        store.add(record)
        passed = time.perf_counter() - started
        print(
            f"[{done}/{len(todo)}, {passed:.0f} s] {where}: loss {record['loss']:.4g} "
            f"score {record['score']:.4f} fit {record['cpu_seconds']:.2f} s",
            file=sys.stderr,
            flush=True,
        )
    return failures


def main():
    """Compute, then print."""
    arguments = parse_arguments()
    pin_threads(arguments.threads)
    from _cells import CellFile
    from _datasets import SETS, data_folder
    from _peers import PEERS, available_models
    from _ranking import report

    for kind, asked, known in (("set", arguments.sets, SETS), ("model", arguments.models, PEERS)):
        unknown = sorted(set(asked or ()) - set(known))
        if unknown:
            sys.exit(f"--{kind}s names {unknown}, which is unknown; choose from {sorted(known)}.")
    present = available_models()
    models = arguments.models or present
    absent = [name for name in models if name not in present]
    if absent and not arguments.report_only:
        sys.exit(f"--models names {absent}, which is not installed; available: {present}.")
    if "skboost" not in present:
        print("skboost has no networks here: the peers run alone.", file=sys.stderr)
    models = [*models, *(name for name, _ in arguments.variant)]
    store = CellFile(arguments.results)
    failures = 0
    cells = wanted_cells(arguments, models)
    if not arguments.report_only:
        folder = data_folder(arguments.data)
        if folder is None:
            sys.exit(
                "No catalog.json was found. Name the folder of tables with --data FOLDER or "
                "SKBOOST_DATA, or use --report-only to print what the file of results holds."
            )
        failures = compute_missing(cells, store, folder, arguments)

    print("# Real tables\n")
    print("\n".join(describe_run(arguments.threads)))
    for budget in arguments.budget:
        records = [store.records[c] for c in cells if c.budget == budget and c in store.records]
        title = f"Tuned: {budget} configurations" if budget else "Defaults"
        lines = report(records, models) if records else ["No cell has been computed."]
        print(f"\n## {title}\n\n" + "\n".join(lines))
    if failures:
        sys.exit(f"{failures} cells failed; see above.")


if __name__ == "__main__":
    main()
