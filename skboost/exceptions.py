"""Warnings of skboost."""

from __future__ import annotations


class DivergenceWarning(UserWarning):
    """A fit produced numbers that are not finite and was stopped; the best round before that is kept."""


class UncertaintyWarning(UserWarning):
    """An answer is right but says less than was hoped for: too few rows, a biased estimate, a score that misleads."""
