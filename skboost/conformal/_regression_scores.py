"""Nonconformity scores of regression: how far a label is from its prediction, and in which unit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry
from skboost._validation import Constraint, Flag, Number
from skboost.base import Component

Floats = npt.NDArray[np.float64]

# The parameter cannot be called score, which is a method of every scikit-learn estimator.
SCORES = Registry("nonconformity")
"""Names that the parameter ``nonconformity`` of ConformalRegressor accepts."""


class RegressionScore(Component, ABC):
    """Distance of a label y from its prediction mu, in a unit that may differ from row to row.

        r = (y - mu) / unit                  the residual, signed
        s = |r|  or  s = r                   one-tailed or two-tailed score

    A one-tailed score gives the interval mu -+ q unit around the prediction. A two-tailed one bounds residuals from
    below and from above with half of the error each, so that the interval may lie lopsided.

    A subclass gives :meth:`unit`, and :attr:`two_tailed`.

    Attributes
    ----------
    two_tailed : bool
        Whether the score keeps the sign of the residual.
    needs_difficulty : bool
        Whether the unit depends on the difficulty of a row.
    """

    two_tailed: bool
    needs_difficulty: ClassVar[bool] = False
    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {}

    @abstractmethod
    def unit(self, prediction: Floats, scale: Floats | None) -> Any:
        """Length of one unit of the score at each row: positive.

        Parameters
        ----------
        prediction : ndarray of shape (n,)
            mu, what the model says.
        scale : ndarray of shape (n,) or None
            sigma > 0, how difficult the rows are; None unless the score needs it.

        Returns
        -------
        unit : float or ndarray of shape (n,)
        """

    def residual(self, y: Any, prediction: Floats, scale: Floats | None = None) -> Floats:
        """(y - mu) / unit: signed, and growing with y, whether or not the score is two-tailed."""
        return np.asarray((y - prediction) / self.unit(prediction, scale))

    def score(self, y: Any, prediction: Floats, scale: Floats | None = None) -> Floats:
        """The residual if the score is two-tailed, otherwise its size.

        Parameters
        ----------
        y, prediction : ndarray of shape (n,)
        scale : ndarray of shape (n,), optional

        Returns
        -------
        score : ndarray of shape (n,)
        """
        residual = self.residual(y, prediction, scale)
        return residual if self.two_tailed else np.abs(residual)

    def invert(
        self, prediction: Floats, scale: Floats | None, low: Any, high: Any
    ) -> tuple[Floats, Floats]:
        """Labels whose residuals are ``low`` and ``high``: mu + low unit and mu + high unit.

        Parameters
        ----------
        prediction : ndarray of shape (n,)
        scale : ndarray of shape (n,) or None
        low, high : float or ndarray that broadcasts with ``prediction``
            Bounds of residuals; for a one-tailed score -q and q. Infinite ones are fine.

        Returns
        -------
        lower, upper : ndarray
        """
        unit = self.unit(prediction, scale)
        return np.asarray(prediction + unit * low), np.asarray(prediction + unit * high)


@SCORES.register("absolute")
class AbsoluteScore(RegressionScore):
    """The absolute error ``|y - mu|``: intervals of one width, centred at the prediction."""

    two_tailed = False

    def unit(self, prediction: Floats, scale: Floats | None) -> Any:
        """1."""
        return 1.0


@SCORES.register("signed")
class SignedScore(RegressionScore):
    """The error y - mu with its sign: half of the misses are allowed on each side.

    Intervals of one width that need not be centred at the prediction: for labels with one long tail. Twice as many
    calibration rows are needed for a finite interval as with the absolute error.
    """

    two_tailed = True

    def unit(self, prediction: Floats, scale: Floats | None) -> Any:
        """1."""
        return 1.0


@SCORES.register("normalized")
class NormalizedScore(RegressionScore):
    """The error in units of the difficulty of the row [1]_: wide intervals where the model errs much.

        r = (y - mu(x)) / (sigma(x) + beta)

    Parameters
    ----------
    beta : float, default=0.0
        Added to sigma, in the unit of y: the larger, the less widths differ.
    symmetric : bool, default=True
        Whether intervals are centred at the prediction (``|r|``), or misses are shared between both sides (r).

    References
    ----------
    .. [1] H. Papadopoulos, A. Gammerman and V. Vovk, "Normalized nonconformity measures for regression conformal
       prediction", AIA 2008.
    """

    needs_difficulty = True
    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "beta": Number(0, closed="left"),
        "symmetric": Flag(),
    }

    def __init__(self, *, beta: float = 0.0, symmetric: bool = True) -> None:
        self.beta = beta
        self.symmetric = symmetric

    @property
    def two_tailed(self) -> bool:  # type: ignore[override]
        """Whether the score keeps the sign of the residual."""
        return not self.symmetric

    def unit(self, prediction: Floats, scale: Floats | None) -> Any:
        """sigma + beta."""
        if scale is None:
            raise ValueError(
                "nonconformity='normalized' needs difficulty=: a regressor or a callable."
            )
        return scale + self.beta


@SCORES.register("gamma")
class GammaScore(RegressionScore):
    """The error as a share of the prediction, (y - mu) / mu: for positive labels whose errors grow with their size.

    Parameters
    ----------
    symmetric : bool, default=False
        Whether intervals are centred at the prediction (``|r|``), or misses are shared between both sides (r).
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {"symmetric": Flag()}

    def __init__(self, *, symmetric: bool = False) -> None:
        self.symmetric = symmetric

    @property
    def two_tailed(self) -> bool:  # type: ignore[override]
        """Whether the score keeps the sign of the residual."""
        return not self.symmetric

    def unit(self, prediction: Floats, scale: Floats | None) -> Any:
        """mu, which must be positive."""
        if np.any(prediction <= 0):
            raise ValueError(
                f"nonconformity='gamma' divides by the prediction, which must be positive, but the smallest is "
                f"{np.min(prediction):g}; use nonconformity='absolute', or a model with positive predictions."
            )
        return prediction
