"""The store: transactions and one small protocol per aggregate.

Every aggregate's ``put_x`` inserts or replaces by id; ``get_x`` raises ``NotFound``; ``find_x``
gives None; ``list_x`` is bounded. Times are ``Instant``s and rows come back equal to what was put.
Import protocols from here: which file holds one may change.
"""

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
from keysat_core.ports.store.transaction import Store, Transaction
from keysat_core.ports.store.webhooks import Deliveries, Outbox, WebhookEndpoints

__all__ = [
    "Answers",
    "ApiKeys",
    "AuditLog",
    "Buckets",
    "Codes",
    "Connections",
    "Deliveries",
    "Figures",
    "Idempotency",
    "Invoices",
    "Leases",
    "Licenses",
    "Logos",
    "Machines",
    "Merchants",
    "Outbox",
    "Policies",
    "Products",
    "Receipts",
    "Removals",
    "Sales",
    "SavedPaymentRows",
    "Search",
    "Settings",
    "Statistics",
    "Store",
    "Subscriptions",
    "Tallies",
    "TierChanges",
    "Tips",
    "Trail",
    "Transaction",
    "WebSessions",
    "WebhookEndpoints",
]
