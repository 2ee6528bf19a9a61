"""Test cases for components of your own; they need pytest."""

from skboost.testing._calibrators import CalibratorCases
from skboost.testing._derivatives import derivative
from skboost.testing._losses import LossCases
from skboost.testing._penalties import PenaltyCases

__all__ = ["CalibratorCases", "LossCases", "PenaltyCases", "derivative"]
