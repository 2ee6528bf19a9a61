"""Probabilities of a fitted classifier, with a column for each class."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._class_labels import places_of

# Probabilities that were computed as differences may fall below 0 by rounding.
RANGE_TOLERANCE = 1e-6


def class_probability(estimator: Any, X: Any, classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What a classifier says of rows, in the order of ``classes``.

    A class that the classifier has not seen has probability 0.

    Parameters
    ----------
    estimator : fitted classifier
    X : anything with rows
    classes : ndarray of shape (n_classes,)
        All labels; the classifier may know fewer of them.

    Returns
    -------
    probability : ndarray of shape (n_samples, n_classes)
        float32 where the classifier gives float32, otherwise float64.

    Raises
    ------
    ValueError
        If the estimator has no ``predict_proba``, or what it gives are no probabilities of its classes.
    """
    name = type(estimator).__name__
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{name} has no predict_proba, but sets are made from probabilities: wrap it in "
            "skboost.calibration.CalibratedClassifier, which makes probabilities from decision_function."
        )
    values = np.asarray(estimator.predict_proba(X))
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    known = np.asarray(getattr(estimator, "classes_", classes))
    if values.ndim != 2 or values.shape[1] != len(known):
        raise ValueError(
            f"{name}.predict_proba gives an array of shape {values.shape} for {len(known)} classes; sets need one "
            "column a class."
        )
    if not np.isfinite(values).all() or values.min(initial=0.0) < -RANGE_TOLERANCE:
        raise ValueError(
            f"{name}.predict_proba gives values that are NaN, infinite or negative; sets need probabilities."
        )
    values = np.maximum(values, 0)
    if len(known) == len(classes) and (known == classes).all():
        return np.asarray(values)
    full = np.zeros((len(values), len(classes)), dtype=values.dtype)
    full[:, places_of(known, classes, f"{name}.classes_")] = values
    return full
