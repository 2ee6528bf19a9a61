"""Weak learners: what one round of boosting fits."""

from skboost.learners._base import LEARNERS, Learner, Unit
from skboost.learners._linear import LinearLearner
from skboost.learners._mlp import MLPLearner
from skboost.learners._network import NetworkLearner
from skboost.learners._start import LinearStart
from skboost.learners._unit import NetworkUnit

__all__ = [
    "LEARNERS",
    "Learner",
    "LinearLearner",
    "LinearStart",
    "MLPLearner",
    "NetworkLearner",
    "NetworkUnit",
    "Unit",
]
