"""Samplers compared on tables: the same starts, honest counting, measures that follow from the trials."""

import matplotlib
import numpy as np
import optuna
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from scipy.stats import binomtest

from skboost.tuning import SamplerComparison, ScoreTable, compare_samplers
from skboost.tuning._replay import replay, start_rows
from skboost.tuning._sign_test import holm, sign_test
from skboost.tuning._simulated_time import finish_times, horizon, regret_over_time

matplotlib.use("Agg")


def hill(n_levels=6, n_params=3, seed=0, default=None):
    """A smooth peak with noise, on three ordered parameters and one categorical one."""
    rng = np.random.default_rng(seed)
    levels = {f"p{place}": tuple(range(n_levels)) for place in range(n_params)}
    levels["kind"] = ("a", "b", "c")
    codes = np.stack(np.indices([len(v) for v in levels.values()]), axis=-1)
    codes = codes.reshape(-1, n_params + 1)
    peak = rng.integers(n_levels, size=n_params)
    value = -((codes[:, :-1] - peak) ** 2).sum(axis=1) - 4.0 * (codes[:, -1] != 1)
    scores = value[:, None] + rng.normal(scale=0.3, size=(len(codes), 5))
    times = rng.gamma(4.0, 0.25, size=scores.shape)
    return ScoreTable(levels, codes, scores, times, default)


TABLES = {"one": hill(seed=1, default=7), "two": hill(seed=2, default=0), "three": hill(seed=3)}
SAMPLERS = {
    "random": "random",
    "genetic": "genetic",
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=5),
}


@pytest.fixture(scope="module")
def found():
    return compare_samplers(TABLES, SAMPLERS, n_trials=30, n_seeds=8)


class Scripted(BaseSampler):
    """Proposes the rows that it is given, whatever happens."""

    def __init__(self, table, rows):
        self.table, self.rows, self.told = table, rows, []

    def infer_relative_search_space(self, study, trial):
        return self.table.distributions

    def sample_relative(self, study, trial, search_space):
        self.told.append(len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])))
        return self.table.trial_params(self.rows[trial.number])

    def sample_independent(self, study, trial, param_name, param_distribution):
        raise AssertionError


# -- searches ---------------------------------------------------------------------------------------------------------


def test_all_samplers_begin_alike_and_every_seed_differently(found):
    starts = found.rows[..., :5]
    assert (starts == starts[:1]).all()
    assert len({tuple(start) for start in starts[0, 0].tolist()}) == found.n_seeds
    assert all(len(set(start)) == 5 for start in starts[0, 0].tolist())


def test_searches_are_the_same_for_every_number_of_jobs(found):
    with parallel_config(backend="threading"):
        again = compare_samplers(TABLES, SAMPLERS, n_trials=30, n_seeds=2, n_jobs=3)
    assert_array_equal(again.rows, found.rows[:, :, :2])


def test_a_search_depends_on_neither_the_other_tables_nor_the_other_samplers(found):
    alone = compare_samplers(
        {"two": TABLES["two"]}, {"tpe": SAMPLERS["tpe"]}, n_trials=30, n_seeds=3
    )
    assert_array_equal(alone.rows[0, 0], found.rows[2, 1, :3])


def test_another_random_state_gives_other_searches(found):
    other = compare_samplers(TABLES, ["random"], n_trials=30, n_seeds=8, random_state=1)
    assert (other.rows != found.rows[:1]).any(axis=-1).all()


def test_a_fresh_sampler_is_made_for_each_search_with_a_seed_of_its_own():
    seeds = []
    compare_samplers(
        TABLES,
        {"noted": lambda seed: seeds.append(seed) or RandomSampler(seed=seed)},
        **{"n_trials": 3, "n_seeds": 4, "n_startup": 1},
    )
    assert len(seeds) == 12
    assert len(set(seeds)) == 4  # the same on all tables


def test_a_batch_is_asked_before_any_of_it_is_told():
    table = TABLES["one"]
    sampler = Scripted(table, list(range(11)))
    rows, seconds = replay(
        table, lambda seed: sampler, key=[0], n_trials=11, batch_size=4, n_startup=2
    )
    assert rows[:2].tolist() == start_rows(table, 2, [0])
    assert rows[2:].tolist() == list(range(2, 11))
    assert sampler.told == [0, 0, 4, 4, 4, 4, 8, 8, 8]
    assert seconds.shape == (3,)


