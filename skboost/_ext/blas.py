"""BLAS on one thread while a model is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_inside = 0
_limiter: Any = None


@cache
def _controller() -> Any:
    """What knows the BLAS libraries of this process; finding them takes milliseconds, so once."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS at one thread, and give it back what it had when the last of several threads leaves.

    The matrices of a fit are small: a second BLAS thread waits more than it works, and keeps a core from our own
    kernels. It also adds in another order, and the bits of a model must not depend on the number of threads.
    """
    global _inside, _limiter
    with _lock:
        if _inside == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limiter.restore_original_limits()
                _limiter = None
