"""Pruning between folds saves fits, keeps the best trial, and does not depend on who reports what when."""

import copy
import itertools
import pickle
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from scipy.stats import wilcoxon

from skboost.tuning import FoldRacingPruner
from skboost.tuning._fold_racing import signed_rank_p_value

TABLE = Path(__file__).parent / "data" / "boosted_tree_folds.npz"


@pytest.fixture(scope="module")
def scores():
    """Accuracy of 720 boosted trees in 10 folds of breast_cancer, written by examples/benchmarks/fold_racing.py."""
    with np.load(TABLE) as table:
        return table["correct"] / table["size"]


def complete(scores, value=None):
    """A complete trial with these scores of folds 0, 1, ...; None where there is none."""
    known = {fold: score for fold, score in enumerate(scores) if score is not None}
    value = float(np.nanmean(list(known.values()))) if value is None else value
    return create_trial(state=TrialState.COMPLETE, value=value, intermediate_values=known)


def verdict(pruner, others, own, direction="maximize"):
    """What the pruner says of a running trial after the other ones are complete."""
    study = optuna.create_study(direction=direction, pruner=pruner)
    for other in others:
        study.add_trial(complete(other) if isinstance(other, list) else other)
    trial = study.ask()
    for fold, score in enumerate(own):
        if score is not None:
            trial.report(score, step=fold)
    return trial.should_prune()


def race(pruner, scores, sign=1.0):
    """Fold-fits of a search over these candidates, its best value, and means of the pruned beside the best then."""
    study = optuna.create_study(direction="maximize" if sign > 0 else "minimize", pruner=pruner)
    fits, pruned = 0, []
    for row in scores:
        trial = study.ask()
        for fold, score in enumerate(sign * row):
            fits += 1
            trial.report(score, step=fold)
            if trial.should_prune():
                best = study.best_trial.intermediate_values
                pruned.append(
                    (row[: fold + 1].mean(), sign * np.mean([best[k] for k in range(fold + 1)]))
                )
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, sign * row.mean())
    return fits, sign * study.best_value, pruned


def orders(scores, n=30):
    """Random choices of 60 candidates, in random order."""
    for seed in range(n):
        yield scores[np.random.default_rng([7, seed]).choice(len(scores), 60, replace=False)]


def test_the_median_rule_saves_half_the_fits_and_loses_nothing(scores):
    shares, regrets = [], []
    for chosen in orders(scores):
        fits, best, pruned = race(FoldRacingPruner(), chosen)
        shares.append(fits / chosen.size)
        regrets.append(chosen.mean(axis=1).max() - best)
        assert all(own < best for own, best in pruned)
    assert np.mean(shares) < 0.5
    assert np.mean(regrets) < 0.001


@pytest.mark.parametrize(("rule", "most"), [("wilcoxon", 0.65), ("paired", 0.65)])
def test_the_other_rules_save_less_and_lose_as_little(scores, rule, most):
    found = [
        (race(FoldRacingPruner(rule), chosen), chosen.mean(axis=1).max())
        for chosen in orders(scores, 10)
    ]
    assert np.mean([fits / 600 for (fits, _, _), _ in found]) < most
    assert np.mean([best - value for (_, value, _), best in found]) < 0.001


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
def test_minimising_is_maximising_the_negative(scores, rule):
    chosen = scores[:40]
    up, down = (race(FoldRacingPruner(rule), chosen, sign) for sign in (1.0, -1.0))
    assert up[:2] == down[:2]


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
def test_the_best_so_far_is_never_stopped(rule):
    rng = np.random.default_rng(3)
    for _ in range(200):
        others = rng.normal(size=(6, 5)).tolist()
        own = rng.normal(0.2, size=rng.integers(2, 5)).tolist()
        best = max(others, key=np.mean)
        if np.mean(own) >= np.mean(best[: len(own)]):
            assert not verdict(FoldRacingPruner(rule), others, own)


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
def test_equal_scores_are_not_stopped_even_in_another_order(rule):
    best = [0.1, 0.7, 0.3, 0.6, 0.5]
    for order in itertools.permutations(best[:4]):
        assert not verdict(FoldRacingPruner(rule), [best] * 5, list(order))


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
def test_what_is_far_behind_is_stopped(rule):
    assert verdict(FoldRacingPruner(rule), [[0.9, 0.8, 0.9, 0.9]] * 5, [0.2, 0.3, 0.1])


