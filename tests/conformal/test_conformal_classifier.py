"""Sets of classes: definitions, exact coverage, ties, few rows, absent classes, groups, weights, frames, metadata."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax
from scipy.stats import betabinom, kstest, norm
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from skboost.conformal import (
    RAPS,
    SAPS,
    SET_SCORES,
    Bins,
    ConformalClassifier,
    QuantileBins,
)
from skboost.conformal._draws import row_draws
from skboost.exceptions import UncertaintyWarning

SCORES = SET_SCORES.aliases()
FAILS_ONCE_IN = 1e-4
LEVELS = [0.05, 0.2, 0.5, 0.75, 0.8, 0.9, 0.95, 0.975]
full_sets = pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")


class AsTold(ClassifierMixin, BaseEstimator):
    """A model whose probabilities are the columns of X."""

    def __init__(self, classes=(0, 1, 2)):
        self.classes = classes

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.asarray(self.classes)
        return self

    def predict_proba(self, X):
        return np.asarray(X)

    def predict(self, X):
        return self.classes_[np.asarray(X).argmax(axis=1)]


def told(n_classes=3):
    return FrozenEstimator(AsTold(tuple(range(n_classes))).fit(None, None))


def drawn(n, n_classes=3, seed=0, digits=None):
    """Rows of probabilities that are right, and labels; rounded probabilities tie."""
    rng = np.random.default_rng(seed)
    p = softmax(1.5 * rng.normal(size=(n, n_classes)), axis=1)
    y = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=n_classes - 1)
    return (p if digits is None else p.round(digits)), y


@pytest.fixture(scope="module")
def noisy_digits():
    X, y = load_digits(return_X_y=True)
    return X + np.random.default_rng(0).normal(scale=8.0, size=X.shape), y


# -- definitions ------------------------------------------------------------------------------------------------------


@full_sets
@pytest.mark.parametrize("class_conditional", [False, True])
@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("alias", SCORES)
def test_sets_and_p_values_are_those_of_the_definition(alias, digits, class_conditional):
    """Against loops over calibration rows, new rows and classes; without chance."""
    (P, y), (Q, _) = drawn(60, digits=digits), drawn(25, seed=1, digits=digits)
    options = {"nonconformity": alias, "class_conditional": class_conditional, "randomized": False}
    model = ConformalClassifier(told(), **options).fit(P, y)
    score = model.nonconformity_
    s, t = score.scores(P)[np.arange(60), y], score.scores(Q)
    assert_array_equal(model.calibration_scores_, s)
    p, sets = model.predict_pvalues(Q), model.predict_set(Q, LEVELS)
    for j in range(25):
        for k in range(3):
            group = s[y == k] if class_conditional else s
            n = len(group)
            assert p[j, k] == (1 + (group >= t[j, k]).sum()) / (n + 1)
            for place, level in enumerate(LEVELS):
                rank = int(np.ceil((n + 1) * level - 1e-9))
                bound = np.sort(group)[rank - 1] if rank <= n else np.inf
                assert sets[j, k, place] == (t[j, k] <= bound)


@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("alias", SCORES)
def test_chance_is_shared_by_classes_and_breaks_ties(alias, digits):
    """The same numbers for scores and for ties, whatever the class."""
    (P, y), (Q, _) = drawn(60, digits=digits), drawn(25, seed=1, digits=digits)
    model = ConformalClassifier(told(), nonconformity=alias, random_state=3).fit(P, y)
    s, p = model.calibration_scores_, model.predict_pvalues(Q)
    u, v = row_draws(Q, model._seeds.sets, 2)
    t = model.nonconformity_.scores(Q, u)
    for j in range(25):
        for k in range(3):
            larger, equal = (s > t[j, k]).sum(), (s == t[j, k]).sum()
            assert_allclose(p[j, k], max(1, larger + v[j] * (1 + equal)) / 61, rtol=1e-12)


CONFIGURATIONS = {
    "plain": {},
    "not randomised": {"randomized": False},
    "by class": {"class_conditional": True},
    "by group": {"taxonomy": Bins([0.5, 0.6])},
    "by class and group": {"class_conditional": True, "taxonomy": Bins([0.5])},
    "cross": {"method": "cross", "cv": 3},
    "cross, by class": {"method": "cross", "cv": 3, "class_conditional": True},
    "leave one out": {"method": "cross", "cv": LeaveOneOut(), "randomized": False},
    "never empty": {"allow_empty": False},
}


@full_sets
@pytest.mark.parametrize("alias", SCORES)
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_class_is_in_the_set_exactly_if_its_p_value_exceeds_alpha(name, alias):
    (P, y), (Q, _) = drawn(79, digits=1), drawn(200, seed=1, digits=1)
    options = CONFIGURATIONS[name]
    estimator = AsTold() if options.get("method") == "cross" else told()
    model = ConformalClassifier(estimator, nonconformity=alias, random_state=0, **options)
    model.fit(P, y)
    p, sets = model.predict_pvalues(Q), model.predict_set(Q, LEVELS)
    assert sets.shape == (200, 3, len(LEVELS))
    assert sets.dtype == bool
    assert (np.diff(sets.astype(int), axis=2) >= 0).all()  # nested
    for place, level in enumerate(LEVELS):
        by_p = p > float(f"{1 - level:.12g}")
        if name == "never empty":
            assert sets[..., place].any(axis=1).all()
            assert_array_equal(sets[..., place][by_p.any(axis=1)], by_p[by_p.any(axis=1)])
        else:
            assert_array_equal(sets[..., place], by_p)
        assert_array_equal(model.predict_set(Q, level), sets[..., place])


@pytest.mark.parametrize("alias", ["aps", "raps", "saps"])
def test_without_chance_the_top_class_is_in_every_adaptive_set(alias):
    (P, y), (Q, _) = drawn(50), drawn(300, seed=1)
    model = ConformalClassifier(told(), nonconformity=alias, randomized=False).fit(P, y)
    assert model.predict_set(Q, 0.05)[np.arange(300), Q.argmax(axis=1)].all()


def test_empty_sets_get_the_top_class_if_they_may_not_be_empty():
    (P, y), (Q, _) = drawn(200), drawn(300, seed=1)
    free = ConformalClassifier(told(), confidence_level=0.3, random_state=0).fit(P, y)
    filled = clone(free).set_params(allow_empty=False).fit(P, y)
    empty = ~free.predict_set(Q).any(axis=1)
    assert empty.sum() > 10
    expected = free.predict_set(Q)
    expected[empty, Q[empty].argmax(axis=1)] = True
    assert_array_equal(filled.predict_set(Q), expected)


# -- coverage ---------------------------------------------------------------------------------------------------------


def check_beta_binomial(counts, m, rank, n):
    """Counts of covered rows in tests of m rows follow BetaBinomial(m, rank, n + 1 - rank)."""
    law = betabinom(m, rank, n + 1 - rank)
    z = (np.sum(counts) - len(counts) * law.mean()) / (len(counts) * law.var()) ** 0.5
    assert abs(z) < norm.isf(FAILS_ONCE_IN / 2)
    # a discrete law, spread evenly over the steps of its distribution function
    share = np.random.default_rng(0).random(len(counts))
    uniform = law.cdf(np.subtract(counts, 1)) + share * law.pmf(counts)
    assert kstest(uniform, "uniform").pvalue > FAILS_ONCE_IN


@pytest.mark.parametrize("alias", ["lac", "aps", "margin"])
def test_coverage_has_its_exact_law(alias):
    counts = []
    for seed in range(200):
        P, y = drawn(599, seed=seed)
        model = ConformalClassifier(told(), nonconformity=alias, random_state=seed)
        sets = model.fit(P[:99], y[:99]).predict_set(P[99:])
        counts.append(sets[np.arange(500), y[99:]].sum())
    check_beta_binomial(np.array(counts), 500, 90, 99)


def test_coverage_has_its_exact_law_in_every_class():
    counts = []
    for seed in range(200):
        P, y = drawn(3000, seed=seed)
        rows = [np.flatnonzero(y == k)[:299] for k in range(3)]
        assert all(len(found) == 299 for found in rows)
        learn = np.concatenate([found[:99] for found in rows])
        model = ConformalClassifier(told(), class_conditional=True, random_state=seed)
        model.fit(P[learn], y[learn])
        sets = [model.predict_set(P[found[99:]])[:, k] for k, found in enumerate(rows)]
        counts.append([found.sum() for found in sets])
    for of_class in np.array(counts).T:
        check_beta_binomial(of_class, 200, 90, 99)


def test_coverage_has_its_exact_law_in_every_group():
    """Group 1 is hard: its probabilities are shuffled."""
    counts = []
    for seed in range(200):
        P, y = drawn(600, seed=seed)
        hard = np.arange(600) % 2 == 1
        P[hard] = P[hard][:, [1, 2, 0]]
        X = pd.DataFrame(P, columns=list("abc")).assign(group=np.where(hard, "hard", "easy"))
        base = make_pipeline(FunctionTransformer(lambda X: X[list("abc")].to_numpy()), AsTold())
        base = FrozenEstimator(base.fit(X, y))
        model = ConformalClassifier(base, taxonomy="group", random_state=seed)
        sets = model.fit(X[:198], y[:198]).predict_set(X[198:])
        covered = sets[np.arange(402), y[198:]]
        counts.append([covered[~hard[198:]].sum(), covered[hard[198:]].sum()])
    for of_group in np.array(counts).T:
        check_beta_binomial(of_group, 201, 90, 99)


@pytest.mark.parametrize("alias", SCORES)
def test_randomised_p_values_of_true_classes_are_uniform_though_scores_tie(alias):
    """One row a calibration set: all are independent. Below 1 / (n + 1) there are none."""
    p = []
    for seed in range(500):
        P, y = drawn(31, seed=seed, digits=1)
        model = ConformalClassifier(told(), nonconformity=alias, random_state=seed)
        p.append(model.fit(P[:30], y[:30]).predict_pvalues(P[30:])[0, y[30]])
    p = np.array(p)
    assert p.min() == 1 / 31
    at_bound = p == 1 / 31
    assert abs(at_bound.sum() - 500 / 31) < 4.5 * (500 / 31) ** 0.5
    uniform = np.where(at_bound, np.random.default_rng(0).random(500) / 31, p)
    assert kstest(uniform, "uniform").pvalue > FAILS_ONCE_IN


@pytest.mark.parametrize("alias", ["lac", "aps", "raps", "saps", "topk"])
def test_coverage_on_digits(noisy_digits, alias):
    X, y = noisy_digits
    covered = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(y))
        learn, test = order[:1257], order[1257:]
        model = ConformalClassifier(GaussianNB(), nonconformity=alias, cv=539, random_state=seed)
        model.set_params(cv=ShuffleSplit(1, test_size=539, random_state=seed))
        sets = model.fit(X[learn], y[learn]).predict_set(X[test])
        covered.append(sets[np.arange(len(test)), y[test]].mean())
    assert abs(np.mean(covered) - 0.9) < 4.5 * (0.09 / 540 + 0.09 / 540) ** 0.5 / 5**0.5


# -- cross-conformal --------------------------------------------------------------------------------------------------


@full_sets
@pytest.mark.parametrize("class_conditional", [False, True])
@pytest.mark.parametrize("randomized", [False, True])
@pytest.mark.parametrize("cv", [4, LeaveOneOut()], ids=["folds", "one row"])
def test_cross_conformal_sets_are_those_of_the_definition(iris, cv, randomized, class_conditional):
    X, y = iris[0][:60, :2], iris[1][:60]
    Q = iris[0][60:80, :2]
    options = {"randomized": randomized, "class_conditional": class_conditional, "random_state": 1}
    model = ConformalClassifier(
        GaussianNB(), method="cross", cv=cv, nonconformity="aps", **options
    ).fit(X, y)
    u = np.random.default_rng(model._seeds.calibration).random(60) if randomized else None
    folds = list(model._splitter(y).split(X, y))
    bayes = [GaussianNB().fit(X[train], y[train]) for train, _ in folds]
    chance = row_draws(bayes[0].predict_proba(Q), model._seeds.sets, 1)[0] if randomized else None
    score = model.nonconformity_.scores
    below = np.zeros((20, 3))
    for fitted, (_, rows) in zip(bayes, folds, strict=True):
        v = u[rows] if randomized else None
        s = score(fitted.predict_proba(X[rows]), v)[np.arange(len(rows)), y[rows]]
        t = score(fitted.predict_proba(Q), chance)
        for one, label in zip(s, y[rows], strict=True):
            counted = np.arange(3) == label if class_conditional else np.ones(3, bool)
            below += counted * (one < t)
    n = np.bincount(y) if class_conditional else 60
    for level in (0.5, 0.9, 0.95):
        assert_array_equal(model.predict_set(Q, level), below < level * (n + 1) - 1e-9)
    assert_array_equal(model.predict_pvalues(Q), (n + 1 - below) / (n + 1))


@pytest.mark.parametrize("alias", ["lac", "aps"])
def test_cross_conformal_covers_about_as_much_as_asked(noisy_digits, alias):
    X, y = noisy_digits
    order = np.random.default_rng(0).permutation(len(y))
    learn, test = order[:600], order[600:]
    model = ConformalClassifier(GaussianNB(), method="cross", nonconformity=alias, random_state=0)
    sets = model.fit(X[learn], y[learn]).predict_set(X[test])
    assert abs(sets[np.arange(len(test)), y[test]].mean() - 0.9) < 0.06
    assert len(model.estimators_) == 5
    assert model.n_calibration_ == 600


def test_cross_conformal_predicts_by_the_mean_of_its_models(iris):
    X, y = iris
    model = ConformalClassifier(GaussianNB(), method="cross", cv=3).fit(X, y)
    mean = np.mean([bayes.predict_proba(X) for bayes in model.estimators_], axis=0)
    assert_allclose(model.predict_proba(X), mean)
    assert_array_equal(model.predict(X), model.classes_[mean.argmax(axis=1)])


# -- few rows, absent classes, odd probabilities ----------------------------------------------------------------------


@pytest.mark.parametrize("randomized", [True, False])
@pytest.mark.parametrize("alias", SCORES)
def test_too_few_rows_give_full_sets_and_one_warning(alias, randomized):
    P, y = drawn(9)
    model = ConformalClassifier(told(), nonconformity=alias, randomized=randomized).fit(P, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict_set(P, 0.9)
        model.predict_pvalues(P)
    with pytest.warns(
        UncertaintyWarning, match="at least 19 and 99 .* there are 9: the sets are f"
    ):
        assert model.predict_set(drawn(500, seed=1)[0], [0.9, 0.95, 0.99])[..., 1:].all()
    model.fit_calibration(P[:8], y[:8])
    with pytest.warns(UncertaintyWarning, match="at least 9 calibration rows, but there are 8"):
        assert model.predict_set(drawn(500, seed=1)[0], 0.9).all()


@pytest.mark.parametrize("randomized", [True, False])
def test_one_calibration_row(randomized):
    P, y = drawn(1)
    model = ConformalClassifier(told(), randomized=randomized).fit(P, y)
    assert 0 < model.predict_set(drawn(100, seed=1)[0], 0.5).mean() < 1
    with pytest.warns(UncertaintyWarning, match="at least 9 calibration rows, but there are 1"):
        assert model.predict_set(drawn(100, seed=1)[0]).all()


def test_an_absent_class_is_in_every_set_if_classes_are_compared_with_themselves():
    """Its column stays, and the marginal guarantee does not need it."""
    P, y = drawn(400)
    names = np.array(["ape", "bee", "cow"])
    keep = np.flatnonzero(y < 2)
    model = FrozenEstimator(AsTold(("ape", "bee", "cow")).fit(None, None))
    for randomized in (True, False):
        by_class = ConformalClassifier(model, class_conditional=True, randomized=randomized)
        by_class.fit(P[keep], names[y[keep]])
        message = (
            "needs? at least 9 calibration rows, but there are 0 in class cow: the class is in"
        )
        with pytest.warns(UncertaintyWarning, match=message):
            sets = by_class.predict_set(P)
        assert sets[:, 2].all()
        assert not sets[:, 0].all()
        assert_array_equal(by_class.predict_pvalues(P)[:, 2], 1.0)
    plain = ConformalClassifier(model).fit(P[keep], names[y[keep]])
    assert not plain.predict_set(P)[:, 2].all()
    assert 0.85 < plain.predict_set(P[keep])[np.arange(len(keep)), y[keep]].mean() < 0.95


@full_sets
@pytest.mark.parametrize("class_conditional", [True, False])
@pytest.mark.parametrize("alias", SCORES)
def test_a_class_that_a_model_has_not_seen_keeps_its_column(alias, class_conditional):
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 40)
    X = rng.normal(size=(120, 2)) + np.repeat([[0, 0], [3, 0], [0, 3]], 40, axis=0)
    train, rest = np.flatnonzero(y != "c")[::2], np.flatnonzero(y != "c")[1::2]
    c = np.flatnonzero(y == "c")
    options = {"nonconformity": alias, "class_conditional": class_conditional}
    split = ConformalClassifier(GaussianNB(), cv=[(train, np.append(rest, c))], **options)
    folds = [(train, np.append(rest, c)), (np.append(rest, c), train)]
    cross = ConformalClassifier(GaussianNB(), method="cross", cv=folds, **options)
    for model in (split, cross):
        model.fit(X, y)
        assert_array_equal(model.classes_, ["a", "b", "c"])
        assert model.predict_set(X).shape == model.predict_proba(X).shape == (120, 3)
        assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
        assert set(model.predict(X)) <= {"a", "b", "c"}
    assert (split.predict_proba(X)[:, 2] == 0).all()
    seen = np.append(rest, c)
    exact = split.set_params(randomized=False).fit(X, y)
    places = np.searchsorted(["a", "b", "c"], y[seen])
    # every class must be possible where a half of the rows was impossible
    assert exact.predict_set(X[seen], 0.9)[np.arange(80), places].mean() >= 0.9


def test_a_model_that_knows_one_class_only():
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat([0, 1], 20)
    folds = [(np.arange(10), np.arange(10, 30))]
    model = ConformalClassifier(DummyClassifier(), cv=folds, random_state=0).fit(X, y)
    assert model.predict_set(X).shape == (40, 2)
    frozen = ConformalClassifier(told()).fit(drawn(50)[0], np.zeros(50, dtype=int))
    assert frozen.predict_set(drawn(50)[0]).shape == (50, 3)


@full_sets
@pytest.mark.parametrize("alias", SCORES)
def test_certain_equal_and_single_precision_probabilities(alias):
    certain = np.eye(3)[np.random.default_rng(0).integers(0, 3, 200)]
    equal = np.full((200, 3), 1 / 3)
    single = drawn(200)[0].astype(np.float32)
    y = drawn(200)[1]
    for P in (certain, equal, single):
        for randomized in (True, False):
            options = {"nonconformity": alias, "randomized": randomized, "random_state": 0}
            model = ConformalClassifier(told(), **options).fit(P[:100], y[:100])
            sets = model.predict_set(P[100:])
            covered = sets[np.arange(100), y[100:]].mean()
            assert covered > 0.75
            if randomized:  # ties are broken, so that sets are not full
                assert covered < 1
    model = ConformalClassifier(told(), nonconformity=alias, random_state=0)
    twice = model.fit(single.astype(np.float64), y)
    assert_array_equal(twice.calibration_scores_, clone(model).fit(single, y).calibration_scores_)


def test_impossible_classes_do_not_fill_sets_of_a_certain_model():
    """A model that is certain and right in 95 % of rows; see github.com/scikit-learn-contrib/MAPIE/issues/254."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 4000)
    said = np.where(rng.random(4000) < 0.95, y, (y + 1) % 10)
    P = np.eye(10)[said]
    for alias in ("aps", "lac"):
        model = ConformalClassifier(told(10), nonconformity=alias, random_state=0)
        sets = model.fit(P[:2000], y[:2000]).predict_set(P[2000:])
        assert abs(sets[np.arange(2000), y[2000:]].mean() - 0.9) < 0.04
        assert sets.sum(axis=1).max() == 1


