"""Connecting BTCPay Server, as operators do it. Source: payments 6.9 and 6.10, admin-api 2.15."""

from typing import Final

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.document import JSONValue
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import (
    AlreadyConnected,
    NotConfigured,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
)
from keysat_core.ports.bundle import Ports
from keysat_core.ports.store import Store
from keysat_core.use_cases.connections.begin_connect import BeginConnect, begin_connect
from keysat_core.use_cases.connections.disconnect_btcpay import disconnect_btcpay
from keysat_core.use_cases.connections.show_providers import (
    find_connection,
    list_accounts_of_kind,
    list_payment_methods,
)
from keysat_http.provider_threads import ProviderThreads
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.btcpay import (
    NOUN,
    BTCPayDisconnected,
    BTCPayStatus,
    disconnected_view,
    status_view,
)
from keysat_http.views.not_connected import nothing_disconnected

_PATH: Final = "/v1/admin/btcpay"
_TAGS: Final = ("payment providers",)


class ConnectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which profile is to be paid, and by which of the key's stores if it covers several."""

    merchant_profile_id: str | None = None
    label: str | None = None
    store_id: str | None = None


class ConnectStarted(msgspec.Struct, frozen=True, kw_only=True):
    """Open ``authorize_url`` in a browser within 30 minutes; it works once."""

    authorize_url: str
    state: str
    merchant_profile_id: str


class DisconnectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider; absent: the default profile's."""

    provider_id: str | None = None


class PaymentMethodList(msgspec.Struct, frozen=True, kw_only=True):
    """The payment methods of the connected store, as BTCPay says them."""

    store_id: str
    count: int
    methods: list[dict[str, JSONValue]]


@post(f"{_PATH}/connect", raises=[AlreadyConnected, NotConfigured], tags=_TAGS)
def start_btcpay_connect(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    data: JSONBody[ConnectRequest | None] = None,
) -> ConnectStarted:
    """Give a link under which the operator lets Keysat use a store."""
    wanted = data or ConnectRequest()
    profile_id = wanted.merchant_profile_id
    link = begin_connect(
        actor,
        BeginConnect(
            merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
            label=wanted.label,
            store_id=wanted.store_id,
        ),
        public_url=settings.public_url,
        is_sandbox=settings.is_sandbox,
        store=ports.store,
        clock=ports.clock,
        entropy=ports.entropy,
        btcpay=ports.btcpay,
    )
    return ConnectStarted(
        authorize_url=link.authorize_url,
        state=link.token.reveal(),
        merchant_profile_id=link.merchant_profile_id,
    )


@get(f"{_PATH}/status", tags=_TAGS)
def get_btcpay_status(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> BTCPayStatus:
    """Tell which store is connected."""
    return status_view(
        find_connection(actor, ProviderKind.BTCPAY, store=ports.store, clock=ports.clock)
    )


@get(
    f"{_PATH}/payment-methods",
    raises=[NotConfigured, ProviderNotLoaded, ProviderRefused, ProviderUnavailable],
    sync_to_thread=None,
    tags=_TAGS,
)
async def list_btcpay_payment_methods(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> PaymentMethodList:
    """Ask the connected store how it is paid."""
    found = await provider_threads.run(
        lambda: list_payment_methods(actor, store=ports.store, btcpay=ports.btcpay)
    )
    return PaymentMethodList(
        store_id=found.store_id, count=len(found.methods), methods=found.methods
    )


@post(f"{_PATH}/disconnect", sync_to_thread=None, tags=_TAGS, **REHEARSABLE_ROUTE)
async def stop_btcpay(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
    data: JSONBody[DisconnectRequest | None] = None,
) -> BTCPayDisconnected:
    """Forget a store: here at once, at BTCPay as far as it lets us."""
    named = data.provider_id if data else None
    account_id = None if named is None else ProviderAccountId(named)
    gone = await provider_threads.run(
        lambda: disconnect_btcpay(
            actor,
            account_id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            btcpay=ports.btcpay,
        )
    )
    why = "" if gone.account else await sync_to_thread(_why_nothing, account_id, ports.store)
    return disconnected_view(gone, if_nothing=why)


def _why_nothing(account_id: ProviderAccountId | None, store: Store) -> str:
    connected = list_accounts_of_kind(ProviderKind.BTCPAY, store=store)
    return nothing_disconnected(NOUN, account_id, connected, chosen_with="provider_id")
