"""Split conformal regression: order statistics, hold-outs, frozen models, weights, tables, metadata, refusals."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import make_regression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    cross_validate,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from skboost.conformal import (
    ConformalRegressor,
    NormalizedScore,
    QuantileBins,
    ResidualDifficulty,
)
from skboost.exceptions import UncertaintyWarning


def split(estimator=None, **parameters):
    return ConformalRegressor(
        Ridge() if estimator is None else estimator,
        **{"method": "split", "random_state": 0, **parameters},
    )


class Constant(RegressorMixin, BaseEstimator):
    """Predicts 0, or what it is told."""

    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


ZERO = FrozenEstimator(Constant().fit([[0]], [0]))


@pytest.fixture(scope="module")
def noisy():
    """300 rows that train and calibrate, 100 new ones."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = X @ [1.0, -2.0, 0.5] + (0.3 + np.abs(X[:, 0])) * rng.normal(size=400)
    return X[:300], y[:300], X[300:], y[300:]


# -- definition -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_interval_is_that_of_the_definition(noisy, level):
    X, y, X_new, _ = noisy
    train, calibrate = np.arange(200), np.arange(200, 300)
    model = split(cv=[(train, calibrate)], confidence_level=level).fit(X, y)
    ridge = Ridge().fit(X[train], y[train])
    errors = np.sort(np.abs(y[calibrate] - ridge.predict(X[calibrate])))
    q = errors[int(np.ceil(101 * level - 1e-9)) - 1]
    expected = np.column_stack([ridge.predict(X_new) - q, ridge.predict(X_new) + q])
    assert_allclose(model.predict_interval(X_new), expected, rtol=1e-12, atol=1e-12)
    assert_array_equal(model.predict(X_new), ridge.predict(X_new))
    assert_array_equal(np.sort(model.calibration_scores_), errors)
    assert model.n_calibration_ == 100


def test_a_signed_score_has_its_own_bound_on_each_side():
    y = np.r_[np.arange(19.0), 100.0]  # 20 errors, of which one is far above
    model = ConformalRegressor(ZERO, method="split", nonconformity="signed", confidence_level=0.8)
    model.fit(np.zeros((20, 1)), y)
    assert_allclose(model.predict_interval([[0]]), [[1.0, 18.0]], rtol=1e-12)  # ranks 2 and 19
    assert_allclose(model.predict_interval([[0]], 0.9)[0, 1], 100.0, rtol=1e-12)
    assert model.min_calibration_size == 9


def test_gamma_intervals_grow_with_the_prediction():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 10, size=(500, 1))
    y = 3 * X[:, 0] * rng.gamma(50, 1 / 50, size=500)
    model = split(LinearRegression(), nonconformity="gamma").fit(X, y)
    interval = model.predict_interval([[2.0], [8.0]]) / model.predict([[2.0], [8.0]])[:, np.newaxis]
    assert_allclose(interval[0], interval[1], rtol=1e-12)
    with pytest.raises(ValueError, match="must be positive, but the smallest is -"):
        model.predict_interval([[-5.0]])


def test_one_level_gives_pairs_and_several_a_third_axis(noisy):
    X, y, X_new, _ = noisy
    model = split(confidence_level=[0.5, 0.9]).fit(X, y)
    assert model.predict_interval(X_new).shape == (100, 2, 2)
    assert model.predict_interval(X_new, [0.8]).shape == (100, 2, 1)
    assert_array_equal(model.predict_interval(X_new, 0.9), model.predict_interval(X_new)[..., 1])


def test_intervals_of_higher_levels_hold_those_of_lower_ones(noisy):
    X, y, X_new, _ = noisy
    for score in ("absolute", "signed"):
        levels = [0.1, 0.5, 0.8, 0.9, 0.95]
        interval = split(nonconformity=score).fit(X, y).predict_interval(X_new, levels)
        assert (np.diff(interval[:, 0], axis=1) <= 0).all()
        assert (np.diff(interval[:, 1], axis=1) >= 0).all()


