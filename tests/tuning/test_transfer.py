"""Earlier studies as sources of CostModelSampler: what they tell, and how little they can harm."""

import pickle

import numpy as np
import optuna
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import create_trial

from skboost.tuning import CostModelSampler
from skboost.tuning._encoding import Encoding
from skboost.tuning._ensemble import fit_ensemble
from skboost.tuning._history import HistoryReader
from skboost.tuning._transfer import Source, SourceModels, ordered_share, vote

SPACE = {"kind": CategoricalDistribution(("a", "b", "c"))} | {
    f"x{j}": IntDistribution(0, 5) for j in range(3)
}  # sorted by name, as histories are
MODEL = {"n_members": 5, "n_rounds": 10}


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def score(params):
    place = np.array([params[f"x{j}"] for j in range(3)])
    return float(-np.abs(place - [4, 1, 3]).sum() - 2 * (params["kind"] != "b"))


def random_study(score=score, seed=0, n_trials=60, space=SPACE, direction="maximize"):
    sampler = optuna.samplers.RandomSampler(seed=seed)
    study = optuna.create_study(direction=direction, sampler=sampler)
    for _ in range(n_trials):
        trial = study.ask(space)
        study.tell(trial, score(trial.params))
    return study


def run(study, n_trials):
    while len(study.trials) < n_trials:
        trial = study.ask(SPACE)
        study.tell(trial, score(trial.params))
    return [trial.params for trial in study.trials]


def warm(*sources, seed=0, n_trials=0):
    sampler = CostModelSampler(seed=seed, sources=sources, distributions=SPACE, **MODEL)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    run(study, n_trials)
    return study


def models(*studies):
    return SourceModels(
        [Source(study) for study in studies],
        Encoding(SPACE),
        StudyDirection.MAXIMIZE,
        entropy=0,
        **MODEL,
    )


def history_of(study):
    return HistoryReader().read(study.trials, SPACE, study.direction)


def test_predictions_of_sources_follow_their_rows():
    base = models(random_study(seed=1), random_study(seed=2))
    units = base.encoding.all_units()
    order = np.random.default_rng(0).permutation(len(units))
    assert_array_equal(base.predict(units[order]), base.predict(units)[:, order])


def test_a_source_ranks_the_points_of_its_own_problem():
    base = models(random_study())
    points = base.encoding.all_units()
    truth = np.array([score(base.encoding.point(row)) for row in points])
    assert ordered_share(base.predict(points)[0], truth) > 0.8
    against = models(random_study(lambda params: -score(params)))
    assert ordered_share(against.predict(points)[0], truth) < 0.2


def test_a_minimised_source_is_turned_round():
    lowest = random_study(lambda params: -score(params), direction="minimize")
    assert_array_equal(
        models(lowest).predict(Encoding(SPACE).all_units()),
        models(random_study()).predict(Encoding(SPACE).all_units()),
    )


def test_trials_without_a_study_have_the_direction_of_the_new_one():
    study = random_study()
    expected = run(warm(study), 12)
    assert run(warm(study.trials), 12) == expected


def test_scales_of_sources_never_mix():
    stretched = random_study(lambda params: 1e6 * score(params) - 5e7)
    assert run(warm(stretched, random_study(seed=1)), 16) == run(
        warm(random_study(), random_study(seed=1)), 16
    )


def test_parameters_are_matched_by_name_over_the_new_space():
    trials = [
        create_trial(
            value=value,
            params={"rate": rate, "kind": kind, "other": 3},
            distributions={
                "rate": FloatDistribution(1e-6, 1e2, log=True),
                "kind": CategoricalDistribution(("a", "z")),
                "other": IntDistribution(0, 9),
            },
        )
        for value, rate, kind in ((1.0, 1e-1, "a"), (2.0, 1e2, "z"))
    ]
    target = {
        "kind": CategoricalDistribution(("b", "a")),
        "rate": FloatDistribution(1e-3, 1e0, log=True),
        "new": FloatDistribution(0, 1),
    }
    units = Encoding(target).units(trial.params for trial in Source(trials).trials)
    assert_allclose(units, [[0.75, 2 / 3, np.nan], [np.nan, 1.0, np.nan]])


def test_ordered_share_counts_pairs():
    truth = np.array([1.0, 2.0, 3.0, 3.0])
    assert ordered_share(truth, truth) == 1.0
    assert ordered_share(-truth, truth) == 0.0
    assert ordered_share(np.zeros(4), truth) == 0.5
    assert ordered_share(truth, np.zeros(4)) == 0.5


