"""Threads: equal bits, no GIL, fork, worker processes, limits from outside, and a quiet import."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skboost._ext._omp import HAVE_OPENMP, effective_n_threads
from skboost._ext.softmax import (
    METHODS,
    cross_entropy,
    cross_entropy_along,
    expit,
    logistic,
    softmax,
    total_cross_entropy,
    total_logistic,
)

# enough elements for threads to be used, and rows that no number of threads divides evenly
SHAPES = [(50_001, 2), (20_011, 10), (4_099, 64), (401, 999), (3, 120_000)]


def run(script, **environment):
    """What a fresh interpreter prints; 30 s is far more than any of these takes unless it hangs."""
    variables = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**variables, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_number_of_threads_gives_the_same_bits(shape, dtype):
    rng = np.random.default_rng(0)
    n, k = shape
    raw = rng.normal(scale=3, size=(n + n % 2, k)).astype(dtype)[:n]
    labels, weight = rng.integers(k, size=n), rng.uniform(size=n)
    direction = rng.normal(size=shape).astype(dtype)

    def results(n_threads):
        methods = [m for m in METHODS if m != "transposed" or k <= 64]
        yield from (softmax(raw, method=m, n_threads=n_threads) for m in methods)
        yield from cross_entropy(
            labels, raw, weight, gradient=True, hessian=True, n_threads=n_threads
        )
        yield from cross_entropy_along(labels, raw, direction, n_threads=n_threads)
        yield np.array(total_cross_entropy(labels, raw, weight, n_threads=n_threads))

    wanted = list(results(1))
    for n_threads in (2, 4, 7):
        for one, other in zip(results(n_threads), wanted, strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits_for_two_classes(dtype):
    rng = np.random.default_rng(0)
    raw = rng.normal(scale=3, size=200_003).astype(dtype)
    labels, weight = rng.integers(2, size=200_003), rng.uniform(size=200_003)

    def results(n_threads):
        yield expit(raw, n_threads=n_threads)
        yield from logistic(labels, raw, weight, gradient=True, hessian=True, n_threads=n_threads)
        yield np.array(total_logistic(labels, raw, weight, n_threads=n_threads))

    wanted = list(results(1))
    for n_threads in (2, 4, 7):
        for one, other in zip(results(n_threads), wanted, strict=True):
            assert_array_equal(one, other)


def test_other_python_threads_run_during_a_kernel():
    raw = np.random.default_rng(0).normal(size=(1_000_000, 2))
    out, took = np.empty_like(raw), []

    def work():
        start = time.perf_counter()
        softmax(raw, out=out, method="three_pass", n_threads=1)  # slow for two columns
        took.append(time.perf_counter() - start)

    longest = np.inf
    for _ in range(3):  # once is enough; a busy machine may interrupt us for long
        took.clear()
        worker = threading.Thread(target=work)
        worker.start()
        longest, before = 0.0, time.perf_counter()
        while worker.is_alive():
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        if longest < took[0] / 2:
            break
    assert longest < took[0] / 2


def test_zero_threads_are_refused():
    with pytest.raises(ValueError, match="n_threads=0"):
        softmax(np.zeros((2, 2)), n_threads=0)


def test_negative_numbers_count_from_all():
    most = effective_n_threads()
    assert effective_n_threads(-1) == most
    assert effective_n_threads(-2) == max(1, most - 1)
    assert effective_n_threads(-100) == 1
    assert effective_n_threads(3) == (3 if HAVE_OPENMP else 1)


def test_the_environment_sets_the_number_of_threads():
    script = "from skboost._ext._omp import effective_n_threads as n; print(n(), n(-1))"
    assert run(script, OMP_NUM_THREADS="3") == (["3", "3"] if HAVE_OPENMP else ["1", "1"])


def test_threadpool_limits_are_obeyed():
    script = """
from threadpoolctl import threadpool_limits
from skboost._ext._omp import effective_n_threads as n
with threadpool_limits(1, "openmp"):
    print(n(), n(-1))
print(n())
"""
    after = "2" if HAVE_OPENMP else "1"
    assert run(script, OMP_NUM_THREADS="2") == ["1", "1", after]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_hang():
    script = """
import os, signal, sys, warnings
import numpy as np
from skboost._ext._omp import effective_n_threads
from skboost._ext.softmax import softmax

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons advise against what is tested
raw = np.random.default_rng(0).normal(size=(50_000, 10))
wanted = softmax(raw, n_threads=2)
child = os.fork()
if child == 0:
    signal.alarm(10)  # kills a child that waits for threads it does not have
    same = np.array_equal(softmax(raw, n_threads=2), wanted)
    os._exit(0 if same and effective_n_threads() == effective_n_threads(2) == 1 else 3)
print(os.waitpid(child, 0)[1])
"""
    assert run(script, OMP_NUM_THREADS="2") == ["0"]


def test_loky_workers_agree():
    script = """
import numpy as np
from joblib import Parallel, delayed
from skboost._ext.softmax import softmax

raw = np.random.default_rng(0).normal(size=(50_000, 10))
wanted = softmax(raw, n_threads=2)
found = Parallel(n_jobs=2)(delayed(softmax)(raw) for _ in range(4))  # memory-mapped, read-only
print(all(np.array_equal(one, wanted) for one in found))
"""
    assert run(script) == ["True"]


def test_importing_and_running_change_nothing_for_others():
    script = """
import numpy, scipy.linalg, sklearn.ensemble
from threadpoolctl import threadpool_info

def pools():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}

before, tiny = pools(), float("1e-310")
import skboost
from skboost._ext.softmax import softmax, cross_entropy
softmax(numpy.zeros((50_000, 10)), n_threads=2)
after = pools()
print(all(after[path] == count for path, count in before.items()), tiny * 0.5 != 0)
"""
    assert run(script, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2") == ["True", "True"]
