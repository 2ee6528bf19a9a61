"""Predictive distributions: quantiles, distribution functions and scores of one set of residuals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from skboost.conformal import ConformalRegressor, NormalizedScore, QuantileBins
from skboost.exceptions import UncertaintyWarning

QUANTILES = [0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95]


class Line(RegressorMixin, BaseEstimator):
    """Predicts 3 + the first column."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return 3.0 + X[:, 0]


LINE = FrozenEstimator(Line().fit(None, None))


def scale(X):
    return 0.2 + X[:, 1]


def tilt(X):
    return np.exp(X[:, 0])


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.0, 1.0, size=(n, 2))
    return X, 3.0 + X[:, 0] + (0.2 + X[:, 1]) * rng.normal(size=n)


FORMS = {
    "absolute": {},
    "signed": {"nonconformity": "signed"},
    "normalized": {"nonconformity": NormalizedScore(symmetric=False), "difficulty": scale},
    "gamma": {"nonconformity": "gamma"},
    "mondrian": {"nonconformity": "signed", "taxonomy": lambda X: X[:, 1] > 0.5},
    "weighted": {"nonconformity": "signed", "density_ratio": tilt},
}


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def model(request):
    return ConformalRegressor(LINE, method="split", **request.param).fit(*draw(199))


def labels_of(model, x):
    """Labels with the residuals of the calibration rows of the group of x, and the weights of these."""
    strategy = model._strategy
    at = strategy.locate(x)
    group = strategy.residuals.groups[at.codes[0]].signed
    own = 1.0 if at.ratio is None else at.ratio[0]
    labels = strategy.score.invert(at.prediction, at.scale, group.scores, 0.0)[0]
    return labels, np.diff(group.cumulative), own


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_the_distribution_function_is_that_of_the_definition(model, tau):
    X, y = draw(20, 1)
    found = model.predict_cdf(X, y, tau=tau)
    for i in range(20):
        labels, weight, own = labels_of(model, X[[i]])
        below, equal = weight[labels < y[i]].sum(), weight[labels == y[i]].sum()
        expected = (below + tau * (equal + own)) / (weight.sum() + own)
        assert_allclose(found[i], expected, rtol=1e-9)


def test_the_score_is_the_integral_of_its_definition(model):
    X, y = draw(20, 1)
    found = model.crps(X, y)
    for i in range(20):
        labels, weight, _ = labels_of(model, X[[i]])
        share = weight / weight.sum()
        between = np.abs(labels[:, np.newaxis] - labels)
        expected = share @ np.abs(labels - y[i]) - share @ between @ share / 2
        assert_allclose(found[i], expected, rtol=1e-9)


def test_the_quantiles_are_on_the_safe_side(model):
    X, _ = draw(20, 1)
    quantiles = model.predict_quantiles(X, QUANTILES)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    for p, quantile in zip(QUANTILES, quantiles.T, strict=True):
        step = 1e-9 * np.abs(quantile)
        if p < 0.5:
            assert (model.predict_cdf(X, quantile - step, tau=1.0) <= p + 1e-12).all()
        else:
            assert (model.predict_cdf(X, quantile + step, tau=0.0) >= p - 1e-12).all()


@pytest.mark.parametrize("form", ["signed", "normalized", "gamma", "mondrian", "weighted"])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_interval_of_two_tails_is_that_of_two_quantiles(form, level):
    """The same ranks, although (1 - .9) / 2 is not .05 in floating point; intervals leave room for rounding."""
    model = ConformalRegressor(LINE, method="split", **FORMS[form]).fit(*draw(199))
    X, _ = draw(50, 1)
    quantiles = model.predict_quantiles(X, [(1 - level) / 2, (1 + level) / 2])
    assert_allclose(model.predict_interval(X, level), quantiles, rtol=1e-12, atol=1e-12)


def test_ranks_of_quantiles():
    model = ConformalRegressor(LINE, method="split").fit(np.zeros((9, 2)), 3.0 + np.arange(9))
    found = model.predict_quantiles(np.zeros((1, 2)), [0.1, 0.15, 0.5, 0.85, 0.9])
    assert_array_equal(found - 3.0, [[0, 0, 4, 8, 8]])
    with pytest.warns(UncertaintyWarning, match="levels 0.95 and 0.99 need at least 19 and 99"):
        found = model.predict_quantiles(np.zeros((1, 2)), [0.05, 0.99])
    assert_array_equal(found, [[-np.inf, np.inf]])
    assert model.predict_quantiles(np.zeros((4, 2)), 0.5).shape == (4,)


def test_equal_residuals_are_a_jump_that_tau_fills():
    model = ConformalRegressor(LINE, method="split").fit(
        np.zeros((9, 2)), 3.0 + np.repeat([0, 1, 2], 3)
    )
    x = np.zeros((1, 2))
    assert_allclose(model.predict_cdf(x, 4.0, tau=0.0), 0.3)
    assert_allclose(model.predict_cdf(x, 4.0, tau=1.0), 0.7)
    assert_allclose(model.predict_cdf(x, 3.5, tau=[0.5]), 0.35)


