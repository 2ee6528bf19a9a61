"""The engine: the loop that turns a loss, a learner and a step rule into a boosted model."""

from skboost.boosting._engine import BoostingState, Plan, Validation, boost
from skboost.boosting._model import StagedModel
from skboost.boosting._objective import Objective
from skboost.boosting._step import (
    STEPS,
    DiagonalNewtonStep,
    FixedStep,
    LineSearchStep,
    NewtonStep,
    Step,
)
from skboost.boosting._stopping import EarlyStopping

__all__ = [
    "STEPS",
    "BoostingState",
    "DiagonalNewtonStep",
    "EarlyStopping",
    "FixedStep",
    "LineSearchStep",
    "NewtonStep",
    "Objective",
    "Plan",
    "StagedModel",
    "Step",
    "Validation",
    "boost",
]
