"""Venn-ABERS: equal to refits, right in its guarantee, and one answer of several."""

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from skboost.calibration import CALIBRATORS, CalibratedClassifier, VennAbersScaler


def refit(scores, y, at, label):
    """Isotonic regression at one more row, by the formula max over left ends, min over right ends of block means."""
    found = np.empty(len(at))
    for i, place in enumerate(at):
        left, same, right = scores < place, scores == place, scores > place
        before, after = (sums_outwards(scores[r], y[r], s) for r, s in ((left, -1), (right, 1)))
        weight = 1 + same.sum() + before[0][:, None] + after[0]
        total = label + y[same].sum() + before[1][:, None] + after[1]
        found[i] = (total / weight).min(axis=1).max()
    return found


def sums_outwards(scores, y, direction):
    """Numbers and sums of labels of the nearest 0, 1, 2, ... groups of equal scores."""
    _, group = np.unique(direction * scores, return_inverse=True)
    counts = [np.bincount(group), np.bincount(group, weights=y)]
    return [np.concatenate([[0], np.cumsum(count)]) for count in counts]


def problem(seed, n=None):
    """Scores of which some are equal, labels that follow them, and scores to transform."""
    rng = np.random.default_rng(seed)
    n = n or rng.integers(1, 61)
    decimals = rng.choice([1, 2, 8])
    scores = np.round(rng.random(n), decimals)
    y = (rng.random(n) < scores).astype(int)
    at = np.concatenate([rng.choice(scores, 8), np.round(rng.random(8), decimals), [0.0, 1.0]])
    return scores, y, at


def fitted(scores, y, sample_weight=None, **parameters):
    parameters = {"classes": [0, 1]} | parameters
    return VennAbersScaler(**parameters).fit(scores, y, sample_weight)


def three_classes(seed, n=150):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    raw = rng.normal(size=(n, 3)) + 2 * np.eye(3)[y]
    return np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), y


# ---------------------------------------------------------------------------------------------- the two probabilities


