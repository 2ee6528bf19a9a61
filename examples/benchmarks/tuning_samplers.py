"""Samplers of hyper-parameters on tables of scores: who finds good configurations with few trials.

First the tables are measured, which takes half an hour of one core; then searches are replayed on them
by look-up::

    python tuning_samplers.py collect --data FOLDER     # measure the tables that are missing
    python tuning_samplers.py compare > samplers.md     # replay searches, print the report

Progress goes to stderr and tables to stdout.
"""

import argparse
import sys

from _machine import describe_run, pin_threads


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("collect", "compare"))
    parser.add_argument("--data", help="folder with catalog.json and tables (else SKBOOST_DATA)")
    parser.add_argument("--tables", help="folder of the measured tables, default out/tuning_tables")
    parser.add_argument("--only", type=lambda text: text.split(","), help="comma-separated tables")
    return parser.parse_args()


def main():
    """Measure or compare."""
    arguments = parse_arguments()
    pin_threads(1)
    from _tuning_tables import FOLDER, collect

    folder = arguments.tables or FOLDER
    if arguments.task == "collect":
        collect(
            folder,
            arguments.only,
            arguments.data,
            lambda text: print(text, file=sys.stderr, flush=True),
        )


if __name__ == "__main__":
    main()
