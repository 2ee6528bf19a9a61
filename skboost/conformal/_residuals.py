"""Sorted residuals of calibration rows, and bounds of the next residual."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import Calibration
from skboost.conformal._rank import one_sided

Floats = npt.NDArray[np.float64]


class Residuals:
    """Residuals of calibration rows with their sign, sorted in the ways that bounds need.

    Parameters
    ----------
    residuals : ndarray of shape (n,)
    weight : ndarray of shape (n,), default=None

    Attributes
    ----------
    signed, negated, size : Calibration
        Of r, -r and |r|.
    """

    def __init__(self, residuals: Floats, weight: Floats | None = None) -> None:
        self.signed = Calibration(residuals, weight)
        self.negated = Calibration(-residuals, weight)
        self.size = Calibration(np.abs(residuals), weight)

    def __len__(self) -> int:
        return len(self.signed)

    def bounds(self, level: Fraction, two_tailed: bool, **how: Any) -> tuple[Any, Any]:
        """Bounds that hold the next residual with probability at least ``level``.

        Parameters
        ----------
        level : Fraction
        two_tailed : bool
            Whether each side may miss half of the error; otherwise the bounds are -q and q.
        **how : dict
            Test weights and rank, as for :meth:`Calibration.upper`.

        Returns
        -------
        low, high : float, or ndarray of shape (m,) with a weight for each test row
        """
        if two_tailed:
            half = one_sided(level)
            return -self.negated.upper(half, **how), self.signed.upper(half, **how)
        q = self.size.upper(level, **how)
        return -q, q
