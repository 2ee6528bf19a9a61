"""Passes of cross-validation: predictions for every row by a model that was not trained on it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from skboost._crossfit.folds import fit_on
from skboost._crossfit.rows import row_numbers, take
from skboost.calibration._response import response_of
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Pass:
    """What was said of each row.

    Parameters
    ----------
    prob : ndarray of shape (n_samples,)
        Probability of the event.
    certainty : ndarray of shape (n_samples,)
    folds : ndarray of int of shape (n_samples,) or None
        Number of the model that said it.
    """

    prob: Floats
    certainty: Floats
    folds: npt.NDArray[np.int64] | None = None

    def rows(self, mask: npt.NDArray[np.bool_]) -> Pass:
        """The same for some of the rows."""
        folds = None if self.folds is None else self.folds[mask]
        return Pass(self.prob[mask], self.certainty[mask], folds)


def certainty_of(prob: Floats) -> Floats:
    """max(p, 1 - p), the probability of the more probable answer."""
    return np.maximum(prob, 1.0 - prob)


def passes_of(splits: Iterable[tuple[Any, Any]], n_rows: int) -> list[list[tuple[Rows, Rows]]]:
    """Splits put into passes through the data, each of which tests every row once.

    Raises
    ------
    ValueError
        If a pass leaves rows out, or tests some twice.
    """
    passes: list[list[tuple[Rows, Rows]]] = []
    seen = np.ones(n_rows, dtype=bool)
    for train, test in splits:
        train, test = row_numbers(train), row_numbers(test)
        if seen.all():
            passes.append([])
            seen = np.zeros(n_rows, dtype=bool)
        if seen[test].any():
            break
        passes[-1].append((train, test))
        seen[test] = True
    if not passes or not seen.all():
        raise ValueError(
            f"cv tests {int(seen.sum()) if passes else 0} of {n_rows} rows before it comes to a row again or ends, but "
            "the report needs each row once in every pass; use StratifiedKFold, RepeatedStratifiedKFold, GroupKFold or "
            "LeaveOneOut."
        )
    return passes


def cross_validated_passes(
    estimator: Any,
    X: Any,
    y: npt.NDArray[Any],
    weight: Floats,
    passes: list[list[tuple[Rows, Rows]]],
    *,
    classes: npt.NDArray[Any],
    label: Any,
    certainty: Callable[[Any, Any], Any] | None,
    params: dict[str, Any],
    n_jobs: int | None,
) -> list[Pass]:
    """Fit a clone for each split and ask it about the rows that it has not seen.

    Parameters
    ----------
    estimator : classifier with predict_proba
    X, y : all rows
    weight : ndarray of shape (n_samples,)
        Rows of weight 0 neither train nor are they asked about.
    passes : list of list of (train, test)
    classes : ndarray of shape (n_classes,)
    label : object
        The class whose probability is wanted.
    certainty : callable or None
        From a fitted estimator and rows of X to certainties.
    params : dict
        Metadata of the estimator's ``fit``.
    n_jobs : int or None
    """
    place = classes.tolist().index(label)

    def ask(train: Rows, test: Rows) -> tuple[Floats, Floats]:
        fitted = fit_on(estimator, X, y, train, params)
        rows = take(X, test)
        scores = response_of(
            fitted, rows, classes, "predict_proba", float(weight[train].sum())
        ).scores
        prob = scores[:, place] if scores.ndim == 2 else scores if place else 1.0 - scores
        if certainty is None:
            return prob, certainty_of(prob)
        return prob, read_certainty(certainty(fitted, rows), len(test))

    tasks, places = [], []
    for number, splits in enumerate(passes):
        for fold, (train, test) in enumerate(splits):
            train, test = train[weight[train] > 0], test[weight[test] > 0]
            if len(test):
                tasks.append(delayed(ask)(train, test))
                places.append((number, fold, test))
    prob = np.full((len(passes), len(y)), np.nan)
    sure = np.full((len(passes), len(y)), np.nan)
    folds = np.full((len(passes), len(y)), -1, dtype=np.int64)
    for (number, fold, test), answer in zip(places, Parallel(n_jobs=n_jobs)(tasks), strict=True):
        prob[number, test], sure[number, test] = answer
        folds[number, test] = fold
    return [Pass(*arrays) for arrays in zip(prob, sure, folds, strict=True)]


def read_certainty(certainty: Any, n_rows: int) -> Floats:
    """Certainties as float64 of shape (n_samples,)."""
    try:
        values = np.asarray(certainty, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"certainty must hold a number for each row: {error}.") from error
    if values.shape != (n_rows,):
        raise ValueError(
            f"certainty must hold one number for each of the {n_rows} rows, but its shape is {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "certainty contains NaN or infinity; give rows that should never be kept a low number."
        )
    return values


def weights_for_fit(
    estimator: Any, sample_weight: Any, params: dict[str, Any] | None
) -> dict[str, Any]:
    """Metadata of ``fit`` with the weights of the rows, unless they are already among them."""
    given = dict(params or {})
    named = any(key == "sample_weight" or key.endswith("__sample_weight") for key in given)
    if sample_weight is not None and not named:
        if has_fit_parameter(estimator, "sample_weight"):
            given["sample_weight"] = np.asarray(sample_weight)
        else:
            warnings.warn(
                f"{type(estimator).__name__}.fit takes no sample_weight: models are trained without weights, only the "
                "report uses them. For a step of a Pipeline pass params={'<step>__sample_weight': weights}.",
                stacklevel=3,
            )
    return given


def read_folds(folds: Any, n_rows: int) -> npt.NDArray[np.int64]:
    """Folds of the rows, numbered."""
    names = column_or_1d(folds)
    if len(names) != n_rows:
        raise ValueError(
            f"folds has {len(names)} entries, but y_prob has {n_rows} rows; they must agree."
        )
    return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)


def warn_of_folds(happened: npt.NDArray[np.bool_], passes: list[Pass]) -> None:
    """Say so if no model has scored a row with and a row without the event."""
    for one in passes:
        if one.folds is None or happened.all() or not happened.any():
            return
        n_folds = one.folds.max() + 1
        events = np.bincount(one.folds, happened, minlength=n_folds)
        sizes = np.bincount(one.folds, minlength=n_folds)
        if ((events > 0) & (events < sizes)).any():
            return
    alone = "every fold is a single row (leave-one-out)"
    mixed = "no fold has rows both with and without the event"
    warnings.warn(
        f"{alone if sizes.max() == 1 else mixed}, so the AUROC compares scores of different models only, which biases "
        "it downwards: a model that ignores X scores 0.0 instead of 0.5, and one that learns from noise 0.44 to 0.50. "
        "Use RepeatedStratifiedKFold and the AUROC within folds.",
        UncertaintyWarning,
        stacklevel=4,
    )
