"""What a fitted classifier says of rows, with a column for each class that is known anywhere."""

from __future__ import annotations

import reprlib
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
        if values.ndim == 1:
            values = values[:, np.newaxis]
        if values.shape[1] in (1, len(known)) and not are_pairs(values, estimator, X):
            return Response(
                all_classes(values, known, classes, KINDS[method], n_train), KINDS[method]
            )
    raise ValueError(
        f"{type(estimator).__name__}.{method} gives {values.shape[1]} columns for {len(known)} classes, which are not "
        "the classes; a calibrator needs one column a class (for SVC: decision_function_shape='ovr')."
    )


def are_pairs(values: Floats, estimator: Any, X: Any) -> bool:
    """Whether three columns are the pairs of three classes instead of the classes.

    Only SVC gives pairs, if it is told to, perhaps inside of a pipeline; a wrapper such as OneVsRestClassifier makes
    columns of classes of them all the same.
    """
    if values.shape[1] != 3:  # as many pairs as classes
        return False
    parameters = estimator.get_params().items()
    if not any(name.endswith("decision_function_shape") and v == "ovo" for name, v in parameters):
        return False
    said = np.asarray(estimator.classes_)[values.argmax(axis=1)]
    return bool((said != estimator.predict(X)).any())


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
    """Scores with a column for each of ``classes``; two classes that are both known are one number a row.

    Values are of shape (n, n_known); of two known classes they may be one column, for the second.
    """
    if len(known) == 2 and values.shape[1] == 1:
        first = 1.0 - values if input == "probability" else np.zeros_like(values)
        values = np.hstack([first, values])
    if len(known) == len(classes):
        if not np.array_equal(known, classes):  # an order of its own, or numbers of the classes
            values = values[:, np.argsort(known)]
        return second_of(values, input) if len(classes) == 2 else values
    place = {label: column for column, label in enumerate(classes.tolist())}
    strange = [label for label in known.tolist() if label not in place]
    if strange:
        raise ValueError(
            f"the estimator has seen {len(known)} of the {len(classes)} classes, but its classes_ are not labels of y "
            f"({reprlib.repr(strange)}), so that it is not clear which; encode the labels before."
        )
    places = [place[label] for label in known.tolist()]
    n_unseen = len(classes) - len(known)
    share = 1.0 / (n_train + len(classes))
    full = np.empty((len(values), len(classes)))
    if input == "probability":
        full[:] = share
        full[:, places] = values * (1.0 - n_unseen * share)
    else:
        full[:] = (logsumexp(values, axis=1) + np.log(share / (1.0 - n_unseen * share)))[:, None]
        full[:, places] = values
    return second_of(full, input) if len(classes) == 2 else full


def second_of(values: Floats, input: str) -> Floats:
    """Scores of the second of two classes."""
    return values[:, 1] if input == "probability" else values[:, 1] - values[:, 0]
