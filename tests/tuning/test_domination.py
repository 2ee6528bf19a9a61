"""Pareto sets and fronts agree with their definitions, written as loops."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skboost.tuning import _domination as domination
from skboost.tuning import non_dominated_rank, pareto_mask


def beats(one, other):
    """One point dominates another, larger values being better."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(
        a > b for a, b in zip(one, other, strict=True)
    )


def naive_rank(points):
    """Peel off the points that no remaining point dominates."""
    rank, left, number = [-1] * len(points), set(range(len(points))), 0
    while left:
        front = {i for i in left if not any(beats(points[j], points[i]) for j in left)}
        for i in front:
            rank[i] = number
        left, number = left - front, number + 1
    return rank


def random_points(seed):
    """Between 0 and 40 points with 1 to 4 objectives; many ties."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 6, size=(rng.integers(0, 41), rng.integers(1, 5))).astype(float)


@pytest.mark.parametrize("seed", range(40))
def test_fronts_are_those_of_the_definition(seed):
    points = random_points(seed)
    rank = non_dominated_rank(points)
    assert rank.tolist() == naive_rank(points.tolist())
    assert_array_equal(pareto_mask(points), rank == 0)


@pytest.mark.parametrize("seed", range(10))
def test_the_matrix_says_who_dominates_whom(seed):
    points = random_points(seed)
    expected = [[beats(one, other) for other in points] for one in points]
    matrix = domination.domination_matrix(points)
    assert_array_equal(matrix, np.reshape(expected, matrix.shape))


def test_blocks_do_not_change_the_pareto_set(monkeypatch):
    points = np.random.default_rng(0).integers(0, 30, size=(300, 3)).astype(float)
    whole = pareto_mask(points)
    monkeypatch.setattr(domination, "MOST_PAIRS", 1000)
    assert_array_equal(pareto_mask(points), whole)


def test_all_copies_of_a_best_point_are_in_the_set():
    points = [[1.0, 2.0], [1.0, 2.0], [0.0, 2.0], [2.0, 0.0], [1.0, 2.0]]
    assert pareto_mask(points).tolist() == [True, True, False, True, True]


def test_a_point_with_nan_is_never_in_the_set_and_changes_nothing():
    points = np.array([[np.nan, 9.0], [1.0, 2.0], [9.0, np.nan], [0.0, 1.0]])
    assert pareto_mask(points).tolist() == [False, True, False, False]
    assert non_dominated_rank(points).tolist() == [-1, 0, -1, 1]
    assert non_dominated_rank(points, violation=[0, 0, 1, 2]).tolist() == [-1, 0, -1, 1]
    assert not domination.domination_matrix(points)[[0, 2]].any()


def test_only_nan_gives_an_empty_set():
    assert pareto_mask(np.full((3, 2), np.nan)).tolist() == [False] * 3
    assert non_dominated_rank(np.full((3, 2), np.nan)).tolist() == [-1] * 3


def test_infinite_values_are_compared():
    points = [[-np.inf, 5.0], [np.inf, 1.0], [-np.inf, 4.0], [2.0, 1.0]]
    assert pareto_mask(points).tolist() == [True, True, False, False]


def test_minimising_is_maximising_the_negative():
    points = np.random.default_rng(1).standard_normal((50, 3))
    directions = ["minimize", "maximize", "minimize"]
    flipped = points * [-1, 1, -1]
    assert_array_equal(pareto_mask(points, directions), pareto_mask(flipped))
    assert_array_equal(non_dominated_rank(points, directions), non_dominated_rank(flipped))


def test_one_objective_ranks_by_value():
    assert non_dominated_rank([[1.0], [3.0], [2.0], [3.0]]).tolist() == [2, 0, 1, 0]


def test_feasible_points_come_first_and_others_by_their_violation():
    points = [[0.0, 0.0], [9.0, 9.0], [1.0, 1.0], [8.0, 8.0], [7.0, 7.0]]
    rank = non_dominated_rank(points, violation=[0, 2.0, 0, 0.5, 2.0])
    assert rank.tolist() == [1, 3, 0, 2, 3]


def test_without_feasible_points_the_violation_ranks():
    assert non_dominated_rank([[1.0], [2.0]], violation=[1.0, 3.0]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0],), "its shape is"),
        (([["a", "b"]],), "table of numbers"),
        (([[1.0, 2.0]], ["maximize"]), "each of the 2 objectives"),
        (([[1.0, 2.0]], ["maximize", "up"]), "'up'"),
    ],
)
@pytest.mark.parametrize("function", [pareto_mask, non_dominated_rank])
def test_wrong_arguments_are_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.parametrize("violation", [[1.0], [-1.0, 0.0], [np.nan, 0.0]])
def test_wrong_violations_are_refused(violation):
    with pytest.raises(ValueError, match="violation must hold"):
        non_dominated_rank([[1.0], [2.0]], violation=violation)
