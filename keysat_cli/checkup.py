"""The doctor's checks, most serious first. To add one, add its entry to ``CHECKS``.

A check measures by an adapter and judges by ``domain.diagnosis``. It changes nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.connection import is_file_there
from keysat_adapters.sqlite.inspection import Inspection, activity_damage
from keysat_adapters.sqlite.migration_status import MigrationState, migration_status
from keysat_adapters.system.disk import disk_space, modes_of, sizes_of, unwritable_of
from keysat_adapters.system.drift import DriftWatch
from keysat_cli.env_file import FILE_NAME, read_env_file
from keysat_cli.settings import (
    BIND_DEFAULT,
    Environment,
    StoreSettings,
    find_problem,
    parse_bind,
)
from keysat_cli.wiring import CLOCK, license_in_file
from keysat_core.domain import diagnosis
from keysat_core.domain.diagnosis import (
    BackupFacts,
    ClockFacts,
    Finding,
    Health,
    failing,
    ok,
    warning,
)
from keysat_core.domain.inspection import usable_signing_key
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import BACKUP_LAST_AT, BACKUP_LAST_PATH
from keysat_core.domain.settings_diagnosis import SettingsFacts, judge_settings
from keysat_core.errors import (
    MigrationRefused,
    ServerFault,
    SigningKeyUnusable,
    StoreBusy,
    StoreUnavailable,
)

ADMIN_KEY: Final = "KEYSAT_ADMIN_API_KEY"
_SECRETS_IN_FILE: Final = (ADMIN_KEY, "LICENSING_ADMIN_API_KEY")
_SEVERITY: Final = (Health.OK, Health.SKIPPED, Health.WARNING, Health.FAILING)


@dataclass(kw_only=True, slots=True)
class Patient:
    """What is looked at. ``folder`` is where ``.env`` is looked for."""

    settings: StoreSettings
    environment: Environment
    folder: Path
    is_full: bool = False
    drift: DriftWatch = field(default_factory=DriftWatch)
    now: Instant = field(default_factory=CLOCK.now)
    opened: Inspection | None = None

    @property
    def database(self) -> Inspection:
        """The open database.

        Raises:
            StoreUnavailable: it could not be opened.
        """
        if self.opened is None:
            raise StoreUnavailable("it could not be opened")
        return self.opened

    @property
    def db_path(self) -> Path:
        """The main database's file."""
        return self.settings.db_path

    @property
    def activity_path(self) -> Path:
        """The validation log's file."""
        return Path(activity_path(self.db_path))

    @property
    def wal_paths(self) -> list[Path]:
        """The write-ahead logs of both files."""
        return [path.with_name(f"{path.name}-wal") for path in (self.db_path, self.activity_path)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing to look at, and the exit code that says it fails."""

    name: str
    exit_code: int
    look: Callable[[Patient], list[Finding]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one check found."""

    check: Check
    findings: list[Finding]

    @property
    def health(self) -> Health:
        """The worst of the findings."""
        return max((one.health for one in self.findings), key=_SEVERITY.index)


@contextmanager
def examined(patient: Patient) -> Iterator[list[Result]]:
    """Look at everything; the database is closed at the end."""
    results: list[Result] = []
    try:
        for check in CHECKS:
            is_well = all(one.health is not Health.FAILING for one in results)
            results.append(looked_at(check, patient, is_well=is_well))
        yield results
    finally:
        if patient.opened is not None:
            patient.opened.close()


def looked_at(check: Check, patient: Patient, *, is_well: bool) -> Result:
    """Make one check, which never keeps the others from being made. ``is_well``: nothing failed yet."""
    return Result(check=check, findings=_findings(check, patient, is_well=is_well))


def exit_code_for(results: list[Result], *, is_strict: bool) -> int:
    """Give the code of the most serious check that fails; if strict, else of one that warns."""
    wanted = [Health.FAILING, Health.WARNING] if is_strict else [Health.FAILING]
    for health in wanted:
        for result in results:
            if result.health is health:
                return result.check.exit_code
    return 0


def _findings(check: Check, patient: Patient, *, is_well: bool) -> list[Finding]:
    try:
        return check.look(patient)
    except ServerFault as exc:
        if not is_well:
            # What fails already may be why.
            why = "the database is not open" if patient.opened is None else str(exc)
            return [Finding(health=Health.SKIPPED, text=f"not looked at: {why}")]
        return [failing(str(exc), _remedy(exc))]
    except OSError as exc:
        said = f"{exc.filename or 'a file'} cannot be looked at: {exc.strerror}"
        return [failing(said, "see that this user may search its folder and read it")]
    except Exception as exc:  # noqa: BLE001  what breaks one check must not hide what others find
        return [failing(f"it could not be looked at ({type(exc).__name__}: {exc})", "report this")]


def _remedy(fault: ServerFault) -> str:
    match fault:
        case StoreBusy():
            return "another program keeps the database locked: end it and look again"
        case SigningKeyUnusable():
            return "restore a backup; without its key no license ever sold can be verified"
        case MigrationRefused():
            return "do as it says; nothing was changed"
        case _:
            return "see that KEYSAT_DB_PATH is right and that this user may read the file"


def _database(patient: Patient) -> list[Finding]:
    path = patient.db_path
    # Before it is opened: closing it tidies up an empty log.
    unwritable = unwritable_of(
        [path, *(path.with_name(f"{path.name}-{s}") for s in ("wal", "shm"))]
    )
    patient.opened = Inspection.open(path)
    return diagnosis.judge_writing(unwritable) or ok(str(path))


def _integrity(patient: Patient) -> list[Finding]:
    return diagnosis.judge_integrity(patient.database.damage(is_full=patient.is_full))


def _signing_key(patient: Patient) -> list[Finding]:
    usable_signing_key(patient.database.signing_key_pem())
    return ok("present, and it belongs to the public key beside it")


def _schema(patient: Patient) -> list[Finding]:
    open_database = patient.database
    found = migration_status(open_database.path)
    others = [one for one in found if one.state is not MigrationState.APPLIED]
    if not others:
        return ok(f"current, at {found[-1].version:04d}")
    listed = ", ".join(f"{one.version:04d} is {one.state}" for one in others)
    if all(one.state is MigrationState.PENDING for one in others):
        return [
            failing(f"migrations are missing: {listed}", "start the server, or: keysat migrate")
        ]
    if all(one.state in {MigrationState.PENDING, MigrationState.HEALABLE} for one in others):
        return [failing(f"migrations differ: {listed}", "start the server, or: keysat migrate")]
    return [failing(f"it is not this program's: {listed}", "install the release that wrote it")]


def _references(patient: Patient) -> list[Finding]:
    return diagnosis.judge_references(patient.database.dangling())


def _invoices(patient: Patient) -> list[Finding]:
    return diagnosis.judge_unfinished(patient.database.unfinished_since(), patient.now)


def _disk(patient: Patient) -> list[Finding]:
    parts = [patient.db_path, patient.activity_path, *patient.wal_paths]
    backup_bytes = sum(sizes_of(parts).values())
    return diagnosis.judge_disk(disk_space(patient.db_path.parent, backup_bytes=backup_bytes))


def _files(patient: Patient) -> list[Finding]:
    paths = [patient.db_path, patient.activity_path, *patient.wal_paths]
    paths.append(patient.settings.sandbox_path)
    env_path = patient.folder / FILE_NAME
    if any(read_env_file(env_path).get(name) for name in _SECRETS_IN_FILE):
        paths.append(env_path)
    with suppress(ServerFault):
        # Without a database there is no record of a backup.
        if (backup := patient.database.setting(BACKUP_LAST_PATH)) is not None:
            paths.append(Path(backup))
    return diagnosis.judge_modes(modes_of(paths))


def _settings(patient: Patient) -> list[Finding]:
    environment, settings = patient.environment, patient.settings
    problem = find_problem(environment)
    public_url = None if problem else environment.find("KEYSAT_PUBLIC_URL")
    public = urlsplit(public_url) if public_url else None
    is_behind_proxy = None
    if problem is None and environment.find("KEYSAT_BEHIND_PROXY") is not None:
        is_behind_proxy = environment.is_on("KEYSAT_BEHIND_PROXY")
    bind = None if problem else parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT)
    admin_key = environment.find(ADMIN_KEY)
    facts = SettingsFacts(
        problem=problem,
        public_scheme=public.scheme if public else None,
        public_host=public.hostname if public else None,
        bind_host=bind.host if bind else None,
        is_behind_proxy=is_behind_proxy,
        has_proxy_list=environment.find("KEYSAT_TRUSTED_PROXIES") is not None,
        admin_key=Secret(admin_key) if admin_key else None,
        other_secrets={
            name: Secret(text) for name, text in environment.values_beside(ADMIN_KEY).items()
        },
        legacy_conflicts=environment.conflicts(),
        license_variable=settings.self_license_key,
        license_file=license_in_file(settings),
        is_sandbox=settings.is_sandbox,
        has_real_sales=_has_sales(patient, is_pretend=False),
        has_pretend_sales=_has_sales(patient, is_pretend=True),
    )
    return judge_settings(facts)


