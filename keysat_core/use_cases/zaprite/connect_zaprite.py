"""Connect a Zaprite account to a merchant profile."""

import msgspec

from keysat_core.domain.account_record import connected_record
from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import (
    SERVED_RAILS,
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
)
from keysat_core.domain.provider_health import ProviderHealth, after_answer
from keysat_core.domain.self_license import Capability, SelfLicense, refuse_without
from keysat_core.domain.setting import webhook_base_of
from keysat_core.domain.text import optional_text
from keysat_core.domain.zaprite import checked_base_url, checked_key, webhook_url
from keysat_core.errors import AlreadyConnected, InvariantError, NotConfigured, UpstreamError
from keysat_core.limits import NAME_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import ZapriteService
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

NO_ZAPRITE = "this server takes pretend money only"


class ConnectZaprite(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator enters. ``api_key`` is never told again."""

    api_key: str
    base_url: str | None = None
    label: str | None = None
    merchant_profile_id: MerchantProfileId | None = None

    def __repr__(self) -> str:
        return "ConnectZaprite(***)"


class ConnectedZaprite(msgspec.Struct, frozen=True, kw_only=True):
    """The account. ``is_webhook_registered`` False: the operator has to enter the URL there."""

    account: ProviderAccount
    profile: MerchantProfile
    webhook_url: str
    is_webhook_registered: bool


def connect_zaprite(
    actor: Actor,
    command: ConnectZaprite,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
    zaprite: ZapriteService | None,
) -> ConnectedZaprite:
    """Try the key, store the account, and try to have Zaprite's events sent here.

    Source: admin-api 2.16, checks in its order; decisions 21. The account is stored before the webhook
    is registered, so that of two attempts at once the loser leaves nothing behind.

    Raises:
        Forbidden: not the master key.
        TierCapReached: the operator's license does not include Zaprite.
        InvariantError: a field breaks a rule, or there is no such profile.
        AlreadyConnected: the profile has a Zaprite account.
        NotConfigured: this server has no way to Zaprite.
        ProviderRefused, ProviderUnavailable: Zaprite did not take the key; nothing is stored.
    """
    authorize(actor, Scope.MASTER)
    refuse_without(self_license, Capability.ZAPRITE_PAYMENTS)
    api_key = checked_key(command.api_key)
    label = optional_text(command.label, field="label", chars_max=NAME_CHARS_MAX)
    with store.reading() as tx:
        profile = _profile(tx, command.merchant_profile_id)
        _refuse_second(tx, profile)
    base_url = checked_base_url(command.base_url)
    if zaprite is None:
        raise NotConfigured(NO_ZAPRITE)
    zaprite.ping(base_url, api_key)
    now = clock.now()
    account = ProviderAccount(
        id=ProviderAccountId(ids.new()),
        merchant_profile_id=profile.id,
        kind=ProviderKind.ZAPRITE,
        label=label or f"Zaprite — {profile.name}",
        served_rails=SERVED_RAILS[ProviderKind.ZAPRITE],
        base_url=base_url,
        api_key=api_key,
        connected_at=now,
        updated_at=now,
    )
    with store.writing() as tx:
        # A profile may be deleted, or connected by another, while Zaprite was asked.
        profile = _profile(tx, profile.id)
        _refuse_second(tx, profile)
        tx.merchants.put_account(account)
        # It answered when its key was tried.
        tx.connections.put_health(after_answer(ProviderHealth(account_id=account.id), now))
        # So that the webhook can follow when the address changes before it is first looked at.
        tx.settings.put_setting(webhook_base_of(account.id), public_url, now)
        audit, event = connected_record(account, actor, now, base_url=base_url)
        tx.trail.append_audit(audit)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    url = webhook_url(public_url, account.id)
    try:
        webhook_id = zaprite.register_webhook(base_url, api_key, url)
    except UpstreamError:
        return ConnectedZaprite(
            account=account, profile=profile, webhook_url=url, is_webhook_registered=False
        )
    return ConnectedZaprite(
        account=_registered(account, webhook_id, store=store),
        profile=profile,
        webhook_url=url,
        is_webhook_registered=True,
    )


def _profile(tx: Transaction, profile_id: MerchantProfileId | None) -> MerchantProfile:
    if profile_id is None:
        profile = tx.merchants.find_default_profile()
    else:
        profile = tx.merchants.find_profile(profile_id)
    if profile is None:
        raise InvariantError("merchant_profile_id", "there is no such merchant profile")
    return profile


def _refuse_second(tx: Transaction, profile: MerchantProfile) -> None:
    kinds = {account.kind for account in tx.merchants.list_accounts(profile.id)}
    if ProviderKind.ZAPRITE in kinds:
        raise AlreadyConnected(ProviderKind.ZAPRITE)


def _registered(
    account: ProviderAccount, webhook_id: str | None, *, store: Store
) -> ProviderAccount:
    """Remember the registration, unless the account was disconnected meanwhile."""
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected or webhook_id is None:
            return account
        registered = msgspec.structs.replace(current, webhook_id=webhook_id)
        tx.merchants.put_account(registered)
    return registered
