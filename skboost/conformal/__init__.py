"""Prediction intervals, sets and distributions with guarantees, for any estimator."""

from skboost.conformal._adaptive import AdaptiveConformalRegressor
from skboost.conformal._classifier import ConformalClassifier
from skboost.conformal._coverage_display import CoverageDisplay
from skboost.conformal._difficulty import ResidualDifficulty
from skboost.conformal._interval_display import IntervalDisplay
from skboost.conformal._quantile_regressor import ConformalQuantileRegressor
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
from skboost.conformal._set_scores import APS, LAC, RAPS, SAPS, SET_SCORES, Margin, SetScore, TopK
from skboost.conformal._shift import DensityRatio
from skboost.conformal._taxonomy import Bins, QuantileBins

__all__ = [
    "APS",
    "LAC",
    "RAPS",
    "SAPS",
    "SCORES",
    "SET_SCORES",
    "AbsoluteScore",
    "AdaptiveConformalRegressor",
    "Bins",
    "ConformalClassifier",
    "ConformalQuantileRegressor",
    "ConformalRegressor",
    "ConformalRiskControl",
    "CoverageDisplay",
    "DensityRatio",
    "GammaScore",
    "IntervalDisplay",
    "Margin",
    "NormalizedScore",
    "QuantileBins",
    "RegressionScore",
    "ResidualDifficulty",
    "SetScore",
    "SignedScore",
    "TopK",
]
