"""Ways to calibrate a fitted classifier, ours and those of other packages, with one signature.

Each takes the fitted model, calibration rows and test rows, and returns probabilities of all classes. Scores of other
packages are the probabilities of the model, because they take nothing else; scikit-learn and skboost choose
``decision_function`` where there is one.
"""

import importlib.util
import warnings

import numpy as np
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from skboost.calibration import CalibratedClassifier, IsotonicScaler, PlattScaler, VennAbersScaler


def probabilities(model, X):
    """Probabilities of a model; those of a margin are its logistic function."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=np.float64)
    second = expit(model.decision_function(X))
    return np.column_stack([1 - second, second])


def uncalibrated(model, X_cal, y_cal, X_test):
    return probabilities(model, X_test)


def ours(method, **options):
    """A method of skboost."""

    def calibrate(model, X_cal, y_cal, X_test):
        calibrated = CalibratedClassifier(FrozenEstimator(model), method, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of curves that fall for a class
            return calibrated.fit(X_cal, y_cal).predict_proba(X_test)

    return calibrate


def scikit_learn(method):
    """A method of ``CalibratedClassifierCV``."""

    def calibrate(model, X_cal, y_cal, X_test):
        calibrated = CalibratedClassifierCV(FrozenEstimator(model), method=method)
        return calibrated.fit(X_cal, y_cal).predict_proba(X_test)

    return calibrate


def venn_abers(model, X_cal, y_cal, X_test):
    """The package venn-abers: log-merged for two classes, one against one for more."""
    from venn_abers import VennAbersCalibrator

    return VennAbersCalibrator().predict_proba(
        p_cal=probabilities(model, X_cal), y_cal=y_cal, p_test=probabilities(model, X_test)
    )


def betacal(model, X_cal, y_cal, X_test):
    """The package betacal."""
    from betacal import BetaCalibration

    curve = BetaCalibration("abm").fit(probabilities(model, X_cal)[:, 1].reshape(-1, 1), y_cal)
    second = curve.predict(probabilities(model, X_test)[:, 1].reshape(-1, 1))
    return np.column_stack([1 - second, second])


def probmetrics(name):
    """A calibrator of the package probmetrics."""

    def calibrate(model, X_cal, y_cal, X_test):
        from probmetrics.calibrators import get_calibrator

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            calibrator = get_calibrator(name)
            calibrator.fit(probabilities(model, X_cal), y_cal)
            return np.asarray(calibrator.predict_proba(probabilities(model, X_test)))

    return calibrate


BINARY = {
    "none": (None, uncalibrated),
    "scikit-learn sigmoid": (None, scikit_learn("sigmoid")),
    "scikit-learn isotonic": (None, scikit_learn("isotonic")),
    "scikit-learn temperature": (None, scikit_learn("temperature")),
    "venn-abers": ("venn_abers", venn_abers),
    "betacal": ("betacal", betacal),
    "probmetrics sms": ("probmetrics", probmetrics("sms")),
    "**sigmoid**": (None, ours("sigmoid")),
    "**isotonic**": (None, ours("isotonic")),
    "**isotonic, not clipped**": (None, ours(IsotonicScaler(clip=False))),
    "**isotonic, centred**": (None, ours("centered_isotonic")),
    "**beta**": (None, ours("beta")),
    "**temperature**": (None, ours("temperature")),
    "**structured**": (None, ours("structured")),
    "**Venn-ABERS**": (None, ours("venn_abers")),
    "**Venn-ABERS, Brier merge**": (None, ours(VennAbersScaler(loss="brier"))),
}
MANY = {
    "none": (None, uncalibrated),
    "scikit-learn sigmoid": (None, scikit_learn("sigmoid")),
    "scikit-learn isotonic": (None, scikit_learn("isotonic")),
    "scikit-learn temperature": (None, scikit_learn("temperature")),
    "venn-abers, one against one": ("venn_abers", venn_abers),
    "probmetrics ts-mix": ("probmetrics", probmetrics("ts-mix")),
    "probmetrics sms": ("probmetrics", probmetrics("sms")),
    "**sigmoid**": (None, ours("sigmoid")),
    "**sigmoid, pairs**": (None, ours(PlattScaler(multi_class="pairwise"))),
    "**isotonic**": (None, ours("isotonic")),
    "**beta**": (None, ours("beta")),
    "**temperature**": (None, ours("temperature")),
    "**structured**": (None, ours("structured")),
    "**Venn-ABERS**": (None, ours("venn_abers")),
    "**Venn-ABERS, pairs**": (None, ours(VennAbersScaler(multi_class="pairwise"))),
    "**Venn-ABERS, pairs, least squares**": (
        None,
        ours(VennAbersScaler(multi_class="pairwise_least_squares")),
    ),
}


def installed(methods):
    """Those methods whose package is there, by name, and the packages that are not."""
    found, missing = {}, set()
    for name, (package, calibrate) in methods.items():
        if package is None or importlib.util.find_spec(package):
            found[name] = calibrate
        else:
            missing.add(package)
    return found, sorted(missing)
