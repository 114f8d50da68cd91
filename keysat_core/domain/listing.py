"""Questions about many rows and their answers: filters, pages, summaries (admin-api 2.6-2.7)."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, ProductId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.machine import Machine
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.subscription import Subscription, SubscriptionStatus
from keysat_core.domain.text import checked_range
from keysat_core.limits import (
    INVOICES_PAGE_MAX,
    MACHINES_PAGE_DEFAULT,
    MACHINES_PAGE_MAX,
    OFFSET_MAX,
    PAGE_DEFAULT,
    PAGE_MAX,
    SUBSCRIPTIONS_PAGE_DEFAULT,
    SUBSCRIPTIONS_PAGE_MAX,
)


class Place(NamedTuple):
    """A row by what orders its list: the next page may begin behind it."""

    at: Instant
    id: str


class Total(NamedTuple):
    """How many rows match; not exact where ``COUNTED_MAX`` or more would have had to be gone through."""

    number: int
    is_exact: bool = True


class LicenseFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which licenses: every given field must match; e-mail ignores case.

    ``invoice_id`` matches our id or the provider's (B-26). ``since`` and ``until``, which is not part
    of it, are of the issue; with ``behind`` a page begins behind that license. Newest issued first.
    """

    product_id: ProductId | None = None
    policy_id: PolicyId | None = None
    status: LicenseStatus | None = None
    buyer_email: str | None = None
    nostr_npub: str | None = None
    invoice_id: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    behind: Place | None = None
    limit: int = PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=OFFSET_MAX)


class LicenseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A license with the names an operator reads; None where the row is gone."""

    license: License
    product_slug: str | None
    policy_slug: str | None
    policy_name: str | None


class LicenseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses by status, and how many were issued in the last day and week."""

    total: int
    active: int
    suspended: int
    revoked: int
    last_24h: int
    last_7d: int


class LicenseCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses per product and per policy id; licenses without a policy count only once."""

    by_product: Mapping[str, int]
    by_policy: Mapping[str, int]


class RevenueWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Sats of invoices settled from ``since`` on and before ``until``; None is no bound."""

    since: Instant | None
    until: Instant | None
    total_sats: int
    settled_paid_invoice_count: int


class RevenueSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sats of settled invoices, in all and by settlement time; free ones are not counted."""

    total_sats: int
    last_24h_sats: int
    last_7d_sats: int
    last_30d_sats: int
    settled_paid_invoice_count: int


class InvoiceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which invoices: every given field must match; e-mail ignores case.

    ``invoice_id`` matches our id or the provider's. With ``is_attention_needed`` only those that an
    operator should look at. ``since`` and ``until``, which is not part of it, are of the creation; with
    ``behind`` a page begins behind that invoice. Newest first.
    """

    status: InvoiceStatus | None = None
    product_id: ProductId | None = None
    buyer_email: str | None = None
    invoice_id: str | None = None
    provider_account_id: ProviderAccountId | None = None
    is_attention_needed: bool = False
    since: Instant | None = None
    until: Instant | None = None
    behind: Place | None = None
    limit: int = PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=INVOICES_PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=OFFSET_MAX)


class DueInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice to ask its provider about; it takes reading to know whether its row is whole."""

    id: InvoiceId
    status: InvoiceStatus
    provider_account_id: ProviderAccountId | None = None


class InvoiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice with the names an operator reads, and its license; None where there is none.

    ``is_provider_connected`` is False too when the invoice names no account.
    """

    invoice: Invoice
    product_slug: str | None = None
    policy_slug: str | None = None
    provider_kind: ProviderKind | None = None
    provider_label: str | None = None
    is_provider_connected: bool = False
    license_id: LicenseId | None = None


class InvoicePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of invoices, and how many there are in all."""

    rows: tuple[InvoiceRow, ...]
    total: int
    is_total_exact: bool = True


class MachineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which machines; most recently seen first."""

    license_id: LicenseId | None = None
    product_id: ProductId | None = None
    is_inactive_included: bool = False
    limit: int = MACHINES_PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=MACHINES_PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=OFFSET_MAX)


class MachineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A machine with its license and product as an operator reads them."""

    machine: Machine
    license_status: LicenseStatus
    buyer_email: str | None
    product_id: ProductId
    product_slug: str
    product_name: str


class SubscriptionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which subscriptions: every given field must match. Newest first (admin-api 2.10)."""

    status: SubscriptionStatus | None = None
    product_id: ProductId | None = None
    license_id: LicenseId | None = None
    limit: int = SUBSCRIPTIONS_PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=SUBSCRIPTIONS_PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=OFFSET_MAX)


class SubscriptionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of subscriptions, and how many there are in all."""

    subscriptions: tuple[Subscription, ...]
    total: int


class CascadeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows hang on a product or policy, or went with it.

    ``settled_invoices`` and ``pending_invoices`` are part of ``invoices``. ``codes`` are those that
    went, or that nothing is left to be used for; ``redemptions`` their uses and those of invoices.
    """

    policies: int = 0
    licenses: int = 0
    invoices: int = 0
    machines: int = 0
    settled_invoices: int = 0
    pending_invoices: int = 0
    subscriptions: int = 0
    redemptions: int = 0
    codes: int = 0
