"""What a fitted classifier says of rows, with a column for each class that is known anywhere."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]

KINDS = {"decision_function": "logit", "predict_proba": "probability"}


class Response(NamedTuple):
    """Scores of shape (n,) for two classes or (n, n_classes), and what a calibrator must know of them."""

    scores: Floats
    input: str


def response_of(
    estimator: Any, X: Any, classes: npt.NDArray, response_method: str, n_train: float
) -> Response:
    """Scores of the rows of ``X``.

    A class that the estimator has not seen gets the Laplace probability 1 / (n + K) of an unseen event, because a
    probability of zero would rule the class out for ever.

    Parameters
    ----------
    estimator : fitted classifier
    X : array-like of shape (n_samples, n_features)
    classes : ndarray of shape (n_classes,)
        All labels, sorted; the estimator may know fewer of them.
    response_method : {"auto", "decision_function", "predict_proba"}
        "auto" prefers ``decision_function``, whose values do not saturate.
    n_train : float
        Number of rows (sum of weights) that the estimator was trained on.

    Raises
    ------
    ValueError
        If the estimator has neither method, or not the one that was asked for, or gives columns that are no classes.
    """
    for method in wanted_methods(estimator, response_method):
        values = np.asarray(getattr(estimator, method)(X), dtype=np.float64)
        known = np.asarray(estimator.classes_)
        if values.ndim == 1 or values.shape[1] in (1, len(known)):
            return Response(
                all_classes(values, known, classes, KINDS[method], n_train), KINDS[method]
            )
    raise ValueError(
        f"{type(estimator).__name__}.{method} gives {values.shape[1]} columns for {len(known)} classes; "
        "a calibrator needs one a class (for SVC: decision_function_shape='ovr')."
    )


def wanted_methods(estimator: Any, response_method: str) -> list[str]:
    """Methods of the estimator to try in turn."""
    names = list(KINDS) if response_method == "auto" else [response_method]
    found = [name for name in names if hasattr(estimator, name)]
    if not found:
        raise ValueError(
            f"{type(estimator).__name__} has no {' or '.join(names)}; a calibrator needs its scores"
            + (
                "."
                if response_method == "auto"
                else f": try response_method='auto' instead of {response_method!r}."
            )
        )
    return found


def all_classes(
    values: Floats, known: npt.NDArray, classes: npt.NDArray, input: str, n_train: float
) -> Floats:
    """Scores with a column for each of ``classes``; two classes that are both known are one number a row."""
    one_column = values.ndim == 1 or values.shape[1] == 1
    if len(known) == len(classes) == 2:
        return (
            values.reshape(-1)
            if one_column
            else (values[:, 1] if input == "probability" else values[:, 1] - values[:, 0])
        )
    if (
        one_column
    ):  # the second of two classes; or a single class, of which every estimator is certain
        values = values.reshape(-1, 1)
        if len(known) == 2:
            first = 1.0 - values if input == "probability" else np.zeros_like(values)
            values = np.hstack([first, values])
    if len(known) == len(classes):
        return values
    places = np.searchsorted(classes, known)
    n_unseen = len(classes) - len(known)
    share = 1.0 / (n_train + len(classes))
    full = np.empty((len(values), len(classes)))
    if input == "probability":
        full[:] = share
        full[:, places] = values * (1.0 - n_unseen * share)
    else:
        full[:] = (logsumexp(values, axis=1) + np.log(share / (1.0 - n_unseen * share)))[:, None]
        full[:, places] = values
    if len(classes) > 2:
        return full
    return full[:, 1] if input == "probability" else full[:, 1] - full[:, 0]
