"""Where BTCPay's webhooks land. Source: payments 9.1, public-api 15.

An answer of 401 or 404 loses a delivery for good at newer servers, so the reconciler finds what it
was about.
"""

from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.errors import NotAuthentic, NotConfigured, NotFound, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import list_accounts_of_kind
from keysat_http.hooks.landing import Landing, lands_at

NONE_CONNECTED = "no BTCPay Server is connected"


@lands_at("/v1/btcpay/webhook/{provider_id:str}")
async def receive_btcpay_webhook(
    provider_id: FromPath[str], landing: NamedDependency[Landing]
) -> None:
    """Acknowledge a webhook of a connected store; what it claims is asked of BTCPay."""
    await landing.land(ProviderAccountId(provider_id), ProviderKind.BTCPAY)


@lands_at("/v1/btcpay/webhook", raises=[NotConfigured])
async def receive_btcpay_webhook_of_any(
    landing: NamedDependency[Landing], ports: NamedDependency[Ports]
) -> None:
    """Acknowledge a webhook registered by an old version, which names no provider.

    It is whose secret it is signed with, the default profile's first.
    """
    accounts = await sync_to_thread(_accounts, ports)
    if not accounts:
        raise NotConfigured(NONE_CONNECTED)
    for account in accounts[:-1]:
        try:
            await landing.land(account.id, account.kind)
        except (NotAuthentic, NotFound, ProviderNotLoaded):
            continue
        return
    await landing.land(accounts[-1].id, accounts[-1].kind)


def _accounts(ports: Ports) -> list[ProviderAccount]:
    return list_accounts_of_kind(ProviderKind.BTCPAY, store=ports.store)
