"""Softmax, cross-entropy and logistic loss beside SciPy, scikit-learn and NumPy.

Prints the median over interleaved rounds of the milliseconds that one call takes, and in brackets
these as a multiple of the first column. Ours are measured on one thread and on several; the peers
have one. Results go into arrays that exist already, except where a column says "new": the peers
always make new ones::

    python softmax.py
    python softmax.py --sizes 100000x10 --dtypes float64 --rounds 50

The copy is numpy's, on one thread: a kernel that reads and writes each number once cannot be much
faster. Rows of 100,000 doubles need 5 GB of memory.
"""

import argparse
import sys
import time

from _machine import describe_run, pin_threads, source_stamp

SIZES = "100000x3,100000x10,10000x1000,1000x100000"


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default=SIZES, help="rows x classes, comma-separated")
    parser.add_argument("--dtypes", default="float32,float64", help="comma-separated")
    parser.add_argument(
        "--threads", type=int, default=2, help="of the columns with several threads"
    )
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def softmax_candidates(raw, labels, threads):
    """Name -> call, for softmax; the first is what the others are compared with."""
    import numpy as np
    import scipy.special
    import sklearn.utils.extmath

    from skboost._ext import softmax_numpy
    from skboost._ext.softmax import softmax

    out = np.empty_like(raw)
    return {
        f"ours t{threads}": lambda: softmax(raw, out, n_threads=threads),
        "ours t1": lambda: softmax(raw, out, n_threads=1),
        f"ours t{threads}, new": lambda: softmax(raw, n_threads=threads),
        "numpy copy": lambda: np.copyto(out, raw),
        "scipy": lambda: scipy.special.softmax(raw, axis=1),
        "scikit-learn": lambda: sklearn.utils.extmath.softmax(raw),
        "numpy": lambda: softmax_numpy.softmax(raw),
    }


def method_candidates(raw, labels, threads):
    """Each kernel that takes these rows; "auto" should be the fastest or close to it."""
    import numpy as np

    from skboost._ext.softmax import METHODS, softmax

    out = np.empty_like(raw)
    calls = {}
    for method in ("auto", *METHODS):
        if method == "transposed" and raw.shape[1] > 64:
            continue
        for n_threads in (threads, 1):
            calls[f"{method} t{n_threads}"] = lambda method=method, n_threads=n_threads: softmax(
                raw, out, method, n_threads
            )
    return calls


def cross_entropy_candidates(raw, labels, threads):
    """Loss and gradient of integer labels; scikit-learn has no public gradient, so loss alone."""
    import numpy as np
    import scipy.special
    import sklearn.metrics
    import sklearn.utils.extmath

    from skboost._ext.softmax import cross_entropy

    rows, classes = np.arange(len(raw)), np.arange(raw.shape[1])
    loss, gradient, hessian = np.empty(len(raw)), np.empty_like(raw), np.empty_like(raw)

    def ours(n_threads, hessian=False):
        return lambda: cross_entropy(
            labels, raw, loss=loss, gradient=gradient, hessian=hessian, n_threads=n_threads
        )

    def scipy_loss_and_gradient():
        log_probability = scipy.special.log_softmax(raw, axis=1)
        gradient = np.exp(log_probability)
        gradient[rows, labels] -= 1
        return -log_probability[rows, labels], gradient

    def sklearn_loss():
        probability = sklearn.utils.extmath.softmax(raw)
        return sklearn.metrics.log_loss(labels, probability, labels=classes)

    return {
        f"ours t{threads}": ours(threads),
        "ours t1": ours(1),
        f"ours with Hessian t{threads}": ours(threads, hessian),
        "scipy": scipy_loss_and_gradient,
        "scikit-learn, loss only": sklearn_loss,
    }


def logistic_candidates(raw, labels, threads):
    """Loss, gradient and Hessian of two classes, on as many rows as ``raw`` has numbers."""
    import numpy as np
    import scipy.special

    from skboost._ext.softmax import logistic

    scores = raw.ravel()
    labels = np.random.default_rng(0).integers(2, size=scores.size)
    loss, gradient, hessian = np.empty(scores.size), np.empty_like(scores), np.empty_like(scores)

    def ours(n_threads):
        return lambda: logistic(
            labels, scores, loss=loss, gradient=gradient, hessian=hessian, n_threads=n_threads
        )

    def scipy_all():
        probability = scipy.special.expit(scores)
        value = np.logaddexp(0, scores) - labels * scores
        return value, probability - labels, probability * (1 - probability)

    return {f"ours t{threads}": ours(threads), "ours t1": ours(1), "scipy, numpy": scipy_all}


def medians(calls, rounds):
    """Milliseconds of each call; candidates take turns, so that all meet the same disturbances."""
    import numpy as np

    times = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if round_:  # the first round wakes threads and touches memory
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def table(title, candidates, sizes, dtypes, threads, rounds):
    """Measure and print one table in Markdown."""
    import numpy as np

    print(f"\n### {title}, ms\n")
    header = None
    for n, k in sizes:
        for dtype in dtypes:
            rng = np.random.default_rng(0)
            raw, labels = rng.standard_normal((n, k), dtype=dtype), rng.integers(k, size=n)
            # long rows take seconds: fewer rounds tell as much there
            found = medians(
                candidates(raw, labels, threads), max(3, min(rounds, 100_000_000 // raw.size))
            )
            if header != list(found):
                header = list(found)
                print("| rows x classes | " + " | ".join(header) + " |")
                print("|---|" + "--:|" * len(header))
            first, *others = found.values()
            cells = [f"{first:.3g}", *(f"{one:.3g} ({one / first:.2g}x)" for one in others)]
            print(f"| {n} x {k} {np.dtype(dtype)} | " + " | ".join(cells) + " |")
            sys.stdout.flush()


def main():
    """Measure and print everything."""
    arguments = parse_arguments()
    pin_threads(arguments.threads)
    import numpy as np

    sizes = [tuple(int(part) for part in size.split("x")) for size in arguments.sizes.split(",")]
    dtypes = [np.dtype(name) for name in arguments.dtypes.split(",")]
    print("## Softmax and losses\n")
    print("\n".join(describe_run(f"1 and {arguments.threads}")))
    print(f"- skboost's source: {source_stamp()}")
    few, long = [s for s in sizes if s[1] <= 64], [s for s in sizes if s[1] > 64]
    everything = (dtypes, arguments.threads, arguments.rounds)
    table("Softmax", softmax_candidates, sizes, *everything)
    for group in filter(None, (few, long)):
        table("Kernels of softmax", method_candidates, group, *everything)
    table("Cross-entropy, loss and gradient", cross_entropy_candidates, sizes, *everything)
    if few:
        numbers = sorted({(n * k, 1) for n, k in few})
        table("Logistic loss, gradient, Hessian", logistic_candidates, numbers, *everything)


if __name__ == "__main__":
    main()
