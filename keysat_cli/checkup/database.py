"""What the doctor asks the open database. Whatever cannot be read is a ``ServerFault``."""

from keysat_adapters.sqlite.inspection import Inspection
from keysat_adapters.sqlite.migration_status import MigrationState, migration_status
from keysat_adapters.system.disk import unwritable_of
from keysat_cli.checkup.patient import Patient
from keysat_core.domain import file_diagnosis, work_diagnosis
from keysat_core.domain.finding import Finding, failing, ok
from keysat_core.domain.inspection import usable_signing_key


def opening(patient: Patient) -> list[Finding]:
    """Open the database for every check after this one, and see that its files can be written."""
    path = patient.db_path
    # Before it is opened: closing it tidies up an empty log.
    unwritable = unwritable_of(
        [path, *(path.with_name(f"{path.name}-{s}") for s in ("wal", "shm"))]
    )
    patient.opened = Inspection.open(path)
    return file_diagnosis.judge_writing(unwritable) or ok(str(path))


def integrity(patient: Patient) -> list[Finding]:
    """Let SQLite look for damage."""
    return file_diagnosis.judge_integrity(patient.database.damage(is_full=patient.is_full))


def signing_key(patient: Patient) -> list[Finding]:
    """See that the signing key is there and belongs to its public key."""
    usable_signing_key(patient.database.signing_key_pem())
    return ok("present, and it belongs to the public key beside it")


def schema(patient: Patient) -> list[Finding]:
    """Compare the migrations that were made with those of this program."""
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


def references(patient: Patient) -> list[Finding]:
    """Look for rows that refer to rows that are not there."""
    return file_diagnosis.judge_references(patient.database.dangling())


def invoices(patient: Patient) -> list[Finding]:
    """Look for invoices that were paid and have no license."""
    return work_diagnosis.judge_unfinished(patient.database.unfinished_since(), patient.now)


def providers(patient: Patient) -> list[Finding]:
    """See how the payment providers answer, that their webhooks arrive, and that none left invoices."""
    open_database = patient.database
    found = open_database.provider_health(patient.now)
    return work_diagnosis.judge_providers(
        [(one.account.kind, one.account.label, one.state, one.health.detail) for one in found],
        [
            (one.account.kind, one.account.label, one.trouble)
            for one in found
            if one.trouble is not None
        ],
        stranded=open_database.stranded_invoices(),
    )


def webhooks(patient: Patient) -> list[Finding]:
    """See whether events reach those who are told of them."""
    open_database = patient.database
    return work_diagnosis.judge_webhooks(
        open_database.delivery_counts(patient.now), open_database.retried_deliveries()
    )


def leases(patient: Patient) -> list[Finding]:
    """Look for background jobs whose lease is stuck."""
    return work_diagnosis.judge_leases(patient.database.leases(), patient.now)


def ticks(patient: Patient) -> list[Finding]:
    """See when a background job last ended."""
    ended = [one.finished_at for one in patient.database.leases() if one.finished_at is not None]
    return work_diagnosis.judge_ticks(max(ended, default=None), patient.now)
