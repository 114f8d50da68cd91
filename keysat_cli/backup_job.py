"""The job ``backups``: makes a backup when one is due, notes what came of it, and thins out."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
import structlog

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.backup_folder import remove_backup, remove_remains, scheduled_in
from keysat_adapters.sqlite.snapshot import remove_abandoned
from keysat_adapters.system.disk import disk_space, sizes_of
from keysat_cli.backup_process import Made
from keysat_cli.environment import PREFIXES
from keysat_cli.settings import StoreSettings
from keysat_core.domain.actor import Actor, ActorKind, Scope
from keysat_core.domain.backup_schedule import (
    is_backup_due,
    scheduled_name,
    superfluous_backups,
)
from keysat_core.domain.file_diagnosis import lacks_room
from keysat_core.domain.instant import Instant
from keysat_core.errors import BackupUnsound, KeysatError, ServerFault, StoreUnavailable
from keysat_core.limits import BACKUP_SECONDS_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.backup_record import find_backup_record, note_backup_failure
from keysat_core.use_cases.server.record_backup import RecordBackup, record_backup
from keysat_http.leasing import Work
from keysat_http.ticks import Tick

LOOK_SECONDS: Final = 60
"""How often it is asked whether one is due: one read of four settings."""

SHOP_CHARS: Final = 8
"""How much of its public key's hash tells a shop from others in one folder."""

_MIB: Final = 1_048_576

_ACTOR: Final = Actor(kind=ActorKind.SYSTEM, scopes=frozenset({Scope.BACKUPS_WRITE}))

log = structlog.get_logger("keysat.backups")


class BackupStopped(Exception):
    """The server stops, so the backup that was being made was given up."""


def backup_ticks(ports: Ports, settings: StoreSettings) -> list[Tick]:
    """Declare the job, unless the operator wants none."""
    every_seconds = settings.backups.every_seconds
    if every_seconds is None:
        return []
    job = BackupJob(ports, settings)
    return [
        Tick(
            name="backups",
            first_after_seconds=LOOK_SECONDS,
            every_seconds=LOOK_SECONDS,
            run=job.run,
            is_shared=True,
            is_due=lambda: is_backup_due(
                find_backup_record(store=ports.store),
                every_seconds=every_seconds,
                now=ports.clock.now(),
            ),
            on_stop=job.stop,
        )
    ]


class BackupJob:
    """Makes scheduled backups, each in a process of its own (``keysat_cli.backup_process``)."""

    def __init__(self, ports: Ports, settings: StoreSettings) -> None:
        self._ports = ports
        self._db_path = settings.db_path
        self._folder = settings.backup_folder
        self._kept = settings.backups.kept
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False

    def run(self) -> Work:
        """Make a backup now; only when it is there and was verified may older ones go.

        Raises:
            BackupUnsound, StoreBusy, StoreUnavailable: There is none; that is noted.
        """
        began_at = self._ports.clock.now()
        try:
            names = {"stem": self._db_path.stem, "shop": self._shop()}
            final = (self._folder / scheduled_name(began_at, **names)).absolute()
            # What a killed process left would be counted as room that is taken.
            remove_abandoned(self._folder)
            self._refuse_without_room()
            made = self._make(final)
            command = RecordBackup(
                path=str(final), began_at=began_at, size_bytes=made.size_bytes, is_scheduled=True
            )
            record_backup(_ACTOR, command, store=self._ports.store, clock=self._ports.clock)
        except BackupStopped:
            remove_abandoned(self._folder)
            return Work()
        except KeysatError as exc:
            self._note_failure(exc)
            raise
        except OSError as exc:
            failure = StoreUnavailable(f"a backup could not be begun: {exc.strerror}")
            self._note_failure(failure)
            raise failure from exc
        log.info("backup_made", path=str(final), size_bytes=made.size_bytes)
        return Work(items=1, failed=self._thin_out(began_at, names))

    def stop(self) -> None:
        """Give up what is being made; nothing of it is left."""
        with self._lock:
            self._is_stopping = True
            if self._process is not None:
                # It may be in the midst of one long check, which no signal it could handle ends.
                self._process.kill()

    def _shop(self) -> str:
        key = self._ports.keys.signing_key().verify_key.raw
        return sha256(key).hexdigest()[:SHOP_CHARS]

    def _refuse_without_room(self) -> None:
        """Leave the disk alone if the copy would fill it: the shop writes to it too."""
        log_path = Path(activity_path(self._db_path))
        paths = [self._db_path, log_path]
        paths += [path.with_name(f"{path.name}-wal") for path in paths]
        needed = sum(sizes_of(paths).values())
        folder = self._folder.absolute()
        there = next(path for path in (folder, *folder.parents) if path.exists())
        disk = disk_space(there, backup_bytes=needed)
        if lacks_room(disk):
            raise StoreUnavailable(
                f"{there} has no room for a backup of {needed // _MIB} MiB:"
                f" {disk.free_bytes // _MIB} MiB free"
            )

    def _make(self, final: Path) -> Made:
        words = [sys.executable, "-m", "keysat_cli.backup_process", str(self._db_path), str(final)]
        with self._lock:
            if self._is_stopping:
                raise BackupStopped
            process = subprocess.Popen(  # noqa: S603  the words are our own
                words,
                env=_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._process = process
        try:
            said = self._heard(process)
        finally:
            with self._lock:
                self._process = None
            _close(process)
        if said.problems:
            raise BackupUnsound(str(self._db_path), said.problems)
        if said.problem is not None:
            raise StoreUnavailable(said.problem)
        return said

    def _heard(self, process: subprocess.Popen[bytes]) -> Made:
        try:
            # Its standard input stays open: when that breaks, it ends.
            process.wait(BACKUP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise StoreUnavailable(
                f"the backup took longer than {BACKUP_SECONDS_MAX // 60} minutes and was given up"
            ) from None
        if self._is_stopping:
            raise BackupStopped
        said = process.stdout.read() if process.stdout else b""
        if process.returncode == 0:
            with suppress(msgspec.DecodeError):
                return msgspec.json.decode(said, type=Made)
        raise StoreUnavailable(f"the process that makes the backup ended with {process.returncode}")

    def _note_failure(self, failure: KeysatError) -> None:
        problem = failure.problem if isinstance(failure, StoreUnavailable) else str(failure)
        try:
            note_backup_failure(problem, store=self._ports.store, clock=self._ports.clock)
        except ServerFault as exc:
            # The failure itself is what there is to tell.
            log.warning("backup_failure_not_noted", code=exc.code)

    def _thin_out(self, made: Instant, names: Mapping[str, str]) -> int:
        """Remove what nobody wants any more, and give how many could not be."""
        if self._kept is None:
            return 0
        failed = 0
        try:
            found = scheduled_in(self._folder, **names)
            for instant in sorted(superfluous_backups(made, found.keys(), self._kept)):
                try:
                    remove_backup(found[instant])
                except StoreUnavailable as exc:
                    log.warning("old_backup_not_removed", problem=exc.problem)
                    failed += 1
            remove_remains(self._folder, **names)
        except StoreUnavailable as exc:
            log.warning("old_backups_not_removed", problem=exc.problem)
            failed += 1
        return failed


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out every setting of ours: the process needs none, and some are secrets."""
    return {name: text for name, text in variables.items() if not name.startswith(PREFIXES)}


def _close(process: subprocess.Popen[bytes]) -> None:
    """End a process that has not ended by itself, and its pipes."""
    if process.poll() is None:
        process.kill()
    process.communicate()
