"""Conformal regression by cross-validation: CV+, jackknife+, minmax, and plain cross-validation."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator

from skboost.conformal import Bins, ConformalRegressor, NormalizedScore, _members, _shifted_lists
from skboost.conformal._rank import exact_level, one_sided, upper_rank
from skboost.exceptions import UncertaintyWarning

METHODS = ["plus", "minmax", "base"]


def smallest(numbers, level):
    """ceil((n + 1) level)-th smallest number of each row."""
    n = numbers.shape[1]
    rank = upper_rank(n, exact_level(level))
    return np.sort(numbers, axis=1)[:, rank - 1] if rank <= n else np.full(len(numbers), np.inf)


def by_hand(model, X, y, X_new, folds, level, *, method, unit=None, two_tailed=False):
    """The definitions, with all numbers of all rows written down."""
    unit = unit or (lambda prediction, X: np.ones(len(X)))
    level = one_sided(exact_level(level)) if two_tailed else level
    residual, owner, at, units = np.empty(len(y)), np.empty(len(y), int), [], []
    for number, (train, test) in enumerate(folds):
        fitted = clone(model).fit(X[train], y[train])
        prediction = fitted.predict(X[test])
        residual[test] = (y[test] - prediction) / unit(prediction, X[test])
        owner[test] = number
        at.append(fitted.predict(X_new))
        units.append(unit(at[-1], X_new))
    at, units = np.array(at).T, np.array(units).T
    above, below = (residual, -residual) if two_tailed else (np.abs(residual),) * 2
    if method == "plus":
        high = smallest(at[:, owner] + units[:, owner] * above, level)
        low = -smallest(-at[:, owner] + units[:, owner] * below, level)
        return np.column_stack([low, high])
    if method == "base":
        whole = clone(model).fit(X, y)
        at = whole.predict(X_new)[:, None]
        units = unit(at[:, 0], X_new)[:, None]
    low = (at - units * smallest(below[None], level)).min(axis=1)
    return np.column_stack([low, (at + units * smallest(above[None], level)).max(axis=1)])


# -- what intervals are -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cv", [KFold(4), LeaveOneOut()], ids=["4 folds", "leave one out"])
@pytest.mark.parametrize("score", ["absolute", "signed", "normalized", "lopsided", "gamma"])
def test_intervals_are_those_of_the_definition(diabetes, method, cv, score):
    X, y = diabetes[0][:60], diabetes[1][:60]
    X_new, model = diabetes[0][60:120], DecisionTreeRegressor(min_samples_leaf=10, random_state=0)
    more, options = {}, {}
    if score in ("normalized", "lopsided"):
        more["difficulty"] = lambda X: 1.0 + np.abs(X[:, 2])
        options["unit"] = lambda prediction, X: 1.5 + np.abs(X[:, 2])
    if score == "gamma":
        options["unit"] = lambda prediction, X: prediction
    nonconformity = {
        "normalized": NormalizedScore(beta=0.5),
        "lopsided": NormalizedScore(beta=0.5, symmetric=False),
    }.get(score, score)
    conformal = ConformalRegressor(
        model, method=method, cv=cv, nonconformity=nonconformity, **more
    ).fit(X, y)
    two_tailed = score in ("signed", "lopsided", "gamma")
    found = conformal.predict_interval(X_new, [0.6, 0.9, 0.95])
    for place, level in enumerate([0.6, 0.9, 0.95]):
        expected = by_hand(
            model, X, y, X_new, cv.split(X), level, method=method, two_tailed=two_tailed, **options
        )
        assert_allclose(found[..., place], expected, rtol=1e-12, atol=1e-12)
    assert_allclose(conformal.predict(X_new), model.fit(X, y).predict(X_new))


def test_as_many_folds_as_rows_are_the_jackknife_plus(diabetes):
    X, y = diabetes[0][:40], diabetes[1][:40]
    for method in METHODS:
        one, other = (
            ConformalRegressor(Ridge(), method=method, cv=cv).fit(X, y)
            for cv in (40, LeaveOneOut())
        )
        assert_array_equal(one.predict_interval(X), other.predict_interval(X))
        assert len(one.estimators_) == (1 if method == "base" else 40)


def test_few_rows_at_a_time_and_either_selection_give_the_same(diabetes, monkeypatch):
    X, y = diabetes
    for cv in (KFold(3), LeaveOneOut()):
        conformal = ConformalRegressor(Ridge(), cv=cv).fit(X[:50], y[:50])
        expected = conformal.predict_interval(X[:60])
        for room, block, long in ((1, 1, 0), (1000, 50, 0), (1000, 50, 10**9)):
            monkeypatch.setattr(_members, "ROOM", room)
            monkeypatch.setattr(_shifted_lists, "BLOCK", block)
            monkeypatch.setattr(_shifted_lists, "LONG", long)
            assert_allclose(conformal.predict_interval(X[:60]), expected, rtol=1e-12)
        monkeypatch.undo()


@pytest.mark.parametrize("cv", ["leave one out", "3 folds"])
@pytest.mark.parametrize("method", METHODS)
def test_widths_are_those_of_another_package(method, cv):
    # Widths in the tests of MAPIE 1.6, to the 1 % that they ask for there.
    X, y = make_regression(500, 10, noise=1.0, random_state=1)
    folds = LeaveOneOut() if cv == "leave one out" else KFold(3, shuffle=True, random_state=1)
    published = {
        "leave one out": {"base": 3.89, "plus": 3.90, "minmax": 3.96},
        "3 folds": {"base": 3.88, "plus": 3.91, "minmax": 4.07},
    }
    conformal = ConformalRegressor(LinearRegression(), method=method, cv=folds).fit(X, y)
    low, high = conformal.predict_interval(X, 0.95).T
    assert_allclose(np.mean(high - low), published[cv][method], rtol=1e-2)
    assert 0.95 <= np.mean((low <= y) & (y <= high)) <= 0.965


def test_minmax_holds_plus_and_the_rest_is_nested():
    X, y = make_regression(120, 5, noise=10.0, random_state=0)
    plus, minmax = (
        ConformalRegressor(KNeighborsRegressor(3), method=method).fit(X, y)
        for method in ("plus", "minmax")
    )
    levels = [0.55, 0.7, 0.9, 0.97]
    inner, outer = plus.predict_interval(X, levels), minmax.predict_interval(X, levels)
    assert (outer[:, 0] <= inner[:, 0] + 1e-9).all()
    assert (outer[:, 1] >= inner[:, 1] - 1e-9).all()
    for ends in (inner, outer):
        assert (np.diff(ends[:, 0]) <= 0).all()
        assert (np.diff(ends[:, 1]) >= 0).all()


def test_crossed_ends_become_their_middle():
    # Half of the models say 0 and half 100, and a level of 0.2 leaves no label that is as likely.
    class Parity(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.value_ = 100.0 * (len(np.unique(X[X[:, 0] < 4, 0])) % 2)
            return self

        def predict(self, X):
            return np.full(len(X), self.value_)

    X, y = np.arange(8.0)[:, None], np.where(np.arange(8) < 4, 101.0, 1.0)
    conformal = ConformalRegressor(Parity(), cv=LeaveOneOut()).fit(X, y)
    assert_array_equal(conformal.calibration_scores_, 1.0)
    assert_allclose(conformal.predict_interval(X[:2], 0.2), 50.0)  # 99 and 1
    assert_allclose(conformal.predict_interval(X[:1], 0.6), [[-1.0, 101.0]])


# -- weights, groups, few rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("score", ["absolute", "signed"])
def test_a_weight_is_so_many_copies(diabetes, method, score):
    X, y = diabetes[0][:120], diabetes[1][:120]
    weight, fold = np.arange(120) % 4, np.arange(120) % 5
    options = {"method": method, "nonconformity": score}
    weighted = ConformalRegressor(Ridge(), cv=PredefinedSplit(fold), **options)
    weighted.fit(X, y, sample_weight=weight)
    copied = ConformalRegressor(Ridge(), cv=PredefinedSplit(np.repeat(fold, weight)), **options)
    copied.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert weighted.n_calibration_ == copied.n_calibration_ == weight.sum()
    for level in (0.5, 0.9, 0.95):
        assert_allclose(
            weighted.predict_interval(X, level), copied.predict_interval(X, level), rtol=1e-9
        )


@pytest.mark.parametrize("cv", [None, LeaveOneOut(), 3])
def test_weight_0_is_removal(diabetes, cv):
    X, y = diabetes[0][:60], diabetes[1][:60]
    weight = (np.arange(60) % 3).astype(float)
    kept = weight > 0
    for method in METHODS:
        model = ConformalRegressor(Ridge(), method=method, cv=cv)
        intervals = model.fit(X, y, sample_weight=weight).predict_interval(X)
        removed = model.fit(X[kept], y[kept], sample_weight=weight[kept])
        assert_array_equal(intervals, removed.predict_interval(X))
        assert len(removed.calibration_scores_) == kept.sum()


@pytest.mark.parametrize("method", METHODS)
def test_groups_have_intervals_of_their_own(method):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 2, 200), rng.normal(size=200)]).astype(float)
    y = X[:, 1] + (1 + 9 * X[:, 0]) * rng.normal(size=200)
    model = ConformalRegressor(LinearRegression(), method=method, taxonomy=0).fit(X, y)
    low, high = model.predict_interval(X).T
    narrow, wide = ((high - low)[X[:, 0] == group].mean() for group in (0, 1))
    assert wide > 5 * narrow
    # the group of a row knows nothing of the other's residuals
    far = y + 1e3 * X[:, 0] * np.sign(rng.normal(size=200))
    by_group = clone(model).set_params(estimator=DummyRegressor(strategy="constant", constant=0))
    one, other = by_group.fit(X, y), clone(by_group).fit(X, far)
    rows = X[:, 0] == 0
    assert_array_equal(one.predict_interval(X[rows]), other.predict_interval(X[rows]))


@pytest.mark.parametrize("method", METHODS)
def test_unseen_and_small_groups_are_told_once(method):
    X = np.column_stack([np.repeat([0.0, 1.0], [40, 5]), np.arange(45.0)])
    model = ConformalRegressor(LinearRegression(), method=method, taxonomy=0).fit(X, X[:, 1])
    with pytest.warns(UncertaintyWarning, match="infinite there") as told:
        interval = model.predict_interval([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    assert len(told) == 1
    assert "5 in group 1.0" in str(told[0].message)
    assert "unseen" in str(told[0].message)
    assert told[0].filename == __file__
    assert np.isfinite(interval[0]).all()
    assert_array_equal(interval[1:], [[-np.inf, np.inf]] * 2)


def test_groups_that_depend_on_a_model_are_refused(diabetes):
    X, y = diabetes
    binned = KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")
    for taxonomy in (Bins([100.0]), binned):
        with pytest.raises(ValueError, match="another one for each model of method='plus'"):
            ConformalRegressor(Ridge(), taxonomy=taxonomy).fit(X, y)
    frozen = FrozenEstimator(binned.fit(X[:, :1]))
    fixed = ConformalRegressor(Ridge(), taxonomy=lambda X: frozen.transform(X[:, :1])).fit(X, y)
    assert np.isfinite(fixed.predict_interval(X)).all()


@pytest.mark.parametrize("method", METHODS)
def test_too_few_rows_are_told_and_one_more_is_enough(method):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 1)), rng.normal(size=9)
    model = ConformalRegressor(LinearRegression(), method=method, cv=3)
    assert np.isfinite(model.fit(X, y).predict_interval(X)).all()
    assert model.min_calibration_size == 9
    with pytest.warns(UncertaintyWarning, match="at least 9 calibration rows, but there are 8"):
        interval = model.fit(X[:8], y[:8]).predict_interval(X)
    assert_array_equal(interval, [[-np.inf, np.inf]] * 9)
    with pytest.warns(
        UncertaintyWarning, match="levels 0.9 and 0.95 need at least 9 and 19"
    ) as told:
        interval = model.predict_interval(X, [0.5, 0.95, 0.9])
    assert len(told) == 1
    assert np.isfinite(interval[..., 0]).all()
    signed = clone(model).set_params(nonconformity="signed").fit(X, y)
    with pytest.warns(UncertaintyWarning, match="at least 19 calibration rows"):
        signed.predict_interval(X)


def test_constant_labels_and_single_precision():
    X = np.arange(40.0).reshape(-1, 1)
    for method in METHODS:
        model = ConformalRegressor(DummyRegressor(), method=method).fit(X, np.ones(40))
        assert_allclose(model.predict_interval(X[:2]), 1.0, rtol=1e-12)
        y = np.sin(X[:, 0])
        single, double = (
            ConformalRegressor(Ridge(), method=method).fit(X.astype(d), y.astype(d))
            for d in (np.float32, np.float64)
        )
        answer = single.predict_interval(X.astype(np.float32))
        assert answer.dtype == np.float64
        assert_allclose(answer, double.predict_interval(X), atol=1e-5)


# -- what cannot be ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_folds_that_are_no_partition_are_refused(diabetes, method):
    X, y = diabetes
    model = ConformalRegressor(Ridge(), method=method)
    with pytest.raises(ValueError, match="puts 442 more than once; use folds without repetitions"):
        model.set_params(cv=RepeatedKFold(n_splits=3, n_repeats=2)).fit(X, y)
    with pytest.raises(ValueError, match="cv leaves 112 of 442 rows out"):
        model.set_params(cv=TimeSeriesSplit(3)).fit(X, y)


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_act_is_refused(diabetes, method):
    X, y = diabetes
    frozen = FrozenEstimator(Ridge().fit(X, y))
    with pytest.raises(ValueError, match="the estimator is frozen; use method='split'"):
        ConformalRegressor(frozen, method=method).fit(X, y)
    options = {"failure": 0.1, "density_ratio": len, "n_resamples": 50, "aggregate": "median"}
    for name, value in options.items():
        with pytest.raises(ValueError, match=f"{name}=.* cannot act with method={method!r}"):
            ConformalRegressor(Ridge(), method=method, **{name: value}).fit(X, y)
    with pytest.raises(ValueError, match="difficulty=.* cannot act with nonconformity='absolute'"):
        ConformalRegressor(Ridge(), method=method, difficulty=Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="use method='split'"):
        ConformalRegressor(Ridge(), method=method).fit(X, y).fit_calibration(X, y)


class Nan(RegressorMixin, BaseEstimator):
    """Predicts NaN for negative rows."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.where(X[:, 0] < 0, np.nan, X[:, 0])


