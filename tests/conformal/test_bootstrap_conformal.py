"""Conformal regression by jackknife+ after the bootstrap."""

import pickle
import tracemalloc

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom, chisquare
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator

from skboost.conformal import ConformalRegressor, NormalizedScore, _members
from skboost.conformal._aggregate import AGGREGATES
from skboost.conformal._bootstrap import draw_resamples, number_of_resamples
from skboost.conformal._rank import exact_level, one_sided, upper_rank
from skboost.exceptions import UncertaintyWarning


class Remembering(RegressorMixin, BaseEstimator):
    """A tree that remembers the rows it was trained on, by the number in their last column."""

    def fit(self, X, y, sample_weight=None):
        self.rows_ = X[:, -1].astype(int)
        self.tree_ = DecisionTreeRegressor(min_samples_leaf=5, random_state=0).fit(
            X[:, :-1], y, sample_weight
        )
        return self

    def predict(self, X):
        return self.tree_.predict(X[:, :-1])


@pytest.fixture
def numbered(diabetes):
    """70 rows to train on and 40 others, with a number in the last column."""
    X = np.column_stack([diabetes[0], np.arange(len(diabetes[0]))])
    return X[:70], diabetes[1][:70], X[70:110]


def smallest(numbers, level):
    """ceil((n + 1) level)-th smallest number of each row."""
    return np.sort(numbers, axis=1)[:, upper_rank(numbers.shape[1], exact_level(level)) - 1]


# -- what intervals are ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregate", ["mean", "median"])
@pytest.mark.parametrize("score", ["absolute", "signed", "normalized", "gamma"])
def test_intervals_are_those_of_the_definition(numbered, aggregate, score):
    X, y, X_new = numbered
    more = {}
    if score == "normalized":
        more["difficulty"] = lambda X: 1.0 + np.abs(X[:, 2])
    model = ConformalRegressor(
        Remembering(),
        method="bootstrap",
        nonconformity=NormalizedScore(beta=0.5) if score == "normalized" else score,
        aggregate=aggregate,
        random_state=0,
        **more,
    ).fit(X, y)
    mean = {"mean": np.mean, "median": np.median}[aggregate]
    residual, at, units = [], [], []
    for row in range(len(y)):
        without = [m for m in model.estimators_ if row not in m.rows_]

        def describe(X, without=without):
            prediction = mean([m.predict(X) for m in without], axis=0)
            units = {"normalized": 1.5 + np.abs(X[:, 2]), "gamma": prediction}
            return prediction, units.get(score, np.ones(len(X)))

        prediction, unit = describe(X[row : row + 1])
        residual.append((y[row] - prediction[0]) / unit[0])
        for answers, answer in zip((at, units), describe(X_new), strict=True):
            answers.append(answer)
    at, units, residual = np.array(at).T, np.array(units).T, np.array(residual)
    two_tailed = score in ("signed", "gamma")
    above, below = (residual, -residual) if two_tailed else (np.abs(residual),) * 2
    found = model.predict_interval(X_new, [0.6, 0.9])
    for place, level in enumerate([0.6, 0.9]):
        level = one_sided(exact_level(level)) if two_tailed else level
        assert_allclose(found[:, 1, place], smallest(at + units * above, level), rtol=1e-12)
        assert_allclose(found[:, 0, place], -smallest(-at + units * below, level), rtol=1e-12)
    together = mean([m.predict(X_new) for m in model.estimators_], axis=0)
    assert_allclose(model.predict(X_new), together, rtol=1e-12)
    assert not hasattr(model, "estimator_")


@pytest.mark.parametrize("aggregate", ["mean", "median"])
def test_few_rows_at_a_time_give_the_same(numbered, aggregate, monkeypatch):
    X, y, X_new = numbered
    model = ConformalRegressor(
        Ridge(), method="bootstrap", aggregate=aggregate, random_state=0
    ).fit(X, y)
    expected = model.predict_interval(X_new), model.predict(X_new)
    monkeypatch.setattr(_members, "ROOM", 200)
    assert_allclose(model.predict_interval(X_new), expected[0], rtol=1e-12)
    assert_allclose(model.predict(X_new), expected[1], rtol=1e-12)


@pytest.mark.parametrize("name", ["mean", "median"])
def test_aggregates_of_subsets_and_of_rows(name):
    rng = np.random.default_rng(0)
    aggregate = dict(AGGREGATES.items())[name]
    of = {"mean": np.mean, "median": np.median}[name]
    for n_models in (1, 2, 7, 30):
        members = rng.random((40, n_models)) < 0.4
        members[np.arange(40), rng.integers(0, n_models, 40)] = True
        predictions = rng.normal(size=(9, n_models)).round(1)
        expected = [[of(row[subset]) for subset in members] for row in predictions]
        assert_allclose(aggregate.of_subsets(predictions, members), expected, atol=1e-15)
    rows = np.append(np.arange(30), rng.integers(0, 30, 200))
    values = rng.normal(size=230)
    expected = [of(values[rows == row]) for row in range(30)]
    assert_allclose(aggregate.of_rows(rows, values, 30), expected, atol=1e-15)