def test_the_score_of_one_residual_is_the_absolute_error():
    model = ConformalRegressor(LINE, method="split").fit(np.zeros((1, 2)), [3.0])
    assert_allclose(model.crps(np.zeros((3, 2)), [1.0, 3.0, 7.0]), [2.0, 0.0, 4.0])


def test_the_score_keeps_its_digits_far_from_zero():
    X, y = draw(199)
    far = ConformalRegressor(LINE, method="split").fit(X, y + 1e8)
    near = ConformalRegressor(LINE, method="split").fit(X, y)
    assert_allclose(far.crps(X, y + 1e8), near.crps(X, y), atol=1e-6)


def test_draws_are_the_same_at_each_call_and_differ_between_seeds():
    X, y = draw(100)
    model = ConformalRegressor(LINE, method="split", random_state=0).fit(X, y)
    assert_array_equal(model.predict_cdf(X, y), model.predict_cdf(X, y))
    other = ConformalRegressor(LINE, method="split", random_state=1).fit(X, y)
    assert (model.predict_cdf(X, y) != other.predict_cdf(X, y)).all()
    limits = model.predict_cdf(X, y, tau=0.0), model.predict_cdf(X, y, tau=1.0)
    assert (limits[0] < model.predict_cdf(X, y)).all()
    assert (model.predict_cdf(X, y) < limits[1]).all()


@pytest.mark.parametrize("form", ["absolute", "normalized", "gamma", "mondrian"])
@pytest.mark.parametrize("digits", [None, 1], ids=["distinct", "ties"])
def test_probabilities_of_labels_are_uniform(form, digits):
    """Exactly, for any number of calibration rows, when ties are broken at random."""
    rng = np.random.default_rng(0)
    model = ConformalRegressor(LINE, method="split", random_state=0, **FORMS[form]).fit(*draw(20))
    found = []
    for seed in range(500):
        X, y = draw(21, seed)
        X, y = (X, y) if digits is None else (X.round(digits), y.round(digits))
        model.fit_calibration(X[:20], y[:20])
        found.append(model.predict_cdf(X[20:], y[20:], tau=rng.random(1))[0])
    assert stats.kstest(found, "uniform").pvalue > 1e-4


def test_a_trained_model_has_uniform_probabilities_too():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        X = rng.normal(size=(60, 2))
        y = X[:, 0] + rng.standard_t(3, size=60)
        model = ConformalRegressor(
            Ridge(), method="split", taxonomy=QuantileBins(2), random_state=rng.integers(2**31)
        )
        found.extend(model.fit(X[:55], y[:55]).predict_cdf(X[55:56], y[55:56]))
    assert stats.kstest(found, "uniform").pvalue > 1e-4


def test_the_score_is_smallest_for_the_true_distribution():
    X, y = draw(2000)
    X_new, y_new = draw(2000, 1)
    scores = {}
    for form in ("absolute", "normalized"):
        model = ConformalRegressor(LINE, method="split", **FORMS[form]).fit(X, y)
        scores[form] = model.crps(X_new, y_new).mean()
    # of a normal distribution with standard deviation s it is s / sqrt(pi) on average
    assert abs(scores["normalized"] - scale(X_new).mean() / np.sqrt(np.pi)) < 0.02
    assert scores["normalized"] < scores["absolute"] - 0.01


def test_other_methods_have_no_distributions():
    model = ConformalRegressor(Ridge(), method="plus")
    for name in ("predict_quantiles", "predict_cdf", "crps"):
        assert not hasattr(model, name)
        assert hasattr(ConformalRegressor(Ridge(), method="split"), name)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("predict_quantiles", [0.0], "quantiles=0.0 must be a number between 0 and 1"),
        ("predict_quantiles", [[0.5, 50]], r"quantiles=50 .*0.9 means 90 %"),
        ("predict_quantiles", [[]], "must be a number or a list"),
        ("predict_quantiles", [[[0.5]]], "must be a number or a list"),
        ("predict_cdf", [[1.0, 2.0]], r"y must be a finite number, or one for each of 5 rows"),
        ("predict_cdf", [np.nan], "y must be a finite number"),
        ("predict_cdf", [1.0, 1.5], "tau must lie between 0 and 1"),
        ("predict_cdf", [1.0, [0.5]], "tau must be a finite number"),
        ("crps", [np.inf], "y must be a finite number"),
    ],
)
def test_bad_questions_get_a_sentence(name, arguments, sentence):
    X, y = draw(5)
    model = ConformalRegressor(LINE, method="split").fit(X, y)
    with pytest.raises(ValueError, match=sentence):
        getattr(model, name)(X, *arguments)
