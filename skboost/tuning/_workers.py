"""Jobs of a search spread over joblib's workers, to which the data travel once."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from skboost.tuning._evaluation import Job, Task, evaluate
from skboost.tuning._limits import FitCrashedError, FitTimeoutError, run_limited
from skboost.tuning._records import FoldResult

N_KEPT = 2  # tasks that a worker remembers: a search, and one inside it

_kept: OrderedDict[str, Task] = OrderedDict()  # of other processes' searches
_owned: dict[str, Task] = {}  # of searches that this process runs
_lock = threading.Lock()


class TaskMissing:
    """What a worker answers that has not got the data."""


class Workers:
    """Runs the jobs of one search.

    Jobs name the task by a token. A worker in another process that meets the token for the first time says that the
    task is missing, and gets it with a job of the next call; so data travel once to each worker, whatever the
    backend, and a worker that joins later gets them too.

    Parameters
    ----------
    task : Task
    n_jobs : int or None
        As everywhere in scikit-learn.
    fit_timeout : float or None
        Seconds after which a fit is stopped by force.
    """

    def __init__(self, task: Task, n_jobs: int | None, fit_timeout: float | None) -> None:
        self.task = task
        self.n_jobs = n_jobs
        self.fit_timeout = fit_timeout
        self.token = uuid.uuid4().hex
        self._on_cluster: Any = None

    def __enter__(self) -> Workers:
        _owned[self.token] = self.task
        backend, _ = get_active_backend()
        self._client: Any = getattr(backend, "client", None)  # Dask's
        # one job at a time to each worker: jobs are few, and those without a task are answered at once, from which
        # joblib would conclude that jobs are short and several of them should go together
        self.parallel = Parallel(n_jobs=self.n_jobs, batch_size=1, pre_dispatch="all")
        self.parallel.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.parallel.__exit__(*error)
        self._on_cluster = None
        _owned.pop(self.token, None)

    def run(self, jobs: Sequence[Job]) -> list[FoldResult | None]:
        """Results in the order of the jobs; None for those that began after their deadline."""
        found = self._call(jobs, [None] * len(jobs))
        while missing := [i for i, result in enumerate(found) if isinstance(result, TaskMissing)]:
            again = self._call([jobs[i] for i in missing], self._copies(len(missing)))
            for place, result in zip(missing, again, strict=True):
                found[place] = result
        return found

    def _copies(self, n_jobs: int) -> list[Any]:
        """What jobs bring along for workers that miss the task: as many copies as there are workers."""
        if self._client is not None:
            return [self._scattered()] * n_jobs
        n_workers = effective_n_jobs(self.n_jobs)
        return [self.task if place < n_workers else None for place in range(n_jobs)]

    def _scattered(self) -> Any:
        """The task in the memory of a Dask cluster, which gives it to each worker once, new ones included.

        All workers get it, so that it is not lost with one that dies.
        """
        if self._on_cluster is None or self._on_cluster.status != "finished":
            self._on_cluster = self._client.scatter(self.task, broadcast=True, hash=False)
        return self._on_cluster

    def _call(self, jobs: Sequence[Job], tasks: Sequence[Any]) -> list[Any]:
        """One round of joblib."""
        answers = self.parallel(
            delayed(_work)(self.token, task, job, self.fit_timeout)
            for task, job in zip(tasks, jobs, strict=True)
        )
        return list(answers)


def refuse_dask_collections(X: Any, y: Any, n_jobs: int | None, fit_timeout: float | None) -> None:
    """Refuse data on a Dask cluster where their fits could not run.

    Such a fit (of ``xgboost.dask``, say) uses the whole cluster through the client of this process. Fits in other
    processes have no client, and those in the cluster's own workers would wait for each other for ever.

    Raises
    ------
    ValueError
        If fits would leave this process, or rows cannot be taken by number.
    """
    for name, data in (("X", X), ("y", y)):
        if not hasattr(data, "__dask_graph__"):
            continue
        if hasattr(data, "to_dask_array"):
            raise ValueError(
                f"{name} is a Dask {type(data).__name__}, from which rows cannot be taken by their numbers; give "
                f"{name}.to_dask_array(lengths=True)."
            )
        if (n_workers := effective_n_jobs(n_jobs)) > 1:
            raise ValueError(
                f"n_jobs={n_jobs} means {n_workers} fits side by side here, but {name} is a Dask collection, each fit "
                "on which uses the whole cluster; set n_jobs=1 and leave out parallel_config(backend='dask')."
            )
        if fit_timeout is not None:
            raise ValueError(
                f"fit_timeout={fit_timeout} puts fits into a process of their own, which cannot reach the Dask cluster "
                f"that holds {name}; leave it at None."
            )


def _work(
    token: str, task: Task | None, job: Job, fit_timeout: float | None
) -> FoldResult | TaskMissing | None:
    """Do a job where the task is known."""
    task = _remember(token, task)
    if task is None:
        return TaskMissing()
    if fit_timeout is None:
        return evaluate(task, job)
    return _limited(token, task, job, fit_timeout)


def _remember(token: str, task: Task | None) -> Task | None:
    """The task of a token, if this process has it; a task that came along is kept."""
    if token in _owned:
        return _owned[token]
    with _lock:
        if task is not None:
            _kept[token] = task
        if token not in _kept:
            return None
        _kept.move_to_end(token)
        while len(_kept) > N_KEPT:
            _kept.popitem(last=False)
        return _kept[token]


def _limited(token: str, task: Task, job: Job, seconds: float) -> FoldResult | None:
    """Do a job in a process that is stopped when time is up, for the fit or for the whole search."""
    left = seconds if job.deadline is None else min(seconds, job.deadline - time.time())
    if left <= 0:
        return None
    start = time.perf_counter()
    try:
        answer: FoldResult | None = run_limited(
            evaluate, (replace(job, deadline=None),), {}, left, shared=(token, task)
        )
    except FitTimeoutError:
        if left < seconds:  # it was the search that ran out of time, not the fit
            return None
        if task.error_score == "raise":
            raise
        reason = f"FitTimeoutError: a fit took longer than fit_timeout={seconds:g} seconds and was stopped."
        return FoldResult(fit_time=time.perf_counter() - start, error=reason)
    except FitCrashedError as error:
        if task.error_score == "raise":
            raise
        return FoldResult(fit_time=time.perf_counter() - start, error=f"FitCrashedError: {error}")
    return answer
