"""From pairs of classes to all classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from skboost.calibration import VennAbersScaler
from skboost.calibration._coupling import normalised, price_couple, wu_couple

COUPLINGS = [price_couple, wu_couple]


def pairs_of(p):
    """r_ij = p_i / (p_i + p_j), 1/2 where both are 0."""
    total = p[:, :, np.newaxis] + p[:, np.newaxis, :]
    return np.divide(p[:, :, np.newaxis], total, out=np.full_like(total, 0.5), where=total > 0)


def any_pairs(rng, n, n_classes):
    """Pairs that no probabilities explain."""
    upper = np.triu(rng.random((n, n_classes, n_classes)), 1)
    return upper + np.tril(1 - upper.transpose(0, 2, 1), -1) + 0.5 * np.eye(n_classes)


@pytest.mark.parametrize("couple", COUPLINGS)
@pytest.mark.parametrize("n_classes", [3, 4, 5, 6])
def test_pairs_of_probabilities_give_these_back(couple, n_classes):
    p = np.random.default_rng(0).dirichlet(np.ones(n_classes), size=200)
    assert_allclose(couple(pairs_of(p)), p, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("couple", COUPLINGS)
@pytest.mark.parametrize("n_classes", [3, 4, 5, 6])
def test_zeros_stay_zeros(couple, n_classes):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(n_classes), size=100)
    p[np.arange(100), rng.integers(0, n_classes, 100)] = 0
    p[:50, 0] = 0  # some rows with two zeros
    p = normalised(p)
    assert_allclose(couple(pairs_of(p)), p, rtol=1e-6, atol=1e-9)
    certain = np.eye(n_classes)
    assert_allclose(couple(pairs_of(certain)), certain, atol=1e-9)


@pytest.mark.parametrize("couple", COUPLINGS)
@pytest.mark.parametrize("n_classes", [3, 4, 5, 6])
def test_any_pairs_give_probabilities(couple, n_classes):
    rng = np.random.default_rng(2)
    ratio = any_pairs(rng, 300, n_classes)
    upper, lower = np.triu_indices(n_classes, 1)
    votes = rng.integers(0, 2, (100, len(upper)))
    ratio[:100, upper, lower] = votes
    ratio[:100, lower, upper] = 1 - votes
    p = couple(ratio)
    assert p.min() >= 0
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("couple", COUPLINGS)
def test_the_names_of_classes_do_not_matter(couple):
    rng = np.random.default_rng(3)
    ratio = any_pairs(rng, 50, 5)
    order = rng.permutation(5)
    turned = couple(ratio[:, order][:, :, order])
    assert_allclose(turned, couple(ratio)[:, order], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("couple", COUPLINGS)
def test_a_circle_of_certain_pairs_is_uniform(couple):
    ratio = np.full((1, 3, 3), 0.5)
    for winner, loser in [(0, 1), (1, 2), (2, 0)]:
        ratio[0, winner, loser], ratio[0, loser, winner] = 1.0, 0.0
    assert_allclose(couple(ratio), 1 / 3, rtol=1e-9)


def test_least_squares_is_the_optimum_on_the_simplex():
    rng = np.random.default_rng(4)
    for n_classes in (3, 4, 6):
        for ratio in any_pairs(rng, 10, n_classes):

            def squares(p, ratio=ratio):
                return ((ratio.T * p[:, np.newaxis] - ratio * p) ** 2).sum()

            best = minimize(
                squares,
                np.full(n_classes, 1 / n_classes),
                bounds=[(0, 1)] * n_classes,
                constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
                method="SLSQP",
                options={"ftol": 1e-15, "maxiter": 500},
            )
            p = wu_couple(ratio[np.newaxis])[0]
            assert squares(p) <= best.fun + 1e-12
            assert_allclose(p, best.x, atol=1e-5)


def test_rows_of_zeros_become_uniform():
    assert_allclose(normalised(np.array([[0.0, 0.0], [1.0, 3.0]])), [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize("multi_class", ["pairwise", "pairwise_least_squares"])
def test_many_rows_are_coupled_like_few(multi_class):
    rng = np.random.default_rng(3)
    scores, y = rng.dirichlet(np.ones(30), size=2500), rng.integers(30, size=2500)
    scaler = VennAbersScaler(multi_class=multi_class).fit(scores, y)
    together = scaler.transform(scores)
    apart = np.concatenate([scaler.transform(part) for part in np.array_split(scores, 5)])
    assert_allclose(together, apart, rtol=1e-9, atol=1e-15)
