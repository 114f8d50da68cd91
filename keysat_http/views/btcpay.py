"""How a connected BTCPay Server looks on the wire. Source: payments 6.10."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.use_cases.connections.disconnect_btcpay import Disconnected
from keysat_core.use_cases.connections.show_providers import Connection
from keysat_http.views.provider_trouble import WebhookTroubleView, trouble_view

NOUN = "BTCPay Server"
"""What operators call a connected account."""


class BTCPayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The connected store; the other fields are there only when one is. Never a key or secret.

    ``state``: ``ok``, ``failing``, ``unreachable``, ``credential_dead``, ``cannot_sell``, ``unknown``;
    ``detail`` is its last failure. ``webhook_trouble``: why no webhook arrives; null when they can.
    """

    connected: bool
    provider_id: str | UnsetType = UNSET
    store_id: str | UnsetType | None = UNSET
    webhook_id: str | UnsetType | None = UNSET
    base_url: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    merchant_profile_id: str | UnsetType = UNSET
    merchant_profile_name: str | UnsetType = UNSET
    store_name: str | UnsetType | None = UNSET
    state: str | UnsetType = UNSET
    detail: str | UnsetType | None = UNSET
    webhook_trouble: WebhookTroubleView | UnsetType | None = UNSET
    pending_invoices: int | UnsetType = UNSET


class BTCPayDisconnected(msgspec.Struct, frozen=True, kw_only=True):
    """What was forgotten. ``warnings``: what is still there at BTCPay."""

    ok: bool
    noop: bool
    message: str | UnsetType = UNSET
    provider_id: str | UnsetType = UNSET
    store_id: str | UnsetType | None = UNSET
    webhook_id: str | UnsetType | None = UNSET
    pending_invoices: int | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


def status_view(connection: Connection | None) -> BTCPayStatus:
    """Show a connection, or that there is none."""
    if connection is None:
        return BTCPayStatus(connected=False)
    account = connection.account
    return BTCPayStatus(
        connected=True,
        provider_id=account.id,
        store_id=account.store_id,
        webhook_id=account.webhook_id,
        base_url=account.base_url,
        label=account.label,
        merchant_profile_id=connection.profile.id,
        merchant_profile_name=connection.profile.name,
        store_name=account.store_name,
        state=connection.state,
        detail=connection.health.detail,
        webhook_trouble=trouble_view(connection.trouble),
        pending_invoices=connection.pending,
    )


def disconnected_view(gone: Disconnected, *, if_nothing: str) -> BTCPayDisconnected:
    """Show what was disconnected, or ``if_nothing``: why nothing was."""
    if gone.account is None:
        return BTCPayDisconnected(ok=True, noop=True, message=if_nothing)
    return BTCPayDisconnected(
        ok=True,
        noop=False,
        provider_id=gone.account.id,
        store_id=gone.account.store_id,
        webhook_id=gone.account.webhook_id,
        pending_invoices=gone.pending_invoices,
        warnings=list(gone.warnings),
    )
