"""Questions about many rows, and the answers to them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, ProductId, ProviderAccountId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import (
    CascadeCounts,
    DueInvoice,
    InvoiceFilter,
    InvoicePage,
    InvoiceRow,
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    MachineFilter,
    MachineRow,
    Place,
    RevenueSummary,
    RevenueWindow,
)
from keysat_core.domain.merchant import ProviderKind
from keysat_core.limits import INVOICES_PAGE_MAX, MACHINES_PAGE_MAX, OFFSET_MAX, PAGE_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.invoices import invoices
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.machines import machines
from keysat_core.testing.strategies.money import amounts
from keysat_core.testing.strategies.text import emails, names, slugs, texts

_COUNT_MAX = 1_000_000
"""Rows in a count; larger shops differ in nothing."""


def places() -> SearchStrategy[Place]:
    """Rows behind which a page begins."""
    return st.builds(Place, instants(), ids())


def license_filters(**fixed: Any) -> SearchStrategy[LicenseFilter]:
    """Which licenses to list: any combination of fields."""
    return built(
        LicenseFilter,
        fixed,
        product_id=st.none() | ids().map(ProductId),
        policy_id=st.none() | ids().map(PolicyId),
        status=st.none() | st.sampled_from(LicenseStatus),
        buyer_email=st.none() | emails(),
        nostr_npub=st.none() | texts(),
        invoice_id=st.none() | ids(),
        since=st.none() | instants(),
        until=st.none() | instants(),
        behind=st.none() | places(),
        limit=st.integers(1, PAGE_MAX),
        offset=st.integers(0, OFFSET_MAX),
    )


@st.composite
def license_rows(draw: st.DrawFn, /, **fixed: Any) -> LicenseRow:
    """Licenses with the names an operator reads; a policy that is gone has neither."""
    has_policy = draw(st.booleans())
    return draw(
        built(
            LicenseRow,
            fixed,
            license=licenses(),
            product_slug=st.none() | slugs(),
            policy_slug=slugs() if has_policy else st.none(),
            policy_name=names() if has_policy else st.none(),
        )
    )


@st.composite
def license_summaries(draw: st.DrawFn, /) -> LicenseSummary:
    """Counts that add up: the total is the sum of the states, a day is part of its week."""
    active, suspended, revoked = (draw(_counts()) for _ in range(3))
    total = active + suspended + revoked
    last_7d = draw(st.integers(0, total))
    return LicenseSummary(
        total=total,
        active=active,
        suspended=suspended,
        revoked=revoked,
        last_24h=draw(st.integers(0, last_7d)),
        last_7d=last_7d,
    )


def license_counts(**fixed: Any) -> SearchStrategy[LicenseCounts]:
    """Licenses per product and per policy."""
    by_id = st.dictionaries(ids(), _counts(), max_size=4)
    return built(LicenseCounts, fixed, by_product=by_id, by_policy=by_id)


def revenue_windows(**fixed: Any) -> SearchStrategy[RevenueWindow]:
    """What a time brought."""
    return built(
        RevenueWindow,
        fixed,
        since=st.none() | instants(),
        until=st.none() | instants(),
        total_sats=amounts(),
        settled_paid_invoice_count=_counts(),
    )


@st.composite
def revenue_summaries(draw: st.DrawFn, /) -> RevenueSummary:
    """Sums that add up: each span is part of the longer ones."""
    total = draw(amounts())
    last_30d = draw(st.integers(0, total))
    last_7d = draw(st.integers(0, last_30d))
    return RevenueSummary(
        total_sats=total,
        last_24h_sats=draw(st.integers(0, last_7d)),
        last_7d_sats=last_7d,
        last_30d_sats=last_30d,
        settled_paid_invoice_count=draw(_counts()),
    )


def invoice_filters(**fixed: Any) -> SearchStrategy[InvoiceFilter]:
    """Which invoices to list: any combination of fields."""
    return built(
        InvoiceFilter,
        fixed,
        status=st.none() | st.sampled_from(InvoiceStatus),
        product_id=st.none() | ids().map(ProductId),
        buyer_email=st.none() | emails(),
        invoice_id=st.none() | ids(),
        provider_account_id=st.none() | ids().map(ProviderAccountId),
        is_attention_needed=st.booleans(),
        since=st.none() | instants(),
        until=st.none() | instants(),
        behind=st.none() | places(),
        limit=st.integers(1, INVOICES_PAGE_MAX),
        offset=st.integers(0, OFFSET_MAX),
    )


def due_invoices(**fixed: Any) -> SearchStrategy[DueInvoice]:
    """Invoices to ask a provider about."""
    return built(
        DueInvoice,
        fixed,
        id=ids().map(InvoiceId),
        status=st.sampled_from(InvoiceStatus),
        provider_account_id=st.none() | ids().map(ProviderAccountId),
    )


def invoice_rows(**fixed: Any) -> SearchStrategy[InvoiceRow]:
    """Invoices with the names an operator reads."""
    return built(
        InvoiceRow,
        fixed,
        invoice=invoices(),
        product_slug=st.none() | slugs(),
        policy_slug=st.none() | slugs(),
        provider_kind=st.none() | st.sampled_from(ProviderKind),
        provider_label=st.none() | names(),
        is_provider_connected=st.booleans(),
        license_id=st.none() | ids().map(LicenseId),
    )


@st.composite
def invoice_pages(draw: st.DrawFn, /) -> InvoicePage:
    """Pages that hold no more than there is."""
    rows = tuple(draw(st.lists(invoice_rows(), max_size=2)))
    return InvoicePage(
        rows=rows, total=len(rows) + draw(_counts()), is_total_exact=draw(st.booleans())
    )


def machine_filters(**fixed: Any) -> SearchStrategy[MachineFilter]:
    """Which machines to list."""
    return built(
        MachineFilter,
        fixed,
        license_id=st.none() | ids().map(LicenseId),
        product_id=st.none() | ids().map(ProductId),
        is_inactive_included=st.booleans(),
        limit=st.integers(1, MACHINES_PAGE_MAX),
        offset=st.integers(0, OFFSET_MAX),
    )


def machine_rows(**fixed: Any) -> SearchStrategy[MachineRow]:
    """Machines with their license and product as an operator reads them."""
    return built(
        MachineRow,
        fixed,
        machine=machines(),
        license_status=st.sampled_from(LicenseStatus),
        buyer_email=st.none() | emails(),
        product_id=ids().map(ProductId),
        product_slug=slugs(),
        product_name=names(),
    )


@st.composite
def cascade_counts(draw: st.DrawFn, /) -> CascadeCounts:
    """Counts that add up: settled and pending invoices are part of all."""
    settled, pending, ended = (draw(_counts()) for _ in range(3))
    return CascadeCounts(
        policies=draw(_counts()),
        licenses=draw(_counts()),
        invoices=settled + pending + ended,
        machines=draw(_counts()),
        settled_invoices=settled,
        pending_invoices=pending,
        subscriptions=draw(_counts()),
        redemptions=draw(_counts()),
        codes=draw(_counts()),
    )


def _counts() -> SearchStrategy[int]:
    return st.integers(0, _COUNT_MAX)
