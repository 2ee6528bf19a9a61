"""Venn-ABERS regression: equal to refits, and an interval that holds every calibrated prediction."""

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.isotonic import IsotonicRegression
from sklearn.tree import DecisionTreeRegressor

from skboost.calibration import VennAbersRegressionScaler, VennAbersScaler


def refit(predictions, y, at, label):
    """Isotonic regression at one more row (at, label)."""
    model = IsotonicRegression().fit(np.append(predictions, at), np.append(y, label))
    return model.predict([at])[0]


def moved(y, label, m):
    """All n + 1 labels with the m smallest and the m largest moved to the nearest of the others; the new one last."""
    labels = np.append(y, label)
    ranked = np.sort(labels)
    return np.clip(labels, ranked[m], ranked[-1 - m])


def problem(seed, kind="rounded", n=None):
    """Predictions of which many are equal, labels with heavy tails, and predictions to transform."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(45, 90))
    x = rng.uniform(-2, 2, size=n + 15)
    y = 3 * x + rng.standard_t(2, size=len(x))
    if kind == "tree":
        tree = DecisionTreeRegressor(max_leaf_nodes=8, random_state=0)
        predictions = tree.fit(x[:, None], 3 * x + rng.normal(size=len(x))).predict(x[:, None])
    else:
        predictions = x if kind == "distinct" else x.round(1)
    return predictions[:n], y[:n], np.append(predictions[n:], [-9.0, 9.0])


KINDS = ["distinct", "rounded", "tree"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_ends_are_refits_with_an_extreme_label(seed, kind):
    predictions, y, at = problem(seed, kind)
    epsilon = [0.05, 0.1, 0.4][seed % 3]
    scaler = VennAbersRegressionScaler(epsilon=epsilon).fit(predictions, y)
    m = round(scaler.epsilon_ * (len(y) + 1) / 2)
    for s, interval in zip(at, scaler.transform_interval(at), strict=True):
        for label, end in zip([-1e9, 1e9], interval, strict=True):
            labels = moved(y, label, m)
            assert_allclose(end, refit(predictions, labels[:-1], s, labels[-1]), rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_ends_are_refits_with_the_bounds(seed, kind):
    predictions, y, at = problem(seed, kind)
    bounds = (y.min() - seed, y.max() + 2.5)
    scaler = VennAbersRegressionScaler(bounds=bounds).fit(predictions, y)
    expected = [[refit(predictions, y, s, bound) for bound in bounds] for s in at]
    assert_allclose(scaler.transform_interval(at), expected, rtol=1e-10)
    assert scaler.label_range_ == bounds
    assert scaler.epsilon_ == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_holds_the_calibrated_prediction_of_every_label(kind):
    predictions, y, at = problem(10, kind)
    bounded = VennAbersRegressionScaler(bounds=(-50, 50)).fit(predictions, np.clip(y, -50, 50))
    free = VennAbersRegressionScaler(epsilon=0.1).fit(predictions, y)
    m = round(free.epsilon_ * (len(y) + 1) / 2)
    for label in [-50.0, -3.0, 0.0, 1.0, 2.0, 50.0]:
        for s in at[::3]:
            low, high = bounded.transform_interval([s])[0]
            assert low - 1e-12 <= refit(predictions, np.clip(y, -50, 50), s, label) <= high + 1e-12
            low, high = free.transform_interval([s])[0]
            labels = moved(y, label, m)
            assert low - 1e-12 <= refit(predictions, labels[:-1], s, labels[-1]) <= high + 1e-12


def test_the_prediction_of_the_label_that_comes_true_is_calibrated():
    # bounds (0, 1) and labels between: 50 rows and a new one, 1,500 times
    rng = np.random.default_rng(0)
    said, true = np.empty(1500), np.empty(1500)
    for i in range(len(said)):
        x = rng.random(51)
        predictions, y = np.round(x**3, 1), rng.beta(1 + 3 * x, 4 - 3 * x)
        # E(Y | f_Y) = f_Y, where f_Y is the refit with the label itself
        said[i], true[i] = refit(predictions[1:], y[1:], predictions[0], y[0]), y[0]
        if i < 100:
            scaler = VennAbersRegressionScaler(bounds=(0, 1)).fit(predictions[1:], y[1:])
            low, high = scaler.transform_interval(predictions[:1])[0]
            assert low - 1e-12 <= said[i] <= high + 1e-12
    for group in np.array_split(np.argsort(said), 5):
        surplus = true[group] - said[group]
        assert abs(surplus.sum()) < 4.5 * np.sqrt((surplus**2).sum())


def test_many_rows_find_the_conditional_mean():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, 20_000)
    y = np.exp(x) + rng.normal(scale=0.3, size=len(x))
    at = np.linspace(0.05, 0.95, 50)
    scaler = VennAbersRegressionScaler(epsilon=0.01).fit(x, y)
    low, high = scaler.transform_interval(at).T
    assert_allclose(scaler.transform(at), np.exp(at), atol=0.1)
    assert (high - low).max() < 0.3
    # no prediction interval: most labels are outside
    near = scaler.transform_interval(x)
    assert np.mean((near[:, 0] <= y) & (y <= near[:, 1])) < 0.3


@pytest.mark.parametrize("parameters", [{}, {"epsilon": 0.3}, {"bounds": (-99, 99)}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_ends_and_points_are_in_order(kind, parameters):
    predictions, y, _ = problem(11, kind)
    at = np.linspace(-8, 8, 200)
    scaler = VennAbersRegressionScaler(**parameters).fit(predictions, np.clip(y, -99, 99))
    (low, high), point = scaler.transform_interval(at).T, scaler.transform(at)
    assert (low <= point).all()
    assert (point <= high).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()
    assert low.min() >= scaler.label_range_[0]
    assert high.max() <= scaler.label_range_[1]


def test_the_point_is_the_middle():
    predictions, y, at = problem(12)
    scaler = VennAbersRegressionScaler().fit(predictions, y)
    assert_allclose(scaler.transform(at), scaler.transform_interval(at).mean(axis=1), rtol=1e-15)


def test_labels_0_and_1_give_what_the_scaler_of_probabilities_gives():
    rng = np.random.default_rng(0)
    scores, at = rng.random(100).round(1), rng.random(30).round(1)
    y = (rng.random(100) < scores).astype(int)
    numbers = VennAbersRegressionScaler(bounds=(0, 1)).fit(scores, y)
    classes = VennAbersScaler(loss="brier").fit(scores, y)
    assert_array_equal(numbers.transform_interval(at), classes.transform_interval(at))


@pytest.mark.parametrize("epsilon", [0.01, 0.02, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.6])
def test_the_number_of_moved_labels_is_that_of_exact_arithmetic(epsilon):
    for n in [*range(3, 120), 199, 399, 999, 1999]:
        wanted = min(int(Fraction(str(epsilon)) * (n + 1) / 2), (n - 1) // 2)
        scaler = VennAbersRegressionScaler(epsilon=epsilon)
        if wanted:
            found = scaler.fit(np.arange(n), np.arange(n)).epsilon_
            assert round(found * (n + 1) / 2) == wanted, n
            assert found <= epsilon * (1 + 1e-9)
        else:
            with pytest.raises(ValueError, match="calibration rows"):
                scaler.fit(np.arange(n), np.arange(n))


def test_39_rows_are_enough_for_5_percent():
    rows = np.arange(39.0)
    assert VennAbersRegressionScaler().fit(rows, rows).epsilon_ == 0.05
    with pytest.raises(ValueError, match=r"epsilon=0.05 needs at least 39 calibration rows.*38"):
        VennAbersRegressionScaler().fit(rows[:-1], rows[:-1])


@pytest.mark.parametrize("parameters", [{}, {"bounds": (-99, 99)}], ids=str)
def test_a_weight_is_so_many_copies_and_zero_is_none(parameters):
    predictions, y, at = problem(13)
    y = y.clip(-99, 99)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    one = VennAbersRegressionScaler(**parameters).fit(predictions, y, weight)
    other = VennAbersRegressionScaler(**parameters).fit(predictions[copies], y[copies])
    assert_allclose(one.transform_interval(at), other.transform_interval(at), rtol=1e-12)
    assert one.label_range_ == other.label_range_
    assert one.n_calibration_ == other.n_calibration_ == weight.sum()


def test_weights_between_whole_numbers_work():
    predictions, y, at = problem(14)
    intervals = [
        VennAbersRegressionScaler(epsilon=0.2).fit(predictions, y, w * np.ones(len(y)))
        for w in (1.5, 1.5 + 1e-12)
    ]
    one, other = (scaler.transform_interval(at) for scaler in intervals)
    assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize("parameters", [{}, {"bounds": (-99, 99)}], ids=str)
def test_the_mirror_image_has_the_mirrored_intervals(parameters):
    predictions, y, at = problem(15)
    y = y.clip(-99, 99)
    one = VennAbersRegressionScaler(**parameters).fit(predictions, y)
    other = VennAbersRegressionScaler(**parameters).fit(-predictions, -y)
    assert_allclose(other.transform_interval(-at), -one.transform_interval(at)[:, ::-1], atol=1e-12)
    assert_allclose(other.transform(-at), -one.transform(at), atol=1e-12)


def test_far_labels_cost_no_digits():
    predictions, y, at = problem(16)
    near = VennAbersRegressionScaler().fit(predictions, y).transform_interval(at)
    far = VennAbersRegressionScaler().fit(predictions, y + 1e8).transform_interval(at)
    assert_allclose(far - 1e8, near, atol=1e-7)  # the labels themselves have no more digits
    large = VennAbersRegressionScaler().fit(predictions, y * 2.0**60).transform_interval(at)
    assert_array_equal(large, near * 2.0**60)


def test_equal_labels_and_equal_predictions():
    same = VennAbersRegressionScaler().fit(np.arange(50.0), np.full(50, 0.1))
    assert_array_equal(same.transform_interval([-1.0, 7.0, 99.0]), 0.1)
    assert_array_equal(same.transform([-1.0, 7.0, 99.0]), 0.1)
    y = np.arange(50.0)
    flat = VennAbersRegressionScaler(bounds=(0, 100)).fit(np.zeros(50), y)
    assert_allclose(flat.transform_interval([0.0]), [[y.sum() / 51, (y.sum() + 100) / 51]])
    one = VennAbersRegressionScaler(bounds=(0, 1)).fit([3.0], [0.25])
    assert_array_equal(one.transform_interval([3.0]), [[0.125, 0.625]])


def test_the_order_of_rows_does_not_matter():
    predictions, y, at = problem(17)
    order = np.random.default_rng(0).permutation(len(y))
    one = VennAbersRegressionScaler().fit(predictions, y).transform_interval(at)
    other = VennAbersRegressionScaler().fit(predictions[order], y[order]).transform_interval(at)
    assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("make", [list, pd.Series, pl.Series, np.float32])
def test_any_kind_of_array_is_taken(make):
    predictions, y, at = (np.float32(part) for part in problem(18))
    expected = VennAbersRegressionScaler().fit(predictions, y).transform_interval(at)
    found = VennAbersRegressionScaler().fit(make(predictions), make(y)).transform_interval(make(at))
    assert_array_equal(found, expected)
    assert found.dtype == np.float64


def test_a_column_stays_a_column():
    predictions, y, at = problem(19)
    one = VennAbersRegressionScaler().fit(predictions, y)
    column = VennAbersRegressionScaler().fit(predictions[:, None], y[:, None])
    assert_array_equal(column.transform(at[:, None]), one.transform(at)[:, None])
    assert_array_equal(column.transform_interval(at[:, None]), one.transform_interval(at))


def test_a_copy_and_a_pickle_give_the_same_bits():
    predictions, y, at = problem(20)
    scaler = VennAbersRegressionScaler(epsilon=0.2).fit(predictions, y)
    expected = scaler.transform_interval(at)
    assert_array_equal(pickle.loads(pickle.dumps(scaler)).transform_interval(at), expected)
    assert_array_equal(clone(scaler).fit(predictions, y).transform_interval(at), expected)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epsilon": 0}, "epsilon=0 is not valid"),
        ({"epsilon": 1.0}, "epsilon=1.0 is not valid"),
        ({"bounds": 1}, "bounds=1 is not valid"),
        ({"bounds": (0, np.inf)}, "is not valid"),
        ({"bounds": (0, 1, 2)}, "must be two numbers"),
        ({"bounds": (1, 0)}, "must be two numbers"),
        ({"bounds": (1, 1)}, "must be two numbers"),
        ({"bounds": (-99, 99), "epsilon": 0.05}, "epsilon=0.05 has no effect"),
        ({"bounds": (0, 0.1)}, "widen the bounds"),
    ],
    ids=str,
)
def test_every_parameter_is_checked(parameters, words):
    predictions, y, _ = problem(21)
    with pytest.raises(ValueError, match=words):
        VennAbersRegressionScaler(**parameters).fit(predictions, y)


def test_bad_rows_are_refused():
    predictions, y, at = problem(22)
    bad = np.append(predictions[:-1], np.nan)
    for wrong, words in (
        ((bad, y), "predictions contain NaN"),
        ((predictions, bad), "NaN"),
        ((predictions[:-1], y), "rows"),
        ((np.column_stack([predictions, predictions]), y), "predictions have shape"),
        ((predictions, np.column_stack([y, y])), "y has 2 columns"),
        (([], []), "predictions have shape"),
        ((["a"] * len(y), y), "array of numbers"),
        ((predictions, y, -y), "must not be negative"),
        ((predictions, y * 1e306), "divide them by a number"),
    ):
        with pytest.raises(ValueError, match=words):
            VennAbersRegressionScaler().fit(*wrong)
    scaler = VennAbersRegressionScaler().fit(predictions, y)
    with pytest.raises(ValueError, match="predictions contain NaN"):
        scaler.transform(bad)
    for method in ("transform", "transform_interval"):
        with pytest.raises(ValueError, match="not fitted"):
            getattr(VennAbersRegressionScaler(), method)(at)
