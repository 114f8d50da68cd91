"""How a connected Zaprite account looks on the wire, never its key. Source: admin-api 2.16."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.zaprite import WEBHOOK_EXPLAINER, webhook_url
from keysat_core.use_cases.connections.show_providers import Connection
from keysat_core.use_cases.zaprite.connect_zaprite import ConnectedZaprite
from keysat_core.use_cases.zaprite.disconnect_zaprite import DisconnectedZaprite
from keysat_http.views.provider_trouble import WebhookTroubleView, trouble_view

NOUN = "Zaprite account"
"""What operators call a connected account."""

REMINDER = "disconnected; now delete the webhook and the API key in Zaprite's dashboard"


class ZapriteConnected(msgspec.Struct, frozen=True, kw_only=True):
    """A new account. ``webhook_registered`` false: enter ``webhook_url`` in Zaprite's dashboard."""

    ok: bool
    provider: str
    provider_id: str
    merchant_profile_id: str
    merchant_profile_name: str
    label: str
    base_url: str
    webhook_url: str
    webhook_registered: bool
    webhook_explainer: str


class ZapriteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The connected account. ``webhook_registered``: Keysat registered the webhook by itself.

    ``state``, ``detail``, ``webhook_trouble`` and ``pending_invoices`` as of a BTCPay account; null
    when nothing is connected.
    """

    connected: bool
    provider_id: str | None
    base_url: str | None
    label: str | None
    webhook_id: str | None
    merchant_profile_id: str | None
    merchant_profile_name: str | None
    state: str | None
    detail: str | None
    webhook_trouble: WebhookTroubleView | None
    pending_invoices: int | None
    webhook_url: str
    webhook_registered: bool
    webhook_explainer: str


class ZapriteDisconnected(msgspec.Struct, frozen=True, kw_only=True):
    """What was forgotten. ``pending_invoices`` may still be paid at Zaprite."""

    ok: bool
    noop: bool
    message: str
    provider_id: str | UnsetType = UNSET
    pending_invoices: int | UnsetType = UNSET


def connected_view(connected: ConnectedZaprite) -> ZapriteConnected:
    """Show a new account."""
    account = connected.account
    return ZapriteConnected(
        ok=True,
        provider=account.kind,
        provider_id=account.id,
        merchant_profile_id=connected.profile.id,
        merchant_profile_name=connected.profile.name,
        label=account.label,
        base_url=account.base_url,
        webhook_url=connected.webhook_url,
        webhook_registered=connected.is_webhook_registered,
        webhook_explainer=WEBHOOK_EXPLAINER,
    )


def status_view(connection: Connection | None, *, public_url: str) -> ZapriteStatus:
    """Show the account, or that there is none."""
    account = connection.account if connection else None
    profile = connection.profile if connection else None
    return ZapriteStatus(
        connected=account is not None,
        provider_id=account.id if account else None,
        base_url=account.base_url if account else None,
        label=account.label if account else None,
        webhook_id=account.webhook_id if account else None,
        merchant_profile_id=profile.id if profile else None,
        merchant_profile_name=profile.name if profile else None,
        state=connection.state if connection else None,
        detail=connection.health.detail if connection else None,
        webhook_trouble=trouble_view(connection.trouble) if connection else None,
        pending_invoices=connection.pending if connection else None,
        webhook_url=webhook_url(public_url, account.id if account else None),
        webhook_registered=account is not None and account.webhook_id is not None,
        webhook_explainer=WEBHOOK_EXPLAINER,
    )


def disconnected_view(gone: DisconnectedZaprite | None, *, if_nothing: str) -> ZapriteDisconnected:
    """Show what was disconnected, or ``if_nothing``: why nothing was."""
    if gone is None:
        return ZapriteDisconnected(ok=True, noop=True, message=if_nothing)
    return ZapriteDisconnected(
        ok=True,
        noop=False,
        message=REMINDER,
        provider_id=gone.account.id,
        pending_invoices=gone.pending_invoices,
    )