def test_the_published_intervals_of_split_and_locally_adaptive_conformal_prediction():
    """Romano, Patterson and Candes, NeurIPS 2019, synthetic example 1 of their code: 91.40 % and 91.70 %."""
    generator = np.random.RandomState(1)
    x, x_new = (generator.uniform(0, 5.0, size=n).astype(np.float32) for n in (2000, 5000))

    def labels(x):
        y = np.zeros_like(x)
        for i in range(len(x)):  # the draws of a row follow one another
            y[i] = generator.poisson(np.sin(x[i]) ** 2 + 0.1) + 0.03 * x[i] * generator.randn()
            y[i] += 25 * (generator.uniform(0, 1, 1)[0] < 0.01) * generator.randn()
        return y

    y, y_new = labels(x), labels(x_new)
    rows = generator.permutation(2000)
    halves = [(rows[:1000], rows[1000:])]
    forest = RandomForestRegressor(100, min_samples_leaf=40, max_features=1, random_state=0)
    adaptive = {
        "nonconformity": "normalized",
        "difficulty": ResidualDifficulty(forest, residuals="training"),
    }
    for parameters, coverage, width in (({}, 0.9140, 2.9138853780), (adaptive, 0.9170, 2.8678339)):
        model = split(forest, cv=halves, **parameters).fit(x[:, np.newaxis], y)
        low, high = model.predict_interval(x_new[:, np.newaxis]).T
        assert np.mean((low <= y_new) & (y_new <= high)) == coverage
        assert_allclose(np.mean(high - low), width, rtol=2e-6)


# -- hold-outs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cv", "n"), [(None, 75), (0.4, 120), (KFold(3), 100), (ShuffleSplit(7, test_size=30), 30)]
)
def test_one_part_of_the_rows_is_held_out(noisy, cv, n):
    X, y, _, _ = noisy
    model = split(cv=cv).fit(X, y)
    assert model.n_calibration_ == n
    assert len(model.estimators_) == 1


def test_a_share_is_drawn_by_the_random_state(noisy):
    X, y, X_new, _ = noisy
    one, same, other = (split(random_state=seed).fit(X, y).predict(X_new) for seed in (0, 0, 1))
    assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("cv", [5, 0, 1.0, -0.5, 2.5])
def test_folds_and_impossible_shares_are_refused(noisy, cv):
    X, y, _, _ = noisy
    with pytest.raises(ValueError, match="holds out one part of the rows"):
        split(cv=cv).fit(X, y)


def test_groups_stay_on_one_side(noisy):
    X, y, _, _ = noisy
    groups = np.arange(300) // 10
    seen = []

    class Watched(GroupShuffleSplit):
        def split(self, X, y=None, groups=None):
            for train, test in super().split(X, y, groups):
                seen.append(np.intersect1d(groups[train], groups[test]).size)
                yield train, test

    split(cv=Watched(5, random_state=0)).fit(X, y, groups=groups)
    assert seen == [0]
    with pytest.raises(ValueError, match="groups cannot act: rows are held out at random"):
        split().fit(X, y, groups=groups)


def test_a_frozen_model_is_calibrated_on_all_rows(noisy):
    X, y, X_new, _ = noisy
    ridge = Ridge().fit(X[:200], y[:200])
    model = split(FrozenEstimator(ridge)).fit(X[200:], y[200:])
    assert model.n_calibration_ == 100
    by_hand = split(cv=[(np.arange(200), np.arange(200, 300))]).fit(X, y)
    assert_array_equal(model.predict_interval(X_new), by_hand.predict_interval(X_new))
    with pytest.raises(ValueError, match="cv=0.5 cannot act: the estimator is frozen"):
        split(FrozenEstimator(ridge), cv=0.5).fit(X, y)
    with pytest.raises(ValueError, match="groups cannot act: the estimator is frozen"):
        split(FrozenEstimator(ridge)).fit(X, y, groups=y)


