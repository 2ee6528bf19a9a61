"""Measurement of a table of scores."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv, cross_validate
from sklearn.utils import check_random_state, indexable
from sklearn.utils.parallel import Parallel, delayed

from skboost._validation import Integer, Number
from skboost.tuning._grid_axis import GridAxis
from skboost.tuning._score_table import ScoreTable

MOST_POINTS = 1_000_000  # of a grid without n_points; more is surely a mistake


def tabulate(
    estimator: Any,
    grid: Mapping[str, Iterable[Any]],
    X: Any,
    y: Any = None,
    *,
    cv: Any = 10,
    scoring: Any = None,
    groups: Any = None,
    params: Mapping[str, Any] | None = None,
    n_points: int | None = None,
    resource: str | None = None,
    resources: Iterable[Any] = (),
    error_score: Any = np.nan,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> ScoreTable:
    """Cross-validate every configuration of a grid, and keep the score of each fold.

    The folds are drawn once, so that configurations are compared on the same rows. Fits run in parallel over
    configurations; the scores do not depend on ``n_jobs``. An estimator that draws random numbers should have a whole
    number as its ``random_state``, or the table cannot be measured again.

    Parameters
    ----------
    estimator : estimator
        Parameters that are not in the grid stay as they are.
    grid : dict of str to list
        Values of each parameter, named as in ``set_params``. Any objects will do. The last parameter changes fastest.
    X : array-like, frame or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,), optional
    cv : int, splitter or iterable, default=10
        As in :func:`sklearn.model_selection.cross_validate`.
    scoring : str or callable, optional
        One score; ``estimator.score`` without it.
    groups : array-like of shape (n_samples,), optional
        For the splitter.
    params : dict, optional
        Further arguments of ``fit``, such as ``sample_weight``; with metadata routing, also those of the scorer and the
        splitter.
    n_points : int, optional
        Draw so many configurations without repetition instead of taking all. A look-up of another one then gives the
        nearest; prefer a full grid, where one is affordable.
    resource : str, optional
        A parameter of the estimator along which to measure learning curves, such as ``"n_estimators"``; it must not be
        in the grid.
    resources : sequence, default=()
        Values of ``resource``, in rising order. Every configuration is fitted at each; the last one gives the scores.
    error_score : "raise" or NaN, default=NaN
        What a failed fit or score counts as. NaN tells about failures in one warning.
    n_jobs : int, optional
        Configurations fitted at the same time.
    random_state : int, RandomState or None, default=None
        Of the draw for ``n_points``.
    verbose : int, default=0
        Messages of joblib about the progress.

    Returns
    -------
    table : ScoreTable

    Raises
    ------
    ValueError
        If the grid is empty, holds a value twice or names no parameter of the estimator, ``n_points`` is larger than
        the grid, ``scoring`` names several scores, or all fits fail.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skboost.tuning import tabulate
    >>> X, y = load_diabetes(return_X_y=True)
    >>> table = tabulate(Ridge(), {"alpha": [0.01, 0.1, 1, 10], "fit_intercept": [True, False]}, X, y, cv=5)
    >>> table
    ScoreTable(8 points of 4 alpha x 2 fit_intercept; 5 folds)
    >>> table.params[table.default], table.params[table.best_row]
    ({'alpha': 1, 'fit_intercept': True}, {'alpha': 0.01, 'fit_intercept': True})
    """
    axes = _read_grid(grid, estimator)
    resources = _read_resources(resource, resources, grid)
    if isinstance(scoring, list | tuple | set | dict):
        raise ValueError(f"scoring={scoring!r} names several scores; a table holds one. Name one.")
    scorer = check_scoring(estimator, scoring)
    X, y, groups = indexable(X, y, groups)
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y, groups))
    codes = _drawn_codes([len(axis.levels) for axis in axes], n_points, random_state)
    levels = {axis.name: axis.levels for axis in axes}
    table = ScoreTable(levels, codes, np.empty((0, 0)), np.empty((0, 0)))  # for its params
    jobs = [
        point | ({} if resource is None else {resource: value})
        for point in table.params
        for value in (resources or (None,))
    ]
    options = {"scoring": scorer, "params": dict(params or {})}
    measured = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(_measure)(estimator, job, X, y, folds, options, error_score) for job in jobs
    )
    _tell_failures([text for *_, texts in measured for text in texts], len(jobs) * len(folds))
    shape = (len(codes), max(1, len(resources)), len(folds))
    curves = np.array([scores for scores, *_ in measured]).reshape(shape)
    times = np.array([seconds for _, seconds, _ in measured]).reshape(shape)
    return ScoreTable(
        levels,
        codes,
        curves[:, -1],
        times[:, -1],
        _default_row(estimator, table.params),
        resource,
        resources,
        None if resource is None else curves,
    )


def _read_grid(grid: Any, estimator: Any) -> list[GridAxis]:
    """The axes of a grid."""
    if not isinstance(grid, Mapping) or not grid:
        raise ValueError(
            f"grid={grid!r} is not a dict with a list of values for each parameter; for several grids, measure a table "
            "each."
        )
    axes = [GridAxis.of(name, values) for name, values in grid.items()]
    # set_params knows what is allowed, nested parameters of replaced steps included
    clone(estimator).set_params(**{axis.name: clone(axis.levels[0], safe=False) for axis in axes})
    return axes


def _read_resources(resource: Any, resources: Iterable[Any], grid: Any) -> tuple[Any, ...]:
    values = tuple(resources)
    if (resource is None) != (not values):
        raise ValueError(
            f"resource={resource!r} and resources={values!r} belong together: a parameter and its values; give both or "
            "none."
        )
    if resource in grid:
        raise ValueError(f"resource={resource!r} is in the grid as well; leave it out there.")
    if list(values) != sorted(set(values)):
        raise ValueError(f"resources={values!r} must rise; the last one gives the scores.")
    return values


def _drawn_codes(sizes: list[int], n_points: Any, random_state: Any) -> npt.NDArray[np.int64]:
    """Codes of all points of a grid, or of some, in the order of the grid."""
    total = math.prod(sizes)
    if n_points is None:
        if total > MOST_POINTS:
            raise ValueError(f"the grid has {total} points; draw some of them by n_points=.")
        return np.array(list(itertools.product(*map(range, sizes))), dtype=np.int64)
    if not Integer(1, total).accepts(n_points):
        raise ValueError(
            f"n_points={n_points!r} is not valid: it must be {Integer(1, total)}, the size of the grid, or None."
        )
    rng = check_random_state(random_state)
    rows: set[int] = set()
    while len(rows) < n_points:  # a grid may be too large to be permuted
        rows.update(rng.randint(total, size=n_points - len(rows), dtype=np.int64).tolist())
    return np.stack(np.unravel_index(sorted(rows), sizes), axis=1)


def _measure(
    estimator: Any,
    point: dict[str, Any],
    X: Any,
    y: Any,
    folds: list[Any],
    options: dict[str, Any],
    error_score: Any,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[str]]:
    """Scores and seconds of one configuration in each fold, and what went wrong."""
    values = {name: clone(value, safe=False) for name, value in point.items()}
    model = clone(estimator).set_params(**values)

    def run(some: list[Any]) -> Any:
        return cross_validate(model, X, y, cv=some, error_score="raise", **options)

    try:
        found = run(folds)
        n_bad = int((~np.isfinite(found["test_score"])).sum())
        return found["test_score"], found["fit_time"], ["the score is not finite"] * n_bad
    except Exception:
        if error_score == "raise":
            raise
    # one fold failed: the others count
    scores, seconds, texts = np.full(len(folds), np.nan), np.zeros(len(folds)), []
    for place, fold in enumerate(folds):
        try:
            found = run([fold])
            scores[place], seconds[place] = found["test_score"][0], found["fit_time"][0]
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}")
    return scores, seconds, texts


def _tell_failures(texts: list[str], n_fits: int) -> None:
    if len(texts) == n_fits:
        raise ValueError(f"all {n_fits} fits failed; the first said: {texts[0]}")
    if texts:
        warnings.warn(
            f"{len(texts)} of {n_fits} fits failed and have the score NaN; the first said: {texts[0]}",
            FitFailedWarning,
            stacklevel=3,
        )


def _default_row(estimator: Any, params: list[dict[str, Any]]) -> int | None:
    """The row whose parameters the estimator has already."""
    own = estimator.get_params()
    wanted = {name: repr(own.get(name)) for name in params[0]}
    numbers = {name: own.get(name) for name in params[0]}
    for row, point in enumerate(params):
        if all(
            repr(v) == wanted[name] or _same_number(v, numbers[name]) for name, v in point.items()
        ):
            return row
    return None


def _same_number(one: Any, other: Any) -> bool:
    pair = (one, other)
    return all(Number().accepts(value) for value in pair) and bool(one == other)
