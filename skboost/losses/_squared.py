"""Squared error."""

from __future__ import annotations

import numpy as np

from skboost.losses._base import LOSSES, FloatArray, row_mean
from skboost.losses._elementwise import ElementwiseLoss


@LOSSES.register("squared_error")
class SquaredError(ElementwiseLoss):
    """Half squared error; the raw score is the conditional mean.

        L(y, f) = 1/2 sum_k (y_k - f_k)^2

    *Domain*: real y. *Link*: identity.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import SquaredError
    >>> loss = SquaredError()
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> float(loss.initial_raw(y))
    3.0
    >>> loss.gradient(y, np.zeros(3))
    array([-1., -2., -6.])
    """

    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Half of the squared residual."""
        return 0.5 * (y - raw) ** 2

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """f - y."""
        return raw - y

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """1."""
        return np.ones_like(raw)

    def value_and_gradient(
        self, y: FloatArray, raw: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray]:
        """Both from one residual."""
        residual = raw - y
        if residual.ndim == 1:
            return 0.5 * residual**2, residual
        return 0.5 * np.einsum("ik,ik->i", residual, residual), residual

    def minimiser(self, y: FloatArray, weight: FloatArray) -> float:
        """The weighted mean."""
        return float(row_mean(y, weight))