def test_other_rows_calibrate_without_a_new_fit(noisy):
    X, y, X_new, y_new = noisy
    model = split().fit(X, y)
    fitted = model.estimators_[0]
    assert model.fit_calibration(X_new, y_new) is model
    assert model.estimators_[0] is fitted
    by_hand = split(FrozenEstimator(fitted)).fit(X_new, y_new)
    assert_array_equal(model.predict_interval(X), by_hand.predict_interval(X))
    before = model.predict_interval(X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit_calibration(X_new, np.full(100, np.nan))
    assert_array_equal(model.predict_interval(X), before)
    with pytest.raises(NotFittedError):
        clone(model).fit_calibration(X, y)


# -- too few rows, strange rows -------------------------------------------------------------------------------------


def test_nine_rows_are_enough_for_90_percent():
    model = ConformalRegressor(ZERO, method="split").fit(np.zeros((9, 1)), np.arange(9))
    assert_allclose(model.predict_interval(np.zeros((3, 1))), [[-8.0, 8.0]] * 3, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 8])
def test_too_few_rows_give_infinite_intervals_and_one_warning(n):
    model = ConformalRegressor(ZERO, method="split").fit(np.zeros((n, 1)), np.arange(n))
    with pytest.warns(
        UncertaintyWarning, match=f"needs at least 9 .* but there are {n}:"
    ) as caught:
        assert_array_equal(
            np.abs(model.predict_interval(np.zeros((3, 1)))), np.full((3, 2), np.inf)
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_one_warning_for_several_levels():
    model = ConformalRegressor(ZERO, method="split").fit(np.zeros((9, 1)), np.arange(9))
    with pytest.warns(
        UncertaintyWarning, match="levels 0.95 and 0.99 need at least 19 and 99"
    ) as caught:
        interval = model.predict_interval(np.zeros((1, 1)), [0.9, 0.95, 0.99])
    assert len(caught) == 1
    assert np.isfinite(interval[0, 0]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("score", "failure", "size"),
    [("absolute", None, 9), ("signed", None, 19), ("absolute", 0.05, 29), ("signed", 0.05, 72)],
)
def test_the_smallest_calibration_size_is_the_smallest(score, failure, size):
    model = ConformalRegressor(ZERO, method="split", nonconformity=score, failure=failure)
    assert model.min_calibration_size == size
    X, y = np.zeros((size, 1)), np.random.default_rng(0).normal(size=size)
    assert np.isfinite(model.fit(X, y).predict_interval(X)).all()
    with pytest.warns(UncertaintyWarning, match=f"needs at least {size} calibration rows"):
        model.fit(X[1:], y[1:]).predict_interval(X)


def test_bounds_cut_intervals():
    model = ConformalRegressor(ZERO, method="split", bounds=(0, 5)).fit(
        np.zeros((20, 1)), np.arange(20) / 4
    )
    assert_allclose(model.predict_interval([[0]]), [[0.0, 4.5]], rtol=1e-12)
    assert_array_equal(model.predict_quantiles([[0]], [0.9]), [[4.5]])
    with pytest.warns(UncertaintyWarning):
        assert_array_equal(model.predict_interval([[0]], 0.99), [[0.0, 5.0]])
    with pytest.raises(ValueError, match=r"outside bounds=\(0, 5\)"):
        model.fit(np.zeros((2, 1)), [1, 6])


def test_constant_errors_give_intervals_of_one_width():
    model = ConformalRegressor(ZERO, method="split").fit(np.zeros((9, 1)), np.full(9, 2.0))
    both = model.predict_interval([[0]], [0.5, 0.9])
    assert_allclose(both, [[[-2.0, -2.0], [2.0, 2.0]]], rtol=1e-12)


def test_nan_predictions_are_refused():
    broken = FrozenEstimator(Constant(np.nan).fit([[0]], [0]))
    with pytest.raises(ValueError, match="9 of 9 calibration scores are NaN"):
        ConformalRegressor(broken, method="split").fit(np.zeros((9, 1)), np.arange(9))


def test_single_precision(noisy):
    X, y, X_new, _ = noisy
    model = split().fit(X.astype(np.float32), y.astype(np.float32))
    assert model.predict_interval(X_new.astype(np.float32)).dtype == np.float64
    assert_allclose(
        model.predict_interval(X_new),
        split().fit(X, y).predict_interval(X_new),
        rtol=1e-3,
        atol=1e-3,
    )


# -- a promise for the calibration rows at hand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "failure"), [("absolute", 0.1), ("signed", 0.1), ("absolute", 0.5)]
)
def test_the_coverage_given_the_calibration_rows_is_rarely_too_small(score, failure):
    """Labels are uniform on (-1, 1), so that the coverage of an interval is half of its length."""
    rng = np.random.default_rng(0)
    model = ConformalRegressor(ZERO, method="split", nonconformity=score, failure=failure)
    model.fit(np.zeros((200, 1)), np.zeros(200))
    coverage = []
    for _ in range(500):
        model.fit_calibration(np.zeros((200, 1)), rng.uniform(-1, 1, 200))
        coverage.append(np.diff(model.predict_interval([[0]]))[0, 0] / 2)
    share = np.mean(np.array(coverage) < 0.9)
    assert share <= failure + 4 * np.sqrt(failure * (1 - failure) / 500)
    if score == "absolute":
        assert share >= 0.6 * failure  # the rank is the smallest that keeps the promise


