"""Probabilities and labels as events of two outcomes, which is what calibration speaks about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._validation import check_weights
from skboost.metrics._labels import codes_of, happened
from skboost.metrics._options import check_kind

Floats = npt.NDArray[np.float64]
Said = int | npt.NDArray[np.int64]

# Probabilities that were rounded, or computed in float32, are not exact.
SUM_TOLERANCE = 0.02
RANGE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Event:
    """Rows of one event: how probable it was said to be, whether it happened, and how much the row counts.

    Attributes
    ----------
    outcome : ndarray of shape (n,)
        1.0 where the event happened, else 0.0.
    probability : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        All positive.
    """

    outcome: Floats
    probability: Floats
    weight: Floats


def read_event(y_true: Any, y_prob: Any, sample_weight: Any, pos_label: Any) -> Event:
    """The rows of one event, for functions that know no other.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    y_prob : array-like of shape (n,), (n, 1) or (n, 2)
        Probability of ``pos_label``; two columns are those of the two sorted labels.
    sample_weight : array-like of shape (n,) or None
    pos_label : label or None
        None for the second of two labels.

    Returns
    -------
    event : Event
    """
    probability = read_probabilities(y_prob)
    weight = check_weights(sample_weight, len(probability))
    outcome, column = happened(y_true, len(probability), pos_label)
    if probability.ndim == 2:
        if probability.shape[1] != 2 or column < 0:
            raise ValueError(
                f"y_prob has {probability.shape[1]} columns, but the probability of one event is needed; pass the "
                "column of pos_label alone."
            )
        probability = np.ascontiguousarray(probability[:, column])
    return counted(outcome, probability, weight)


def read_events(
    y_true: Any, y_prob: Any, kind: Any, labels: Any = None, sample_weight: Any = None
) -> list[Event]:
    """The events whose calibration ``kind`` asks for.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    y_prob : array-like of shape (n,), (n, 1) or (n, n_classes)
    kind : {"binary", "top_label", "classwise"}
    labels : sequence of n_classes labels, optional
    sample_weight : array-like of shape (n,), optional

    Returns
    -------
    events : list of Event
        One, or one for each class with ``kind="classwise"``.

    Raises
    ------
    ValueError
        If the kind is missing, or probabilities, labels or weights are not what they must be.
    """
    check_kind(kind)
    probability = read_probabilities(y_prob)
    weight = check_weights(sample_weight, len(probability))
    forecasts = forecasts_of(probability, kind)
    n_classes = 2 if probability.ndim == 1 else probability.shape[1]
    codes = codes_of(y_true, len(probability), n_classes, labels)
    return [counted(codes == said, forecast, weight) for said, forecast in forecasts]


def read_forecasts(
    y_prob: Any, kind: Any, sample_weight: Any = None
) -> list[tuple[Floats, Floats]]:
    """Probabilities and weights of the events of :func:`read_events`, for what needs no labels."""
    check_kind(kind)
    probability = read_probabilities(y_prob)
    weight = check_weights(sample_weight, len(probability))
    kept = weight > 0
    return [(forecast[kept], weight[kept]) for _, forecast in forecasts_of(probability, kind)]


def read_probabilities(y_prob: Any) -> Floats:
    """Checked probabilities of shape (n,) or (n, n_classes >= 2); one column becomes one number a row."""
    try:
        given = np.asarray(y_prob)
        if given.dtype.kind == "c":
            raise TypeError("complex numbers are no probabilities")
        values = given.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y_prob must be an array of numbers: {str(error).rstrip('.')}."
        ) from error
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise ValueError(
            f"y_prob has shape {values.shape}, but (n_samples,) or (n_samples, n_classes) with at least one row is "
            "needed."
        )
    low, high = values.min(), values.max()  # NaN if there is one
    if np.isnan(low):
        raise ValueError(
            "y_prob contains NaN; look at the model that gave it, or leave out these rows."
        )
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise ValueError(
            f"y_prob reaches from {low:g} to {high:g}, but probabilities lie in [0, 1]; turn scores into probabilities "
            "first."
        )
    if low < 0 or high > 1:
        values = np.clip(values, 0.0, 1.0)
    if values.ndim == 2 and values.shape[1] > 1:
        sums = values.sum(axis=1)
        worst = int(np.abs(sums - 1).argmax())
        if abs(sums[worst] - 1) > SUM_TOLERANCE:
            raise ValueError(
                f"row {worst} of y_prob sums to {sums[worst]:g}, but the probabilities of all classes sum to 1; "
                "divide rows by their sums, or pass the column of one event."
            )
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def forecasts_of(probability: Floats, kind: str) -> list[tuple[Said, Floats]]:
    """For each event the class that is spoken of, in all rows or row by row, and its probability."""
    if kind == "top_label":
        return [top_label(probability)]
    if kind == "binary":
        if probability.ndim == 2 and probability.shape[1] != 2:
            raise ValueError(
                f"kind='binary' is about one event, but y_prob has {probability.shape[1]} columns; use "
                "kind='top_label' or kind='classwise', or pass the column of the event."
            )
        return [(1, probability if probability.ndim == 1 else probability[:, 1])]
    if probability.ndim == 1:
        return [(0, 1 - probability), (1, probability)]
    return list(enumerate(probability.T))


def top_label(probability: Floats) -> tuple[Said, Floats]:
    """Class of the largest probability of each row, the first among equals, and that probability."""
    if probability.ndim == 1:
        return (probability > 0.5).astype(np.int64), np.maximum(probability, 1 - probability)
    said = probability.argmax(axis=1)
    return said, probability[np.arange(len(said)), said]


def counted(outcome: npt.NDArray[Any], probability: Floats, weight: Floats) -> Event:
    """The event on the rows of positive weight."""
    if weight.min() > 0:
        kept: Any = slice(None)
    else:
        kept = weight > 0
    return Event(outcome[kept].astype(np.float64), probability[kept], weight[kept])
