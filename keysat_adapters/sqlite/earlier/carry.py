"""Carrying everything, in an order in which whatever a row refers to is there before it."""

from pathlib import Path

import apsw

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.connection import open_writer
from keysat_adapters.sqlite.earlier.access import (
    carry_api_keys,
    carry_settings,
    carry_signing_key,
)
from keysat_adapters.sqlite.earlier.catalog import carry_catalog
from keysat_adapters.sqlite.earlier.codes import carry_codes, carry_redemptions
from keysat_adapters.sqlite.earlier.defects import note_defects
from keysat_adapters.sqlite.earlier.keys import compare_keys
from keysat_adapters.sqlite.earlier.machines import carry_machines
from keysat_adapters.sqlite.earlier.merchants import carry_merchants
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_adapters.sqlite.earlier.report import OMITTED, NoteKind, Report
from keysat_adapters.sqlite.earlier.sales import carry_invoices, carry_licenses
from keysat_adapters.sqlite.earlier.shape import strange_tables
from keysat_adapters.sqlite.earlier.subscriptions import carry_subscriptions
from keysat_adapters.sqlite.earlier.tier_changes import carry_tier_changes
from keysat_adapters.sqlite.earlier.tips import carry_tips
from keysat_adapters.sqlite.earlier.trail import carry_audit_log, carry_validations
from keysat_adapters.sqlite.earlier.webhooks import carry_webhooks
from keysat_adapters.sqlite.session import Session
from keysat_adapters.sqlite.transaction import SQLiteTransaction
from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.instant import Instant
from keysat_core.errors import MigrationRefused
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids

IMPORT_ACTION = "database.import"
"""What the audit log calls it; the newest of the rows that come with an import."""


def carry(
    source: apsw.Connection,
    target: Path,
    activity: Path,
    *,
    actor: Actor,
    ids: Ids,
    entropy: Entropy,
    now: Instant,
) -> Report:
    """Carry an earlier database into a migrated, empty one and its validation log, and compare keys.

    Raises:
        MigrationRefused: A key would not be what it was, or rows went missing.
        SigningKeyUnusable: The earlier database has no signing key that can be used.
        StoreBusy, StoreUnavailable: One of them cannot be read or written.
    """
    # Until it has its name nobody relies on the file, and then it is brought onto the disk.
    connection = open_writer(target, synchronous="OFF")
    log = ActivityFile(activity)
    try:
        session = Session(connection)
        session.begin(may_write=True)
        try:
            mover = Mover(source, SQLiteTransaction(session), ids=ids, entropy=entropy, now=now)
            keys_compared = _carry_all(mover, session, log)
            report = Report(
                tables=mover.ledger.counts(),
                notes=tuple(mover.ledger.notes),
                keys_compared=keys_compared,
            )
            mover.tx.trail.append_audit(_audit(actor, report, now))
        except BaseException:
            session.abandon()
            raise
        session.commit()
        connection.pragma("journal_mode", "delete")
    finally:
        connection.close()
        log.close()
    return report


def _carry_all(mover: Mover, session: Session, log: ActivityFile) -> int:
    signing_key = carry_signing_key(mover)
    carry_merchants(mover)
    carry_catalog(mover)
    carry_codes(mover)
    carry_invoices(mover)
    carry_licenses(mover)
    carry_redemptions(mover)
    carry_machines(mover)
    carry_subscriptions(mover)
    carry_tier_changes(mover)
    carry_tips(mover)
    carry_webhooks(mover)
    carry_api_keys(mover)
    carry_settings(mover)
    carry_audit_log(mover)
    carry_validations(mover, log)
    for table, why in OMITTED.items():
        mover.omit(table, why)
    for table in strange_tables(mover.source):
        mover.omit(table, "this program does not know it; the earlier file still has it")
    note_defects(mover, session)
    _hold_lost(mover, session)
    _refuse_lost(mover, session)
    return compare_keys(mover, signing_key)


_LOST = """
    FROM invoices WHERE status = 'settled' AND effect_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM licenses WHERE invoice_id = invoices.id)
    AND NOT EXISTS (SELECT 1 FROM subscription_cycles WHERE invoice_id = invoices.id)
    AND NOT EXISTS (SELECT 1 FROM tier_changes WHERE invoice_id = invoices.id)
"""


def _hold_lost(mover: Mover, session: Session) -> None:
    """Hold invoices whose cycle, change or license could not be carried, which has its own note."""
    for (id_,) in session.rows(f"SELECT id {_LOST}"):
        what = "what was delivered for it could not be carried; see the rows that were left"
        mover.ledger.note("invoices", str(id_), NoteKind.CHANGED, "D12", what)
    session.run(
        f"UPDATE invoices SET effect_at = NULL, held_at = ? WHERE id IN (SELECT id {_LOST})",  # noqa: S608
        (mover.now,),
    )


_PLACES = {
    "discount_redemptions": "code_redemptions",
    "subscription_invoices": "subscription_cycles",
    "scoped_api_keys": "api_keys",
}
"""Where rows of a table are now, if their table has another name."""


def _refuse_lost(mover: Mover, session: Session) -> None:
    """Compare what was carried with what is there.

    Raises:
        MigrationRefused: They differ.
    """
    for count in mover.ledger.counts():
        if count.omitted is not None or count.table == "validation_log":
            continue
        table = _PLACES.get(count.table, count.table)
        there = session.number(f"SELECT count(*) FROM {table}")  # noqa: S608  our own tables' names
        if there != count.carried:
            raise MigrationRefused(
                f"{count.carried} rows of {count.table} were carried, but {there} are there. Nothing"
                " was changed; please report this"
            )


def _audit(actor: Actor, report: Report, now: Instant) -> AuditEntry:
    counts = {one.table: one.carried for one in report.tables if one.omitted is None}
    return audited(
        actor,
        IMPORT_ACTION,
        now,
        carried=dict(counts),
        notes=len(report.notes),
        keys_compared=report.keys_compared,
    )
