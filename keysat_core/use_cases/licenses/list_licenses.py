"""Read licenses: search, one license, and the numbers over all of them."""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.license import License
from keysat_core.domain.listing import (
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    RevenueSummary,
    RevenueWindow,
    Total,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store

EXPIRING_SECONDS: Final = 30 * DAY_SECONDS
"""What counts as soon (admin-api 7, Licenses)."""


class LicensePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of licenses, and how many there are on all."""

    rows: tuple[LicenseRow, ...]
    total: Total


def list_licenses(actor: Actor, criteria: LicenseFilter, *, store: Store) -> LicensePage:
    """Give one page of matching licenses, newest issued first (admin-api 2.6, B-26).

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        return LicensePage(
            rows=tuple(tx.licenses.list_licenses(criteria)),
            total=tx.licenses.count_licenses(criteria),
        )


def show_license(actor: Actor, license_id: LicenseId, *, store: Store) -> License:
    """Give one license, never its key (B-34).

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
        NotFound: no such license.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        return tx.licenses.get_license(license_id)


def summarize_licenses(actor: Actor, *, store: Store, clock: Clock) -> LicenseSummary:
    """Count licenses by status and by age.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    now = clock.now()
    with store.reading() as tx:
        return tx.licenses.license_summary(now)


def count_expiring(actor: Actor, *, store: Store, clock: Clock) -> Total:
    """Count active licenses that end within ``EXPIRING_SECONDS``.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    now = clock.now()
    with store.reading() as tx:
        return tx.licenses.count_expiring(now, Instant(now + EXPIRING_SECONDS))


def count_licenses(actor: Actor, *, store: Store) -> LicenseCounts:
    """Count licenses per product and per policy.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        return tx.licenses.license_counts()


def summarize_revenue(actor: Actor, *, store: Store, clock: Clock) -> RevenueSummary:
    """Add up what settled invoices brought in, in sats.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    now = clock.now()
    with store.reading() as tx:
        return tx.invoices.revenue_summary(now)


def sum_up_revenue(
    actor: Actor, *, since: Instant | None, until: Instant | None, store: Store
) -> RevenueWindow:
    """Add up what invoices brought in that were settled from ``since`` on and before ``until``.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        return tx.invoices.revenue_within(since, until)
