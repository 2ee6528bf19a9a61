"""Checks of the options of metric functions."""

from __future__ import annotations

import reprlib
from typing import Any

from skboost._validation import Constraint, Flag, Integer, Number, OneOf

NORMS = OneOf("l1", "l2", "max")
BINNINGS = OneOf("uniform", "quantile")
CURVES = OneOf("uniform", "quantile", "isotonic")
COUNT = Integer(1)
LEVEL = Number(0, 1)
LOSSES = OneOf("brier", "log")
THRESHOLD = Number(0, 1, closed="left")
YES_NO = Flag()

KINDS = {
    "binary": "the probability of one event, the second class",
    "top_label": "the largest probability of each row, against whether that class was right",
    "classwise": "the probability of each class against all others, averaged over the classes",
}


def check_options(function: str, **options: tuple[Any, Constraint]) -> None:
    """Compare options with what they may be.

    Parameters
    ----------
    function : str
        Name of the function, for the message.
    **options : tuple of value and Constraint

    Raises
    ------
    ValueError
        For the first value that its constraint does not accept.
    """
    for name, (value, constraint) in options.items():
        if not constraint.accepts(value):
            raise ValueError(
                f"{name}={reprlib.repr(value)} is not valid for {function}: it must be {constraint}."
            )


def check_kind(kind: Any) -> None:
    """Refuse a missing or unknown kind of calibration, and say what the kinds are.

    There is no default: the three answer different questions and their numbers cannot be compared.
    """
    if not (isinstance(kind, str) and kind in KINDS):
        meanings = "; ".join(f"{name!r}: {meaning}" for name, meaning in KINDS.items())
        raise ValueError(
            f"kind={reprlib.repr(kind)}, but what is to be calibrated must be chosen. {meanings}."
        )
