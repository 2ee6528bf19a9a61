"""Time limits of a whole search, which take seconds to run into."""

import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import ShuffleSplit

from skboost.tuning import OptunaSearchCV
from skboost.tuning._limits import run_limited

pytestmark = pytest.mark.long

X = np.random.default_rng(0).normal(size=(30, 2))


def slow(notes, seconds):
    """Fits that write down when they begin and then sleep, or are stuck in compiled code for depth=0."""

    class Slow(RegressorMixin, BaseEstimator):
        def __init__(self, depth=1):
            self.depth = depth

        def fit(self, X, y):
            with open(notes, "a") as file:
                file.write(f"{time.time()}\n")
            time.sleep(seconds)
            if self.depth == 0:
                sum(range(10**12))
            return self

        def predict(self, X):
            return np.zeros(len(X))

        def score(self, X, y):
            return float(self.depth)

    return Slow()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_fit_begins_after_the_timeout(tmp_path, n_jobs):
    notes = tmp_path / "notes"
    options = {"cv": 3, "refit": False, "random_state": 0, "n_jobs": n_jobs}
    space = {"depth": (1, 1000)}
    OptunaSearchCV(slow(notes, 0), space, n_trials=4, **options).fit(X, X[:, 0])
    notes.unlink()  # now the workers run
    search = OptunaSearchCV(slow(notes, 0.2), space, n_trials=500, timeout=1.5, **options)
    start = time.time()
    search.fit(X, X[:, 0])
    took = time.time() - start
    begun = [float(line) - start for line in notes.read_text().splitlines()]
    assert max(begun) < 1.5 + 0.3
    assert took < 1.5 + 0.2 + 1.0  # the timeout, one fit, and a busy machine
    whole = search.cv_results_["n_splits_done"]
    assert set(whole) == {3}


def test_with_a_limit_of_fits_the_timeout_holds_to_the_second(tmp_path):
    run_limited(slow(tmp_path / "first", 0).fit, (X, X[:, 0]), {}, 60.0)  # starts the process
    search = OptunaSearchCV(
        slow(tmp_path / "notes", 0.1),
        {"depth": [5, 4, 3, 2, 0]},
        cv=ShuffleSplit(1, random_state=0),
        initial_params=[{"depth": depth} for depth in (3, 5, 4)],
        batch_size=1,
        timeout=3.0,
        fit_timeout=1000.0,
        random_state=0,
    )
    start = time.monotonic()
    search.fit(X, X[:, 0])
    assert time.monotonic() - start < 3.0 + 2.0
    assert search.best_params_ == {"depth": 5}
    assert set(search.cv_results_["state"]) == {"complete"}
