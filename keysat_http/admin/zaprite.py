"""Connecting Zaprite, as operators do it. Source: payments 7.5, admin-api 2.16, B-10, B-32."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import (
    AlreadyConnected,
    NotConfigured,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    TierCapReached,
)
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import (
    find_connection,
    list_accounts_of_kind,
)
from keysat_core.use_cases.zaprite.connect_zaprite import ConnectZaprite, connect_zaprite
from keysat_core.use_cases.zaprite.disconnect_zaprite import disconnect_zaprite
from keysat_http.provider_threads import ProviderThreads
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.not_connected import nothing_disconnected
from keysat_http.views.zaprite import (
    NOUN,
    ZapriteConnected,
    ZapriteDisconnected,
    ZapriteStatus,
    connected_view,
    disconnected_view,
    status_view,
)

_PATH: Final = "/v1/admin/zaprite"
_TAGS: Final = ("payment providers",)


class ZapriteAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account to connect. ``api_key`` is required; who may not connect is told so first."""

    api_key: str = ""
    base_url: str | None = None
    label: str | None = None
    merchant_profile_id: str | None = None

    def __repr__(self) -> str:
        return "ZapriteAccount(***)"


class ZapriteChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which account; absent: the default profile's."""

    provider_id: str | None = None


@post(
    f"{_PATH}/connect",
    raises=[
        TierCapReached,
        AlreadyConnected,
        NotConfigured,
        ProviderRefused,
        ProviderUnavailable,
    ],
    sync_to_thread=None,
    tags=_TAGS,
)
async def connect_zaprite_account(
    data: JSONBody[ZapriteAccount],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    provider_threads: NamedDependency[ProviderThreads],
) -> ZapriteConnected:
    """Try an API key, keep it, and say which webhook address belongs to it."""
    profile_id = data.merchant_profile_id
    command = ConnectZaprite(
        api_key=data.api_key,
        base_url=data.base_url,
        label=data.label,
        merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
    )
    connected = await provider_threads.run(
        lambda: connect_zaprite(
            actor,
            command,
            public_url=settings.public_url,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
            zaprite=ports.zaprite,
        )
    )
    return connected_view(connected)


@get(f"{_PATH}/status", tags=_TAGS)
def get_zaprite_status(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
) -> ZapriteStatus:
    """Tell which account is connected, and the webhook address to enter at Zaprite."""
    connection = find_connection(actor, ProviderKind.ZAPRITE, store=ports.store, clock=ports.clock)
    return status_view(connection, public_url=settings.public_url)


@post(f"{_PATH}/disconnect", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def disconnect_zaprite_account(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    data: JSONBody[ZapriteChoice | None] = None,
) -> ZapriteDisconnected:
    """Forget an account's key; its webhook and key are deleted at Zaprite by hand."""
    named = data.provider_id if data else None
    gone = disconnect_zaprite(
        actor,
        None if named is None else ProviderAccountId(named),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    connected = [] if gone else list_accounts_of_kind(ProviderKind.ZAPRITE, store=ports.store)
    why = nothing_disconnected(NOUN, None, connected, chosen_with="provider_id")
    return disconnected_view(gone, if_nothing=why)
