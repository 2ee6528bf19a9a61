"""Losses of classifiers."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from skboost._ext.softmax import cross_entropy, cross_entropy_along, logistic
from skboost.losses._base import LOSSES, CodeArray, FloatArray, Loss, Seed
from skboost.losses._link import Link

# Share of a class that has no row of positive weight: its raw score stays finite, and the slope of
# the loss there is of this size.
SMALLEST_SHARE = 1e-12


@LOSSES.register("log_loss")
class LogLoss(Loss):
    """Negative log-likelihood of the classes.

    With two classes and one raw score f, the log-odds of the second class, s = 1 for the second
    class and s = -1 for the first:

        L(y, f) = ln(1 + exp(-s f))                      dL/df = -s / (1 + exp(s f))
        P(second class) = 1 / (1 + exp(-f))              d2L/df2 = p (1 - p)

    With K > 2 classes and K raw scores:

        L(y, f) = ln sum_k exp(f_k) - f_y                dL/df_k = p_k - [y = k],    p = softmax(f)
        P(class k) = p_k                                 d'Hd = sum_k p_k (d_k - sum_j p_j d_j)^2

    *Domain*: class codes 0, ..., K-1. *Link*: log-odds, or the softmax.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import LogLoss
    >>> loss = LogLoss()
    >>> loss.predict(np.array([0.0, 2.0])).round(3)
    array([[0.5  , 0.5  ],
           [0.119, 0.881]])
    >>> loss.initial_raw(np.array([0, 0, 1, 2])).round(3)
    array([-0.693, -1.386, -1.386])
    """

    kind: ClassVar[str] = "classification"
    # the binary probability of the second class is 1 / (1 + exp(-_slope * raw))
    _slope: ClassVar[float] = 1.0

    def raw_shape(self, y: CodeArray, n_classes: int | None = None) -> tuple[int, ...]:
        """() for two classes, (K,) for more.

        Without ``n_classes`` the classes are counted in ``y``, up to its largest code.
        """
        count = int(y.max()) + 1 if n_classes is None else n_classes
        return () if count <= 2 else (count,)

    def value(self, y: CodeArray, raw: FloatArray) -> FloatArray:
        """Negative log-probability of each row's class, of shape (n,)."""
        loss = np.empty(raw.shape[0])
        self._fill(y, raw, loss=loss)
        return loss

    def gradient(self, y: CodeArray, raw: FloatArray) -> FloatArray:
        """Probabilities minus the indicator of the class, of the shape of ``raw``."""
        gradient = np.empty(raw.shape)
        self._fill(y, raw, gradient=gradient)
        return gradient

    def hessian(self, y: CodeArray, raw: FloatArray) -> FloatArray:
        """p (1 - p) for each raw score."""
        hessian = np.empty(raw.shape)
        self._fill(y, raw, hessian=hessian)
        return hessian

    def value_and_gradient(
        self, y: CodeArray, raw: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray]:
        """Both in one sweep over the rows."""
        loss, gradient = np.empty(raw.shape[0]), np.empty(raw.shape)
        self._fill(y, raw, loss=loss, gradient=gradient, n_threads=n_threads)
        return loss, gradient

    def curvature(self, y: CodeArray, raw: FloatArray, direction: FloatArray) -> FloatArray:
        """Exact curvature along a direction: its variance under the probabilities."""
        if raw.ndim == 1:
            return self.hessian(y, raw) * direction**2
        return np.asarray(cross_entropy_along(y, raw, direction, n_threads=1)[1], dtype=np.float64)

    def initial_raw(
        self,
        y: CodeArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Log-odds of the weighted class shares for two classes, their logarithms for more.

        A class without weight gets the share 1e-12.
        """
        shape = self.raw_shape(y, n_classes)
        count = shape[0] if shape else 2
        mass = np.bincount(y, weights=sample_weight, minlength=count)
        logs = np.log(np.maximum(mass / mass.sum(), SMALLEST_SHARE))
        return logs if shape else np.asarray((logs[1] - logs[0]) / self._slope)

    def link(self, raw_shape: tuple[int, ...]) -> Link:
        """Logistic for one raw score, softmax for more: probabilities of the classes."""
        return Link("softmax") if raw_shape else Link("logistic", factor=self._slope)

    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[CodeArray, FloatArray]:
        """Random classes, each of them present if n allows, and normal raw scores."""
        rng = np.random.default_rng(random_state)
        count = 2 if n_raw is None else n_raw
        y = rng.permutation(np.arange(n) % count).astype(np.int64)
        return y, 2.0 * rng.standard_normal((n,) if count == 2 else (n, count))

    def _fill(
        self,
        y: CodeArray,
        raw: FloatArray,
        *,
        loss: FloatArray | Literal[False] = False,
        gradient: FloatArray | Literal[False] = False,
        hessian: FloatArray | Literal[False] = False,
        n_threads: int = 1,
    ) -> None:
        """Fill those of the three arrays that are given, in one pass of a kernel."""
        kernel = logistic if raw.ndim == 1 else cross_entropy
        factor = self._slope if raw.ndim == 1 else 1.0
        scores = raw if factor == 1.0 else factor * raw
        kernel(y, scores, loss=loss, gradient=gradient, hessian=hessian, n_threads=n_threads)
        if factor != 1.0:  # the kernel differentiates by the log-odds
            if gradient is not False:
                gradient *= factor
            if hessian is not False:
                hessian *= factor**2


@LOSSES.register("half_log_loss")
class HalfLogLoss(LogLoss):
    """Log loss on half the log-odds, as in the paper that introduced boosted networks.

    With two classes, s = +-1 and r the negative gradient ("pseudo-residual"):

        L(y, F) = ln(1 + exp(-2 s F))                    r = 2 s / (1 + exp(2 s F))
        P(second class) = 1 / (1 + exp(-2 F))            d2L/dF2 = r (2 s - r)

    With more classes it is :class:`LogLoss`, except that the constant start is 0 and not the
    log-shares.

    *Domain*: class codes 0, ..., K-1. *Link*: half log-odds, or the softmax.

    References
    ----------
    .. [1] S. Emami, G. Martinez-Munoz, "Sequential training of neural networks with gradient
       boosting", IEEE Access 11, 2023 (arXiv:1909.12098).

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import HalfLogLoss
    >>> HalfLogLoss().predict(np.array([0.5])).round(3)
    array([[0.269, 0.731]])
    """

    _slope: ClassVar[float] = 2.0
    starts_at_minimum: ClassVar[bool] = False

    def initial_raw(
        self,
        y: CodeArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Half the log-odds of the weighted class shares for two classes, zeros for more."""
        shape = self.raw_shape(y, n_classes)
        return np.zeros(shape) if shape else super().initial_raw(y, sample_weight, n_classes)