@pytest.mark.parametrize("labels", [["no", "yes"], [1, 2], [False, True], [-1.0, 1.0]])
@pytest.mark.parametrize("alias", SCORES)
def test_two_classes_with_any_labels(breast_cancer, alias, labels):
    X, y = breast_cancer
    named = np.array(labels)[y]
    model = ConformalClassifier(GaussianNB(), nonconformity=alias, random_state=0)
    model.fit(X[:300], named[:300])
    sets = model.predict_set(X[300:], [0.8, 0.99 - 0.04])
    assert sets.shape == (269, 2, 2)
    assert_array_equal(model.classes_, labels)
    assert 0.65 < sets[np.arange(269), y[300:], 0].mean() < 0.95
    assert set(model.predict(X)) == set(labels)


# -- groups of rows ---------------------------------------------------------------------------------------------------


@full_sets
@pytest.mark.parametrize("randomized", [True, False])
@pytest.mark.parametrize("class_conditional", [True, False])
def test_groups_are_conformal_predictors_of_their_own(class_conditional, randomized):
    (P, y), (Q, _) = drawn(200), drawn(100, seed=1)

    def side(X):
        return np.where(np.asarray(X)[:, 0] < 0.3, "left", "right")

    options = {"class_conditional": class_conditional, "randomized": randomized}
    model = ConformalClassifier(told(), taxonomy=side, random_state=0, **options).fit(P, y)
    p, sets = model.predict_pvalues(Q), model.predict_set(Q)
    for name in ("left", "right"):
        alone = ConformalClassifier(told(), random_state=0, **options)
        alone.fit(P[side(P) == name], y[side(P) == name])
        assert_array_equal(p[side(Q) == name], alone.predict_pvalues(Q[side(Q) == name]))
        assert_array_equal(sets[side(Q) == name], alone.predict_set(Q[side(Q) == name]))


