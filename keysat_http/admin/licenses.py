"""Licenses, as operators manage them. Source: admin-api 2.6, B-21, B-26, B-34, B-38, B-44."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import parse_rfc3339
from keysat_core.errors import NotFound, SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.licenses import issue_license as issuing
from keysat_core.use_cases.licenses.change_license_status import (
    ChangedLicense,
    reinstate_license,
    suspend_license,
)
from keysat_core.use_cases.licenses.change_license_status import (
    revoke_license as revoke,
)
from keysat_core.use_cases.licenses.list_licenses import show_license
from keysat_core.use_cases.tiers.list_changes import list_tier_changes
from keysat_http.admin.reason import Why
from keysat_http.bodies import WholeNumber
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import get, post
from keysat_http.views.license import IssuedLicense, issued_license_view
from keysat_http.views.outcome import DONE, Done
from keysat_http.views.tier_change import LicenseDetail, license_detail_view

_PATH: Final = "/v1/admin/licenses"
_TAGS: Final = ("licenses",)


class NewLicense(msgspec.Struct, frozen=True, kw_only=True):
    """A license to issue by hand; terms left out come from the policy.

    ``expires_at`` is RFC 3339 with ``Z`` or an offset; ``buyer_note`` is another name of ``note``.
    """

    product_slug: str
    policy_slug: str | None = None
    expires_at: str | None = None
    entitlements: list[str] | None = None
    max_machines: WholeNumber | None = None
    grace_seconds: WholeNumber | None = None
    is_trial: bool | None = None
    buyer_email: str | None = None
    nostr_npub: str | None = None
    note: str | None = None
    buyer_note: str | None = None


@post(_PATH, raises=[NotFound, SigningKeyUnusable], tags=_TAGS)
def issue_license(
    data: JSONBody[NewLicense], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> IssuedLicense:
    """Issue a license without a sale. Its key is shown only here."""
    until = data.expires_at
    command = issuing.IssueLicense(
        product_slug=data.product_slug,
        policy_slug=data.policy_slug,
        expires_at=None if until is None else parse_rfc3339(until, field="expires_at"),
        entitlements=None if data.entitlements is None else tuple(data.entitlements),
        max_machines=data.max_machines,
        grace_seconds=data.grace_seconds,
        is_trial=data.is_trial,
        buyer_email=data.buyer_email,
        nostr_npub=data.nostr_npub,
        note=data.buyer_note if data.note is None else data.note,
    )
    issue = issuing.issue_license(
        actor, command, store=ports.store, clock=ports.clock, ids=ports.ids, keys=ports.keys
    )
    return issued_license_view(issue)


@get(_PATH + "/{license_id:str}", raises=[NotFound], tags=_TAGS)
def get_license(
    license_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> LicenseDetail:
    """Show one license with the changes of its tier, never its key."""
    license = show_license(actor, LicenseId(license_id), store=ports.store)
    return license_detail_view(license, list_tier_changes(actor, license.id, store=ports.store))


@post(_PATH + "/{license_id:str}/revoke", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def revoke_license(
    data: JSONBody[Why],
    license_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """End a license for good. Revoking it again is refused with 404."""
    revoke(
        actor,
        LicenseId(license_id),
        reason=data.reason,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return DONE


@post(_PATH + "/{license_id:str}/suspend", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def suspend(
    data: JSONBody[Why],
    license_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Stop a license for a while."""
    changed = suspend_license(
        actor,
        LicenseId(license_id),
        reason=data.reason,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return _done(changed)


@post(_PATH + "/{license_id:str}/unsuspend", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def unsuspend(
    license_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> Done:
    """Lift a suspension. A body is ignored."""
    changed = reinstate_license(
        actor, LicenseId(license_id), store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return _done(changed)


def _done(changed: ChangedLicense) -> Done:
    return Done(ok=True, already=changed.license.status if changed.is_already else UNSET)
