"""Remember in the database that a backup of it was made."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.instant import Instant
from keysat_core.domain.setting import (
    BACKUP_FAILED_AT,
    BACKUP_FAILURES,
    BACKUP_LAST_AT,
    BACKUP_LAST_PATH,
    BACKUP_PROBLEM,
    BACKUP_SCHEDULED_AT,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


class RecordBackup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that has its name and was verified. ``began_at``: it holds everything before.

    ``is_scheduled``: the server made it by itself, and whatever kept it from that is over.
    """

    path: str
    began_at: Instant
    size_bytes: int
    is_scheduled: bool = False


def record_backup(actor: Actor, command: RecordBackup, *, store: Store, clock: Clock) -> None:
    """Note when and where the last verified backup was made.

    What counts is when it began: later changes are not in it.

    Raises:
        Forbidden: the actor lacks ``backups:write``.
    """
    authorize(actor, Scope.BACKUPS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        tx.settings.put_setting(BACKUP_LAST_AT, str(command.began_at), now)
        tx.settings.put_setting(BACKUP_LAST_PATH, command.path, now)
        if command.is_scheduled:
            tx.settings.put_setting(BACKUP_SCHEDULED_AT, str(command.began_at), now)
            for key in (BACKUP_FAILED_AT, BACKUP_FAILURES, BACKUP_PROBLEM):
                tx.settings.put_setting(key, None, now)
        tx.trail.append_audit(
            audited(
                actor,
                "backup.create",
                now,
                target=("backup", command.path),
                began_at=command.began_at,
                size_bytes=command.size_bytes,
                scheduled=command.is_scheduled,
            )
        )
