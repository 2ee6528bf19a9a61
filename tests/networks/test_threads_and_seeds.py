"""One seed, the same bits: with any number of threads, in any process, on any day."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

FAST = {"n_stages": 4, "units_per_stage": 3, "adam_steps": 60}
SETTINGS = [
    {},
    {"early_stopping": False},
    {"n_folds": 1, "subsample": 0.5},
    {"residuals": "newton", "linear_start": False, "activation": "tanh"},
    {"dtype": "float32"},
]


@pytest.fixture(scope="module", params=[300, 6000], ids=["small", "large"])
def numbers(request):
    return make_regression(request.param, 8, noise=10.0, random_state=0)


@pytest.fixture(scope="module", params=[300, 6000], ids=["small", "large"])
def classes(request):
    return make_classification(request.param, 8, n_informative=5, n_classes=3, random_state=0)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_number_of_threads_changes_no_bit_of_a_regressor(numbers, settings):
    X, y = numbers
    fits = [
        BoostedNetworkRegressor(**FAST, **settings, random_state=0, n_threads=n).fit(X, y)
        for n in (1, 2, 3, 7, None)
    ]
    for other in fits[1:]:
        assert_array_equal(fits[0].train_loss_, other.train_loss_)
        assert_array_equal(fits[0].validation_loss_, other.validation_loss_)
        assert_array_equal(fits[0].predict(X), other.predict(X))


@pytest.mark.parametrize("settings", SETTINGS[:3], ids=str)
def test_the_number_of_threads_changes_no_bit_of_a_classifier(classes, settings):
    X, y = classes
    fits = [
        BoostedNetworkClassifier(**FAST, **settings, random_state=0, n_threads=n).fit(X, y)
        for n in (1, 2, 5)
    ]
    for other in fits[1:]:
        assert_array_equal(fits[0].train_loss_, other.train_loss_)
        assert_array_equal(fits[0].predict_proba(X), other.predict_proba(X))


def test_a_fit_with_one_number_of_threads_predicts_alike_with_another(numbers):
    X, y = numbers
    model = BoostedNetworkRegressor(**FAST, random_state=0, n_threads=1).fit(X, y)
    one = model.predict(X)
    assert_array_equal(one, model.set_params(n_threads=3).predict(X))


def test_the_global_generator_has_no_say(classes):
    X, y = classes
    fits = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002
        fits.append(BoostedNetworkClassifier(**FAST, subsample=0.5, random_state=7).fit(X, y))
        np.random.random(3)  # noqa: NPY002
    assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    BoostedNetworkClassifier(**FAST, random_state=0).fit(X, y)
    assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_seeds_differ_and_an_int_may_be_used_again(numbers):
    X, y = numbers
    model = BoostedNetworkRegressor(**FAST, random_state=0)
    first, again = model.fit(X, y).predict(X), model.fit(X, y).predict(X)
    assert_array_equal(first, again)
    assert np.abs(first - model.set_params(random_state=1).fit(X, y).predict(X)).max() > 1e-6


def test_a_random_state_moves_on_and_none_differs_every_time(numbers):
    X, y = numbers
    source = np.random.RandomState(0)  # noqa: NPY002
    model = BoostedNetworkRegressor(**FAST, random_state=source)
    first, second = model.fit(X, y).predict(X), model.fit(X, y).predict(X)
    assert np.abs(first - second).max() > 1e-6
    model.set_params(random_state=np.random.RandomState(0))  # noqa: NPY002
    assert_array_equal(first, model.fit(X, y).predict(X))
    model.set_params(random_state=None)
    assert np.abs(model.fit(X, y).predict(X) - model.fit(X, y).predict(X)).max() > 1e-6


PROGRAM = """
import numpy as np
from sklearn.datasets import make_classification
from skboost.networks import BoostedNetworkClassifier
X, y = make_classification(200, 6, random_state=0)
names = np.array(["no", "yes"])[y]
model = BoostedNetworkClassifier(n_stages=3, subsample=0.5, random_state=0, n_threads={threads})
print(model.fit(X, names).decision_function(X).tobytes().hex())
"""


def test_another_process_with_another_hash_seed_gives_the_same_bits():
    said = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(threads=threads)],
            env={"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": blas},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads, blas in (("1", 1, "1"), ("2", 2, "2"))
    ]
    assert said[0] == said[1]
    assert len(said[0]) > 3000


def test_worker_processes_and_threads_of_joblib(classes):
    joblib = pytest.importorskip("joblib")
    X, y = classes
    X, y = X[:300], y[:300]

    model = BoostedNetworkClassifier(**FAST, random_state=0, n_threads=2)
    expected = clone(model).fit(X, y).predict_proba(X)
    for backend in ("threading", "multiprocessing", "loky"):
        jobs = (joblib.delayed(clone(model).fit)(X, y) for _ in range(2))
        for fitted in joblib.Parallel(n_jobs=2, backend=backend)(jobs):
            assert_array_equal(expected, fitted.predict_proba(X))