def test_a_promise_needs_whole_numbers_of_rows(noisy):
    X, y, _, _ = noisy
    with pytest.raises(ValueError, match="failure=0.1 needs to count calibration rows"):
        split(failure=0.1).fit(X, y, sample_weight=np.full(300, 0.5))


# -- weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters", [{}, {"nonconformity": "signed"}, {"failure": 0.2}, {"taxonomy": 0}]
)
def test_weights_count_copies_and_zero_removes(parameters):
    rng = np.random.default_rng(0)
    X, y = np.column_stack([rng.integers(0, 2, 90), rng.normal(size=90)]), rng.normal(size=90)
    weight = rng.integers(0, 4, 90)
    copies = np.repeat(np.arange(90), weight)
    halves = [(np.arange(45), np.arange(45, 90))]
    copied = [(np.flatnonzero(copies < 45), np.flatnonzero(copies >= 45))]
    weighted = split(cv=halves, **parameters).fit(X, y, sample_weight=weight)
    repeated = split(cv=copied, **parameters).fit(X[copies], y[copies])
    assert_allclose(weighted.predict_interval(X), repeated.predict_interval(X), rtol=1e-10)
    assert weighted.n_calibration_ == repeated.n_calibration_


def test_rows_of_weight_zero_are_as_if_removed(noisy):
    X, y, X_new, _ = noisy
    weight = np.arange(300) % 3 > 0
    weighted = split().fit(X, y, sample_weight=weight)
    removed = split().fit(X[weight], y[weight])
    assert_allclose(weighted.predict_interval(X_new), removed.predict_interval(X_new), rtol=1e-10)


def test_a_model_without_weights_says_so(noisy):
    X, y, _, _ = noisy
    with pytest.warns(UserWarning, match="KNeighborsRegressor takes no sample_weight"):
        split(KNeighborsRegressor()).fit(X, y, sample_weight=np.ones(300))


