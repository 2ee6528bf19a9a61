"""A hard time limit for one call, in any worker of any joblib backend."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import sklearn

from skboost.tuning._serving import LONGEST_WAIT, Letter, remember, to_bytes

FAREWELL_SECONDS = 1.0  # for a process that has been told to end

Reply = tuple[str, Any]  # "ready" or "done" with a result, or "failed" with an exception


class FitTimeoutError(TimeoutError):
    """A fit has passed its time limit and was stopped.

    Examples
    --------
    >>> from skboost.tuning import FitTimeoutError
    >>> issubclass(FitTimeoutError, TimeoutError)
    True
    """


class FitCrashedError(ChildProcessError):
    """The process has died at its job."""


class _LineBroken(ChildProcessError):
    """The process was gone before it had understood its job, which it therefore has not begun."""


class _Server:
    """A process that runs jobs for this one, and what it is known to remember."""

    def __init__(self) -> None:
        ours, theirs = Pipe()
        command = (
            f"import sys; sys.path[:] = {_search_path()!r}; "
            f"from skboost.tuning._serving import serve; serve({theirs.fileno()})"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", command],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the parent; and the group can be stopped whole
        )
        theirs.close()
        self.line = ours
        self.kept: OrderedDict[str, Any] = OrderedDict()
        self.close = weakref.finalize(self, _farewell, self.process, ours, os.getpid())

    def run(self, job: bytes, shared: tuple[str, Any] | None, seconds: float) -> Reply:
        """Do a job, after sending the shared object if it is not known there."""
        token = None
        if shared is not None:
            token, value = shared
            if token not in self.kept:
                reply = self._send(to_bytes(value), token, None)
                if reply[0] == "failed":
                    return reply
        reply = self._send(job, token, seconds)
        return reply if reply[0] == "failed" else self._wait(seconds)

    def _send(self, content: bytes, token: str | None, seconds: float | None) -> Reply:
        """Send a shared object or a job, and wait until it is read there and its modules are imported."""
        letter = Letter(_search_path(), token, seconds, sklearn.get_config())
        try:
            self.line.send_bytes(pickle.dumps(letter))
            self.line.send_bytes(content)
            content = self.line.recv_bytes()
        except (EOFError, OSError) as error:
            raise _LineBroken(
                f"A process for limited fits could not be used ({self._last_words()}); its last lines on the error "
                "output tell why."
            ) from error
        reply: Reply = pickle.loads(content)
        if token is not None and reply[0] == "ready":
            remember(self.kept, token, None)
        return reply

    def _wait(self, seconds: float) -> Reply:
        """The answer to the job that was sent, if it comes in time."""
        end = time.monotonic() + seconds
        while not self.line.poll(min(max(end - time.monotonic(), 0.0), LONGEST_WAIT)):
            if time.monotonic() >= end:
                raise FitTimeoutError(
                    f"The fit took longer than its limit of {seconds:g} seconds and was stopped."
                )
        try:
            content = self.line.recv_bytes()
        except (EOFError, OSError) as error:
            raise FitCrashedError(
                f"The process of the fit has died ({self._last_words()}); it may have run out of memory, or a compiled "
                "library has crashed."
            ) from error
        reply: Reply = pickle.loads(content)
        return reply

    def _last_words(self) -> str:
        """How a process ended whose line is closed."""
        self.close()
        status = self.process.returncode
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def stop(self) -> None:
        """End the process and all that it has started, now."""
        _kill(self.process)
        self.close()


def _search_path() -> list[str]:
    return [entry for entry in sys.path if isinstance(entry, str)]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group."""
    if process.poll() is None:  # otherwise its number may belong to somebody else
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _farewell(process: subprocess.Popen[bytes], line: Connection, owner: int) -> None:
    """End a process that is not needed any more: by a closed line, and by force if it does not listen."""
    if os.getpid() != owner:  # a forked copy of the owner
        return
    line.close()
    try:
        process.wait(FAREWELL_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)


class _Idle:
    """Processes that wait for a job. Workers take one and put it back, so there are as many as jobs at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.servers: list[_Server] = []

    def take(self, token: str | None) -> _Server | None:
        """The process that was used last, if possible among those that know the shared object."""
        with self.lock:
            knowing = [server for server in self.servers if token in server.kept]
            if not self.servers:
                return None
            server = (knowing or self.servers)[-1]
            self.servers.remove(server)
            return server

    def put(self, server: _Server) -> None:
        """Keep a process for the next job."""
        with self.lock:
            self.servers.append(server)

    def disown(self) -> None:
        """Forget the processes in a forked copy: they belong to the original."""
        self.lock = threading.Lock()  # may have been held while the process was copied
        for server in self.servers:
            server.line.close()
            server.process.returncode = 0  # not ours to wait for
        self.servers.clear()

    def close(self) -> None:
        """End all of them."""
        with self.lock:
            servers, self.servers = self.servers, []
        for server in servers:
            server.line.close()
        for server in servers:
            server.close()


IDLE = _Idle()
os.register_at_fork(after_in_child=IDLE.disown)


def run_limited(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    seconds: float,
    *,
    shared: tuple[str, Any] | None = None,
) -> Any:
    """Call a function in another process, which is stopped when its time is up.

    The process stays for the next call, so it is started, and imports modules, once for each call that runs at the same
    time. Neither this nor reading the arguments counts against the limit. What the function prints goes where the
    output of this process goes; its warnings too. The process ends with this one, however that ends.

    Parameters
    ----------
    function : callable
        May be a lambda or defined in ``__main__``.
    args : tuple
    kwargs : dict
    seconds : float
        Positive; infinity means no limit.
    shared : tuple of str and object, optional
        A token and a large object, the first argument of the function. It is sent to a process once and kept there
        under its token, which must stand for this very object. The two used last are kept.

    Returns
    -------
    result : object
        What the function returns.

    Raises
    ------
    FitTimeoutError
        If the function needs more time. Also when it is stuck in compiled code.
    ChildProcessError
        If the process dies: ``FitCrashedError`` if at its job.
    ValueError
        If ``seconds`` is not positive.
    BaseException
        Whatever the function raises, with the traceback of the other process as a note.

    Examples
    --------
    >>> from skboost.tuning._limits import run_limited
    >>> run_limited(pow, (2, 10), {}, 60.0)
    1024
    """
    if not seconds > 0 or math.isnan(seconds):
        raise ValueError(f"seconds={seconds!r} must be positive.")
    job = to_bytes((function, args, kwargs))
    server = IDLE.take(None if shared is None else shared[0])
    if server is not None:
        with contextlib.suppress(_LineBroken):  # it has ended while nobody needed it
            return _finished(server, job, shared, seconds)
    return _finished(_Server(), job, shared, seconds)


def _finished(server: _Server, job: bytes, shared: tuple[str, Any] | None, seconds: float) -> Any:
    """Result of a job; the process is kept if it has answered, and stopped if not."""
    try:
        kind, value = server.run(job, shared, seconds)
    except BaseException:
        server.stop()
        raise
    IDLE.put(server)
    if kind == "failed":
        raise value
    return value