def test_repeated_points_cost_trials():
    table = TABLES["one"]
    found = compare_samplers(
        table, {"same": lambda seed: Scripted(table, [3] * 10)}, n_trials=10, n_startup=0, n_seeds=2
    )
    assert (found.rows == 3).all()
    assert_allclose(found.repeats(), 0.9)


def test_grid_order_follows_the_rows():
    found = compare_samplers(TABLES["one"], ["grid order"], n_trials=20, n_seeds=2, n_startup=3)
    assert found.rows[0, 0, 0, 3:].tolist() == list(range(17))


def test_the_genetic_algorithm_breeds_from_the_best_and_repeats_nothing(found):
    assert found.repeats()[1] == 0.0
    late, early = found.regrets[1, ..., -1].mean(), found.regrets[1, ..., 9].mean()
    assert late < 0.5 * early
    for batch_size in (1, 4, 13):
        other = compare_samplers(
            TABLES["one"], ["genetic"], n_trials=26, n_seeds=2, batch_size=batch_size
        )
        assert other.rows.shape == (1, 1, 2, 26)


def test_names_stand_for_the_samplers_of_a_search():
    table = hill(n_levels=3, n_params=2)  # 27 points, all of which are found
    found = compare_samplers(table, ["random", "tabu", "tpe"], n_trials=27, n_seeds=2)
    assert_array_equal(found.repeats(), 0.0)
    assert_array_equal(found.mean_regret(), 0.0)


def test_the_verbosity_of_optuna_stays_as_it_is(found):
    before = optuna.logging.get_verbosity()
    try:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        compare_samplers(TABLES["one"], ["random"], n_trials=3, n_seeds=1, n_startup=0)
        assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    finally:
        optuna.logging.set_verbosity(before)


def test_a_factory_for_each_table():
    asked = []

    def factory(name):
        return lambda seed: asked.append(name) or RandomSampler(seed=seed)

    compare_samplers(
        TABLES, {"mine": {name: factory(name) for name in TABLES}}, n_trials=5, n_seeds=1
    )
    assert asked == list(TABLES)


@pytest.mark.parametrize(
    ("tables", "samplers", "options", "message"),
    [
        ({}, ["random"], {}, "at least one"),
        ({"a": 3}, ["random"], {}, "is no ScoreTable"),
        (TABLES, [], {}, "samplers is empty"),
        (TABLES, ["magic"], {}, "'magic'.*neither"),
        (TABLES, {"mine": {"one": "random"}}, {}, "no factory for the table 'two'"),
        (TABLES, {"mine": lambda seed: 3}, {}, "made 3, which is no sampler"),
        (TABLES, ["random"], {"n_trials": 0}, "n_trials=0"),
        (TABLES, ["random"], {"n_startup": 61}, "n_startup=61"),
        (TABLES, ["random"], {"batch_size": 2.5}, "batch_size=2.5"),
        (TABLES, ["random"], {"random_state": None}, "random_state=None"),
    ],
)
def test_impossible_requests_are_refused(tables, samplers, options, message):
    with pytest.raises(ValueError, match=message):
        compare_samplers(tables, samplers, **options)


# -- measures ---------------------------------------------------------------------------------------------------------


def test_regret_is_that_of_the_best_so_far(found):
    for (sampler, place, seed), table in zip(
        [(0, 0, 0), (1, 1, 3), (2, 2, 7)], TABLES.values(), strict=True
    ):
        values = table.values[found.rows[sampler, place, seed]]
        best = [values[: n + 1].max() for n in range(30)]
        assert_allclose(found.regrets[sampler, place, seed], table.regret(best))
    assert_allclose(found.mean_regret(at=10), found.regrets[..., 9].mean(axis=(1, 2)))


