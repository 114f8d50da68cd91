"""Changes of tier, as operators make them. Source: admin-api 2.6, B-25, B-34; decisions 8 and 16."""

from typing import Final

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import LicenseId, TierChangeId
from keysat_core.domain.tier_request import ChangeRequest, is_waiting
from keysat_core.errors import (
    InvariantError,
    NotConfigured,
    NotFound,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    RateUnavailable,
    RequestInFlight,
    TierChangeRefused,
)
from keysat_core.limits import TIER_CHANGES_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.tiers.give_change import give_change
from keysat_core.use_cases.tiers.list_changes import list_tier_changes as list_all
from keysat_core.use_cases.tiers.list_changes import preview_change
from keysat_core.use_cases.tiers.order_change import order_change
from keysat_core.use_cases.tiers.schedule_change import cancel_scheduled_change, schedule_change
from keysat_http.admin.paging import page_of
from keysat_http.bodies import Flag
from keysat_http.collecting import order_and_collect
from keysat_http.provider_threads import ProviderThreads
from keysat_http.rehearsal import refuse_rehearsal
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.outcome import Done
from keysat_http.views.tier_change import (
    ChangedTier,
    TierChangeList,
    TierPreview,
    dry_run_view,
    given_view,
    ordered_view,
    scheduled_view,
    tier_change_list_view,
    tier_preview_view,
)

_PATH: Final = "/v1/admin/licenses/{license_id:str}"
_TAGS: Final = ("licenses",)


class ChangeTier(msgspec.Struct, frozen=True, kw_only=True):
    """The wanted tier; ``target_policy_slug`` is another name of ``to_policy_slug``.

    ``skip_payment`` false has the buyer pay, and takes the master key. ``apply_at`` ``next_cycle``
    schedules a downgrade. ``dry_run`` only says what would be done.
    """

    to_policy_slug: str = ""
    target_policy_slug: str = ""
    skip_payment: bool = True
    reason: str | None = None
    apply_at: str | None = None
    dry_run: bool = False


@post(
    _PATH + "/change-tier",
    raises=[
        NotFound,
        TierChangeRefused,
        NotConfigured,
        RateUnavailable,
        ProviderRefused,
        ProviderUnavailable,
        ProviderNotLoaded,
        RequestInFlight,
    ],
    sync_to_thread=None,
    tags=_TAGS,
    **REHEARSABLE_ROUTE,
)
async def change_license_tier(
    *,
    data: JSONBody[ChangeTier],
    license_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    provider_threads: NamedDependency[ProviderThreads],
    purchase_seconds: NamedDependency[float],
) -> ChangedTier:
    """Put a license on another tier: at once for free, for the buyer to pay, or with the next cycle."""
    request = ChangeRequest(
        license_id=LicenseId(license_id),
        target_slug=data.to_policy_slug or data.target_policy_slug,
        reason=data.reason,
        apply_at=data.apply_at,
    )
    # Before anything is looked at: what a credential may not do tells it nothing.
    authorize(actor, Scope.LICENSES_WRITE if data.skip_payment else Scope.MASTER)
    if is_waiting(data.apply_at) and not data.skip_payment:
        raise InvariantError("skip_payment", "must not be false: a change that waits costs nothing")
    if not (data.skip_payment or data.dry_run):
        refuse_rehearsal(ports, "a change that is paid for cannot be rehearsed; see tier-quote")
    if data.skip_payment or data.dry_run:
        return await sync_to_thread(_without_payment, actor, request, data, ports)
    ordered, invoice = await order_and_collect(
        lambda: order_change(
            actor,
            request,
            public_url=settings.public_url,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            rates=ports.rates,
            providers=ports.providers,
            self_license=ports.self_license,
        ),
        actor,
        ports,
        provider_threads,
        seconds=purchase_seconds,
    )
    return ordered_view(ordered, invoice)


@get(_PATH + "/tier-quote", raises=[NotFound, TierChangeRefused], tags=_TAGS)
def get_tier_quote(
    *,
    license_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    to_policy_slug: FromQuery[str] = "",
    skip_payment: FromQuery[Flag] = "true",
    apply_at: FromQuery[str] = "",
) -> TierPreview:
    """Tell what another tier would cost the buyer, and what the license would lose."""
    request = ChangeRequest(
        license_id=LicenseId(license_id), target_slug=to_policy_slug, apply_at=apply_at
    )
    quoted = preview_change(
        actor,
        request,
        is_paid=skip_payment == "false",
        store=ports.store,
        clock=ports.clock,
        self_license=ports.self_license,
    )
    return tier_preview_view(quoted)


@get(_PATH + "/tier-changes", raises=[NotFound], tags=_TAGS)
def list_tier_changes(
    license_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    limit: FromQuery[int] = TIER_CHANGES_MAX,
    offset: FromQuery[int] = 0,
) -> TierChangeList:
    """List the changes of a license's tier, newest first."""
    rows = list_all(actor, LicenseId(license_id), store=ports.store)
    return tier_change_list_view(page_of(rows, limit=limit, offset=offset), total=len(rows))


@delete(_PATH + "/tier-changes/{change_id:str}", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def cancel_tier_change(
    license_id: FromPath[str],
    change_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Call off a change that waits for the next cycle."""
    cancelled = cancel_scheduled_change(
        actor,
        LicenseId(license_id),
        TierChangeId(change_id),
        store=ports.store,
        clock=ports.clock,
    )
    return Done(ok=True, already="withdrawn" if cancelled.is_already else UNSET)


def _without_payment(
    actor: Actor, request: ChangeRequest, data: ChangeTier, ports: Ports
) -> ChangedTier:
    if data.dry_run:
        is_paid = not data.skip_payment
        quoted = preview_change(
            actor,
            request,
            is_paid=is_paid,
            store=ports.store,
            clock=ports.clock,
            self_license=ports.self_license,
        )
        return dry_run_view(request.license_id, quoted, is_paid=is_paid)
    if is_waiting(data.apply_at):
        return scheduled_view(
            schedule_change(
                actor,
                request,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
                self_license=ports.self_license,
            )
        )
    return given_view(
        give_change(
            actor,
            request,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    )
