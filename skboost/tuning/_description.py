"""Values as texts that are the same in every process."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
from sklearn import config_context

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def describe(value: Any) -> str:
    """What a value is, without the place in memory where it happens to be.

    Functions and classes are named, distributions of SciPy and estimators tell their parameters; anything else gives
    its ``repr``.
    """
    if hasattr(value, "__qualname__"):
        return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
    if hasattr(value, "dist") and hasattr(value, "args") and hasattr(value, "kwds"):
        named = [f"{key}={number!r}" for key, number in sorted(value.kwds.items())]
        return f"{value.dist.name}({', '.join([*map(repr, value.args), *named])})"
    if isinstance(value, np.ndarray):
        return f"array({value.tolist()!r})"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(describe, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return " ".join(ADDRESS.sub("", _text(value)).split())


def short(value: Any) -> str:
    """A value in at most eighty characters, for people to read."""
    with config_context(print_changed_only=True):
        text = value if isinstance(value, str) else ADDRESS.sub("", repr(value))
    return textwrap.shorten(getattr(value, "__qualname__", text), 80, placeholder="...")


def _text(value: Any) -> str:
    """``repr``; of estimators in full, where scikit-learn would cut it."""
    if hasattr(value, "get_params") and hasattr(value, "__sklearn_tags__"):
        params = value.get_params(deep=False)
        return f"{type(value).__name__}({', '.join(f'{k}={describe(v)}' for k, v in sorted(params.items()))})"
    return repr(value)
