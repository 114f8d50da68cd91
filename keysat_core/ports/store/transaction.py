"""The store as a whole: one view of all its parts, and how to open it."""

from contextlib import AbstractContextManager
from typing import Protocol

from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.store.access import ApiKeys, WebSessions
from keysat_core.ports.store.catalog import Policies, Products, Removals
from keysat_core.ports.store.commerce import Codes, Sales, Subscriptions, TierChanges
from keysat_core.ports.store.figures import Figures, Search
from keysat_core.ports.store.licenses import Licenses, Machines
from keysat_core.ports.store.sales import (
    Connections,
    Invoices,
    Logos,
    Merchants,
    Receipts,
    Tips,
)
from keysat_core.ports.store.saved_payments import SavedPaymentRows
from keysat_core.ports.store.server import (
    Answers,
    Buckets,
    Idempotency,
    Leases,
    Settings,
    Statistics,
    Tallies,
)
from keysat_core.ports.store.trail import AuditLog, Trail
from keysat_core.ports.store.webhooks import Deliveries, Outbox, WebhookEndpoints


class Transaction(Protocol):
    """One consistent view of the store; in ``writing`` also one atomic change of it."""

    @property
    def products(self) -> Products: ...
    @property
    def policies(self) -> Policies: ...
    @property
    def licenses(self) -> Licenses: ...
    @property
    def machines(self) -> Machines: ...
    @property
    def invoices(self) -> Invoices: ...
    @property
    def merchants(self) -> Merchants: ...
    @property
    def logos(self) -> Logos: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def receipts(self) -> Receipts: ...
    @property
    def tips(self) -> Tips: ...
    @property
    def saved_payments(self) -> SavedPaymentRows: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def tier_changes(self) -> TierChanges: ...
    @property
    def sales(self) -> Sales: ...
    @property
    def removals(self) -> Removals: ...
    @property
    def trail(self) -> Trail: ...
    @property
    def audit_log(self) -> AuditLog: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def webhooks(self) -> WebhookEndpoints: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def web_sessions(self) -> WebSessions: ...
    @property
    def idempotency(self) -> Idempotency: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def tallies(self) -> Tallies: ...
    @property
    def buckets(self) -> Buckets: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def figures(self) -> Figures: ...
    @property
    def search(self) -> Search: ...
    @property
    def facts(self) -> ValidationFacts: ...


class Store(Protocol):
    """Opens transactions; safe to use from many threads and beside other processes."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a snapshot. Writing through it raises ``StoreUnavailable``.

        Raises:
            StoreBusy, StoreUnavailable, CorruptRow.
        """
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open an immediate write transaction: commits durably at the end, rolls back on any error.

        Only one is open at a time across threads and processes; waiting is bounded. Do not nest.

        Raises:
            StoreBusy, StoreUnavailable, CorruptRow.
        """
        ...
