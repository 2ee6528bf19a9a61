"""Names of pruners."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)

from skboost.tuning._extrapolation import ExtrapolationPruner
from skboost.tuning._fidelity import Ladder
from skboost.tuning._fold_racing import FoldRacingPruner

# of folds, one after the other
FOLD_PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "median": lambda: FoldRacingPruner("median"),
    "wilcoxon": lambda: FoldRacingPruner("wilcoxon"),
    "paired": lambda: FoldRacingPruner("paired"),
}
# of rungs of a resource
RUNG_PRUNERS: dict[str, Callable[[Ladder, int], BasePruner]] = {
    "median": lambda ladder, factor: MedianPruner(n_startup_trials=5),
    "extrapolation": lambda ladder, factor: ExtrapolationPruner(max_step=ladder.rungs[-1]),
    "halving": lambda ladder, factor: SuccessiveHalvingPruner(
        min_resource=ladder.rungs[0], reduction_factor=factor
    ),
    "hyperband": lambda ladder, factor: HyperbandPruner(
        min_resource=ladder.rungs[0], max_resource=ladder.rungs[-1], reduction_factor=factor
    ),
}


def resolve_pruner(value: Any, ladder: Ladder | None, factor: int) -> BasePruner | None:
    """The pruner of a search; None where no trial is stopped early.

    Raises
    ------
    ValueError
        If there is no such pruner for folds, or for rungs.
    """
    if isinstance(value, NopPruner):
        return None
    if isinstance(value, BasePruner):
        return copy.deepcopy(value)
    if ladder is None:
        if value is None:
            return None
        if isinstance(value, str) and value in FOLD_PRUNERS:
            return FOLD_PRUNERS[value]()
        known, where = sorted(FOLD_PRUNERS), "without a resource"
    else:
        value = "halving" if value is None else value
        if isinstance(value, str) and value in RUNG_PRUNERS:
            return RUNG_PRUNERS[value](ladder, factor)
        known, where = sorted(RUNG_PRUNERS), f"with resource={ladder.resource!r}"
    raise ValueError(
        f"pruner={value!r} is unknown {where}; choose from {known}, or pass a pruner of Optuna."
    )
