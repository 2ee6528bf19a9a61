"""The scale of errors: learned from training rows only, floored, and worth its fits."""

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from skboost.conformal import ConformalRegressor, NormalizedScore, ResidualDifficulty

HALVES = [(np.arange(400), np.arange(400, 800))]


@pytest.fixture(scope="module")
def uneven():
    """800 rows and 2000 new ones whose errors grow with the first column."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.0, 1.0, size=(2800, 2))
    y = X[:, 1] + (0.1 + 2.0 * X[:, 0]) * rng.normal(size=2800)
    return X[:800], y[:800], X[800:], y[800:]


def normalized(difficulty, estimator=None, **parameters):
    return ConformalRegressor(
        LinearRegression() if estimator is None else estimator,
        **{"method": "split", "cv": HALVES, "nonconformity": "normalized", "random_state": 0}
        | parameters,
        difficulty=difficulty,
    )


def coverage(model, X, y, rows=slice(None)):
    low, high = model.predict_interval(X[rows]).T
    return np.mean((low <= y[rows]) & (y[rows] <= high))


def test_the_interval_is_that_of_the_definition(uneven):
    X, y, X_new, _ = uneven
    train, calibrate = HALVES[0]
    score = NormalizedScore(beta=0.1)
    model = normalized(ResidualDifficulty(Ridge(), residuals="training"), nonconformity=score)
    model.fit(X, y)
    line = LinearRegression().fit(X[train], y[train])
    errors = Ridge().fit(X[train], np.abs(y[train] - line.predict(X[train])))
    sigma = errors.predict(X) + 0.1
    q = np.sort(np.abs(y - line.predict(X))[calibrate] / sigma[calibrate])[360]  # rank 361 of 400
    half = q * (errors.predict(X_new) + 0.1)
    expected = np.column_stack([line.predict(X_new) - half, line.predict(X_new) + half])
    assert_allclose(model.predict_interval(X_new), expected, rtol=1e-9)


def test_errors_out_of_fold_are_those_of_folds_of_the_training_rows(uneven):
    X, y, X_new, _ = uneven
    train = HALVES[0][0]
    model = normalized(ResidualDifficulty(Ridge(), cv=4)).fit(X, y)
    prediction = np.empty(400)
    splitter = KFold(4, shuffle=True, random_state=model._strategy.seeds.folds)
    for inner, left in splitter.split(train):
        prediction[left] = LinearRegression().fit(X[inner], y[inner]).predict(X[left])
    errors = Ridge().fit(X[train], np.abs(y[train] - prediction))
    width = np.diff(model.predict_interval(X_new))[:, 0]
    assert_allclose(width / width[0], errors.predict(X_new) / errors.predict(X_new[:1]), rtol=1e-9)


def test_widths_follow_the_errors(uneven):
    X, y, X_new, y_new = uneven
    plain = ConformalRegressor(LinearRegression(), method="split", cv=HALVES).fit(X, y)
    learned = normalized(KNeighborsRegressor(40)).fit(X, y)
    easy, hard = X_new[:, 0] < 0.3, X_new[:, 0] > 0.7
    assert coverage(plain, X_new, y_new, easy) > 0.98
    assert coverage(plain, X_new, y_new, hard) < 0.86
    for rows in (easy, hard):
        assert abs(coverage(learned, X_new, y_new, rows) - 0.9) < 0.07
    assert (
        np.diff(learned.predict_interval(X_new)).mean()
        < np.diff(plain.predict_interval(X_new)).mean()
    )


def test_a_regressor_is_short_for_its_errors_out_of_fold(uneven):
    X, y, X_new, _ = uneven
    one, other = normalized(Ridge()).fit(X, y), normalized(ResidualDifficulty(Ridge())).fit(X, y)
    assert_array_equal(one.predict_interval(X_new), other.predict_interval(X_new))


def test_callables_and_frozen_regressors_are_taken_as_they_are(uneven):
    X, y, X_new, _ = uneven
    errors = LinearRegression().fit(X, 0.1 + 2.0 * X[:, 0])
    intervals = [
        normalized(difficulty).fit(X, y).predict_interval(X_new)
        for difficulty in (lambda X: 0.1 + 2.0 * X[:, 0], errors.predict, FrozenEstimator(errors))
    ]
    assert_allclose(intervals[0], intervals[1], rtol=1e-9)
    assert_array_equal(intervals[1], intervals[2])


def test_no_difficulty_is_learned_from_calibration_rows(uneven):
    X, y, X_new, _ = uneven
    for residuals in ("out_of_fold", "training"):
        model = normalized(ResidualDifficulty(Ridge(), residuals=residuals))
        other = np.where(np.arange(800) < 400, y, -y)
        scales = [clone(model).fit(X, labels)._strategy.difficulty(X_new) for labels in (y, other)]
        assert_array_equal(*scales)


def test_a_frozen_model_has_no_training_rows(uneven):
    X, y, X_new, _ = uneven
    frozen = FrozenEstimator(LinearRegression().fit(X, y))
    with pytest.raises(
        ValueError, match=r"difficulty=Ridge\(\) cannot be fitted: the estimator is frozen"
    ):
        normalized(Ridge(), frozen, cv=None).fit(X, y)
    model = normalized(lambda X: X[:, 0], frozen, cv=None).fit(X, y)
    assert np.isfinite(model.predict_interval(X_new)).all()


@pytest.mark.parametrize("difficulty", [lambda X: np.zeros(len(X)), lambda X: X[:, 0] - 0.5])
def test_scales_that_are_not_positive_keep_the_guarantee(uneven, difficulty):
    X, y, X_new, y_new = uneven
    model = normalized(difficulty).fit(X, y)
    interval = model.predict_interval(X_new)
    assert not np.isnan(interval).any()
    assert coverage(model, X_new, y_new) > 0.85
    assert np.isfinite(interval).all()


def test_a_model_of_errors_that_predicts_none_is_floored(uneven):
    X, y, X_new, _ = uneven
    model = normalized(ResidualDifficulty(DummyRegressor(strategy="constant", constant=-1.0))).fit(
        X, y
    )
    plain = ConformalRegressor(LinearRegression(), method="split", cv=HALVES).fit(X, y)
    assert_allclose(model.predict_interval(X_new), plain.predict_interval(X_new), rtol=1e-9)
    # a tree that remembers its rows has no training errors at all
    tree = ResidualDifficulty(LinearRegression(), residuals="training")
    model = normalized(tree, DecisionTreeRegressor(random_state=0)).fit(X, y)
    assert np.isfinite(model.predict_interval(X_new)).all()


def test_weights_reach_the_model_of_errors(uneven):
    X, y, X_new, _ = uneven
    weight = np.random.default_rng(0).integers(0, 4, 800)
    copies = np.repeat(np.arange(800), weight)
    copied = [(np.flatnonzero(copies < 400), np.flatnonzero(copies >= 400))]
    difficulty = ResidualDifficulty(Ridge(), residuals="training")
    weighted = normalized(difficulty).fit(X, y, sample_weight=weight)
    repeated = normalized(difficulty, cv=copied).fit(X[copies], y[copies])
    assert_allclose(weighted.predict_interval(X_new), repeated.predict_interval(X_new), rtol=1e-8)
    with pytest.warns(UserWarning, match="it learns difficulties without weights"):
        normalized(KNeighborsRegressor()).fit(X, y, sample_weight=weight)


def test_jobs_do_not_change_results(uneven):
    X, y, X_new, _ = uneven
    with parallel_config("threading"):  # quicker to start than processes
        one, two = (normalized(Ridge(), n_jobs=jobs).fit(X, y) for jobs in (1, 2))
    assert_array_equal(one.predict_interval(X_new), two.predict_interval(X_new))


def test_a_grid_reaches_the_model_of_errors(uneven):
    X, y, _, _ = uneven

    def narrowness(model, X, y):
        return -np.diff(model.predict_interval(X)).mean()

    model = normalized(ResidualDifficulty(KNeighborsRegressor(), cv=2), cv=0.5)
    grid = {"difficulty__estimator__n_neighbors": [1, 50], "nonconformity__beta": [0.0, 0.1]}
    model.set_params(nonconformity=NormalizedScore())
    search = GridSearchCV(model, grid, scoring=narrowness, cv=2).fit(X, y)
    assert search.best_params_["difficulty__estimator__n_neighbors"] == 50


class Broken(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), np.nan)


@pytest.mark.parametrize(
    ("difficulty", "sentence"),
    [
        (lambda X: X[:3, 0], "gives 3 numbers for 400 rows"),
        (lambda X: np.full(len(X), np.inf), "gives NaN or infinity"),
        (ResidualDifficulty(Broken()), "gives NaN or infinity"),
        ("distance", "difficulty='distance' must be a regressor"),
        (ResidualDifficulty(Ridge(), residuals="inner"), "residuals='inner' is not valid"),
        (ResidualDifficulty(Ridge(), cv=1), "cv=1 is not valid"),
    ],
)
def test_bad_difficulties_get_a_sentence(uneven, difficulty, sentence):
    X, y, _, _ = uneven
    with pytest.raises(ValueError, match=sentence):
        normalized(difficulty).fit(X, y)


def test_errors_out_of_fold_need_two_rows():
    X, y = np.arange(12.0).reshape(-1, 1), np.arange(12.0)
    with pytest.raises(ValueError, match="only 1 sample trains"):
        normalized(Ridge(), cv=[([0], np.arange(1, 12))]).fit(X, y)
