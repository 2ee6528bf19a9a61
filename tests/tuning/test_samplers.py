"""Samplers by name."""

import pickle

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler, TPESampler

from skboost.tuning import KeyedSampler, TabuSampler
from skboost.tuning._samplers import SAMPLERS, resolve_sampler

MIXED = {
    "x": FloatDistribution(-2, 2),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "size": IntDistribution(1, 40),
    "kind": CategoricalDistribution(("a", "b", "c")),
}
SMALL = {"size": IntDistribution(1, 4), "kind": CategoricalDistribution(("a", "b", "c"))}
BRANCHES = {
    "kind": CategoricalDistribution(("a", "b")),
    "a": FloatDistribution(0, 1),
    "b": IntDistribution(0, 9),
}
QUICK = ["random", "qmc", "tpe", "nsga2", "tabu"]


def resolve(value, space=MIXED, seed=3, conditional=False, n_objectives=1):
    return resolve_sampler(value, seed, space, conditional=conditional, n_objectives=n_objectives)


def search(study, sampler, n_trials, space=MIXED, batch_size=4):
    study.sampler = sampler
    for start in range(len(study.trials), n_trials, batch_size):
        batch = [study.ask(space) for _ in range(min(batch_size, n_trials - start))]
        for trial in batch:
            value = abs(trial.params["size"] - 17) + 5 * (trial.params["kind"] != "b")
            study.tell(trial, [float(value), float(trial.number)][: len(study.directions)])
    return [trial.params for trial in study.trials]


def branch(trial):
    if trial.suggest_categorical("kind", ("a", "b")) == "a":
        return trial.suggest_float("a", 0, 1)
    return 0.05 * trial.suggest_int("b", 0, 9)


@pytest.mark.parametrize("alias", QUICK)
def test_a_restored_study_continues_identically(alias):
    study = optuna.create_study()
    whole = search(study, resolve(alias), 48)
    for cut in np.random.default_rng(1).choice(np.arange(4, 48, 4), size=2, replace=False):
        other = optuna.create_study()
        for trial in study.trials[:cut]:
            other.add_trial(trial)
        assert search(other, resolve(alias), 48) == whole


@pytest.mark.parametrize("alias", ["nsga3", "nsga2", "tpe", "qmc"])
def test_several_objectives_continue_identically_too(alias):
    study = optuna.create_study(directions=["minimize", "maximize"])
    whole = search(study, resolve(alias, n_objectives=2), 48)
    other = optuna.create_study(directions=["minimize", "maximize"])
    for trial in study.trials[:28]:
        other.add_trial(trial)
    assert search(other, resolve(alias, n_objectives=2), 48) == whole


@pytest.mark.parametrize("alias", QUICK)
def test_no_point_of_a_discrete_space_is_visited_twice(alias):
    points = search(optuna.create_study(), resolve(alias, SMALL), 14, SMALL)
    keys = [tuple(sorted(point.items())) for point in points]
    assert len(set(keys[:12])) == len(set(keys)) == 12


@pytest.mark.parametrize("alias", QUICK)
def test_conditional_spaces_are_searched_and_continued(alias):
    def search(study, n_trials):
        study.sampler = resolve(alias, BRANCHES, conditional=True)
        study.optimize(branch, n_trials=n_trials)
        return [trial.params for trial in study.trials]

    study = optuna.create_study()
    search(study, 13)
    assert search(study, 12) == search(optuna.create_study(), 25)
    assert {point["kind"] for point in search(study, 0)} == {"a", "b"}


@pytest.mark.parametrize("alias", QUICK)
def test_resolved_samplers_can_be_pickled(alias):
    sampler = pickle.loads(pickle.dumps(resolve(alias)))
    assert search(optuna.create_study(), sampler, 8) == search(
        optuna.create_study(), resolve(alias), 8
    )