def test_a_group_that_calibration_has_not_seen_gets_full_sets(iris):
    X, y = iris
    model = ConformalClassifier(GaussianNB(), taxonomy=0, cv=0.5, random_state=0)
    rounded = X.copy()
    rounded[:, 0] = X[:, 0] > 5.8
    model.fit(rounded, y)
    other = rounded[:10].copy()
    other[:5, 0] = 7.0
    message = (
        "at least 9 calibration rows, but there are 0 in unseen groups: the sets are full there"
    )
    with pytest.warns(UncertaintyWarning, match=message) as caught:
        sets = model.predict_set(other)
    assert len(caught) == 1
    assert sets[:5].all()
    assert not sets[5:].all()
    by_class = clone(model).set_params(class_conditional=True).fit(rounded, y)
    message = "0 in class 0 of unseen groups, .*: the class is in every set there"
    with pytest.warns(UncertaintyWarning, match=message):
        assert by_class.predict_set(other)[:5].all()


@full_sets
@pytest.mark.parametrize(
    "taxonomy",
    [
        QuantileBins(2),
        Bins([0.9]),
        KBinsDiscretizer(2, encode="ordinal", quantile_method="averaged_inverted_cdf"),
        lambda X: X[:, :2] > 3,
    ],
    ids=["quantiles", "bins", "transformer", "callable"],
)
def test_taxonomies_of_all_kinds(iris, taxonomy):
    X, y = iris
    model = ConformalClassifier(GaussianNB(), taxonomy=taxonomy, cv=0.5, random_state=0)
    sets = model.fit(X, y).predict_set(X)
    assert sets[np.arange(150), y].mean() > 0.85


