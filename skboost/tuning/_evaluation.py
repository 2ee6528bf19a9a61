"""One fit on one fold, as a worker does it."""

from __future__ import annotations

import numbers
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_classifier
from sklearn.utils import get_tags

from skboost._crossfit.rows import n_rows_of, take, take_aligned
from skboost.tuning._fidelity import EPOCHS, SAMPLES, Ladder
from skboost.tuning._records import FoldResult

Rows = npt.NDArray[np.integer]

SINGLE = "score"  # the name of the metric where there is only one


@dataclass(frozen=True)
class Job:
    """A configuration to be fitted on a fold, with a part of the resource or (None) all of it.

    A job that begins after ``deadline`` (seconds since the epoch) is not done.
    """

    number: int
    params: dict[str, Any]
    fold: int
    resource: int | None = None
    deadline: float | None = None


@dataclass(frozen=True)
class Task:
    """What all jobs of a search share: the data, the folds and how a fold is judged.

    ``folds`` are pairs of training and test rows; with the resource "n_samples" the training rows are in the order in
    which rungs take them, and ``all_rows`` is the rung that takes all of a fold's, of which some folds may have more.
    """

    estimator: Any
    X: Any
    y: Any
    folds: list[tuple[Rows, Rows]]
    scorer: Any
    fit_params: dict[str, Any]
    score_params: dict[str, Any]
    error_score: float | str = np.nan
    return_train_score: bool = False
    resource: str | None = None
    all_rows: int | None = None

    def __sizeof__(self) -> int:
        """Bytes of the data, by which Dask judges how full its workers are."""
        sizes = (getattr(part, "nbytes", None) for part in (self.X, self.y))
        return object.__sizeof__(self) + sum(s for s in sizes if isinstance(s, int)) + 2048


def evaluate(task: Task, job: Job) -> FoldResult | None:
    """Fit and score; None if the job began too late.

    Raises
    ------
    Exception
        Whatever the fit raised, if ``error_score`` is "raise".
    """
    if job.deadline is not None and time.time() > job.deadline:
        return None
    train, test = task.folds[job.fold]
    if task.resource == SAMPLES and job.resource not in (None, task.all_rows):
        train = np.sort(train[: job.resource])
    result = FoldResult()
    start = time.perf_counter()
    try:
        fitted = _fit(task, job, train)
    except Exception:
        if task.error_score == "raise":
            raise
        result.error = traceback.format_exc()
        result.fit_time = time.perf_counter() - start
        return result
    result.fit_time = time.perf_counter() - start
    start = time.perf_counter()
    result.test, result.error = _score(task, fitted, test, train)
    result.score_time = time.perf_counter() - start
    if task.return_train_score:
        result.train, error = _score(task, fitted, train, train)
        result.error = result.error or error
    return result


def _fit(task: Task, job: Job, train: Rows) -> Any:
    """A fitted clone."""
    estimator = clone(task.estimator).set_params(**clone(job.params, safe=False))
    X, y = _rows(task, estimator, train, train)
    params = take_aligned(task.fit_params, train, n_rows_of(task.X))
    if job.resource is not None and task.resource == EPOCHS:
        return _passes(estimator, X, y, params, job.resource)
    if job.resource is not None and task.resource != SAMPLES:
        estimator.set_params(**{str(task.resource): job.resource})
    return _fitted(estimator, X, y, params)


def _fitted(estimator: Any, X: Any, y: Any, params: dict[str, Any]) -> Any:
    """The estimator after its fit, which need not return it."""
    estimator.fit(X, **params) if y is None else estimator.fit(X, y, **params)
    return estimator


def _passes(estimator: Any, X: Any, y: Any, params: dict[str, Any], n_passes: int) -> Any:
    """An estimator after some passes over its rows."""
    if is_classifier(estimator):
        params = {"classes": np.unique(y), **params}
    for _ in range(n_passes):
        estimator.partial_fit(X, y, **params)
    return estimator


def _rows(task: Task, estimator: Any, rows: Rows, train: Rows) -> tuple[Any, Any]:
    """Some rows of the data; of a matrix of kernels or distances, their values with the training rows.

    Which of the two X is, parameters of a trial may decide: a kernel, or the estimator itself.
    """
    y = None if task.y is None else take(task.y, rows)
    if get_tags(estimator).input_tags.pairwise:
        return task.X[np.ix_(rows, train)], y
    return take(task.X, rows), y


def _score(
    task: Task, fitted: Any, rows: Rows, train: Rows
) -> tuple[dict[str, float] | None, str | None]:
    """Scores by metric (None if there are none), and what went wrong."""
    X, y = _rows(task, fitted, rows, train)
    params = take_aligned(task.score_params, rows, n_rows_of(task.X))
    try:
        found = (
            task.scorer(fitted, X, **params) if y is None else task.scorer(fitted, X, y, **params)
        )
    except Exception:
        if task.error_score == "raise":
            raise
        return None, traceback.format_exc()
    named = found if isinstance(found, Mapping) else {SINGLE: found}
    scores, errors = {}, None
    for metric, value in named.items():
        if isinstance(value, str) and isinstance(found, Mapping):
            # the scorer of several metrics says with a text that one of them failed
            errors, value = value, task.error_score
        scores[metric] = _number(metric, value)
    return scores, errors


def _number(metric: str, value: Any) -> float:
    """A score as a float.

    Raises
    ------
    ValueError
        If a scorer returned anything else.
    """
    value = value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value
    if not isinstance(value, numbers.Number):
        raise ValueError(
            f"scoring must return a number, but {metric!r} is {value!r} of type {type(value).__name__}."
        )
    return float(value)  # type: ignore[arg-type]


def fit_in_full(
    estimator: Any, X: Any, y: Any, params: dict[str, Any], ladder: Ladder | None
) -> Any:
    """Fit on all rows, with all of the resource."""
    if ladder is not None and ladder.resource == EPOCHS:
        return _passes(estimator, X, y, params, ladder.rungs[-1])
    return _fitted(estimator, X, y, params)