def test_the_median_is_taken_over_the_same_folds():
    """Later folds are easier: a mean over all of them would stop every trial."""
    others = [[0.5, 0.5 + step, 0.9, 0.9] for step in (0.0, 0.01, 0.02, 0.03, 0.3)]
    assert not verdict(FoldRacingPruner(), others, [0.5, 0.53])
    assert verdict(FoldRacingPruner(), others, [0.5, 0.51])


@pytest.mark.parametrize("levels", [[0.1, 0.3, 0.5, 0.7, 0.9], [0.1, 0.3, 0.4, 0.6, 0.7, 0.9]])
def test_the_median_is_in_the_middle_of_all_complete_trials(levels):
    for order in itertools.permutations(levels):
        others = [[level] * 4 for level in order]
        assert verdict(FoldRacingPruner(), others, [0.49, 0.49])
        assert not verdict(FoldRacingPruner(), others, [0.51, 0.51])


def test_nothing_is_stopped_before_enough_trials_and_folds():
    good, bad = [0.9, 0.9, 0.9, 0.9], [0.1, 0.1, 0.1]
    assert not verdict(FoldRacingPruner(), [good] * 4, bad)
    assert verdict(FoldRacingPruner(n_startup_trials=4), [good] * 4, bad)
    assert not verdict(FoldRacingPruner(n_warmup_folds=4), [good] * 5, bad)
    assert not verdict(FoldRacingPruner(), [good] * 5, bad[:1])
    assert verdict(FoldRacingPruner(n_warmup_folds=1), [good] * 5, bad[:1])
    assert not verdict(FoldRacingPruner(), [good] * 5, [])


def test_a_trial_with_all_folds_is_complete():
    assert not verdict(FoldRacingPruner(), [[0.9, 0.9, 0.9]] * 5, [0.1, 0.1, 0.1])


def test_wilcoxon_needs_folds_enough_for_its_p_value():
    others = [[0.9, 0.8, 0.9, 0.9, 0.9, 0.9]] * 5
    for n_folds, bound, stops in ((2, 0.2, False), (3, 0.2, True), (3, 0.1, False), (4, 0.1, True)):
        pruner = FoldRacingPruner("wilcoxon", p_value=bound)
        assert verdict(pruner, others, [0.1, 0.2, 0.3, 0.4][:n_folds]) == stops


def test_more_standard_errors_stop_less():
    others, own = [[0.9, 0.8, 0.9, 0.7]] * 5, [0.7, 0.8, 0.85]
    assert verdict(FoldRacingPruner("paired", n_standard_errors=1.0), others, own)
    assert not verdict(FoldRacingPruner("paired", n_standard_errors=3.0), others, own)


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
def test_missing_folds_are_left_out_of_the_comparison(rule):
    good = [[0.9, None, 0.9, 0.8, 0.9], [0.9, 0.1, 0.9, 0.9, float("nan")]]
    others = good * 2 + [[0.9] * 5]
    # the only fold where the trial is bad is one that the others did not report or that it lacks
    assert verdict(FoldRacingPruner(rule), others, [0.2, 0.1, 0.3, 0.1])
    assert verdict(FoldRacingPruner(rule), others, [0.2, float("nan"), 0.3, 0.1])
    assert not verdict(FoldRacingPruner(rule), others, [0.9, None, 0.9, 0.95])
    assert not verdict(FoldRacingPruner(rule), others, [float("nan"), float("nan")])


def test_trials_without_common_folds_are_no_rivals():
    elsewhere = create_trial(
        state=TrialState.COMPLETE, value=0.99, intermediate_values={7: 0.99, 8: 0.99}
    )
    assert not verdict(FoldRacingPruner(), [elsewhere] * 5, [0.1, 0.1])
    assert verdict(FoldRacingPruner(), [elsewhere] * 5 + [[0.9, 0.9, 0.9]] * 5, [0.1, 0.1])


