"""Quantile regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from skboost._validation import Many, Number
from skboost.losses._base import LOSSES, FloatArray, Loss, Seed
from skboost.losses._corner import corner_weight, rounded_abs, rounded_sign
from skboost.losses._link import Link
from skboost.losses._location import balance_point, robust_deviation, weighted_quantile

LEVEL = Number(0, 1)


@LOSSES.register("quantile")
class Quantile(Loss):
    """Pinball loss; the raw scores are conditional quantiles, one level or several at once.

        L(y, f) = sum_q l_q(y - f_q),    l_q(u) = q u       if u >= 0
                                         l_q(u) = (q - 1) u otherwise
        dL/df_q = [y < f_q] - q          (0 where y = f_q)

    *Domain*: real y. *Link*: identity, and for several levels the sorted raw scores.

    The loss has no second derivative. :meth:`hessian` gives 1 / (2 |y - f|), the curvature of the
    parabola above the loss that touches it at f.

    Parameters
    ----------
    quantile : float or sequence of float, default=0.5
        Levels in (0, 1). A number gives one quantile, in the shape of y. A sequence of Q levels
        gives raw scores and predictions of shape (n_samples, Q), one column for each level in the
        given order; y has shape (n_samples,). The raw scores of a row are then put in the order of
        the levels, so that predicted quantiles never cross; this never increases the loss [1]_.
    smoothing : float, default=0
        Half-width of a zone of small residuals, in the unit of y, in which the loss is rounded to a
        parabola. Zero keeps the corner.

    References
    ----------
    .. [1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability curves without
       crossing", Econometrica 78, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import Quantile
    >>> Quantile([0.1, 0.5, 0.9]).initial_raw(np.arange(11.0))
    array([1., 5., 9.])
    >>> Quantile([0.1, 0.5, 0.9]).predict(np.array([[4.0, 3.0, 7.0]]))
    array([[3., 4., 7.]])
    """

    constraints = {"quantile": (LEVEL, Many(LEVEL)), "smoothing": Number(0, closed="left")}
    exact_hessian: ClassVar[bool] = False

    def __init__(self, quantile: float | Sequence[float] = 0.5, smoothing: float = 0.0) -> None:
        self.quantile = quantile
        self.smoothing = smoothing

    @property
    def multi_output(self) -> bool:
        return np.ndim(self.quantile) == 0

    @property
    def smooth(self) -> bool:
        return self.smoothing > 0

    def raw_shape(self, y: FloatArray, n_classes: int | None = None) -> tuple[int, ...]:
        """(Q,) for a sequence of Q levels, otherwise the shape of one row of y."""
        return y.shape[1:] if self.multi_output else np.shape(self.quantile)

    def value(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Pinball loss of each row, summed over levels or outputs."""
        residual = self._spread(y) - raw
        tilt = np.asarray(self.quantile) - 0.5
        each = 0.5 * rounded_abs(residual, self.smoothing) + tilt * residual
        return each if each.ndim == 1 else each.sum(axis=1)

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """[y < f] - q, and 0 where they are equal; continuous if the loss is smoothed."""
        residual = self._spread(y) - raw
        tilt = np.asarray(self.quantile) - 0.5
        slope: FloatArray = -0.5 * rounded_sign(residual, self.smoothing) - tilt
        if not self.smooth:
            slope[residual == 0] = 0.0
        return slope

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """1 / (2 max(|y - f|, smoothing)): a surrogate."""
        return 0.5 * corner_weight(self._spread(y), raw, self.smoothing)

    def smoothed(self, scale: float) -> Quantile:
        """The same loss with its corner rounded over a width of ``scale``."""
        return self if self.smooth else Quantile(self.quantile, smoothing=scale)

    def initial_raw(
        self,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Weighted quantile of each output or level: the middle of all that minimise the loss."""
        weight = np.ones(y.shape[0]) if sample_weight is None else sample_weight
        kept = weight > 0
        counted, weight = y[kept], weight[kept]
        if not self.multi_output:
            return np.array(
                [self._minimiser(counted, weight, q) for q in np.asarray(self.quantile)]
            )
        level = float(np.asarray(self.quantile))
        if y.ndim == 1:
            return np.asarray(self._minimiser(counted, weight, level))
        return np.array([self._minimiser(column, weight, level) for column in counted.T])

    def target_scale(
        self,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Normalised median absolute deviation of y, weighted, for each output or level."""
        spread = robust_deviation(y, sample_weight)
        return np.broadcast_to(spread, self.raw_shape(y)).copy()

    def link(self, raw_shape: tuple[int, ...]) -> Link:
        """Quantiles; for several levels each row sorted into the order of the levels."""
        if self.multi_output:
            return Link()
        rank = np.argsort(np.argsort(np.asarray(self.quantile), kind="stable"), kind="stable")
        return Link("sorted", rank=tuple(rank.tolist()))

    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Skewed targets, and raw scores of the same spread."""
        rng = np.random.default_rng(random_state)
        shape = (n,) if n_raw is None or not self.multi_output else (n, n_raw)
        y = rng.standard_gamma(2.0, shape)
        return y, 2.0 + rng.standard_normal((n, *self.raw_shape(y)))

    def _spread(self, y: FloatArray) -> FloatArray:
        """The target beside each raw score: (n,) -> (n, 1) for several levels."""
        return y if self.multi_output else y[:, None]

    def _minimiser(self, y: FloatArray, weight: FloatArray, level: float) -> float:
        if self.smooth:
            return balance_point(y, weight, self.smoothing, tilt=2.0 * level - 1.0)
        return weighted_quantile(y, weight, float(level))