def test_taxonomies_that_cannot_act_are_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="taxonomy=0 cannot act with method='cross'"):
        ConformalClassifier(GaussianNB(), method="cross", taxonomy=0).fit(X, y)
    frozen = FrozenEstimator(GaussianNB().fit(X, y))
    with pytest.raises(ValueError, match="the estimator is frozen"):
        ConformalClassifier(frozen, taxonomy=QuantileBins()).fit(X, y)


# -- chance -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", SCORES)
@pytest.mark.parametrize("method", ["split", "cross"])
def test_answers_do_not_depend_on_how_often_and_with_which_rows_they_are_asked(alias, method):
    X, y = make_classification(300, n_informative=4, n_classes=3, random_state=0)
    model = ConformalClassifier(GaussianNB(), method=method, nonconformity=alias, random_state=0)
    model.fit(X[:200], y[:200])
    sets, p = model.predict_set(X[200:], [0.7, 0.9]), model.predict_pvalues(X[200:])
    assert_array_equal(model.predict_set(X[200:], [0.7, 0.9]), sets)
    assert_array_equal(np.vstack([model.predict_pvalues(X[j : j + 1]) for j in range(200, 300)]), p)
    assert_array_equal(model.predict_set(X[:199:-1], [0.7, 0.9]), sets[::-1])
    again = clone(model).fit(X[:200], y[:200])
    assert_array_equal(again.predict_pvalues(X[200:]), p)
    other = clone(model).set_params(random_state=1).fit(X[:200], y[:200])
    has_chance = method == "split" or alias in ("aps", "raps", "saps")
    assert (other.predict_pvalues(X[200:]) != p).any() == has_chance