@pytest.mark.parametrize("method", METHODS)
def test_predictions_that_are_nan(method):
    X = np.arange(-1.0, 39.0)[:, None]
    model = ConformalRegressor(Nan(), method=method)
    with pytest.raises(ValueError, match="1 of 40 calibration scores are NaN"):
        model.fit(X, X[:, 0])
    interval = model.fit(X[1:], X[1:, 0] + 1).predict_interval(X[[0, 2]])
    assert np.isnan(interval[0]).all()
    assert_allclose(interval[1], [0.0, 2.0], atol=1e-12)


# -- as an estimator ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"nonconformity": "signed"}, {"method": "minmax"}])
def test_folds_are_those_of_fit(diabetes, options):
    X, y = diabetes
    model = ConformalRegressor(Ridge(), cv=KFold(5, shuffle=True), **options).fit(X, y)
    assert_array_equal(model.predict_interval(X), model.predict_interval(X))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_interval(X), model.predict_interval(X))


def test_scores_are_in_the_order_of_rows(diabetes):
    X, y = diabetes
    cv = KFold(4, shuffle=True, random_state=0)
    model = ConformalRegressor(Ridge(), cv=cv).fit(X, y)
    for (_, test), estimator in zip(cv.split(X), model.estimators_, strict=True):
        errors = np.abs(y[test] - estimator.predict(X[test]))
        assert_allclose(model.calibration_scores_[test], errors)
    assert model.n_calibration_ == len(y)