# -- tables, metadata, scikit-learn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pandas", "polars", "list", "csr", "csc"])
def test_tables_reach_the_model_in_their_own_type(noisy, kind):
    X, y, _, _ = noisy
    seen = []

    def look(table):
        seen.append(type(table))
        return table

    names = ["a", "b", "c"]
    table = {
        "pandas": lambda: pd.DataFrame(X, columns=names),
        "polars": lambda: pl.DataFrame(X, schema=names),
        "list": X.tolist,
        "csr": lambda: sparse.csr_array(X),
        "csc": lambda: sparse.csc_matrix(X),
    }[kind]()
    model = split(make_pipeline(FunctionTransformer(look), Ridge())).fit(table, y)
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "list": list}
    if kind in kinds:
        assert set(seen) == {kinds[kind]}
    else:
        assert all(sparse.issparse(found([[0.0]])) for found in seen)
    plain = split().fit(X, y)
    assert_allclose(model.predict_interval(table), plain.predict_interval(X), rtol=1e-6)
    if kind in ("pandas", "polars"):
        assert_array_equal(model.feature_names_in_, names)


def test_labels_may_be_series(noisy):
    X, y, X_new, _ = noisy
    for labels in (pd.Series(y, index=np.arange(300) * 2), pl.Series(y), y.tolist()):
        model = split().fit(X, labels)
        assert_array_equal(model.predict_interval(X_new), split().fit(X, y).predict_interval(X_new))


def test_metadata_are_routed(noisy):
    X, y, X_new, _ = noisy
    weight, groups = np.arange(300) % 3 + 1.0, np.arange(300) % 10
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True)
        splitter = GroupKFold(3).set_split_request(groups=True)
        model = split(ridge, cv=splitter).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        params = {"sample_weight": weight, "groups": groups}
        cross_validate(model, X, y, params=params)
        routed = model.fit(X, y, **params)
        with pytest.raises(UnsetMetadataPassedError):
            split().fit(X, y, sample_weight=weight)
        split(clone(ridge)).fit(X, y, sample_weight=weight)
    plain = split(cv=GroupKFold(3)).fit(X, y, **params)
    assert_allclose(routed.predict_interval(X_new), plain.predict_interval(X_new), rtol=1e-12)


@pytest.mark.parametrize("routing", [True, False])
def test_a_grid_search_by_the_width_of_intervals(noisy, routing):
    X, y, _, _ = noisy

    def narrowness(model, X, y):
        return -np.diff(model.predict_interval(X)).mean()

    with config_context(enable_metadata_routing=routing):
        grid = {"estimator__alpha": [1e-3, 1e4], "nonconformity": ["absolute", "signed"]}
        search = GridSearchCV(split(), grid, scoring=narrowness, cv=3).fit(X, y)
        assert search.best_params_["estimator__alpha"] == 1e-3
        cross_validate(split(), X, y, scoring=make_scorer(lambda y, p: 0.0))
    nested = split(nonconformity=NormalizedScore())
    assert nested.set_params(nonconformity__beta=2.0).nonconformity.beta == 2.0


def test_a_fitted_model_survives_pickling(noisy):
    X, y, X_new, _ = noisy
    model = split(
        nonconformity="normalized",
        difficulty=KNeighborsRegressor(),
        taxonomy=QuantileBins(2),
        density_ratio=first_column,
    ).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(twin.predict_interval(X_new), model.predict_interval(X_new))
    assert_array_equal(twin.predict_cdf(X_new, 0.0), model.predict_cdf(X_new, 0.0))


def first_column(X):
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    return np.abs(X[:, 0]) + 1.0


CONFIGURATIONS = [  # beside those of tests/test_common.py
    split(nonconformity="signed", cv=0.5),
    split(nonconformity="normalized", difficulty=ResidualDifficulty(Ridge(), cv=2)),
    split(nonconformity="normalized", difficulty=first_column, failure=0.3),
    split(taxonomy=QuantileBins(2), density_ratio=first_column),
]


