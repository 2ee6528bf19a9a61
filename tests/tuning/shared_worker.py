"""One of several searches that share a study, run as a process of its own.

Arguments: a storage (path, URL or grpc:PORT), the number of trials, the lease in seconds. It prints
"ready", waits for a line, and prints the parameters it ends with as JSON. Environment: SLEEP is how
long a score takes, MACHINE gives the process another machine, so that others cannot see whether it
lives.
"""

import json
import os
import sys
import time
import warnings

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from skboost.tuning import OptunaSearchCV, _owner


def score(estimator, X, y):
    if seconds := float(os.environ.get("SLEEP", "0")):
        print("fitting", flush=True)
        time.sleep(seconds)
    return -float(np.mean((estimator.predict(X) - y) ** 2))


def main(storage, n_trials, lease):
    if "MACHINE" in os.environ:
        _owner._machine = lambda: os.environ["MACHINE"]
    if storage.startswith("grpc:"):
        from optuna.storages import GrpcStorageProxy

        warnings.filterwarnings("ignore", message="GrpcStorageProxy is experimental")
        storage = GrpcStorageProxy(host="localhost", port=int(storage.removeprefix("grpc:")))
        storage.wait_server_ready(timeout=60)
    X = np.linspace(0, 1, 40)[:, None]
    search = OptunaSearchCV(
        DecisionTreeRegressor(random_state=0),
        {"max_leaf_nodes": list(range(2, 152))},
        n_trials=n_trials,
        scoring=score,
        cv=2,
        storage=storage,
        study_name="mine",
        shared=True,
        lease=lease,
        random_state=0,
    )
    print("ready", flush=True)
    sys.stdin.readline()
    search.fit(X, np.sin(9 * X[:, 0]))
    print(json.dumps([params["max_leaf_nodes"] for params in search.cv_results_["params"]]))


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
