"""What boosted networks cost: seconds of a fit, of a stage and of a prediction, memory, import.

Each block stands alone. All candidates of a block run in one process and take turns; printed are
medians over the turns, in CPU seconds where one thread works and in wall seconds where several do::

    python boosting_speed.py
    python boosting_speed.py --only units,stage
    python boosting_speed.py --quick

Blocks:

- ``units``: 200 hidden units beside the published setting with scikit-learn's MLPRegressor
- ``stage``: one stage on 100,000 rows, one thread, beside one tree of the tree boosters
- ``friedman``: 100 stages beside 100 trees on 100,000 rows of Friedman's first function
- ``rows``: seconds and memory from 10,000 to 1,000,000 rows, each fit in a fresh process
- ``import``: CPU seconds and modules of an import, in fresh processes
- ``predict``: 100,000 rows through 1,000 hidden units

No download: the data come with scikit-learn or are drawn.
"""

import argparse
import importlib
import os
import sys

from _machine import describe_run, pin_threads, source_stamp

BLOCKS = {
    "units": "_speed_of_fits",
    "stage": "_speed_of_fits",
    "friedman": "_speed_of_fits",
    "rows": "_speed_in_processes",
    "import": "_speed_in_processes",
    "predict": "_speed_of_predictions",
}


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(BLOCKS), help="blocks, comma-separated")
    parser.add_argument("--threads", type=int, default=2, help="where a block uses several")
    parser.add_argument("--quick", action="store_true", help="few repetitions, small sizes")
    return parser.parse_args()


def main():
    """Run the blocks and print their tables."""
    arguments = parse_arguments()
    blocks = arguments.only.split(",")
    unknown = [name for name in blocks if name not in BLOCKS]
    if unknown:
        sys.exit(f"--only names {unknown}, which is not there; choose from {list(BLOCKS)}.")
    pin_threads(arguments.threads)
    print("# Speed of boosted networks\n")
    print("\n".join(describe_run(f"1 to {arguments.threads}")))
    print(f"- state of skboost's source: {source_stamp()}")
    if hasattr(os, "getloadavg"):
        print("- load of the machine before: {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))
    for name in blocks:
        module = importlib.import_module(BLOCKS[name])  # NumPy comes with it, after the pinning
        getattr(module, f"measure_{name}")(arguments.threads, arguments.quick)
        print(f"{name} done", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