def test_without_chance_only_the_split_depends_on_the_seed():
    P, y = drawn(100)
    one, two = (
        ConformalClassifier(told(), nonconformity="aps", randomized=False, random_state=seed)
        for seed in (0, 1)
    )
    assert_array_equal(one.fit(P, y).predict_pvalues(P), two.fit(P, y).predict_pvalues(P))


def test_parameters_set_after_fit_do_not_mix_the_rules():
    """Calibration rows that are randomised must not meet new rows that are not."""
    P, y = drawn(100)
    model = ConformalClassifier(told(), nonconformity="aps", random_state=0).fit(P, y)
    before = model.predict_pvalues(P)
    model.set_params(randomized=False, nonconformity="lac", class_conditional=True)
    assert_array_equal(model.predict_pvalues(P), before)


# -- weights ----------------------------------------------------------------------------------------------------------


@full_sets
@pytest.mark.parametrize("class_conditional", [True, False])
@pytest.mark.parametrize("alias", ["lac", "margin", "topk", "aps", RAPS(lam=0.1), SAPS()], ids=str)
def test_weights_count_copies(alias, class_conditional):
    (P, y), (Q, _) = drawn(60, digits=1), drawn(200, seed=1, digits=1)
    weight = np.random.default_rng(0).integers(0, 4, 60)
    copies = np.repeat(np.arange(60), weight)
    # the copies of a row have one random number in its weight, and their own as rows
    randomized = alias in ("lac", "margin", "topk")
    options = {"class_conditional": class_conditional, "randomized": randomized}
    model = ConformalClassifier(told(), nonconformity=alias, random_state=0, **options)
    weighted = clone(model).fit(P, y, sample_weight=weight)
    repeated = clone(model).fit(P[copies], y[copies])
    assert weighted.n_calibration_ == repeated.n_calibration_ == weight.sum()
    assert_array_equal(weighted.predict_pvalues(Q), repeated.predict_pvalues(Q))
    assert_array_equal(weighted.predict_set(Q, LEVELS), repeated.predict_set(Q, LEVELS))


