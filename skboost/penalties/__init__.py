"""Penalties that act on the raw scores of the whole sample."""

from skboost.penalties._base import PENALTIES, Penalty, PenaltyContext
from skboost.penalties._covariance import Covariance

__all__ = ["PENALTIES", "Covariance", "Penalty", "PenaltyContext"]
