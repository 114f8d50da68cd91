"""Look after connected accounts: do they answer, is the webhook still there, must somebody know."""

from typing import Final

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.connecting import WEBHOOK_PATH
from keysat_core.domain.events import (
    DomainEvent,
    ProviderFailing,
    ProviderRecovered,
    outbox_event,
)
from keysat_core.domain.ids import EventId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.provider_health import (
    ProviderHealth,
    after_answer,
    after_failure,
    is_worth_noting,
)
from keysat_core.domain.setting import WEBHOOK_BASE, webhook_base_of
from keysat_core.domain.zaprite import webhook_url
from keysat_core.errors import ProviderNotLoaded, ProviderRefused, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer, ZapriteService
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.store import Store

LEFT_ALONE: Final = "webhook is switched off or has another address"
OUTDATED: Final = "webhook has our former address; enter the one of: keysat zaprite status"
"""What the operator has to see to."""


def list_connected(*, store: Store) -> list[ProviderAccount]:
    """Give every connected account, earliest first."""
    with store.reading() as tx:
        return tx.merchants.list_all_accounts(is_disconnected_included=False)


def probe_provider(
    account: ProviderAccount,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    providers: PaymentProviders,
) -> ProviderHealth | None:
    """Ask an account something harmless, and tell operators when its state became another.

    None: there is no adapter for it. Source: payments 15.
    """
    failure: UpstreamError | None = None
    try:
        providers.provider_for(account).probe()
    except ProviderNotLoaded:
        return None
    except UpstreamError as exc:
        failure = exc
    now = clock.now()
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected:
            return None
        before = tx.connections.find_health(account.id)
        known = before or ProviderHealth(account_id=account.id)
        after = after_failure(known, failure, now) if failure else after_answer(known, now)
        problem = after.problem(now)
        if problem is not after.alerted:
            event: DomainEvent = (
                ProviderRecovered(provider_id=account.id, kind=account.kind)
                if problem is None
                else ProviderFailing(provider_id=account.id, kind=account.kind, problem=problem)
            )
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
            tx.trail.append_audit(
                audited(
                    SYSTEM,
                    event.event_type,
                    now,
                    target=("payment_provider", account.id),
                    kind=account.kind,
                    problem=problem,
                    detail=after.detail,
                )
            )
            after = msgspec.structs.replace(after, alerted=problem)
        if is_worth_noting(before, after):
            tx.connections.put_health(after)
    return after


def check_webhook(
    account: ProviderAccount,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    btcpay: BTCPayServer,
) -> str:
    """See that a BTCPay account's webhook is there and leads here; say what was found or done.

    One that is gone is registered anew; one that leads to our former address is moved; one that is
    switched off or leads elsewhere is the operator's doing and only told. Source: payments 14.

    Raises:
        ProviderRefused, ProviderUnavailable, ProviderNotLoaded.
    """
    secret, store_id = account.webhook_secret, account.store_id
    if account.kind is not ProviderKind.BTCPAY or secret is None or store_id is None:
        return "has none"
    with store.reading() as tx:
        former = tx.settings.find_setting(WEBHOOK_BASE)
    remote = btcpay.stores_of(account)
    url = f"{public_url}{WEBHOOK_PATH}/{account.id}"
    found = remote.find_webhook(store_id, account.webhook_id) if account.webhook_id else None
    if found is None:
        webhook_id = remote.put_webhook(store_id, url, secret, former_urls=())
        _save(account, webhook_id, "payment_provider.webhook_registered", store=store, clock=clock)
        return "registered anew"
    if found.url == url and found.is_enabled:
        return "as it should be"
    if former is not None and found.url == f"{former}{WEBHOOK_PATH}/{account.id}" != url:
        remote.move_webhook(store_id, found.id, url)
        _save(account, found.id, "payment_provider.webhook_moved", store=store, clock=clock)
        return "moved"
    _save(account, found.id, "payment_provider.webhook_changed", store=store, clock=clock)
    return LEFT_ALONE


def move_zaprite_webhook(
    account: ProviderAccount,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    zaprite: ZapriteService,
) -> str | None:
    """Have a Zaprite account's events sent to our new address; None when it is not a new one.

    Zaprite shows no webhook again, so one is registered there beside the old one, once. Where it
    lets nobody do that, the operator has to enter the address. Source: payments 14.2, decisions 21.

    Raises:
        ProviderUnavailable: whether it was registered is unknown.
    """
    key = webhook_base_of(account.id)
    with store.reading() as tx:
        former = tx.settings.find_setting(key)
    if account.kind is not ProviderKind.ZAPRITE or account.api_key is None or former == public_url:
        return None
    found = webhook_id = None
    if former is not None:
        action, found = "payment_provider.webhook_moved", "moved"
        url = webhook_url(public_url, account.id)
        try:
            webhook_id = zaprite.register_webhook(account.base_url, account.api_key, url)
        except ProviderRefused:
            action, found = "payment_provider.webhook_outdated", OUTDATED
        _save(account, webhook_id, action, store=store, clock=clock)
    with store.writing() as tx:
        # Of each account by itself: one that fails must not make the others register again.
        tx.settings.put_setting(key, public_url, clock.now())
    return found


def remember_public_url(public_url: str, *, store: Store, clock: Clock) -> None:
    """Remember for which address webhooks are registered; call it after all were looked at."""
    with store.reading() as tx:
        known = tx.settings.find_setting(WEBHOOK_BASE)
    if known == public_url:
        return
    now = clock.now()
    with store.writing() as tx:
        tx.settings.put_setting(WEBHOOK_BASE, public_url, now)


def _save(
    account: ProviderAccount, webhook_id: str | None, action: str, *, store: Store, clock: Clock
) -> None:
    now = clock.now()
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected:
            return
        if current.webhook_id != webhook_id:
            tx.merchants.put_account(
                msgspec.structs.replace(current, webhook_id=webhook_id, updated_at=now)
            )
        tx.trail.append_audit(
            audited(
                SYSTEM,
                action,
                now,
                target=("payment_provider", account.id),
                webhook_id=webhook_id,
            )
        )
