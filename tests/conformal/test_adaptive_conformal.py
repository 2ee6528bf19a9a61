"""Adaptive conformal inference: its rule, its bound for any sequence, windows, first errors, what never happens."""

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.conformal import AdaptiveConformalRegressor
from skboost.conformal._calibration import Calibration
from skboost.conformal._score_stream import ScoreStream
from skboost.exceptions import UncertaintyWarning

ZERO = FrozenEstimator(DummyRegressor(strategy="constant", constant=0.0).fit([[0.0]], [0.0]))


def empty(n_rows):
    """Columns for a model that looks at none."""
    return np.zeros((n_rows, 1))


def stream(n_rows=400, seed=0):
    """Rows whose noise grows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, X @ [1.0, -2.0, 0.5] + rng.normal(size=n_rows) * np.linspace(1, 3, n_rows)


def by_definition(first, errors, level, gamma, window=None):
    """Misses of a stream of errors, with sorting from scratch and exact fractions."""
    scores, alpha, misses = list(first), 1 - Fraction(level), []
    target, gamma = alpha, Fraction(gamma)
    for error in errors:
        scores = scores[-window:] if window else scores
        rank = -int(-(len(scores) + 1) * (1 - alpha) // 1)
        if alpha <= 0 or (alpha < 1 and rank > len(scores)):
            misses.append(False)
        elif alpha >= 1:
            misses.append(True)
        else:
            misses.append(error > sorted(scores)[rank - 1])
        alpha += gamma * (target - misses[-1])
        scores.append(error)
    return np.array(misses), alpha


@pytest.mark.parametrize("window", [None, 7, 30])
@pytest.mark.parametrize("gamma", ["0", "0.005", "0.3"])
@pytest.mark.parametrize("level", ["0.5", "0.9", "0.975"])
def test_the_rule_is_that_of_the_definition(level, gamma, window):
    rng = np.random.default_rng(0)
    first, y = rng.normal(size=20), rng.normal(size=300).round(1) * np.repeat([1, 4, 1], 100)
    model = AdaptiveConformalRegressor(
        ZERO, gamma=float(gamma), confidence_level=float(level), window=window
    )
    model.fit(empty(20), first).update(empty(300), y)
    misses, alpha = by_definition(abs(first), abs(y), level, gamma, window)
    assert_array_equal(model.misses_, misses)
    assert model.alpha_ == float(alpha)
    assert model.coverage_ == 1 - misses.mean()
    kept = np.append(abs(first), abs(y))[-window if window else None :]
    assert_array_equal(model.calibration_scores_, np.sort(kept))
    assert model.n_calibration_ == len(kept)


# an opponent who wants a miss gives an error that was never there, one who wants a hit none
T = 5000
OPPONENTS = {
    "always outside": np.ones(T),
    "always inside": np.zeros(T),
    "in turn": np.arange(T) % 2,
    "in blocks": np.arange(T) // 250 % 2,
    "ever longer": np.floor(np.log2(np.arange(T) + 1)) % 2,
    "by chance": np.random.default_rng(1).random(T) < 0.3,
}


@pytest.mark.parametrize("level", [0.9, 0.5, 0.99])
@pytest.mark.parametrize("gamma", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("opponent", OPPONENTS)
def test_the_share_of_misses_is_bounded_for_any_sequence(opponent, gamma, level):
    wishes = OPPONENTS[opponent]
    y = np.where(wishes, 1.0 + np.arange(T), 0.0)
    model = AdaptiveConformalRegressor(ZERO, gamma=gamma, confidence_level=level, window=200)
    model.fit(empty(50), np.ones(50)).update(empty(T), y)
    alpha, steps = 1 - level, np.arange(1, T + 1)
    share = np.cumsum(model.misses_) / steps
    bound = (max(alpha, 1 - alpha) + gamma) / (gamma * steps)
    assert (np.abs(share - alpha) <= bound + 1e-12).all()
    assert model.alphas_.min() >= -gamma * level - 1e-12
    assert model.alphas_.max() <= 1 + gamma * alpha + 1e-12


def test_clipping_the_level_would_break_the_bound():
    """The test above tells the rule from one that keeps the level in [0, 1]."""
    alpha, gamma, misses = 0.1, 0.5, []
    for _ in range(T):
        misses.append(alpha > 0)  # always outside, if that is possible
        alpha = max(alpha + gamma * (0.1 - misses[-1]), 0.0)
    assert np.mean(misses) - 0.1 > (0.9 + gamma) / (gamma * T)


@pytest.mark.parametrize("level", [0.975, 0.995])
def test_levels_are_not_rounded(level):
    y = np.random.default_rng(2).normal(size=1999)
    model = AdaptiveConformalRegressor(ZERO, confidence_level=level).fit(empty(1999), y)
    assert model.alpha_ == pytest.approx(1 - level, rel=1e-12)
    radius = np.sort(abs(y))[round(2000 * level) - 1]
    assert_array_equal(model.predict_interval(empty(1)), [[-radius, radius]])


def test_predicting_changes_nothing():
    X, y = stream()
    model = AdaptiveConformalRegressor(Ridge()).fit(X[:200], y[:200]).update(X[200:300], y[200:300])
    before = pickle.dumps(model)
    first = model.predict_interval(X[300:])
    model.predict(X)
    assert pickle.dumps(model) == before
    assert_array_equal(model.predict_interval(X[300:]), first)


def test_one_row_at_a_time_is_like_all_rows_at_once():
    X, y = stream()
    model = AdaptiveConformalRegressor(LinearRegression(), gamma=0.02, window=150)
    model.fit(X[:200], y[:200])
    twin = pickle.loads(pickle.dumps(model))
    outside = []
    for row in range(200, 400):
        low, high = model.predict_interval(X[row : row + 1])[0]
        outside.append(not low <= y[row] <= high)
        assert model.update(X[row : row + 1], y[row : row + 1]) is model
    twin.update(X[200:], y[200:])
    assert_array_equal(outside, model.misses_)
    assert_array_equal(twin.misses_, model.misses_)
    assert_allclose(twin.predict_interval(X), model.predict_interval(X), rtol=1e-12)
    assert model.n_updates_ == 200
    assert_allclose(model.alphas_[-1], model.alpha_, rtol=1e-12)
    assert len(model.alphas_) == 201


def test_a_level_that_follows_keeps_its_promise_where_a_fixed_one_does_not():
    rng = np.random.default_rng(3)
    y = rng.normal(size=4000) * np.where(np.arange(4000) < 2000, 1, 5)
    covered = {}
    for gamma in (0.0, 0.02):
        model = AdaptiveConformalRegressor(ZERO, gamma=gamma).fit(empty(500), y[:500])
        model.update(empty(3500), y[500:])
        covered[gamma] = 1 - model.misses_[1500:].mean()
    assert covered[0.0] < 0.8
    assert covered[0.02] == pytest.approx(0.9, abs=0.02)


def test_everything_and_nothing():
    model = AdaptiveConformalRegressor(ZERO, gamma=0.5).fit(empty(20), np.ones(20))
    model.update(empty(1), [2.0])
    assert model.alpha_ == pytest.approx(-0.35)
    with pytest.warns(UncertaintyWarning, match=r"alpha_=-0.35 is 0 or less.*everything"):
        assert_array_equal(model.predict_interval(empty(2)), [[-np.inf, np.inf]] * 2)
    model.update(empty(27), np.zeros(27))
    assert model.alpha_ == 1  # exactly: -0.35 + 27 * 0.05
    with pytest.warns(UncertaintyWarning, match=r"is 1 or more.*empty"):
        assert_array_equal(model.predict_interval(empty(1)), [[np.nan, np.nan]])
    model.update(empty(1), [0.0])  # nothing is inside of the empty interval
    assert model.misses_[-1]


def test_too_few_errors_for_the_level():
    y = np.arange(9.0)
    nine = AdaptiveConformalRegressor(ZERO).fit(empty(9), y)
    assert_array_equal(nine.predict_interval(empty(1)), [[-8, 8]])
    eight = AdaptiveConformalRegressor(ZERO).fit(empty(8), y[:8])
    with pytest.warns(
        UncertaintyWarning, match="alpha_=0.1 needs at least 9 errors, but there are 8"
    ):
        assert_array_equal(eight.predict_interval(empty(1)), [[-np.inf, np.inf]])
    assert not eight.update(empty(1), [100.0]).misses_[0]


def test_only_the_level_that_was_followed_can_be_asked_for():
    X, y = stream()
    model = AdaptiveConformalRegressor(Ridge(), confidence_level=0.8).fit(X, y)
    assert_array_equal(model.predict_interval(X, 0.8), model.predict_interval(X))
    with pytest.raises(ValueError, match=r"confidence_level=0.9 cannot act: .* intervals at 0.8"):
        model.predict_interval(X, 0.9)
    model.set_params(confidence_level=0.9)  # after fit, so that it cannot act either
    with pytest.raises(ValueError, match=r"confidence_level=0.9 cannot act"):
        model.predict_interval(X)


# -- the first errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cv", "n_train"), [(None, 300), (0.1, 360), (0.5, 200)])
def test_the_last_rows_calibrate(cv, n_train):
    X, y = stream()
    model = AdaptiveConformalRegressor(Ridge(), cv=cv).fit(X, y)
    ridge = Ridge().fit(X[:n_train], y[:n_train])
    assert_allclose(model.predict(X), ridge.predict(X), rtol=1e-12)
    expected = np.sort(abs(y - ridge.predict(X))[n_train:])
    assert_allclose(model.calibration_scores_, expected, rtol=1e-12)


def test_folds_give_errors_of_their_test_rows_and_the_model_learns_from_all():
    X, y = stream()
    model = AdaptiveConformalRegressor(Ridge(), cv=TimeSeriesSplit(4), window=100).fit(X, y)
    assert_allclose(model.predict(X), Ridge().fit(X, y).predict(X), rtol=1e-12)
    errors = [
        abs(y[test] - Ridge().fit(X[train], y[train]).predict(X[test]))
        for train, test in TimeSeriesSplit(4).split(X)
    ]
    latest = np.sort(np.concatenate(errors)[-100:])
    assert_allclose(model.calibration_scores_, latest, rtol=1e-12)


def test_errors_of_folds_are_in_the_order_of_time():
    X, y = stream(90)
    parts = [np.arange(60, 90), np.arange(30), np.arange(30, 60)]
    folds = [(np.setdiff1d(np.arange(90), part), part) for part in parts]
    model = AdaptiveConformalRegressor(Ridge(), cv=folds, window=30).fit(X, y)
    last = Ridge().fit(X[:60], y[:60])
    expected = np.sort(abs(y - last.predict(X))[60:])
    assert_allclose(model.calibration_scores_, expected, rtol=1e-12)


def test_a_frozen_model_is_calibrated_on_all_rows():
    X, y = stream()
    ridge = Ridge().fit(X[:100], y[:100])
    model = AdaptiveConformalRegressor(FrozenEstimator(ridge)).fit(X[100:], y[100:])
    assert model.n_calibration_ == 300
    assert_array_equal(model.predict(X), ridge.predict(X))
    with pytest.raises(ValueError, match=r"cv=0.5 cannot act"):
        AdaptiveConformalRegressor(FrozenEstimator(ridge), cv=0.5).fit(X, y)
    with pytest.raises(ValueError, match="speed cannot act"):
        model.fit(X, y, speed=3)


def test_other_rows_start_anew():
    X, y = stream()
    model = AdaptiveConformalRegressor(Ridge()).fit(X[:200], y[:200]).update(X[:50], y[:50])
    estimator = model.estimator_
    assert model.fit_calibration(X[200:], y[200:]) is model
    assert model.estimator_ is estimator
    assert model.n_updates_ == 0
    assert np.isnan(model.coverage_)
    assert_allclose(
        model.calibration_scores_, np.sort(abs(y - estimator.predict(X))[200:]), rtol=1e-12
    )
    with pytest.raises(NotFittedError):
        clone(model).fit_calibration(X, y)


@pytest.mark.parametrize("window", [None, 25])
@pytest.mark.parametrize("cv", [None, "folds"])
def test_weights_count_copies_and_zero_removes(cv, window):
    X, y = stream(120)
    weight = np.random.default_rng(4).integers(0, 4, 120)
    weight[-40:-20] = 0  # the share is one of the rows that count
    copies = np.repeat(np.arange(120), weight)
    fold = np.arange(120) // 40

    def folds(member):
        if cv is None:  # a hold-out of the same rows
            return [(np.flatnonzero(member < 1), np.flatnonzero(member >= 1))]
        return [(np.flatnonzero(member != k), np.flatnonzero(member == k)) for k in range(3)]

    models = [
        AdaptiveConformalRegressor(Ridge(), gamma=0.1, window=window, cv=folds(member))
        for member in (fold, fold[copies])
    ]
    models[0].fit(X, y, sample_weight=weight)
    models[1].fit(X[copies], y[copies])
    X_new, y_new = stream(100, seed=1)
    for model in models:
        model.update(X_new, y_new)
    assert_array_equal(models[0].misses_, models[1].misses_)
    for one, other in zip(*(model.predict_interval(X_new) for model in models), strict=True):
        assert_allclose(one, other, rtol=1e-9)
    assert models[0].n_calibration_ == models[1].n_calibration_


def test_rows_of_no_weight_are_no_part_of_a_share():
    X, y = stream(120)
    weight = np.ones(120)
    weight[70:] = 0
    model = AdaptiveConformalRegressor(Ridge(), cv=0.5).fit(X, y, sample_weight=weight)
    expected = AdaptiveConformalRegressor(Ridge(), cv=0.5).fit(X[:70], y[:70])
    assert_array_equal(model.calibration_scores_, expected.calibration_scores_)


def test_a_window_of_weights_forgets_parts():
    scores = ScoreStream(np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 4.0]), window=5)
    assert scores.total == 5
    assert_array_equal(scores.scores, [1, 2])
    assert [scores.upper(Fraction(k, 60)) for k in (9, 10, 11, 50, 51)] == [1, 1, 2, 2, np.inf]
    for _ in range(3):
        scores.add(0.5)
    assert_array_equal(scores.scores, [0.5, 0.5, 0.5, 2.0])
    assert scores.upper(Fraction(1, 2)) == 0.5
    assert scores.upper(Fraction(4, 6)) == 2.0


def test_fractions_of_weight():
    rng = np.random.default_rng(5)
    values, weight = rng.normal(size=50).round(1), rng.uniform(0.1, 2, 50)
    calibration = Calibration(values, weight)
    for level in (Fraction(k, 100) for k in range(1, 100)):
        assert ScoreStream(values, weight).upper(level) == calibration.upper(level)
    stream_of_scores = ScoreStream(values, weight, window=20)
    for value in rng.normal(size=100).round(1):
        stream_of_scores.add(value)
    assert stream_of_scores.total == pytest.approx(20)
    assert len(stream_of_scores) in (20, 21)


# -- scikit-learn ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pandas", "polars", "list", "csr"])
def test_tables_of_any_kind(kind):
    X, y = stream()
    names = ["a", "b", "c"]
    table = {
        "pandas": lambda A: pd.DataFrame(A, columns=names),
        "polars": lambda A: pl.DataFrame(A, schema=names),
        "list": lambda A: A.tolist(),
        "csr": sparse.csr_array,
    }[kind]
    for cv in (None, 3):
        model = AdaptiveConformalRegressor(Ridge(solver="lsqr", tol=1e-10), cv=cv)
        plain = clone(model).fit(X[:300], y[:300]).update(X[300:], y[300:])
        model.fit(table(X[:300]), pd.Series(y[:300])).update(table(X[300:]), y[300:].tolist())
        assert_allclose(model.predict_interval(table(X)), plain.predict_interval(X), rtol=1e-6)
    if kind in ("pandas", "polars"):
        assert_array_equal(model.feature_names_in_, names)


def test_single_precision():
    X, y = stream()
    model = AdaptiveConformalRegressor(Ridge()).fit(X, y)
    single = AdaptiveConformalRegressor(Ridge()).fit(X.astype(np.float32), y.astype(np.float32))
    interval = single.predict_interval(X.astype(np.float32))
    assert interval.dtype == np.float64
    assert_allclose(interval, model.predict_interval(X), rtol=1e-3, atol=1e-3)


def test_metadata_are_routed():
    X, y = stream()
    weight, groups = np.arange(400) % 3 + 1.0, np.arange(400) // 20
    params = {"sample_weight": weight, "groups": groups}
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True)
        splitter = GroupKFold(4).set_split_request(groups=True)
        model = AdaptiveConformalRegressor(ridge, cv=splitter)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        cross_validate(model, X, y, params=params)
        routed = model.fit(X, y, **params)
    plain = AdaptiveConformalRegressor(Ridge(), cv=GroupKFold(4)).fit(X, y, **params)
    assert_allclose(routed.calibration_scores_, plain.calibration_scores_, rtol=1e-12)
    with pytest.raises(ValueError, match="groups cannot act"):
        AdaptiveConformalRegressor(Ridge()).fit(X, y, groups=groups)


def test_a_grid_search_reaches_the_model():
    X, y = stream()
    pipeline = make_pipeline(StandardScaler(), Ridge())
    search = GridSearchCV(
        AdaptiveConformalRegressor(pipeline),
        {"estimator__ridge__alpha": [1.0, 1e4], "gamma": [0.01]},
        cv=2,
    )
    assert search.fit(X, y).best_params_["estimator__ridge__alpha"] == 1.0


def test_jobs_do_not_change_results():
    X, y = stream()
    one = AdaptiveConformalRegressor(Ridge(), cv=4, n_jobs=1).fit(X, y)
    two = AdaptiveConformalRegressor(Ridge(), cv=4, n_jobs=2).fit(X, y)
    assert_array_equal(one.calibration_scores_, two.calibration_scores_)


class Broken(RegressorMixin, BaseEstimator):
    """Knows an answer for rows that are not negative only."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.sqrt(np.asarray(X)[:, 0], where=X[:, 0] >= 0, out=np.full(len(X), np.nan))


