"""CostModelSampler: a function of the study, never twice the same point, and better than chance."""

import copy
import itertools
import math
import pickle

import numpy as np
import optuna
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)
from optuna.trial import TrialState, create_trial

from skboost.tuning import CostModelSampler
from skboost.tuning._activity import closed, learn_gates
from skboost.tuning._candidates import candidate_units
from skboost.tuning._encoding import Encoding
from skboost.tuning._ensemble import fit_ensemble
from skboost.tuning._history import HistoryReader
from skboost.tuning._targets import mean_ranks, rank_targets

MIXED = {
    "kind": CategoricalDistribution(("a", "b", "c")),
    "size": IntDistribution(1, 64, log=True),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "share": FloatDistribution(0.0, 1.0, step=0.25),
}
GRID = {f"x{j}": IntDistribution(0, 3) for j in range(5)} | {
    "kind": CategoricalDistribution(("a", "b", "c"))
}


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def small(seed=0, **options):
    """A sampler with a small model, for tests of everything but its quality."""
    return CostModelSampler(
        **{"seed": seed, "n_startup_trials": 4, "n_members": 3, "n_rounds": 4, **options}
    )


def mixed_score(params):
    gain = {"a": 0.0, "b": 0.5, "c": 0.2}[params["kind"]]
    return (
        gain
        - abs(math.log10(params["rate"]) + 2)
        + 0.1 * math.log(params["size"])
        - params["share"]
    )


def grid_score(params):
    place = np.array([params[f"x{j}"] for j in range(5)])
    return float(-np.abs(place - [3, 1, 2, 0, 3]).sum() - 2 * (params["kind"] != "b"))


def run(study, space, score, n_trials, batch=1):
    """Ask and tell in batches up to ``n_trials`` in all; every seventh trial fails, every fifth is pruned."""
    while len(study.trials) < n_trials:
        trials = [study.ask(space) for _ in range(min(batch, n_trials - len(study.trials)))]
        for trial in trials:
            if trial.number % 7 == 6:
                study.tell(trial, state=TrialState.FAIL)
            elif trial.number % 5 == 4:
                trial.report(score(trial.params), 1)
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, score(trial.params))
    return [trial.params for trial in study.trials]


def maximised(sampler):
    return optuna.create_study(direction="maximize", sampler=sampler)


class TestCostModelSampler(
    BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase
):
    """Optuna's own cases."""

    @pytest.fixture
    def sampler(self):
        return lambda: small(n_startup_trials=2)


# ---- a function of the trials, the seed and the number


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("space", [MIXED, GRID], ids=["mixed", "grid"])
def test_a_study_that_is_rebuilt_goes_on_identically(space, batch):
    score = mixed_score if space is MIXED else grid_score
    whole = maximised(small())
    expected = run(whole, space, score, 28, batch)
    for cut in np.random.default_rng(batch).choice(np.arange(0, 28, batch), 3, replace=False):
        rebuilt = maximised(small())
        rebuilt.add_trials(whole.trials[:cut])
        assert run(rebuilt, space, score, 28, batch) == expected


def test_proposals_do_not_depend_on_what_the_object_has_seen():
    expected = run(maximised(small()), MIXED, mixed_score, 16)
    worn = small()
    run(maximised(worn), dict(reversed(MIXED.items())), mixed_score, 9)
    run(maximised(worn), MIXED, lambda params: -mixed_score(params), 16)
    run(maximised(worn), GRID, grid_score, 9)
    for sampler in (worn, copy.deepcopy(worn), pickle.loads(pickle.dumps(worn))):
        assert run(maximised(sampler), MIXED, mixed_score, 16) == expected


def test_one_object_may_serve_several_studies():
    scores = mixed_score, lambda params: -mixed_score(params)
    alone = [run(maximised(small()), MIXED, score, 12) for score in scores]
    sampler = small()
    studies = maximised(sampler), maximised(sampler)
    for n_trials in range(1, 13):
        found = [run(s, MIXED, score, n_trials) for s, score in zip(studies, scores, strict=True)]
    assert found == alone


def test_a_sampler_can_be_pickled_between_trials():
    expected = run(maximised(small()), MIXED, mixed_score, 12)
    study = maximised(small())
    for n_trials in range(1, 13):
        found = run(study, MIXED, mixed_score, n_trials)
        study.sampler = pickle.loads(pickle.dumps(study.sampler))
    assert found == expected


