"""When boosting has gone on for long enough."""

from __future__ import annotations

from collections.abc import Sequence


class EarlyStopping:
    """Stop when the validation loss has not improved by ``tol`` for ``patience`` rounds.

    Parameters
    ----------
    patience : int
        Rounds without improvement that are waited for.
    tol : float
        Improvement, relative to the loss of the constant start, below which a round does not count as better.
    """

    def __init__(self, patience: int, tol: float) -> None:
        self.patience = patience
        self.tol = tol

    def is_over(self, losses: Sequence[float]) -> bool:
        """Tell from the losses after 0, 1, ... rounds whether to stop."""
        if len(losses) <= self.patience:
            return False
        margin = self.tol * abs(losses[0])
        reference = min(losses[: -self.patience])
        return not any(loss < reference - margin for loss in losses[-self.patience :])
