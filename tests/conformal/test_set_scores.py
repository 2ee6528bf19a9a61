"""Scores of classification: definitions, ties, zeros, order among classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skboost._validation import check_parameters
from skboost.conformal import APS, LAC, RAPS, SAPS, SET_SCORES, Margin, SetScore, TopK

CASES = [LAC(), APS(), RAPS(lam=0.2, k_reg=2), SAPS(lam=0.3), Margin(), TopK()]


def by_definition(score, p, y, u):
    """Score of one class at one row, counted out."""
    order = sorted(range(len(p)), key=lambda k: (-p[k], k))
    rank = order.index(y) + 1
    mass = sum(p[k] for k in order[:rank]) - u * p[y]
    match score:
        case LAC():
            return 1 - p[y]
        case APS():
            return mass
        case RAPS():
            return mass + score.lam * max(rank - score.k_reg, 0)
        case SAPS():
            return u * max(p) if rank == 1 else max(p) + (rank - 2 + u) * score.lam
        case Margin():
            return max(p[k] for k in range(len(p)) if k != y) - p[y]
        case TopK():
            return rank


def some_probabilities(n_classes, kind, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "smooth":
        return rng.dirichlet(np.ones(n_classes), 40)
    if kind == "tied":  # a forest of few trees
        return rng.multinomial(4, np.full(n_classes, 1 / n_classes), 40) / 4
    return np.eye(n_classes)[rng.integers(0, n_classes, 40)]


@pytest.mark.parametrize("kind", ["smooth", "tied", "certain"])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("score", CASES, ids=str)
def test_scores_are_those_of_the_definition(score, n_classes, kind):
    p = some_probabilities(n_classes, kind)
    u = np.random.default_rng(1).random(len(p))
    plain = 0.0 if isinstance(score, SAPS) else 1.0
    expected = [
        [by_definition(score, row, k, v) for k in range(n_classes)]
        for row, v in zip(p, u, strict=True)
    ]
    assert_allclose(score.scores(p, u), expected, rtol=1e-12, atol=1e-14)
    expected = [[by_definition(score, row, k, plain) for k in range(n_classes)] for row in p]
    assert_allclose(score.scores(p), expected, rtol=1e-12, atol=1e-14)


def test_the_battery_has_every_score():
    assert {type(score) for score in CASES} == {type(score) for _, score in SET_SCORES.items()}
    for alias, score in SET_SCORES.items():
        assert isinstance(score, SetScore)
        assert alias == type(score).__name__.lower()
        check_parameters(clone(score), score.constraints)


@pytest.mark.parametrize("score", [APS(), RAPS(), SAPS()], ids=str)
def test_the_most_probable_class_scores_exactly_zero_without_chance(score):
    for kind in ("smooth", "tied", "certain"):
        p = some_probabilities(5, kind)
        top = p.argmax(axis=1)
        assert_array_equal(score.scores(p)[np.arange(len(p)), top], 0.0)


@pytest.mark.parametrize("score", CASES, ids=str)
@pytest.mark.parametrize("with_chance", [True, False])
def test_the_more_probable_class_is_less_strange(score, with_chance):
    p = some_probabilities(6, "smooth")
    u = np.random.default_rng(1).random(len(p)) if with_chance else None
    order = np.argsort(-p, axis=1)
    by_rank = np.take_along_axis(score.scores(p, u), order, axis=1)
    assert (np.diff(by_rank, axis=1) > 0).all()


@pytest.mark.parametrize("score", CASES, ids=str)
def test_columns_may_be_in_any_order_if_probabilities_differ(score):
    p = some_probabilities(6, "smooth")
    u = np.random.default_rng(1).random(len(p))
    columns = np.random.default_rng(2).permutation(6)
    assert_array_equal(score.scores(p[:, columns], u), score.scores(p, u)[:, columns])


def test_equal_probabilities_are_ranked_in_the_order_of_columns():
    p = np.full((2, 4), 0.25)
    assert_array_equal(TopK().scores(p), [[1, 2, 3, 4]] * 2)
    assert_array_equal(APS().scores(p), [[0, 0.25, 0.5, 0.75]] * 2)
    assert_array_equal(Margin().scores(p), np.zeros((2, 4)))


def test_impossible_classes_tie_whatever_the_sum_of_a_row_is():
    """Sums of float32 probabilities differ in the last digits, which must not tell classes apart."""
    rng = np.random.default_rng(0)
    p = np.zeros((200, 8))
    p[:, :5] = rng.dirichlet(np.ones(5), 200).astype(np.float32)
    assert len(np.unique(p.sum(axis=1))) > 1
    for u in (None, rng.random(200)):
        assert_array_equal(APS().scores(p, u)[:, 5:], 1.0)


def test_no_probability_at_all():
    p = np.zeros((3, 4))
    for score in CASES:
        assert np.isfinite(score.scores(p, np.full(3, 0.5))).all()


def test_one_class():
    p = np.ones((3, 1))
    for score in CASES:
        assert score.scores(p, np.full(3, 0.5)).shape == (3, 1)


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (RAPS(lam=-1), "lam=-1 is not valid for RAPS"),
        (RAPS(k_reg=1.5), "k_reg=1.5 is not valid for RAPS"),
        (SAPS(lam="a"), "lam='a' is not valid for SAPS"),
    ],
)
def test_bad_parameters_get_a_sentence(score, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_parameters(score, score.constraints)
