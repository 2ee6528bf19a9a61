"""Databases of SQLAlchemy as storages of studies."""

from __future__ import annotations

import re
import time
from typing import Any

from optuna.storages import RDBStorage

SQLITE_SECONDS = (
    60  # how long a write waits for the writes of others; the default of 5 is soon over
)
ATTEMPTS = 5


def open_database(url: str) -> RDBStorage:
    """Reach a database, and make Optuna's tables in it if there are none.

    Parameters
    ----------
    url : str
        Of SQLAlchemy, such as ``"postgresql+psycopg://user@host/name"``.

    Returns
    -------
    storage : optuna.storages.RDBStorage

    Raises
    ------
    ValueError
        If the driver of the database is not installed.
    Exception
        Of SQLAlchemy, if the database cannot be reached.

    Examples
    --------
    >>> from skboost.tuning._database import open_database
    >>> storage = open_database("sqlite:///:memory:")
    >>> storage.get_all_studies()
    []
    """
    dialect, _, driver = url.partition("://")[0].partition("+")
    if dialect == "sqlite":
        options: dict[str, Any] = {"connect_args": {"timeout": SQLITE_SECONDS}}
    else:
        options = {"pool_pre_ping": True}  # trials take long, and servers close idle connections
    for attempt in range(ATTEMPTS):
        try:
            return RDBStorage(url, engine_kwargs=dict(options))
        except ImportError as error:
            way = (
                ", or write postgresql+psycopg://" if dialect == "postgresql" and not driver else ""
            )
            reason = error.__cause__ or error
            raise ValueError(f"the driver is missing ({reason}); install it{way}") from error
        except Exception as error:
            # two processes that begin at once both make the tables, and one of them fails
            is_race = re.search("already exists|unique|duplicate", str(error), re.IGNORECASE)
            if attempt == ATTEMPTS - 1 or not is_race:
                raise
            time.sleep(0.1 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def hidden(text: str) -> str:
    """A text without the passwords of the URLs in it.

    Examples
    --------
    >>> from skboost.tuning._database import hidden
    >>> hidden("mysql://me:secret@host/studies")
    'mysql://me:***@host/studies'
    """
    text = re.sub(r"(://[^:/@\s]*):\S*@", r"\1:***@", text)  # a password may hold an @
    return re.sub(r"(password=)[^&\s'\"]*", r"\1***", text)
