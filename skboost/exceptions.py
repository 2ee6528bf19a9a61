"""Warnings of skboost."""

from __future__ import annotations


class DivergenceWarning(UserWarning):
    """A fit produced numbers that are not finite and was stopped; the best round before that is kept."""


class IgnoredRowsWarning(UserWarning):
    """Rows were set aside although the caller did not ask for it."""
