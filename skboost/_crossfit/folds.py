"""Which rows train a model and which calibrate it, and the fits that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skboost._crossfit.rows import n_rows_of, row_numbers, take, take_aligned

Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Fold:
    """Rows that train, and rows that calibrate, of which none has weight 0."""

    train: Rows
    calibrate: Rows


@dataclass(frozen=True)
class FittedFold:
    """A model, and what it says of the calibration rows of its fold."""

    estimator: Any
    response: Any
    rows: Rows


def folds_of(splits: Iterable[tuple[Any, Any]], weight: npt.NDArray[np.float64]) -> list[Fold]:
    """Folds of a splitter, without rows of weight 0.

    Raises
    ------
    ValueError
        If a fold trains or calibrates on no rows, or on rows twice.
    """
    folds = []
    for number, (train, test) in enumerate(splits):
        fold = Fold(*(rows[weight[rows] > 0] for rows in map(row_numbers, (train, test))))
        if not len(fold.train) or not len(fold.calibrate):
            kind = "calibrate" if len(fold.train) else "train"
            raise ValueError(
                f"fold {number} of cv has no rows of positive weight to {kind} on; use fewer folds."
            )
        if np.intersect1d(fold.train, fold.calibrate).size:
            raise ValueError(
                f"fold {number} of cv trains on rows that it calibrates on, which makes the model look better than "
                "it is; use folds without common rows, or FrozenEstimator around a model fitted on other rows."
            )
        folds.append(fold)
    if not folds:
        raise ValueError("cv gives no folds; a calibrator needs at least one.")
    return folds


def overlap(folds: list[Fold]) -> bool:
    """Whether a row calibrates in several folds."""
    rows = np.concatenate([fold.calibrate for fold in folds])
    return len(np.unique(rows)) < len(rows)


def check_partition(folds: list[Fold]) -> None:
    """Refuse folds that calibrate on a row twice, for calibrators that see all folds together."""
    if overlap(folds):
        raise ValueError(
            "ensemble=False puts the calibration rows of all folds together, but cv has rows in several of them; use "
            "ensemble=True, or a cv that puts each row into one test fold."
        )


def check_each_row_once(folds: list[Fold], n_rows: int, method: str) -> None:
    """Refuse folds that do not test each of the ``n_rows`` rows of positive weight once.

    Raises
    ------
    ValueError
        If a row is in several test folds or in none.
    """
    tested = np.concatenate([fold.calibrate for fold in folds])
    n_different = len(np.unique(tested))
    if n_different < len(tested):
        raise ValueError(
            f"method={method!r} needs each row in one test fold, but cv puts {len(tested) - n_different} more than "
            "once; use folds without repetitions such as KFold."
        )
    if n_different < n_rows:
        raise ValueError(
            f"method={method!r} needs each row in one test fold, but cv leaves {n_rows - n_different} of {n_rows} "
            "rows out; use folds such as KFold, or method='split'."
        )


def fit_folds(
    estimator: Any,
    X: Any,
    y: Any,
    folds: list[Fold],
    params: dict[str, Any],
    respond: Callable[[Any, Any, Rows], Any],
    parallel: Parallel,
    keep: bool,
) -> list[FittedFold]:
    """Fit a clone on each fold and ask it about the calibration rows.

    Parameters
    ----------
    estimator : estimator
    X, y : all rows
    folds : list of Fold
    params : dict
        Metadata of the estimator's ``fit``.
    respond : callable
        From the fitted estimator, some rows of X and the places of its training rows to scores.
    parallel : Parallel
    keep : bool
        Whether the fitted models are wanted; otherwise only what they said travels back from a worker.
    """
    tasks = (delayed(fit_fold)(estimator, X, y, fold, params, respond, keep) for fold in folds)
    return list(parallel(tasks))


def fit_fold(
    estimator: Any,
    X: Any,
    y: Any,
    fold: Fold,
    params: dict[str, Any],
    respond: Callable[[Any, Any, Rows], Any],
    keep: bool,
) -> FittedFold:
    """One clone, fitted and asked."""
    fitted = fit_on(estimator, X, y, fold.train, params)
    response = respond(fitted, take(X, fold.calibrate), fold.train)
    return FittedFold(fitted if keep else None, response, fold.calibrate)


def fit_on(estimator: Any, X: Any, y: Any, rows: Rows, params: dict[str, Any]) -> Any:
    """A clone of the estimator, fitted on some of the rows."""
    n_rows = n_rows_of(X)
    if np.array_equal(rows, np.arange(n_rows)):  # all rows in their order: nothing to cut
        return clone(estimator).fit(X, y, **params)
    return clone(estimator).fit(take(X, rows), take(y, rows), **take_aligned(params, rows, n_rows))
