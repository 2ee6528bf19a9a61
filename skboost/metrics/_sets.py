"""Sets of labels: how often they hold the true one, and how large they are."""

from __future__ import annotations

import reprlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost.metrics._labels import distinct_labels, places_of
from skboost.metrics._numbers import mean_of_rows, read_row_weight

Flags = npt.NDArray[np.bool_]


class Sets(NamedTuple):
    """Sets of labels of one or several levels.

    Attributes
    ----------
    members : ndarray of shape (n_rows, n_classes, n_levels), bool
    single : bool
        Whether there was no axis of levels.
    """

    members: Flags
    single: bool

    def cover(self, y_true: Any, labels: Any = None) -> Flags:
        """Whether each set holds the label of its row, shape (n_rows, n_levels).

        Raises
        ------
        ValueError
            If labels are missing, or are not those of the columns.
        """
        n_rows, n_classes = self.members.shape[:2]
        found, codes = distinct_labels(y_true, n_rows, "sets")
        place = places_of(found.tolist(), n_classes, labels, "sets")
        columns = np.array([place.get(label, -1) for label in found.tolist()], dtype=np.int64)
        if (columns < 0).all():
            raise ValueError(
                f"none of the labels of y_true ({reprlib.repr(found.tolist())}) is among "
                f"labels={reprlib.repr(list(place))}; are they of another type?"
            )
        column = columns[codes]
        held = self.members[np.arange(n_rows), column]
        held[column < 0] = False
        return np.asarray(held)


def read_sets(sets: Any) -> Sets:
    """Sets of shape (n_rows, n_classes) or (n_rows, n_classes, n_levels), with an axis of levels.

    Raises
    ------
    ValueError
        If the shape is another one, or there is anything but True and False, or 1 and 0.
    """
    given = np.asarray(sets)
    if given.ndim not in (2, 3) or 0 in given.shape:
        raise ValueError(
            f"sets has shape {given.shape}, but (n_samples, n_classes) or (n_samples, n_classes, n_levels) with at "
            "least one row is needed: True where a label belongs to the set of the row."
        )
    if given.dtype != bool:
        if not np.isin(given, (0, 1)).all():
            raise ValueError(
                "sets must hold True and False only, whether each label belongs to the set of the row; of p-values p "
                "pass p > 1 - confidence_level."
            )
        given = given.astype(bool)
    return Sets(given[:, :, None], True) if given.ndim == 2 else Sets(given, False)


def set_coverage_score(
    y_true: Any, sets: Any, *, labels: Any = None, sample_weight: Any = None
) -> Any:
    """Share of rows whose set of labels holds the true one.

        sum_i w_i 1{y_i in set_i} / sum_i w_i

    A coverage close to the wished level is necessary, not sufficient: look at the size of the sets
    (:func:`mean_set_size`), and at the coverage in parts of the data (:func:`coverage_by_group`).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    sets : array-like of bool of shape (n_samples, n_classes) or (n_samples, n_classes, n_levels)
        Whether each label belongs to the set of the row, as ``predict_set`` gives it.
    labels : sequence of n_classes labels, optional
        Labels in the order of the columns, such as ``classes_``. None for the sorted labels of ``y_true``, which then
        must all occur; of 0 and 1, or -1 and 1, one may be absent. A row whose label is not among them is not covered.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.

    Returns
    -------
    coverage : float, or ndarray of shape (n_levels,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes do not agree, labels are missing or none is among ``labels``, or sets hold anything but True and
        False.

    See Also
    --------
    coverage_by_group : Coverage in parts of the data, with limits.
    coverage_score : The same for intervals.

    Examples
    --------
    >>> from skboost.metrics import set_coverage_score
    >>> sets = [[True, False], [True, True], [True, False]]
    >>> round(set_coverage_score(["no", "yes", "yes"], sets), 3)
    0.667
    """
    read = read_sets(sets)
    covered = read.cover(y_true, labels)
    return mean_of_rows(covered, read_row_weight(sample_weight, len(covered)), read.single)


def mean_set_size(sets: Any, *, sample_weight: Any = None) -> Any:
    """Mean number of labels in sets: how much they leave open. Empty sets count as 0.

    Compare sizes of sets that cover equally often (:func:`set_coverage_score`).

    Parameters
    ----------
    sets : array-like of bool of shape (n_samples, n_classes) or (n_samples, n_classes, n_levels)
        Whether each label belongs to the set of the row, as ``predict_set`` gives it.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.

    Returns
    -------
    size : float, or ndarray of shape (n_levels,)
        Between 0 and the number of classes.

    Raises
    ------
    ValueError
        If the shape is another one, or sets hold anything but True and False.

    Examples
    --------
    >>> from skboost.metrics import mean_set_size
    >>> mean_set_size([[True, False], [True, True]])
    1.5
    """
    read = read_sets(sets)
    sizes = read.members.sum(axis=1)
    return mean_of_rows(sizes, read_row_weight(sample_weight, len(sizes)), read.single)
