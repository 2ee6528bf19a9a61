"""Tabu search: a walk that follows from the trials of a study."""

import pickle

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)
from optuna.trial import TrialState

from skboost.tuning import TabuSampler
from skboost.tuning._unit import n_cells

MIXED = {
    "x": FloatDistribution(-5, 5),
    "rate": FloatDistribution(1e-5, 1.0, log=True),
    "size": IntDistribution(1, 200),
    "kind": CategoricalDistribution(("a", "b", "c")),
}
GRID = {
    "p": IntDistribution(0, 4),
    "q": IntDistribution(0, 4),
    "r": CategoricalDistribution(("a", "b", "c")),
    "s": FloatDistribution(0.0, 1.0, step=0.25),
}
SQUARE = {"p": IntDistribution(0, 9), "q": IntDistribution(0, 9)}


class TestTabuSampler(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: TabuSampler(seed=0, n_startup_trials=1)


def bowl(params):
    rate = abs(np.log10(params["rate"]) + 2.7)
    kind = {"a": 0.8, "b": 0.0, "c": 0.4}[params["kind"]]
    return (params["x"] - 1.3) ** 2 / 4 + rate + abs(params["size"] - 130) / 60 + kind


def rugged(seed):
    """Independent random values of the points of a grid."""
    values = np.random.default_rng(seed).random((5, 5, 3, 5))
    return lambda p: float(values[p["p"], p["q"], "abc".index(p["r"]), round(4 * p["s"])])


def go_on(study, sampler, n_trials, space, objective, batch_size=1):
    study.sampler = sampler
    for start in range(len(study.trials), n_trials, batch_size):
        batch = [study.ask(space) for _ in range(min(batch_size, n_trials - start))]
        for trial in batch:
            study.tell(trial, objective(trial.params))
    return [trial.params for trial in study.trials]


def study_of(space, points, values):
    """Trials at these points."""
    study = optuna.create_study(direction="maximize")
    for point, value in zip(points, values, strict=True):
        params = dict(zip(space, point, strict=True))
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=value))
    return study


def told(space, points, values, **options):
    """Moves after some trials in a square, with one start."""
    study = study_of(space, points, values)
    return TabuSampler(0, n_startup_trials=1, **options).moves(study)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_restored_study_continues_identically(batch_size, declared):
    def sampler():
        return TabuSampler(seed=2, distributions=MIXED if declared else None)

    study = optuna.create_study()
    whole = go_on(study, sampler(), 60, MIXED, bowl, batch_size)
    for cut in np.random.default_rng(0).choice(np.arange(4, 60, 4), size=3, replace=False):
        other = optuna.create_study()
        for trial in study.trials[:cut]:
            other.add_trial(trial)
        assert go_on(other, sampler(), 60, MIXED, bowl, batch_size) == whole


def test_one_object_may_serve_several_studies():
    sampler, objectives = TabuSampler(seed=0), (rugged(0), rugged(1))
    alone = [go_on(optuna.create_study(), TabuSampler(seed=0), 40, GRID, o) for o in objectives]
    studies = optuna.create_study(), optuna.create_study()
    for n_trials in range(1, 41):
        points = [
            go_on(study, sampler, n_trials, GRID, objective)
            for study, objective in zip(studies, objectives, strict=True)
        ]
        sampler = pickle.loads(pickle.dumps(sampler)) if n_trials % 10 == 0 else sampler
    assert points == alone


def test_trials_may_end_in_any_order():
    def searched(sampler_of):
        study, random, running = optuna.create_study(), np.random.default_rng(0), []
        for _ in range(120):
            study.sampler = sampler_of()
            running.append(study.ask(GRID))
            if len(running) == 4:
                trial = running.pop(random.integers(4))
                study.tell(trial, rugged(0)(trial.params))
        return [trial.params for trial in study.trials]

    one = TabuSampler(seed=0)
    assert searched(lambda: one) == searched(lambda: TabuSampler(seed=0))


def test_maximising_mirrors_minimising():
    down = go_on(optuna.create_study(), TabuSampler(seed=1), 40, MIXED, bowl)
    study = optuna.create_study(direction="maximize")
    assert go_on(study, TabuSampler(seed=1), 40, MIXED, lambda point: -bowl(point)) == down


@pytest.mark.parametrize("batch_size", [1, 7])
def test_no_point_is_tried_twice_until_all_are(batch_size):
    space = {name: GRID[name] for name in "pqr"}
    objective = rugged(3)
    sampler = TabuSampler(seed=0, distributions=space)
    points = go_on(
        optuna.create_study(), sampler, 80, space, lambda p: objective({**p, "s": 0.0}), batch_size
    )
    keys = [tuple(point[name] for name in space) for point in points]
    assert len(set(keys[:75])) == len(set(keys)) == 75


