"""A search gives the same trials on any backend of joblib, with any number of workers, in memory and in a journal."""

import collections
import math
import multiprocessing
import os
import random
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin

from skboost.tuning import OptunaSearchCV

# Python 3.12 and later say this of the pool of joblib's own backend
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

SPACE = {"width": (0.01, 100.0, "log"), "depth": (0, 8), "kind": ["flat", "steep", "round"]}
SAMPLERS = ["random", "tpe", "nsga2", "tabu", "cost_model"]
BACKENDS = [("loky", 2), ("threading", 4), ("multiprocessing", 2), ("dask", 2)]

X = np.random.default_rng(0).normal(size=(45, 3))
y = X[:, 0]


def landscape():
    """An estimator whose score is a formula, and whose fits take a random time."""

    # a class without a module travels to other processes by value; they cannot import this file
    class Landscape(RegressorMixin, BaseEstimator):
        def __init__(self, width=1.0, depth=1, kind="flat"):
            self.width, self.depth, self.kind = width, depth, kind

        def fit(self, X, y):
            time.sleep(random.SystemRandom().uniform(0, 0.004))
            return self

        def score(self, X, y):
            bonus = {"flat": 0.0, "steep": 0.2, "round": 0.4}[self.kind]
            return (
                bonus
                - math.log(self.width / 3) ** 2
                - 0.1 * (self.depth - 5) ** 2
                + float(y.mean())
            )

    return Landscape()


def shallow(estimator, X, y):
    return -float(estimator.depth) + y.mean()


def fitted(sampler, **options):
    """A search of 20 trials; the genetic sampler has two objectives."""
    options = {"n_trials": 20, "cv": 3, "random_state": 3, "refit": False} | options
    if sampler == "nsga2":
        scoring = {"score": lambda *args: args[0].score(*args[1:]), "shallow": shallow}
        options |= {"scoring": scoring, "objectives": ["score", "shallow"]}
    return OptunaSearchCV(landscape(), SPACE, sampler=sampler, **options).fit(X, y)


def trials_of(search):
    """All that a search decided."""
    return [
        (t.number, t.params, t.values, t.state.name, t.intermediate_values)
        for t in search.study_.get_trials(deepcopy=False)
    ]


@pytest.fixture(scope="module")
def alone():
    """The trials that one worker finds with a sampler."""
    return {sampler: trials_of(fitted(sampler, n_jobs=1)) for sampler in SAMPLERS}