def test_seeds_differ_and_none_draws_one():
    found = [run(maximised(small(seed)), MIXED, mixed_score, 6) for seed in (0, 1, None, None)]
    assert all(a != b for a, b in itertools.combinations(found, 2))


def test_only_ranks_count():
    expected = run(maximised(small()), MIXED, mixed_score, 20)
    stretched = run(maximised(small()), MIXED, lambda p: math.exp(9 * mixed_score(p)), 20)
    assert stretched == expected


def test_minimising_is_maximising_the_negative():
    expected = run(maximised(small()), MIXED, mixed_score, 20)
    study = optuna.create_study(sampler=small())
    assert run(study, MIXED, lambda params: -mixed_score(params), 20) == expected


def test_nothing_is_printed(capfd):
    run(maximised(small()), MIXED, mixed_score, 10)
    assert capfd.readouterr() == ("", "")


# ---- points


@pytest.mark.parametrize("batch", [1, 4])
def test_no_point_repeats_before_a_discrete_space_is_exhausted(batch):
    space = {
        "kind": MIXED["kind"],
        "share": MIXED["share"],
        "flag": CategoricalDistribution((0, 1)),
    }
    study = maximised(small())
    found = run(study, space, lambda params: params["share"], 33, batch)
    assert len({tuple(params.items()) for params in found[:30]}) == 30


def test_the_start_is_quasi_random():
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=small(n_startup_trials=16, distributions=space))
    found = run(study, space, lambda params: params["x"], 16)
    for name in space:
        assert sorted(int(16 * params[name]) for params in found) == list(range(16))


def test_what_is_enqueued_in_part_is_completed_around_it():
    study = maximised(small(random_share=0.0))
    run(study, GRID, grid_score, 20)
    before = {tuple(trial.params.items()) for trial in study.trials}
    for _ in range(4):
        study.enqueue_trial({"kind": "c", "x0": 2})
    for _ in range(4):
        trial = study.ask(GRID)
        assert (trial.params["kind"], trial.params["x0"]) == ("c", 2)
        assert tuple(trial.params.items()) not in before
        before.add(tuple(trial.params.items()))


def test_failing_points_are_avoided():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", 0, 1)
        if x > 0.4:
            raise ArithmeticError
        return x

    study = maximised(small(n_members=5, n_rounds=10))
    study.optimize(objective, n_trials=40, catch=ArithmeticError)
    late = [trial.state for trial in study.trials[20:]]
    assert (
        late.count(TrialState.FAIL) < 10
    )  # 12 of 20 at random, and the best points are next to failing ones
    assert study.best_value > 0.3


@pytest.mark.parametrize(("n_after", "peak"), [(13, 1.0), (16, 1.0), (5, 0.0)])
def test_far_points_follow_when_nothing_is_gained_or_learned(n_after, peak):
    space = {"x": FloatDistribution(0, 1)}
    for seed in range(8):
        study = maximised(small(seed, random_share=0.0))
        for x in [0.2, *np.linspace(0.0, 0.4, n_after)]:
            value = peak * (1 - abs(x - 0.2))
            study.add_trial(optuna.create_trial(params={"x": x}, distributions=space, value=value))
        assert study.ask(space).params["x"] > 0.9


def test_it_sees_the_trials_of_a_bracket_only():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(1, 10):
            trial.report(x * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 9 * x

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    study = optuna.create_study(direction="maximize", sampler=small(), pruner=pruner)
    study.optimize(objective, n_trials=20)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


def test_several_objectives_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=small())
    with pytest.raises(ValueError, match="one objective, but this one has 2 directions"):
        study.ask(MIXED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed=-1"),
        ({"n_startup_trials": 0}, "n_startup_trials=0"),
        ({"n_members": 1}, "n_members=1"),
        ({"n_rounds": 2.5}, "n_rounds=2.5"),
        ({"exploration": -1.0}, "exploration=-1.0"),
        ({"random_share": 1.5}, "random_share=1.5"),
    ],
)
def test_impossible_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        CostModelSampler(**options)


# ---- conditional spaces


