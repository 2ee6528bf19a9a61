"""The one place where a string becomes an object."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Registry:
    """Aliases of the components of one kind, for example all losses.

    Parameters
    ----------
    parameter : str
        Name of the estimator parameter that takes such a component; it appears in error messages.
    """

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self._entries: dict[str, tuple[type, dict[str, Any]]] = {}

    def register(self, alias: str, **defaults: Any) -> Callable[[type[T]], type[T]]:
        """Class decorator: ``alias`` stands for ``cls(**defaults)``."""

        def add(cls: type[T]) -> type[T]:
            if alias in self._entries:
                raise ValueError(f"{self.parameter}={alias!r} is registered twice.")
            self._entries[alias] = (cls, defaults)
            return cls

        return add

    def resolve(self, value: Any, kind: type[T], parameter: str | None = None) -> T:
        """Turn an alias or an instance into a fresh instance that shares no state with the caller."""
        if isinstance(value, kind):
            return copy.deepcopy(value)
        name = parameter or self.parameter
        if isinstance(value, str) and value in self._entries:
            cls, defaults = self._entries[value]
            made = cls(**defaults)
            if isinstance(made, kind):
                return made
        raise ValueError(
            f"{name}={value!r} is unknown; choose from {self.aliases()} "
            f"or pass an instance of {kind.__name__}."
        )

    def aliases(self) -> list[str]:
        """Accepted strings, sorted."""
        return sorted(self._entries)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Pairs of alias and a fresh default instance."""
        for alias in self.aliases():
            cls, defaults = self._entries[alias]
            yield alias, cls(**defaults)