@pytest.fixture(scope="module")
def cluster():
    """Two processes of Dask."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    options |= {"dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(params=BACKENDS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def backend(request):
    """Several workers of one kind."""
    name, n_jobs = request.param
    if name == "dask":
        request.getfixturevalue("cluster")
    with parallel_config(backend=name, n_jobs=n_jobs):
        yield name


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_do_not_depend_on_workers(alone, backend, sampler):
    assert trials_of(fitted(sampler)) == alone[sampler]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_do_not_depend_on_the_storage(alone, sampler, tmp_path):
    search = fitted(sampler, storage=tmp_path / "study.log", n_jobs=2)
    assert trials_of(search) == alone[sampler]


def test_what_is_pruned_does_not_depend_on_workers(backend):
    options = {"pruner": "median", "cv": 4, "n_trials": 24}
    expected = trials_of(fitted("tpe", n_jobs=1, **options))
    assert {state for *_, state, _ in expected} == {"COMPLETE", "PRUNED"}
    assert trials_of(fitted("tpe", **options)) == expected


@pytest.mark.long
def test_trials_of_a_gaussian_process_do_not_depend_on_workers(backend):
    pytest.importorskip("torch")
    expected = trials_of(fitted("gp", n_jobs=1, n_trials=16))
    assert trials_of(fitted("gp", n_trials=16)) == expected


@pytest.mark.parametrize("pruner", [None, "median"])
def test_more_workers_than_a_batch_has_trials_change_nothing(pruner):
    found = []
    for n_jobs in (1, 7):
        with parallel_config(backend="threading", n_jobs=n_jobs):
            options = {"batch_size": 2, "cv": 2, "pruner": pruner}
            found.append(trials_of(fitted("tpe", **options)))
            found.append(trials_of(fitted("tpe", n_jobs=n_jobs, **options)))
    assert found == 4 * found[:1]


def test_the_size_of_batches_changes_the_search(alone):
    """Otherwise there would be nothing to learn from trials, and the tests above would say little."""
    assert trials_of(fitted("tpe", batch_size=2)) != alone["tpe"]


# -- how often data travel ---------------------------------------------------------------------------------


def tracked(values, log):
    """An array that writes down each process that packs it and each that unpacks it."""

    def note(word):
        with open(log, "a") as file:
            file.write(f"{word} {os.getpid()}\n")

    def unpack(plain):
        note("unpacked")
        return mark(plain)

    class Tracked(np.ndarray):
        def __reduce_ex__(self, protocol):
            if not getattr(self, "is_whole", False):  # some rows of it
                return np.asarray(self).__reduce_ex__(protocol)
            note("packed")
            return unpack, (np.asarray(self),)

    def mark(plain):
        whole = plain.view(Tracked)
        whole.is_whole = True
        return whole

    return mark(values.copy())


def travels(log):
    """How often each process packed and unpacked the array."""
    lines = log.read_text().splitlines() if log.exists() else []
    count = collections.Counter(lines)
    packed = {int(k.split()[1]): n for k, n in count.items() if k.startswith("packed")}
    unpacked = {int(k.split()[1]): n for k, n in count.items() if k.startswith("unpacked")}
    return packed, unpacked


def test_dask_sends_data_once_to_each_worker(cluster, alone, tmp_path):
    log = tmp_path / "travels"
    data = tracked(X, log)
    with parallel_config(backend="dask"):
        search = OptunaSearchCV(landscape(), SPACE, n_trials=20, cv=3, random_state=3, refit=False)
        search.fit(data, y)
    assert trials_of(search) == alone["tpe"]
    packed, unpacked = travels(log)
    assert packed[os.getpid()] == 1
    assert 1 <= sum(unpacked.values()) <= len(cluster.scheduler_info()["workers"]) + 1


@pytest.mark.parametrize("name", ["threading", "multiprocessing"])
def test_data_do_not_travel_where_memory_is_shared(name, tmp_path):
    if name == "multiprocessing" and multiprocessing.get_start_method() != "fork":
        pytest.skip("processes that are not forked get a copy")
    log = tmp_path / "travels"
    data = tracked(X, log)
    search = OptunaSearchCV(landscape(), SPACE, n_trials=8, cv=3, random_state=3, refit=False)
    with parallel_config(backend=name, n_jobs=2):
        search.fit(data, y)
    assert travels(log) == ({}, {})


# -- data on a cluster ----------------------------------------------------------------------------------------


def test_data_on_a_cluster_stay_in_this_process():
    array = pytest.importorskip("dask.array")
    on_cluster = array.from_array(X, chunks=(15, 3))
    search = OptunaSearchCV(landscape(), SPACE, n_trials=4, cv=3, random_state=3)
    assert search.fit(on_cluster, array.from_array(y)).best_score_ > -1e300
    search.set_params(n_jobs=2)
    with pytest.raises(ValueError, match=r"n_jobs=2 .* X is a Dask collection.*set n_jobs=1"):
        search.fit(on_cluster, y)
    search.set_params(n_jobs=1, fit_timeout=3)
    with pytest.raises(ValueError, match=r"fit_timeout=3 .* y; leave it at None"):
        search.fit(X, array.from_array(y))


def test_dask_frames_are_refused_with_a_way_out():
    frame = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    table = frame.from_pandas(pandas.DataFrame(X), npartitions=2)
    search = OptunaSearchCV(landscape(), SPACE, n_trials=4, cv=3)
    with pytest.raises(ValueError, match=r"X is a Dask DataFrame.*X\.to_dask_array"):
        search.fit(table, y)
