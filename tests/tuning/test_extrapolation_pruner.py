"""Extrapolated learning curves stop most trials early and keep the best one."""

import copy
import pickle

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from skboost.tuning import ExtrapolationPruner
from skboost.tuning._extrapolation import in_groups
from skboost.tuning._learning_curve import chance_of_exceeding, linear_part

FREE = (-np.inf, np.inf)


def curves(seed, n_trials=12, n_steps=40, noise=0.005):
    """Learning curves a - b t^-c with noise, as (n_trials, n_steps), and their last values without noise."""
    rng = np.random.default_rng([11, seed])
    limit, drop, rate = (
        rng.uniform(low, high, n_trials) for low, high in ((0.6, 0.95), (0.1, 0.5), (0.3, 1.5))
    )
    steps = np.arange(1, n_steps + 1)
    exact = limit[:, None] - drop[:, None] * steps ** -rate[:, None]
    return exact + rng.normal(scale=noise, size=exact.shape), exact[:, -1]


def race(pruner, values, sign=1.0):
    """Number of steps taken, and the trials that were stopped."""
    study = optuna.create_study(direction="maximize" if sign > 0 else "minimize", pruner=pruner)
    steps, stopped = 0, []
    for number, row in enumerate(sign * values):
        trial = study.ask()
        for step, value in enumerate(row, start=1):
            steps += 1
            trial.report(value, step=step)
            if trial.should_prune():
                stopped.append(number)
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, row[-1])
    return steps, stopped


def verdict(pruner, others, own, direction="maximize", first=1):
    """What the pruner says of a running trial after others are complete."""
    study = optuna.create_study(direction=direction, pruner=pruner)
    for other in others:
        known = dict(enumerate(map(float, other), start=first))
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE, value=float(other[-1]), intermediate_values=known
            )
        )
    trial = study.ask()
    for step, value in enumerate(own, start=first):
        trial.report(value, step=step)
    return trial.should_prune()


def test_steps_are_saved_and_the_best_trial_is_kept():
    """10 searches; the long tests make 200. If one in 100 lost its best trial, 4 of 10 would once in 500,000."""
    taken, lost = [], 0
    for seed in range(10):
        values, final = curves(seed, n_trials=10, n_steps=30)
        steps, stopped = race(ExtrapolationPruner(), values)
        taken.append(steps / values.size)
        lost += int(np.argmax(final)) in stopped
    assert np.mean(taken) < 0.6
    assert lost < 4


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_minimising_is_maximising_the_negative(tolerance):
    for seed in range(3):
        values, _ = curves(seed)
        up = race(ExtrapolationPruner(bounds=(0, 1), tolerance=tolerance), values)
        pruner = ExtrapolationPruner(bounds=(-1, 0), tolerance=tolerance)
        assert race(pruner, values, sign=-1.0) == up


def test_the_unit_of_the_metric_does_not_matter():
    values, _ = curves(4)
    expected = race(ExtrapolationPruner(bounds=(0, 1), tolerance=0.125), values)
    for unit in (2.0**-30, 2.0**30):
        pruner = ExtrapolationPruner(bounds=(0, unit), tolerance=0.125 * unit)
        assert race(pruner, values * unit) == expected


@pytest.mark.parametrize("level", [0.0, 0.5, 1e300, 1e-300])
def test_constant_curves_never_raise(level):
    flat = np.full(20, level)
    for n_values in range(1, 20):
        assert not verdict(ExtrapolationPruner(), [flat], flat[:n_values])
        assert not verdict(ExtrapolationPruner(), [flat], flat[:n_values], "minimize")
    assert verdict(ExtrapolationPruner(), [flat + 0.1 * max(level, 1.0)], flat[:10])


@pytest.mark.parametrize("seed", range(10))
def test_curves_of_growing_variance_never_raise(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(8, 30)) * 1.5 ** np.arange(30)
    steps, _ = race(ExtrapolationPruner(bounds=(-1, 1) if seed % 2 else None), values)
    assert steps > 0


