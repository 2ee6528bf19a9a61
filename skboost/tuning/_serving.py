"""What a process does that serves fits under a time limit: it runs jobs one after another, and dies with its parent."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import sys
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import joblib
import sklearn

N_KEPT = 2  # shared objects that a process remembers: those of a search, and of one inside it
IDLE_SECONDS = 300.0  # after which a process without jobs ends, as loky's do
GRACE_SECONDS = 10.0  # after which an overdue process ends by itself, if nobody has stopped it
LONGEST_WAIT = 1e6  # in seconds; what the operating system takes for a delay


class Letter(NamedTuple):
    """What stands above the bytes of a shared object or of a job.

    Attributes
    ----------
    path : list of str
        Where modules are looked for; it must be set before the bytes are read.
    token : str or None
        Name of the shared object that is sent or needed.
    seconds : float or None
        The limit of a job; None for a shared object.
    config : dict
        Configuration of scikit-learn.
    """

    path: list[str]
    token: str | None
    seconds: float | None
    config: dict[str, Any]


def to_bytes(value: Any) -> bytes:
    """Pickle anything: lambdas and what ``__main__`` defines travel by value."""
    return pickle.dumps(joblib.wrap_non_picklable_objects(value, keep_wrapper=False), protocol=5)


def remember(kept: OrderedDict[str, Any], token: str, value: Any) -> None:
    """Note the last use of a shared object and forget those that were used longest ago.

    Both ends of the line keep their books by this rule, so that they agree on what is known.
    """
    kept[token] = value
    kept.move_to_end(token)
    while len(kept) > N_KEPT:
        kept.popitem(last=False)


def serve(descriptor: int) -> None:
    """Answer what arrives on a socket until it is closed or nothing has come for a while."""
    kept: OrderedDict[str, Any] = OrderedDict()
    with Connection(descriptor) as line, contextlib.suppress(EOFError, OSError):
        while line.poll(IDLE_SECONDS):
            _answer(line, kept)
    # a thread that a job has left behind must not keep the process alive
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)


def _answer(line: Connection, kept: OrderedDict[str, Any]) -> None:
    """Read one letter, say that it was understood, and do the job if it is one."""
    letter: Letter = pickle.loads(line.recv_bytes())
    content = line.recv_bytes()
    sys.path[:] = letter.path
    try:
        value = pickle.loads(content)  # imports the modules of the job
    except BaseException as error:
        line.send_bytes(_failure(error))
        return
    line.send_bytes(to_bytes(("ready", None)))
    if letter.token is not None:
        remember(kept, letter.token, value if letter.seconds is None else kept[letter.token])
    if letter.seconds is None:
        return
    function, args, kwargs = value
    if letter.token is not None:
        args = (kept[letter.token], *args)
    with _mortal(line, letter.seconds):
        reply = _outcome(function, args, kwargs, letter.config)
    line.send_bytes(reply)


def _outcome(function: Any, args: Any, kwargs: Any, config: dict[str, Any]) -> bytes:
    """Result of a call, or its exception, as bytes."""
    try:
        # threads, because processes that a fit starts would outlive it when it is stopped
        with sklearn.config_context(**config), joblib.parallel_config(backend="threading"):
            return to_bytes(("done", function(*args, **kwargs)))
    except BaseException as error:  # SystemExit too: the caller decides what it means
        return _failure(error)


def _failure(error: BaseException) -> bytes:
    """An exception as bytes, with its traceback as a note; in other words if it does not travel."""
    where = "".join(traceback.format_exception(error))
    error.add_note(f"It was raised in another process:\n{where}")
    try:
        content = to_bytes(("failed", error))
        pickle.loads(content)
    except Exception:
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.add_note(f"It was raised in another process:\n{where}")
        content = to_bytes(("failed", plain))
    return content


@contextlib.contextmanager
def _mortal(line: Connection, seconds: float) -> Iterator[None]:
    """Let the operating system end this process when its parent dies or its time is long over.

    A job that is stuck in compiled code never returns to the interpreter, which therefore cannot look whether the
    parent still lives. Two signals do it whose default action ends the process: SIGIO when the other end of the socket
    is closed (nothing is sent to a process at work), and SIGALRM for systems where SIGIO is ignored.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, LONGEST_WAIT) + GRACE_SECONDS)
    fcntl.fcntl(line.fileno(), fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(line.fileno(), fcntl.F_GETFL)
    fcntl.fcntl(line.fileno(), fcntl.F_SETFL, flags | os.O_ASYNC)
    if line.poll():  # closed just before
        os._exit(1)
    try:
        yield
    finally:
        fcntl.fcntl(line.fileno(), fcntl.F_SETFL, flags)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
