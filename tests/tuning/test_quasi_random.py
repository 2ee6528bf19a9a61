"""Points that fill a space evenly."""

import pickle

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from skboost.tuning import QuasiRandomSampler
from skboost.tuning._quasirandom import quasi_random_point
from skboost.tuning._unit import to_unit

SPACE = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "share": FloatDistribution(0.0, 1.0, step=0.125),
    "size": IntDistribution(1, 100),
    "kind": CategoricalDistribution(("a", "b", "c", "d")),
    "constant": IntDistribution(7, 7),
}


class TestQuasiRandomSampler(
    BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase
):
    @pytest.fixture
    def sampler(self):
        return lambda: QuasiRandomSampler(seed=0)


@pytest.mark.parametrize("start", [0, 32, 256, 512])
def test_each_of_32_intervals_gets_one_of_32_points(start):
    space = {name: FloatDistribution(-1, 3) for name in "abcde"}
    points = [quasi_random_point(space, start + index, seed=3) for index in range(32)]
    for name in space:
        cells = [int(32 * to_unit(space[name], point[name])) for point in points]
        assert sorted(cells) == list(range(32))


def test_choices_are_equally_frequent():
    points = [quasi_random_point(SPACE, index, seed=1)["kind"] for index in range(64)]
    assert [points.count(kind) for kind in "abcd"] == [16] * 4


def test_a_point_does_not_depend_on_the_order_of_parameters():
    backwards = dict(reversed(SPACE.items()))
    assert quasi_random_point(SPACE, 5, 0) == quasi_random_point(backwards, 5, 0)
    assert quasi_random_point(SPACE, 5, 0) != quasi_random_point(SPACE, 5, 1)


@pytest.mark.parametrize("distributions", [None, SPACE])
def test_a_resumed_study_continues_the_sequence(distributions):
    def run(study, n_trials):
        study.sampler = QuasiRandomSampler(seed=4, distributions=distributions)
        for _ in range(n_trials):
            study.tell(study.ask(SPACE), 0.0)
        return [trial.params for trial in study.trials]

    interrupted = optuna.create_study()
    run(interrupted, 9)
    whole = run(optuna.create_study(), 20)
    assert run(interrupted, 11) == whole
    assert len({point["rate"] for point in whole}) == 20


def test_workers_with_one_seed_share_the_sequence():
    study = optuna.create_study()
    for _ in range(16):  # each trial by another worker
        study.sampler = QuasiRandomSampler(seed=0, distributions=SPACE)
        study.ask(SPACE)
    cells = [int(16 * to_unit(SPACE["rate"], trial.params["rate"])) for trial in study.trials]
    assert sorted(cells) == list(range(16))


def test_without_a_seed_each_sampler_has_its_own_and_keeps_it():
    one, other = QuasiRandomSampler(), QuasiRandomSampler()
    study = optuna.create_study(sampler=one)
    study.ask()
    trial = study.trials[0]
    again = pickle.loads(pickle.dumps(one))
    point = one.sample_relative(study, trial, SPACE)
    assert again.sample_relative(study, trial, SPACE) == point
    assert other.sample_relative(study, trial, SPACE) != point


def test_values_of_single_parameters_do_not_repeat_each_other():
    study = optuna.create_study(sampler=QuasiRandomSampler(seed=0))
    points = [study.ask({"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}).params]
    for _ in range(199):
        points.append(study.ask({name: FloatDistribution(0, 1) for name in "xy"}).params)
    x, y = np.array([[point["x"], point["y"]] for point in points]).T
    assert len(set(x)) == len(set(y)) == 200
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.3  # more than four standard deviations


def test_bad_seed_is_refused():
    with pytest.raises(ValueError, match="seed=-1"):
        QuasiRandomSampler(seed=-1)
