"""Audit rows and outbox rows: appended, never changed."""

from collections.abc import Sequence
from typing import Final

from keysat_adapters.sqlite.audit_rows import AUDIT, audit_entry
from keysat_adapters.sqlite.audit_seals import sealed
from keysat_adapters.sqlite.deliveries import DELIVERIES, delivery_cells
from keysat_adapters.sqlite.outbox import OUTBOX, event_cells, event_of
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, add_rows, json_text
from keysat_adapters.sqlite.webhook_endpoints import live_listeners
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_chain import GENESIS
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.webhook_queue import queued_for

_SEALED: Final = Table(AUDIT.name, (*AUDIT.columns, "previous_hash", "hash"))
_APPEND_AUDIT: Final = _SEALED.insert()
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
        add_rows(self._session, _SEALED, rows)

    def append_event(self, event: OutboxEvent) -> None:
        """Add an outbox row and its deliveries."""
        self._session.run(_APPEND_EVENT, event_cells(event))
        if event.is_published:
            self._queue((event,))

    def append_events(self, events: Sequence[OutboxEvent]) -> None:
        """Add outbox rows and their deliveries."""
        self._session.run_many(_APPEND_EVENT, map(event_cells, events))
        self._queue(events)

    def list_audit(self, *, action: str | None, limit: int) -> list[AuditEntry]:
        """Give audit rows, newest first."""
        sql = _AUDIT if action is None else _AUDIT_OF_ACTION
        values = (max(0, limit),) if action is None else (action, max(0, limit))
        return AUDIT.values(audit_entry, self._session.rows(sql, values))

    def list_events(self, *, limit: int) -> list[OutboxEvent]:
        """Give outbox rows, oldest first."""
        return OUTBOX.values(event_of, self._session.rows(_EVENTS, (max(0, limit),)))

    def _queue(self, events: Sequence[OutboxEvent]) -> None:
        listeners = live_listeners(self._session)
        if listeners:
            queued = queued_for(events, listeners)
            add_rows(self._session, DELIVERIES, map(delivery_cells, queued))

    def _last_hash(self) -> bytes:
        """Read it anew each time: another process may have appended since."""
        last = self._session.row(_LAST_HASH)
        return GENESIS if last is None else bytes(last[0])