def test_running_failed_and_pruned_trials_are_not_tried_again():
    space = {"p": GRID["p"], "r": GRID["r"]}
    study = optuna.create_study(sampler=TabuSampler(seed=0, distributions=space))
    points = set()
    for number in range(15):
        trial = study.ask(space)
        points.add(tuple(trial.params.items()))
        if number % 4 == 0:
            study.tell(trial, state=TrialState.FAIL)
        elif number % 4 == 1:
            study.tell(trial, state=TrialState.PRUNED)
        elif number % 4 == 2:
            study.tell(trial, trial.params["p"])
    assert len(points) == 15


@pytest.mark.parametrize("batch_size", [1, 4])
def test_steps_respect_the_tenure_except_by_aspiration(batch_size):
    n_checked = 0
    for seed in range(6):
        study = optuna.create_study(direction="maximize")
        sampler = TabuSampler(seed, distributions=GRID)
        go_on(study, sampler, 150, GRID, rugged(seed), batch_size)
        values = [trial.value for trial in study.trials]
        forbidden = {}
        for move in sampler.moves(study):
            if move.kind != "step":
                forbidden.clear()
                continue
            changed = {name for name in GRID if move.start[name] != move.end[name]}
            broken = [
                name for name in changed if forbidden.get((name, move.end[name]), -1) >= move.clock
            ]
            assert move.aspired == bool(broken)
            if broken:
                assert values[move.number] > max(values[: move.number])
            n_checked += len(forbidden)
            assert set(move.forbidden) == changed
            for name, last in move.forbidden.items():
                tenure = min(7, n_cells(GRID[name]) - 1)  # or all values would be forbidden at once
                assert move.clock + tenure <= last <= move.clock + tenure + len(GRID)
                forbidden[name, move.start[name]] = max(
                    last, forbidden.get((name, move.start[name]), 0)
                )
    assert n_checked > 100


def test_a_forbidden_value_is_taken_if_the_point_is_better_than_all_before():
    # the step from p=0 to p=1 forbids p=0
    points = [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2)]
    moves = told(SQUARE, points, [1.0, 2.0, 1.5, 1.2, 3.0], n_neighbours=2)
    assert [(move.kind, move.number) for move in moves] == [
        ("start", 0),
        ("step", 1),
        ("step", 3),  # not to trial 2, which is better and forbidden
        ("step", 4),
    ]
    assert [move.aspired for move in moves] == [False, False, False, True]
    assert moves[1].forbidden.keys() == {"p"}


def test_a_forbidden_value_is_not_proposed_while_there_are_others():
    for seed in range(60):  # the step from p=5 to p=6 forbids p=5
        study = study_of(SQUARE, [(5, 5), (6, 5), (6, 6)], [1.0, 2.0, 3.0])
        study.sampler = TabuSampler(seed, n_startup_trials=1)
        assert study.ask(SQUARE).params != {"p": 5, "q": 6}


def test_a_full_neighbourhood_is_left_for_a_worse_point():
    moves = told(SQUARE, [(5, 5), (5, 4), (5, 6), (4, 5)], [9.0, 1.0, 3.0, 2.0], n_neighbours=3)
    assert [(move.kind, move.number) for move in moves] == [("start", 0), ("step", 2)]


@pytest.mark.parametrize(("weight", "number"), [(0.0, 7), (0.1, 8)])
def test_values_that_were_often_moved_to_count_against_a_point(weight, number):
    points = [(5, 5), (5, 6), (6, 6), (6, 5), (7, 5), (8, 5), (9, 5), (9, 6), (9, 8)]
    values = [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 10.0, 9.9]  # q=6 was moved to once, q=8 never
    moves = told(SQUARE, points, values, n_neighbours=2, tenure=0, frequency_weight=weight)
    assert [move.number for move in moves] == [0, 1, 2, 3, 4, 5, 6, number]


def test_without_success_the_search_returns_to_the_best_point_and_starts_anew():
    points = [(5, 5), *((p, q) for p in range(10) for q in range(10) if (p, q) != (5, 5))]
    values = [100.0, *np.linspace(50, 1, 99)]
    moves = told(SQUARE, points, values, n_neighbours=4, patience=2)
    kinds = [move.kind for move in moves]
    assert kinds[:9] == ["start", *["step", "step", "return"] * 2, "step", "step"]
    assert kinds[9] == "restart"
    returns = [move.end for move in moves if move.kind == "return"]
    assert returns[0] == returns[1] == {"p": 5, "q": 5}