def conditional(trial):
    kind = trial.suggest_categorical("kind", ["linear", "tree"])
    if kind == "linear":
        return -abs(math.log10(trial.suggest_float("penalty", 1e-4, 1e2, log=True)) - 1)
    depth = trial.suggest_int("depth", 1, 12)
    if depth > 6:
        return -1 - abs(trial.suggest_float("prune", 0.0, 1.0) - 0.5)
    return -abs(depth - 3) - 0.5


def test_conditions_are_learned():
    encoding = Encoding(
        {
            "kind": CategoricalDistribution(["linear", "tree"]),
            "penalty": FloatDistribution(1e-4, 1e2, log=True),
            "depth": IntDistribution(1, 12),
            "prune": FloatDistribution(0.0, 1.0),
        }
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(conditional, n_trials=80)
    gates = learn_gates(encoding, encoding.units(trial.params for trial in study.trials))
    assert {(gate.child, gate.parent) for gate in gates} == {(1, 0), (2, 0), (3, 2)}
    random = np.random.default_rng(0)
    rows = closed(encoding.snapped(random.random((200, 4))), gates)
    for row in rows:
        point = encoding.point(row)
        names = set(point) - {"kind"}
        if point["kind"] == "linear":
            assert names == {"penalty"}
        else:
            assert names == ({"depth", "prune"} if point["depth"] > 6 else {"depth"})


def test_conditional_parameters_are_chosen_by_the_model():
    def objective(trial):
        if trial.suggest_categorical("kind", ["linear", "tree"]) == "linear":
            return -trial.suggest_float("penalty", 0.0, 1.0)
        return 1.0 - abs(trial.suggest_float("share", 0.0, 1.0) - 0.8)

    study = maximised(small(n_members=5, n_rounds=10))
    study.optimize(objective, n_trials=36)
    late = [trial.params.get("share", 0.0) for trial in study.trials[16:]]
    assert np.mean(np.abs(np.array(late) - 0.8) < 0.2) > 0.6  # 0.2 at random


# ---- parts


def test_features_tell_choices_and_missing_values():
    encoding = Encoding(MIXED)
    units = encoding.units(
        [{"kind": "b", "size": 1, "rate": 1e-2, "share": 1.0}, {"kind": "d", "rate": "none"}]
    )
    features = encoding.features(units)
    assert_array_equal(features[0, :3], [0, 1, 0])
    assert_allclose(features[0, 4:], [0.5, 0.9], rtol=1e-6)
    assert np.isnan(features[1]).all()


@pytest.mark.parametrize("name", list(MIXED))
def test_snapped_units_are_places_of_values(name):
    encoding = Encoding({name: MIXED[name]})
    units = encoding.snapped(np.linspace(-0.1, 1.1, 97)[:, None])
    back = encoding.units(encoding.point(row) for row in units)
    assert_array_equal(encoding.keys(back), encoding.keys(units))
    assert_allclose(back, units, atol=1e-12)


def test_all_points_are_listed_once():
    encoding = Encoding(GRID)
    units = encoding.all_units()
    assert len(units) == encoding.n_points == 4**5 * 3
    assert len(np.unique(encoding.keys(units))) == encoding.n_points
    values = {tuple(encoding.point(row).items()) for row in units}
    assert len(values) == encoding.n_points


def test_candidates_of_large_spaces_are_valid_and_distinct():
    encoding, random = Encoding(MIXED), np.random.default_rng(0)
    units = encoding.snapped(random.random((30, 4)))
    candidates = candidate_units(encoding, [], units, random.random(30), random)
    assert len(np.unique(encoding.keys(candidates))) == len(candidates) > 1000
    assert_allclose(encoding.snapped(candidates), candidates)


def trial_of(value=None, state=TrialState.COMPLETE, reported=(), violation=None):
    return create_trial(
        state=state,
        value=value,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0, 1)},
        intermediate_values=dict(enumerate(reported)),
        system_attrs={} if violation is None else {"constraints": [violation]},
    )


def test_targets_are_ranks_and_failures_come_last():
    trials = [trial_of(v) for v in (3.0, -math.inf, 1.0, 1.0)] + [trial_of(state=TrialState.FAIL)]
    assert_allclose(rank_targets(trials, StudyDirection.MAXIMIZE), [0.875, 0.125, 0.5, 0.5, 0])
    assert_allclose(rank_targets(trials, StudyDirection.MINIMIZE), [0.125, 0.875, 0.5, 0.5, 0])


