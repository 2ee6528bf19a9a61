"""The engine: the loop that turns a loss, a learner and a step rule into a boosted model."""

from skboost.boosting._engine import BoostingState, Plan, boost
from skboost.boosting._member import HeldOut, Member
from skboost.boosting._model import StagedModel, Term
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
    "HeldOut",
    "LineSearchStep",
    "Member",
    "NewtonStep",
    "Objective",
    "Plan",
    "StagedModel",
    "Step",
    "Term",
    "boost",
]
