"""Calibrators help the models that need it, on scikit-learn's bundled data.

Splits into 40 % for the model, 30 % for the calibrator and 30 % to look at, stratified.
"""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.calibration import (
    BetaScaler,
    IsotonicScaler,
    MatrixScaler,
    PlattScaler,
    TemperatureScaler,
)

pytestmark = pytest.mark.long

DATA = {"digits": (load_digits, 6), "breast_cancer": (load_breast_cancer, 20)}
MODELS = {
    "naive_bayes": lambda seed: GaussianNB(var_smoothing=1e-3),
    "forest": lambda seed: RandomForestClassifier(100, random_state=seed),
    "logistic": lambda seed: LogisticRegression(max_iter=5000),
    "scaled_logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression()),
    "plain_bayes": lambda seed: GaussianNB(),
}


@cache
def predictions(data, model):
    """For each split: probabilities and labels to calibrate with, and to look at."""
    load, n_splits = DATA[data]
    X, y = load(return_X_y=True)
    splits = []
    for seed in range(n_splits):
        X_fit, X_rest, y_fit, y_rest = train_test_split(
            X, y, train_size=0.4, random_state=seed, stratify=y
        )
        X_cal, X_test, y_cal, y_test = train_test_split(
            X_rest, y_rest, train_size=0.5, random_state=seed, stratify=y_rest
        )
        fitted = MODELS[model](seed).fit(X_fit, y_fit)
        splits.append((fitted.predict_proba(X_cal), y_cal, fitted.predict_proba(X_test), y_test))
    return splits


def losses(data, model, calibrator=None):
    """Log loss of each split, of the model itself without a calibrator."""
    result = []
    for p_cal, y_cal, p_test, y_test in predictions(data, model):
        p = p_test if calibrator is None else calibrator.fit(p_cal, y_cal).transform(p_test)
        result.append(-np.log(np.clip(p[np.arange(len(p)), y_test], 1e-15, 1)).mean())
    return np.array(result)


# the reference implementation of the authors has 0.378, 0.099 and 0.135 on these splits
@pytest.mark.parametrize(
    ("model", "reference"), [("naive_bayes", 0.378), ("forest", 0.099), ("logistic", 0.135)]
)
def test_structured_matrices_are_as_good_as_those_of_their_authors(model, reference):
    assert losses("digits", model, MatrixScaler()).mean() < reference + 0.002


@pytest.mark.parametrize("model", ["naive_bayes", "forest", "logistic"])
def test_structured_matrices_are_not_worse_than_a_temperature(model):
    difference = losses("digits", model, MatrixScaler()) - losses(
        "digits", model, TemperatureScaler()
    )
    assert difference.mean() < difference.std(ddof=1) / np.sqrt(len(difference))


@pytest.mark.parametrize("objective", ["log", "brier", "correctness"])
@pytest.mark.parametrize("model", ["naive_bayes", "forest", "logistic"])
def test_a_temperature_helps_on_digits(model, objective):
    before = losses("digits", model).mean()
    after = losses("digits", model, TemperatureScaler(objective=objective)).mean()
    assert after < before
    assert after < losses("digits", model, TemperatureScaler()).mean() + 0.02


@pytest.mark.parametrize("model", ["forest", "plain_bayes"])
@pytest.mark.parametrize(
    "calibrator",
    [PlattScaler(), BetaScaler(), IsotonicScaler(), IsotonicScaler(centered=True), MatrixScaler()],
    ids=str,
)
def test_calibrators_help_on_breast_cancer(model, calibrator):
    before = losses("breast_cancer", model).mean()
    assert losses("breast_cancer", model, calibrator).mean() < before - 0.03


@pytest.mark.parametrize("model", ["forest", "plain_bayes", "scaled_logistic"])
@pytest.mark.parametrize("centered", [False, True])
def test_log_loss_is_why_isotonic_probabilities_are_clipped(model, centered):
    clipped = losses("breast_cancer", model, IsotonicScaler(centered=centered)).mean()
    exact = losses("breast_cancer", model, IsotonicScaler(centered=centered, clip=False)).mean()
    assert clipped < 0.7 * exact
