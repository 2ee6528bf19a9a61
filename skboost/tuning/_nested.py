"""Nested cross-validation: what a search is worth on rows that it has not seen."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from skboost._crossfit.rows import indexable_rows, n_rows_of, take, take_aligned
from skboost.tuning._evaluation import SINGLE, Rows
from skboost.tuning._nested_result import NestedResult
from skboost.tuning._preparation import draw_folds


def nested_cv(
    search: Any,
    X: Any,
    y: Any = None,
    *,
    outer: Any = 5,
    scoring: Any = None,
    params: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    return_searches: bool = False,
    verbose: int = 0,
) -> NestedResult:
    """Run a search anew in each outer fold, and score what it chooses on rows that it has not seen.

    The best score of a search is the highest of many noisy means, hence too good [1]_, [2]_. Here the rows of a fold
    have no part in the search whose choice they judge, so the mean outer score is an honest answer to: how good are
    models that this search makes from so many rows? It says nothing about one of them; for a model to use, fit the
    search on all rows.

    Parameters
    ----------
    search : search of hyper-parameters
        ``OptunaSearchCV``, ``GridSearchCV``, ``RandomizedSearchCV`` or another with ``best_estimator_``,
        ``best_params_`` and ``cv_results_``. It is cloned for each fold. With a storage each fold has a study of its
        own, told apart by its data, or by "-outer0", "-outer1", ... after a ``study_name``; the same call goes on after
        a crash.
    X : array-like, frame or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
    outer : int, splitter or iterable of (train, test), default=5
        The outer folds; a number means folds without shuffling, in the classes' shares for a classifier. They are drawn
        once.
    scoring : str, callable, list, dict or None, default=None
        Metrics of the outer test rows, as in scikit-learn's searches; None takes those of the search.
    params : dict, optional
        Metadata for the search's ``fit``, such as ``sample_weight``; what has one entry a row is cut to the rows of
        each fold. ``groups`` go to the outer splitter too. Without metadata routing weights are for scoring what they
        are in the search. With routing enabled everything goes where it is requested.
    n_jobs : int or None, default=None
        Outer folds at the same time, as in joblib. Workers are used better by the ``n_jobs`` of the search, which has
        more to do at a time; set one of them. Results do not depend on it.
    return_searches : bool, default=False
        Whether to keep the fitted searches.
    verbose : int, default=0
        1 prints a line when a fold is done.

    Returns
    -------
    result : NestedResult

    Raises
    ------
    ValueError
        If ``search`` is none, or does not refit, or shares one Optuna study between its clones.
    Exception
        That of the first fold, if no search succeeds.

    Warns
    -----
    FitFailedWarning
        If a fold fails. Its scores are NaN, ``errors`` says why, and the other folds are kept. A search that has
        finished but could not be scored is in ``searches``, whether or not these were asked for.

    See Also
    --------
    OptunaSearchCV : A search.

    References
    ----------
    .. [1] S. Varma and R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC
       Bioinformatics 7, 2006.
    .. [2] G. C. Cawley and N. L. C. Talbot, "On over-fitting in model selection and subsequent selection bias in
       performance evaluation", JMLR 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.kernel_ridge import KernelRidge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skboost.tuning import nested_cv
    >>> X, y = load_diabetes(return_X_y=True)
    >>> space = {"alpha": [0.001, 0.01, 0.1, 1.0], "gamma": [0.1, 1.0, 10.0]}
    >>> search = GridSearchCV(KernelRidge(kernel="rbf"), space)
    >>> nested_cv(search, X, y, outer=4)
    Nested cross-validation with 4 outer folds
    metric     outer mean (std)     0.95 interval    inner best   optimism
    score      0.482 (0.069)        0.314 to 0.65    0.475        -0.0075
    parameter  chosen most often    share    lowest to highest
    alpha      0.01                 4 of 4   0.01 to 0.01
    gamma      1                    2 of 4   0.1 to 1
    """
    _refuse_unfit(search)
    X, y = indexable(X, y)
    X, y = indexable_rows(X), None if y is None else indexable_rows(y)
    judge = search if scoring is None else _scored_by(search, scoring)
    scorer = check_scoring(judge.estimator, judge.scoring)
    routed = _route(search, judge, scorer, outer, dict(params or {}))
    folds = draw_folds(outer, search, X, y, routed.split)
    job = _Job(X, y, scorer, routed, len(folds), return_searches, verbose)
    found = Parallel(n_jobs=n_jobs)(
        delayed(_run_fold)(job, _named_apart(search, place), fold, place)
        for place, fold in enumerate(folds)
    )
    _judge_failures(found)
    return _result(found, folds, search, scoring)


@dataclass(frozen=True)
class _Routed:
    """Metadata for the splitter, for the search, and for scorers."""

    split: dict[str, Any]
    fit: dict[str, Any]
    score: dict[str, Any]


@dataclass(frozen=True)
class _Job:
    """What is the same for all folds."""

    X: Any
    y: Any
    scorer: Any
    routed: _Routed
    n_folds: int
    return_searches: bool
    verbose: int


@dataclass
class _OuterFold:
    """What one outer fold has given, as far as it came."""

    scores: dict[str, float] = field(default_factory=dict)
    inner: dict[str, float] = field(default_factory=dict)
    params: dict[str, Any] | None = None
    fit_time: float = np.nan
    score_time: float = np.nan
    search: Any = None
    error: Exception | None = None
    report: str = ""


def _refuse_unfit(search: Any) -> None:
    """Raise if a search cannot be nested."""
    given = search.get_params(deep=False) if hasattr(search, "get_params") else {}
    name = type(search).__name__
    if "estimator" not in given or "scoring" not in given or not hasattr(search, "fit"):
        raise ValueError(
            f"{name} is no search of hyper-parameters: nested_cv takes OptunaSearchCV, GridSearchCV and the like. Put "
            "a pipeline inside the search; to evaluate an estimator as it is, use sklearn's cross_validate."
        )
    if given.get("refit", True) is False:
        raise ValueError(
            f"refit=False leaves {name} without a model for the outer test rows; set refit=True, or the name of a "
            "metric."
        )
    if given.get("study") is not None:
        raise ValueError(
            f"study={given['study']!r} would be shared by the searches of all outer folds, and scores on test rows of "
            "one would guide another; leave it out."
        )


def _scored_by(search: Any, scoring: Any) -> Any:
    """A search with other metrics, to ask it about scoring; it is never fitted."""
    return clone(search).set_params(scoring=scoring)


def _named_apart(search: Any, place: int) -> Any:
    """A clone for an outer fold, with a study of its own."""
    fresh = clone(search)
    name = fresh.get_params(deep=False).get("study_name")
    return fresh if name is None else fresh.set_params(study_name=f"{name}-outer{place}")


def _route(search: Any, judge: Any, scorer: Any, outer: Any, params: dict[str, Any]) -> _Routed:
    """Who gets which metadata."""
    if not sklearn.get_config()["enable_metadata_routing"]:
        # searches derived from scikit-learn's know whether their scorers take weights
        ask = getattr(judge, "_get_routed_params_for_fit", None)
        to_score = {} if ask is None else ask(params).scorer.score
        return _Routed({"groups": params.get("groups")}, params, to_score)
    router = (
        MetadataRouter(owner="nested_cv")
        .add(estimator=search, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        .add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))
    )
    if hasattr(outer, "get_metadata_routing"):
        to_split = MethodMapping().add(caller="fit", callee="split")
        router.add(splitter=outer, method_mapping=to_split)
    routed = process_routing(router, "fit", **params)
    split = routed["splitter"].split if "splitter" in routed else {}
    return _Routed(split, routed.estimator.fit, routed.scorer.score)


def _run_fold(job: _Job, search: Any, fold: tuple[Rows, Rows], place: int) -> _OuterFold:
    """Search on the training rows, and score on the others; an error is part of the answer."""
    found = _OuterFold()
    start = time.perf_counter()
    try:
        _search_and_score(found, job, search, *fold)
    except Exception as error:
        found.error, found.report = error, traceback.format_exc()
    if not job.return_searches and found.error is None:
        found.search = None  # it may be large
    if job.verbose:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in found.scores.items())
        seconds = time.perf_counter() - start
        print(f"outer fold {place + 1} of {job.n_folds}: {scores or 'failed'} ({seconds:.1f} s)")
    return found


def _search_and_score(found: _OuterFold, job: _Job, search: Any, train: Rows, test: Rows) -> None:
    """Fill in what is known, as soon as it is."""
    n_rows = n_rows_of(job.X)
    start = time.perf_counter()
    data = _rows(search, job, train, train)
    found.search = search.fit(*data, **take_aligned(job.routed.fit, train, n_rows))
    found.fit_time = time.perf_counter() - start
    found.params = dict(search.best_params_)
    found.inner = _inner_scores(search)
    start = time.perf_counter()
    data = _rows(search, job, test, train)
    params = take_aligned(job.routed.score, test, n_rows)
    scores = job.scorer(search.best_estimator_, *data, **params)
    named = scores if isinstance(scores, Mapping) else {SINGLE: scores}
    found.scores = {name: float(score) for name, score in named.items()}
    found.score_time = time.perf_counter() - start


def _inner_scores(search: Any) -> dict[str, float]:
    """For each metric the mean over the inner folds of what a search has chosen."""
    results, start = getattr(search, "cv_results_", {}), "mean_test_"
    return {
        name.removeprefix(start): float(means[search.best_index_])
        for name, means in results.items()
        if name.startswith(start)
    }


def _rows(search: Any, job: _Job, rows: Rows, train: Rows) -> tuple[Any, ...]:
    """Some rows of the data; of a matrix of kernels or distances, their values with the training rows."""
    pairwise = get_tags(search).input_tags.pairwise
    part = job.X[np.ix_(rows, train)] if pairwise else take(job.X, rows)
    return (part,) if job.y is None else (part, take(job.y, rows))


def _judge_failures(found: list[_OuterFold]) -> None:
    """Raise if no search has succeeded, warn if some folds have failed."""
    errors = [fold.error for fold in found if fold.error is not None]
    if not errors:
        return
    if all(fold.params is None for fold in found):
        raise errors[0]
    report = next(fold.report for fold in found if fold.error is not None)
    warnings.warn(
        f"{len(errors)} of {len(found)} outer folds failed; their scores are NaN, and the others are kept. The first "
        f"of them:\n{report}",
        FitFailedWarning,
        stacklevel=3,
    )


def _result(
    found: list[_OuterFold], folds: list[tuple[Rows, Rows]], search: Any, scoring: Any
) -> NestedResult:
    """All folds in arrays."""
    wanted = _by_name(search.scoring if scoring is None else scoring)
    names = list(dict.fromkeys(name for fold in found for name in fold.scores)) or list(wanted)
    same = {name for name in names if _is_same(name, search.scoring, scoring)}
    refit = search.get_params(deep=False).get("refit")
    nan = float("nan")
    return NestedResult(
        scores={name: np.array([f.scores.get(name, nan) for f in found]) for name in names},
        inner_scores={
            name: np.array([f.inner.get(name, nan) if name in same else nan for f in found])
            for name in names
        },
        params=tuple(f.params or {} for f in found),
        n_train=np.array([len(train) for train, _ in folds]),
        n_test=np.array([len(test) for _, test in folds]),
        fit_times=np.array([f.fit_time for f in found]),
        score_times=np.array([f.score_time for f in found]),
        errors=tuple(f.report for f in found),
        searches=tuple(f.search for f in found)
        if any(f.search is not None for f in found)
        else None,
        metric=refit if isinstance(refit, str) and refit in names else names[0],
    )


def _is_same(name: str, inner: Any, outer: Any) -> bool:
    """Whether a metric of the outer folds is one of the search, so that their scores can be compared."""
    if outer is None or outer is inner:
        return True
    ours, theirs = _by_name(outer), _by_name(inner)
    return name in ours and name in theirs and bool(ours[name] == theirs[name])


def _by_name(scoring: Any) -> dict[str, Any]:
    """Metrics by the names that results have them under."""
    if scoring is None or isinstance(scoring, str) or callable(scoring):
        return {SINGLE: scoring}
    return dict(scoring) if isinstance(scoring, Mapping) else {name: name for name in scoring}
