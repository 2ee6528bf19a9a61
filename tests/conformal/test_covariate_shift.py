"""Covariate shift: coverage where weights are known or learned, weights that travel with their scores."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skboost.conformal import ConformalRegressor, DensityRatio
from skboost.conformal._calibration import Calibration
from skboost.conformal._rank import exact_level
from skboost.exceptions import UncertaintyWarning


class Zero(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


ZERO = FrozenEstimator(Zero().fit(None, None))


def tilt(X):
    return np.exp(np.asarray(X)[:, 0])


def draw(rng, n, shift=0.0):
    """Columns are standard normal up to the shift of the first; errors grow with it."""
    X = rng.normal(size=(n, 2))
    X[:, 0] += shift
    return X, np.exp(X[:, 0] / 2) * rng.normal(size=n)


def coverage(ratio, repetitions=150, seed=0):
    """Share of shifted rows covered over many calibrations, and its standard error."""
    rng = np.random.default_rng(seed)
    model = ConformalRegressor(ZERO, method="split", density_ratio=ratio).fit(*draw(rng, 500))
    shares = []
    for _ in range(repetitions):
        model.fit_calibration(*draw(rng, 500))
        X, y = draw(rng, 500, shift=1.0)
        low, high = model.predict_interval(X).T
        shares.append(np.mean((low <= y) & (y <= high)))
    return np.mean(shares), np.std(shares) / np.sqrt(repetitions)


@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
def test_the_true_ratio_restores_the_coverage():
    """exp(x) is the density ratio of N(1, 1) to N(0, 1), up to a factor."""
    weighted, error = coverage(tilt)
    assert error < 0.005
    assert abs(weighted - 0.9) < 4 * error + 0.01  # a row weighs up to about 2 % of all
    plain, _ = coverage(None)
    assert plain < 0.85


@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
def test_weights_of_other_rows_do_not():
    """The same weights in another order leave the coverage where it was: the test above would notice."""
    shuffled, error = coverage(lambda X: tilt(X)[np.random.default_rng(len(X)).permutation(len(X))])
    assert shuffled < 0.9 - 4 * error - 0.03


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_bound_is_that_of_the_definition(level):
    rng = np.random.default_rng(0)
    scores, weight = rng.normal(size=60), rng.uniform(0.0, 3.0, 60)
    new = rng.uniform(0.0, 30.0, 40)
    found = Calibration(scores, weight).upper(exact_level(level), test_weight=new)
    for bound, own in zip(found, new, strict=True):
        fits = [s for s in scores if weight[scores <= s].sum() >= level * (weight.sum() + own)]
        assert bound == min(fits, default=np.inf)


@pytest.mark.parametrize(
    "parameters", [{}, {"nonconformity": "signed"}, {"taxonomy": lambda X: X[:, 1] > 0}]
)
def test_a_ratio_of_one_changes_no_bit(parameters):
    rng = np.random.default_rng(0)
    X, y = draw(rng, 457)
    X_new, y_new = draw(rng, 100)
    plain = ConformalRegressor(ZERO, method="split", random_state=0, **parameters)
    ones = clone(plain).set_params(density_ratio=lambda X: np.ones(len(X))).fit(X, y)
    plain.fit(X, y)
    levels = np.linspace(0.05, 0.95, 19)
    assert_array_equal(ones.predict_interval(X_new, levels), plain.predict_interval(X_new, levels))
    assert_array_equal(
        ones.predict_quantiles(X_new, levels), plain.predict_quantiles(X_new, levels)
    )
    assert_array_equal(ones.predict_cdf(X_new, y_new), plain.predict_cdf(X_new, y_new))
    assert_array_equal(ones.crps(X_new, y_new), plain.crps(X_new, y_new))
    assert_allclose(ones.n_effective_, 457)
    assert not hasattr(plain, "n_effective_")


def test_a_factor_changes_nothing():
    rng = np.random.default_rng(0)
    X, y = draw(rng, 300)
    X_new, _ = draw(rng, 50)
    one = ConformalRegressor(ZERO, method="split", density_ratio=tilt).fit(X, y)
    other = ConformalRegressor(ZERO, method="split", density_ratio=lambda X: 8 * tilt(X)).fit(X, y)
    assert_array_equal(one.predict_interval(X_new, 0.7), other.predict_interval(X_new, 0.7))
    assert_allclose(one.n_effective_, tilt(X).sum() ** 2 / (tilt(X) ** 2).sum())
    assert_allclose(one.n_effective_, other.n_effective_)


def test_weights_of_rows_count_copies_beside_the_ratio():
    rng = np.random.default_rng(0)
    X, y = draw(rng, 100)
    X_new, _ = draw(rng, 50)
    weight = rng.integers(0, 4, 100)
    weighted = ConformalRegressor(ZERO, method="split", density_ratio=tilt)
    weighted.fit(X, y, sample_weight=weight)
    copied = ConformalRegressor(ZERO, method="split", density_ratio=tilt)
    copied.fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_allclose(weighted.predict_interval(X_new, 0.7), copied.predict_interval(X_new, 0.7))
    assert_allclose(weighted.n_effective_, copied.n_effective_)


def test_rows_beyond_all_calibration_rows_get_infinite_intervals_and_one_warning():
    rng = np.random.default_rng(0)
    model = ConformalRegressor(ZERO, method="split", density_ratio=tilt).fit(*draw(rng, 300))
    with pytest.warns(UncertaintyWarning, match="density ratio of 2 rows is too large") as caught:
        interval = model.predict_interval([[0.0, 0.0], [6.0, 0.0], [9.0, 0.0]])
    assert len(caught) == 1
    assert "effective number of" in str(caught[0].message)
    assert_array_equal(np.isfinite(interval[:, 1]), [True, False, False])


def test_a_ratio_of_zero_everywhere_says_nothing():
    model = ConformalRegressor(ZERO, method="split", density_ratio=lambda X: np.zeros(len(X)))
    model.fit(np.zeros((20, 1)), np.arange(20))
    assert model.n_effective_ == 0
    with pytest.warns(UncertaintyWarning):
        assert_array_equal(model.predict_interval([[0.0]]), [[-np.inf, np.inf]])


@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
@pytest.mark.parametrize("frozen", [True, False])
def test_a_classifier_learns_the_ratio(frozen):
    rng = np.random.default_rng(0)
    X, y = draw(rng, 4000)
    target, _ = draw(rng, 3000, shift=1.0)
    X_new, y_new = draw(rng, 4000, shift=1.0)
    estimator = FrozenEstimator(Ridge().fit(*draw(rng, 100))) if frozen else Ridge()
    model = ConformalRegressor(
        estimator, method="split", density_ratio=LogisticRegression(), random_state=0
    ).fit(X, y, X_target=target)
    learned = np.log(model._strategy.ratio(X_new))
    assert np.corrcoef(learned, X_new[:, 0])[0, 1] > 0.99
    assert abs(np.polyfit(X_new[:, 0], learned, 1)[0] - 1.0) < 0.2
    low, high = model.predict_interval(X_new).T
    assert abs(np.mean((low <= y_new) & (y_new <= high)) - 0.9) < 0.04


def test_the_factor_and_the_limits_of_a_learned_ratio():
    rng = np.random.default_rng(0)
    X, y = draw(rng, 2000)
    target, _ = draw(rng, 500, shift=1.0)
    ratios = {}
    for clip in (np.inf, 2.0):
        model = ConformalRegressor(
            Ridge(),
            method="split",
            density_ratio=DensityRatio(GaussianNB(), clip=clip),
            random_state=0,
        ).fit(X, y, X_target=target)
        ratios[clip] = model._strategy.ratio(X)
    assert abs(ratios[np.inf].mean() - 1.0) < 0.2  # a density ratio has the mean 1
    assert ratios[2.0].min() == 0.5
    assert ratios[2.0].max() == 2.0


def test_certain_classifiers_are_clipped():
    X, y = np.linspace(0, 1, 100).reshape(-1, 1), np.linspace(0, 1, 100)
    model = ConformalRegressor(
        Ridge(), method="split", density_ratio=KNeighborsClassifier(1), random_state=0
    ).fit(X, y, X_target=X + 10)
    assert_allclose(model._strategy.ratio([[0.5], [10.5]]), [0.01, 100.0])


@pytest.mark.parametrize("kind", ["pandas", "polars", "list", "csr"])
def test_target_rows_of_any_table(kind):
    rng = np.random.default_rng(0)
    X, y = draw(rng, 300)
    target, _ = draw(rng, 200, shift=1.0)
    make = {
        "pandas": lambda X: pd.DataFrame(X, columns=["a", "b"]),
        "polars": lambda X: pl.DataFrame(X, schema=["a", "b"]),
        "list": lambda X: X.tolist(),
        "csr": sparse.csr_array,
    }[kind]
    models = [
        ConformalRegressor(
            Ridge(), method="split", density_ratio=LogisticRegression(), random_state=0
        ).fit(convert(X), y, X_target=convert(target))
        for convert in (make, np.asarray)
    ]
    found = models[0].predict_interval(make(X), 0.7), models[1].predict_interval(X, 0.7)
    assert_allclose(*found, rtol=1e-3)


def test_weights_reach_the_classifier():
    rng = np.random.default_rng(0)
    X, y = draw(rng, 200)
    target, _ = draw(rng, 100, shift=1.0)
    weight = rng.integers(0, 3, 200)
    copies = np.repeat(np.arange(200), weight)
    halves = [(np.arange(100), np.arange(100, 200))]
    copied = [(np.flatnonzero(copies < 100), np.flatnonzero(copies >= 100))]

    def make(cv, classifier):
        return ConformalRegressor(Ridge(), method="split", cv=cv, density_ratio=classifier)

    weighted = make(halves, GaussianNB()).fit(X, y, sample_weight=weight, X_target=target)
    repeated = make(copied, GaussianNB()).fit(X[copies], y[copies], X_target=target)
    assert_allclose(weighted._strategy.ratio(X), repeated._strategy.ratio(X), rtol=1e-6)
    with pytest.warns(UserWarning, match="it learns density_ratio without weights"):
        make(halves, KNeighborsClassifier()).fit(X, y, sample_weight=weight, X_target=target)


@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
@pytest.mark.parametrize("routing", [True, False])
def test_target_rows_travel_through_a_grid_search(routing):
    rng = np.random.default_rng(0)
    X, y = draw(rng, 300)
    target, _ = draw(rng, 200, shift=1.0)
    with config_context(enable_metadata_routing=routing):
        model = ConformalRegressor(Ridge(), method="split", density_ratio=LogisticRegression())
        if routing:
            model.set_fit_request(X_target=True)
        grid = {"density_ratio__C": [0.1, 1.0]}
        search = GridSearchCV(model, grid, cv=2).fit(X, y, X_target=target)
        assert search.best_estimator_.n_effective_ < 75


@pytest.mark.parametrize(
    ("ratio", "target", "sentence"),
    [
        (LogisticRegression(), None, "give X_target to fit"),
        (DensityRatio(LogisticRegression()), None, "give X_target to fit"),
        (tilt, np.zeros((5, 2)), "X_target cannot act: density_ratio is a callable"),
        (LogisticRegression(), np.zeros((5, 3)), "3 features"),
        (DensityRatio(LogisticRegression(), clip=0.5), np.zeros((5, 2)), "clip=0.5 is not valid"),
        (lambda X: -np.ones(len(X)), None, "must give finite numbers that are not negative"),
        (lambda X: np.full(len(X), np.nan), None, "must give finite numbers"),
        (lambda X: 1.0, None, "gives 1 numbers for 10 rows"),
        ("exponential", None, "density_ratio='exponential' must be a classifier"),
    ],
)
def test_bad_ratios_get_a_sentence(ratio, target, sentence):
    X, y = draw(np.random.default_rng(0), 40)
    model = ConformalRegressor(Ridge(), method="split", density_ratio=ratio)
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, y, X_target=target)
