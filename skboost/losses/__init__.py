"""Row losses on raw scores."""

from skboost.losses._base import LOSSES, Loss
from skboost.losses._count import Gamma, Poisson, Tweedie
from skboost.losses._elementwise import ElementwiseLoss
from skboost.losses._link import Link
from skboost.losses._logistic import HalfLogLoss, LogLoss
from skboost.losses._quantile import Quantile
from skboost.losses._robust import AbsoluteError, Huber
from skboost.losses._squared import SquaredError

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "ElementwiseLoss",
    "Gamma",
    "HalfLogLoss",
    "Huber",
    "Link",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
    "Tweedie",
]
