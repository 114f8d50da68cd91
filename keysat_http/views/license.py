"""Licenses as operators see them, never with their key but when issued. Source: admin-api 2.1, 2.6."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.license import License as DomainLicense
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import LicenseCounts as Counts
from keysat_core.domain.listing import LicenseRow
from keysat_core.domain.listing import LicenseSummary as Summary
from keysat_core.domain.listing import RevenueSummary as Revenue
from keysat_core.domain.listing import RevenueWindow as Window
from keysat_core.use_cases.licenses.issue_license import IssuedLicense as Issue
from keysat_core.use_cases.licenses.issue_licenses import IssuedLicenses as Issues
from keysat_core.use_cases.licenses.list_licenses import LicensePage


class License(msgspec.Struct, frozen=True, kw_only=True):
    """A license; expiry is not a status. The last three only in lists, where the row still exists."""

    id: str
    product_id: str
    invoice_id: str | None
    status: LicenseStatus
    fingerprint: str | None
    bound_identity: str | None
    issued_at: str
    revoked_at: str | None
    revocation_reason: str | None
    metadata: JSONValue
    policy_id: str | None
    expires_at: str | None
    grace_seconds: int
    max_machines: int
    suspended_at: str | None
    suspension_reason: str | None
    entitlements: tuple[str, ...]
    is_trial: bool
    nostr_npub: str | None
    buyer_email: str | None
    policy_slug: str | UnsetType = UNSET
    policy_name: str | UnsetType = UNSET
    product_slug: str | UnsetType = UNSET


class LicenseList(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses, newest issued first. ``total`` counts all that match, if it is exact."""

    licenses: list[License]
    total: int
    is_total_exact: bool


class IssuedLicense(msgspec.Struct, frozen=True, kw_only=True):
    """A license issued by hand, and its key."""

    license_id: str
    product_id: str
    license_key: str
    issued_at: str
    expires_at: str | None
    entitlements: tuple[str, ...]
    is_trial: bool
    max_machines: int


class IssuedLicenseList(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses issued by hand at once, in order."""

    licenses: list[IssuedLicense]


class LicenseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses by status and age."""

    total: int
    active: int
    suspended: int
    revoked: int
    last_24h: int
    last_7d: int


class LicenseCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses per product and per policy id."""

    by_product: Mapping[str, int]
    by_policy: Mapping[str, int]


class RevenueWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Sats of invoices settled from ``since`` on and before ``until``."""

    since: str | None
    until: str | None
    total_sats: int
    settled_paid_invoice_count: int


class RevenueSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sats of settled invoices. ``window`` is there if a time was asked for."""

    total_sats: int
    last_24h_sats: int
    last_7d_sats: int
    last_30d_sats: int
    settled_paid_invoice_count: int
    window: RevenueWindow | UnsetType = UNSET


def license_view(license: DomainLicense) -> License:
    """Render a license."""
    return License(
        id=license.id,
        product_id=license.product_id,
        invoice_id=license.invoice_id,
        status=license.status,
        fingerprint=license.fingerprint,
        bound_identity=license.bound_identity,
        issued_at=rfc3339(license.issued_at),
        revoked_at=rfc3339_or_none(license.revoked_at),
        revocation_reason=license.revocation_reason,
        metadata=license.metadata,
        policy_id=license.policy_id,
        expires_at=rfc3339_or_none(license.expires_at),
        grace_seconds=license.grace_seconds,
        max_machines=license.max_machines,
        suspended_at=rfc3339_or_none(license.suspended_at),
        suspension_reason=license.suspension_reason,
        entitlements=license.entitlements,
        is_trial=license.is_trial,
        nostr_npub=license.nostr_npub,
        buyer_email=license.buyer_email,
    )


def license_list_view(page: LicensePage) -> LicenseList:
    """Render a page of licenses in the order given."""
    return LicenseList(
        licenses=[license_row_view(row) for row in page.rows],
        total=page.total.number,
        is_total_exact=page.total.is_exact,
    )


def license_row_view(row: LicenseRow) -> License:
    """Render a license with the names around it, where the row still exists."""
    return msgspec.structs.replace(
        license_view(row.license),
        policy_slug=UNSET if row.policy_slug is None else row.policy_slug,
        policy_name=UNSET if row.policy_name is None else row.policy_name,
        product_slug=UNSET if row.product_slug is None else row.product_slug,
    )


def issued_license_view(issue: Issue) -> IssuedLicense:
    """Render a license issued by hand."""
    return _issued(issue.license, issue.key)


def issued_licenses_view(issues: Issues) -> IssuedLicenseList:
    """Render licenses issued at once."""
    pairs = zip(issues.licenses, issues.keys, strict=True)
    return IssuedLicenseList(licenses=[_issued(license, key) for license, key in pairs])


def _issued(license: DomainLicense, key: str) -> IssuedLicense:
    return IssuedLicense(
        license_id=license.id,
        product_id=license.product_id,
        license_key=key,
        issued_at=rfc3339(license.issued_at),
        expires_at=rfc3339_or_none(license.expires_at),
        entitlements=license.entitlements,
        is_trial=license.is_trial,
        max_machines=license.max_machines,
    )


def license_summary_view(summary: Summary) -> LicenseSummary:
    """Render the numbers over all licenses."""
    return LicenseSummary(
        total=summary.total,
        active=summary.active,
        suspended=summary.suspended,
        revoked=summary.revoked,
        last_24h=summary.last_24h,
        last_7d=summary.last_7d,
    )


def license_counts_view(counts: Counts) -> LicenseCounts:
    """Render the numbers per product and policy."""
    return LicenseCounts(by_product=counts.by_product, by_policy=counts.by_policy)


def revenue_view(revenue: Revenue, window: Window | None = None) -> RevenueSummary:
    """Render what was earned, in all and in the time that was asked for."""
    return RevenueSummary(
        total_sats=revenue.total_sats,
        last_24h_sats=revenue.last_24h_sats,
        last_7d_sats=revenue.last_7d_sats,
        last_30d_sats=revenue.last_30d_sats,
        settled_paid_invoice_count=revenue.settled_paid_invoice_count,
        window=UNSET if window is None else _window(window),
    )


def _window(window: Window) -> RevenueWindow:
    return RevenueWindow(
        since=rfc3339_or_none(window.since),
        until=rfc3339_or_none(window.until),
        total_sats=window.total_sats,
        settled_paid_invoice_count=window.settled_paid_invoice_count,
    )
