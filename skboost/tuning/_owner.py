"""Which process holds something, told so that others on the same machine can see that it has died."""

from __future__ import annotations

import os
import platform
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

UNKNOWN = ""


@dataclass(frozen=True)
class Owner:
    """A process on a machine, and one holder in it.

    Parameters
    ----------
    machine : str
        Name of the host, its last start and the namespace of its process numbers: containers that
        share a host name do not share process numbers.
    pid : int
    started : str
        When the process began, in the clock of the machine: process numbers are used again.
    token : str
        Tells two holders within a process apart.

    Examples
    --------
    >>> from skboost.tuning._owner import Owner
    >>> me = Owner.here()
    >>> me == Owner.of(me.as_dict()), me.is_dead()
    (True, False)
    """

    machine: str
    pid: int
    started: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def here(cls) -> Owner:
        """A new holder in this process."""
        return cls(_machine(), os.getpid(), _started(os.getpid()))

    @classmethod
    def of(cls, facts: Any) -> Owner | None:
        """The owner that `as_dict` told, or None if these are no such facts."""
        try:
            return cls(
                str(facts["machine"]), int(facts["pid"]), str(facts["started"]), str(facts["token"])
            )
        except (KeyError, TypeError, ValueError):
            return None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def is_dead(self) -> bool:
        """True only when it is certain: a process of another machine may always be alive."""
        if self.machine != _machine():
            return False
        return _started(self.pid, gone="gone") not in (self.started, UNKNOWN)


def _machine() -> str:
    parts = [platform.node()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:  # not Linux
        pass
    return " ".join(parts)


def _started(pid: int, gone: str = UNKNOWN) -> str:
    """Start of a process in clock ticks; ``gone`` if there is none; UNKNOWN if nobody can tell."""
    if os.name != "posix":  # os.kill(pid, 0) would interrupt the process on Windows
        return UNKNOWN
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return gone
    except OSError:  # it runs as another user
        pass
    try:
        # the name in parentheses may hold anything; state is the first field after it, start the 20th
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return UNKNOWN
    return gone if fields[0] in "ZX" else fields[19]
