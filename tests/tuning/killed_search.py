"""A search that is meant to be killed or interrupted; it is run in a process of its own.

It is told, as globals of this file: ``job``, a dict of ``storage``, ``sampler``, ``n_objectives``, ``die_after`` (the
trial after whose end it kills itself, or None) and ``options`` of the search; and ``line``, a connection on which it
sends "ready", the number of each trial that has ended, and at last what the search found; then it waits for
the end of that connection.
"""

import contextlib
import math
import os
import signal
import time
import warnings

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from skboost.tuning import OptunaSearchCV

SPACE = {"width": (0.01, 100.0, "log"), "depth": (0, 8), "kind": ["flat", "steep", "round"]}
BONUS = {"flat": 0.0, "steep": 0.2, "round": 0.4}


class Landscape(RegressorMixin, BaseEstimator):
    """Its score is a formula; a fit takes some milliseconds."""

    def __init__(self, width=1.0, depth=1, kind="flat"):
        self.width, self.depth, self.kind = width, depth, kind

    def fit(self, X, y):
        time.sleep(0.004)
        return self

    def predict(self, X):
        return np.full(len(X), self.width)

    def score(self, X, y):
        peak = -(math.log(self.width / 3) ** 2) - 0.1 * (self.depth - 5) ** 2
        return BONUS[self.kind] + peak + float(np.mean(y))


def shallow(estimator, X, y):
    return float(np.mean(y)) - estimator.depth


def score(estimator, X, y):
    return estimator.score(X, y)


def run(job, line):
    """Search, say what is done, and die if told so."""

    def report(study, trial):
        line.send(trial.number)
        if trial.number == job["die_after"]:
            os.kill(os.getpid(), signal.SIGKILL)

    X = np.random.default_rng(0).normal(size=(30, 2))
    options = {"cv": 3, "n_trials": 20, "random_state": 5, "refit": False} | job["options"]
    if job["n_objectives"] == 2:
        scoring = {"score": score, "shallow": shallow}
        options |= {"scoring": scoring, "objectives": ["score", "shallow"]}
    search = OptunaSearchCV(
        Landscape(),
        SPACE,
        sampler=job["sampler"],
        storage=job["storage"],
        callbacks=[report],
        **options,
    )
    line.send("ready")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.filterwarnings("always", "The search was interrupted")
        try:
            search.fit(X, X[:, 0])
            end = "interrupted" if caught else "whole"
        except KeyboardInterrupt:
            end = "raised"
    found = {"end": end, "trials": trials_of(search) if hasattr(search, "study_") else []}
    if hasattr(search, "best_estimator_"):
        found |= {"best": search.best_params_, "prediction": search.predict(X[:1]).tolist()}
    line.send(found)
    with contextlib.suppress(EOFError):
        line.recv()  # until the other end is closed


def trials_of(search):
    """All that a search decided."""
    return [
        (t.number, t.params, t.values, t.state.name, t.intermediate_values)
        for t in search.study_.get_trials(deepcopy=False)
    ]


if __name__ == "__main__":
    os.setsid()  # a group of its own, which a signal can reach as one from the keyboard does
    # a shell that starts programs in the background lets them ignore this signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(job, line)  # noqa: F821
