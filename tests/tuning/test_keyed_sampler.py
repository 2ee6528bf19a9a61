"""Samplers that are made anew for each trial."""

import copy
import math
import pickle
import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import CmaEsSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase
from optuna.trial import TrialState

from skboost.tuning import KeyedSampler
from skboost.tuning._unit import n_cells

MIXED = {
    "x": FloatDistribution(-2, 2),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "size": IntDistribution(1, 40),
    "kind": CategoricalDistribution(("a", "b", "c")),
}
SMALL = {"size": IntDistribution(1, 4), "kind": CategoricalDistribution(("a", "b", "c"))}


def random(seed):
    return RandomSampler(seed=seed)


def tpe(seed):
    return TPESampler(seed=seed, n_startup_trials=4)


def nsga2(seed):
    return NSGAIISampler(seed=seed, population_size=6)


def nsga3(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return NSGAIIISampler(seed=seed, population_size=6)


def cma(seed):
    return CmaEsSampler(seed=seed)


def objective(params, n_objectives):
    first = params["x"] ** 2 + abs(np.log10(params["rate"]) + 2) + 0.5 * (params["kind"] != "b")
    return [first, abs(params["size"] - 20.0)][:n_objectives]


def go_on(study, sampler, n_trials, space=MIXED, batch_size=3):
    """Ask in batches, tell in the order of numbers, until there are ``n_trials``."""
    study.sampler = sampler
    for start in range(len(study.trials), n_trials, batch_size):
        batch = [study.ask(space) for _ in range(min(batch_size, n_trials - start))]
        for trial in batch:
            study.tell(trial, objective({"x": 0, "rate": 1, **trial.params}, len(study.directions)))
    return [trial.params for trial in study.trials]


def restored(study, n_trials):
    """Another study with the first trials of a study."""
    other = optuna.create_study(directions=study.directions)
    for trial in study.trials[:n_trials]:
        other.add_trial(trial)
    return other


class TestKeyedRandom(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: KeyedSampler(random, seed=0)


class TestKeyedTPE(BasicSamplerTestCase, RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: KeyedSampler(lambda seed: TPESampler(seed=seed, n_startup_trials=0), seed=0)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(("make", "n_objectives"), [(random, 1), (tpe, 1), (nsga2, 2), (nsga3, 2)])
def test_a_restored_study_continues_identically(make, n_objectives, batch_size):
    study = optuna.create_study(directions=["minimize"] * n_objectives)
    whole = go_on(study, KeyedSampler(make, seed=5), 27, batch_size=batch_size)
    for cut in np.random.default_rng(0).choice(np.arange(3, 27, 3), size=3, replace=False):
        other = restored(study, cut)
        again = go_on(other, KeyedSampler(make, seed=5), 27, batch_size=batch_size)
        assert again == whole


def test_a_restored_study_continues_identically_by_cma_es():
    pytest.importorskip("cmaes")
    space = {"x": MIXED["x"], "size": MIXED["size"]}
    study = optuna.create_study()
    whole = go_on(study, KeyedSampler(cma, seed=5), 27, {**space, "kind": FloatDistribution(0, 1)})
    other = restored(study, 15)
    assert (
        go_on(other, KeyedSampler(cma, seed=5), 27, {**space, "kind": FloatDistribution(0, 1)})
        == whole
    )


def test_what_runs_at_the_same_time_may_suggest_in_turns():
    def ask(in_turns):
        study = optuna.create_study(sampler=KeyedSampler(random, seed=0))
        trials = [study.ask(), study.ask()]
        names = [(0, "x"), (1, "x"), (0, "y"), (1, "y")]
        for number, name in names if in_turns else sorted(names):
            trials[number].suggest_float(name, 0, 1)
        return [trial.params for trial in trials]

    assert ask(in_turns=True) == ask(in_turns=False)


def test_proposals_do_not_depend_on_threads_that_reseed():
    def values(n_jobs):
        study = optuna.create_study(sampler=KeyedSampler(random, seed=0))
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=8, n_jobs=n_jobs)
        return [trial.params["x"] for trial in study.trials]

    assert values(2) == values(1)


@pytest.mark.parametrize(("make", "n_objectives"), [(random, 1), (tpe, 1), (nsga2, 2)])
def test_one_object_may_serve_several_studies(make, n_objectives):
    def new():
        return optuna.create_study(directions=n_objectives * ["minimize"])

    sampler = KeyedSampler(make, seed=0)
    go_on(new(), sampler, 24)
    other = new()
    other.sampler = sampler
    other.ask(MIXED)  # and nobody tells how it ended
    assert go_on(new(), sampler, 24) == go_on(new(), KeyedSampler(make, seed=0), 24)


def test_numbers_and_seeds_tell_proposals_apart():
    study = optuna.create_study()
    points = {point["x"] for point in go_on(study, KeyedSampler(random, seed=0), 10)}
    others = {point["x"] for point in go_on(optuna.create_study(), KeyedSampler(random, 1), 10)}
    assert len(points | others) == 20


def test_without_a_seed_it_is_drawn_once():
    sampler = KeyedSampler(random)
    first = go_on(optuna.create_study(), sampler, 3)
    assert go_on(optuna.create_study(), sampler, 3) == first
    assert go_on(optuna.create_study(), pickle.loads(pickle.dumps(sampler)), 3) == first
    assert go_on(optuna.create_study(), copy.deepcopy(sampler), 3) == first
    assert go_on(optuna.create_study(), KeyedSampler(random), 3) != first


@pytest.mark.parametrize("make", [random, tpe, nsga2])
def test_no_point_is_visited_twice_until_all_are(make):
    study = optuna.create_study()
    points = go_on(study, KeyedSampler(make, seed=0, distinct=SMALL), 15, SMALL, batch_size=5)
    keys = [tuple(sorted(point.items())) for point in points]
    assert len(set(keys[:12])) == len(set(keys)) == 12


def test_failed_running_and_pruned_trials_count_as_visited():
    study = optuna.create_study(sampler=KeyedSampler(random, seed=1, distinct=SMALL))
    points = set()
    for number in range(12):
        trial = study.ask(SMALL)
        points.add(tuple(trial.params.items()))
        if number % 3 == 1:
            study.tell(trial, state=TrialState.FAIL)
        elif number % 3 == 2:
            trial.report(1.0, 0)
            study.tell(trial, state=TrialState.PRUNED)
    assert len(points) == 12


def test_replaced_points_are_equally_likely():
    counts = np.zeros(4)
    for seed in range(400):
        space = {"size": SMALL["size"]}
        study = optuna.create_study(sampler=KeyedSampler(random, seed, distinct=space))
        study.add_trial(optuna.create_trial(params={"size": 2}, distributions=space, value=0.0))
        counts[study.ask(space).params["size"] - 1] += 1
    assert counts[1] == 0
    assert np.abs(counts[[0, 2, 3]] - 400 / 3).max() < 50  # more than five standard deviations


CUBE = {
    "kind": CategoricalDistribution(("a", "b", "c")),
    "size": IntDistribution(1, 4),
    "depth": IntDistribution(2, 4),
}
FAVOURITE = {"kind": "b", "size": 2, "depth": 3}


def stubborn(base, point, space):
    """A sampler that proposes the same in every trial."""

    class Stubborn(base):
        def infer_relative_search_space(self, study, trial):
            return space

        def sample_relative(self, study, trial, search_space):
            return dict(point)

    return lambda seed: Stubborn(seed=seed)


def changes(base, seed, point=FAVOURITE, space=CUBE):
    """How many values of each trial differ from the proposal, until all points have had their turn."""
    sampler = KeyedSampler(stubborn(base, point, space), seed, distinct=space)
    study = optuna.create_study(sampler=sampler)
    total = math.prod(n_cells(distribution) for distribution in space.values())
    points = [study.ask(space).params for _ in range(total)]
    return [sum(other[name] != point[name] for name in space) for other in points]


@pytest.mark.parametrize("seed", range(5))
def test_a_replaced_point_keeps_what_it_can_of_the_proposal(seed):
    # 1 proposal, 2 + 3 + 2 points with one other value, 6 + 4 + 6 with two, 12 with three
    assert changes(TPESampler, seed) == [0] + 7 * [1] + 16 * [2] + 12 * [3]


def test_points_that_are_far_from_the_proposal_have_their_turn_too():
    space = {name: IntDistribution(0, 1) for name in "abcde"}
    found = changes(TPESampler, 0, dict.fromkeys(space, 0), space)
    assert sorted(found) == [0] + 5 * [1] + 10 * [2] + 10 * [3] + 5 * [4] + [5]


def test_random_search_takes_any_point_for_one_that_was_visited():
    found = changes(RandomSampler, 0)
    assert found != sorted(found) == [0] + 7 * [1] + 16 * [2] + 12 * [3]


def test_parameters_that_the_user_has_fixed_are_kept():
    study = optuna.create_study(sampler=KeyedSampler(random, seed=0, distinct=SMALL))
    for size in range(1, 5):  # what other fixed values have had is no obstacle
        point = {"kind": "a", "size": size}
        study.add_trial(optuna.create_trial(params=point, distributions=SMALL, value=0.0))
    for _ in range(3):
        study.enqueue_trial({"kind": "b", "size": 1})
    for _ in range(3):
        study.enqueue_trial({"kind": "b"})
    points = [study.ask(SMALL).params for _ in range(6)]
    assert points[:3] == [{"size": 1, "kind": "b"}] * 3
    assert {point["kind"] for point in points} == {"b"}
    assert sorted(point["size"] for point in points[3:]) == [2, 3, 4]


def test_large_discrete_spaces_have_distinct_points_too():
    space = {f"n{i}": IntDistribution(0, 10**6) for i in range(10)}
    sampler = KeyedSampler(lambda seed: RandomSampler(seed=0), seed=0, distinct=space)
    study = optuna.create_study(sampler=sampler)  # one that always proposes the same
    points = {tuple(study.ask(space).params.values()) for _ in range(20)}
    assert len(points) == 20


def test_a_continuous_space_is_left_alone():
    plain = go_on(optuna.create_study(), KeyedSampler(tpe, seed=0), 12)
    assert go_on(optuna.create_study(), KeyedSampler(tpe, seed=0, distinct=MIXED), 12) == plain


def test_samplers_of_trials_that_are_told_are_forgotten():
    sampler = KeyedSampler(random, seed=0)
    made = []
    sampler.make = lambda seed: made.append(seed) or RandomSampler(seed=seed)
    go_on(optuna.create_study(), sampler, 10)
    assert len(made) == len(set(made)) == 10
    assert not sampler._open


@pytest.mark.parametrize(
    ("make", "seed", "words"),
    [(None, 0, "make=None"), (random, -1, "seed=-1"), (random, 0.5, "seed=0.5")],
)
def test_bad_parameters_are_refused(make, seed, words):
    with pytest.raises(ValueError, match=words):
        KeyedSampler(make, seed)


def test_make_must_make_samplers():
    study = optuna.create_study(sampler=KeyedSampler(lambda seed: None, seed=0))
    with pytest.raises(ValueError, match="returned None"):
        study.ask(MIXED)
