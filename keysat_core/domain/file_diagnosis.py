"""What the doctor makes of the database's files: the damage, the room, the rights, the copies.

Measuring is the adapters' business; nothing here looks at anything.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keysat_core.domain.finding import Finding, failing, ok, warning
from keysat_core.domain.instant import DAY_SECONDS, Instant, rfc3339_or_number
from keysat_core.limits import (
    BACKUP_DAYS_MAX,
    CLOCK_MARGIN_SECONDS,
    DISK_FREE_BYTES_AMPLE,
    DISK_FREE_BYTES_LOW,
    DISK_FREE_BYTES_MIN,
    DISK_FREE_PERCENT_LOW,
    INSTANT_MAX,
    PROBLEMS_SHOWN_MAX,
    WAL_BYTES_HIGH,
    WAL_BYTES_MAX,
)

_MIB: Final = 1_048_576

_OTHERS: Final = 0o007

_GROUP: Final = 0o070


class DiskSpace(msgspec.Struct, frozen=True, kw_only=True):
    """The file system of the database, in bytes. ``backup_bytes``: what one more backup takes."""

    free_bytes: int
    total_bytes: int
    backup_bytes: int


class BackupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the last backup. ``last_at`` is text as stored.

    ``every_seconds``: how often one is to be made by itself; None: the operator makes them.
    ``failed_at`` and ``problem`` tell of the last scheduled one, if it failed.
    """

    last_at: str | None
    last_path: str | None
    is_there: bool
    has_sold: bool
    every_seconds: int | None = None
    failed_at: Instant | None = None
    problem: str | None = None


def judge_integrity(problems: Sequence[str]) -> list[Finding]:
    """Judge what SQLite's own check reports."""
    if not problems:
        return ok("no damage found")
    shown = "; ".join(problems[:PROBLEMS_SHOWN_MAX])
    return [
        failing(
            f"the file is damaged: {shown}",
            "stop the server, keep a copy of the file, and restore the newest good backup",
        )
    ]


def judge_references(dangling: Mapping[str, int]) -> list[Finding]:
    """Judge the rows of each table that refer to rows which are not there."""
    if not dangling:
        return ok("every row's references are there")
    listed = ", ".join(f"{count} in {table}" for table, count in sorted(dangling.items()))
    return [
        failing(
            f"rows refer to rows that are not there: {listed}",
            "something other than Keysat wrote to the file: restore a backup made before that",
        )
    ]


def judge_disk(disk: DiskSpace) -> list[Finding]:
    """Judge the space that is left."""
    free = f"{disk.free_bytes // _MIB} MiB free"
    share = 100 * disk.free_bytes // max(1, disk.total_bytes)
    remedy = "free some space or move the database to a larger disk"
    if disk.free_bytes < DISK_FREE_BYTES_MIN:
        return [failing(f"the disk is nearly full: {free}", remedy)]
    is_tight = share < DISK_FREE_PERCENT_LOW and disk.free_bytes < DISK_FREE_BYTES_AMPLE
    if disk.free_bytes < DISK_FREE_BYTES_LOW or is_tight:
        return [warning(f"the disk fills up: {free}, {share} %", remedy)]
    if lacks_room(disk):
        needed = disk.backup_bytes // _MIB
        return [warning(f"no room for a backup of {needed} MiB: {free}", remedy)]
    return ok(f"{free}, {share} %")


def lacks_room(disk: DiskSpace) -> bool:
    """Tell whether one more backup would take the room that the shop itself needs."""
    return disk.free_bytes - disk.backup_bytes < DISK_FREE_BYTES_MIN


def judge_wal(sizes: Mapping[str, int]) -> list[Finding]:
    """Judge the sizes of write-ahead logs by file name, in bytes."""
    found = []
    for name, size in sorted(sizes.items()):
        text = f"{name} has grown to {size // _MIB} MiB and is not written back"
        remedy = "some process keeps a read open: end backups and tools that hang, then restart"
        if size >= WAL_BYTES_MAX:
            found.append(failing(text, remedy))
        elif size >= WAL_BYTES_HIGH:
            found.append(warning(text, remedy))
    return found or ok(f"{sum(sizes.values()) // _MIB} MiB")


def judge_backup(backup: BackupFacts, now: Instant) -> list[Finding]:
    """Judge the age of the last backup, and what became of the last scheduled one."""
    age_problem = _age_problem(backup, now)
    if backup.every_seconds is not None and backup.failed_at is not None:
        told = failing if age_problem else warning
        when = rfc3339_or_number(backup.failed_at)
        text = f"the scheduled backup failed at {when}: {backup.problem}"
        if age_problem:
            text = f"{text}; {age_problem}"
        return [told(text, "see to it, then run: keysat worker --once --job backups")]
    if backup.last_at is None and not backup.has_sold:
        return ok("nothing to lose yet")
    if age_problem:
        return [warning(age_problem, "run: keysat backup")]
    if not backup.is_there:
        return [
            warning(
                f"the last backup is not at {backup.last_path} any more",
                "make sure that you keep it elsewhere, or run: keysat backup",
            )
        ]
    return ok(f"at {backup.last_path}")


def judge_modes(modes: Mapping[str, int]) -> list[Finding]:
    """Judge the permissions of files that hold secrets, by path."""
    found = []
    for path, mode in sorted(modes.items()):
        remedy = f"run: chmod 600 {path}"
        if mode & _OTHERS:
            found.append(failing(f"every user of this machine may open {path}", remedy))
        elif mode & _GROUP:
            found.append(warning(f"its group may open {path}", remedy))
    return found or ok("files with secrets are the owner's alone")


def judge_writing(unwritable: Sequence[str]) -> list[Finding]:
    """Judge the files of a database that this user may not write: a server of this user could not."""
    return [
        failing(f"this user may not write {path}", f"run: chmod u+w {path}, or chown it")
        for path in unwritable
    ]


def _age_problem(backup: BackupFacts, now: Instant) -> str | None:
    if backup.last_at is None:
        return "licenses were issued, but the database was never backed up"
    last_at = backup.last_at
    if not (last_at.isascii() and last_at.isdecimal() and len(last_at) <= len(str(INSTANT_MAX))):
        return "the record of the last backup is unreadable"
    age = now - int(last_at)
    if age > _age_seconds_max(backup.every_seconds):
        return f"the last backup is {age // DAY_SECONDS} days old"
    if -age > CLOCK_MARGIN_SECONDS:
        return f"the last backup is from the future: {rfc3339_or_number(Instant(int(last_at)))}"
    return None


def _age_seconds_max(every_seconds: int | None) -> int:
    """Say how old the last backup may be: a week, or longer if the interval is meant to be."""
    return max(BACKUP_DAYS_MAX * DAY_SECONDS, 2 * (every_seconds or 0))
