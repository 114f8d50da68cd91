"""Audit rows and outbox rows: appended, never changed."""

from collections.abc import Sequence
from typing import Final

from keysat_adapters.sqlite.audit_log import AUDIT, audit_entry
from keysat_adapters.sqlite.audit_seals import sealed
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_chain import GENESIS
from keysat_core.domain.events import OutboxEvent

OUTBOX: Final = Table("outbox", ("id", "event_type", "is_published", "body", "occurred_at"))

_APPEND_AUDIT: Final = Table(AUDIT.name, (*AUDIT.columns, "previous_hash", "hash")).insert()
_LAST_HASH: Final = "SELECT hash FROM audit_log ORDER BY id DESC LIMIT 1"
_APPEND_EVENT: Final = OUTBOX.insert()
_AUDIT: Final = AUDIT.select("ORDER BY id DESC LIMIT ?")
_AUDIT_OF_ACTION: Final = AUDIT.select("WHERE action = ? ORDER BY id DESC LIMIT ?")
_EVENTS: Final = OUTBOX.select("ORDER BY sequence LIMIT ?")


def _audit_cells(entry: AuditEntry) -> Row:
    return (
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
    )


def _event_cells(event: OutboxEvent) -> Row:
    return (
        event.id,
        event.event_type,
        event.is_published,
        event.body.decode(),
        event.occurred_at,
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
        for row in sealed((_audit_cells(entry),), self._last_hash()):
            self._session.run(_APPEND_AUDIT, row)

    def append_audits(self, entries: Sequence[AuditEntry]) -> None:
        """Add audit rows, each sealed to the one before."""
        rows = sealed(map(_audit_cells, entries), self._last_hash())
        self._session.run_many(_APPEND_AUDIT, rows)

    def append_event(self, event: OutboxEvent) -> None:
        """Add an outbox row."""
        self._session.run(_APPEND_EVENT, _event_cells(event))

    def append_events(self, events: Sequence[OutboxEvent]) -> None:
        """Add outbox rows."""
        self._session.run_many(_APPEND_EVENT, map(_event_cells, events))

    def list_audit(self, *, action: str | None, limit: int) -> list[AuditEntry]:
        """Give audit rows, newest first."""
        sql = _AUDIT if action is None else _AUDIT_OF_ACTION
        values = (max(0, limit),) if action is None else (action, max(0, limit))
        return AUDIT.values(audit_entry, self._session.rows(sql, values))

    def list_events(self, *, limit: int) -> list[OutboxEvent]:
        """Give outbox rows, oldest first."""
        return OUTBOX.values(_event, self._session.rows(_EVENTS, (max(0, limit),)))

    def _last_hash(self) -> bytes:
        """Read it anew each time: another process may have appended since."""
        last = self._session.row(_LAST_HASH)
        return GENESIS if last is None else bytes(last[0])