def test_first_hits_are_the_first_trials_in_the_top(found):
    hits = found.first_hits(share=0.02)
    for place, table in enumerate(TABLES.values()):
        top = set(np.flatnonzero(table.top(0.02)))
        for seed in range(found.n_seeds):
            rows = found.rows[0, place, seed].tolist()
            met = [n for n, row in enumerate(rows, start=1) if row in top]
            assert_array_equal(hits[0, place, seed], met[0] if met else np.nan)


def test_regret_of_the_defaults_comes_from_the_tables(found):
    table = TABLES["one"]
    assert found.default_regrets[0] == table.regret(table.values[7])
    assert np.isnan(found.default_regrets[2])


def test_the_band_holds_the_mean_and_narrows_with_its_level(found):
    wide, narrow = found.band(0.95), found.band(0.5)
    mean = found.regrets.mean(axis=(1, 2))
    assert (wide[:, 0] <= narrow[:, 0]).all()
    assert (narrow[:, 1] <= wide[:, 1]).all()
    assert (wide[:, 0] <= mean).all()
    assert (mean <= wide[:, 1]).all()


def test_ranks_average_to_the_middle(found):
    assert_allclose(found.ranks().mean(), 2.0)
    assert found.ranks()[2] < found.ranks()[0]  # TPE finds a smooth peak before chance does


def test_duels_are_antisymmetric(found):
    (ours,) = [d for d in found.duels("random") if d.sampler == "tpe"]
    (theirs,) = [d for d in found.duels("tpe") if d.sampler == "random"]
    assert (ours.lower, ours.equal, ours.higher) == (theirs.higher, theirs.equal, theirs.lower)
    assert (ours.surely_lower, ours.surely_higher) == (theirs.surely_higher, theirs.surely_lower)
    assert_allclose(ours.difference, -theirs.difference)
    assert ours.low < ours.difference < ours.high


def test_a_sampler_beside_itself_is_equal_everywhere():
    found = compare_samplers(TABLES, {"a": "random", "b": "random"}, n_trials=9, n_seeds=3)
    (duel,) = found.duels("a")
    assert (duel.lower, duel.equal, duel.higher, duel.p_value) == (0, 3, 0, 1.0)
    assert duel.difference == duel.low == duel.high == 0.0


def test_the_sign_test_is_the_binomial_one_without_ties():
    assert sign_test([-1.0, -2.0, 0.0, 1e-15, 3.0, -1.0]) == binomtest(3, 4).pvalue
    assert sign_test([0.0, 0.0]) == 1.0


def test_holm_multiplies_by_how_many_are_left():
    assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    assert holm([]).shape == (0,)