@pytest.mark.parametrize("block", range(10))
def test_pairs_are_refits_with_one_more_row(block):
    for seed in range(30 * block, 30 * block + 30):
        scores, y, at = problem(seed)
        at.sort()
        p0, p1 = fitted(scores, y).transform_interval(at).T
        assert_allclose(p0, refit(scores, y, at, 0), rtol=0, atol=1e-12)
        assert_allclose(p1, refit(scores, y, at, 1), rtol=0, atol=1e-12)
        assert (p0 < p1).all()
        assert (np.diff(p0) >= 0).all()
        assert (np.diff(p1) >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_those_of_scikit_learns_isotonic_regression(seed):
    scores, y, at = problem(seed)
    for label, ours in enumerate(fitted(scores, y).transform_interval(at).T):
        for place, value in zip(at, ours, strict=True):
            model = IsotonicRegression().fit(np.append(scores, place), np.append(y, label))
            assert_allclose(model.predict([place])[0], value, atol=1e-12)


def test_the_order_of_rows_changes_no_bit():
    scores, y, at = problem(0, n=500)
    order = np.random.default_rng(0).permutation(500)
    assert_array_equal(
        fitted(scores[order], y[order]).transform_interval(at),
        fitted(scores, y).transform_interval(at),
    )


@pytest.mark.parametrize("increase", [np.exp, np.cbrt, lambda s: 8 * s - 3, np.arctan])
def test_an_increasing_transformation_of_scores_changes_no_bit(increase):
    rng = np.random.default_rng(1)
    scores, at = rng.integers(-30, 30, 400) / 8.0, rng.integers(-33, 33, 100) / 8.0
    y = (rng.random(400) < expit(scores)).astype(int)
    assert_array_equal(
        fitted(increase(scores), y, input="logit").transform_interval(increase(at)),
        fitted(scores, y, input="logit").transform_interval(at),
    )


@pytest.mark.parametrize("seed", range(20))
def test_exchanged_labels_and_negative_scores_give_the_reflected_pair(seed):
    scores, y, at = problem(seed)
    pair = fitted(scores, y, input="logit").transform_interval(at)
    mirrored = fitted(-scores, 1 - y, input="logit").transform_interval(-at)
    assert_allclose(mirrored, 1 - pair[:, ::-1], rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(20))
def test_equal_fractions_are_equal_floats(seed):
    scores, y, at = problem(seed)
    for value in fitted(scores, y).transform_interval(at).ravel().tolist():
        fraction = Fraction(value).limit_denominator(len(y) + 1)
        assert value == fraction.numerator / fraction.denominator


@pytest.mark.parametrize("repetitions", [5_000, pytest.param(20_000, marks=pytest.mark.long)])
def test_the_one_that_comes_true_is_calibrated(repetitions):
    # 40 rows and a new one, many times; by theorem E(Y | p_Y) = p_Y whatever the scores are worth
    rng = np.random.default_rng(0)
    scaler = VennAbersScaler(input="logit", classes=[0, 1])
    pairs, true = np.empty((repetitions, 2)), np.empty(repetitions, dtype=int)
    for i in range(repetitions):
        x = rng.normal(size=41)
        scores = np.round(x + 0.5 * np.sin(3 * x), 1)  # not even monotone, and with ties
        y = (rng.random(41) < expit(2 * x)).astype(int)
        pairs[i] = scaler.fit(scores[1:], y[1:]).transform_interval(scores[:1])[0]
        true[i] = y[0]
    rows = np.arange(repetitions)
    assert (np.abs(deviations(pairs[rows, true], true)) < 4.5).all()
    # so many repetitions would show it if something were wrong: the other one of the two is far off
    assert np.abs(deviations(pairs[rows, 1 - true], true)).max() > 15


def deviations(p, y):
    """Sums of y - p where p is in each of six bins, in standard deviations of perfectly calibrated p."""
    edges = [0.1337, 0.3141, 0.5083, 0.7071, 0.8771]  # no fractions with a denominator up to 41
    place = np.digitize(p, edges)
    assert np.bincount(place, minlength=6).min() > 100
    surplus, variance = (np.bincount(place, weights=w) for w in (y - p, p * (1 - p)))
    return surplus / np.sqrt(variance)


# ------------------------------------------------------------------------------------------------- the one probability


@pytest.mark.parametrize("seed", range(20))
def test_log_merge_keeps_its_distance_from_0_and_1(seed):
    scores, y, at = problem(seed)
    n, p = len(y), fitted(scores, y).transform(at)
    assert (p >= (1 - 1e-15) / (n + 2)).all()
    assert (p <= (1 + 1e-15) * (n + 1) / (n + 2)).all()


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_the_bounds_of_the_log_merge_are_attained(n):
    scores = np.linspace(0.2, 0.8, n)
    assert_allclose(fitted(scores, np.zeros(n)).transform([0.0]), 1 / (n + 2), rtol=1e-14)
    assert_allclose(fitted(scores, np.ones(n)).transform([1.0]), (n + 1) / (n + 2), rtol=1e-14)


@pytest.mark.parametrize("loss", ["log", "brier"])
@pytest.mark.parametrize("seed", range(5))
def test_both_labels_are_regretted_equally(seed, loss):
    scores, y, at = problem(seed, n=30)
    scaler = fitted(scores, y, loss=loss)
    p, (p0, p1) = scaler.transform(at), scaler.transform_interval(at).T
    assert (p0 <= p).all()
    assert (p <= p1).all()
    if loss == "log":
        regrets = np.log1p(-p0) - np.log1p(-p), np.log(p1) - np.log(p)
    else:
        regrets = p**2 - p0**2, (1 - p) ** 2 - (1 - p1) ** 2
        assert_allclose(p, p1 + p0**2 / 2 - p1**2 / 2, atol=1e-15)
    assert_allclose(*regrets, atol=1e-14)


def test_log_loss_is_finite_where_isotonic_regression_fails():
    X, y = load_breast_cancer(return_X_y=True)
    X, X_rest, y, y_rest = train_test_split(X, y, train_size=0.4, random_state=0, stratify=y)
    X_cal, X_test, y_cal, y_test = train_test_split(X_rest, y_rest, train_size=0.5, random_state=0)
    model = GaussianNB().fit(X, y)
    cal, test = (model.predict_proba(part)[:, 1] for part in (X_cal, X_test))
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(cal, y_cal)
    ours = log_loss(y_test, fitted(cal, y_cal).transform(test))
    assert ours < log_loss(y_test, test)
    assert ours < log_loss(y_test, isotonic.predict(test))


# ----------------------------------------------------------------------------------------------------------- few rows


def test_one_row_is_enough():
    at = [0.2, 0.5, 0.9]
    assert_array_equal(fitted([0.5], [1]).transform_interval(at), [[0, 1], [0.5, 1], [0.5, 1]])
    assert_array_equal(fitted([0.5], [0]).transform_interval(at), [[0, 0.5], [0, 0.5], [0, 1]])


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_enough(label):
    scaler = fitted([0.1, 0.4, 0.4, 0.9], [label] * 4)
    p0, p1 = scaler.transform_interval(np.linspace(0, 1, 11)).T
    assert (p0 < p1).all()
    assert (p1 == 1).all() if label else (p0 == 0).all()


def test_equal_scores_share_all_rows():
    scaler = fitted([0.5] * 10, [1] * 7 + [0] * 3)
    assert_array_equal(scaler.transform_interval([0.5]), [[7 / 11, 8 / 11]])


# ------------------------------------------------------------------------------------------------------------ weights


def test_a_weight_is_so_many_copies_and_zero_is_none():
    scores, y, at = problem(2, n=60)
    weight = np.random.default_rng(0).integers(0, 4, 60)
    copies = np.repeat(np.arange(60), weight)
    assert_array_equal(
        fitted(scores, y, weight).transform_interval(at),
        fitted(scores[copies], y[copies]).transform_interval(at),
    )


def test_weights_between_whole_numbers_work():
    scores, y, at = problem(3, n=60)
    pairs = [fitted(scores, y, np.full(60, w)).transform_interval(at) for w in (1.0, 1.5, 2.0)]
    widths = [pair[:, 1] - pair[:, 0] for pair in pairs]
    assert (widths[1] > 0).all()
    # more weight of the rows leaves less to the new one
    assert widths[0].mean() > widths[1].mean() > widths[2].mean()
    almost = fitted(scores, y, np.full(60, 2.0 + 1e-9)).transform_interval(at)
    assert_allclose(almost, pairs[2], atol=1e-8)


# ---------------------------------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("precision", [0, 1, 3])
def test_precision_rounds_all_scores_to_one_grid(precision):
    rng = np.random.default_rng(0)
    scores, at = rng.random(200), rng.random(50)
    y = (rng.random(200) < scores).astype(int)
    assert_array_equal(
        fitted(scores, y, precision=precision).transform_interval(at),
        fitted(scores.round(precision), y).transform_interval(at.round(precision)),
    )


def test_precision_rounds_logits_too():
    scores, y = np.array([-3.14, 2.72, 2.68, 0.5]), [0, 1, 0, 1]
    scaler = fitted(scores, y, input="logit", precision=1)
    assert_array_equal(scaler.transform([2.71]), scaler.transform([2.66]))


# -------------------------------------------------------------------------------------------------------- more classes


def test_each_class_has_the_pair_of_itself_against_the_rest():
    scores, y = three_classes(0)
    scaler = VennAbersScaler().fit(scores, y)
    intervals = scaler.transform_interval(scores[:20])
    assert intervals.shape == (20, 3, 2)
    merged = np.empty((20, 3))
    for k in range(3):
        alone = fitted(scores[:, k], y == k, classes=[False, True])
        assert_array_equal(intervals[:, k], alone.transform_interval(scores[:20, k]))
        merged[:, k] = alone.transform(scores[:20, k])
    assert_allclose(
        scaler.transform(scores[:20]), merged / merged.sum(axis=1, keepdims=True), rtol=1e-15
    )


def test_logits_of_many_classes_are_compared_as_log_odds():
    scores, y = three_classes(1)
    probability = VennAbersScaler().fit(scores, y).transform_interval(scores)
    raw = np.log(scores) + np.random.default_rng(0).normal(size=(len(y), 1))  # a shift of a row
    found = VennAbersScaler(input="logit").fit(raw.round(9), y).transform_interval(raw.round(9))
    assert np.mean(np.abs(found - probability) < 1e-12) > 0.95  # ties by rounding aside


def test_a_class_without_rows_keeps_its_column():
    scores, y = three_classes(2)
    rows = y != 1
    scaler = VennAbersScaler(classes=["a", "b", "c"]).fit(
        scores[rows], np.array(["a", "b", "c"])[y[rows]]
    )
    assert (scaler.transform_interval(scores)[:, 1, 0] == 0).all()
    assert scaler.transform(scores).shape == scores.shape


@pytest.mark.parametrize("multi_class", ["pairwise", "pairwise_least_squares"])
def test_a_pair_without_rows_is_left_to_the_model(multi_class):
    scores, y = three_classes(3)
    rows = y == 2
    scaler = VennAbersScaler(classes=[0, 1, 2], multi_class=multi_class).fit(scores[rows], y[rows])
    unknown = scaler.maps_[0]  # classes 0 and 1
    p0, p1 = unknown.interval(np.array([0.2, 0.7]))
    assert_array_equal(p0, 0.0)
    assert_array_equal(p1, 1.0)
    assert_array_equal(unknown(np.array([0.2, 0.7])), [0.2, 0.7])
    assert_allclose(scaler.transform(scores).sum(axis=1), 1)


@pytest.mark.parametrize("multi_class", ["pairwise", "pairwise_least_squares"])
def test_pairs_of_classes_have_no_interval(multi_class):
    scores, y = three_classes(4)
    scaler = VennAbersScaler(multi_class=multi_class).fit(scores, y)
    assert_allclose(scaler.transform(scores).sum(axis=1), 1)
    with pytest.raises(ValueError, match="use multi_class='one_vs_rest'"):
        scaler.transform_interval(scores)


# ------------------------------------------------------------------------------------------------------------- pooling


def folds(loss, n_folds=4, **parameters):
    found = []
    for seed in range(n_folds):
        scores, y, at = problem(seed, n=40)
        found.append((fitted(scores, y, loss=loss, **parameters), at))
    return [scaler for scaler, _ in found], [at for _, at in found]


def test_log_pooling_is_that_of_geometric_means():
    scalers, scores = folds("log")
    pairs = np.stack([s.transform_interval(at) for s, at in zip(scalers, scores, strict=True)])
    p0, p1 = pairs[..., 0], pairs[..., 1]
    against, favour = np.prod(1 - p0, axis=0) ** 0.25, np.prod(p1, axis=0) ** 0.25
    assert_allclose(VennAbersScaler.pool(scalers, scores), favour / (against + favour), rtol=1e-13)
    for end, p in zip(VennAbersScaler.pool_interval(scalers, scores).T, (p0, p1), strict=True):
        yes, no = np.prod(p, axis=0) ** 0.25, np.prod(1 - p, axis=0) ** 0.25
        assert_allclose(end, yes / (yes + no), rtol=1e-13)


def test_brier_pooling_is_that_of_means():
    scalers, scores = folds("brier")
    both = list(zip(scalers, scores, strict=True))
    assert_allclose(
        VennAbersScaler.pool(scalers, scores), np.mean([s.transform(at) for s, at in both], axis=0)
    )
    assert_allclose(
        VennAbersScaler.pool_interval(scalers, scores),
        np.mean([s.transform_interval(at) for s, at in both], axis=0),
    )


@pytest.mark.parametrize("loss", ["log", "brier"])
@pytest.mark.parametrize("n_folds", [1, 2, 5])
def test_the_pooled_interval_holds_the_pooled_probability(n_folds, loss):
    scalers, scores = folds(loss, n_folds)
    low, high = VennAbersScaler.pool_interval(scalers, scores).T
    p = VennAbersScaler.pool(scalers, scores)
    assert (low <= p + 1e-15).all()
    assert (p <= high + 1e-15).all()


@pytest.mark.parametrize("multi_class", ["one_vs_rest", "pairwise"])
@pytest.mark.parametrize("loss", ["log", "brier"])
def test_one_fold_gives_what_it_gives_alone(loss, multi_class):
    for scores, y in (problem(0, n=40)[:2], three_classes(0)):
        scaler = VennAbersScaler(loss=loss, multi_class=multi_class).fit(scores, y)
        assert_array_equal(scaler.pool([scaler], [scores]), scaler.transform(scores))
        if scores.ndim == 1 or multi_class == "one_vs_rest":
            expected = scaler.transform_interval(scores)
            assert_array_equal(scaler.pool_interval([scaler], [scores]), expected)


@pytest.mark.parametrize("loss", ["log", "brier"])
def test_equal_folds_give_what_one_gives(loss):
    scores, y = three_classes(5)
    scaler = VennAbersScaler(loss=loss).fit(scores, y)
    assert_allclose(scaler.pool([scaler] * 3, [scores] * 3), scaler.transform(scores), rtol=1e-13)
    pooled = scaler.pool_interval([scaler] * 3, [scores] * 3)
    assert_allclose(pooled, scaler.transform_interval(scores), rtol=1e-13)


def test_many_classes_are_pooled_within_each_problem():
    halves = [three_classes(seed) for seed in (6, 7)]
    scalers = [VennAbersScaler().fit(*half) for half in halves]
    at = halves[0][0][:10]
    pooled = VennAbersScaler.pool(scalers, [at, at])
    binary = np.column_stack(
        [
            VennAbersScaler.pool(
                [fitted(s[:, k], y == k, classes=[False, True]) for s, y in halves], [at[:, k]] * 2
            )
            for k in range(3)
        ]
    )
    assert_allclose(pooled, binary / binary.sum(axis=1, keepdims=True), rtol=1e-14)


def test_a_fold_without_rows_of_a_pair_says_nothing_of_it():
    scores, y = three_classes(8)
    full = VennAbersScaler(multi_class="pairwise").fit(scores, y)
    some = VennAbersScaler(multi_class="pairwise", classes=[0, 1, 2]).fit(scores[y == 2], y[y == 2])
    at = scores[:20]
    pooled = VennAbersScaler.pool([full, some], [at, at])
    # put together by hand: the pair (0, 1) from the first fold alone
    merged = []
    for k in range(3):
        problem_scores = full._reduction(3).scores(at)[k]
        maps = [full.maps_[k]] if k == 0 else [full.maps_[k], some.maps_[k]]
        pairs = [m.interval(problem_scores) for m in maps]
        odds = np.mean([np.log(p1) - np.log1p(-p0) for p0, p1 in pairs], axis=0)
        merged.append(expit(odds))
    assert_allclose(pooled, full._reduction(3).assemble(merged), rtol=1e-12)
    alone = VennAbersScaler.pool([some, some], [at, at])
    assert_allclose(alone, some.transform(at), rtol=1e-12)


def test_calibrators_that_are_not_alike_are_not_pooled():
    scores, y, at = problem(0, n=40)
    one = fitted(scores, y)
    for other, words in (
        (fitted(scores, y, loss="brier"), "differ in loss"),
        (fitted(scores, y, input="logit"), "differ in input"),
        (fitted(scores, y, multi_class="pairwise"), "differ in multi_class"),
        (fitted(scores, y + 1, classes=[1, 2]), "differ in their classes"),
    ):
        with pytest.raises(ValueError, match=words):
            VennAbersScaler.pool([one, other], [at, at])
    with pytest.raises(ValueError, match="at least one"):
        VennAbersScaler.pool([], [])
    with pytest.raises(ValueError, match="same rows"):
        VennAbersScaler.pool([one, one], [at, at[:-1]])


def test_a_calibrated_classifier_gives_the_pooled_answers():
    X, y = load_breast_cancer(return_X_y=True)
    model = CalibratedClassifier(GaussianNB(), method="venn_abers", cv=3).fit(X, y)
    p, interval = model.predict_proba(X)[:, 1], model.predict_proba_interval(X)
    assert interval.shape == (len(y), 2)
    assert (interval[:, 0] <= p + 1e-15).all()
    assert (p <= interval[:, 1] + 1e-15).all()
    X, y = load_iris(return_X_y=True)
    model = CalibratedClassifier(LogisticRegression(max_iter=1000), method="venn_abers", cv=3)
    assert model.fit(X, y).predict_proba_interval(X).shape == (150, 3, 2)


# ------------------------------------------------------------------------------------------------- forms of input


def test_the_interval_has_a_row_for_every_shape_of_scores():
    scores, y, at = problem(1, n=50)
    expected = fitted(scores, y).transform_interval(at)
    column = fitted(scores[:, None], y)
    assert_array_equal(column.transform_interval(at[:, None]), expected)
    assert column.transform(at[:, None]).shape == (len(at), 1)
    two = fitted(np.column_stack([1 - scores, scores]), y)
    assert_array_equal(two.transform_interval(np.column_stack([1 - at, at])), expected)


@pytest.mark.parametrize("make", [list, pd.Series, pl.Series, np.float32])
def test_any_kind_of_array_is_taken(make):
    scores, y, at = problem(7, n=50)
    expected = fitted(np.float32(scores), y).transform_interval(np.float32(at))
    labels = y if make is np.float32 else make(y)
    found = fitted(make(np.float32(scores)), labels).transform_interval(make(np.float32(at)))
    assert_array_equal(found, expected)
    assert found.dtype == np.float64


def test_labels_may_be_strings():
    scores, y, at = problem(8, n=50)
    words = np.array(["no", "yes"])[y]
    scaler = VennAbersScaler().fit(scores, words)
    assert scaler.classes_.tolist() == ["no", "yes"]
    assert_array_equal(scaler.transform(at), fitted(scores, y).transform(at))


def test_log_odds_give_the_pairs_of_their_probabilities():
    rng = np.random.default_rng(0)
    scores, at = rng.uniform(0.01, 0.99, 200), rng.uniform(0.01, 0.99, 50)
    y = (rng.random(200) < scores).astype(int)
    expected = fitted(scores, y).transform_interval(at)
    found = fitted(logit(scores), y, input="logit").transform_interval(logit(at))
    assert_array_equal(found, expected)


def test_the_alias_stands_for_the_scaler():
    assert isinstance(dict(CALIBRATORS.items())["venn_abers"], VennAbersScaler)


def test_a_copy_and_a_pickle_give_the_same_bits():
    scores, y = three_classes(9)
    scaler = VennAbersScaler(loss="brier", precision=2).fit(scores, y)
    expected = scaler.transform_interval(scores)
    assert_array_equal(pickle.loads(pickle.dumps(scaler)).transform_interval(scores), expected)
    assert_array_equal(clone(scaler).fit(scores, y).transform_interval(scores), expected)


def test_only_steps_are_kept():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    y = (rng.random(20_000) < expit(x)).astype(int)
    assert len(pickle.dumps(fitted(expit(2 * x), y))) < 30_000


# ---------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "hinge"},
        {"loss": None},
        {"precision": -1},
        {"precision": 2.0},
        {"precision": 16},
        {"multi_class": "ovr"},
        {"input": "score"},
    ],
    ids=str,
)
def test_every_parameter_is_checked(parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))}="):
        fitted([0.1, 0.9], [0, 1], **parameters)


def test_bad_scores_labels_and_weights_are_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        fitted([0.1, np.nan], [0, 1])
    with pytest.raises(ValueError, match="use input='logit'"):
        fitted([0.1, 3.0], [0, 1])
    with pytest.raises(ValueError, match="y holds 1 different labels"):
        VennAbersScaler().fit([0.1, 0.9], [1, 1])
    with pytest.raises(ValueError, match="must not be negative"):
        fitted([0.1, 0.9], [0, 1], [1, -1])
    with pytest.raises(ValueError, match="divide the weights"):
        fitted([0.1, 0.9], [0, 1], [1e16, 1])
    with pytest.raises(ValueError, match="column"):
        fitted([0.1, 0.9], [0, 1]).transform_interval([[0.1, 0.9]])
    with pytest.raises(ValueError, match="not fitted"):
        VennAbersScaler().transform_interval([0.1])
