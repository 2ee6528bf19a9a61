"""Losses with a logarithmic link: counts, waiting times, costs."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from scipy.special import xlogy

from skboost._validation import Number
from skboost.losses._base import LOSSES, FloatArray, Loss, Seed, row_mean
from skboost.losses._elementwise import ElementwiseLoss
from skboost.losses._link import LIMIT, Link, bounded_exp

# Slope of the loss at the constant start when all targets are zero, whose best raw score is -inf.
SMALLEST_SLOPE = 1e-12


class LogLinkLoss(ElementwiseLoss):
    """A loss whose raw score is the logarithm of the conditional mean.

    Raw scores up to 1e30 in size give finite values and derivatives: above 600, exp is replaced by
    its tangent.
    """

    def target_scale(
        self,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """1: a raw score has no unit."""
        return Loss.target_scale(self, y, sample_weight, n_classes)

    def minimiser(self, y: FloatArray, weight: FloatArray) -> float:
        """Logarithm of the weighted mean; finite if all targets are zero."""
        mean = float(row_mean(y, weight))
        return math.log(mean) if mean > 0 else self._lowest()

    def link(self, raw_shape: tuple[int, ...]) -> Link:
        """exp(f), the mean."""
        return Link("exp")

    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Targets of the family with mean 3, and normal raw scores around 1."""
        rng = np.random.default_rng(random_state)
        shape = (n,) if n_raw is None else (n, n_raw)
        return self._draw(rng, shape), 1.0 + rng.standard_normal(shape)

    @abstractmethod
    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        """Random targets with mean 3."""

    def _lowest(self) -> float:
        """Raw score to start from when all targets are zero."""
        return math.log(SMALLEST_SLOPE)


@LOSSES.register("poisson")
class Poisson(LogLinkLoss):
    """Half Poisson deviance; the raw score is the logarithm of the mean.

        L(y, f) = sum_k exp(f_k) - y_k f_k + y_k ln(y_k) - y_k
        dL/df_k = exp(f_k) - y_k                         d2L/df_k2 = exp(f_k)

    *Domain*: y >= 0, not all of it zero for a start that is the minimum. *Link*: logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import Poisson
    >>> loss = Poisson()
    >>> start = loss.initial_raw(np.array([0.0, 1.0, 5.0]))
    >>> round(float(loss.predict(start)), 6)
    2.0
    """

    def check_target(self, y: FloatArray) -> None:
        """Refuse negative targets."""
        super().check_target(y)
        _require_at_least_zero(y, "poisson")

    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Half the unit deviance."""
        loss: FloatArray = _exp_tangent(raw) - y * raw + (xlogy(y, y) - y)
        return loss

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """exp(f) - y."""
        return bounded_exp(raw) - y

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """exp(f)."""
        return bounded_exp(raw)

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        return rng.poisson(3.0, shape).astype(np.float64)


@LOSSES.register("gamma")
class Gamma(LogLinkLoss):
    """Half gamma deviance; the raw score is the logarithm of the mean.

        L(y, f) = sum_k y_k exp(-f_k) + f_k - ln(y_k) - 1
        dL/df_k = 1 - y_k exp(-f_k)                      d2L/df_k2 = y_k exp(-f_k)

    *Domain*: y > 0. *Link*: logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import Gamma
    >>> Gamma().gradient(np.array([2.0]), np.log([2.0]))
    array([0.])
    """

    def check_target(self, y: FloatArray) -> None:
        """Refuse targets that are not positive."""
        super().check_target(y)
        if y.size and y.min() <= 0:
            raise ValueError(
                f"loss='gamma' needs y > 0, but y has a minimum of {y.min():g}. "
                "Use loss='tweedie', which allows zeros, or loss='squared_error'."
            )

    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Half the unit deviance."""
        loss: FloatArray = y * _exp_tangent(-raw) + raw - np.log(y) - 1.0
        return loss

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """1 - y exp(-f)."""
        return 1.0 - y * bounded_exp(-raw)

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """y exp(-f)."""
        return y * bounded_exp(-raw)

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        return rng.gamma(2.0, 1.5, shape)


@LOSSES.register("tweedie")
class Tweedie(LogLinkLoss):
    """Half Tweedie deviance of a power p between 1 and 2; the raw score is the log of the mean.

    Such a distribution has a mass at zero and is continuous above: rainfall, insurance claims.

        L(y, f) = sum_k exp((2-p) f_k) / (2-p) - y_k exp((1-p) f_k) / (1-p)
                  + y_k^(2-p) / ((1-p) (2-p))
        dL/df_k = exp((2-p) f_k) - y_k exp((1-p) f_k)
        d2L/df_k2 = (2-p) exp((2-p) f_k) + (p-1) y_k exp((1-p) f_k)

    *Domain*: y >= 0, not all of it zero for a start that is the minimum. *Link*: logarithm.

    Parameters
    ----------
    power : float, default=1.5
        p, in (1, 2): the variance grows with this power of the mean. The ends are
        :class:`Poisson` and :class:`Gamma`.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import Tweedie
    >>> Tweedie(power=1.5).value(np.array([4.0, 0.0]), np.log([4.0, 4.0]))
    array([0., 4.])
    """

    constraints = {"power": Number(1, 2)}

    def __init__(self, power: float = 1.5) -> None:
        self.power = power

    def check_target(self, y: FloatArray) -> None:
        """Refuse negative targets."""
        super().check_target(y)
        _require_at_least_zero(y, "tweedie")

    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Half the unit deviance."""
        up, down = 2.0 - self.power, 1.0 - self.power
        loss: FloatArray = (
            _exp_tangent(up * raw) / up - y * _exp_tangent(down * raw) / down + y**up / (up * down)
        )
        return loss

    def gradient(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """exp((2-p) f) - y exp((1-p) f)."""
        up, down = 2.0 - self.power, 1.0 - self.power
        return bounded_exp(up * raw) - y * bounded_exp(down * raw)

    def hessian(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """(2-p) exp((2-p) f) + (p-1) y exp((1-p) f)."""
        up, down = 2.0 - self.power, 1.0 - self.power
        return up * bounded_exp(up * raw) - down * y * bounded_exp(down * raw)

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        # a Poisson number of gamma amounts, as in a Tweedie law
        return rng.gamma(1.0, 1.5, shape) * rng.poisson(2.0, shape)

    def _lowest(self) -> float:
        return max(super()._lowest() / (2.0 - self.power), -LIMIT)


def _exp_tangent(raw: FloatArray) -> FloatArray:
    """exp(f), continued above 600 by the tangent, whose derivative is `bounded_exp`."""
    return bounded_exp(raw) * (1.0 + np.maximum(raw - LIMIT, 0.0))


def _require_at_least_zero(y: FloatArray, alias: str) -> None:
    if y.size and y.min() < 0:
        raise ValueError(
            f"loss='{alias}' needs y >= 0, but y has a minimum of {y.min():g}. "
            "Shift y or use loss='squared_error'."
        )
