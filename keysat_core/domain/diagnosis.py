"""What the doctor makes of its measurements of a server: findings that say what to do.

Measuring is the adapters' business; nothing here looks at anything. ``settings_diagnosis`` judges
the settings.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, Instant, rfc3339
from keysat_core.domain.lease import Lease
from keysat_core.domain.webhook_trouble import REMEDIES, WebhookTrouble
from keysat_core.limits import (
    BACKUP_DAYS_MAX,
    CLOCK_DRIFT_SECONDS_MAX,
    CLOCK_FLOOR,
    CLOCK_MARGIN_SECONDS,
    DISK_FREE_BYTES_AMPLE,
    DISK_FREE_BYTES_LOW,
    DISK_FREE_BYTES_MIN,
    DISK_FREE_PERCENT_LOW,
    EFFECT_SECONDS_MAX,
    INSTANT_MAX,
    LEASE_CLOCK_STEP_SECONDS,
    LEASE_LEFT_SECONDS_MAX,
    LEASE_SECONDS,
    PROBLEMS_SHOWN_MAX,
    TICK_SILENCE_SECONDS_MAX,
    WAL_BYTES_HIGH,
    WAL_BYTES_MAX,
)

_MIB: Final = 1_048_576
_OTHERS: Final = 0o007
_GROUP: Final = 0o070


class Health(StrEnum):
    """How one thing is. ``SKIPPED``: it could not be looked at, because something else fails."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what to do about it if anything."""

    health: Health
    text: str
    remedy: str | None = None


class DiskSpace(msgspec.Struct, frozen=True, kw_only=True):
    """The file system of the database, in bytes. ``backup_bytes``: what one more backup takes."""

    free_bytes: int
    total_bytes: int
    backup_bytes: int


class BackupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the last backup. ``last_at`` is text as stored."""

    last_at: str | None
    last_path: str | None
    is_there: bool
    has_sold: bool


class ClockFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The clock, the newest instant stored, and how far the clock moved against elapsed time."""

    now: Instant
    newest_at: Instant | None
    drift_seconds: float


def ok(text: str) -> list[Finding]:
    """Give the finding that nothing is wrong."""
    return [Finding(health=Health.OK, text=text)]


def warning(text: str, remedy: str) -> Finding:
    """Give a finding that can wait."""
    return Finding(health=Health.WARNING, text=text, remedy=remedy)


def failing(text: str, remedy: str) -> Finding:
    """Give a finding that cannot."""
    return Finding(health=Health.FAILING, text=text, remedy=remedy)


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
    if disk.free_bytes - disk.backup_bytes < DISK_FREE_BYTES_MIN:
        needed = disk.backup_bytes // _MIB
        return [warning(f"no room for a backup of {needed} MiB: {free}", remedy)]
    return ok(f"{free}, {share} %")


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
    """Judge the age of the last backup."""
    if backup.last_at is None and not backup.has_sold:
        return ok("nothing to lose yet")
    if problem := _age_problem(backup.last_at, now):
        return [warning(problem, "run: keysat backup")]
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


def judge_leases(leases: Sequence[Lease], now: Instant) -> list[Finding]:
    """Judge leases that last longer than any, or that nobody freed."""
    found = []
    for lease in leases:
        if lease.holder is None:
            continue
        left = lease.held_until - now
        if left > LEASE_SECONDS + LEASE_CLOCK_STEP_SECONDS:
            until = _shown(lease.held_until)
            remedy = "nothing: it counts as free; see that the clock is right"
            found.append(warning(f"job {lease.name} is leased until {until}", remedy))
        elif -left > LEASE_LEFT_SECONDS_MAX:
            found.append(
                warning(
                    f"job {lease.name} was cut off at {_shown(lease.held_until)} and not taken over",
                    "start the server, or run: keysat worker --once",
                )
            )
    return found or ok("no job is stuck")


def judge_unfinished(unfinished_since: Sequence[Instant], now: Instant) -> list[Finding]:
    """Judge when invoices were settled that have had no effect yet."""
    late = [since for since in unfinished_since if now - since > EFFECT_SECONDS_MAX]
    if late:
        return [
            failing(
                f"{len(late)} paid invoices have no license yet, the oldest since"
                f" {_shown(min(late))}",
                "run: keysat worker --once --job reconcile; if it fails its message says why",
            )
        ]
    return ok("every paid invoice has its license")


