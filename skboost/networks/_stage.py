"""The units of one stage as one unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from skboost.boosting import Term
from skboost.learners import NetworkUnit


def stage_unit(stage: list[Term]) -> NetworkUnit:
    """The units of one stage as one unit that takes its step by itself."""
    units = [mergeable(term.unit) for term in stage]
    steps = [term.step / len(stage) for term in stage]
    pairs = list(zip(units, steps, strict=True))
    hidden = np.hstack([unit.hidden for unit in units])
    hidden_bias = np.concatenate([unit.hidden_bias for unit in units])
    output = np.vstack([step * unit.output for unit, step in pairs])
    output_bias = np.sum([step * unit.output_bias for unit, step in pairs], axis=0)
    if units[0].activation == "identity":  # what is linear needs no more units than scores
        n_raw = output.shape[1]
        hidden, output_bias = hidden @ output, hidden_bias @ output + output_bias
        hidden_bias, output = np.zeros(n_raw), np.eye(n_raw)
    return NetworkUnit(hidden, hidden_bias, output, output_bias, units[0].activation)


def mergeable(unit: Any) -> NetworkUnit:
    """The unit, if it is a network with one hidden layer."""
    if not isinstance(unit, NetworkUnit):
        raise TypeError(
            f"The learner made a unit of type {type(unit).__name__}, which cannot be merged into one network; use a "
            "learner whose units are NetworkUnit."
        )
    return unit
