"""Prediction intervals, sets and distributions with guarantees, for any estimator."""

from skboost.conformal._regression_scores import (
    SCORES,
    AbsoluteScore,
    GammaScore,
    NormalizedScore,
    RegressionScore,
    SignedScore,
)
from skboost.conformal._regressor import ConformalRegressor
from skboost.conformal._risk import ConformalRiskControl

__all__ = [
    "SCORES",
    "AbsoluteScore",
    "ConformalRegressor",
    "ConformalRiskControl",
    "GammaScore",
    "NormalizedScore",
    "RegressionScore",
    "SignedScore",
]
