"""How fast is a calibration error, and do packages agree on it?

First table: a million probabilities with their outcomes, on one thread. Every package computes its error in the same
process, taking turns; printed are the median milliseconds, these as a multiple of ours, and the error, because a fast
answer to another question is no gain. What only one package has is listed without a multiple.

Second table: the errors of 1000 rows, as they come, sorted, and with probabilities rounded to one digit. A calibration
error that depends on the order of rows, or that fails where probabilities tie, is not one::

    python calibration_error.py
    python calibration_error.py --rows 100000 --repeats 3

Peers (netcal, torchmetrics with torch, MAPIE, relplot) are optional; one that is not installed is left out, with a line
that says so.
"""

import argparse
import importlib
import warnings
from importlib.metadata import version

from _machine import describe_run, pin_threads, source_stamp
from _timing import interleaved, print_table, typical

N_BINS = 15
PEERS = {
    "netcal": ("netcal", "netcal.metrics"),
    "torchmetrics": ("torchmetrics", "torchmetrics.functional.classification"),
    "MAPIE": ("mapie", "mapie.metrics.calibration"),
    "relplot": ("relplot", "relplot"),
}


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    return parser.parse_args()


def import_peers():
    """Name -> module of the packages that are there; a line for each that is not."""
    found = {}
    for name, (package, module) in PEERS.items():
        try:
            found[name] = importlib.import_module(module)
        except ImportError as error:
            print(f"- {name} is left out: {error}")
        else:
            print(f"- {name} {version(package)}")
    return found


def overconfident(n):
    """Outcomes of probability expit(x), of which expit(2 x) is said, for normal x."""
    import numpy as np
    from scipy.special import expit

    rng = np.random.default_rng(0)
    x = rng.standard_normal(n)
    y = rng.random(n) < expit(x)
    return y.astype(np.int64), expit(2 * x)


def equal_width(peers):
    """Name -> function of (y, p): expected calibration error over 15 bins of equal width."""
    from skboost.metrics import expected_calibration_error

    found = {"skboost": lambda y, p: expected_calibration_error(y, p, kind="binary")}
    if "netcal" in peers:
        found["netcal ECE"] = lambda y, p: peers["netcal"].ECE(N_BINS).measure(p, y)
    if "torchmetrics" in peers:
        found["torchmetrics"] = torchmetrics_error(peers["torchmetrics"])
    if "MAPIE" in peers:
        error = peers["MAPIE"].expected_calibration_error
        found["MAPIE, num_bins=15"] = lambda y, p: error(y, p, num_bins=15)
        found["MAPIE, num_bins=16"] = lambda y, p: error(y, p, num_bins=16)
    found["scikit-learn, curve only"] = curve_of_scikit_learn("uniform")
    return found


def equal_mass(peers):
    """Name -> function of (y, p): calibration error over 15 bins of equal mass."""
    from skboost.metrics import adaptive_calibration_error

    found = {"skboost": lambda y, p: adaptive_calibration_error(y, p, kind="binary")}
    if "netcal" in peers:
        found["netcal ECE, equal_intervals=False"] = lambda y, p: (
            peers["netcal"].ECE(N_BINS, equal_intervals=False).measure(p, y)
        )
    if "MAPIE" in peers:
        error = peers["MAPIE"].expected_calibration_error
        for strategy in ("quantile", "array split"):
            found[f"MAPIE, {strategy}"] = lambda y, p, strategy=strategy: error(
                y, p, num_bins=16, split_strategy=strategy
            )
    found["scikit-learn, curve only"] = curve_of_scikit_learn("quantile")
    return found