def test_difficulty_is_learned_from_the_rows_that_train(diabetes):
    X, y = diabetes
    options = {"nonconformity": "normalized", "difficulty": KNeighborsRegressor(20), "cv": 3}
    for method in METHODS:
        model = ConformalRegressor(Ridge(), method=method, random_state=0, **options).fit(X, y)
        widths = np.diff(model.predict_interval(X))
        assert widths.std() > 1
        with pytest.raises(ValueError, match="give difficulty"):
            clone(model).set_params(difficulty=None).fit(X, y)
    # a row's own label must not reach its score by way of the difficulty
    changed = y.copy()
    changed[0] += 1e6
    base = DummyRegressor(strategy="constant", constant=0.0)
    first, second = (
        ConformalRegressor(base, cv=LeaveOneOut(), random_state=0, nonconformity="normalized",
                           difficulty=DummyRegressor()).fit(X[:30], labels[:30])
        for labels in (y, changed)
    )  # fmt: skip
    ratio = second.calibration_scores_[0] / first.calibration_scores_[0]
    assert_allclose(ratio, changed[0] / y[0])


def test_frames_and_sparse_matrices_reach_the_model(diabetes):
    X, y = diabetes
    X = X.round(3)

    class Picky(Ridge):
        def fit(self, X, y):
            assert isinstance(X, kind)
            return super().fit(X, y)

        def predict(self, X):
            assert isinstance(X, kind)
            return super().predict(X)

    kind, answers = np.ndarray, []
    names = [f"x{i}" for i in range(X.shape[1])]
    for table in (X, pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        kind = type(table)
        for method in METHODS:
            model = ConformalRegressor(Picky(), method=method).fit(table, y)
            answers.append(model.predict_interval(table))
    for number, answer in enumerate(answers):
        assert_allclose(answer, answers[number % 3], rtol=1e-9)
    matrix = sparse.csr_matrix(X)
    found = ConformalRegressor(Ridge()).fit(matrix, y).predict_interval(matrix)
    assert_allclose(found, answers[0], rtol=0.2)


def test_results_do_not_depend_on_the_number_of_workers(diabetes):
    X, y = diabetes
    for method in METHODS:
        with parallel_config("threading"):
            one, two = (
                ConformalRegressor(Ridge(), method=method, n_jobs=n).fit(X, y).predict_interval(X)
                for n in (1, 2)
            )
        assert_array_equal(one, two)


def test_searches_and_pipelines(diabetes):
    X, y = diabetes
    model = ConformalRegressor(make_pipeline(StandardScaler(), Ridge()), confidence_level=0.8)

    def width(model, X, y):
        return -np.diff(model.predict_interval(X)).mean()

    grid = {"estimator__ridge__alpha": [0.1, 1e5], "method": METHODS}
    search = GridSearchCV(model, grid, scoring=width, cv=3).fit(X, y)
    assert search.best_params_["estimator__ridge__alpha"] == 0.1
    assert cross_validate(model, X, y, cv=3)["test_score"].mean() > 0.4


@pytest.mark.parametrize("routing", [False, True])
def test_groups_and_weights_travel(diabetes, routing):
    X, y = diabetes
    groups, weight = np.arange(len(y)) % 7, 1.0 + np.arange(len(y)) % 2
    with config_context(enable_metadata_routing=routing):
        ridge, cv = Ridge(), GroupKFold(7)
        if routing:
            ridge = ridge.set_fit_request(sample_weight=True)
            cv = cv.set_split_request(groups=True)
        model = ConformalRegressor(ridge, cv=cv)
        model.fit(X, y, sample_weight=weight, groups=groups)
    for estimator in model.estimators_:
        held = [np.abs(y[groups == g] - estimator.predict(X[groups == g])) for g in range(7)]
        own = [g for g in range(7) if np.allclose(held[g], model.calibration_scores_[groups == g])]
        assert len(own) == 1
        rows = groups != own[0]
        expected = Ridge().fit(X[rows], y[rows], sample_weight=weight[rows])
        assert_allclose(estimator.coef_, expected.coef_)


def checks():
    for method in METHODS:
        found = list(estimator_checks_generator(ConformalRegressor(Ridge(), method=method, cv=3)))
        assert len(found) >= 55
        for model, check in found:
            if check.func.__name__ != "check_array_api_input":
                yield pytest.param(model, check, id=f"{method}-{check.func.__name__}")


@pytest.mark.parametrize(("model", "check"), list(checks()))
def test_checks_of_scikit_learn(model, check):
    check(model)


# -- guarantees --------------------------------------------------------------------------------------------------------


class LeastSquares(RegressorMixin, BaseEstimator):
    """Least squares of the smallest norm, by a pseudo-inverse."""

    def fit(self, X, y):
        self.coef_ = np.linalg.pinv(X) @ y
        return self

    def predict(self, X):
        return X @ self.coef_


def covered(model, draw, n_draws, n_new=100):
    """Share of new labels in their intervals, and its standard error over draws."""
    shares = []
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        X, y, X_new, y_new = draw(rng, n_new)
        low, high = model.fit(X, y).predict_interval(X_new).T
        shares.append(np.mean((low <= y_new) & (y_new <= high)))
    return np.mean(shares), np.std(shares, ddof=1) / np.sqrt(n_draws)


def test_the_jackknife_collapses_where_the_jackknife_plus_does_not():
    # R. Barber, E. Candes, A. Ramdas and R. Tibshirani, "Predictive inference with the jackknife+", 2021, section 7:
    # n = d = 100, so that models which leave one row out differ from the model of all rows.
    def draw(rng, n_new):
        coef = rng.normal(size=100)
        coef *= np.sqrt(10.0) / np.linalg.norm(coef)
        X = rng.normal(size=(100 + n_new, 100))
        y = X @ coef + rng.normal(size=len(X))
        return X[:100], y[:100], X[100:], y[100:]

    model = ConformalRegressor(LeastSquares(), cv=LeaveOneOut())
    assert covered(model, draw, 5)[0] > 0.88
    assert covered(model.set_params(method="base"), draw, 5)[0] < 0.75


@pytest.mark.parametrize("score", ["absolute", "signed"])
def test_coverage_is_as_guaranteed(score):
    def draw(rng, n_new):
        X = rng.normal(size=(60 + n_new, 3))
        y = X[:, 0] + (1 + np.abs(X[:, 1])) * rng.standard_t(4, size=len(X))
        return X[:60], y[:60], X[60:], y[60:]

    for cv, method in ((10, "plus"), (LeaveOneOut(), "plus"), (LeaveOneOut(), "minmax")):
        model = ConformalRegressor(
            LeastSquares(), method=method, cv=cv, confidence_level=0.8, nonconformity=score
        )
        share, error = covered(model, draw, 60 if cv == 10 else 25)
        least = 0.8 if method == "minmax" else 0.6
        assert share > least - 4 * error
        assert abs(share - 0.8) < max(0.03, 4 * error)


def test_memory_does_not_grow_with_the_product_of_rows():
    # 1,000 models and 12,000 new rows: 12 million predictions, 96 MB
    X = np.arange(12_000.0)[:, None]
    model = ConformalRegressor(DummyRegressor(), cv=LeaveOneOut()).fit(X[:1000], X[:1000, 0] % 7)
    tracemalloc.start()
    model.predict_interval(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