def test_the_first_batch_of_a_quasi_random_search_fills_the_space():
    points = search(optuna.create_study(), resolve("qmc"), 8, batch_size=8)
    assert sorted(int(2 * (point["x"] + 2)) for point in points) == list(range(8))


def test_the_gaussian_process_gives_way_after_200_trials():
    pytest.importorskip("torch")
    sampler = resolve("gp").make(0)
    early, late = (
        sampler.sampler_of(optuna.create_trial(value=0.0)) for _ in range(2)
    )  # number -1
    assert early is late is sampler.early
    trial = optuna.create_trial(value=0.0)
    trial.number = 200
    assert isinstance(sampler.sampler_of(trial), TPESampler)


@pytest.mark.parametrize(("alias", "package"), [("gp", "torch"), ("cma", "cmaes")])
def test_a_missing_package_is_named(alias, package, monkeypatch):
    import importlib

    real = importlib.import_module

    def without(name, *rest):
        if name == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ImportError, match=f"sampler='{alias}' needs the package {package}"):
        resolve(alias)


@pytest.mark.parametrize("alias", ["tabu", "cost_model", "cma"])
def test_what_serves_one_objective_refuses_several(alias):
    with pytest.raises(ValueError, match=f"'{alias}' serves one objective, but there are 2"):
        resolve(alias, n_objectives=2)


def test_what_serves_several_objectives_refuses_one():
    with pytest.raises(ValueError, match="'nsga3' needs several objectives"):
        resolve("nsga3")


@pytest.mark.parametrize(
    ("space", "conditional"), [(SMALL, False), (BRANCHES, True)], ids=["one number", "conditions"]
)
def test_covariances_need_two_numbers(space, conditional):
    with pytest.raises(ValueError, match="'cma' adapts at least two numeric parameters"):
        resolve("cma", space, conditional=conditional)


def test_covariances_leave_choices_to_chance_without_a_word(caplog):
    pytest.importorskip("cmaes")
    points = search(optuna.create_study(), resolve("cma"), 20)
    assert {point["kind"] for point in points} == {"a", "b", "c"}
    assert not [record for record in caplog.records if "independent" in record.getMessage()]


def test_functions_and_classes_are_made_anew_for_each_trial():
    for value in (TPESampler, lambda seed: TPESampler(seed=seed)):
        sampler = resolve(value)
        assert isinstance(sampler, KeyedSampler)
        keyed = KeyedSampler(lambda seed: TPESampler(seed=seed), 3, distinct=MIXED)
        assert search(optuna.create_study(), sampler, 16) == search(
            optuna.create_study(), keyed, 16
        )


def test_a_sampler_that_is_keyed_already_gets_one_seed_for_all_trials():
    made = []

    def make(seed):
        made.append(seed)
        return TabuSampler(seed, tenure=3, distributions=MIXED)

    points = search(optuna.create_study(), resolve(make), 20)
    assert made == [3]
    plain = TabuSampler(3, tenure=3, distributions=MIXED)
    assert points == search(optuna.create_study(), plain, 20)


def test_an_instance_is_copied_and_left_as_it_is():
    given = RandomSampler(seed=0)
    sampler = resolve(given)
    assert type(sampler) is RandomSampler
    assert sampler is not given
    first = search(optuna.create_study(), sampler, 4)
    assert search(optuna.create_study(), given, 4) == first


@pytest.mark.parametrize("value", ["grid", None, 3])
def test_anything_else_is_refused(value):
    with pytest.raises(ValueError, match="is unknown; choose from"):
        resolve(value)


def test_a_function_must_return_a_sampler():
    with pytest.raises(ValueError, match="must return a sampler"):
        resolve(lambda seed: "tpe")


def test_every_alias_is_registered_once():
    from skboost.tuning._samplers import register

    assert set(QUICK) < set(SAMPLERS)
    with pytest.raises(ValueError, match="twice"):
        register("tpe")(SAMPLERS["tpe"])
