"""What every store must do, put together from one part per group of aggregates."""

from tests.contract.store_access import AccessContract
from tests.contract.store_audit import AuditContract
from tests.contract.store_catalog import CatalogContract
from tests.contract.store_codes import CodesContract
from tests.contract.store_commerce_removals import CommerceRemovalsContract
from tests.contract.store_figures import FiguresContract
from tests.contract.store_invoice_lists import InvoiceListsContract
from tests.contract.store_invoices import InvoicesContract
from tests.contract.store_leases import LeasesContract
from tests.contract.store_licenses import LicensesContract
from tests.contract.store_merchants import MerchantsContract
from tests.contract.store_records import RecordsContract
from tests.contract.store_removals import RemovalsContract
from tests.contract.store_saved_payments import SavedPaymentsContract
from tests.contract.store_statistics import StatisticsContract
from tests.contract.store_subscriptions import SubscriptionsContract
from tests.contract.store_tier_changes import TierChangesContract
from tests.contract.store_tips import TipsContract
from tests.contract.store_transactions import TransactionContract
from tests.contract.store_webhooks import WebhooksContract


class StoreContract(
    TransactionContract,
    CatalogContract,
    MerchantsContract,
    LicensesContract,
    InvoicesContract,
    InvoiceListsContract,
    RemovalsContract,
    CommerceRemovalsContract,
    CodesContract,
    SubscriptionsContract,
    TipsContract,
    TierChangesContract,
    SavedPaymentsContract,
    RecordsContract,
    AuditContract,
    LeasesContract,
    WebhooksContract,
    AccessContract,
    StatisticsContract,
    FiguresContract,
):
    """The contract of ``ports.store.Store``."""
