"""Read licenses: search, one license, and the numbers over all of them."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.license import License
from keysat_core.domain.listing import (
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    RevenueSummary,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store


def list_licenses(actor: Actor, criteria: LicenseFilter, *, store: Store) -> list[LicenseRow]:
    """Give one page of matching licenses, newest issued first (admin-api 2.6, B-26).

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        return tx.licenses.list_licenses(criteria)


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
