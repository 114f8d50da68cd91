"""See that the webhook of a connected account works, and tell operators when it does not.

Source: payments 14.1, 14.2 and row 24 of 17. What the operator may have meant is told, not touched.
"""

from enum import StrEnum

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.connecting import WEBHOOK_PATH, RemoteWebhook
from keysat_core.domain.events import (
    DomainEvent,
    ProviderWebhookFailing,
    ProviderWebhookMoved,
    ProviderWebhookRecovered,
    ProviderWebhookRegistered,
    outbox_event,
)
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.setting import WEBHOOK_BASE, webhook_base_of
from keysat_core.domain.webhook_trouble import WebhookProblem, WebhookTrouble, judge_deliveries
from keysat_core.domain.zaprite import webhook_url
from keysat_core.errors import ProviderRefused
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer, BTCPayStores, ZapriteService
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class Mended(StrEnum):
    """What was done about a webhook, if anything had to be."""

    NOTHING = "nothing"
    REGISTERED = "registered anew"
    MOVED = "moved"


class WebhookLook(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about an account's webhook, and what its operator must see to."""

    mended: Mended = Mended.NOTHING
    trouble: WebhookTrouble | None = None


def check_webhook(
    account: ProviderAccount,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    btcpay: BTCPayServer,
) -> WebhookLook | None:
    """See that a BTCPay account's webhook is there, leads here, and that its deliveries are taken.

    One that is gone is registered anew; one that leads to our former address is moved; one that is
    switched off or leads elsewhere is the operator's doing and only told. None: there is none.

    Raises:
        ProviderRefused, ProviderUnavailable, ProviderNotLoaded.
    """
    secret, store_id = account.webhook_secret, account.store_id
    if account.kind is not ProviderKind.BTCPAY or secret is None or store_id is None:
        return None
    with store.reading() as tx:
        former = tx.settings.find_setting(WEBHOOK_BASE)
    remote = btcpay.stores_of(account)
    url = f"{public_url}{WEBHOOK_PATH}/{account.id}"
    found = remote.find_webhook(store_id, account.webhook_id) if account.webhook_id else None
    if found is None:
        webhook_id = remote.put_webhook(store_id, url, secret, former_urls=())
        return _note(
            account, Mended.REGISTERED, webhook_id=webhook_id, store=store, clock=clock, ids=ids
        )
    if former is not None and found.url == f"{former}{WEBHOOK_PATH}/{account.id}" != url:
        remote.move_webhook(store_id, found.id, url)
        return _note(account, Mended.MOVED, webhook_id=found.id, store=store, clock=clock, ids=ids)
    problem = _problem(remote, account, store_id, found, url)
    return _note(account, problem, webhook_id=found.id, store=store, clock=clock, ids=ids)


def move_zaprite_webhook(
    account: ProviderAccount,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    zaprite: ZapriteService,
) -> WebhookLook | None:
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
    look = None
    if former is not None:
        url = webhook_url(public_url, account.id)
        found: Mended | _Problem = Mended.MOVED
        webhook_id = None
        try:
            webhook_id = zaprite.register_webhook(account.base_url, account.api_key, url)
        except ProviderRefused:
            found = (WebhookProblem.OUTDATED, f"the address to enter is {url}")
        look = _note(account, found, webhook_id=webhook_id, store=store, clock=clock, ids=ids)
    with store.writing() as tx:
        # Of each account by itself: one that fails must not make the others register again.
        tx.settings.put_setting(key, public_url, clock.now())
    return look


def remember_public_url(public_url: str, *, store: Store, clock: Clock) -> None:
    """Remember for which address webhooks are registered; call it after all were looked at."""
    with store.reading() as tx:
        known = tx.settings.find_setting(WEBHOOK_BASE)
    if known == public_url:
        return
    now = clock.now()
    with store.writing() as tx:
        tx.settings.put_setting(WEBHOOK_BASE, public_url, now)


_Problem = tuple[WebhookProblem, str | None]


def _problem(
    remote: BTCPayStores, account: ProviderAccount, store_id: str, found: RemoteWebhook, url: str
) -> _Problem | None:
    if found.url != url:
        return WebhookProblem.ELSEWHERE, None
    if not found.is_enabled:
        return WebhookProblem.SWITCHED_OFF, None
    return judge_deliveries(remote.last_deliveries(store_id, found.id), since=account.updated_at)


def _note(
    account: ProviderAccount,
    found: Mended | _Problem | None,
    *,
    webhook_id: str | None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> WebhookLook:
    """Write down what was done or found, once for as long as it stays the same."""
    now = clock.now()
    mended = found if isinstance(found, Mended) else Mended.NOTHING
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected:
            return WebhookLook()
        if mended is not Mended.NOTHING or current.webhook_id != webhook_id:
            tx.merchants.put_account(
                msgspec.structs.replace(current, webhook_id=webhook_id, updated_at=now)
            )
        if mended is not Mended.NOTHING:
            _tell(tx, account, _MENDED[mended](provider_id=account.id, kind=account.kind), now, ids)
        before = tx.connections.find_trouble(account.id)
        after = _trouble(account, found, before, now) if isinstance(found, tuple) else None
        if after is None and before is not None:
            tx.connections.remove_trouble(account.id)
            recovered = ProviderWebhookRecovered(provider_id=account.id, kind=account.kind)
            _tell(tx, account, recovered, now, ids)
        if after is not None and after != before:
            tx.connections.put_trouble(after)
            if before is None or before.problem is not after.problem:
                failing = ProviderWebhookFailing(
                    provider_id=account.id, kind=account.kind, problem=after.problem
                )
                _tell(tx, account, failing, now, ids, problem=after.problem, detail=after.detail)
    return WebhookLook(mended=mended, trouble=after)


_MENDED: dict[Mended, type[ProviderWebhookRegistered | ProviderWebhookMoved]] = {
    Mended.REGISTERED: ProviderWebhookRegistered,
    Mended.MOVED: ProviderWebhookMoved,
}


def _trouble(
    account: ProviderAccount, found: _Problem, before: WebhookTrouble | None, now: Instant
) -> WebhookTrouble:
    problem, detail = found
    is_same = before is not None and before.problem is problem
    since = before.since if before is not None and is_same else now
    return WebhookTrouble(account_id=account.id, problem=problem, detail=detail, since=since)


def _tell(
    tx: Transaction,
    account: ProviderAccount,
    event: DomainEvent,
    now: Instant,
    ids: Ids,
    **details: str | None,
) -> None:
    tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    tx.trail.append_audit(
        audited(
            SYSTEM,
            event.event_type,
            now,
            target=("payment_provider", account.id),
            kind=account.kind,
            **details,
        )
    )