def test_steps_are_smaller_after_a_return():
    space = {"p": FloatDistribution(0, 1), "q": FloatDistribution(0, 1)}

    def mean_step(patience):
        steps = []
        for seed in range(60):
            study = study_of(space, [(0.5, 0.5)], [1.0])
            for p in (0.0, 1.0):
                params, state = {"p": p, "q": 0.5}, TrialState.FAIL
                trial = optuna.create_trial(params=params, distributions=space, state=state)
                study.add_trial(trial)
            more = {"n_startup_trials": 1, "n_neighbours": 2}
            study.sampler = TabuSampler(seed, patience=patience, **more)
            steps.append(max(abs(value - 0.5) for value in study.ask(space).params.values()))
        return np.mean(steps)

    assert mean_step(patience=1) < 0.7 * mean_step(patience=9)


def test_a_deceptive_trap_is_left():
    space = {"n": IntDistribution(0, 400)}

    def trap(point):  # a slope towards 0, and a peak beyond a wide plain of bad values
        return 10.0 - 0.02 * point["n"] if point["n"] < 350 else 20.0 - 0.1 * (400 - point["n"])

    def climb(start):  # along all steps that the neighbourhood has
        here = start
        while True:
            steps = [here + s for step in (1, 2, 8, 40, 120) for s in (-step, step)]
            best = max((n for n in steps if 0 <= n <= 400), key=lambda n: trap({"n": n}))
            if trap({"n": best}) <= trap({"n": here}):
                return here
            here = best

    assert all(climb(start) == 0 for start in range(200))
    for seed in range(10):
        study = optuna.create_study(direction="maximize")
        for n in (40, 80, 120, 150, 180):  # all starts on the slope
            study.enqueue_trial({"n": n})
        go_on(study, TabuSampler(seed), 80, space, trap)
        assert study.best_value > 15


def test_it_beats_random_search():
    wins = 0
    for seed in range(10):
        studies = optuna.create_study(), optuna.create_study()
        go_on(studies[0], TabuSampler(seed), 60, MIXED, bowl)
        go_on(studies[1], RandomSampler(seed=seed), 60, MIXED, bowl)
        wins += studies[0].best_value < studies[1].best_value
    assert wins >= 8


def test_constraints_come_before_values():
    study = optuna.create_study(direction="maximize")
    for p, value, violation in [(0, 9.0, 2.0), (1, 1.0, -1.0), (2, 8.0, 1.0), (3, 0.5, 0.0)]:
        study.add_trial(
            optuna.create_trial(
                params={"p": p, "q": 0},
                distributions=SQUARE,
                value=value,
                constraints={"size": violation},
            )
        )
    moves = TabuSampler(0, n_startup_trials=1).moves(study)
    assert [move.number for move in moves] == [0, 1]


def test_first_trials_are_quasi_random_where_the_space_is_declared():
    sampler = TabuSampler(0, n_startup_trials=8, distributions=MIXED)
    points = go_on(optuna.create_study(), sampler, 8, MIXED, bowl, batch_size=8)
    assert sorted(int(8 * (point["x"] + 5) / 10) for point in points) == list(range(8))


def test_configurations_of_the_user_are_starts_like_others():
    study = optuna.create_study()
    best = {"x": 1.3, "rate": 0.002, "size": 130, "kind": "b"}
    study.enqueue_trial(best)
    study.enqueue_trial({"x": 9.0, "rate": 0.002, "size": 130, "kind": "b"})  # outside, below
    sampler = TabuSampler(0, distributions=MIXED)
    with pytest.warns(UserWarning, match="out of range"):
        go_on(study, sampler, 8, MIXED, bowl)
    assert sampler.moves(study)[0].end == pytest.approx(best)


def test_several_objectives_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=TabuSampler())
    with pytest.raises(ValueError, match="TabuSampler compares single values, but .* 2 objectives"):
        study.ask(MIXED)
    with pytest.raises(ValueError, match="2 objectives"):
        study.sampler.moves(study)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("n_startup_trials", 0),
        ("n_neighbours", 2.0),
        ("tenure", -1),
        ("frequency_weight", -0.1),
        ("patience", 0),
    ],
)
def test_bad_parameters_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}={value} is not valid for TabuSampler"):
        TabuSampler(**{name: value})
