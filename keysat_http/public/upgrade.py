"""Changes of tier, as buyers ask for them with their license key. Source: public-api 12, 3."""

from typing import Final

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.rate_limit import UPGRADE, UPGRADE_QUOTE, Allowance
from keysat_core.domain.tier_request import UpgradeRequest, is_waiting
from keysat_core.errors import (
    Forbidden,
    NotConfigured,
    NotFound,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RateUnavailable,
    RequestInFlight,
    SigningKeyUnusable,
    TierChangeRefused,
    Unauthorized,
)
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.tiers.order_change import order_upgrade
from keysat_core.use_cases.tiers.quote_upgrade import quote_upgrade
from keysat_core.use_cases.tiers.schedule_change import schedule_downgrade
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.collecting import order_and_collect
from keysat_http.provider_threads import ProviderThreads
from keysat_http.rate_limits import RateLimiter, secret_key
from keysat_http.routes import Leaf, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.tier_change import (
    TierQuote,
    Upgrade,
    scheduled_upgrade_view,
    tier_quote_view,
    upgrade_view,
)

_REFUSALS: Final[tuple[Leaf, ...]] = (
    Unauthorized,
    NotFound,
    TierChangeRefused,
    RateLimited,
    SigningKeyUnusable,
)


class UpgradeQuoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A license key and the slug of the wanted tier. ``apply_at``: ``now`` or ``next_cycle``."""

    license_key: str
    target_policy_slug: str
    apply_at: str | None = None


class StartUpgradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """As for the quote, and where the buyer goes after paying; "" in an option is absent."""

    license_key: str
    target_policy_slug: str
    redirect_url: str | None = None
    apply_at: str | None = None


@post("/v1/upgrade-quote", raises=_REFUSALS, tags=["upgrade"])
def get_upgrade_quote(
    data: JSONBody[UpgradeQuoteRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> TierQuote:
    """Tell what another tier would cost now; nothing is written."""
    _admit(UPGRADE_QUOTE, data.license_key, caller, ports, limiter)
    request = UpgradeRequest(
        license_key=data.license_key,
        target_slug=data.target_policy_slug,
        apply_at=data.apply_at,
    )
    return tier_quote_view(
        quote_upgrade(request, store=ports.store, clock=ports.clock, keys=ports.keys)
    )


@post(
    "/v1/upgrade",
    raises=[
        *_REFUSALS,
        Forbidden,
        NotConfigured,
        RateUnavailable,
        ProviderRefused,
        ProviderUnavailable,
        ProviderNotLoaded,
        RequestInFlight,
    ],
    sync_to_thread=None,
    tags=["upgrade"],
)
async def start_upgrade(
    *,
    data: JSONBody[StartUpgradeRequest],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    limiter: NamedDependency[RateLimiter],
    provider_threads: NamedDependency[ProviderThreads],
    purchase_seconds: NamedDependency[float],
) -> Upgrade:
    """Begin a change of tier: a checkout link, or a downgrade that waits for the next cycle."""
    _admit(UPGRADE, data.license_key, caller, ports, limiter)
    actor = public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=data.license_key)
    request = UpgradeRequest(
        license_key=data.license_key,
        target_slug=data.target_policy_slug,
        redirect_url=data.redirect_url,
        apply_at=data.apply_at,
    )
    if is_waiting(request.apply_at):
        scheduled = await sync_to_thread(
            lambda: schedule_downgrade(
                actor,
                request,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
                keys=ports.keys,
            )
        )
        return scheduled_upgrade_view(scheduled)
    ordered, invoice = await order_and_collect(
        lambda: order_upgrade(
            actor,
            request,
            public_url=settings.public_url,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            rates=ports.rates,
            providers=ports.providers,
        ),
        actor,
        ports,
        provider_threads,
        seconds=purchase_seconds,
    )
    return upgrade_view(ordered, invoice)


def _admit(
    allowance: Allowance, key: str, caller: Caller, ports: Ports, limiter: RateLimiter
) -> None:
    """Spend a token of the address; where addresses are hidden also one of the key (public-api 3)."""
    now = ports.clock.now()
    limiter.charge(allowance, caller, now)
    if caller.limiting_address is None:
        per_key = msgspec.structs.replace(allowance, kind=allowance.kind.replace("_ip", "_key"))
        retry_after_seconds = limiter.admit(per_key, secret_key(key), now)
        if retry_after_seconds is not None:
            raise RateLimited(retry_after_seconds)
