"""All aggregates over one session."""

from keysat_adapters.sqlite.answers import SQLiteAnswers
from keysat_adapters.sqlite.api_keys import SQLiteApiKeys
from keysat_adapters.sqlite.audit_log import SQLiteAuditLog
from keysat_adapters.sqlite.buckets import SQLiteBuckets
from keysat_adapters.sqlite.codes import SQLiteCodes
from keysat_adapters.sqlite.connections import SQLiteConnections
from keysat_adapters.sqlite.deliveries import SQLiteDeliveries
from keysat_adapters.sqlite.facts import SQLiteFacts
from keysat_adapters.sqlite.figures import SQLiteFigures
from keysat_adapters.sqlite.idempotency import SQLiteIdempotency
from keysat_adapters.sqlite.invoices import SQLiteInvoices
from keysat_adapters.sqlite.leases import SQLiteLeases
from keysat_adapters.sqlite.licenses import SQLiteLicenses
from keysat_adapters.sqlite.logos import SQLiteLogos
from keysat_adapters.sqlite.machines import SQLiteMachines
from keysat_adapters.sqlite.merchants import SQLiteMerchants
from keysat_adapters.sqlite.outbox import SQLiteOutbox
from keysat_adapters.sqlite.policies import SQLitePolicies
from keysat_adapters.sqlite.products import SQLiteProducts
from keysat_adapters.sqlite.receipts import SQLiteReceipts
from keysat_adapters.sqlite.removals import SQLiteRemovals
from keysat_adapters.sqlite.sales import SQLiteSales
from keysat_adapters.sqlite.saved_payments import SQLiteSavedPayments
from keysat_adapters.sqlite.search import SQLiteSearch
from keysat_adapters.sqlite.session import Session
from keysat_adapters.sqlite.settings import SQLiteSettings
from keysat_adapters.sqlite.statistics import SQLiteStatistics
from keysat_adapters.sqlite.subscriptions import SQLiteSubscriptions
from keysat_adapters.sqlite.tallies import SQLiteTallies
from keysat_adapters.sqlite.tier_changes import SQLiteTierChanges
from keysat_adapters.sqlite.tips import SQLiteTips
from keysat_adapters.sqlite.trail import SQLiteTrail
from keysat_adapters.sqlite.web_sessions import SQLiteWebSessions
from keysat_adapters.sqlite.webhook_endpoints import SQLiteWebhookEndpoints


class SQLiteTransaction:
    """Implements ``ports.store.Transaction``. Made once for a connection and used again and again."""

    __slots__ = (
        "answers",
        "api_keys",
        "audit_log",
        "buckets",
        "codes",
        "connections",
        "deliveries",
        "facts",
        "figures",
        "idempotency",
        "invoices",
        "leases",
        "licenses",
        "logos",
        "machines",
        "merchants",
        "outbox",
        "policies",
        "products",
        "receipts",
        "removals",
        "saved_payments",
        "search",
        "settings",
        "statistics",
        "subscriptions",
        "tallies",
        "tier_changes",
        "tips",
        "trail",
        "web_sessions",
        "webhooks",
    )

    def __init__(self, session: Session) -> None:
        self.facts = SQLiteFacts(session)
        self.products = SQLiteProducts(session)
        self.policies = SQLitePolicies(session)
        self.licenses = SQLiteLicenses(session)
        self.machines = SQLiteMachines(session)
        self.invoices = SQLiteInvoices(session)
        self.merchants = SQLiteMerchants(session)
        self.logos = SQLiteLogos(session)
        self.connections = SQLiteConnections(session)
        self.receipts = SQLiteReceipts(session)
        self.tips = SQLiteTips(session)
        self.removals = SQLiteRemovals(session)
        self.saved_payments = SQLiteSavedPayments(session)
        self.trail = SQLiteTrail(session)
        self.audit_log = SQLiteAuditLog(session)
        self.outbox = SQLiteOutbox(session)
        self.webhooks = SQLiteWebhookEndpoints(session)
        self.deliveries = SQLiteDeliveries(session)
        self.api_keys = SQLiteApiKeys(session)
        self.web_sessions = SQLiteWebSessions(session)
        self.idempotency = SQLiteIdempotency(session)
        self.answers = SQLiteAnswers(session)
        self.tallies = SQLiteTallies(session)
        self.buckets = SQLiteBuckets(session)
        self.leases = SQLiteLeases(session)
        self.settings = SQLiteSettings(session)
        self.statistics = SQLiteStatistics(session)
        self.figures = SQLiteFigures(session)
        self.search = SQLiteSearch(session)
        self.codes = SQLiteCodes(session)
        self.subscriptions = SQLiteSubscriptions(session)
        self.tier_changes = SQLiteTierChanges(session)

    @property
    def sales(self) -> SQLiteSales:
        """Sales as a whole; made when asked for, because it holds all the others."""
        return SQLiteSales(self)
