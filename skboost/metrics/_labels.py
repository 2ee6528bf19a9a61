"""Observed labels, and the place of each among the classes."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

from skboost._validation import is_missing

Labels = npt.NDArray[Any]
Codes = npt.NDArray[np.int64]

# Two labels whose order needs no explanation, so that one of them may be absent.
PLAIN_PAIRS = ((0, 1), (-1, 1))
FRACTIONS = "y_true holds fractions, which are no labels of classes; were y_true and {} swapped?"


def distinct_labels(y_true: Any, n_rows: int, name: str = "y_prob") -> tuple[Labels, Codes]:
    """Sorted distinct labels, and the place of each row's label among them.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Strings, booleans or whole numbers.
    n_rows : int
        Number of rows of predictions.
    name : str, default="y_prob"
        Name of the predictions in the error.

    Returns
    -------
    found : ndarray
    codes : ndarray of shape (n_rows,), int64

    Raises
    ------
    ValueError
        If there is another number of labels, or some are missing, fractions, or cannot be sorted.
    """
    labels = column_or_1d(y_true)
    if len(labels) != n_rows:
        raise ValueError(
            f"y_true has {len(labels)} rows, but {name} has {n_rows}; they must agree."
        )
    if labels.dtype.kind in "biuf":
        return distinct_numbers(labels, name)
    given = labels.tolist()
    found = list(dict.fromkeys(given))
    if any(map(is_missing, found)):
        raise ValueError("y_true contains NaN or None; every row needs a label.")
    if any(isinstance(label, float) and not label.is_integer() for label in found):
        raise ValueError(FRACTIONS.format(name))
    try:
        found.sort()
    except TypeError as error:
        raise ValueError(
            f"y_true mixes labels that cannot be sorted ({error}); use labels of one type."
        ) from error
    place = {label: code for code, label in enumerate(found)}
    codes = np.fromiter(map(place.__getitem__, given), dtype=np.int64, count=n_rows)
    return np.array(found, dtype=labels.dtype), codes


def distinct_numbers(labels: Labels, name: str = "y_prob") -> tuple[Labels, Codes]:
    """:func:`distinct_labels` of numbers, without sorting where they lie close together."""
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise ValueError("y_true contains NaN or infinity; every row needs a label.")
        if (labels != np.rint(labels)).any():
            raise ValueError(FRACTIONS.format(name))
    low, high = labels.min(), labels.max()
    if max(abs(int(low)), abs(int(high))) < 2**53 and int(high) - int(low) <= len(labels) + 1000:
        shifted = labels.astype(np.int64) - int(low)
        present = np.bincount(shifted) > 0
        found = (np.flatnonzero(present) + int(low)).astype(labels.dtype)
        return found, (np.cumsum(present) - 1)[shifted]
    found, codes = np.unique(labels, return_inverse=True)
    return found, np.asarray(codes, dtype=np.int64).reshape(-1)


def codes_of(y_true: Any, n_rows: int, n_classes: int, labels: Any = None) -> Codes:
    """Column of ``y_prob`` that each row's label belongs to.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
    n_rows, n_classes : int
        Of the probabilities; one number a row speaks of two classes.
    labels : sequence of n_classes labels, optional
        Labels in the order of columns. Without them they are the sorted labels of ``y_true``, which then must all
        occur; of 0 and 1, False and True, or -1 and 1, one may be absent.

    Returns
    -------
    codes : ndarray of shape (n_rows,), int64

    Raises
    ------
    ValueError
        If labels are missing, unknown, or not as many as columns.
    """
    found, codes = distinct_labels(y_true, n_rows)
    place = places_of(found.tolist(), n_classes, labels)
    unknown = [label for label in found.tolist() if label not in place]
    if unknown:
        raise ValueError(
            f"y_true holds labels that labels={reprlib.repr(list(place))} does not: {reprlib.repr(unknown)}."
        )
    columns = np.array([place[label] for label in found.tolist()], dtype=np.int64)
    return columns[codes]


def places_of(
    found: list[Any], n_classes: int, labels: Any = None, name: str = "y_prob"
) -> dict[Any, int]:
    """Column of each class.

    Parameters
    ----------
    found : list of labels
        Sorted labels that occur.
    n_classes : int
        Number of columns of predictions.
    labels : sequence of n_classes labels, optional
        As for :func:`codes_of`.
    name : str, default="y_prob"
        Name of the predictions in the error.
    """
    order = found if labels is None else np.ravel(np.asarray(labels)).tolist()
    if labels is None and len(order) != n_classes:
        order = plain_pair(order) if n_classes == 2 else []
        if not order:
            raise ValueError(
                f"y_true holds {len(found)} different label(s) ({reprlib.repr(found)}), but {name} speaks "
                f"of {n_classes} classes; pass all labels in the order of columns as labels=[...]."
            )
    place = {label: column for column, label in enumerate(order)}
    if len(order) != n_classes or len(place) != n_classes:
        raise ValueError(
            f"labels={reprlib.repr(order)} must hold {n_classes} different labels, one for each class of {name}."
        )
    return place


def happened(y_true: Any, n_rows: int, pos_label: Any = None) -> tuple[npt.NDArray[np.bool_], int]:
    """Whether the event of ``pos_label`` happened in each row, and its place among two sorted labels.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
    n_rows : int
    pos_label : label, optional
        None for the second of two labels.

    Returns
    -------
    happened : ndarray of shape (n_rows,), bool
    column : int
        0 or 1; -1 where ``y_true`` does not hold two classes, so that there are no two columns.

    Raises
    ------
    ValueError
        If there is no such label, or there are not two and no ``pos_label`` is given.
    """
    found, codes = distinct_labels(y_true, n_rows)
    known = found.tolist()
    named = known if pos_label is None else [*known, pos_label]
    order = known if len(known) == 2 else plain_pair(named)
    if pos_label is None:
        if not order:
            raise ValueError(
                f"y_true holds {len(known)} different label(s) ({reprlib.repr(known)}); name that of the event as "
                "pos_label."
            )
        pos_label = order[1]
    if pos_label in known:
        return codes == known.index(pos_label), order.index(pos_label) if order else -1
    if pos_label not in order:
        raise ValueError(
            f"pos_label={pos_label!r} is none of the labels of y_true ({reprlib.repr(known)}); "
            "if the event never happened, pass y_true == pos_label, which holds False only."
        )
    return np.zeros(n_rows, dtype=bool), order.index(pos_label)


def plain_pair(labels: list[Any]) -> list[Any]:
    """[0, 1] or [-1, 1] where all labels are among them, else an empty list."""
    for pair in PLAIN_PAIRS:
        if all(label in pair for label in labels):
            return list(pair)
    return []
