"""One license: what it is, what happened to it, and what can be done. Source: admin-api 7, Licenses."""

from collections.abc import Iterator
from dataclasses import dataclass

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import MachineFilter, SubscriptionFilter
from keysat_core.use_cases.licenses.list_licenses import show_license
from keysat_core.use_cases.licenses.show_license_key import show_license_key
from keysat_core.use_cases.machines.list_machines import list_machines
from keysat_core.use_cases.products.list_products import show_product
from keysat_core.use_cases.server.list_audit import list_audit
from keysat_core.use_cases.subscriptions.list_subscriptions import list_subscriptions
from keysat_core.use_cases.tiers.list_changes import ChangeRow, list_tier_changes
from keysat_http.pages.admin.codes import tiers_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.offers import entitlement_feature

SHOWN_MACHINES = 50
SHOWN_EVENTS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Something that happened to a license."""

    at: Instant
    what: str
    note: str


@screen("/admin/licenses/{license_id:str}", needs=Scope.LICENSES_READ)
def show_license_screen(license_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show one license with its machines, changes and history."""
    store, actor = frame.ports.store, frame.actor
    license = show_license(actor, LicenseId(license_id), store=store)
    product = show_product(actor, license.product_id, store=store)
    tiers = tiers_of(frame, product)
    changes = list_tier_changes(actor, license.id, store=store)
    machines = list_machines(
        actor,
        MachineFilter(license_id=license.id, is_inactive_included=True, limit=SHOWN_MACHINES),
        store=store,
        heartbeats=frame.ports.heartbeats,
    )
    renewing = list_subscriptions(actor, SubscriptionFilter(license_id=license.id), store=store)
    catalog = {entry.slug: entry for entry in product.entitlements_catalog}
    return frame.page(
        "admin/license.html",
        license=license,
        product=product,
        policy=next((one for one in tiers if one.id == license.policy_id), None),
        tiers=[one for one in tiers if one.active and not one.is_archived],
        grants=[entitlement_feature(slug, catalog) for slug in license.entitlements],
        changes=changes,
        machines=machines.rows,
        subscriptions=renewing.subscriptions,
        happenings=sorted(
            _happenings(frame, license.id, changes), key=lambda one: one.at, reverse=True
        ),
        key=_key(frame, license.id),
    )


def _key(frame: Frame, license_id: LicenseId) -> str | None:
    """Give the key if it was asked for: it is nothing to lie about in every page."""
    if frame.query.get("key") != "show":
        return None
    ports = frame.ports
    return show_license_key(frame.actor, license_id, store=ports.store, keys=ports.keys).key


def _happenings(
    frame: Frame, license_id: LicenseId, changes: list[ChangeRow]
) -> Iterator[Happening]:
    """Tell the history of a license from its audit rows and its changes of tier."""
    if Scope.AUDIT_READ in frame.actor.scopes:
        about = AuditFilter(target_kind="license", target_id=license_id, limit=SHOWN_EVENTS)
        for row in list_audit(frame.actor, about, store=frame.ports.store).rows:
            reason = row.entry.details.get("reason")
            note = reason if isinstance(reason, str) else ""
            yield Happening(at=row.entry.occurred_at, what=row.entry.action, note=note)
    for one in changes:
        if one.change.applied_at is not None:
            note = f"{one.from_slug or 'none'} to {one.to_slug or 'gone'}"
            yield Happening(at=one.change.applied_at, what="tier changed", note=note)