# -- resamples ---------------------------------------------------------------------------------------------------------


def test_the_number_of_resamples_is_binomial():
    random = np.random.default_rng(0)
    n_rows, n_resamples = 20, 15
    share = (1 - 1 / (n_rows + 1)) ** n_rows
    law = binom(round(n_resamples / share), share)
    drawn = [number_of_resamples(n_resamples, n_rows, random) for _ in range(20_000)]
    assert abs(law.mean() - n_resamples) < 0.2
    cells = np.arange(10, 21)
    expected = np.diff(law.cdf([-1, *cells, 100]))
    observed = np.histogram(drawn, [0, *(cells + 0.5), 1000])[0]
    assert chisquare(observed, 20_000 * expected).pvalue > 1e-4


def test_resamples_are_drawn_with_replacement():
    rows = np.arange(5, 55)
    folds = draw_resamples(rows, 400, True, 0)
    assert len(folds) == 400
    for fold in folds:
        assert len(fold.train) == 50
        assert set(fold.train) | set(fold.calibrate) == set(rows)
        assert not set(fold.train) & set(fold.calibrate)
    counts = np.bincount(np.concatenate([fold.train for fold in folds]))[5:]
    assert chisquare(counts).pvalue > 1e-4


def test_a_fixed_number_of_resamples(diabetes):
    X, y = diabetes
    model = ConformalRegressor(Ridge(), method="bootstrap", fixed_resamples=True, random_state=0)
    assert len(model.fit(X, y).estimators_) == 30
    numbers = {
        len(model.set_params(fixed_resamples=False, random_state=seed).fit(X, y).estimators_)
        for seed in range(4)
    }
    assert len(numbers) > 1


def test_rows_that_are_in_all_resamples_are_dropped_and_told(numbered):
    X, y, X_new = numbered
    model = ConformalRegressor(
        Remembering(), method="bootstrap", n_resamples=2, fixed_resamples=True, random_state=0
    )
    with pytest.warns(UncertaintyWarning, match="rows are in each of the 2 resamples") as told:
        model.fit(X, y)
    assert told[0].filename == __file__
    first, second = (set(m.rows_) for m in model.estimators_)
    n_without = len(first & second)
    assert str(told[0].message).startswith(f"{n_without} of 70")
    assert model.n_calibration_ == len(model.calibration_scores_) == 70 - n_without
    assert np.isfinite(model.predict_interval(X_new)).all()


def test_one_row_is_refused():
    model = ConformalRegressor(DummyRegressor(), method="bootstrap")
    with pytest.raises(ValueError, match="of 1 sample"):
        model.fit([[1.0]], [1.0])


# -- weights, groups, few rows -----------------------------------------------------------------------------------------


def test_weights_count_copies_of_residuals_and_0_is_removal(numbered):
    X, y, X_new = numbered
    weight = np.arange(70) % 4
    model = ConformalRegressor(Remembering(), method="bootstrap", random_state=0)
    intervals = model.fit(X, y, sample_weight=weight).predict_interval(X_new)
    kept = weight > 0
    removed = clone(model).fit(X[kept], y[kept], sample_weight=weight[kept])
    assert_allclose(removed.predict_interval(X_new), intervals, rtol=1e-12)
    assert model.n_calibration_ == weight.sum()
    at, residual = [], []
    for row in np.flatnonzero(kept):
        without = [m for m in model.estimators_ if row not in m.rows_]
        prediction = np.mean([m.predict(X[row : row + 1]) for m in without])
        residual += [abs(y[row] - prediction)] * weight[row]
        at += [np.mean([m.predict(X_new) for m in without], axis=0)] * weight[row]
    high = smallest(np.array(at).T + residual, 0.9)
    assert_allclose(intervals[:, 1], high, rtol=1e-12)


def test_groups_have_intervals_of_their_own():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 2, 200), rng.normal(size=200)])
    y = X[:, 1] + (1 + 9 * X[:, 0]) * rng.normal(size=200)
    model = ConformalRegressor(Ridge(), method="bootstrap", taxonomy=0, random_state=0).fit(X, y)
    low, high = model.predict_interval(X).T
    assert (high - low)[X[:, 0] == 1].mean() > 4 * (high - low)[X[:, 0] == 0].mean()
    with pytest.warns(UncertaintyWarning, match="unseen"):
        interval = model.predict_interval([[2.0, 0.0], [1.0, 0.0]])
    assert_array_equal(interval[0], [-np.inf, np.inf])
    assert np.isfinite(interval[1]).all()


