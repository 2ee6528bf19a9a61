"""Calibrated probabilities for any classifier, and what is known about their own uncertainty."""

from skboost.calibration._base import CALIBRATORS, BinaryCalibrator, Calibrator
from skboost.calibration._beta import BetaScaler
from skboost.calibration._classifier import CalibratedClassifier
from skboost.calibration._display import ReliabilityDisplay
from skboost.calibration._isotonic import IsotonicScaler
from skboost.calibration._matrix import MatrixScaler
from skboost.calibration._platt import PlattScaler
from skboost.calibration._regressor import VennAbersRegressor
from skboost.calibration._selective import SelectiveReport, selective_report
from skboost.calibration._temperature import TemperatureScaler
from skboost.calibration._venn_abers import VennAbersScaler
from skboost.calibration._venn_abers_regression import VennAbersRegressionScaler

__all__ = [
    "CALIBRATORS",
    "BetaScaler",
    "BinaryCalibrator",
    "CalibratedClassifier",
    "Calibrator",
    "IsotonicScaler",
    "MatrixScaler",
    "PlattScaler",
    "ReliabilityDisplay",
    "SelectiveReport",
    "TemperatureScaler",
    "VennAbersRegressionScaler",
    "VennAbersRegressor",
    "VennAbersScaler",
    "selective_report",
]
