"""Disconnect a Zaprite account."""

import msgspec

from keysat_core.domain.account_record import disconnected_record
from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, ProviderAccountId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, disconnected
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class DisconnectedZaprite(msgspec.Struct, frozen=True, kw_only=True):
    """What was disconnected. ``pending_invoices`` were opened at it and may still be paid there."""

    account: ProviderAccount
    pending_invoices: int


def disconnect_zaprite(
    actor: Actor,
    account_id: ProviderAccountId | None,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> DisconnectedZaprite | None:
    """Retire an account: its key is forgotten, its invoices stay. None: there was none.

    Without an id the default profile's account is meant. Zaprite is not asked: the webhook and the
    key have to be removed there by hand. Source: admin-api 2.16, B-12, B-32.

    Raises:
        Forbidden: not the master key.
        NotFound: no connected Zaprite account has the id.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        account = _account(tx, account_id)
        if account is None:
            return None
        pending = tx.invoices.count_pending_of(account.id)
        gone = disconnected(account, now)
        tx.merchants.put_account(gone)
        tx.merchants.remove_preferences_of(account.id)
        tx.connections.remove_health(account.id)
        audit, event = disconnected_record(account, actor, now, pending_invoices=pending)
        tx.trail.append_audit(audit)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return DisconnectedZaprite(account=gone, pending_invoices=pending)


def _account(tx: Transaction, account_id: ProviderAccountId | None) -> ProviderAccount | None:
    if account_id is None:
        profile = tx.merchants.find_default_profile()
        accounts = tx.merchants.list_accounts(profile.id) if profile else []
        return next((one for one in accounts if one.kind is ProviderKind.ZAPRITE), None)
    account = tx.merchants.find_account(account_id)
    if account is None or account.kind is not ProviderKind.ZAPRITE or not account.is_connected:
        raise NotFound("connected Zaprite account with the id", account_id)
    return account
