"""BLAS keeps to one thread while something is fitted, and gets its threads back."""

import threading
from typing import ClassVar

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skboost.boosting import NewtonStep
from skboost.networks import BoostedNetworkRegressor


def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.fixture
def three_threads():
    with threadpool_limits(3, "blas"):
        if blas_threads() != {3}:
            pytest.skip("the number of BLAS threads cannot be set here")
        yield


class Looking(NewtonStep):
    """Notes how many threads BLAS has during the fit."""

    seen: ClassVar[list] = []

    def length(self, *arguments):
        self.seen.append(blas_threads())
        return super().length(*arguments)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_one_thread_during_a_fit_and_the_old_number_after_it(diabetes, n_threads):
    Looking.seen.clear()
    model = BoostedNetworkRegressor(n_stages=2, step=Looking(), n_threads=n_threads)
    model.fit(*diabetes)
    assert len(Looking.seen) == 10
    assert all(found == {1} for found in Looking.seen)
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_the_old_number_comes_back_after_an_error(diabetes):
    class Failing(NewtonStep):
        def length(self, *arguments):
            raise RuntimeError("no step")

    with pytest.raises(RuntimeError, match="no step"):
        BoostedNetworkRegressor(step=Failing()).fit(*diabetes)
    assert blas_threads() == {3}


def test_fits_that_overlap_in_threads_leave_the_number_alone(diabetes):
    """The first to begin is the first to end, which must not keep BLAS at one thread for good."""
    before = blas_threads()
    began, go_on = threading.Event(), threading.Event()

    class Waiting(NewtonStep):
        def length(self, *arguments):
            began.set()
            go_on.wait(10)
            return super().length(*arguments)

    class Releasing(NewtonStep):
        def length(self, *arguments):
            go_on.set()
            first.join(10)
            return super().length(*arguments)

    def fit(step):
        BoostedNetworkRegressor(n_stages=2, step=step, n_threads=1).fit(*diabetes)

    first = threading.Thread(target=fit, args=(Waiting(),))
    second = threading.Thread(target=fit, args=(Releasing(),))
    first.start()
    began.wait(10)
    second.start()
    first.join()
    second.join()
    assert blas_threads() == before
