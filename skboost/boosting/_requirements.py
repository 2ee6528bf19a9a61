"""Whether a learner can do what a fit asks of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skboost.boosting._member import Member
from skboost.learners import Learner


def check_learner(
    learner: Learner, members: Sequence[Member], column_fraction: float, newton_residuals: bool
) -> None:
    """Refuse what the learner does not declare in ``supports``, before the first round.

    Raises
    ------
    ValueError
        With a sentence that names the parameter and the way out.
    """
    able, name = learner.supports, f"learner={learner!r}"
    n_raw = members[0].objective.n_raw
    if n_raw > 1 and "multi_output" not in able:
        raise ValueError(
            f"{name} fits one output, but there are {n_raw} raw scores; fit one model for each output or pair of "
            "classes, or use learner='network'."
        )
    if column_fraction < 1.0 and "columns" not in able:
        raise ValueError(f"{name} takes all columns; use max_features=1.0.")
    if newton_residuals and not {"weights", "output_weights"} & able:
        raise ValueError(
            f"{name} takes no weights, which residuals='newton' needs; use 'gradient'."
        )
    if newton_residuals and n_raw > 1 and "output_weights" not in able:
        raise ValueError(
            f"{name} takes one weight per row, but residuals='newton' weighs the {n_raw} raw scores of a row one by "
            "one; use residuals='gradient'."
        )
    if not {"weights", "output_weights"} & able:
        for member in members:
            weight = member.objective.weight[: member.n_fit]
            if np.any(weight != weight[0]):
                raise ValueError(
                    f"{name} takes no weights, which sample_weight and rows held out for early stopping need; "
                    "leave sample_weight out and use early_stopping=False, or another learner."
                )
