"""Part of the store: the records that every change leaves, and the sealed log of them."""

from collections.abc import Sequence
from typing import Protocol

from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_chain import ChainPage
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.listing import Total


class Trail(Protocol):
    """Audit rows and outbox rows, written with the change they report.

    Every audit row gets the next id and is sealed to the row before it (``domain.audit_chain``).
    With an event come its deliveries, as ``domain.webhook_queue.queued_for`` says.
    """

    def append_audit(self, entry: AuditEntry) -> None: ...
    def append_audits(self, entries: Sequence[AuditEntry]) -> None: ...
    def append_event(self, event: OutboxEvent) -> None: ...
    def append_events(self, events: Sequence[OutboxEvent]) -> None: ...
    def list_audit(self, *, action: str | None, limit: int) -> list[AuditEntry]:
        """Newest first."""
        ...

    def list_events(self, *, limit: int) -> list[OutboxEvent]:
        """Oldest first."""
        ...


class AuditLog(Protocol):
    """The audit rows as they were written down, with their ids and seals."""

    def list_rows(self, criteria: AuditFilter) -> list[AuditRow]:
        """Newest first."""
        ...

    def count_rows(self, criteria: AuditFilter) -> Total:
        """How many match on all pages, older and newer than ``before_id``."""
        ...

    def last_id(self) -> int:
        """Give the highest id ever given, whether its row is still there or not; 0 if none was."""
        ...

    def read_chain(self, first_id: int | None, limit: int) -> ChainPage:
        """Give rows in the order of their ids, from ``first_id`` on; None is the very first row.

        Rows a damaged file keeps from being read are given without cells, and cost one read each.

        Raises:
            StoreUnavailable: so much is damaged that not even single rows can be looked for.
        """
        ...