@pytest.mark.parametrize("method", ["split", "cross"])
@pytest.mark.parametrize("alias", ["lac", "aps"])
def test_weight_zero_removes(iris, alias, method):
    X, y = iris
    keep = np.random.default_rng(0).random(150) < 0.7
    model = ConformalClassifier(GaussianNB(), method=method, nonconformity=alias, random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=keep)
    removed = clone(model).fit(X[keep], y[keep])
    assert_array_equal(weighted.predict_pvalues(X), removed.predict_pvalues(X))
    rows = weighted.n_calibration_
    assert rows == (keep.sum() if method == "cross" else np.ceil(keep.sum() / 4))
    if method == "split":
        weighted.fit_calibration(X, y, sample_weight=keep)
        removed.fit_calibration(X[keep], y[keep])
        assert_array_equal(weighted.predict_pvalues(X), removed.predict_pvalues(X))


def test_weights_that_are_no_whole_numbers():
    (P, y), (Q, _) = drawn(90), drawn(300, seed=1)
    tenth = ConformalClassifier(told(), randomized=False).fit(P, y, sample_weight=np.full(90, 0.1))
    s = tenth.calibration_scores_
    t = 1 - Q
    expected = (1 + 0.1 * (s >= t[..., None]).sum(axis=2)) / 10
    assert_allclose(tenth.predict_pvalues(Q), expected, rtol=1e-12)
    # nine rows in weight: the largest score bounds the next one
    assert_array_equal(tenth.predict_set(Q, 0.9), t <= s.max())


def test_a_class_whose_rows_have_no_weight_is_no_class(iris):
    X, y = iris
    model = ConformalClassifier(GaussianNB()).fit(X, y, sample_weight=y < 2)
    assert_array_equal(model.classes_, [0, 1])


def test_a_model_without_weights_says_so(iris):
    X, y = iris
    neighbours = ConformalClassifier(KNeighborsClassifier())
    with pytest.warns(UserWarning, match="KNeighborsClassifier takes no sample_weight"):
        neighbours.fit(X, y, sample_weight=np.ones(len(y)))


# -- which rows calibrate ---------------------------------------------------------------------------------------------


def test_a_share_of_each_class_calibrates(iris):
    X, y = iris
    model = ConformalClassifier(GaussianNB(), cv=0.4, random_state=0).fit(X, y)
    assert model.n_calibration_ == 60
    assert model.estimators_[0].class_count_.tolist() == [30, 30, 30]
    with pytest.raises(ValueError, match="cv=5 cannot act with method='split'"):
        ConformalClassifier(GaussianNB(), cv=5).fit(X, y)
    with pytest.raises(ValueError, match=r"cv=0.3 .* needs folds"):
        ConformalClassifier(GaussianNB(), method="cross", cv=0.3).fit(X, y)


def test_a_class_of_one_row_can_be_split(iris):
    X, y = iris
    rows = np.append(np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:1])
    for seed in range(5):
        model = ConformalClassifier(GaussianNB(), random_state=seed).fit(X[rows], y[rows])
        assert model.predict_set(X).shape == (150, 3)


def test_a_frozen_model_is_calibrated_on_all_rows(iris):
    X, y = iris
    bayes = GaussianNB().fit(X[:50], y[:50])
    frozen = ConformalClassifier(FrozenEstimator(bayes), random_state=0).fit(X[50:], y[50:])
    assert frozen.n_calibration_ == 100
    assert_array_equal(frozen.predict(X), bayes.predict(X))
    folds = [(np.arange(50), np.arange(50, 150))]
    split = ConformalClassifier(GaussianNB(), cv=folds, random_state=0).fit(X, y)
    assert_array_equal(split.predict_pvalues(X), frozen.predict_pvalues(X))
    split.fit(X[::-1], y[::-1])
    assert split.fit_calibration(X[50:], y[50:]) is split


