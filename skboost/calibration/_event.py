"""One event of a classification problem: in which rows it happened, and how probable it was said to be."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._validation import check_labels
from skboost.calibration._scores import RANGE_TOLERANCE, SUM_TOLERANCE

Floats = npt.NDArray[np.float64]

# Labels of which one tells the other.
PAIRS = ((0, 1), (-1, 1))


@dataclass(frozen=True)
class Event:
    """A class, whether each row has it, and the probability that it was given.

    Parameters
    ----------
    label : object
        The class; None if the event is that the most probable class is the true one.
    happened : ndarray of bool of shape (n_samples,)
    prob : ndarray of shape (n_samples,)
    """

    label: Any
    happened: npt.NDArray[np.bool_]
    prob: Floats


def event_of(y_true: Any, y_prob: Any, pos_label: Any = None, labels: Any = None) -> Event:
    """The event that a row has the class ``pos_label``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the event, or of all classes in the order of ``labels``.
    pos_label : label, optional
        The second class if there are two.
    labels : sequence of labels, optional
        Classes in the order of columns; the sorted labels of ``y_true`` if not given.

    Raises
    ------
    ValueError
        If labels are missing or do not fit the columns, probabilities are none, or the event is not clear.
    """
    prob = read_probabilities(y_prob)
    classes, codes = read_labels(y_true, len(prob))
    order = ordered(classes, labels)
    label = positive_label(order, pos_label)
    if prob.ndim == 2:
        prob = prob[:, column_of(label, order, prob.shape[1])]
    place = classes.tolist().index(label) if label in classes.tolist() else -1
    return Event(label, codes == place, prob)


def top_label_event(y_true: Any, y_prob: Any, labels: Any = None) -> Event:
    """The event that the most probable class is the true one, and the probability of that class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
    labels : sequence of labels, optional
    """
    prob = read_probabilities(y_prob)
    classes, codes = read_labels(y_true, len(prob))
    order = ordered(classes, labels)
    if prob.ndim == 1:
        prob = np.column_stack([1.0 - prob, prob])
    if len(order) != prob.shape[1]:
        raise ValueError(wrong_columns(order, prob.shape[1]))
    guess = order[prob.argmax(axis=1)]
    return Event(None, np.asarray(guess == classes[codes]), prob.max(axis=1))


def read_probabilities(y_prob: Any) -> Floats:
    """Probabilities as float64 of shape (n_samples,), or (n_samples, n_classes) with at least two columns."""
    try:
        prob = np.asarray(y_prob, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y_prob must be an array of numbers: {error}.") from error
    if prob.ndim not in (1, 2) or 0 in prob.shape:
        raise ValueError(
            f"y_prob has shape {prob.shape}, but (n_samples,) or (n_samples, n_classes) with at least one row is "
            "needed."
        )
    if not np.isfinite(prob).all():
        raise ValueError("y_prob contains NaN or infinity; leave these rows out.")
    if prob.min() < -RANGE_TOLERANCE or prob.max() > 1 + RANGE_TOLERANCE:
        raise ValueError(
            f"y_prob reaches from {prob.min():g} to {prob.max():g}, but probabilities lie in [0, 1]; turn margins "
            "into probabilities with a calibrator first."
        )
    prob = np.clip(prob, 0.0, 1.0)
    if prob.ndim == 1 or prob.shape[1] == 1:
        return prob.reshape(-1)
    sums = prob.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > SUM_TOLERANCE:
        raise ValueError(
            f"row {worst} of y_prob sums to {sums[worst]:g}, but the probabilities of all classes sum to 1; divide "
            "rows by their sums, or pass the column of one event."
        )
    return prob


def read_labels(
    y_true: Any, n_rows: int, name: str = "y_true", other: str = "y_prob has"
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Sorted labels, and the place of each row's label among them; names are for errors."""
    labels = check_labels(y_true, n_rows, name, other)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, np.asarray(codes, dtype=np.int64)


def ordered(classes: npt.NDArray[Any], labels: Any) -> npt.NDArray[Any]:
    """Classes in the order of columns."""
    if labels is None:
        return classes
    order = np.asarray(labels)
    known = order.tolist()
    unknown = [label for label in classes.tolist() if label not in known]
    if unknown:
        raise ValueError(
            f"y_true holds labels that are not among {reprlib.repr(known)}: {reprlib.repr(unknown)}."
        )
    return order


def positive_label(classes: npt.NDArray[Any], pos_label: Any) -> Any:
    """The label of the event, as it stands among the classes."""
    found = classes.tolist()
    if pos_label in found:
        return found[found.index(pos_label)]
    if pos_label is None and len(found) == 2:
        return found[1]
    if len(found) == 1 and any(found[0] in pair and pos_label in (None, *pair) for pair in PAIRS):
        return 1 if pos_label is None else pos_label
    if pos_label is not None:
        raise ValueError(f"pos_label={pos_label!r} is none of the labels {reprlib.repr(found)}.")
    raise ValueError(
        f"with {len(found)} different label(s), {reprlib.repr(found)}, it is not clear whose probability is meant; "
        "name the class in pos_label."
    )


def column_of(label: Any, classes: npt.NDArray[Any], n_columns: int) -> int:
    """Column of a label; 0 and 1, or -1 and 1, need not both occur."""
    found = classes.tolist()
    if len(found) == n_columns:
        return int(found.index(label))
    if n_columns == 2 and len(found) == 1 and any(found[0] in pair for pair in PAIRS):
        return int(label == 1)
    raise ValueError(wrong_columns(classes, n_columns))


def wrong_columns(classes: npt.NDArray[Any], n_columns: int) -> str:
    """The sentence for columns that are not the classes."""
    return (
        f"y_prob has {n_columns} columns, but there are {len(classes)} labels ({reprlib.repr(classes.tolist())}); "
        "they must agree, or pass the column of one class and name it in pos_label."
    )
