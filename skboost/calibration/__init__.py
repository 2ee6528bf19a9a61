"""Calibrated probabilities for any classifier, and what is known about their own uncertainty."""

from skboost.calibration._base import CALIBRATORS, BinaryCalibrator, Calibrator
from skboost.calibration._classifier import CalibratedClassifier
from skboost.calibration._platt import PlattScaler

__all__ = ["CALIBRATORS", "BinaryCalibrator", "CalibratedClassifier", "Calibrator", "PlattScaler"]
