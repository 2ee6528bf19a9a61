"""BLAS on one thread while a model is fitted."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any


@cache
def _controller() -> Any:
    """What knows the BLAS libraries of this process; finding them takes milliseconds, so once."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def single_threaded_blas() -> AbstractContextManager:
    """Hold BLAS at one thread, and give it back what it had; for the main thread of a process.

    The matrices of a fit are small: a second BLAS thread waits more than it works, and keeps a core from our own
    kernels. It also adds in another order, and the bits of a model must not depend on the number of threads.

    The number belongs to the whole process. Fits that overlap in several threads would give back what they found,
    which is the one thread of each other, so that BLAS would keep to it for good. They leave the number alone.
    """
    if threading.current_thread() is not threading.main_thread():
        return nullcontext()
    limit: AbstractContextManager = _controller().limit(limits=1, user_api="blas")
    return limit
