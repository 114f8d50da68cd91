"""What became of the backups that the server makes by itself: read it, and note a failure."""

from keysat_core.domain.backup_schedule import BackupRecord
from keysat_core.domain.instant import stored_instant
from keysat_core.domain.setting import (
    BACKUP_FAILED_AT,
    BACKUP_FAILURES,
    BACKUP_PROBLEM,
    BACKUP_SCHEDULED_AT,
)
from keysat_core.limits import BACKUP_PROBLEM_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store, Transaction


def find_backup_record(*, store: Store) -> BackupRecord:
    """Give what is known; what cannot be read counts as unknown, so that a backup is due."""
    with store.reading() as tx:
        return _read(tx)


def note_backup_failure(problem: str, *, store: Store, clock: Clock) -> None:
    """Note that a scheduled backup failed, and why; the last good one stays the last good one."""
    now = clock.now()
    with store.writing() as tx:
        failures = _read(tx).failures + 1
        tx.settings.put_setting(BACKUP_FAILED_AT, str(now), now)
        tx.settings.put_setting(BACKUP_FAILURES, str(failures), now)
        tx.settings.put_setting(BACKUP_PROBLEM, problem[:BACKUP_PROBLEM_CHARS_MAX], now)


def _read(tx: Transaction) -> BackupRecord:
    find = tx.settings.find_setting
    return BackupRecord(
        began_at=stored_instant(find(BACKUP_SCHEDULED_AT)),
        failed_at=stored_instant(find(BACKUP_FAILED_AT)),
        # A count is a number no larger than an instant is.
        failures=stored_instant(find(BACKUP_FAILURES)) or 0,
        problem=find(BACKUP_PROBLEM),
    )
