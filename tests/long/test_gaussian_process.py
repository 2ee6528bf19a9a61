"""A Gaussian process that is made anew for each trial continues a restored study identically."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from skboost.tuning._samplers import resolve_sampler

SPACE = {"x": FloatDistribution(-2, 2), "kind": CategoricalDistribution(("a", "b", "c"))}


def go_on(study, n_trials):
    study.sampler = resolve_sampler("gp", 0, SPACE, conditional=False, n_objectives=1)
    for start in range(len(study.trials), n_trials, 2):
        batch = [study.ask(SPACE) for _ in range(min(2, n_trials - start))]
        for trial in batch:
            study.tell(trial, trial.params["x"] ** 2 + (trial.params["kind"] != "b"))
    return [trial.params for trial in study.trials]


@pytest.mark.long
def test_a_restored_study_continues_identically():
    pytest.importorskip("torch")
    study = optuna.create_study()
    whole = go_on(study, 18)
    for cut in (6, 12, 16):
        other = optuna.create_study()
        for trial in study.trials[:cut]:
            other.add_trial(trial)
        assert go_on(other, 18) == whole