def test_predictions_that_are_no_numbers():
    X, y = np.ones((40, 1)), np.ones(40)
    model = AdaptiveConformalRegressor(Broken()).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="1 of 2 errors are NaN"):
        model.update([[1.0], [-1.0]] * np.ones((2, 1)), [0.0, 0.0])
    assert pickle.dumps(model) == before
    with pytest.raises(ValueError, match="10 of 10 calibration errors are NaN"):
        AdaptiveConformalRegressor(Broken()).fit(-X, y)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"gamma": -0.1}, r"gamma=-0.1 is not valid"),
        ({"window": 0}, "window=0 is not valid"),
        ({"confidence_level": 90}, r"confidence_level=90 must be .*0.9 means 90 %"),
        ({"confidence_level": [0.8, 0.9]}, "confidence_level="),
        ({"cv": 1.5}, r"cv=1.5 must be a share"),
        ({"cv": RepeatedKFold(n_splits=2, n_repeats=2)}, "at most one test fold"),
        ({"cv": 0.999}, "no row is left to train on"),
    ],
)
def test_bad_parameters_get_a_sentence(parameters, sentence):
    X, y = stream(60)
    with pytest.raises(ValueError, match=sentence):
        AdaptiveConformalRegressor(Ridge(), **parameters).fit(X, y)


def test_bad_data_get_a_sentence():
    X, y = stream(60)
    model = AdaptiveConformalRegressor(Ridge())
    with pytest.raises(NotFittedError):
        model.update(X, y)
    with pytest.raises(ValueError, match="y has 2 columns"):
        model.fit(X, np.column_stack([y, y]))
    model.fit(X, y)
    with pytest.raises(ValueError, match="y has 59 rows, but X has 60"):
        model.update(X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        model.update(X, np.full(60, np.nan))
    assert model.n_updates_ == 0
