"""Numerical derivatives, against which the written ones are held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


def derivative(function: Callable[[float], Any], step: float = 1e-4) -> npt.NDArray[np.float64]:
    """Derivative at 0 of a function of one number, by the five-point rule.

    Parameters
    ----------
    function : callable
        Takes a number, gives a number or an array.
    step : float, default=1e-4
        The error is of the size of step^4 for a smooth function, plus rounding over step.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.testing import derivative
    >>> round(float(derivative(lambda t: np.exp(3 * t))), 6)
    3.0
    """
    near = np.asarray(function(step)) - np.asarray(function(-step))
    far = np.asarray(function(2 * step)) - np.asarray(function(-2 * step))
    return np.asarray((8.0 * near - far) / (12.0 * step))
