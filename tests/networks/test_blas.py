"""BLAS has no say in a fit: neither its number of threads nor what the caller had set."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_info, threadpool_limits

from skboost._ext.blas import single_threaded_blas
from skboost.networks import BoostedNetworkClassifier


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


@pytest.fixture
def wide():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 80))
    return X, (X[:, 0] * X[:, 1] + X[:, 2:40].sum(axis=1) > 0).astype(int)


def test_the_number_of_blas_threads_does_not_change_a_bit(wide):
    X, y = wide
    probabilities = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            model = BoostedNetworkClassifier(n_stages=3, random_state=0, n_threads=1).fit(X, y)
            probabilities.append(model.predict_proba(X))
    assert_array_equal(*probabilities)


def test_fits_in_threads_leave_blas_as_it_was(wide):
    X, y = wide
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(4) as pool:
            models = [
                BoostedNetworkClassifier(n_stages=2, random_state=k, n_threads=1) for k in range(8)
            ]
            list(pool.map(lambda model: model.fit(X, y), models))
        assert blas_threads() == before


def fail_inside():
    with single_threaded_blas():
        assert set(blas_threads()) <= {1}
        raise RuntimeError("on purpose")


def test_an_error_gives_blas_back():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(RuntimeError, match="on purpose"):
            fail_inside()
        assert blas_threads() == before
