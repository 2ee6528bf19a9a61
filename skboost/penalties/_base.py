"""What every penalty offers to the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry
from skboost._validation import Constraint, check_parameters
from skboost.base import Component

FloatArray = npt.NDArray[np.float64]
Seed = int | np.random.Generator | None
PENALTIES = Registry("penalty")


@dataclass(frozen=True)
class PenaltyContext:
    """What a penalty may know of a fit, in the order of the rows of the raw scores.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, K)
        Target as the loss sees it.
    sample_weight : ndarray of shape (n,)
        Weights of the rows, not negative and not all zero.
    protected : ndarray of shape (n,) or (n, P), optional
        Protected attributes.
    tasks : ndarray of shape (n,), optional
        Task of each row, as codes 0, 1, ...
    n_raw : int, default=1
        Number of raw scores per row.
    """

    y: npt.NDArray[Any]
    sample_weight: FloatArray
    protected: npt.NDArray[Any] | None = None
    tasks: npt.NDArray[np.int64] | None = None
    n_raw: int = 1


class Penalty(Component, ABC):
    """A term of the objective that acts on the raw scores of all rows at once.

        objective(F) = sum_i w_i loss(y_i, F_i) + sum_k strength_k penalty_k(F)

    The loss is a weighted sum over rows, so a penalty is of the size of a sum too: twice the weight
    of every row gives twice the penalty, and weight k is the same as k copies of a row.

    A subclass has a constructor parameter ``strength`` and gives :meth:`value_and_gradient`, which
    multiplies by it; most also extend :meth:`prepare`.

    Attributes
    ----------
    convex : bool
        Whether the penalty is convex in the raw scores.
    constraints : dict
        What the constructor parameters may be, for :func:`skboost._validation.check_parameters`.
    """

    convex: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint | Iterable[Constraint]]] = {}
    strength: float

    def prepare(self, context: PenaltyContext) -> None:
        """Look at the fit once, before its first round.

        What is kept goes into private attributes of this object; the engine works on a copy of the
        caller's. Calling it again starts afresh.

        Raises
        ------
        ValueError
            If a parameter is wrong or the context lacks what the penalty needs.
        """
        check_parameters(self, self.constraints)

    @abstractmethod
    def value_and_gradient(self, raw: FloatArray) -> tuple[float, FloatArray]:
        """Strength times the penalty, and its derivative with respect to every raw score.

        Parameters
        ----------
        raw : ndarray of shape (n,) or (n, R)
            Raw scores of all rows of the context, in its order.

        Returns
        -------
        value : float
        gradient : ndarray of the shape of ``raw``
        """

    @abstractmethod
    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[PenaltyContext, FloatArray]:
        """A valid random context and raw scores, for tests.

        The weights are whole numbers, some of them zero. With ``n_raw`` the raw scores have shape
        (n, n_raw), otherwise (n,).
        """
