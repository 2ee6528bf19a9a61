"""A search gives the same trials on Ray as alone, and sends its data to each worker of Ray about once."""

import math
import os
import random
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin

from skboost.tuning import OptunaSearchCV

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]  # Ray has many of its own

SPACE = {"width": (0.01, 100.0, "log"), "depth": (0, 8), "kind": ["flat", "steep", "round"]}
X = np.random.default_rng(0).normal(size=(45, 3))


def landscape():
    """An estimator whose score is a formula, and whose fits take a random time."""

    class Landscape(RegressorMixin, BaseEstimator):
        def __init__(self, width=1.0, depth=1, kind="flat"):
            self.width, self.depth, self.kind = width, depth, kind

        def fit(self, X, y):
            time.sleep(random.SystemRandom().uniform(0, 0.004))
            return self

        def score(self, X, y):
            bonus = {"flat": 0.0, "steep": 0.2, "round": 0.4}[self.kind]
            return bonus - math.log(self.width / 3) ** 2 - 0.1 * (self.depth - 5) ** 2 + y.mean()

    return Landscape()


def trials_of(sampler, X=X, **options):
    """All that a search decides."""
    options = {"n_trials": 20, "cv": 3, "random_state": 3, "refit": False} | options
    search = OptunaSearchCV(landscape(), SPACE, sampler=sampler, **options)
    search.fit(X, np.asarray(X)[:, 0])
    return [
        (t.number, t.params, t.values, t.state.name, t.intermediate_values)
        for t in search.study_.get_trials(deepcopy=False)
    ]


@pytest.fixture(scope="module")
def two_actors():
    from joblib.pool import PicklingPool
    from ray.util.joblib import register_ray

    bases = (
        PicklingPool.__bases__
    )  # Ray puts itself there, and joblib's backend of processes is no more
    register_ray()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
    PicklingPool.__bases__ = bases


@pytest.mark.parametrize("sampler", ["random", "tpe", "tabu", "cost_model"])
def test_trials_on_ray_are_those_of_one_worker(two_actors, sampler):
    with parallel_config(backend="ray", n_jobs=2):
        found = trials_of(sampler)
    assert found == trials_of(sampler)


def test_pruned_trials_and_a_journal_on_ray(two_actors, tmp_path):
    options = {"pruner": "median", "cv": 4}
    with parallel_config(backend="ray", n_jobs=2):
        found = trials_of("tpe", storage=tmp_path / "study.log", **options)
    assert found == trials_of("tpe", **options)


def test_data_travel_with_few_jobs(two_actors, tmp_path):
    log = tmp_path / "travels"

    def restore(plain):
        return plain

    class Tracked(np.ndarray):
        def __reduce_ex__(self, protocol):
            with open(log, "a") as file:
                file.write(f"{os.getpid()}\n")
            return restore, (np.asarray(self),)

    with parallel_config(backend="ray", n_jobs=2):
        trials_of("tpe", X.view(Tracked))
    # Ray gives jobs to workers by chance, so one of them may get two copies at first
    assert 2 <= len(log.read_text().splitlines()) <= 5
