"""Lists of licenses and the numbers over them. Source: admin-api 2.6, B-26."""

from collections.abc import Callable
from typing import Final

from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import LicenseFilter
from keysat_core.limits import PAGE_DEFAULT, PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.licenses import list_licenses as listing
from keysat_http.admin.paging import clamp_limit, clamp_offset, read_instant
from keysat_http.routes import get
from keysat_http.views.license import (
    LicenseCounts,
    LicenseList,
    LicenseSummary,
    RevenueSummary,
    license_counts_view,
    license_list_view,
    license_summary_view,
    revenue_view,
)

_PATH: Final = "/v1/admin/licenses"
_TAGS: Final = ("licenses",)


def filter_reader(limit_default: int) -> Callable[..., LicenseFilter]:
    """Make the reader of the filters both lists take; they differ in the size of their page."""

    def read_filter(
        *,
        product_id: FromQuery[str] = "",
        policy_id: FromQuery[str] = "",
        status: FromQuery[LicenseStatus | None] = None,
        buyer_email: FromQuery[str] = "",
        email: FromQuery[str] = "",
        nostr_npub: FromQuery[str] = "",
        invoice_id: FromQuery[str] = "",
        invoice: FromQuery[str] = "",
        since: FromQuery[str] = "",
        until: FromQuery[str] = "",
        limit: FromQuery[int] = limit_default,
        offset: FromQuery[int] = 0,
    ) -> LicenseFilter:
        """Take ``email`` and ``invoice`` as other names; blank is absent."""
        return LicenseFilter(
            product_id=ProductId(product_id) if product_id else None,
            policy_id=PolicyId(policy_id) if policy_id else None,
            status=status,
            buyer_email=(buyer_email or email).strip() or None,
            nostr_npub=nostr_npub or None,
            invoice_id=invoice_id or invoice or None,
            since=read_instant(since, field="since"),
            until=read_instant(until, field="until"),
            limit=clamp_limit(limit, PAGE_MAX),
            offset=clamp_offset(offset),
        )

    return read_filter


@get(
    _PATH,
    dependencies={"criteria": Provide(filter_reader(PAGE_MAX), sync_to_thread=False)},
    tags=_TAGS,
)
def list_licenses(
    criteria: NamedDependency[LicenseFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> LicenseList:
    """List licenses, newest issued first; every filter given must match."""
    return license_list_view(listing.list_licenses(actor, criteria, store=ports.store))


@get(
    _PATH + "/search",
    dependencies={"criteria": Provide(filter_reader(PAGE_DEFAULT), sync_to_thread=False)},
    tags=_TAGS,
)
def search_licenses(
    criteria: NamedDependency[LicenseFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> LicenseList:
    """Search licenses; the same as the list, on shorter pages."""
    return license_list_view(listing.list_licenses(actor, criteria, store=ports.store))


@get(_PATH + "/summary", tags=_TAGS)
def summarize_licenses(
    actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> LicenseSummary:
    """Count licenses by status and age."""
    return license_summary_view(
        listing.summarize_licenses(actor, store=ports.store, clock=ports.clock)
    )


@get(_PATH + "/counts", tags=_TAGS)
def count_licenses(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> LicenseCounts:
    """Count licenses per product and per policy."""
    return license_counts_view(listing.count_licenses(actor, store=ports.store))


@get("/v1/admin/revenue/summary", tags=["revenue"])
def summarize_revenue(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
) -> RevenueSummary:
    """Add up what settled invoices brought in; with ``since`` or ``until`` also of that time alone."""
    begin, end = read_instant(since, field="since"), read_instant(until, field="until")
    summary = listing.summarize_revenue(actor, store=ports.store, clock=ports.clock)
    if begin is None and end is None:
        return revenue_view(summary)
    window = listing.sum_up_revenue(actor, since=begin, until=end, store=ports.store)
    return revenue_view(summary, window)
