"""Searches on a Dask cluster whose workers die and join, and of estimators that are fitted on the cluster itself."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_breast_cancer

from skboost.tuning import OptunaSearchCV

pytestmark = pytest.mark.long

distributed = pytest.importorskip("distributed")

SPACE = {"width": (0.01, 100.0, "log"), "depth": (0, 8)}
X = np.random.default_rng(0).normal(size=(45, 3))


def landscape(notes=None, last_fit=None, seconds=0.01):
    """Its fits write down their processes; the one with some number ends its process, if that is a worker's."""
    client = os.getpid()

    class Landscape(RegressorMixin, BaseEstimator):
        def __init__(self, width=1.0, depth=1):
            self.width, self.depth = width, depth

        def fit(self, X, y):
            time.sleep(seconds)
            if notes is not None:
                with open(notes, "a") as file:
                    file.write(f"{os.getpid()}\n")
                n_fits = len(Path(notes).read_text().splitlines())
                if n_fits == last_fit and os.getpid() != client:
                    os._exit(1)
            return self

        def score(self, X, y):
            return -(np.log(self.width) ** 2) - 0.1 * (self.depth - 5) ** 2 + y.mean()

    return Landscape()


def fitted(estimator, n_trials=60, callbacks=None):
    options = {"cv": 3, "random_state": 3, "refit": False, "callbacks": callbacks}
    return OptunaSearchCV(estimator, SPACE, n_trials=n_trials, **options).fit(X, X[:, 0])


def trials_of(search):
    return [(t.number, t.params, t.values) for t in search.study_.get_trials(deepcopy=False)]


def cluster(n_workers):
    options = {"n_workers": n_workers, "threads_per_worker": 1, "processes": True}
    return distributed.LocalCluster(dashboard_address="127.0.0.1:0", silence_logs=50, **options)


@pytest.mark.parametrize("last_fit", [1, 7, 40])
def test_a_worker_that_dies_changes_nothing(tmp_path, last_fit):
    notes = tmp_path / "notes"
    with cluster(3) as workers, distributed.Client(workers), parallel_config(backend="dask"):
        search = fitted(landscape(notes, last_fit))
    assert trials_of(search) == trials_of(fitted(landscape()))
    assert len(notes.read_text().splitlines()) > 3 * 60  # a fit was done again


def test_a_worker_that_joins_gets_the_data(tmp_path):
    notes = tmp_path / "notes"
    with cluster(2) as workers, distributed.Client(workers) as client:

        def grow(study, trial):
            if trial.number == 11:
                workers.scale(3)
                client.wait_for_workers(3)

        with parallel_config(backend="dask"):
            # Dask leaves shorter fits to the workers that it has
            search = fitted(landscape(notes, seconds=0.05), callbacks=[grow])
    assert trials_of(search) == trials_of(fitted(landscape()))
    assert len(set(notes.read_text().split())) == 3


# -- xgboost.dask ------------------------------------------------------------------------------------------


def test_estimators_that_spread_over_the_cluster_by_themselves():
    xgboost = pytest.importorskip("xgboost.dask")
    array = pytest.importorskip("dask.array")
    X, y = load_breast_cancer(return_X_y=True)
    on_cluster = array.from_array(X, chunks=(150, 30)), array.from_array(y, chunks=150)
    with cluster(2) as workers, distributed.Client(workers):
        search = OptunaSearchCV(
            xgboost.DaskXGBClassifier(n_estimators=5),
            {"max_depth": [1, 4]},
            n_trials=2,
            cv=2,
            scoring="accuracy",
            random_state=0,
        )
        search.fit(*on_cluster)
        assert search.best_score_ > 0.9
        assert len(search.predict(on_cluster[0]).compute()) == len(y)
        with pytest.raises(ValueError, match=r"n_jobs=2 .*set n_jobs=1"):
            search.set_params(n_jobs=2).fit(*on_cluster)
        with (
            parallel_config(backend="dask"),
            pytest.raises(ValueError, match=r"leave out parallel_config"),
        ):
            search.set_params(n_jobs=None).fit(*on_cluster)
