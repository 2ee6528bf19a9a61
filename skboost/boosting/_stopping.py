"""When boosting has gone on for long enough."""

from __future__ import annotations

import numpy as np


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
        self.losses: list[float] = []

    @property
    def best_round(self) -> int:
        """Round with the lowest validation loss; the earliest of equals."""
        losses = np.array(self.losses)
        return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))

    def update(self, loss: float) -> bool:
        """Record the loss of a round and tell whether to stop."""
        self.losses.append(loss)
        if len(self.losses) <= self.patience:
            return False
        margin = self.tol * abs(self.losses[0])
        recent = self.losses[-self.patience :]
        reference = min(self.losses[: -self.patience])
        return not any(value < reference - margin for value in recent)
