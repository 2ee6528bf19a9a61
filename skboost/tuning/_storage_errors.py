"""Errors of storages, in one sentence that names the storage and hides its password."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.storages import RDBStorage

from skboost.tuning._database import hidden
from skboost.tuning._journal import JournalFile


def described(storage: Any) -> str:
    """A storage in error messages: what users wrote, as far as that is known."""
    if isinstance(storage, JournalFile):
        return repr(storage.path)
    if isinstance(storage, RDBStorage):
        return repr(hidden(storage.url))
    if isinstance(storage, str | os.PathLike):
        return repr(hidden(os.fspath(storage)))
    return type(storage).__name__


@contextmanager
def explained(storage: Any) -> Iterator[None]:
    """Turn an error of a storage into one sentence that names it."""
    try:
        yield
    except Exception as error:
        cause = error
        while isinstance(cause.__cause__, Exception) and not isinstance(cause, ValueError):
            cause = cause.__cause__  # "during the commit" says less than what the database said
        reason = hidden(" ".join(str(cause).split()).rstrip(".")) or type(cause).__name__
        secret = reason != " ".join(str(cause).split()).rstrip(".")
        raise ValueError(
            f"storage={described(storage)} cannot be used: {reason}; "
            "mend this, choose another storage, or storage=None for a study in memory."
        ) from (None if secret else error)
