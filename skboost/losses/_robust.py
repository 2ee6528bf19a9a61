"""Losses that bound the influence of an outlier."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from skboost._validation import Number
from skboost.losses._base import LOSSES, FloatArray, Seed
from skboost.losses._corner import corner_weight, rounded_abs, rounded_sign
from skboost.losses._elementwise import ElementwiseLoss
from skboost.losses._location import balance_point, robust_deviation, weighted_quantile


class RobustLoss(ElementwiseLoss):
    """What the losses of this file share: a unit of the raw score that outliers do not inflate."""

    exact_hessian: ClassVar[bool] = False

    def target_scale(
        self,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Normalised median absolute deviation of each output, weighted."""
        return robust_deviation(y, sample_weight)

    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Heavy-tailed targets, and raw scores of the same spread."""
        rng = np.random.default_rng(random_state)
        shape = (n,) if n_raw is None else (n, n_raw)
        return 1.0 + 2.0 * rng.standard_t(2, shape), 1.0 + 2.0 * rng.standard_normal(shape)


@LOSSES.register("absolute_error")
class AbsoluteError(RobustLoss):
    """Absolute error; the raw score is the conditional median.

        L(y, f) = sum_k |y_k - f_k|                      dL/df_k = sign(f_k - y_k)

    *Domain*: real y. *Link*: identity.

    The loss has no second derivative. :meth:`hessian` gives 1 / |y - f|, the curvature of the
    parabola above the loss that touches it at f, as in iteratively reweighted least squares.

    Parameters
    ----------
    smoothing : float, default=0
        Half-width of a zone of small residuals, in the unit of y, in which the loss is a parabola.
        Zero keeps the corner.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import AbsoluteError
    >>> y = np.array([1.0, 2.0, 60.0])
    >>> float(AbsoluteError().initial_raw(y))
    2.0
    >>> float(AbsoluteError().initial_raw(y, np.array([1.0, 1.0, 2.0])))
    31.0
    """

    constraints = {"smoothing": Number(0, closed="left")}

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    @property
    def smooth(self) -> bool:
        return self.smoothing > 0

    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """|y - f|, less half the smoothing outside of the rounded zone."""
        return rounded_abs(y - raw, self.smoothing)

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """sign(f - y), and 0 where they are equal."""
        return rounded_sign(raw - y, self.smoothing)

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """1 / max(|y - f|, smoothing): a surrogate."""
        return corner_weight(y, raw, self.smoothing)

    def smoothed(self, scale: float) -> AbsoluteError:
        """The same loss with its corner rounded over a width of ``scale``."""
        return self if self.smooth else AbsoluteError(smoothing=scale)

    def minimiser(self, y: FloatArray, weight: FloatArray) -> float:
        """The weighted median."""
        if self.smooth:
            return balance_point(y, weight, self.smoothing)
        return weighted_quantile(y, weight, 0.5)


@LOSSES.register("huber")
class Huber(RobustLoss):
    """Huber's loss: squared error for small residuals, absolute error for large ones.

        L(y, f) = sum_k l(y_k - f_k),    l(u) = u^2 / 2                    if |u| <= delta
                                         l(u) = delta (|u| - delta / 2)    otherwise
        dL/df_k = clip(f_k - y_k, -delta, delta)

    *Domain*: real y. *Link*: identity.

    The second derivative is 1 for small residuals and 0 for large ones, so that rows with a large
    residual would have no say in a Newton step. :meth:`hessian` therefore gives
    min(1, delta / |y - f|), the curvature of the parabola above the loss that touches it at f: the
    weights of iteratively reweighted least squares [1]_.

    Parameters
    ----------
    delta : float, default=1.0
        Residual at which the loss turns from a parabola to a line, in the unit of y.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical
       Statistics 35, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import Huber
    >>> loss = Huber(delta=2.0)
    >>> loss.gradient(np.array([0.0, 0.0]), np.array([1.0, -50.0]))
    array([ 1., -2.])
    """

    constraints = {"delta": Number(0)}

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Parabola inside of [-delta, delta], straight lines outside."""
        return self.delta * rounded_abs(y - raw, self.delta)

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """clip(f - y, -delta, delta)."""
        return np.clip(raw - y, -self.delta, self.delta)

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """min(1, delta / |y - f|): a surrogate."""
        return self.delta * corner_weight(y, raw, self.delta)

    def minimiser(self, y: FloatArray, weight: FloatArray) -> float:
        """Huber's location: the point at which the clipped residuals balance."""
        return balance_point(y, weight, self.delta)
