"""Row losses on raw scores."""

from skboost.losses._base import LOSSES, Loss
from skboost.losses._elementwise import ElementwiseLoss
from skboost.losses._logistic import HalfLogLoss, LogLoss
from skboost.losses._squared import SquaredError

__all__ = ["LOSSES", "ElementwiseLoss", "HalfLogLoss", "LogLoss", "Loss", "SquaredError"]