def test_the_profile_begins_with_the_winners_and_never_falls(found):
    factors, shares = found.profile(share=0.05)
    hits = np.where(np.isnan(found.first_hits(0.05)), np.inf, found.first_hits(0.05))
    medians = np.sort(hits, axis=-1)[..., found.n_seeds // 2]
    winners = (medians == medians.min(axis=0)) & np.isfinite(medians)
    assert factors[0] == 1.0
    assert_allclose(shares[:, 0], winners.mean(axis=1))
    assert (np.diff(shares, axis=1) >= 0).all()
    assert_allclose(shares[:, -1], np.isfinite(medians).mean(axis=1))


# -- simulated time ---------------------------------------------------------------------------------------------------


def test_one_worker_takes_the_sum():
    times = np.random.default_rng(0).random((6, 3))
    finished = finish_times(times, np.array([1.0, 2.0, 4.0]), 2, 1)
    assert_allclose(finished, np.cumsum(times.sum(axis=1)) + np.repeat([1.0, 3.0, 7.0], 2))


def test_fits_go_to_the_worker_that_is_free_first():
    # two workers: folds of trial 0 at 0-3 and 0-1, of trial 1 at 1-2 and 2-6; then the next batch
    times = np.array([[3.0, 1.0], [1.0, 4.0], [1.0, 1.0]])
    assert_allclose(finish_times(times, np.zeros(2), 2, 2), [3.0, 6.0, 7.0])
    assert_allclose(finish_times(times, np.array([10.0, 0.0]), 2, 2), [13.0, 16.0, 17.0])


def test_more_workers_than_fits_take_the_longest_fit_of_each_batch():
    times = np.random.default_rng(0).random((8, 3))
    finished = finish_times(times, np.zeros(2), 4, 99)
    ends = times.max(axis=1)
    assert_allclose(finished[:4], ends[:4])
    assert_allclose(finished[4:], ends[:4].max() + ends[4:])


def test_regret_over_time_is_the_area_under_the_steps():
    regrets, finished = np.array([2.0, 3.0, 1.0]), np.array([1.0, 2.0, 4.0])
    assert regret_over_time(regrets, finished, 10.0) == (4 * 2.0 + 6 * 1.0) / 10
    assert regret_over_time(regrets, finished, 2.0) == 2.0
    # in a batch a later trial may be known first
    assert regret_over_time(regrets, np.array([4.0, 2.0, 1.0]), 5.0) == 1.0


def test_the_horizon_is_the_end_of_average_fits():
    table = ScoreTable({"a": (1, 2)}, np.array([[0], [1]]), np.eye(2), np.full((2, 2), 3.0))
    for batch_size, n_workers in ((1, 1), (2, 1), (2, 3), (4, 4), (2, 16)):
        finished = finish_times(np.full((8, 2), 3.0), np.zeros(8), batch_size, n_workers)
        assert horizon(table, 8, batch_size, n_workers) == finished.max()


def test_time_of_samplers_counts(found):
    slow = SamplerComparison(
        found.tables, found.samplers, found.rows, found.seconds + 5.0, found.batch_size
    )
    assert (slow.regret_over_time(4) > found.regret_over_time(4)).all()


# -- parts, tables, pictures ------------------------------------------------------------------------------------------


def test_parts_can_be_selected_and_joined(found):
    part = found.select(samplers=["tpe"], tables=["three", "one"])
    assert_array_equal(part.rows, found.rows[2:, [2, 0]])
    assert list(part.tables) == ["three", "one"]
    rest = found.select(samplers=["random", "genetic"])
    whole = rest.join(found.select(samplers=["tpe"]))
    assert whole.samplers == found.samplers
    assert_array_equal(whole.rows, found.rows)
    with pytest.raises(ValueError, match="cannot be joined"):
        rest.join(found)
    with pytest.raises(ValueError, match="cannot be joined"):
        rest.join(part)
    with pytest.raises(ValueError, match="'nobody'"):
        found.select(samplers=["nobody"])


def test_the_frame_has_a_line_for_each_search(found):
    frame = found.to_frame(at=[10, 30])
    assert list(frame.columns) == [
        *("sampler", "table", "seed"),
        *("regret_10", "regret_30", "first_hit", "sampler_seconds"),
    ]
    line = frame[(frame.sampler == "tpe") & (frame.table == "two") & (frame.seed == 5)]
    assert line.regret_10.item() == found.regrets[2, 1, 5, 9]


def test_the_summary_tells_all_measures(found):
    text = found.summary(references=["random", "tpe"], by_table=True, workers=(1, 4))
    for part in (
        *("3 tables, 8 seeds, 30 trials in batches of 1", "regret at 7", "regret at 15"),
        *("regret at 30", "over time, 1 worker |", "over time, 4 workers", "missed"),
        *("beside random, 30 trials", "beside tpe, 30 trials", "| three | - |"),
    ):
        assert part in text
    widths = [{line.count("|") for line in block.splitlines()} for block in text.split("\n\n")[1:]]
    assert all(len(counts) == 1 for counts in widths)
    assert str(found) == found.summary()
    with pytest.raises(ValueError, match="at=31"):
        found.summary(at=[31])
    with pytest.raises(ValueError, match="reference names 'nobody'"):
        found.summary(references=["nobody"])


def test_a_line_for_each_sampler_is_drawn(found):
    from matplotlib import pyplot

    ax = found.select(tables=["one", "two"]).plot_regret()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [*found.samplers, "no tuning"]
    line = ax.get_lines()[2]
    assert_allclose(line.get_ydata(), found.regrets[2, :2].mean(axis=(0, 1)))
    other = pyplot.figure().subplots()
    assert found.plot_profile(other, share=0.05) is other
    factors, shares = found.profile(share=0.05)
    assert_allclose(other.get_lines()[0].get_ydata(), shares[0])
    pyplot.close("all")
