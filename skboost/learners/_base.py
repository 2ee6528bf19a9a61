"""What every weak learner promises to the engine."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from skboost._ext.packed import PackedRows
from skboost._registry import Registry
from skboost.base import Component

LEARNERS = Registry("learner")


class Unit(Protocol):
    """What a learner returns: one term of the boosted sum."""

    def predict(self, rows: PackedRows, *, n_threads: int = 1) -> npt.NDArray[np.float64]:
        """Outputs of the unit, of shape (n_rows, K)."""
        ...


class Learner(Component):
    """Fits one unit to a target by weighted least squares.

    Attributes
    ----------
    supports : frozenset of str
        What :meth:`fit` can take: ``"weights"`` (one per row), ``"output_weights"`` (one per row
        and output), ``"multi_output"`` (K > 1), ``"columns"`` (a subset of the columns),
        ``"packed"`` (rows in blocks of 64). The engine refuses what is missing here with a
        sentence.
    """

    supports: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def fit(
        self,
        rows: PackedRows,
        target: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64],
        rng: np.random.Generator,
        *,
        columns: npt.NDArray[np.int32] | None = None,
        n_threads: int = 1,
    ) -> Unit:
        """Fit one unit.

        Parameters
        ----------
        rows : PackedRows
            n rows and d columns, standardised and in random order.
        target : ndarray of shape (n, K)
        weight : ndarray of shape (n,) or (n, K)
            Not negative. A weight k acts like k copies of the row, a weight 0 like its removal.
        rng : numpy.random.Generator
            The only source of chance.
        columns : ndarray of int32, optional
            Columns that may enter; all of them by default.
        n_threads : int, default=1
            At least 1. The result does not depend on it.

        Returns
        -------
        unit : Unit
            All its numbers are finite.
        """


def check_request(
    learner: Learner,
    rows: PackedRows,
    target: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> None:
    """Refuse targets and weights that do not fit the rows or the learner."""
    name, n_rows = type(learner).__name__, rows.n_rows
    if n_rows == 0 or rows.n_columns == 0:
        raise ValueError(
            f"{name} needs at least one row and one column, got {n_rows} and {rows.n_columns}."
        )
    if target.ndim != 2 or target.shape[0] != n_rows or target.shape[1] == 0:
        raise ValueError(
            f"{name} needs a target of shape ({n_rows}, n_outputs), got {target.shape}."
        )
    if target.shape[1] > 1 and "multi_output" not in learner.supports:
        raise ValueError(
            f"{name} fits one output, got {target.shape[1]}; fit one learner per output."
        )
    if weight.shape not in ((n_rows,), target.shape):
        raise ValueError(
            f"{name} needs weights of shape ({n_rows},) or {target.shape}, got {weight.shape}."
        )
    if weight.ndim == 2 and "output_weights" not in learner.supports:
        raise ValueError(
            f"{name} takes one weight per row, got one per row and output; "
            "choose learner='network' or learner='linear', or weights of one dimension."
        )
