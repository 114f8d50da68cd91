"""Carrying the audit log and the log of validations."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.earlier.cells import Cells, instant_of
from keysat_adapters.sqlite.earlier.mover import BATCH, Mover
from keysat_adapters.sqlite.validation_log import append_entries
from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.document import JSONValue
from keysat_core.domain.web_session import SHOWN_HASH_CHARS


def carry_audit_log(mover: Mover) -> None:
    """Carry audit rows in their order, numbered without gaps, and seal them (audit chain).

    Session tokens, which the earlier server wrote there, become their hash (admin-api B-02).
    """
    rows = mover.rows("audit_log")
    while batch := list(islice(rows, BATCH)):
        mover.ledger.find("audit_log", len(batch))
        mover.tx.trail.append_audits([_entry(mover, cells) for cells in batch])
        mover.ledger.carry_number("audit_log", len(batch))


def carry_validations(mover: Mover, activity: ActivityFile) -> None:
    """Carry the log of validations into its own file; fingerprints become their hash."""
    rows = mover.rows("validation_log")
    while batch := list(islice(rows, BATCH)):
        mover.ledger.find("validation_log", len(batch))
        entries = list(_validations(mover, batch))
        with activity.changing() as connection:
            append_entries(connection, entries)
        mover.ledger.carry_number("validation_log", len(entries))


def _entry(mover: Mover, cells: Cells) -> AuditEntry:
    target_kind, target_id = cells.text("target_kind"), cells.text("target_id")
    if target_kind == "session" and target_id is not None:
        target_id = sha256(target_id.encode()).hexdigest()[:SHOWN_HASH_CHARS]
        cells.changed("the session's token became its hash", "B-02")
    details: JSONValue = cells.json("details_json", {})
    if not isinstance(details, dict):
        cells.changed("its details were no JSON object; what they were is under 'earlier' now")
    return AuditEntry(
        actor_kind=cells.text("actor_kind") or "",
        actor_hash=cells.text("actor_hash"),
        action=cells.text("action") or "",
        target_kind=target_kind,
        target_id=target_id,
        request_ip=cells.text("request_ip"),
        user_agent=cells.text("user_agent"),
        request_id=None,
        details=details if isinstance(details, dict) else {"earlier": details},
        occurred_at=cells.at("occurred_at", otherwise=mover.now),
    )


def _validations(mover: Mover, batch: list[Cells]) -> Iterator[ValidationEntry]:
    for cells in batch:
        occurred_at = instant_of(cells.raw("occurred_at"))
        if occurred_at is None:
            mover.leave(cells, "its time is none")
            continue
        fingerprint = cells.text("fingerprint")
        yield ValidationEntry(
            result=cells.text("result") or "",
            license_id=cells.text("license_id"),
            product_id=cells.text("product_id"),
            machine_id=cells.text("machine_id"),
            fingerprint_hash=(
                None if fingerprint is None else sha256(fingerprint.encode()).hexdigest()
            ),
            client_ip=cells.text("client_ip"),
            user_agent=cells.text("user_agent"),
            detail=cells.text("reason_detail"),
            occurred_at=occurred_at,
        )