_PROVIDER_REMEDIES: Final[Mapping[str, str]] = {
    "unreachable": "see that it runs and that this machine reaches it",
    "credential_dead": "its key is not accepted any more: disconnect it and connect it again",
    "cannot_sell": "its key may not create invoices: disconnect it and connect it again",
}


def judge_providers(
    accounts: Sequence[tuple[str, str, str, str | None]],
    webhooks: Sequence[tuple[str, str, WebhookTrouble]],
    *,
    stranded: int,
) -> list[Finding]:
    """Judge how payment providers answered: each a kind, a label, a state and its last failure.

    ``webhooks``: kind, label and what is wrong, of those whose webhooks do not arrive.
    ``stranded``: invoices that wait at a provider that was disconnected.
    """
    findings = [
        failing(
            f"{kind} ({label}) is {state.replace('_', ' ')}" + (f": {detail}" if detail else ""),
            _PROVIDER_REMEDIES[state],
        )
        for kind, label, state, detail in accounts
        if state in _PROVIDER_REMEDIES
    ]
    findings += [
        warning(f"{kind} ({label}) failed lately: {detail}", "look again in ten minutes")
        for kind, label, state, detail in accounts
        if state == "failing"
    ]
    findings += [
        warning(
            f"webhooks of {kind} ({label}) do not arrive, {trouble.problem.replace('_', ' ')} since"
            f" {rfc3339(trouble.since)}" + (f": {trouble.detail}" if trouble.detail else ""),
            REMEDIES[trouble.problem],
        )
        for kind, label, trouble in webhooks
    ]
    if stranded:
        findings.append(
            warning(
                f"{stranded} invoices wait at a provider that was disconnected",
                "connect the same store again, or settle them by hand: keysat invoice settle",
            )
        )
    return findings or ok(f"{len(accounts)} connected, none fails")


def judge_ticks(finished_at: Instant | None, now: Instant) -> list[Finding]:
    """Judge when a background job last ended well."""
    if finished_at is None:
        return ok("none has run on this database yet")
    if finished_at - now > CLOCK_MARGIN_SECONDS:
        return [
            warning(
                f"the last background job ended in the future: {_shown(finished_at)}",
                "see that the clock is right; jobs run all the same",
            )
        ]
    if now - finished_at > TICK_SILENCE_SECONDS_MAX:
        return [
            warning(
                f"no background job has ended well since {_shown(finished_at)}",
                "start the server; without it payments are not noticed",
            )
        ]
    return ok(f"the last ended well at {rfc3339(finished_at)}")


def judge_clock(clock: ClockFacts) -> list[Finding]:
    """Judge the machine's clock by what cannot be."""
    remedy = "set the clock, and let the machine keep it by NTP"
    if not CLOCK_FLOOR <= clock.now <= INSTANT_MAX:
        return [failing(f"the clock says {_shown(clock.now)}, which cannot be", remedy)]
    if clock.newest_at is not None and clock.newest_at - clock.now > CLOCK_MARGIN_SECONDS:
        return [
            failing(
                f"the clock says {rfc3339(clock.now)}, but the newest row is from"
                f" {_shown(clock.newest_at)}",
                f"{remedy}; if it is right now, it was wrong when that row was written",
            )
        ]
    if abs(clock.drift_seconds) > CLOCK_DRIFT_SECONDS_MAX:
        moved = f"{clock.drift_seconds:+.1f} s"
        return [warning(f"the clock was moved by {moved} while the doctor looked", remedy)]
    return ok(f"it is {rfc3339(clock.now)}")


def _age_problem(last_at: str | None, now: Instant) -> str | None:
    if last_at is None:
        return "licenses were issued, but the database was never backed up"
    if not (last_at.isascii() and last_at.isdecimal() and len(last_at) <= len(str(INSTANT_MAX))):
        return "the record of the last backup is unreadable"
    age = now - int(last_at)
    if age > BACKUP_DAYS_MAX * DAY_SECONDS:
        return f"the last backup is {age // DAY_SECONDS} days old"
    if -age > CLOCK_MARGIN_SECONDS:
        return f"the last backup is from the future: {_shown(Instant(int(last_at)))}"
    return None


def _shown(instant: Instant) -> str:
    """Spell an instant, or its number where no calendar goes."""
    return rfc3339(instant) if 0 <= instant <= INSTANT_MAX else f"Unix time {instant}"
