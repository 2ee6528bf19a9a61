"""Where calibration rows are too few for a finite answer, said once for a whole call."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from fractions import Fraction

from skboost.exceptions import UncertaintyWarning

SHOWN = 5


class Shortage:
    """Collects levels and groups for which there are too few calibration rows, or too little weight.

    Parameters
    ----------
    answer : str
        What is infinite or full: "the intervals are infinite".
    """

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.needed: dict[Fraction, int] = {}
        self.groups: dict[str, float] = {}
        self.heavy: dict[Fraction, int] = {}
        self.n_effective = 0.0

    def note(self, level: Fraction, needed: int, n_rows: float, group: str = "") -> None:
        """A level that needs more rows than there are, in all or in a group."""
        self.needed[level] = needed
        self.groups[group] = n_rows

    def note_heavy(self, level: Fraction, n_rows: int, n_effective: float) -> None:
        """A level for which some new rows weigh too much beside the calibration rows."""
        self.heavy[level] = self.heavy.get(level, 0) + n_rows
        self.n_effective = n_effective

    def warn(self, stacklevel: int) -> None:
        """One warning if anything was noted; ``stacklevel`` as if it were called for in this place."""
        sentences = [self._too_few()] if self.needed else []
        sentences += [self._too_heavy()] if self.heavy else []
        if sentences:
            warnings.warn(" ".join(sentences), UncertaintyWarning, stacklevel=stacklevel + 1)

    def _too_few(self) -> str:
        levels = sorted(self.needed)
        plural = "s" if len(levels) > 1 else ""
        have = first_of(
            f"{n_rows:g}{f' in {group}' if group else ''}" for group, n_rows in self.groups.items()
        )
        return (
            f"confidence level{plural} {first_of(f'{float(level):g}' for level in levels)} need{'' if plural else 's'} "
            f"at least {first_of(str(self.needed[level]) for level in levels)} calibration rows, but there are {have}: "
            f"{self.answer}{' there' if '' not in self.groups else ''}. Give more rows, or a lower level."
        )

    def _too_heavy(self) -> str:
        level = max(self.heavy, key=lambda level: self.heavy[level])
        return (
            f"the density ratio of {self.heavy[level]} rows is too large for a confidence level of {float(level):g}, "
            f"with an effective number of {self.n_effective:.3g} calibration rows: {self.answer} there. Calibrate on "
            "more rows that resemble these, or give a lower level."
        )


def first_of(words: Iterable[str]) -> str:
    """A list in words, cut where it gets long."""
    shown = list(words)
    more = len(shown) - SHOWN
    if more > 0:
        return f"{', '.join(shown[:SHOWN])} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
