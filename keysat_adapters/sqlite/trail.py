"""Audit rows and outbox rows: appended, never changed."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.document import JSONValue
from keysat_core.domain.events import OutboxEvent

AUDIT: Final = Table(
    "audit_log",
    (
        "actor_kind",
        "actor_hash",
        "action",
        "target_kind",
        "target_id",
        "request_ip",
        "user_agent",
        "request_id",
        "details",
        "occurred_at",
    ),
)
OUTBOX: Final = Table("outbox", ("id", "event_type", "is_published", "body", "occurred_at"))

_APPEND_AUDIT: Final = AUDIT.insert()
_APPEND_EVENT: Final = OUTBOX.insert()
_AUDIT: Final = AUDIT.select("ORDER BY id DESC LIMIT ?")
_AUDIT_OF_ACTION: Final = AUDIT.select("WHERE action = ? ORDER BY id DESC LIMIT ?")
_EVENTS: Final = OUTBOX.select("ORDER BY sequence LIMIT ?")

_read_details: Final = msgspec.json.Decoder(dict[str, JSONValue]).decode


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        actor_kind=row[0],
        actor_hash=row[1],
        action=row[2],
        target_kind=row[3],
        target_id=row[4],
        request_ip=row[5],
        user_agent=row[6],
        request_id=row[7],
        details=_read_details(row[8]),
        occurred_at=row[9],
    )


def _event(row: Row) -> OutboxEvent:
    return OutboxEvent(
        id=row[0],
        event_type=row[1],
        is_published=bool(row[2]),
        body=row[3].encode(),
        occurred_at=row[4],
    )


class SQLiteTrail:
    """Implements ``ports.store.Trail``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def append_audit(self, entry: AuditEntry) -> None:
        """Add an audit row."""
        self._session.run(
            _APPEND_AUDIT,
            (
                entry.actor_kind,
                entry.actor_hash,
                entry.action,
                entry.target_kind,
                entry.target_id,
                entry.request_ip,
                entry.user_agent,
                entry.request_id,
                json_text(entry.details),
                entry.occurred_at,
            ),
        )

    def append_event(self, event: OutboxEvent) -> None:
        """Add an outbox row."""
        self._session.run(
            _APPEND_EVENT,
            (
                event.id,
                event.event_type,
                event.is_published,
                event.body.decode(),
                event.occurred_at,
            ),
        )

    def list_audit(self, *, action: str | None, limit: int) -> list[AuditEntry]:
        """Give audit rows, newest first."""
        sql = _AUDIT if action is None else _AUDIT_OF_ACTION
        values = (max(0, limit),) if action is None else (action, max(0, limit))
        return AUDIT.values(_entry, self._session.rows(sql, values))

    def list_events(self, *, limit: int) -> list[OutboxEvent]:
        """Give outbox rows, oldest first."""
        return OUTBOX.values(_event, self._session.rows(_EVENTS, (max(0, limit),)))