def test_votes_go_to_the_model_that_orders_best():
    random = np.random.default_rng(0)
    truth = random.random(30)
    noise = random.random(30)
    assert_allclose(vote([truth, noise], truth, [0])[0], 1.0)
    assert_allclose(vote([-truth, noise], truth, [0]), [0, 1])
    assert_allclose(vote([0 * truth, -truth], truth, [0]), [0, 1])  # no better than chance
    assert_allclose(vote([truth, truth], truth, [0]), [0, 1])  # a tie is the own model's
    blind = np.where(np.arange(30) < 5, np.nan, truth)
    assert_allclose(vote([truth, blind], truth, [0]), [0, 1])
    assert_allclose(vote([truth, np.full(30, np.nan)], truth, [0]), [0, 1])


def test_the_own_model_is_judged_by_rows_it_has_not_seen():
    random = np.random.default_rng(1)
    features = random.random((40, 4), dtype=np.float32)
    noise = random.random(40)
    own = fit_ensemble(features, noise, n_members=10, n_rounds=20, seed=[0])
    assert ordered_share(own.predict(features).mean(axis=1), noise) > 0.8
    outside = own.out_of_bag(features)
    known = ~np.isnan(outside)
    assert ordered_share(outside[known], noise[known]) < 0.75  # its standard deviation is 0.05


def test_a_good_source_counts_more_than_a_model_that_knows_its_rows_by_heart():
    good = models(random_study())
    for seed in range(5):
        history = history_of(random_study(seed=10 + seed, n_trials=12))
        units, target = history.known()
        features = history.encoding.features(units)
        own = fit_ensemble(features, target, n_members=20, n_rounds=200, seed=[seed])
        by_heart = ordered_share(own.predict(features).mean(axis=1), target)
        assert by_heart > ordered_share(good.predict(units)[0], target)
        assert good.weights(history, own)[0] > 0.5


def test_a_misleading_source_gets_no_weight():
    against = models(random_study(lambda params: -score(params)))
    for seed in range(5):
        history = history_of(random_study(seed=10 + seed, n_trials=12))
        units, target = history.known()
        own = fit_ensemble(history.encoding.features(units), target, seed=[seed], **MODEL)
        assert not against.are_plausible(history)
        assert_allclose(against.weights(history, own), [0, 1])


def test_sources_lead_at_most_every_fourth_trial_after_the_start():
    source = random_study()
    past = random_study(seed=3, n_trials=24).trials
    differ = []
    for n_trials in range(5, 25):
        asked = []
        for study in (warm(source), warm()):
            study.add_trials(past[:n_trials])
            asked.append(study.ask(SPACE).params)
        differ.append(asked[0] != asked[1])
    led = [n_trials for n_trials, other in zip(range(5, 25), differ, strict=True) if other]
    assert led
    assert all(number % 4 == 3 for number in led)


def test_a_good_source_helps_at_once():
    source = random_study(n_trials=100)
    gains = []
    for seed in range(8):
        first = [
            max(map(score, run(study, 8))) for study in (warm(source, seed=seed), warm(seed=seed))
        ]
        gains.append(first[0] - first[1])
    assert np.mean(gains) > 0.5


def test_a_study_with_sources_goes_on_identically():
    source = random_study(n_trials=20)
    whole = warm(source, n_trials=20)
    expected = [trial.params for trial in whole.trials]
    rebuilt = warm(source)
    rebuilt.add_trials(whole.trials[:11])
    rebuilt.sampler = pickle.loads(pickle.dumps(rebuilt.sampler))
    assert run(rebuilt, 20) == expected


def test_unusable_sources_are_refused():
    with pytest.raises(ValueError, match="0 measured trials"):
        CostModelSampler(sources=[optuna.create_study()])
    with pytest.raises(ValueError, match="one objective, but this one has 2"):
        CostModelSampler(sources=[optuna.create_study(directions=["minimize", "maximize"])])
    with pytest.raises(ValueError, match="sources must be a list of studies"):
        CostModelSampler(sources=[[3, 4]])
    for unfit in (random_study(n_trials=3), random_study(n_trials=3).trials, "study"):
        with pytest.raises(ValueError, match="sources must be a list of studies"):
            CostModelSampler(sources=unfit)
