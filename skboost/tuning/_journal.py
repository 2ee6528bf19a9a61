"""Optuna's journal in a file, which a process killed in the middle of a write neither blocks nor breaks."""

from __future__ import annotations

import contextlib
import json
import os

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

from skboost.tuning._owner import Owner

FIRST_BYTES = b'{"op_code":'


class JournalLock(JournalFileOpenLock):
    """Optuna's lock file with the name of its owner inside.

    Optuna waits 30 seconds before it breaks a lock that a killed process has left. With the owner
    known, a lock of a process of this machine that has died is broken at once; in other cases the
    30 seconds stay. Processes that use Optuna's own lock may work on the same journal.

    Whoever gets the lock first removes the half line that a killed writer may have left at the end
    of the journal. Optuna would write the next record behind it, and nobody could read the journal
    any more.

    Parameters
    ----------
    path : str
        Absolute path of the journal.

    Examples
    --------
    >>> import os, tempfile
    >>> from skboost.tuning._journal import JournalLock
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "study.log")
    ...     _ = open(path, "w").write("a whole line" + chr(10) + "half a li")
    ...     lock = JournalLock(path)
    ...     _ = lock.acquire()
    ...     lock.release()
    ...     open(path).read()
    'a whole line\\n'
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path
        self.file = path + ".lock"
        self.owner: Owner | None = None  # this object while it holds the lock

    def acquire(self) -> bool:
        self._break_if_dead()
        super().acquire()
        try:
            self.owner = Owner.here()
            _write_existing(self.file, json.dumps(self.owner.as_dict()).encode())
            drop_half_line(self.path)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        mine, self.owner = self.owner, None
        if mine is None:  # Optuna breaks a lock that was not released in time
            super().release()
        elif self._holder() in (mine, None):  # not if others broke it: then it may be theirs now
            with contextlib.suppress(RuntimeError):
                super().release()

    def _holder(self) -> Owner | None:
        """Who holds the lock; None if nobody does or it is not said."""
        try:
            with open(self.file, "rb") as stream:
                return Owner.of(json.loads(stream.read()))
        except (OSError, ValueError):
            return None

    def _break_if_dead(self) -> None:
        holder = self._holder()
        if holder is None or not holder.is_dead():
            return
        aside = f"{self.file}.{Owner.here().token}"
        try:
            os.rename(self.file, aside)  # of several processes one succeeds
        except OSError:
            return
        taken = JournalLock(self.path)
        taken.file = aside
        if (
            taken._holder() != holder
        ):  # others were faster, and this is the lock of a living process
            with contextlib.suppress(OSError):
                os.link(aside, self.file)
        os.unlink(aside)


def _write_existing(path: str, content: bytes) -> None:
    """Fill a file; do nothing if it is gone."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)


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