def test_difficulty_is_learned_for_each_resample(diabetes):
    X, y = diabetes
    model = ConformalRegressor(
        Ridge(),
        method="bootstrap",
        nonconformity="normalized",
        difficulty=KNeighborsRegressor(20),
        n_resamples=8,
        fixed_resamples=True,
        random_state=0,
    )
    with pytest.warns(UncertaintyWarning, match="no residual"):
        model.fit(X, y)
    assert np.diff(model.predict_interval(X)).std() > 1


def test_too_few_rows_are_told():
    X = np.arange(8.0)[:, None]
    model = ConformalRegressor(DummyRegressor(), method="bootstrap", random_state=0)
    with pytest.warns(UncertaintyWarning, match="at least 9 calibration rows, but there are 8"):
        interval = model.fit(X, X[:, 0]).predict_interval(X)
    assert_array_equal(interval, [[-np.inf, np.inf]] * 8)
    assert np.isfinite(model.predict_interval(X, 0.8)).all()


def test_what_cannot_act_is_refused(diabetes):
    X, y = diabetes
    frozen = FrozenEstimator(Ridge().fit(X, y))
    with pytest.raises(ValueError, match="the estimator is frozen; use method='split'"):
        ConformalRegressor(frozen, method="bootstrap").fit(X, y)
    with pytest.raises(ValueError, match="cv=5 cannot act with method='bootstrap'"):
        ConformalRegressor(Ridge(), method="bootstrap", cv=5).fit(X, y)
    with pytest.raises(ValueError, match="groups cannot act with method='bootstrap'"):
        ConformalRegressor(Ridge(), method="bootstrap").fit(X, y, groups=np.arange(len(y)))
    with pytest.raises(ValueError, match="fixed_resamples=True cannot act with method='plus'"):
        ConformalRegressor(Ridge(), fixed_resamples=True).fit(X, y)


# -- as an estimator ---------------------------------------------------------------------------------------------------


def test_answers_repeat_and_survive_pickling_and_workers(diabetes):
    X, y = diabetes
    model = ConformalRegressor(Ridge(), method="bootstrap", random_state=0).fit(X, y)
    intervals = model.predict_interval(X)
    assert_array_equal(model.predict_interval(X), intervals)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_interval(X), intervals)
    with parallel_config("threading"):
        for other in (clone(model), clone(model).set_params(n_jobs=2)):
            assert_array_equal(other.fit(X, y).predict_interval(X), intervals)
    assert not np.allclose(
        clone(model).set_params(random_state=1).fit(X, y).predict_interval(X), intervals
    )


def checks():
    for aggregate in ("mean", "median"):
        model = ConformalRegressor(
            Ridge(), method="bootstrap", aggregate=aggregate, n_resamples=20, random_state=0
        )
        found = list(estimator_checks_generator(model))
        assert len(found) >= 55
        for fresh, check in found:
            name = check.func.__name__
            # copies of a row would be drawn one by one, a row with a weight is drawn as one
            if name != "check_array_api_input" and "weight_equivalence" not in name:
                yield pytest.param(fresh, check, id=f"{aggregate}-{name}")


@pytest.mark.parametrize(("model", "check"), list(checks()))
def test_checks_of_scikit_learn(model, check):
    check(model)


# -- guarantees --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregate", ["mean", "median"])
def test_coverage_is_as_guaranteed(aggregate):
    class LeastSquares(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.coef_ = np.linalg.pinv(X) @ y
            return self

        def predict(self, X):
            return X @ self.coef_

    shares = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(160, 3))
        y = X[:, 0] + (1 + np.abs(X[:, 1])) * rng.standard_t(4, size=160)
        model = ConformalRegressor(
            LeastSquares(),
            method="bootstrap",
            aggregate=aggregate,
            confidence_level=0.8,
            random_state=seed,
        ).fit(X[:60], y[:60])
        low, high = model.predict_interval(X[60:]).T
        shares.append(np.mean((low <= y[60:]) & (y[60:] <= high)))
    error = np.std(shares, ddof=1) / np.sqrt(60)
    assert np.mean(shares) > 0.6 - 4 * error
    assert abs(np.mean(shares) - 0.8) < 0.03


def test_memory_does_not_grow_with_the_product_of_rows():
    # 1,000 calibration rows and 12,000 new rows: 96 MB, if all aggregates were held
    X = np.arange(12_000.0)[:, None]
    model = ConformalRegressor(DummyRegressor(), method="bootstrap", random_state=0)
    model.fit(X[:1000], X[:1000, 0] % 7)
    tracemalloc.start()
    model.predict_interval(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
