"""HypE's contributions are the volumes of their definition, and their sum is the hypervolume."""

import itertools
import math
import pickle
import tracemalloc
import warnings

import numpy as np
import optuna
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.tuning import HypeSelection, hype_contributions, pareto_mask


def naive_contributions(points, reference, k):
    """Inclusion and exclusion: the volume that exactly a set of points dominates, for all sets."""
    n = len(points)

    def common(members):
        worst = np.min([points[i] for i in members], axis=0) - reference
        return float(np.prod(np.maximum(worst, 0.0)))

    result = np.zeros(n)
    for size in range(1, n + 1):
        alpha = math.prod((k - j) / (n - j) for j in range(1, size)) / size
        for members in itertools.combinations(range(n), size):
            rest = [i for i in range(n) if i not in members]
            alone = sum(
                (-1) ** extra * common((*members, *added))
                for extra in range(len(rest) + 1)
                for added in itertools.combinations(rest, extra)
            )
            result[list(members)] += alpha * alone
    return result


def front(n, m, seed=0):
    """Points on a sphere, at some distance from the axes."""
    points = np.abs(np.random.default_rng(seed).standard_normal((n, m)))
    return points / np.linalg.norm(points, axis=1, keepdims=True) + 0.1


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_exact_contributions_are_those_of_inclusion_and_exclusion(m, seed):
    rng = np.random.default_rng([m, seed])
    points = rng.uniform(-0.2, 1.0, size=(6, m)) if seed % 2 else rng.integers(0, 4, (6, m)) * 1.0
    for k in (1, 3, 6):
        found = hype_contributions(points, np.zeros(m), k=k)
        assert_allclose(found, naive_contributions(points, np.zeros(m), k), atol=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_sampled_contributions_are_within_two_percent(m):
    """Of the exact ones; of the largest, where many parts of the volume do not count."""
    points = front(12, m)
    for k in (1, 6, 12):
        exact = hype_contributions(points, np.zeros(m), k=k)
        sampled = hype_contributions(points, np.zeros(m), k=k, n_samples=1 << 18)
        assert abs(sampled - exact).max() < 0.02 * exact.max()
    assert_allclose(sampled, exact, rtol=0.02)


def test_samples_are_unbiased():
    points = front(6, 2)
    exact = hype_contributions(points, [0, 0], k=2)
    seeds = [
        hype_contributions(points, [0, 0], k=2, n_samples=64, seed=seed) for seed in range(400)
    ]
    error = np.std(seeds, axis=0) / 20
    assert (abs(np.mean(seeds, axis=0) - exact) < 5 * error).all()


def test_contributions_add_up_to_the_hypervolume():
    points = front(40, 2, seed=3)
    best = points[pareto_mask(points)]
    order = np.argsort(best[:, 0])
    widths = np.diff(best[order, 0], prepend=0.0)
    assert_allclose(hype_contributions(points, [0, 0]).sum(), widths @ best[order, 1])


def test_a_single_loss_is_the_difference_of_hypervolumes():
    points, corner = front(20, 3), np.zeros(3)
    whole = hype_contributions(points, corner).sum()
    without = [hype_contributions(np.delete(points, i, axis=0), corner).sum() for i in range(20)]
    assert_allclose(hype_contributions(points, corner, k=1), whole - np.array(without), atol=1e-12)


def test_many_points_are_sampled_in_little_memory():
    points = front(1000, 3)
    tracemalloc.start()
    found = hype_contributions(points, np.zeros(3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
    assert_array_equal(found, hype_contributions(points, np.zeros(3), n_samples=1 << 16))


def test_copies_share_and_points_below_the_reference_have_nothing():
    assert hype_contributions([[1, 2], [1, 2], [3, -1]], [0, 0]).tolist() == [1.0, 1.0, 0.0]
    assert hype_contributions([[1, 2], [1, 2]], [0, 0], k=1).tolist() == [0.0, 0.0]
    assert hype_contributions([[1, 2]], [5, 5]).tolist() == [0.0]
    assert hype_contributions([[np.nan, 2], [1, 2]], [0, 0], k=1).tolist() == [0.0, 2.0]
    assert hype_contributions([[-np.inf, 2], [1, 2]], [0, 0]).tolist() == [0.0, 2.0]


def test_minimising_is_maximising_the_negative():
    points, down = front(9, 2), ["minimize", "minimize"]
    assert_array_equal(
        hype_contributions(-points, [0, 0], directions=down), hype_contributions(points, [0, 0])
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference_point": [0.0]}, "reference_point"),
        ({"reference_point": [0.0, np.inf]}, "reference_point"),
        ({"k": 0}, "k=0"),
        ({"k": 3}, "k=3"),
        ({"n_samples": 0}, "n_samples=0"),
        ({"values": [[np.inf, 1.0]]}, "infinitely good"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    given = {"values": [[1.0, 2.0], [2.0, 1.0]], "reference_point": [0.0, 0.0], **arguments}
    with pytest.raises(ValueError, match=message):
        hype_contributions(**given)


def study_of(values, directions):
    """A study with these values."""
    study = optuna.create_study(directions=directions)
    for row in values:
        study.tell(study.ask(), list(row))
    return study


def numbers(selection, study):
    return [trial.number for trial in selection(study, study.trials)]


@pytest.mark.parametrize("m", [2, 3])
def test_survivors_dominate_more_volume_than_others(m):
    points = front(30, m)
    study = study_of(points, ["maximize"] * m)
    kept = numbers(HypeSelection(8, reference_point=[0.0] * m, n_rounds=None), study)
    volume = hype_contributions(points[kept], [0.0] * m).sum()
    rng = np.random.default_rng(0)
    others = [rng.choice(30, 8, replace=False) for _ in range(200)]
    assert volume > max(hype_contributions(points[one], [0.0] * m).sum() for one in others)


@pytest.mark.parametrize("m", [2, 3])
def test_one_by_one_is_the_rule_of_the_paper(m):
    points = front(20 if m == 2 else 16, m)
    left = list(range(len(points)))
    while len(left) > 3:
        share = hype_contributions(points[left], [0] * m, k=len(left) - 3)
        del left[int(np.argmin(share))]
    study = study_of(points, ["maximize"] * m)
    assert numbers(HypeSelection(3, reference_point=[0] * m, n_rounds=None), study) == left


def test_infeasible_trials_go_first():
    study = optuna.create_study(directions=["maximize"] * 2)
    for number, row in enumerate(front(12, 2)):
        trial = study.ask()
        trial.set_constraint("size", float(number % 3))
        study.tell(trial, list(row))
    assert numbers(HypeSelection(4), study) == [0, 3, 6, 9]
    assert numbers(HypeSelection(8), study) == [0, 1, 3, 4, 6, 7, 9, 10]
    assert set(numbers(HypeSelection(6), study)) > {0, 3, 6, 9}


def test_the_reference_point_is_in_the_directions_of_the_study():
    points = front(20, 2)
    up = study_of(points, ["maximize", "maximize"])
    mixed = study_of(points * [1, -1], ["maximize", "minimize"])
    expected = numbers(HypeSelection(6, reference_point=(0.2, 0.3)), up)
    assert numbers(HypeSelection(6, reference_point=(0.2, -0.3)), mixed) == expected
    assert numbers(HypeSelection(6), mixed) == numbers(HypeSelection(6), up)


def test_whole_fronts_survive_first():
    points = np.concatenate([front(5, 2), front(10, 2) - 1.0])
    assert numbers(HypeSelection(5), study_of(points, ["maximize"] * 2)) == list(range(5))
    assert numbers(HypeSelection(8), study_of(points, ["maximize"] * 2))[:5] == list(range(5))


def test_infinite_values_and_copies_are_selected_from():
    points = np.array([[np.inf, 1.0], [-np.inf, 9.0], [2.0, 2.0], [2.0, 2.0], [3.0, 1.5]])
    assert len(numbers(HypeSelection(2), study_of(points, ["maximize"] * 2))) == 2
    assert len(numbers(HypeSelection(2), study_of(np.ones((5, 2)), ["maximize"] * 2))) == 2


def test_survivors_do_not_depend_on_the_order_of_trials():
    study = study_of(front(25, 3), ["maximize"] * 3)
    selection = HypeSelection(10, n_samples=256)
    expected = numbers(selection, study)
    assert [t.number for t in selection(study, study.trials[::-1])] == expected
    assert numbers(pickle.loads(pickle.dumps(selection)), study) == expected


def test_it_serves_the_sampler_of_optuna():
    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x + y, (1 - x) ** 2 + y

    studies = []
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.NSGAIISampler(
                population_size=10, seed=0, elite_population_selection_strategy=HypeSelection(10)
            )
        study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        study.optimize(objective, n_trials=60)
        studies.append([trial.params for trial in study.trials])
    assert studies[0] == studies[1]
    first, last = (np.mean([p["y"] for p in part]) for part in (studies[0][:10], studies[0][-10:]))
    assert last < first


@pytest.mark.parametrize(
    "arguments", [{"population_size": 1}, {"n_rounds": 0}, {"n_samples": 0}, {"seed": -1}]
)
def test_wrong_parameters_are_refused(arguments):
    with pytest.raises(ValueError, match="is not valid for HypeSelection"):
        HypeSelection(**{"population_size": 5, **arguments})