@pytest.mark.parametrize("alias", ["lac", "aps"])
def test_other_rows_calibrate_without_a_new_fit(iris, alias):
    X, y = iris
    model = ConformalClassifier(GaussianNB(), nonconformity=alias, random_state=0)
    bayes = model.fit(X[:100], y[:100]).estimators_[0]
    model.fit_calibration(X[100:], y[100:])
    assert model.estimators_[0] is bayes
    assert model.n_calibration_ == 50
    frozen = ConformalClassifier(FrozenEstimator(bayes), nonconformity=alias, random_state=0)
    assert_array_equal(frozen.fit(X[100:], y[100:]).predict_pvalues(X), model.predict_pvalues(X))
    with pytest.raises(ValueError, match="y holds labels that the classes"):
        model.fit_calibration(X, y + 1)
    assert_array_equal(frozen.predict_pvalues(X), model.predict_pvalues(X))  # as before
    with pytest.raises(NotFittedError):
        clone(model).fit_calibration(X, y)
    cross = ConformalClassifier(GaussianNB(), method="cross").fit(X, y)
    with pytest.raises(ValueError, match="cannot be calibrated on others"):
        cross.fit_calibration(X, y)


@pytest.mark.parametrize("option", [{"cv": 0.3}, {"method": "cross"}])
def test_options_that_cannot_act_on_a_frozen_model_are_refused(iris, option):
    X, y = iris
    model = ConformalClassifier(FrozenEstimator(GaussianNB().fit(X, y)), **option)
    with pytest.raises(ValueError, match=f"{next(iter(option))}=.* cannot act"):
        model.fit(X, y)
    model = ConformalClassifier(FrozenEstimator(GaussianNB().fit(X, y)))
    with pytest.raises(ValueError, match="groups cannot act"):
        model.fit(X, y, groups=y)


# -- tables, metadata, searches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["split", "cross"])
@pytest.mark.parametrize("kind", ["pandas", "polars", "list", "csr", "csc", "coo"])
def test_tables_reach_the_model_in_their_own_type(breast_cancer, kind, method):
    X, y = breast_cancer
    seen = []

    def look(table):
        seen.append(type(table))
        return table

    names = [f"column {j}" for j in range(X.shape[1])]
    table = {
        "pandas": lambda: pd.DataFrame(X, columns=names),
        "polars": lambda: pl.DataFrame(X, schema=names),
        "list": X.tolist,
        "csr": lambda: sparse.csr_array(X),
        "csc": lambda: sparse.csc_matrix(X),
        "coo": lambda: sparse.coo_array(X),
    }[kind]()
    base = RandomForestClassifier(5, random_state=0)
    options = {"method": method, "random_state": 0}
    model = ConformalClassifier(make_pipeline(FunctionTransformer(look), base), **options)
    sets = model.fit(table, y).predict_set(table)
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "list": list}
    if kind in kinds:
        assert set(seen) == {kinds[kind]}
    else:
        assert all(issubclass(found, sparse.sparray | sparse.spmatrix) for found in seen)
    plain = ConformalClassifier(base, **options).fit(X, y)
    assert_array_equal(sets, plain.predict_set(X))
    if kind in ("pandas", "polars"):
        assert_array_equal(model.feature_names_in_, names)


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, list])
def test_labels_may_be_series(iris, kind):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = ConformalClassifier(GaussianNB(), random_state=0).fit(X, kind(names.tolist()))
    expected = ConformalClassifier(GaussianNB(), random_state=0).fit(X, names)
    assert_array_equal(model.predict_set(X), expected.predict_set(X))
    model.fit_calibration(X, kind(names.tolist()))


def test_groups_stay_together(iris):
    X, y = iris
    groups = np.arange(150) % 7
    splitter = GroupShuffleSplit(1, random_state=0)
    train, test = next(splitter.split(X, y, groups))
    model = ConformalClassifier(GaussianNB(), cv=splitter, random_state=0)
    model.fit(X, y, groups=groups)
    assert model.n_calibration_ == len(test)
    assert_array_equal(model.estimators_[0].class_count_, np.bincount(y[train]))
    with pytest.raises(ValueError, match="groups cannot act"):
        ConformalClassifier(GaussianNB()).fit(X, y, groups=groups)
    cross = ConformalClassifier(GaussianNB(), method="cross", cv=GroupKFold(7))
    assert len(cross.fit(X, y, groups=groups).estimators_) == 7


def test_metadata_are_routed(iris):
    X, y = iris
    params = {"sample_weight": np.arange(150) % 3 + 1.0, "groups": np.arange(150) % 10}
    options = {"method": "cross", "random_state": 0}
    with config_context(enable_metadata_routing=True):
        bayes = GaussianNB().set_fit_request(sample_weight=True)
        splitter = GroupKFold(3).set_split_request(groups=True)
        model = ConformalClassifier(bayes, cv=splitter, **options)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        cross_validate(model, X, y, params=params)
        routed = model.fit(X, y, **params)
        split = ConformalClassifier(bayes).set_fit_request(sample_weight=True)
        split.fit(X, y, sample_weight=params["sample_weight"])
    plain = ConformalClassifier(GaussianNB(), cv=GroupKFold(3), **options).fit(X, y, **params)
    assert_array_equal(routed.predict_pvalues(X), plain.predict_pvalues(X))


