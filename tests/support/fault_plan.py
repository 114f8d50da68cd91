"""When a process fails, and how: armed by the test, obeyed by the server, through shared memory.

The server's clock is set here too, so that a test need not wait out what the server waits for.
"""

import mmap
import os
import signal
import struct
import threading
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final

_LAYOUT: Final = struct.Struct("<4q")
_AHEAD: Final = struct.Struct("<q")


class Site(IntFlag):
    """Where a process can be stopped or can fail; one step is one passing by."""

    STATEMENT = 1
    """Before a statement that writes, through the store."""
    COMMIT = 2
    """After the last statement of a transaction, before its commit."""
    COMMITTED = 4
    """After a commit, before anybody hears of it."""
    ASKING = 8
    """Before a call to the payment provider."""
    ASKED = 16
    """After a call to the payment provider, before its answer is used."""
    ANSWER = 32
    """Before an HTTP answer is sent."""
    BOOKS = 64
    """Before a statement on the pretend provider's books."""
    LOG = 128
    """At a write to the write-ahead log of the main file."""
    FILE = 256
    """At a write to the main file itself, by a checkpoint."""
    SYNC = 512
    """Before the main file or its log is synced."""
    ACTIVITY = 1_024
    """At a write to the validation log's files."""


class Act(IntEnum):
    """What happens at the step. KILL and TEAR happen once; the rest goes on until disarmed."""

    COUNT = 0
    KILL = 1
    TEAR = 2
    """Write half of what was to be written, and die."""
    FULL = 3
    READ_ONLY = 4
    BROKEN = 5


class FaultPlan:
    """One plan shared by a test and one server process."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b" if path.exists() else "w+b") as file:
            size = _LAYOUT.size + _AHEAD.size
            file.truncate(size)
            self._memory = mmap.mmap(file.fileno(), size)
        self._lock = threading.Lock()

    def arm(self, sites: Site, act: Act, *, after: int = 1) -> None:
        """Do this at the ``after``-th step from now on at any of these sites."""
        _LAYOUT.pack_into(self._memory, 0, sites, act, after, 0)

    def disarm(self) -> int:
        """Fail no more; give how many steps were taken since it was armed."""
        seen = int(_LAYOUT.unpack_from(self._memory)[3])
        self.arm(Site(0), Act.COUNT)
        return seen

    @property
    def seen(self) -> int:
        """How many steps were taken since it was armed."""
        return int(_LAYOUT.unpack_from(self._memory)[3])

    @property
    def ahead_seconds(self) -> int:
        """How far the server's clock is ahead."""
        return int(_AHEAD.unpack_from(self._memory, _LAYOUT.size)[0])

    def turn(self, seconds: int) -> None:
        """Turn the server's clock on."""
        _AHEAD.pack_into(self._memory, _LAYOUT.size, self.ahead_seconds + seconds)

    def step(self, site: Site) -> Act:
        """Pass by a site: die here, or give what is to happen; COUNT is nothing."""
        with self._lock:
            sites, act, after, seen = _LAYOUT.unpack_from(self._memory)
            if not site & sites:
                return Act.COUNT
            _LAYOUT.pack_into(self._memory, 0, sites, act, after, seen + 1)
            is_due = seen + 1 == after if act in {Act.KILL, Act.TEAR} else seen + 1 >= after
        if not is_due:
            return Act.COUNT
        if act == Act.KILL:
            die()
        return Act(act)


def die() -> None:
    """End this process as ``kill -9`` does, in the middle of what it is doing."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()
