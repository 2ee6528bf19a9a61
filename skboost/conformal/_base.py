"""What conformal estimators share: levels and shapes of answers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost._crossfit.wrapper import CrossFitted
from skboost.conformal._rank import exact_level

Floats = npt.NDArray[np.float64]


class Levels(NamedTuple):
    """Confidence levels of a call, and whether a single one was asked for."""

    exact: list[Fraction]
    single: bool

    def shaped(self, answers: list[Any]) -> Any:
        """The answer for one level, or those of several along a new last axis."""
        return answers[0] if self.single else np.stack(answers, axis=-1)


class ConformalEstimator(CrossFitted):
    """A model, and scores of rows that it was not trained on.

    Subclasses have the parameter ``confidence_level`` beside those of :class:`CrossFitted`.
    """

    confidence_level: Any

    def _levels(self, confidence_level: Any = None) -> Levels:
        """The level of a call: its own, or that of the constructor."""
        asked = self.confidence_level if confidence_level is None else confidence_level
        if np.ndim(asked) == 0:
            return Levels([exact_level(asked)], single=True)
        if np.ndim(asked) != 1 or not len(asked):
            raise ValueError(f"confidence_level={asked!r} must be a number or a list of numbers.")
        return Levels([exact_level(level) for level in asked], single=False)