@pytest.mark.parametrize(
    "own",
    [
        np.linspace(0.9, 0.1, 12),  # falls
        np.tile([0.1, 0.9], 6),  # jumps
        np.r_[np.zeros(11), 1e-12],
        np.r_[0.1, np.full(11, 0.5)],
        np.geomspace(1e-200, 1e200, 12),
        np.array([-1e308, 1e308] * 6),
        np.array([5e-324, 0.0] * 6),
    ],
)
def test_odd_curves_never_raise(own):
    others = [np.linspace(0.1, 2.0, 40) * max(1.0, abs(own).max() / 2)] * 6
    assert verdict(ExtrapolationPruner(), others, own) in (True, False)
    assert verdict(ExtrapolationPruner(bounds=(0, 1)), others, own) in (True, False)


def test_the_best_so_far_is_never_stopped():
    """A trial that is level with the best one at the same step goes on, however flat it is."""
    best = 0.9 - 0.5 * np.arange(1, 41) ** -0.5
    assert not verdict(ExtrapolationPruner(), [best], best[:10])
    assert not verdict(ExtrapolationPruner(), [best], np.full(10, best[9]))
    assert verdict(ExtrapolationPruner(), [best], np.full(10, best[9] - 0.01))
    assert not verdict(ExtrapolationPruner(), [best], np.r_[best[:9], 0.95])


def test_a_slow_curve_that_will_win_goes_on():
    steps = np.arange(1, 41)
    fast, slow = 0.8 - 0.3 / steps, 0.9 - 0.6 * steps**-0.5
    assert slow[9] < fast[9]
    assert slow[-1] > fast[-1]
    assert not verdict(ExtrapolationPruner(), [fast], slow[:10])


def test_the_warm_up_is_kept():
    good, bad = np.full(40, 0.9), np.full(40, 0.1) + 0.001 * np.tile([0, 1], 20)
    assert not verdict(ExtrapolationPruner(), [good], bad[:7])
    assert verdict(ExtrapolationPruner(), [good], bad[:8])
    assert verdict(ExtrapolationPruner(warmup_share=0.0), [good], bad[:6])
    assert not verdict(ExtrapolationPruner(warmup_share=0.0), [good], bad[:3])
    assert not verdict(ExtrapolationPruner(n_warmup_values=12), [good], bad[:11])
    assert verdict(ExtrapolationPruner(max_step=30), [good], bad[:6])
    assert not verdict(ExtrapolationPruner(max_step=100), [good], bad[:19])
    assert not verdict(ExtrapolationPruner(), [], bad[:20])
    assert not verdict(ExtrapolationPruner(), [good], bad)


def test_bounds_make_values_beyond_them_improbable():
    steps = np.arange(1.0, 16.0)
    values = 1.0 - 0.6 * steps**-0.3 + np.random.default_rng(0).normal(scale=0.005, size=15)
    free, narrow = (
        chance_of_exceeding(steps, values, 100.0, 0.83, bounds) for bounds in (FREE, (0.0, 0.8))
    )
    assert free > 0.2
    assert narrow < 0.1


def test_a_larger_tolerance_stops_more():
    steps = np.arange(1, 41)
    best, own = 0.90 - 0.3 / steps, 0.915 - 0.6 / steps
    noise = np.random.default_rng(0).normal(scale=0.001, size=40)
    assert not verdict(ExtrapolationPruner(), [best], (own + noise)[:15])
    assert verdict(ExtrapolationPruner(tolerance=0.05), [best], (own + noise)[:15])


def test_steps_from_zero_and_uneven_steps_are_fine():
    good, bad = np.full(41, 0.9), np.full(41, 0.1)
    assert verdict(ExtrapolationPruner(), [good], bad[:12], first=0)
    study = optuna.create_study(direction="maximize", pruner=ExtrapolationPruner())
    rungs = [100, 300, 900, 2700, 8100, 24300]
    for level in (0.9, 0.2):
        trial = study.ask()
        for rung in rungs if level == 0.9 else rungs[:5]:
            trial.report(level - rung**-0.5, step=rung)
        if level == 0.9:
            study.tell(trial, level)
    assert trial.should_prune()


def test_missing_values_are_left_out():
    good, bad = np.full(40, 0.9), np.full(12, 0.1)
    bad[[2, 5, 11]] = np.nan
    assert verdict(ExtrapolationPruner(), [good], bad)
    assert not verdict(ExtrapolationPruner(), [good], np.full(12, np.nan))


