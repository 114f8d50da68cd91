"""Where BTCPay's webhooks land. Source: payments 9.1, public-api 15.

An answer of 401 or 404 loses a delivery for good at newer servers, so the reconciler finds what it
was about.
"""

import msgspec
from litestar import MediaType
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.errors import NotAuthentic, NotConfigured, NotFound, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import list_accounts_of_kind
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook
from keysat_http.client_address import Caller
from keysat_http.hooks.landing import HTTPRequest, land, read_webhook
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import post

NONE_CONNECTED = "no BTCPay Server is connected"


@post(
    "/v1/btcpay/webhook/{provider_id:str}",
    raises=[NotAuthentic, NotFound, ProviderNotLoaded],
    sync_to_thread=None,
    media_type=MediaType.TEXT,
    tags=["webhooks in"],
)
async def receive_btcpay_webhook(
    provider_id: FromPath[str],
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> None:
    """Acknowledge a webhook of a connected store; what it claims is asked of BTCPay."""
    account_id = ProviderAccountId(provider_id)
    command = await read_webhook(request, account_id, ProviderKind.BTCPAY)
    await land(command, caller, ports, provider_threads)


@post(
    "/v1/btcpay/webhook",
    raises=[NotAuthentic, NotConfigured, NotFound, ProviderNotLoaded],
    sync_to_thread=None,
    media_type=MediaType.TEXT,
    tags=["webhooks in"],
)
async def receive_btcpay_webhook_of_any(
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> None:
    """Acknowledge a webhook registered by an old version, which names no provider.

    It is whose secret it is signed with, the default profile's first.
    """
    accounts = await sync_to_thread(_accounts, ports)
    if not accounts:
        raise NotConfigured(NONE_CONNECTED)
    command = await read_webhook(request, accounts[0].id, ProviderKind.BTCPAY)
    for account in accounts[:-1]:
        try:
            await land(_for(command, account.id), caller, ports, provider_threads)
        except (NotAuthentic, NotFound, ProviderNotLoaded):
            continue
        return
    await land(_for(command, accounts[-1].id), caller, ports, provider_threads)


def _accounts(ports: Ports) -> list[ProviderAccount]:
    return list_accounts_of_kind(ProviderKind.BTCPAY, store=ports.store)


def _for(command: NoteWebhook, account_id: ProviderAccountId) -> NoteWebhook:
    return msgspec.structs.replace(command, account_id=account_id)