def _has_sales(patient: Patient, *, is_pretend: bool) -> bool:
    try:
        return patient.database.has_sales(is_pretend=is_pretend)
    except ServerFault:
        # The other settings can be judged without; the database's own check tells why.
        return False


def _wal(patient: Patient) -> list[Finding]:
    return diagnosis.judge_wal(sizes_of(patient.wal_paths))


def _activity(patient: Patient) -> list[Finding]:
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


def _backup(patient: Patient) -> list[Finding]:
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
    )
    return diagnosis.judge_backup(facts, patient.now)


def _leases(patient: Patient) -> list[Finding]:
    return diagnosis.judge_leases(patient.database.leases(), patient.now)


def _ticks(patient: Patient) -> list[Finding]:
    ended = [one.finished_at for one in patient.database.leases() if one.finished_at is not None]
    return diagnosis.judge_ticks(max(ended, default=None), patient.now)


def _clock(patient: Patient) -> list[Finding]:
    newest_at = None
    with suppress(ServerFault):
        # The clock can be judged without a database, only less well.
        newest_at = patient.database.newest_at()
    facts = ClockFacts(
        now=patient.now, newest_at=newest_at, drift_seconds=patient.drift.drift_seconds()
    )
    return diagnosis.judge_clock(facts)


CHECKS: Final = (
    Check(name="database", exit_code=20, look=_database),
    Check(name="integrity", exit_code=21, look=_integrity),
    Check(name="signing key", exit_code=22, look=_signing_key),
    Check(name="schema", exit_code=23, look=_schema),
    Check(name="foreign keys", exit_code=24, look=_references),
    Check(name="paid invoices", exit_code=25, look=_invoices),
    Check(name="disk space", exit_code=26, look=_disk),
    Check(name="file modes", exit_code=27, look=_files),
    Check(name="settings", exit_code=28, look=_settings),
    Check(name="write-ahead log", exit_code=29, look=_wal),
    Check(name="validation log", exit_code=30, look=_activity),
    Check(name="backup", exit_code=31, look=_backup),
    Check(name="leases", exit_code=32, look=_leases),
    Check(name="background jobs", exit_code=33, look=_ticks),
    Check(name="clock", exit_code=34, look=_clock),
)
"""In this order; the clock comes last, so that it is watched while the others look."""