def test_without_a_curve_the_median_decides():
    good = np.full(40, 0.9)
    diverged = np.r_[np.full(9, 0.1), -np.inf]
    assert verdict(ExtrapolationPruner(), [good] * 5, diverged)
    assert not verdict(ExtrapolationPruner(), [good] * 4, diverged)
    low = np.r_[np.full(39, -np.inf), 0.9]
    assert not verdict(ExtrapolationPruner(), [low] * 5, np.r_[-np.inf, np.full(9, -1.0)])


def test_long_curves_are_averaged_in_groups():
    steps = np.arange(1, 3001)
    good, bad = 0.9 - 1.0 / steps, 0.5 - 1.0 / steps
    assert verdict(ExtrapolationPruner(), [good], bad[:1001])


@pytest.mark.parametrize("n", [256, 257, 1000, 1024])
def test_groups_keep_the_newest_values_and_their_steps(n):
    steps, values = in_groups(np.arange(1.0, n + 1), 3.0 * np.arange(1.0, n + 1))
    size = -(-n // 256)
    assert len(steps) == n // size
    np.testing.assert_allclose(values, 3.0 * steps)
    assert steps[-1] == n - (size - 1) / 2


@pytest.mark.parametrize("power", [True, False])
@pytest.mark.parametrize("n_values", [6, 12, 30])
def test_an_exact_curve_is_continued(power, n_values):
    steps = np.arange(1.0, 41.0)
    values = 0.8 - 0.4 * (steps**-0.7 if power else np.exp(-0.15 * steps))
    arguments = (steps[:n_values], values[:n_values], 40.0)
    assert chance_of_exceeding(*arguments, values[-1] - 0.02, FREE) > 0.95
    assert chance_of_exceeding(*arguments, values[-1] + 0.02, FREE) < 0.05


def test_the_probability_is_not_too_sure():
    """No tail of 10 % holds more than 16 % of 360 final values, 4 standard errors above what it should."""
    rng = np.random.default_rng(5)
    chances = []
    for seed in range(30):
        values, _ = curves(seed, n_steps=50)
        n_values = int(rng.integers(10, 40))
        steps = np.arange(1.0, n_values + 1)
        chances += [
            chance_of_exceeding(steps, row[:n_values], 50.0, row[-1], FREE) for row in values
        ]
    assert np.mean(np.array(chances) < 0.1) < 0.16
    assert np.mean(np.array(chances) > 0.9) < 0.16


@pytest.mark.parametrize("seed", range(20))
def test_the_linear_part_is_the_best_within_its_bounds(seed):
    rng = np.random.default_rng(seed)
    y, weight = rng.normal(size=8), np.arange(1.0, 9.0)
    shapes = np.exp(-rng.uniform(0.1, 3, size=(5, 1)) * np.arange(8))
    bounds = (-0.3, 0.4)
    a, b, error = linear_part(shapes, y, weight, bounds)
    assert (b >= 0).all()
    assert ((a >= bounds[0]) & (a <= bounds[1])).all()
    limits, drops = np.linspace(*bounds, 41), np.linspace(0, 5, 101)
    for shape, least in zip(shapes, error, strict=True):
        curves = limits[:, None, None] - drops[:, None] * shape
        assert least <= (((y - curves) ** 2) @ weight).min() + 1e-12


def test_copies_say_the_same():
    pruner = ExtrapolationPruner(bounds=(0, 1), max_step=7)
    for copied in (copy.deepcopy(pruner), pickle.loads(pickle.dumps(pruner))):
        assert vars(copied) == vars(pruner)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0.0}, "threshold=0"),
        ({"n_warmup_values": 3}, "n_warmup_values=3"),
        ({"warmup_share": 1.0}, "warmup_share=1"),
        ({"max_step": 0}, "max_step=0"),
        ({"bounds": (1, 0)}, "bounds=(1, 0)"),
        ({"bounds": 3}, "bounds=3"),
        ({"bounds": (0, 1, 2)}, "bounds=(0, 1, 2)"),
        ({"tolerance": -1.0}, "tolerance=-1"),
    ],
)
def test_wrong_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        ExtrapolationPruner(**arguments)
    assert message in str(error.value)
