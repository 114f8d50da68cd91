"""A worker in a process of its own: ``python -m tests.support.leased_worker DATABASE NOTES HOW``.

It runs one shared job, whose runs it notes at the end of a file: ``begin PID SECOND`` and
``end PID SECOND``. ``HOW`` is ``quick``, or ``hang`` for a run that never ends.
"""

import os
import sys
import time
from pathlib import Path

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.ids import RandomIds
from keysat_http.leasing import LeaseKeeper
from keysat_http.logs import configure_logs
from keysat_http.ticks import Tick
from keysat_http.worker import run_ticks

EVERY_SECONDS = 2


def note(notes: Path, word: str) -> None:
    with notes.open("a", encoding="utf-8") as file:
        file.write(f"{word} {os.getpid()} {int(time.time())}\n")


def main() -> None:
    database, notes, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    configure_logs("info")

    def work() -> int:
        note(notes, "begin")
        time.sleep(3600 if how == "hang" else 0.3)
        note(notes, "end")
        return 1

    clock = SystemClock()
    with SQLiteStore.open(database, migrate=False) as store:
        tick = Tick(
            name="job", first_after_seconds=0, every_seconds=EVERY_SECONDS, run=work, is_shared=True
        )
        leases = LeaseKeeper(store, clock, RandomIds())
        run_ticks([tick], leases, clock, ready=lambda: note(notes, "ready"))


if __name__ == "__main__":
    main()
