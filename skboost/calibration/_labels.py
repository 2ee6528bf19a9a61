"""Labels of calibration rows, of which some classes may be absent."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._validation import check_labels


class Label:
    """A single label: a string, a number, a boolean, a date; no sequence and not None."""

    def accepts(self, value: Any) -> bool:
        return value is not None and np.ndim(value) == 0

    def __str__(self) -> str:
        return "a label"


def codes_of(
    y: Any, n_rows: int, n_classes: int, classes: Any = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Classes in the order of the columns of scores, and the place of each label among them.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    n_rows : int
        Number of rows of scores.
    n_classes : int
        Number of classes that the scores speak of.
    classes : sequence of n_classes labels, optional
        Labels in the order of columns. Without them they are the sorted labels of ``y``, which then must all occur.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_rows,), int64

    Raises
    ------
    ValueError
        If labels are missing, are not those of ``classes``, or there are fewer or more than columns.
    """
    labels = check_labels(y, n_rows, other="scores have")
    if classes is None:
        order = np.unique(labels)
        if len(order) != n_classes:
            raise ValueError(
                f"y holds {len(order)} different labels ({reprlib.repr(order.tolist())}), but scores speak of "
                f"{n_classes} classes; pass all labels in the order of columns as classes=[...]."
            )
        return order, np.searchsorted(order, labels).astype(np.int64, copy=False)
    order = np.asarray(classes)
    place = {label: code for code, label in enumerate(order.tolist())}
    if len(place) != n_classes or len(order) != n_classes:
        raise ValueError(
            f"classes={reprlib.repr(order.tolist())} must hold {n_classes} different labels, one for each class of "
            "the scores."
        )
    # few numbers to look at in Python; strings are slower to sort than to look up
    distinct = np.unique(labels) if labels.dtype.kind in "biuf" else labels
    unknown = sorted({str(label) for label in distinct.tolist() if label not in place})
    if unknown:
        raise ValueError(
            f"y holds labels that classes={reprlib.repr(order.tolist())} does not: {', '.join(unknown[:5])}."
        )
    codes = np.array([place[label] for label in distinct.tolist()], dtype=np.int64)
    return order, codes if distinct is labels else codes[np.searchsorted(distinct, labels)]
