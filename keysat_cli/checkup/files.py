"""What the doctor sees of the files beside the database, and of the disk they are on."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from keysat_adapters.sqlite.connection import is_file_there
from keysat_adapters.sqlite.inspection import activity_damage
from keysat_adapters.system.disk import disk_space, modes_of, sizes_of
from keysat_cli.checkup.patient import Patient
from keysat_cli.env_file import FILE_NAME, read_env_file
from keysat_core.domain import file_diagnosis
from keysat_core.domain.file_diagnosis import BackupFacts
from keysat_core.domain.finding import Finding, failing, ok, warning
from keysat_core.domain.instant import stored_instant
from keysat_core.domain.setting import (
    BACKUP_FAILED_AT,
    BACKUP_LAST_AT,
    BACKUP_LAST_PATH,
    BACKUP_PROBLEM,
)
from keysat_core.errors import ServerFault, StoreUnavailable

_SECRETS_IN_FILE: Final = ("KEYSAT_ADMIN_API_KEY", "LICENSING_ADMIN_API_KEY")


def disk(patient: Patient) -> list[Finding]:
    """See that the disk has room to work in, and for one more backup."""
    parts = [patient.db_path, patient.activity_path, *patient.wal_paths]
    backup_bytes = sum(sizes_of(parts).values())
    return file_diagnosis.judge_disk(disk_space(patient.db_path.parent, backup_bytes=backup_bytes))


def modes(patient: Patient) -> list[Finding]:
    """See that files with secrets are closed to others."""
    paths = [patient.db_path, patient.activity_path, *patient.wal_paths]
    paths.append(patient.settings.sandbox_path)
    env_path = patient.folder / FILE_NAME
    if any(read_env_file(env_path).get(name) for name in _SECRETS_IN_FILE):
        paths.append(env_path)
    with suppress(ServerFault):
        # Without a database there is no record of a backup.
        if (backup := patient.database.setting(BACKUP_LAST_PATH)) is not None:
            paths.append(Path(backup))
    return file_diagnosis.judge_modes(modes_of(paths))


def wal(patient: Patient) -> list[Finding]:
    """See that write-ahead logs are written back."""
    return file_diagnosis.judge_wal(sizes_of(patient.wal_paths))


def activity(patient: Patient) -> list[Finding]:
    """Let SQLite look for damage of the validation log."""
    path = patient.activity_path
    if not is_file_there(path):
        return ok("no validation was noted yet")
    if problems := activity_damage(path, is_full=patient.is_full):
        return [
            failing(
                f"{path} is unusable: {problems[0]}",
                "stop the server and move the file away; it holds the validation log alone",
            )
        ]
    return ok(str(path))


def backup(patient: Patient) -> list[Finding]:
    """See that the last backup is young enough and still where it was put."""
    path = patient.database.setting(BACKUP_LAST_PATH)
    try:
        is_there = path is not None and is_file_there(Path(path))
    except StoreUnavailable as exc:
        return [
            warning(f"the last backup: {exc}", "let this user search its folder, or: keysat backup")
        ]
    facts = BackupFacts(
        last_at=patient.database.setting(BACKUP_LAST_AT),
        last_path=path,
        is_there=is_there,
        has_sold=patient.database.has_sold(),
        every_seconds=patient.settings.backups.every_seconds,
        failed_at=stored_instant(patient.database.setting(BACKUP_FAILED_AT)),
        problem=patient.database.setting(BACKUP_PROBLEM),
    )
    return file_diagnosis.judge_backup(facts, patient.now)
