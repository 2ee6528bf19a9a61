"""Conformalized quantile regression: its rule, coverage, where quantiles come from, what cannot act."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, QuantileRegressor, Ridge, SGDRegressor
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from skboost.conformal import Bins, ConformalQuantileRegressor, QuantileBins
from skboost.conformal._quantile_parameter import find_quantile_parameter
from skboost.exceptions import UncertaintyWarning
from skboost.losses import Quantile
from skboost.networks import BoostedNetworkRegressor

VARIANTS = ["plain", "relative", "median"]


class Normal(RegressorMixin, BaseEstimator):
    """Normal distributions around a line that are wider away from 0: one quantile, or a column for each of a list."""

    def __init__(self, quantile=0.5, stretch=1.0):
        self.quantile = quantile
        self.stretch = stretch

    def fit(self, X, y, sample_weight=None):
        X = np.asarray(X, dtype=float)
        self.line_ = LinearRegression().fit(X, y, sample_weight)
        residual = y - self.line_.predict(X)
        self.sigma_ = np.sqrt(np.average(residual**2, weights=sample_weight))
        return self

    def at(self, X, levels):
        X = np.asarray(X, dtype=float)
        width = self.stretch * self.sigma_ * (0.2 + abs(X[:, 0]))
        return self.line_.predict(X)[:, None] + width[:, None] * stats.norm.ppf(levels)

    def predict(self, X):
        columns = self.at(X, np.atleast_1d(self.quantile))
        return columns if np.ndim(self.quantile) else columns[:, 0]


class Asked(Normal):
    """Is told the levels when it predicts."""

    def __init__(self, stretch=1.0):
        self.stretch = stretch

    def predict(self, X, quantiles=(0.5,)):
        return self.at(X, list(quantiles))


class Columns(Normal):
    """Knows its levels, and nobody can change them."""

    def __init__(self, stretch=1.0):
        self.stretch = stretch

    def predict(self, X):
        return self.at(X, [0.9, 0.3, 0.1])


class Given(RegressorMixin, BaseEstimator):
    """Predicts a column of X, which says what a model would."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(X)[:, self.column]

    def __sklearn_is_fitted__(self):
        return True


LOW, HIGH, MEDIAN = (FrozenEstimator(Given(column)) for column in range(3))


