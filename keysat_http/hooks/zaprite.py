"""Where Zaprite's webhooks land. Nobody signs them. Source: payments 7.4 and 9.1, public-api 15."""

from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import NotConfigured
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import find_default_account
from keysat_core.use_cases.purchases.note_webhook import find_nudged
from keysat_http.hooks.landing import Landing, lands_at
from keysat_http.nudging import NudgeLimiter, keep

NONE_CONNECTED = "no Zaprite account is connected to the default merchant profile"


@lands_at("/v1/zaprite/webhook/{provider_id:str}")
async def receive_zaprite_webhook(
    provider_id: FromPath[str],
    landing: NamedDependency[Landing],
    nudges: NamedDependency[NudgeLimiter],
) -> None:
    """Acknowledge a webhook of a connected account; how the order stands is asked of Zaprite."""
    await _land(landing, ProviderAccountId(provider_id), nudges)


@lands_at("/v1/zaprite/webhook", raises=[NotConfigured])
async def receive_zaprite_webhook_of_default(
    landing: NamedDependency[Landing],
    ports: NamedDependency[Ports],
    nudges: NamedDependency[NudgeLimiter],
) -> None:
    """Acknowledge a webhook at the address of old versions, which names no account."""
    account = find_default_account(ProviderKind.ZAPRITE, store=ports.store)
    if account is None:
        raise NotConfigured(NONE_CONNECTED)
    await _land(landing, account.id, nudges)


async def _land(landing: Landing, account_id: ProviderAccountId, nudges: NudgeLimiter) -> None:
    command, ports = await landing.read(account_id, ProviderKind.ZAPRITE), landing.ports
    # A few point reads, here on the event loop: a flood of them takes no thread from anybody.
    nudge = find_nudged(command, store=ports.store, clock=ports.clock, providers=ports.providers)
    wait_seconds = None if nudge is None else nudges.wait_of(nudge)
    if nudge is None or wait_seconds is None:
        return
    receipt = await sync_to_thread(keep, ports, nudge, wait_seconds)
    if not wait_seconds:
        await landing.look_at(receipt)
