"""Regressors calibrated for the conditional mean."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold, LeaveOneOut
from sklearn.tree import DecisionTreeRegressor

from skboost.calibration import VennAbersRegressionScaler, VennAbersRegressor
from skboost.exceptions import UncertaintyWarning


def test_a_model_that_is_shrunk_too_far_is_stretched(diabetes):
    X, y = diabetes
    shrunk = Ridge(alpha=5.0)
    calibrated = VennAbersRegressor(shrunk).fit(X[:300], y[:300]).predict(X[300:])
    plain = shrunk.fit(X[:300], y[:300]).predict(X[300:])
    assert mean_squared_error(y[300:], calibrated) < 0.8 * mean_squared_error(y[300:], plain)


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("bounds", [None, (0.0, 400.0)])
def test_it_is_the_scaler_on_out_of_fold_predictions(diabetes, ensemble, bounds):
    X, y = diabetes
    cv, tree = KFold(4), DecisionTreeRegressor(max_depth=4, random_state=0)
    model = VennAbersRegressor(tree, bounds=bounds, cv=cv, ensemble=ensemble).fit(X, y)
    epsilon = None if bounds else 0.05
    out_of_fold, members = np.empty(len(y)), []
    for train, test in cv.split(X):
        fitted = tree.fit(X[train], y[train])
        out_of_fold[test] = fitted.predict(X[test])
        scaler = VennAbersRegressionScaler(bounds=bounds, epsilon=epsilon)
        scaler.fit(out_of_fold[test], y[test])
        members.append((scaler, fitted.predict(X)))
    if not ensemble:
        scaler = VennAbersRegressionScaler(bounds=bounds, epsilon=epsilon).fit(out_of_fold, y)
        members = [(scaler, tree.fit(X, y).predict(X))]
    expected = np.mean([scaler.transform(scores) for scaler, scores in members], axis=0)
    interval = np.mean([scaler.transform_interval(scores) for scaler, scores in members], axis=0)
    assert_allclose(model.predict(X), expected, rtol=1e-9)
    assert_allclose(model.predict_mean_interval(X), interval, rtol=1e-9)


def test_the_prediction_lies_in_its_interval(diabetes):
    X, y = diabetes
    for options in ({}, {"bounds": (25, 346)}, {"epsilon": 0.2}, {"ensemble": True}):
        model = VennAbersRegressor(RandomForestRegressor(10, random_state=0), **options).fit(X, y)
        low, high = model.predict_mean_interval(X).T
        assert (low <= model.predict(X) + 1e-9).all()
        assert (model.predict(X) <= high + 1e-9).all()


def test_frozen_models_leave_one_out_and_other_rows(diabetes):
    X, y = diabetes
    frozen = FrozenEstimator(LinearRegression().fit(X[:200], y[:200]))
    model = VennAbersRegressor(frozen).fit(X[200:], y[200:])
    assert model.calibrators_[0].n_calibration_ == len(y) - 200
    assert model.fit_calibration(X[200:300], y[200:300]).calibrators_[0].n_calibration_ == 100
    alone = VennAbersRegressor(LinearRegression(), cv=LeaveOneOut()).fit(X[:60], y[:60])
    assert alone.calibrators_[0].n_calibration_ == 60


def test_few_rows_are_told_and_very_few_are_refused(diabetes):
    X, y = diabetes
    model = VennAbersRegressor(LinearRegression(), cv=2)
    with pytest.warns(
        UncertaintyWarning, match="epsilon=0.05 needs 39 calibration rows, but there are 20"
    ):
        model.fit(X[:20], y[:20])
    assert model.calibrators_[0].epsilon_ == pytest.approx(2 / 21)
    with pytest.raises(ValueError, match="needs at least 3 samples"):
        model.fit(X[:2], y[:2])
    with pytest.raises(ValueError, match="y has 2 columns"):
        model.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="bounds=\\(0, 1\\), but y reaches"):
        VennAbersRegressor(LinearRegression(), bounds=(0, 1)).fit(X, y)


def test_frames_give_the_numbers_of_arrays(diabetes):
    X, y = diabetes
    names = [f"column {j}" for j in range(X.shape[1])]
    expected = VennAbersRegressor(LinearRegression()).fit(X, y).predict(X)
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        model = VennAbersRegressor(LinearRegression(), n_jobs=2).fit(frame, y)
        assert_allclose(model.predict(frame), expected, rtol=1e-9)
        assert_array_equal(model.feature_names_in_, names)
        assert_array_equal(pickle.loads(pickle.dumps(model)).predict(frame), model.predict(frame))
