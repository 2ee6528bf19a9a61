"""Optuna's journal in a file, which a process killed in the middle of a write neither blocks nor breaks."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

from skboost.tuning._owner import Owner

FIRST_BYTES = b'{"op_code":'
GRACE_SECONDS = 30.0  # as Optuna's
LOOK_SECONDS = 0.02
WAITING = random.SystemRandom()  # not the generator that users seed


class JournalLock(JournalFileOpenLock):
    """Optuna's lock file with the name of its owner inside.

    Optuna waits for 30 seconds before it breaks a lock that a killed process has left. With the
    owner known, the lock of a process of this machine that has died is broken at once; in other
    cases the 30 seconds stay. Optuna also doubles the time between two looks at the lock, up to a
    second, so that of two busy processes one may wait until the other is done; here it stays short.
    Processes that use Optuna's own locks may work on the same journal.

    Whoever gets the lock first removes the half line that a killed writer may have left at the end
    of the journal. Optuna would write the next record behind it, and nobody could read the journal
    any more.

    Parameters
    ----------
    path : str
        Absolute path of the journal.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skboost.tuning._journal import JournalLock
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "study.log"
    ...     _ = path.write_text("a whole line" + chr(10) + "half a li")
    ...     lock = JournalLock(str(path))
    ...     _ = lock.acquire()
    ...     lock.release()
    ...     path.read_text()
    'a whole line\\n'
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path
        self.file = path + ".lock"
        self.owner: Owner | None = None  # this object while it holds the lock

    def acquire(self) -> bool:
        """Wait for the lock, take it and mend the end of the journal."""
        found, since = None, time.monotonic()
        while not self._take():
            state = _state_of(self.file)
            if state != found:
                found, since = state, time.monotonic()
            if state is not None:
                holder = _holder_of(self.file)
                is_dead = holder is not None and holder.is_dead()
                if is_dead or time.monotonic() - since > GRACE_SECONDS:
                    self._break(state)
            time.sleep(WAITING.uniform(0, LOOK_SECONDS))  # at random: two never keep step
        try:
            drop_half_line(self.path)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Give the lock back, unless others have broken it: then it may be theirs now."""
        mine, self.owner = self.owner, None
        if mine is not None and _holder_of(self.file) == mine:
            os.unlink(self.file)

    def _take(self) -> bool:
        owner = Owner.here()
        try:
            descriptor = os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        except PermissionError:
            if os.name == "nt":  # Windows, while the file is being removed
                return False
            raise
        try:
            os.write(descriptor, json.dumps(owner.as_dict()).encode())
        except BaseException:
            os.unlink(self.file)
            raise
        finally:
            os.close(descriptor)
        self.owner = owner
        return True

    def _break(self, state: tuple[int, int]) -> None:
        """Remove the lock if it is still the one that was looked at."""
        aside = f"{self.file}.{Owner.here().token}"
        try:
            os.rename(self.file, aside)  # of several processes one succeeds
        except OSError:
            return
        if (
            _state_of(aside) != state
        ):  # others were faster, and this is the lock of a living process
            with contextlib.suppress(OSError):
                os.link(aside, self.file, follow_symlinks=False)
        os.unlink(aside)


def _state_of(file: str) -> tuple[int, int] | None:
    """What changes when a lock is given back and taken again; None if there is none."""
    try:
        status = os.lstat(file)  # Optuna's other lock is a symbolic link to the journal
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _holder_of(file: str) -> Owner | None:
    """Who holds a lock; None if nobody does or it is not said."""
    try:
        if os.path.islink(file):
            return None
        with open(file, "rb") as stream:
            return Owner.of(json.loads(stream.read()))
    except (OSError, ValueError):
        return None


def drop_half_line(path: str) -> None:
    """Cut what follows the last end of a line. Only for those who hold the lock."""
    with open(path, "rb+") as stream:
        end = stream.seek(0, os.SEEK_END)
        if end == 0 or (stream.seek(end - 1), stream.read(1))[1] == b"\n":
            return
        start = end
        while start > 0:
            start = max(0, start - 2**16)
            stream.seek(start)
            place = stream.read(min(2**16, end - start)).rfind(b"\n")
            if place >= 0:
                start += place + 1
                break
        stream.truncate(start)


class JournalFile(JournalStorage):
    """A journal in a file, made with its folder if there is none.

    Parameters
    ----------
    path : str or os.PathLike

    Raises
    ------
    ValueError
        If the file holds something else, or a line in it cannot be read.
    OSError
        If the folder or the file cannot be made, read or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # absolute: the lock must be found after a change of the working directory, too
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        folder = os.path.dirname(self.path)
        os.makedirs(folder, exist_ok=True)
        _check_begin(self.path)
        if not os.access(folder, os.W_OK):  # for the lock
            raise PermissionError(f"the folder {folder} cannot be written")
        with open(self.path, "ab"):  # made if missing; fails if it cannot be written
            pass
        try:
            super().__init__(JournalFileBackend(self.path, lock_obj=JournalLock(self.path)))
        except Exception as error:
            line = _first_broken_line(self.path)
            raise ValueError(
                f"line {line} of the journal cannot be read; remove this line"
                if line
                else f"the journal contradicts itself ({type(error).__name__}: {error})"
            ) from error


def _check_begin(path: str) -> None:
    """Refuse a file that is no journal, before anything is written to it."""
    try:
        with open(path, "rb") as stream:
            begin = stream.read(len(b"SQLite format 3"))
    except FileNotFoundError:
        return
    if begin == b"SQLite format 3":
        raise ValueError(f"the file is an SQLite database; write storage='sqlite:///{path}'")
    if not (begin.startswith(FIRST_BYTES) or FIRST_BYTES.startswith(begin)):
        raise ValueError("the file is no journal of Optuna; name another file")


def _first_broken_line(path: str) -> int | None:
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                json.loads(line)
            except ValueError:
                return number
    return None
