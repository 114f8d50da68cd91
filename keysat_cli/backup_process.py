"""``python -m keysat_cli.backup_process DATABASE BACKUP``: makes one backup for a server.

Verifying is work for a processor, not for a disk: inside the server it would take turns with every
answer. So it is done here, at a low priority. The process needs no setting, knows no secret but
what is in the files, prints one line of JSON, and ends with whoever started it.
"""

import os
import signal
import sys
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Final, NoReturn

import msgspec

from keysat_adapters.sqlite.backup import back_up
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.snapshot import remove_abandoned
from keysat_cli.verification import unfitness
from keysat_core.errors import BackupUnsound, KeysatError, StoreUnavailable
from keysat_core.use_cases.server.verify_database import verify_database

NICENESS: Final = 10
"""The server goes before; at 19 a busy machine might never let it end."""

ORPHANED: Final = 3
"""How it ends when who started it is gone; nobody reads it."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed: the backup, or why there is none.

    ``problems``: what was found when the copy was verified. ``problem``: any other reason.
    """

    size_bytes: int = 0
    problem: str | None = None
    problems: tuple[str, ...] = ()


def main() -> None:
    """Make the backup that the command line names."""
    source, final = map(Path, sys.argv[1:])
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, _end)
    # The terminal of a server interrupts us too; the server then says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_starter, daemon=True).start()
    sys.stdout.write(msgspec.json.encode(_made(source, final)).decode())


def _made(source: Path, final: Path) -> Made:
    try:
        remove_abandoned(final.parent)
        made = back_up(source, final, verify=_problems)
    except BackupUnsound as exc:
        return Made(problems=exc.problems)
    except StoreUnavailable as exc:
        return Made(problem=exc.problem)
    except KeysatError as exc:
        return Made(problem=str(exc))
    return Made(size_bytes=made.size_bytes)


def _problems(path: Path) -> tuple[str, ...]:
    with look_into(path) as database:
        return unfitness(verify_database(database=database, progress=lambda _done, _total: None))


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """End as after an error, so that the half of a copy is removed."""
    del frame
    sys.exit(128 + number)


def _end_with_starter() -> None:
    """Wait until the pipe from the starter breaks, which nothing is ever written to."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