def checks():
    for number, model in enumerate(CONFIGURATIONS):
        found = list(estimator_checks_generator(model))
        assert len(found) >= 55
        for fresh, check in found:
            if check.func.__name__ != "check_array_api_input":
                yield pytest.param(fresh, check, id=f"{number}-{check.func.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"method": "jackknife"}, "method='jackknife' is unknown"),
        ({"method": 3}, "method=3 is not valid"),
        ({"nonconformity": "squared"}, "nonconformity='squared' is unknown"),
        ({"nonconformity": 3}, "nonconformity=3 is not valid"),
        (
            {"nonconformity": NormalizedScore(beta=-1), "difficulty": first_column},
            "beta=-1 is not valid",
        ),
        ({"nonconformity": "normalized"}, "needs a scale of errors: give difficulty"),
        ({"difficulty": first_column}, "difficulty=.* cannot act with nonconformity='absolute'"),
        ({"difficulty": 3, "nonconformity": "normalized"}, "difficulty=3 must be a regressor"),
        ({"confidence_level": 90}, r"confidence_level=90 must be .* \(0.9 means 90 %\)"),
        ({"confidence_level": [0.5, 1.0]}, "confidence_level=1.0 must be"),
        ({"confidence_level": []}, "must be a number or a list"),
        ({"failure": 0}, "failure=0 is not valid"),
        ({"n_resamples": 50}, "n_resamples=50 cannot act with method='split'"),
        ({"aggregate": "median"}, "aggregate='median' cannot act with method='split'"),
        ({"bounds": (2, 1)}, "the smaller first"),
        ({"bounds": (1, 2, 3)}, "bounds=.* must be two numbers"),
        ({"bounds": 3}, "bounds=3 is not valid"),
        ({"taxonomy": 0.5}, "taxonomy=0.5 must be a column"),
        ({"density_ratio": 0.5}, "density_ratio=0.5 must be a classifier"),
        (
            {"density_ratio": first_column, "failure": 0.1},
            "failure=0.1 cannot act with density_ratio",
        ),
        ({"verbose": -1}, "verbose=-1 is not valid"),
    ],
)
def test_bad_parameters_get_a_sentence(noisy, parameters, sentence):
    X, y, _, _ = noisy
    with pytest.raises(ValueError, match=sentence):
        split(**parameters).fit(X, y)


def test_bad_data_get_a_sentence(noisy):
    X, y, X_new, _ = noisy
    model = split()
    with pytest.raises(ValueError, match="target y is None"):
        model.fit(X, None)
    with pytest.raises(ValueError, match="y has 2 columns"):
        model.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="no rows of positive weight to calibrate"):
        split(cv=[(np.arange(300), np.arange(0))]).fit(X, y)
    with pytest.raises(ValueError, match="X_target cannot act: density_ratio is not set"):
        model.fit(X, y, X_target=X)
    model.fit(X, y)
    with pytest.raises(ValueError, match="1D array"):
        model.predict_interval(X_new[0])
    with pytest.raises(ValueError, match="0 sample"):
        model.predict_interval(X_new[:0])
    with pytest.raises(ValueError, match="2 features"):
        model.predict_interval(X_new[:, :2])


def test_a_large_problem_is_quick_and_small():
    """Time and memory grow with rows that calibrate plus rows that are predicted, not with their product."""
    X, y = make_regression(200_000, 2, random_state=0)
    model = split(cv=0.5).fit(X, y)
    assert model.predict_interval(X).shape == (200_000, 2)
    assert model.crps(X, y).shape == (200_000,)


@pytest.mark.parametrize("method", ["split", "plus", "minmax"])
@pytest.mark.parametrize("nonconformity", ["absolute", "signed"])
def test_labels_at_an_end_are_not_lost_to_rounding(method, nonconformity):
    """mu + (y - mu) may be less than y, and with it all labels that are equal to y would be outside."""
    rng = np.random.default_rng(0)
    for seed in range(30):
        y = rng.choice([0.0, 0.7, 1.0, 2.0, 3.0], size=300)
        X = np.zeros((300, 1))
        model = ConformalRegressor(
            DummyRegressor(), method=method, nonconformity=nonconformity, random_state=seed
        ).fit(X, y)
        low, high = model.predict_interval(X[:1])[0]
        assert low <= 0
        assert high >= 3