def rows(n=400, seed=0):
    """Skewed labels whose spread differs."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, X @ [1.0, -1.0] + rng.standard_gamma(2.0, n) * (0.2 + abs(X[:, 0]))


def predicted(n, seed=0, spread=0.8):
    """Quantiles that models might predict (low, high, median), and labels."""
    rng = np.random.default_rng(seed)
    median = rng.normal(size=n)
    low, high = median - spread * rng.uniform(0.1, 1, n), median + spread * rng.uniform(0.1, 2, n)
    return np.column_stack([low, high, median]), median + rng.normal(size=n)


def units_of(quantiles, variant):
    low, high, median = quantiles.T
    return {
        "plain": (np.ones(len(low)), np.ones(len(low))),
        "relative": (high - low, high - low),
        "median": (median - low, high - median),
    }[variant]


def covered(interval, y):
    return (interval[:, 0] <= y) & (y <= interval[:, 1])


# -- the rule -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_rule_is_that_of_the_definition(variant, symmetric, spread):
    X, y = predicted(99, spread=spread)
    new, _ = predicted(50, seed=1, spread=spread)
    model = ConformalQuantileRegressor([LOW, HIGH, MEDIAN], variant=variant, symmetric=symmetric)
    interval = model.fit(X, y).predict_interval(new)
    below, above = units_of(X, variant)
    scores = np.stack([(X[:, 0] - y) / below, (y - X[:, 1]) / above])
    if symmetric:
        q_low = q_high = np.sort(scores.max(axis=0))[90 - 1]
    else:
        q_low, q_high = np.sort(scores, axis=1)[:, 95 - 1]
    below, above = units_of(new, variant)
    expected = np.column_stack([new[:, 0] - q_low * below, new[:, 1] + q_high * above])
    assert_allclose(interval, expected, rtol=1e-12, atol=1e-12)
    found = model.calibration_scores_
    assert_allclose(found if symmetric else found.T, scores.max(axis=0) if symmetric else scores)
    assert model.n_calibration_ == 99
    assert model.n_crossed_ == 0


@pytest.mark.parametrize(("symmetric", "enough"), [(True, 9), (False, 19)])
def test_the_fewest_rows_with_a_finite_answer(symmetric, enough):
    X, y = predicted(enough)
    model = ConformalQuantileRegressor([LOW, HIGH], symmetric=symmetric)
    assert np.isfinite(model.fit(X, y).predict_interval(X)).all()
    model.fit(X[1:], y[1:])
    told = f"0.9 needs at least {enough} calibration rows, but there are {enough - 1}"
    with pytest.warns(UncertaintyWarning, match=told):
        interval = model.predict_interval(X)
    assert_array_equal(interval, [[-np.inf, np.inf]] * enough)


def test_one_calibration_row():
    X, y = predicted(1)
    model = ConformalQuantileRegressor([LOW, HIGH], confidence_level=0.5).fit(X, y)
    assert covered(model.predict_interval(X), y).all()


@pytest.mark.parametrize("symmetric", [True, False])
def test_quantiles_that_cross_are_sorted(symmetric):
    X, y = predicted(60)
    swap = np.arange(60) % 10 == 0
    crossed = np.where(swap[:, None], X[:, [1, 0, 2]], X)
    model = ConformalQuantileRegressor([LOW, HIGH, MEDIAN], symmetric=symmetric)
    expected = model.fit(X, y).predict_interval(X)
    assert_array_equal(model.fit(crossed, y).predict_interval(crossed), expected)
    assert model.n_crossed_ == 6
    with pytest.warns(UncertaintyWarning, match="cross in 100% of the calibration rows"):
        reverse = ConformalQuantileRegressor([HIGH, LOW, MEDIAN], symmetric=symmetric).fit(X, y)
    assert_array_equal(reverse.predict_interval(X), expected)


def test_intervals_that_would_be_empty_are_their_middle():
    X, y = predicted(50, spread=9.0)
    new = np.array([[0.0, 1.0, 0.5], [0.0, 30.0, 4.0]])
    model = ConformalQuantileRegressor([LOW, HIGH]).fit(X, y)
    assert np.sort(model.calibration_scores_)[45] < -0.5
    with pytest.warns(UncertaintyWarning, match="1 of 2 intervals would be empty"):
        interval = model.predict_interval(new)
    assert_allclose(interval[0], [0.5, 0.5], rtol=1e-12)
    assert interval[0, 0] == interval[0, 1]
    assert interval[1, 0] < interval[1, 1]


@pytest.mark.parametrize("variant", ["relative", "median"])
def test_no_interval_is_empty_if_ends_move_in_units_of_their_distance(variant):
    X, y = predicted(50, spread=30.0)
    y = X[:, 2]  # labels that are always predicted exactly
    model = ConformalQuantileRegressor([LOW, HIGH, MEDIAN], variant=variant).fit(X, y)
    interval = model.predict_interval(X)
    assert (interval[:, 0] <= interval[:, 1]).all()
    if variant == "median":
        assert_allclose(interval, X[:, [2, 2]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["split", "cross"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_labels_at_an_end_are_inside(variant, symmetric, method):
    """Scores and ends are rounded; of labels that occur many times none may be lost by that."""
    rng = np.random.default_rng(3)
    quantiles, weights = [0.1, 0.5, 0.77], rng.integers(1, 99, 40) / 7
    for shift in rng.normal(size=20) * 1e3:
        y = np.repeat(np.arange(8), 5) * weights[0] + shift
        base = DummyRegressor(strategy="quantile")
        model = ConformalQuantileRegressor(
            base, method=method, symmetric=symmetric, variant=variant, quantiles=quantiles,
            cv=[(np.arange(40), np.arange(40, 80))] if method == "split" else 4,
        )  # fmt: skip
        X, both = np.zeros((80, 1)), np.tile(y, 2)
        inside = covered(model.fit(X, both).predict_interval(X), both)
        assert inside[40:].sum() >= (37 if method == "split" else 36)


@pytest.mark.parametrize("variant", ["relative", "median"])
def test_quantiles_that_coincide(variant):
    X, y = predicted(60)
    X[::20] = X[::20, [2, 2, 2]]  # 5 %, all labels outside
    model = ConformalQuantileRegressor([LOW, HIGH, MEDIAN], variant=variant).fit(X, y)
    interval = model.predict_interval(X)
    assert np.isinf(model.calibration_scores_[::20]).all()
    assert np.isfinite(interval).all()
    assert_allclose(interval[::20], X[::20, :2], rtol=1e-12)
    X[::4] = X[::4, [2, 2, 2]]
    model.fit(X, y)
    with pytest.warns(UncertaintyWarning, match="unit in which ends move is 0 in too many"):
        interval = model.predict_interval(X)
    assert_array_equal(interval, [[-np.inf, np.inf]] * 60)
    y = X[:, 2]  # labels inside
    model.fit(X, y)
    assert np.isfinite(model.calibration_scores_).all()
    assert covered(model.predict_interval(X), y).all()


def test_quantiles_that_coincide_in_cross_validation():
    X, y = predicted(60)
    X[::4] = X[::4, [2, 2, 2]]  # labels outside, so that a quarter of the scores is infinite
    columns = Given([0, 1, 2])
    model = ConformalQuantileRegressor(columns, method="cross", variant="median").fit(X, y)
    with pytest.warns(UncertaintyWarning, match="unit in which ends move is 0 in too many"):
        interval = model.predict_interval(X)
    assert_array_equal(interval, [[-np.inf, np.inf]] * 60)


@pytest.mark.parametrize("variant", VARIANTS)
def test_quantiles_that_cross_are_sorted_in_cross_validation(variant):
    X, y = rows(60)
    model = ConformalQuantileRegressor(Normal(), method="cross", variant=variant).fit(X, y)
    reverse = ConformalQuantileRegressor(Normal(stretch=-1), method="cross", variant=variant)
    with pytest.warns(UncertaintyWarning, match="cross in 100% of the calibration rows"):
        reverse.fit(X, y)
    assert_allclose(reverse.predict_interval(X), model.predict_interval(X), rtol=1e-12)


# -- coverage -------------------------------------------------------------------------------------------------------


def coverages(model, n_seeds, n_calibration, n_test, spread=0.8):
    """Covered rows of each test, for models that are far from right."""
    counts = []
    for seed in range(n_seeds):
        X, y = predicted(n_calibration + n_test, seed=1000 + seed, spread=spread)
        model.fit(X[:n_calibration], y[:n_calibration])
        inside = covered(model.predict_interval(X[n_calibration:]), y[n_calibration:])
        counts.append(inside.sum())
    return np.array(counts)


@pytest.mark.parametrize("variant", VARIANTS)
def test_coverage_follows_its_exact_law(variant):
    n_seeds, n, m = 200, 99, 500
    law = stats.betabinom(m, 90, 10)
    model = ConformalQuantileRegressor([LOW, HIGH, MEDIAN], variant=variant)
    counts = coverages(model, n_seeds, n, m)
    z = (counts.mean() - law.mean()) / (law.std() / np.sqrt(n_seeds))
    assert abs(z) < 4
    u = np.random.default_rng(0).random(n_seeds)  # randomised, because counts are whole numbers
    uniform = law.cdf(counts - 1) + u * law.pmf(counts)
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_coverage_of_ends_that_move_by_themselves(variant):
    model = ConformalQuantileRegressor([LOW, HIGH, MEDIAN], variant=variant, symmetric=False)
    counts = coverages(model, 200, 99, 500) / 500
    error = counts.std() / np.sqrt(200)
    assert 0.9 - 4 * error <= counts.mean() <= 0.9 + 2 / 100 + 4 * error


@pytest.mark.parametrize("symmetric", [True, False])
def test_coverage_by_cross_validation(symmetric):
    model = ConformalQuantileRegressor(
        Normal(stretch=0.5), method="cross", cv=5, symmetric=symmetric
    )
    counts = []
    for seed in range(40):
        X, y = rows(300, seed)
        counts.append(
            covered(model.fit(X[:100], y[:100]).predict_interval(X[100:]), y[100:]).mean()
        )
    assert abs(np.mean(counts) - 0.9) < 0.03


def test_the_published_example():
    """Synthetic example 1 of the repository of Romano et al.: 91.06 % and 1.996 with a tuned quantile forest."""
    random = np.random.RandomState(1)

    def labels(x):
        y = np.empty(len(x))
        for row, value in enumerate(x):
            y[row] = random.poisson(np.sin(value) ** 2 + 0.1) + 0.03 * value * random.randn()
            y[row] += 25 * (random.uniform() < 0.01) * random.randn()
        return y.astype(np.float32)

    X, X_test = (random.uniform(0, 5, n).astype(np.float32) for n in (2000, 5000))
    y, y_test = labels(X), labels(X_test)
    order = random.permutation(2000)
    halves = [(order[:1000], order[1000:])]
    X, X_test = X[:, None], X_test[:, None]

    # the same rows: the split method with a forest has the published length to seven digits
    forest = RandomForestRegressor(100, min_samples_leaf=40, max_features=1, random_state=0)
    forest.fit(X[order[:1000]], y[order[:1000]])
    errors = np.sort(abs(y - forest.predict(X))[order[1000:]])
    assert 2 * errors[901 - 1] == pytest.approx(2.9138853780, rel=1e-7)

    boosting = GradientBoostingRegressor(
        loss="quantile", min_samples_leaf=9, learning_rate=0.05, random_state=0
    )
    model = ConformalQuantileRegressor(boosting, cv=halves).fit(X, y)
    interval = model.predict_interval(X_test)
    assert 0.9 < covered(interval, y_test).mean() < 0.925
    assert np.diff(interval, axis=1).mean() < 2.5


# -- by cross-validation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [KFold(4, shuffle=True, random_state=0), LeaveOneOut()])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_cross_validation_is_that_of_the_definition(variant, symmetric, cv):
    X, y = rows(60)
    new, _ = rows(30, seed=1)
    model = ConformalQuantileRegressor(
        Normal(), method="cross", cv=cv, variant=variant, symmetric=symmetric
    )
    interval = model.fit(X, y).predict_interval(new)
    lower, upper, points = [], [], []
    for train, test in cv.split(X):
        normal = Normal().fit(X[train], y[train])
        at, at_new = (normal.at(rows_of_X, [0.05, 0.95, 0.5]) for rows_of_X in (X[test], new))
        below, above = units_of(at, variant)
        below, above = (at[:, 0] - y[test]) / below, (y[test] - at[:, 1]) / above
        if symmetric:
            below = above = np.maximum(below, above)
        unit_below, unit_above = units_of(at_new, variant)
        lower.append(at_new[:, [0]] - unit_below[:, None] * below)
        upper.append(at_new[:, [1]] + unit_above[:, None] * above)
        points.append(np.median(at_new if variant == "median" else at_new[:, :2], axis=1))
    lower, upper = np.sort(np.hstack(lower), axis=1), np.sort(np.hstack(upper), axis=1)
    rank = 55 if symmetric else 58  # ceil(61 * 0.9) and ceil(61 * 0.95)
    expected = np.column_stack([lower[:, -rank], upper[:, rank - 1]])
    assert_allclose(interval, expected, rtol=1e-10)
    assert_allclose(model.predict(new), np.mean(points, axis=0), rtol=1e-10)
    assert [len(models) for models in model.estimators_] == [
        3 if variant == "median" else 2
    ] * cv.get_n_splits(X)


def test_blocks_of_rows_give_the_same(monkeypatch):
    X, y = rows(60)
    model = ConformalQuantileRegressor(Normal(), method="cross").fit(X, y)
    expected = model.predict_interval(X)
    monkeypatch.setattr("skboost.conformal._quantile_strategy.ROOM", 140)  # 7 rows at a time
    assert_allclose(model.predict_interval(X), expected, rtol=1e-12)


def test_too_few_rows_for_cross_validation():
    X, y = rows(8)
    model = ConformalQuantileRegressor(Normal(), method="cross", cv=2).fit(X, y)
    with pytest.warns(
        UncertaintyWarning, match="needs at least 9 calibration rows, but there are 8"
    ):
        assert np.isinf(model.predict_interval(X)).all()


@pytest.mark.parametrize(
    "cv", [RepeatedKFold(n_splits=2, n_repeats=2), ShuffleSplit(1, test_size=0.5)]
)
def test_each_row_is_tested_once(cv):
    X, y = rows(60)
    with pytest.raises(ValueError, match="each row in one test fold"):
        ConformalQuantileRegressor(Normal(), method="cross", cv=cv).fit(X, y)


# -- where quantiles come from --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (QuantileRegressor(), "quantile"),
        (GradientBoostingRegressor(loss="quantile"), "alpha"),
        (HistGradientBoostingRegressor(loss="quantile"), "quantile"),
        (DummyRegressor(strategy="quantile"), "quantile"),
        (make_pipeline(StandardScaler(), QuantileRegressor()), "quantileregressor__quantile"),
        (TransformedTargetRegressor(QuantileRegressor()), "regressor__quantile"),
        (GridSearchCV(QuantileRegressor(), {"alpha": [0, 1]}), "estimator__quantile"),
        (
            make_pipeline(SelectFromModel(Ridge()), GradientBoostingRegressor(loss="quantile")),
            "gradientboostingregressor__alpha",
        ),
        (BoostedNetworkRegressor(loss=Quantile(0.5)), "loss__quantile"),
        (BoostedNetworkRegressor(loss=Quantile([0.1, 0.9]), alpha=0.1), "loss__quantile"),
        (BoostedNetworkRegressor(loss="quantile"), None),  # alpha = 1 is a penalty, not a level
        (Ridge(alpha=0.5), None),
        (SGDRegressor(alpha=0.5), None),
        (GradientBoostingRegressor(), None),
        (object(), None),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_the_parameter_of_the_level_is_found(estimator, name):
    assert find_quantile_parameter(estimator) == name


@pytest.mark.parametrize(
    ("objective", "name"), [("reg:quantileerror", "quantile_alpha"), ("count:poisson", "error")]
)
def test_the_parameter_of_xgboost(objective, name):
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBRegressor(objective=objective, quantile_alpha=0.5)
    if name == "error":
        with pytest.raises(ValueError, match="'quantile_alpha' of the estimator cannot act with"):
            find_quantile_parameter(model)
    else:
        assert find_quantile_parameter(model) == name


def test_a_parameter_that_cannot_act_is_refused():
    X, y = rows(60)
    for model in (HistGradientBoostingRegressor(), HistGradientBoostingRegressor(quantile=0.1)):
        told = "'quantile' of the estimator cannot act with loss='squared_error'; set that"
        with pytest.raises(ValueError, match=told):
            ConformalQuantileRegressor(model).fit(X, y)
    for model in (Ridge(), GradientBoostingRegressor(n_estimators=2)):
        name = type(model).__name__
        with pytest.raises(ValueError, match=f"{name} predicts one number a row, and no parameter"):
            ConformalQuantileRegressor(model).fit(X, y)


def test_several_parameters_need_a_choice():
    X, y = rows(60)
    pipeline = make_pipeline(SelectFromModel(QuantileRegressor()), QuantileRegressor())
    told = r"quantileregressor__quantile, selectfrommodel__estimator__quantile\); say which"
    with pytest.raises(ValueError, match=told):
        ConformalQuantileRegressor(pipeline).fit(X, y)
    model = ConformalQuantileRegressor(
        pipeline, quantile_parameter="quantileregressor__quantile"
    ).fit(X, y)
    assert [p[-1].quantile for p in model.estimators_[0]] == [0.05, 0.95]
    assert [p[0].estimator.quantile for p in model.estimators_[0]] == [0.5, 0.5]
    with pytest.raises(ValueError, match="Invalid parameter 'level'"):
        ConformalQuantileRegressor(pipeline, quantile_parameter="level").fit(X, y)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_levels_follow_the_confidence_level(level):
    X, y = rows(200)
    model = ConformalQuantileRegressor(Normal(), confidence_level=level, variant="median")
    model.fit(X, y)
    levels = [fitted.quantile for fitted in model.estimators_[0]]
    assert levels == model.quantiles_
    assert_allclose(levels, [(1 - level) / 2, 0.5, (1 + level) / 2], rtol=1e-12)
    assert clone(model).estimator.quantile == 0.5


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("method", ["split", "cross"])
def test_one_model_for_all_levels_is_like_one_for_each(variant, method):
    X, y = rows(100)
    intervals, points = [], []
    for base in (Normal(), Normal(quantile=[0.4]), Asked()):
        model = ConformalQuantileRegressor(base, variant=variant, method=method, random_state=0)
        intervals.append(model.fit(X, y).predict_interval(X))
        points.append(model.predict(X))
        assert len(model.estimators_[0]) == (
            len(model.quantiles_) if base.get_params().get("quantile") == 0.5 else 1
        )
        assert model.quantiles_ == ([0.05, 0.5, 0.95] if variant == "median" else [0.05, 0.95])
    for interval, point in zip(intervals[1:], points[1:], strict=True):
        assert_allclose(interval, intervals[0], rtol=1e-12)
        assert_allclose(point, points[0], rtol=1e-12)


def test_a_model_with_columns_of_its_own():
    X, y = rows(100)
    model = ConformalQuantileRegressor(Columns(), random_state=0).fit(X, y)
    by_hand = Normal(quantile=0.3)
    by_hand.line_, by_hand.sigma_ = model.estimators_[0][0].line_, model.estimators_[0][0].sigma_
    assert model.quantiles_ is None
    assert model.n_crossed_ == 0  # in which order the columns are is not known
    assert_allclose(model.predict(X), by_hand.predict(X), rtol=1e-12)
    expected = ConformalQuantileRegressor(
        Normal(), quantiles=(0.1, 0.3, 0.9), random_state=0
    ).fit(X, y)  # fmt: skip
    assert_allclose(model.predict_interval(X), expected.predict_interval(X), rtol=1e-12)
    with pytest.raises(ValueError, match=r"quantiles=\(0.1, 0.9\) cannot act"):
        ConformalQuantileRegressor(Columns(), quantiles=(0.1, 0.9)).fit(X, y)


@pytest.mark.parametrize("loss", [Quantile(0.5), Quantile([0.1, 0.9])], ids=["each", "all"])
def test_boosted_networks(loss):
    X, y = rows(300)
    base = BoostedNetworkRegressor(n_stages=10, loss=loss, random_state=0, early_stopping=False)
    model = ConformalQuantileRegressor(base, random_state=0).fit(X, y)
    assert len(model.estimators_[0]) == (2 if loss.multi_output else 1)
    interval = model.predict_interval(X)
    assert 0.85 < covered(interval, y).mean() < 0.99
    narrow, wide = abs(X[:, 0]) < 0.3, abs(X[:, 0]) > 1.2
    widths = np.diff(interval, axis=1)
    assert widths[wide].mean() > 1.5 * widths[narrow].mean()


def test_levels_of_ones_own():
    X, y = rows(200)
    model = ConformalQuantileRegressor(Normal(), quantiles=np.array([0.2, 0.6, 0.8])).fit(X, y)
    assert model.quantiles_ == [0.2, 0.6, 0.8]
    middle = model.estimators_[0][1]
    assert middle.quantile == 0.6
    assert_allclose(model.predict(X), middle.predict(X), rtol=1e-12)
    two = ConformalQuantileRegressor(Normal(), quantiles=(0.2, 0.8)).fit(X, y)
    low, high = two.estimators_[0]
    assert_allclose(two.predict(X), (low.predict(X) + high.predict(X)) / 2, rtol=1e-12)


def test_frozen_models():
    X, y = rows(300)
    each = [FrozenEstimator(Normal(q).fit(X[:150], y[:150])) for q in (0.05, 0.95)]
    together = FrozenEstimator(Normal([0.05, 0.95]).fit(X[:150], y[:150]))
    asked = FrozenEstimator(Asked().fit(X[:150], y[:150]))
    intervals = []
    for estimator in (each, tuple(each), together, asked):
        model = ConformalQuantileRegressor(estimator).fit(X[150:], y[150:])
        assert model.n_calibration_ == 150
        assert model.quantiles_ == ([0.05, 0.95] if estimator is asked else None)
        intervals.append(model.predict_interval(X))
        clone(model).fit(X[150:], y[150:])
    assert_allclose(intervals[1:], [intervals[0]] * 3, rtol=1e-12)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"cv": 0.5}, "cv=0.5 cannot act: the estimator is frozen"),
        ({"quantile_parameter": "quantile"}, "quantile_parameter='quantile' cannot act"),
        ({"method": "cross"}, "method='cross' fits models on each fold"),
        ({"quantiles": [0.1, 0.9]}, r"quantiles=\[0.1, 0.9\] cannot act"),
    ],
)
def test_options_that_cannot_act_on_frozen_models_are_refused(option, sentence):
    X, y = predicted(60)
    with pytest.raises(ValueError, match=sentence):
        ConformalQuantileRegressor([LOW, HIGH], **option).fit(X, y)
    with pytest.raises(ValueError, match="speed cannot act"):
        ConformalQuantileRegressor([LOW, HIGH]).fit(X, y, speed=1)


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        ([LOW], r"estimator=\[FrozenEstimator\] must be one regressor, or a list of two or three"),
        ([LOW, Ridge()], r"estimator=\[FrozenEstimator, Ridge\] must be"),
        ([LOW, FrozenEstimator(Columns().fit(*rows(9)))], "must give one number a row"),
        (LOW, "FrozenEstimator predicts one number a row"),
    ],
)
def test_lists_that_are_no_quantiles_get_a_sentence(estimator, sentence):
    X, y = predicted(60)
    with pytest.raises(ValueError, match=sentence):
        ConformalQuantileRegressor(estimator).fit(X[:, :2], y)


# -- levels, groups, other rows -------------------------------------------------------------------------------------


def test_only_the_level_that_was_trained_for_can_be_asked_for():
    X, y = rows()
    model = ConformalQuantileRegressor(Normal(), confidence_level=0.8).fit(X, y)
    interval = model.predict_interval(X)
    assert_array_equal(model.predict_interval(X, 0.8), interval)
    several = model.predict_interval(X, [0.8])
    assert several.shape == (400, 2, 1)
    assert_array_equal(several[..., 0], interval)
    for level in (0.9, [0.8, 0.9]):
        with pytest.raises(ValueError, match=r"confidence_level=0.9 cannot act: .* fitted for 0.8"):
            model.predict_interval(X, level)
    with pytest.raises(ValueError, match="0.9 means 90 %"):
        model.predict_interval(X, 90)


@pytest.mark.parametrize("symmetric", [True, False])
def test_groups_are_calibrated_each_on_their_own(symmetric):
    X, y = predicted(120)
    group = np.arange(120) % 3
    table = np.column_stack([X, group])
    model = ConformalQuantileRegressor([LOW, HIGH], taxonomy=3, symmetric=symmetric).fit(table, y)
    interval = model.predict_interval(table)
    for k in range(3):
        alone = ConformalQuantileRegressor([LOW, HIGH], symmetric=symmetric)
        alone.fit(X[group == k], y[group == k])
        assert_array_equal(interval[group == k], alone.predict_interval(X[group == k]))


def test_groups_that_are_small_or_unseen_are_infinite():
    X, y = predicted(60)
    group = np.repeat(["a", "b"], [55, 5])
    table = pd.DataFrame(X, columns=["low", "high", "median"]).assign(group=group)
    model = ConformalQuantileRegressor([LOW, HIGH], taxonomy="group").fit(table, y)
    new = table.iloc[[0, 59, 1]].assign(group=["a", "b", "c"])
    with pytest.warns(UncertaintyWarning, match="0 in unseen groups and 5 in group 'b'") as told:
        interval = model.predict_interval(new)
    assert len(told) == 1
    assert_array_equal(np.isinf(interval).all(axis=1), [False, True, True])


@pytest.mark.parametrize(
    "taxonomy", [Bins([4.0], of="difficulty"), QuantileBins(2, of="difficulty")]
)
def test_groups_by_width(taxonomy):
    X, y = rows(400)
    model = ConformalQuantileRegressor(Normal(), taxonomy=taxonomy, random_state=0).fit(X, y)
    low, high = (fitted.predict(X) for fitted in model.estimators_[0])
    moves = (model.predict_interval(X)[:, 1] - high).round(9)
    narrow = high - low <= (4.0 if isinstance(taxonomy, Bins) else np.median(high - low))
    if isinstance(taxonomy, QuantileBins):  # its edge is the median of the training rows
        assert len(np.unique(moves)) == 2
        edge = (high - low)[moves == moves[np.argmin(high - low)]].max()
        assert abs(np.mean(high - low <= edge) - 0.5) < 0.1
        narrow = high - low <= edge
    assert len(np.unique(moves[narrow])) == len(np.unique(moves[~narrow])) == 1
    assert moves[narrow][0] != moves[~narrow][0]


def test_groups_and_folds_do_not_go_together():
    X, y = rows()
    with pytest.raises(ValueError, match="taxonomy=0 cannot act with method='cross'"):
        ConformalQuantileRegressor(Normal(), method="cross", taxonomy=0).fit(X, y)


def test_other_rows_calibrate_without_a_new_fit():
    X, y = rows()
    model = ConformalQuantileRegressor(Normal()).fit(X[:200], y[:200])
    models = list(model.estimators_[0])
    assert model.fit_calibration(X[200:], y[200:]) is model
    assert all(a is b for a, b in zip(models, model.estimators_[0], strict=True))
    frozen = [FrozenEstimator(fitted) for fitted in models]
    expected = ConformalQuantileRegressor(frozen).fit(X[200:], y[200:])
    assert_array_equal(model.predict_interval(X), expected.predict_interval(X))
    with pytest.raises(NotFittedError):
        clone(model).fit_calibration(X, y)
    cross = ConformalQuantileRegressor(Normal(), method="cross").fit(X, y)
    with pytest.raises(ValueError, match="cannot be calibrated on others"):
        cross.fit_calibration(X, y)


# -- weights, tables, scikit-learn ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["split", "cross"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_count_copies_and_zero_removes(variant, symmetric, method):
    X, y = rows(120)
    weight = np.random.default_rng(4).integers(0, 4, 120)
    copies = np.repeat(np.arange(120), weight)
    fold = np.arange(120) % 3

    def folds(member):
        parts = [(np.flatnonzero(member != k), np.flatnonzero(member == k)) for k in range(3)]
        return parts if method == "cross" else parts[:1]

    weighted, repeated = (
        ConformalQuantileRegressor(
            Normal(), method=method, variant=variant, symmetric=symmetric, cv=folds(member)
        )
        for member in (fold, fold[copies])
    )
    weighted.fit(X, y, sample_weight=weight)
    repeated.fit(X[copies], y[copies])
    assert_allclose(weighted.predict_interval(X), repeated.predict_interval(X), rtol=1e-9)
    assert weighted.n_calibration_ == repeated.n_calibration_
    assert weighted.n_crossed_ == repeated.n_crossed_


def test_weights_in_groups():
    X, y = predicted(120)
    weight = np.random.default_rng(4).integers(0, 4, 120)
    copies = np.repeat(np.arange(120), weight)
    table = np.column_stack([X, np.arange(120) % 2])
    model = ConformalQuantileRegressor([LOW, HIGH], taxonomy=3)
    weighted = model.fit(table, y, sample_weight=weight).predict_interval(table)
    repeated = model.fit(table[copies], y[copies]).predict_interval(table)
    assert_array_equal(weighted, repeated)


@pytest.mark.parametrize("method", ["split", "cross"])
@pytest.mark.parametrize("kind", ["pandas", "polars", "list", "csr"])
def test_tables_of_any_kind(kind, method):
    X, y = rows(100)
    names = ["a", "b"]
    table = {
        "pandas": lambda: pd.DataFrame(X, columns=names),
        "polars": lambda: pl.DataFrame(X, schema=names),
        "list": X.tolist,
        "csr": lambda: sparse.csr_array(X),
    }[kind]()
    base = QuantileRegressor(alpha=0.01) if kind == "csr" else Normal()
    model = ConformalQuantileRegressor(base, method=method, random_state=0)
    plain = clone(model).fit(X, y)
    model.fit(table, pd.Series(y))
    assert_allclose(model.predict_interval(table), plain.predict_interval(X), rtol=1e-6, atol=1e-6)
    if kind in ("pandas", "polars"):
        assert_array_equal(model.feature_names_in_, names)


def test_single_precision():
    X, y = rows()
    model = ConformalQuantileRegressor(Normal(), random_state=0)
    expected = clone(model).fit(X, y).predict_interval(X)
    X, y = X.astype(np.float32), y.astype(np.float32)
    interval = model.fit(X, y).predict_interval(X)
    assert interval.dtype == np.float64
    assert_allclose(interval, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", ["split", "cross"])
def test_metadata_are_routed(method):
    X, y = rows()
    weight, groups = np.arange(400) % 3 + 1.0, np.arange(400) // 20
    params = {"sample_weight": weight, "groups": groups}
    with config_context(enable_metadata_routing=True):
        base = Normal().set_fit_request(sample_weight=True)
        splitter = GroupKFold(4).set_split_request(groups=True)
        model = ConformalQuantileRegressor(base, method=method, cv=splitter)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        cross_validate(model, X, y, params=params)
        routed = model.fit(X, y, **params)
        ConformalQuantileRegressor([LOW, HIGH]).fit(*predicted(50)).get_metadata_routing()
    plain = ConformalQuantileRegressor(Normal(), method=method, cv=GroupKFold(4))
    plain.fit(X, y, **params)
    assert_allclose(routed.predict_interval(X), plain.predict_interval(X), rtol=1e-12)


def test_a_grid_search_by_a_score_of_intervals():
    X, y = rows()

    def negative_width(model, X, y):
        return -np.diff(model.predict_interval(X), axis=1).mean()

    search = GridSearchCV(
        ConformalQuantileRegressor(Normal(), random_state=0),
        {"estimator__stretch": [0.5, 100.0], "symmetric": [True]},
        scoring=negative_width,
        cv=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertaintyWarning)  # far too wide quantiles leave nothing
        search.fit(X, y)
    assert search.best_params_["estimator__stretch"] in (0.5, 100.0)


@pytest.mark.parametrize("method", ["split", "cross"])
def test_jobs_do_not_change_results(method):
    X, y = rows()
    one, two = (
        ConformalQuantileRegressor(QuantileRegressor(), method=method, n_jobs=n, random_state=0)
        for n in (1, 2)
    )
    assert_array_equal(one.fit(X, y).predict_interval(X), two.fit(X, y).predict_interval(X))


@pytest.mark.parametrize("method", ["split", "cross"])
def test_a_fitted_model_survives_pickling(method):
    X, y = rows()
    model = ConformalQuantileRegressor(Normal(), method=method).fit(X, y)
    before = pickle.dumps(model)
    interval = model.predict_interval(X)
    assert pickle.dumps(model) == before  # predicting changes nothing
    assert_array_equal(pickle.loads(before).predict_interval(X), interval)


def test_rows_that_calibrate_are_drawn_by_the_random_state():
    X, y = rows()
    found = [
        ConformalQuantileRegressor(Normal(), random_state=seed).fit(X, y).calibration_scores_
        for seed in (0, 0, 1)
    ]
    assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert len(found[0]) == 100
    share = ConformalQuantileRegressor(Normal(), cv=0.5).fit(X, y)
    assert share.n_calibration_ == 200


CHECKED = [
    ConformalQuantileRegressor(QuantileRegressor(alpha=0), random_state=0),
    ConformalQuantileRegressor(QuantileRegressor(alpha=0), method="cross", cv=2, symmetric=False),
    ConformalQuantileRegressor(
        QuantileRegressor(alpha=0), variant="median", taxonomy=Bins([0.0]), random_state=0
    ),
]


@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
@pytest.mark.parametrize("estimator", CHECKED, ids=range(len(CHECKED)))
def test_scikit_learn_checks(estimator):
    n_checks = 0
    for fresh, check in estimator_checks_generator(estimator):
        n_checks += 1
        if check.func.__name__ != "check_array_api_input":
            check(fresh)
    assert n_checks >= 55


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"method": "plus"}, "method='plus' is not valid .* 'cross' or 'split'"),
        ({"variant": "m"}, "variant='m' is not valid"),
        ({"symmetric": 1}, "symmetric=1 is not valid"),
        ({"confidence_level": 90}, "0.9 means 90 %"),
        ({"confidence_level": [0.8, 0.9]}, "confidence_level="),
        ({"cv": 1.5}, "cv=1.5 cannot act with method='split'"),
        ({"quantiles": [0.9, 0.1]}, "two or three different levels, rising"),
        ({"quantiles": [0.5]}, "two or three different levels, rising"),
        ({"quantiles": [0, 0.5]}, r"quantiles=\[0, 0.5\] is not valid"),
        ({"quantiles": [0.1, 0.9], "variant": "median"}, "variant='median' needs"),
        ({"taxonomy": 5.5}, "taxonomy=5.5 must be"),
    ],
)
def test_bad_parameters_get_a_sentence(parameters, sentence):
    X, y = rows(60)
    with pytest.raises(ValueError, match=sentence):
        ConformalQuantileRegressor(Normal(), **parameters).fit(X, y)


def test_bad_data_get_a_sentence():
    X, y = rows(60)
    model = ConformalQuantileRegressor(Normal())
    with pytest.raises(NotFittedError):
        model.predict_interval(X)
    with pytest.raises(ValueError, match="y has 2 columns"):
        model.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="target y is None"):
        model.fit(X, None)
    model.fit(X, y)
    with pytest.raises(ValueError, match="1D array"):
        model.predict(X[0])
    X, y = predicted(60)
    X[3, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 60 calibration scores are NaN"):
        ConformalQuantileRegressor([LOW, HIGH]).fit(X, y)
    with pytest.raises(ValueError, match="calibration scores are NaN"):
        ConformalQuantileRegressor(Given([0, 1]), method="cross").fit(X, y)
    with pytest.raises(ValueError, match="variant='median' needs a median, but .* 2 quantiles"):
        ConformalQuantileRegressor([LOW, HIGH], variant="median").fit(*predicted(60))


def test_a_refused_calibration_leaves_the_old_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y = X[:, 0] + rng.normal(size=200)

    def answer(rows):  # NaN for rows far out
        return np.where(np.abs(rows) > 90, np.nan, rows) + np.array([[-1.0, 1.0]])

    class TwoColumns(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.fitted_ = True
            return self

        def predict(self, X):
            return answer(X)

    model = ConformalQuantileRegressor(
        FrozenEstimator(TwoColumns().fit(X, y)), taxonomy=lambda rows: rows[:, 0] > 0
    ).fit(X, y)
    before = model.predict_interval(X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit_calibration(np.full((50, 1), 99.0), np.zeros(50))
    assert_array_equal(model.predict_interval(X), before)
