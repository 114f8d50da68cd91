"""See that the webhook of a connected account works, and tell operators when it does not.

Source: payments 14.1, 14.2 and row 24 of 17. What the operator may have meant is told, not touched.
"""

from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Final

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
from keysat_core.domain.setting import webhook_base_of
from keysat_core.domain.webhook_trouble import (
    WebhookProblem,
    WebhookTrouble,
    judge_deliveries,
    to_send_again,
)
from keysat_core.domain.zaprite import webhook_url
from keysat_core.errors import ProviderRefused, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer, BTCPayStores, ZapriteService
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

_Problem = tuple[WebhookProblem, str | None]

CONNECT_SECONDS: Final = 120
"""An account without a webhook may be about to get one: connecting takes a few calls."""


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
    awake_since: Instant,
    store: Store,
    clock: Clock,
    ids: Ids,
    btcpay: BTCPayServer,
) -> WebhookLook | None:
    """See that a BTCPay account's webhook is there, leads here, and that its deliveries are taken.

    One that is gone is registered anew; one that leads to our former address is moved; one that is
    switched off or leads elsewhere is the operator's doing and only told. What failed to be
    delivered, and will not be sent again by itself, is asked for once more: it tells whether webhooks
    arrive by now. ``awake_since``: this server runs since then. None: there is none, or the account
    is still being connected.

    Raises:
        ProviderRefused, ProviderUnavailable, ProviderNotLoaded.
    """
    secret, store_id = account.webhook_secret, account.store_id
    if account.kind is not ProviderKind.BTCPAY or secret is None or store_id is None:
        return None
    if account.webhook_id is None and 0 <= clock.now() - account.connected_at < CONNECT_SECONDS:
        return None
    with store.reading() as tx:
        former = tx.settings.find_setting(webhook_base_of(account.id))
        before = tx.connections.find_trouble(account.id)
    remote = btcpay.stores_of(account)
    note = partial(_note, account, store=store, clock=clock, ids=ids)
    url = f"{public_url}{WEBHOOK_PATH}/{account.id}"
    found = remote.find_webhook(store_id, account.webhook_id) if account.webhook_id else None
    if found is None:
        webhook_id = remote.put_webhook(store_id, url, secret, former_urls=())
        look = note(Mended.REGISTERED, webhook_id=webhook_id, leads_to=public_url)
        if look.mended is Mended.NOTHING:
            # It was disconnected meanwhile, and nobody else knows of this webhook.
            with suppress(UpstreamError):
                remote.delete_webhook(store_id, webhook_id)
        return look
    if former != public_url and _was_ours(found.url, former, account):
        remote.move_webhook(store_id, found.id, url)
        return note(Mended.MOVED, webhook_id=found.id, leads_to=public_url)
    is_own = found.url in _own_urls(public_url, account)
    problem: _Problem | None = (WebhookProblem.ELSEWHERE, None)
    if is_own:
        problem = _problem(
            remote, account, found, before=before, awake_since=awake_since, now=clock.now()
        )
    return note(problem, webhook_id=found.id, leads_to=public_url if is_own else None)


def _problem(
    remote: BTCPayStores,
    account: ProviderAccount,
    found: RemoteWebhook,
    *,
    before: WebhookTrouble | None,
    awake_since: Instant,
    now: Instant,
) -> _Problem | None:
    """What is wrong with a webhook that leads here."""
    if not found.is_enabled:
        return WebhookProblem.SWITCHED_OFF, None
    if before is not None and before.is_of_address:
        return None
    store_id = str(account.store_id)
    sent = remote.last_deliveries(store_id, found.id)
    problem = judge_deliveries(
        sent,
        since=account.updated_at,
        awake_since=awake_since,
        is_failing=before is not None,
    )
    lost = to_send_again(sent, now) if problem else None
    if lost is not None:
        with suppress(UpstreamError):
            # It may have forgotten what it was; the next delivery tells instead.
            remote.redeliver(store_id, found.id, lost.id)
    return problem


def _own_urls(public_url: str, account: ProviderAccount) -> frozenset[str]:
    """Where this server takes an account's webhooks: its own address, and the one of old versions."""
    any_ = f"{public_url}{WEBHOOK_PATH}"
    return frozenset({any_, f"{any_}/{account.id}"})


def _was_ours(url: str, former: str | None, account: ProviderAccount) -> bool:
    """Whether a webhook leads to our former address; of an old database that address is not known."""
    if former is not None:
        return url in _own_urls(former, account)
    base, landing, rest = url.partition(WEBHOOK_PATH)
    return bool(base and landing) and rest in {"", f"/{account.id}"}


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
    lets nobody do that, the operator has to enter the address, until a webhook arrives by it
    (``keep_nudge``). Source: payments 14.2, decisions 21.

    Raises:
        ProviderUnavailable: whether it was registered is unknown.
    """
    if account.kind is not ProviderKind.ZAPRITE or account.api_key is None:
        return None
    with store.reading() as tx:
        former = tx.settings.find_setting(webhook_base_of(account.id))
        before = tx.connections.find_trouble(account.id)
    note = partial(_note, account, store=store, clock=clock, ids=ids)
    url = webhook_url(public_url, account.id)
    if former in {None, public_url}:
        if former is None or before is not None:
            # Of an old database, or back at the address that Zaprite has.
            note(None, webhook_id=account.webhook_id, leads_to=public_url)
        return None
    if before is not None and before.detail == url:
        return WebhookLook(trouble=before)
    try:
        webhook_id = zaprite.register_webhook(account.base_url, account.api_key, url)
    except ProviderRefused:
        return note((WebhookProblem.OUTDATED, url), webhook_id=None)
    return note(Mended.MOVED, webhook_id=webhook_id, leads_to=public_url)


def _note(
    account: ProviderAccount,
    found: Mended | _Problem | None,
    *,
    webhook_id: str | None,
    leads_to: str | None = None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> WebhookLook:
    """Write down what was done or found, once for as long as it stays the same.

    ``leads_to``: the public address the webhook has for certain.
    """
    now = clock.now()
    mended = found if isinstance(found, Mended) else Mended.NOTHING
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected:
            return WebhookLook()
        before = tx.connections.find_trouble(account.id)
        after = _trouble(account, found, before, now) if isinstance(found, tuple) else None
        is_repaired = before is not None and before.is_of_address and after is None
        is_another = mended is not Mended.NOTHING or current.webhook_id != webhook_id
        if is_another or is_repaired:
            tx.merchants.put_account(
                msgspec.structs.replace(current, webhook_id=webhook_id, updated_at=now)
            )
        key = webhook_base_of(account.id)
        if leads_to is not None and tx.settings.find_setting(key) != leads_to:
            tx.settings.put_setting(key, leads_to, now)
        if mended is not Mended.NOTHING:
            _tell(tx, account, _MENDED[mended](provider_id=account.id, kind=account.kind), now, ids)
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
