"""Disconnect a BTCPay Server: here first, then at the server as far as it lets us."""

import msgspec

from keysat_core.domain.account_record import disconnected_record
from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, ProviderAccountId
from keysat_core.domain.merchant import (
    ProviderAccount,
    ProviderKind,
    disconnected,
    is_key_of_another,
)
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class Disconnected(msgspec.Struct, frozen=True, kw_only=True):
    """What was disconnected; None: there was nothing.

    ``pending_invoices`` were opened at it and may still be paid there; ``warnings`` say what is
    left at the server.
    """

    account: ProviderAccount | None
    pending_invoices: int = 0
    warnings: tuple[str, ...] = ()


def disconnect_btcpay(
    actor: Actor,
    account_id: ProviderAccountId | None,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    btcpay: BTCPayServer | None,
) -> Disconnected:
    """Retire an account, the default profile's if none is named; doing it again does nothing.

    Its row stays for the history of its invoices, without its secrets; only once that is committed
    is the server asked to forget us. Source: payments 6.10, B-12.

    Raises:
        Forbidden: the actor does not hold the master key.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        account = _account(tx, account_id)
        if account is None:
            return Disconnected(account=None)
        pending = tx.invoices.count_pending_of(account.id)
        tx.merchants.put_account(disconnected(account, now))
        tx.merchants.remove_preferences_of(account.id)
        tx.connections.remove_health(account.id)
        audit, event = disconnected_record(
            account,
            actor,
            now,
            store_id=account.store_id,
            webhook_id=account.webhook_id,
            pending_invoices=pending,
        )
        tx.trail.append_audit(audit)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
        known = tx.merchants.list_all_accounts(is_disconnected_included=False)
    warnings = (
        _forgotten(account, btcpay, is_key_shared=is_key_of_another(account, known))
        if btcpay is not None
        else ()
    )
    return Disconnected(account=account, pending_invoices=pending, warnings=warnings)


def _account(tx: Transaction, account_id: ProviderAccountId | None) -> ProviderAccount | None:
    if account_id is not None:
        account = tx.merchants.find_account(account_id)
        is_meant = account is not None and account.kind is ProviderKind.BTCPAY
        return account if account is not None and is_meant and account.is_connected else None
    profile = tx.merchants.find_default_profile()
    accounts = tx.merchants.list_accounts(profile.id) if profile else []
    return next((one for one in accounts if one.kind is ProviderKind.BTCPAY), None)


def _forgotten(
    account: ProviderAccount, btcpay: BTCPayServer, *, is_key_shared: bool
) -> tuple[str, ...]:
    """Remove our webhook there, and our key unless another account has it; say what is left."""
    try:
        remote = btcpay.stores_of(account)
    except ProviderNotLoaded:
        return ("nothing could be removed there; delete its webhook and key by hand",)
    warnings = []
    if account.store_id is not None and account.webhook_id is not None:
        try:
            remote.delete_webhook(account.store_id, account.webhook_id)
        except UpstreamError as exc:
            warnings.append(f"the webhook is still there; delete it by hand ({exc})")
    if is_key_shared:
        return (*warnings, "the API key is still good: another connected account has it, too")
    try:
        remote.revoke_key()
    except UpstreamError as exc:
        warnings.append(f"the API key is still good; delete it by hand ({exc})")
    return tuple(warnings)