def without_bins(peers):
    """Rows of (title, name -> function of (y, p)) of what needs no bins, and of what chance does."""
    from skboost import metrics

    smooth = {"skboost": metrics.smooth_calibration_error}
    kolmogorov = {"skboost": metrics.kolmogorov_calibration_error}
    spiegelhalter = {"skboost": lambda y, p: metrics.spiegelhalter_test(y, p).statistic}
    if "relplot" in peers:
        smooth["relplot"] = lambda y, p: peers["relplot"].smECE(p, y)
    if "MAPIE" in peers:
        mapie = peers["MAPIE"]
        kolmogorov["MAPIE, scaled otherwise"] = mapie.kolmogorov_smirnov_statistic
        spiegelhalter["MAPIE"] = mapie.spiegelhalter_statistic
    return [
        ("smooth error", smooth),
        ("Kolmogorov-Smirnov error", kolmogorov),
        ("Spiegelhalter's z", spiegelhalter),
        (
            "CORP, Brier: miscalibration",
            {"skboost": lambda y, p: metrics.corp_decomposition(y, p)[1]},
        ),
        (
            "CORP, log loss: miscalibration",
            {"skboost": lambda y, p: metrics.corp_decomposition(y, p, loss="log")[1]},
        ),
        (
            "floor of 1000 draws",
            {
                "skboost": lambda y, p: (
                    metrics.calibration_test(y, p, kind="binary", random_state=0).floor
                )
            },
        ),
        (
            "floor by formula",
            {"skboost": lambda y, p: metrics.calibration_floor(p, kind="binary")},
        ),
    ]


def torchmetrics_error(module):
    """Expected calibration error of torchmetrics on NumPy arrays, which torch shares."""
    import torch

    def error(y, p):
        return float(
            module.binary_calibration_error(
                torch.from_numpy(p), torch.from_numpy(y), n_bins=N_BINS, norm="l1"
            )
        )

    return error


def curve_of_scikit_learn(strategy):
    """The curve alone: scikit-learn has no calibration error, and its curve does not tell the weights of bins."""
    from sklearn.calibration import calibration_curve

    def curve(y, p):
        calibration_curve(y, p, n_bins=N_BINS, strategy=strategy)
        return float("nan")

    return curve


def time_table(y, p, peers, repeats):
    """Print times and errors of everything on many rows."""
    groups = [
        ("ECE, equal width", equal_width(peers)),
        ("ECE, equal mass", equal_mass(peers)),
        *without_bins(peers),
    ]
    rows = []
    for title, functions in groups:
        calls = {name: lambda f=function: f(y, p) for name, function in functions.items()}
        timings = interleaved(calls, repeats)
        ours = typical(timings["skboost"])[0]
        for name, found in timings.items():
            wall = typical(found)[0]
            times = f"{wall / ours:.1f}" if len(functions) > 1 else ""
            value = float(found[-1].result)
            rows.append((title, name, f"{1e3 * wall:.1f}", times, show(value)))
    header = ("question", "package", "ms", "times ours", "answer")
    print_table(f"{len(y)} rows, one thread", header, rows)


def agreement_table(y, p, peers):
    """Print the errors of few rows in several orders and with ties."""
    import numpy as np

    by_probability, by_outcome = np.argsort(p), np.argsort(y, kind="stable")
    cases = {
        "as they come": (y, p),
        "sorted by p": (y[by_probability], p[by_probability]),
        "sorted by y": (y[by_outcome], p[by_outcome]),
        "p to one digit": (y, np.round(p, 1)),
        "one digit, sorted by y": (y[by_outcome], np.round(p, 1)[by_outcome]),
    }
    rows = []
    for title, functions in (
        ("equal width", equal_width(peers)),
        ("equal mass", equal_mass(peers)),
    ):
        for name, function in functions.items():
            if "curve only" not in name:
                answers = [attempt(function, *case) for case in cases.values()]
                rows.append((f"{title}: {name}", *answers))
    print_table(f"Calibration errors of {len(y)} rows", ("bins and package", *cases), rows)


def attempt(function, y, p):
    """The answer, or the class of the error."""
    try:
        return show(float(function(y, p)))
    except Exception as error:
        return type(error).__name__


def show(value):
    """Five digits, nothing for what is not a number."""
    return "" if value != value else f"{value:.5f}"


def main():
    """Measure and print everything."""
    arguments = parse_arguments()
    pin_threads(1)
    warnings.simplefilter("ignore")  # of peers
    print("# Calibration errors\n")
    print("\n".join(describe_run(1)))
    print(f"- skboost's source: {source_stamp()}")
    peers = import_peers()
    if "torchmetrics" in peers:
        import torch

        torch.set_num_threads(1)
        print(f"- torch {torch.__version__}")
    agreement_table(*overconfident(1000), peers)
    time_table(*overconfident(arguments.rows), peers, arguments.repeats)


if __name__ == "__main__":
    main()