def test_pruned_trials_rank_no_higher_than_the_worst_quarter():
    complete = [trial_of(float(v)) for v in range(8)]
    pruned = [
        trial_of(state=TrialState.PRUNED, reported=reported)
        for reported in ([9.0, 100.0], [100.0, -5.0], [], [math.nan])
    ]
    target = rank_targets(complete + pruned, StudyDirection.MAXIMIZE)
    assert target[8] == target[1]
    assert target[9] < target[0]
    assert target[10] == target[11] < target[9]


def test_trials_that_break_constraints_rank_below_the_others():
    trials = [
        trial_of(5.0, violation=2.0),
        trial_of(4.0, violation=1.0),
        trial_of(0.0, violation=-1.0),
    ]
    assert_allclose(rank_targets(trials, StudyDirection.MAXIMIZE), np.array([1, 3, 5]) / 6)


def test_trials_given_up_by_a_search_say_nothing():
    given_up = trial_of(state=TrialState.FAIL)
    scored = trial_of(1.0)
    scored.user_attrs["skboost"] = {"number": 0, "state": "complete"}
    failed = trial_of(0.0)
    failed.user_attrs["skboost"] = {"number": 1, "state": "failed"}
    history = HistoryReader().read(
        [given_up, scored, failed], {"x": FloatDistribution(0, 1)}, StudyDirection.MAXIMIZE
    )
    assert_allclose(history.target, [0.5, 0.0])


def test_mean_ranks_share_ties():
    assert_allclose(mean_ranks(np.array([2.0, 1.0, 2.0, -np.inf])), [3.5, 2, 3.5, 1])


def test_the_model_is_fitted_anew_ever_more_rarely():
    space = {"x": FloatDistribution(0, 1)}
    known = []
    for n in (0, 1, 100, 101, 102, 299, 300, 499):
        trials = [trial_of(float(i)) for i in range(n)]
        known.append(HistoryReader().read(trials, space, StudyDirection.MAXIMIZE).n_known)
    assert known == [0, 1, 100, 100, 102, 297, 300, 495]


def test_members_differ_and_their_mean_learns():
    random = np.random.default_rng(0)
    X = random.random((120, 3), dtype=np.float32)
    y = X[:, 0] * X[:, 1]
    ensemble = fit_ensemble(X[:80], y[:80], n_members=10, n_rounds=20, seed=[0])
    prediction = ensemble.predict(X)
    assert prediction.shape == (120, 10)
    assert prediction.std(axis=1).min() > 0
    assert np.corrcoef(prediction[80:].mean(axis=1), y[80:])[0, 1] > 0.8
    outside = ensemble.out_of_bag(X[:80])
    within = np.mean((prediction[:80].mean(axis=1) - y[:80]) ** 2)
    assert np.nanmean((outside - y[:80]) ** 2) > within


def test_rows_that_a_member_did_not_draw_do_not_reach_it():
    X = np.arange(8, dtype=np.float32)[:, None]
    y = np.arange(8) / 8
    ensemble = fit_ensemble(X, y, n_members=4, n_rounds=3, seed=[1])
    unseen = ensemble.count[:, 2] == 0
    assert unseen.any()
    changed = fit_ensemble(X, np.where(unseen, 9.0, y), n_members=4, n_rounds=3, seed=[1])
    assert_allclose(changed.predict(X)[:, 2], ensemble.predict(X)[:, 2])


# ---- quality


def test_it_beats_random_search():
    """The best of 40 points of a table of 3,072, over 30 seeds, in batches of four."""
    points = [
        dict(zip(GRID, values, strict=True))
        for values in itertools.product(range(4), range(4), range(4), range(4), range(4), "abc")
    ]
    table = np.array([grid_score(point) for point in points])
    wins = ties = 0
    for seed in range(30):
        sampler = CostModelSampler(seed=seed, n_members=5, n_rounds=10)
        study = maximised(sampler)
        while len(study.trials) < 40:
            for trial in [study.ask(GRID) for _ in range(4)]:
                study.tell(trial, grid_score(trial.params))
        by_chance = np.random.default_rng(seed).choice(table, 40, replace=False).max()
        wins += study.best_value > by_chance
        ties += study.best_value == by_chance
    assert wins + ties / 2 >= 24
