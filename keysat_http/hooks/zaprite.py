"""Where Zaprite's webhooks land. Nobody signs them. Source: payments 7.4 and 9.1, public-api 15."""

from litestar import MediaType
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import NotAuthentic, NotConfigured, NotFound, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import find_default_account
from keysat_core.use_cases.purchases.note_webhook import find_nudged
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.hooks.landing import HTTPRequest, look_at, read_webhook
from keysat_http.nudging import NudgeLimiter, keep
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import post

NONE_CONNECTED = "no Zaprite account is connected to the default merchant profile"


@post(
    "/v1/zaprite/webhook/{provider_id:str}",
    raises=[NotAuthentic, NotFound, ProviderNotLoaded],
    sync_to_thread=None,
    media_type=MediaType.TEXT,
    tags=["webhooks in"],
)
async def receive_zaprite_webhook(
    *,
    provider_id: FromPath[str],
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
    nudges: NamedDependency[NudgeLimiter],
) -> None:
    """Acknowledge a webhook of a connected account; how the order stands is asked of Zaprite."""
    await _land(
        request,
        ProviderAccountId(provider_id),
        caller=caller,
        ports=ports,
        provider_threads=provider_threads,
        nudges=nudges,
    )


@post(
    "/v1/zaprite/webhook",
    raises=[NotAuthentic, NotConfigured, NotFound, ProviderNotLoaded],
    sync_to_thread=None,
    media_type=MediaType.TEXT,
    tags=["webhooks in"],
)
async def receive_zaprite_webhook_of_default(
    *,
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
    nudges: NamedDependency[NudgeLimiter],
) -> None:
    """Acknowledge a webhook at the address of old versions, which names no account."""
    account = find_default_account(ProviderKind.ZAPRITE, store=ports.store)
    if account is None:
        raise NotConfigured(NONE_CONNECTED)
    await _land(
        request,
        account.id,
        caller=caller,
        ports=ports,
        provider_threads=provider_threads,
        nudges=nudges,
    )


async def _land(
    request: HTTPRequest,
    account_id: ProviderAccountId,
    *,
    caller: Caller,
    ports: Ports,
    provider_threads: ProviderThreads,
    nudges: NudgeLimiter,
) -> None:
    command = await read_webhook(request, account_id, ProviderKind.ZAPRITE)
    # A few point reads, here on the event loop: a flood of them takes no thread from anybody.
    nudge = find_nudged(command, store=ports.store, clock=ports.clock, providers=ports.providers)
    wait_seconds = None if nudge is None else nudges.wait_of(nudge)
    if nudge is None or wait_seconds is None:
        return
    receipt = await sync_to_thread(keep, ports, nudge, wait_seconds)
    if not wait_seconds:
        actor = public_actor(caller, kind=ActorKind.PROVIDER, token=account_id)
        await look_at(receipt, actor, ports, provider_threads)