@pytest.mark.parametrize("rule", ["median", "wilcoxon", "paired"])
def test_infinite_scores_are_compared(rule):
    good = [[0.9] * 5] * 5
    assert verdict(FoldRacingPruner(rule), good, [-np.inf, 0.2, 0.3])
    assert not verdict(FoldRacingPruner(rule), good, [np.inf, 0.2, 0.3])
    worst = [complete([-np.inf] * 5, value=-9.0)] * 5
    assert not verdict(FoldRacingPruner(rule), worst, [-np.inf, -np.inf, -np.inf])


def test_an_infeasible_trial_is_no_incumbent():
    study = optuna.create_study(direction="maximize", pruner=FoldRacingPruner("paired"))
    for score, bound in [(0.99, 1.0), *[(0.5, -1.0)] * 5]:
        trial = study.ask()
        for fold in range(4):
            trial.report(score + 0.001 * fold, step=fold)
        trial.set_constraint("size", bound)
        study.tell(trial, score)
    trial = study.ask()
    for fold in range(3):
        trial.report(0.6 + 0.001 * fold, step=fold)
    assert not trial.should_prune()


def test_the_order_of_reports_does_not_matter():
    study = optuna.create_study(direction="maximize", pruner=FoldRacingPruner())
    for _ in range(5):
        study.add_trial(complete([0.9, 0.8, 0.7, 0.9]))
    answers = []
    for order in itertools.permutations(range(3)):
        trial = study.ask()
        for fold in order:
            trial.report([0.9, 0.7, 0.75][fold], step=fold)
        answers.append(trial.should_prune())
    assert set(answers) == {True}


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_the_p_value_is_that_of_scipy_without_ties(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        gaps = rng.normal(size=n)
        expected = wilcoxon(gaps, alternative="less", method="exact").pvalue
        assert signed_rank_p_value(gaps) == pytest.approx(expected, rel=1e-12)


def test_the_p_value_counts_signs_with_ties_and_zeros():
    rng = np.random.default_rng(0)
    for _ in range(30):
        gaps = rng.integers(-3, 4, size=rng.integers(1, 9)) / 57
        ranks = [
            sum(abs(b) < abs(a) - 1e-9 for b in gaps)
            + (1 + sum(abs(abs(b) - abs(a)) <= 1e-9 for b in gaps)) / 2
            for a in gaps
        ]
        counted = [rank for rank, gap in zip(ranks, gaps, strict=True) if gap != 0]
        observed = sum(rank for rank, gap in zip(ranks, gaps, strict=True) if gap > 0)
        sums = [
            sum(rank for rank, sign in zip(counted, signs, strict=True) if sign)
            for signs in itertools.product((0, 1), repeat=len(counted))
        ]
        assert signed_rank_p_value(gaps) == pytest.approx(np.mean(np.array(sums) <= observed))


def test_the_p_value_without_differences_is_one():
    assert signed_rank_p_value(np.zeros(4)) == 1.0
    assert signed_rank_p_value(np.array([])) == 1.0


def test_copies_say_the_same():
    pruner = FoldRacingPruner("paired", n_standard_errors=1.5)
    for copied in (copy.deepcopy(pruner), pickle.loads(pickle.dumps(pruner))):
        assert vars(copied) == vars(pruner)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "mean"}, "rule='mean'"),
        ({"n_startup_trials": 0}, "n_startup_trials=0"),
        ({"n_warmup_folds": 0}, "n_warmup_folds=0"),
        ({"rule": "paired", "n_warmup_folds": 1}, "n_warmup_folds=1"),
        ({"rule": "wilcoxon", "p_value": 1.5}, "p_value=1.5"),
        ({"p_value": 0.1}, "cannot act with rule='median'"),
        ({"rule": "wilcoxon", "n_standard_errors": 1.0}, "cannot act with rule='wilcoxon'"),
    ],
)
def test_wrong_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FoldRacingPruner(**arguments)
