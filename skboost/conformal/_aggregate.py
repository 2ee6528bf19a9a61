"""Means and medians of many subsets of the same predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry

Floats = npt.NDArray[np.float64]
Members = npt.NDArray[np.bool_]

AGGREGATES = Registry("aggregate")
"""Names that the parameter ``aggregate`` of ConformalRegressor accepts."""

# Numbers that are worked on at a time, so that they stay in the cache.
BLOCK = 2**18


class Aggregate(ABC):
    """One number for the predictions of several models."""

    @abstractmethod
    def of_rows(self, rows: npt.NDArray[np.integer], values: Floats, n_rows: int) -> Floats:
        """Aggregates of values by the row that they belong to; each row has one at least.

        Parameters
        ----------
        rows : ndarray of shape (n_values,)
        values : ndarray of shape (n_values,)
        n_rows : int

        Returns
        -------
        aggregates : ndarray of shape (n_rows,)
        """

    @abstractmethod
    def of_subsets(self, predictions: Floats, members: Members) -> Floats:
        """Aggregates over subsets of the models.

        Parameters
        ----------
        predictions : ndarray of shape (m, n_models)
        members : ndarray of shape (n_subsets, n_models)
            Models of each subset, one at least.

        Returns
        -------
        aggregates : ndarray of shape (m, n_subsets)
        """


@AGGREGATES.register("mean")
class Mean(Aggregate):
    """The mean."""

    def of_rows(self, rows: npt.NDArray[np.integer], values: Floats, n_rows: int) -> Floats:
        """Sums by row, divided by counts."""
        sums = np.bincount(rows, values, minlength=n_rows)
        return np.asarray(sums / np.bincount(rows, minlength=n_rows))

    def of_subsets(self, predictions: Floats, members: Members) -> Floats:
        """A product of matrices."""
        return np.asarray(predictions @ (members / members.sum(axis=1, keepdims=True)).T)


@AGGREGATES.register("median")
class Median(Aggregate):
    """The median: the mean of the two in the middle, if their number is even."""

    def of_rows(self, rows: npt.NDArray[np.integer], values: Floats, n_rows: int) -> Floats:
        """The middle of each row's run of sorted values."""
        ordered = values[np.lexsort((values, rows))]
        counts = np.bincount(rows, minlength=n_rows)
        starts = np.cumsum(counts) - counts
        low, high = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
        return np.asarray((low + high) / 2)

    def of_subsets(self, predictions: Floats, members: Members) -> Floats:
        """Sort all models once, then walk through them and count the members of each subset."""
        counts = members.sum(axis=1)
        in_turn = np.ascontiguousarray(members.T, dtype=np.int16)
        middles = ((counts + 1) // 2).astype(np.int16), (counts // 2 + 1).astype(np.int16)
        answer = np.empty((len(predictions), len(members)))
        at_once = max(1, BLOCK // len(members))
        for first in range(0, len(predictions), at_once):
            block = predictions[first : first + at_once]
            order = np.argsort(block, axis=1)
            reached = np.zeros((len(block), len(members)), dtype=np.int16)
            places = np.zeros((2, *reached.shape), dtype=np.int16)
            for model in order.T[:-1]:
                reached += in_turn[model]
                for place, middle in zip(places, middles, strict=True):
                    place += reached < middle
            ordered = np.take_along_axis(block, order, axis=1)
            low, high = (np.take_along_axis(ordered, p.astype(np.intp), axis=1) for p in places)
            answer[first : first + at_once] = (low + high) / 2
        return answer
