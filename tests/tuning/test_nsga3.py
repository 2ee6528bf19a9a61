"""NSGA-III selects the points that the loops of its definition select."""

import copy
import math
import pickle
import warnings

import numpy as np
import optuna
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from optuna.trial import TrialState, create_trial

from skboost.tuning import ReferencePointSelection, non_dominated_rank, nsga3_selection, pareto_mask
from skboost.tuning._nsga3 import most_divisions, reference_directions

TWO = ["minimize", "minimize"]


def naive_costs(costs):
    """Costs from the ideal point over the intercepts of the plane through the extreme points."""
    m = len(costs[0])
    ideal = [min(row[j] for row in costs) for j in range(m)]
    costs = [[row[j] - ideal[j] for j in range(m)] for row in costs]
    ranges = [max(row[j] for row in costs) or 1.0 for j in range(m)]
    costs = [[row[j] / ranges[j] for j in range(m)] for row in costs]
    extremes = []
    for axis in range(m):
        score = [max(row[j] * (1.0 if j == axis else 1e6) for j in range(m)) for row in costs]
        extremes.append(costs[score.index(min(score))])
    slopes = [1.0] * m
    if np.linalg.matrix_rank(extremes) == m:
        plane = np.linalg.solve(extremes, np.ones(m)).tolist()
        if all(0 < slope < 1e9 for slope in plane):
            slopes = plane
    return [[row[j] * slopes[j] for j in range(m)] for row in costs]


def naive_selection(values, n_selected, references, seed):
    """One point at a time, as in the paper; ties go to the first in a random order."""
    rank = non_dominated_rank(values)
    order = sorted(set(rank.tolist()) - {-1})
    survivors, candidates = [], []
    for front in order:
        members = [i for i in range(len(values)) if rank[i] == front]
        if len(survivors) + len(members) <= n_selected:
            survivors += members
        else:
            candidates = members
            break
    if len(survivors) == n_selected or not candidates:
        return sorted(survivors)
    pool = sorted(survivors) + candidates
    costs = dict(zip(pool, naive_costs((-values[pool]).tolist()), strict=True))
    near, far = {}, {}
    for i in pool:
        length = math.sqrt(sum(f * f for f in costs[i]))
        best = None
        for j, reference in enumerate(references):
            size = math.sqrt(sum(r * r for r in reference))
            inner = sum(f * r for f, r in zip(costs[i], reference, strict=True)) / size
            cosine = round(inner / (length or 1.0), 12)
            if best is None or cosine > best:
                best, near[i] = cosine, j
                gaps = [f - inner * r / size for f, r in zip(costs[i], reference, strict=True)]
                far[i] = round(math.sqrt(sum(gap * gap for gap in gaps)), 12)
    rng = np.random.default_rng(seed)
    reference_order, point_order = rng.permutation(len(references)), rng.permutation(len(values))
    count = [sum(near[i] == j for i in survivors) for j in range(len(references))]
    while len(survivors) < n_selected:
        open_ = {near[i] for i in candidates}
        j = min(open_, key=lambda j: (count[j], reference_order[j]))
        mine = [i for i in candidates if near[i] == j]
        if count[j] == 0:
            i = min(mine, key=lambda i: (far[i], point_order[i]))
        else:
            i = min(mine, key=lambda i: point_order[i])
        survivors.append(i)
        candidates.remove(i)
        count[j] += 1
    return sorted(survivors)


def sphere(n, m, seed=0):
    """Points of one front."""
    points = np.abs(np.random.default_rng(seed).standard_normal((n, m)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(100))
def test_the_selection_is_that_of_the_loops(seed):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(5, 60)), int(rng.integers(2, 5))
    kind = seed % 4
    values = rng.standard_normal((n, m)) if kind < 2 else sphere(n, m, seed)
    if kind == 1:
        values = rng.integers(0, 4, size=(n, m)).astype(float)  # many ties
    n_selected = int(rng.integers(1, n + 1))
    references = reference_directions(m, int(rng.integers(1, 6)))
    found = nsga3_selection(values, n_selected, reference_points=references, seed=seed)
    assert found.tolist() == naive_selection(values, n_selected, references.tolist(), seed)


def test_whole_fronts_come_first():
    values = np.random.default_rng(0).standard_normal((200, 3))
    rank = non_dominated_rank(values)
    selected = nsga3_selection(values, 80)
    assert len(set(selected.tolist())) == 80
    worst = rank[selected].max()
    assert set(np.flatnonzero(rank < worst)) <= set(selected.tolist())


def test_each_direction_gets_a_point_where_there_are_enough():
    references = reference_directions(3, 4)
    values = 1 - references / np.linalg.norm(references, axis=1, keepdims=True)
    crowd = np.concatenate([values, np.repeat(values[:1], 40, axis=0)])
    selected = nsga3_selection(crowd, 15, reference_points=references)
    assert set(range(1, 15)) <= set(selected.tolist())
    assert len(selected) == 15


def test_the_unit_of_an_objective_does_not_matter():
    values = sphere(100, 3)
    scaled = values * [1e-6, 1.0, 1e6] + [5.0, 0.0, -1e6]
    assert_array_equal(nsga3_selection(values, 30), nsga3_selection(scaled, 30))


def test_minimising_is_maximising_the_negative():
    values = sphere(60, 3)
    assert_array_equal(
        nsga3_selection(-values, 20, directions=["minimize"] * 3), nsga3_selection(values, 20)
    )


def test_the_seed_decides_ties_alone():
    values = sphere(60, 3)
    assert_array_equal(nsga3_selection(values, 30, seed=1), nsga3_selection(values, 30, seed=1))
    others = [nsga3_selection(values, 30, seed=seed).tolist() for seed in range(5)]
    assert len(set(map(tuple, others))) > 1


