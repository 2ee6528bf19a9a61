"""The rule that ends a fit when the validation loss no longer falls."""

import pytest

from skboost.boosting import EarlyStopping


def rounds_until_stop(losses, patience, tol=0.0):
    """Number of the first round after which the rule says stop; losses[0] is that of the start."""
    stopping = EarlyStopping(patience, tol)
    over = [k for k in range(len(losses)) if stopping.is_over(losses[: k + 1])]
    return over[0] if over else None


def test_it_waits_for_patience_rounds_without_improvement():
    losses = [10.0, 5.0, 4.0, 4.5, 4.4, 4.3, 4.2, 4.1]
    for patience in (1, 2, 3, 5):
        assert rounds_until_stop(losses, patience) == 2 + patience


def test_a_falling_loss_never_stops():
    losses = [2.0**-k for k in range(30)]
    assert rounds_until_stop(losses, 1) is None


def test_a_new_best_starts_the_count_again():
    losses = [10.0, 5.0, 6.0, 6.0, 4.9, 6.0, 6.0, 6.0, 6.0]
    assert rounds_until_stop(losses, 3) == 4 + 3


def test_tol_is_relative_to_the_loss_of_the_start():
    losses = [100.0, 50.0] + [50.0 - 0.1 * k for k in range(1, 10)]
    assert rounds_until_stop(losses, 3, tol=1e-2) == 4  # less than 1 better counts as nothing
    assert rounds_until_stop(losses, 3, tol=1e-4) is None
    for unit in (1e-6, 1e6):
        scaled = [unit * loss for loss in losses]
        assert rounds_until_stop(scaled, 3, tol=1e-2) == 4


def test_the_best_round_may_be_the_start():
    assert rounds_until_stop([1.0, 2.0, 3.0], 2) == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_losses_that_are_not_finite_are_no_improvement(bad):
    assert rounds_until_stop([1.0, 0.5, bad, bad, bad], 3) == 4
