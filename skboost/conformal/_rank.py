"""The rank rule: which of n sorted scores bounds the next one.

Levels are decimal numbers that people write, and (1 - 0.9) * 10 is not 1 in floating point. Here a level is the
fraction that its shortest decimal form says, and ranks are computed exactly.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.stats import beta

from skboost._validation import Number

# Levels that come from a sum, such as 0.1 + 0.05, differ from what is meant in the last of their 17 digits.
DIGITS = 12


def exact_level(level: Any, name: str = "confidence_level") -> Fraction:
    """A level as the fraction that is written: 0.9 is 9/10, and so is 0.1 + 0.8.

    Parameters
    ----------
    level : float or Fraction
        Strictly between 0 and 1.
    name : str, default="confidence_level"
        Name of the parameter in the error.

    Raises
    ------
    ValueError
        If it is no number between 0 and 1.

    Examples
    --------
    >>> from skboost.conformal._rank import exact_level
    >>> exact_level(0.95)
    Fraction(19, 20)
    """
    if not Number(0, 1).accepts(level):
        hint = " (0.9 means 90 %)" if isinstance(level, int | float) and level >= 1 else ""
        raise ValueError(f"{name}={level!r} must be a number between 0 and 1, both excluded{hint}.")
    if isinstance(level, Fraction):
        return level
    if isinstance(level, np.floating):  # a float32 is the decimal number that it shows
        level = float(np.format_float_positional(level, unique=True))
    written = Fraction(format(float(level), f".{DIGITS}g"))
    return written if 0 < written < 1 else Fraction(str(float(level)))


def one_sided(level: Fraction) -> Fraction:
    """Level of each end of an interval that may miss on both sides alike: 1 - (1 - level) / 2."""
    return (1 + level) / 2


def upper_rank(n: int, level: Fraction) -> int:
    """k = ceil((n + 1) level): the k-th smallest of n scores is not exceeded by the next with probability ``level``.

    If k > n no score is large enough, and the bound is infinite.

    Examples
    --------
    >>> from skboost.conformal._rank import exact_level, upper_rank
    >>> upper_rank(9, exact_level(0.9)), upper_rank(8, exact_level(0.9))
    (9, 9)
    """
    return math.ceil((n + 1) * level)


def smallest_size(level: Fraction) -> int:
    """Fewest scores that give a finite bound: ceil(1 / (1 - level)) - 1, 9 for 90 % and 19 for 95 %."""
    return math.ceil(1 / (1 - level)) - 1


def pac_rank(n: int, level: Fraction, failure: float) -> int:
    """Smallest rank whose coverage is at least ``level`` for all but a share ``failure`` of calibration sets.

    Given the calibration rows, the coverage of the k-th smallest of n continuous scores is Beta(k, n + 1 - k); the
    smallest k is taken with P(Beta(k, n + 1 - k) >= level) >= 1 - failure. n + 1 if there is none.

    References
    ----------
    .. [1] V. Vovk, "Conditional validity of inductive conformal predictors", ACML 2012, Proposition 2b.
    """
    low, high = 1, n + 1  # the probability grows with k
    while low < high:
        middle = (low + high) // 2
        if beta.sf(float(level), middle, n + 1 - middle) >= 1 - failure:
            high = middle
        else:
            low = middle + 1
    return low


def pac_size(level: Fraction, failure: float) -> int:
    """Fewest scores with which :func:`pac_rank` is finite: the smallest n with level^n <= failure.

    Examples
    --------
    >>> from skboost.conformal._rank import exact_level, pac_size
    >>> pac_size(exact_level(0.9), 0.05)
    29
    """
    n = max(1, math.floor(math.log(failure) / math.log(level)) - 1)
    while pac_rank(n, level, failure) > n:
        n += 1
    return n