def test_feasible_points_come_first():
    values = sphere(20, 2)
    violation = np.where(np.arange(20) < 12, 0.0, 1.0)
    assert nsga3_selection(values, 12, violation=violation).tolist() == list(range(12))


def test_nan_is_never_selected_and_infinity_may_be():
    values = sphere(30, 2)
    values[3, 0], values[5, 1], values[7, 0] = np.nan, np.inf, -np.inf
    selected = nsga3_selection(values, 28)
    assert 3 not in selected
    assert 5 in nsga3_selection(values, 5)


@pytest.mark.parametrize("values", [np.ones((9, 3)), np.eye(3)[[0] * 9], np.full((9, 2), np.inf)])
def test_degenerate_fronts_are_selected_from(values):
    assert len(nsga3_selection(values, 4)) == 4


def test_one_objective_selects_the_best():
    assert nsga3_selection([[1.0], [5.0], [3.0], [4.0]], 2).tolist() == [1, 3]


@pytest.mark.parametrize(("m", "divisions"), [(2, 5), (3, 4), (5, 3)])
def test_directions_are_all_vectors_of_shares(m, divisions):
    found = reference_directions(m, divisions)
    assert len(found) == math.comb(m + divisions - 1, divisions)
    assert len(np.unique(found, axis=0)) == len(found)
    assert_allclose(found.sum(axis=1), 1.0)
    assert_allclose(found * divisions, np.round(found * divisions))


@pytest.mark.parametrize(("m", "n"), [(2, 50), (3, 50), (3, 1), (4, 100), (10, 20)])
def test_there_are_as_many_divisions_as_the_population_has_room_for(m, n):
    divisions = most_divisions(m, n)
    assert divisions == 1 or math.comb(m + divisions - 1, divisions) <= n
    assert math.comb(m + divisions, divisions + 1) > n


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_selected": 0}, "n_selected=0"),
        ({"n_selected": 5}, "n_selected=5"),
        ({"n_selected": 2.0}, "n_selected=2.0"),
        ({"reference_points": [[1.0, 0.0, 0.0]]}, "2 objectives"),
        ({"reference_points": [[0.0, 0.0]]}, "not all zero"),
        ({"reference_points": [[-1.0, 1.0]]}, "not negative"),
        ({"reference_points": []}, "reference_points"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    values = [[0.0, 3.0], [1.0, 2.0], [2.0, 1.0], [np.nan, 0.0], [3.0, 0.0]]
    with pytest.raises(ValueError, match=message):
        nsga3_selection(values, **{"n_selected": 2, **arguments})


def search(selection, n_trials=60):
    """A study of a problem with two objectives; its Pareto set has y = 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.NSGAIISampler(
            population_size=10, seed=0, elite_population_selection_strategy=selection
        )
    study = optuna.create_study(directions=TWO, sampler=sampler)

    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x + y, (1 - x) ** 2 + y

    study.optimize(objective, n_trials=n_trials)
    return study


def test_it_serves_the_sampler_of_optuna():
    first, second = (search(ReferencePointSelection(10)) for _ in range(2))
    assert [t.params for t in first.trials] == [t.params for t in second.trials]
    start = np.mean([trial.params["y"] for trial in first.trials[:10]])
    assert np.mean([trial.params["y"] for trial in first.trials[-10:]]) < start


def trials_of(values, constraints=None):
    """Complete trials of a study with these values to minimise."""
    study = optuna.create_study(directions=TWO)
    for number, row in enumerate(values):
        trial = study.ask()
        if constraints is not None:
            trial.set_constraint("size", constraints[number])
        study.tell(trial, list(row))
    return study


def test_survivors_do_not_depend_on_the_order_of_trials():
    study = trials_of(sphere(30, 2))
    selection = ReferencePointSelection(12, seed=3)
    expected = [trial.number for trial in selection(study, study.trials)]
    assert expected == sorted(expected)
    assert len(expected) == 12
    for copied in (copy.deepcopy(selection), pickle.loads(pickle.dumps(selection))):
        assert [trial.number for trial in copied(study, study.trials[::-1])] == expected


def test_survivors_are_the_better_ones_in_the_direction_of_the_study():
    values = np.concatenate([sphere(10, 2), sphere(10, 2) + 1.0])
    study = trials_of(values)
    assert [t.number for t in ReferencePointSelection(10)(study, study.trials)] == list(range(10))
    assert not pareto_mask(values, TWO)[10:].any()


def test_small_populations_survive_as_a_whole():
    study = trials_of(sphere(5, 2))
    assert len(ReferencePointSelection(12)(study, study.trials)) == 5


def test_infeasible_trials_go_first():
    study = trials_of(sphere(20, 2), constraints=[float(k % 2) for k in range(20)])
    numbers = [trial.number for trial in ReferencePointSelection(10)(study, study.trials)]
    assert numbers == list(range(0, 20, 2))


def test_a_trial_that_tells_no_constraint_is_the_last_to_survive():
    study = trials_of(sphere(6, 2), constraints=[1.0] * 6)
    study.add_trial(create_trial(state=TrialState.COMPLETE, values=[0.0, 0.0]))
    survivors = ReferencePointSelection(6)(study, study.trials)
    assert [trial.number for trial in survivors] == list(range(6))


@pytest.mark.parametrize("arguments", [{"population_size": 1}, {"population_size": 5, "seed": -1}])
def test_wrong_parameters_are_refused(arguments):
    with pytest.raises(ValueError, match="is not valid for ReferencePointSelection"):
        ReferencePointSelection(**arguments)