def test_a_grid_search_reaches_score_and_model(breast_cancer):
    X, y = breast_cancer

    def small_sets(model, X, y):
        return -model.predict_set(X).sum(axis=1).mean()

    search = GridSearchCV(
        ConformalClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()), nonconformity=RAPS()
        ),
        {"nonconformity__lam": [0.01, 0.5], "estimator__logisticregression__C": [0.1, 1.0]},
        scoring=small_sets,
        cv=3,
    ).fit(X, y)
    assert -1.3 < search.best_score_ < -0.8
    assert cross_validate(search.best_estimator_, X, y, cv=3)["test_score"].min() > 0.9


def test_jobs_do_not_change_results(iris):
    X, y = iris
    with parallel_config("threading"):  # processes take seconds to start
        one, two = (
            ConformalClassifier(GaussianNB(), method="cross", n_jobs=jobs, random_state=0).fit(X, y)
            for jobs in (1, 2)
        )
    assert_array_equal(one.predict_pvalues(X), two.predict_pvalues(X))


@pytest.mark.parametrize("name", CONFIGURATIONS)
@full_sets
def test_a_fitted_model_survives_pickling(iris, name):
    X, y = iris
    model = ConformalClassifier(GaussianNB(), **CONFIGURATIONS[name]).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(twin.predict_set(X), model.predict_set(X))


def checks():
    for name, options in CONFIGURATIONS.items():
        if name != "leave one out":
            model = ConformalClassifier(GaussianNB(), **options)
            for fresh, check in estimator_checks_generator(model):
                yield pytest.param(fresh, check, id=f"{name}-{check.func.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_checks(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        pytest.skip("needs a process of its own")
    check(estimator)


# -- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"nonconformity": "lag"}, "nonconformity='lag' is unknown"),
        ({"nonconformity": 3}, "nonconformity=3 is not valid"),
        ({"nonconformity": RAPS(lam=-1)}, "lam=-1 is not valid for RAPS"),
        ({"method": "plus"}, "method='plus' is not valid"),
        ({"randomized": 1}, "randomized=1 is not valid"),
        ({"class_conditional": None}, "class_conditional=None is not valid"),
        ({"confidence_level": 90}, r"confidence_level=90 must be .* \(0.9 means 90 %\)"),
        ({"confidence_level": []}, "confidence_level="),
        ({"verbose": -1}, "verbose=-1 is not valid"),
        ({"taxonomy": 3.5}, "taxonomy=3.5 must be"),
        (
            {"method": "cross", "cv": RepeatedStratifiedKFold(n_splits=3, n_repeats=2)},
            "each row in one test fold",
        ),
        ({"cv": [(np.arange(150), np.arange(20))]}, "trains on rows that it calibrates on"),
        ({"cv": []}, "cv gives no folds"),
    ],
)
def test_bad_parameters_get_a_sentence(iris, parameters, sentence):
    X, y = iris
    with pytest.raises(ValueError, match=sentence):
        ConformalClassifier(GaussianNB(), **parameters).fit(X, y)


@pytest.mark.parametrize("estimator", [SVC(), Ridge()], ids=str)
def test_a_model_without_probabilities_is_refused(iris, estimator):
    X, y = iris
    with pytest.raises(ValueError, match="has no predict_proba, but sets .*CalibratedClassifier"):
        ConformalClassifier(estimator).fit(X, y)
    assert not hasattr(ConformalClassifier(estimator), "predict_proba")


def test_bad_data_get_a_sentence(iris):
    X, y = iris
    model = ConformalClassifier(GaussianNB())
    with pytest.raises(ValueError, match="y has one class"):
        model.fit(X, np.zeros(150))
    with pytest.raises(ValueError, match="target y is None"):
        model.fit(X, None)
    with pytest.raises(NotFittedError):
        model.predict_set(X)
    model.fit(X, y)
    with pytest.raises(ValueError, match="1D array"):
        model.predict_set(X[0])
    with pytest.raises(ValueError, match="confidence_level=1.5 must be"):
        model.predict_set(X, 1.5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit_calibration(X, y[:3])
    with pytest.raises(ValueError, match="y mixes labels"):
        model.fit_calibration(X, np.array([None, "a", 1] * 50, dtype=object))

    class Broken(GaussianNB):
        def predict_proba(self, X):
            return np.full((len(X), 3), self.value)

    for value in (np.nan, -0.5):
        broken = Broken()
        broken.value = value
        Broken.value = value
        with pytest.raises(ValueError, match="NaN, infinite or negative"):
            ConformalClassifier(broken).fit(X, y)
    with pytest.raises(ValueError, match="shape .* for 3 classes"):
        ConformalClassifier(told()).fit(np.ones((10, 2)), np.zeros(10))


def test_cross_folds_that_leave_rows_out_are_refused():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    model = ConformalClassifier(GaussianNB(), method="cross", cv=TimeSeriesSplit(4))
    with pytest.raises(ValueError, match="cv leaves 12 of 60 rows out"):
        model.fit(X, y)
