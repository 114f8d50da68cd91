"""Finish connecting a BTCPay Server: the operator consented, or made a key by hand."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.audit import audited
from keysat_core.domain.connecting import (
    WEBHOOK_PATH,
    WEBHOOK_SECRET_BYTES,
    BitcoinNetwork,
    ConnectState,
    RemoteStore,
    chosen_store,
    excess_permissions,
    is_supported,
    missing_permissions,
    token_hash,
)
from keysat_core.domain.events import ProviderConnected, ProviderDisconnected, outbox_event
from keysat_core.domain.ids import EventId, ProviderAccountId
from keysat_core.domain.merchant import (
    SERVED_RAILS,
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
    disconnected,
)
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import WEBHOOK_BASE
from keysat_core.errors import (
    AlreadyConnected,
    ConnectStateInvalid,
    InvariantError,
    KeysatError,
    NotConfigured,
    NotFound,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer, BTCPayStores
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

NO_SERVER = "no BTCPay Server is configured; set BTCPAY_URL and restart"


class FinishConnect(msgspec.Struct, frozen=True, kw_only=True):
    """What the callback brought: our token and the key the operator granted."""

    token: Secret
    api_key: Secret


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """What was connected. ``warnings``: what the operator should know, one sentence each."""

    account: ProviderAccount
    profile: MerchantProfile
    store: RemoteStore
    network: BitcoinNetwork
    warnings: tuple[str, ...] = ()


def finish_connect(
    actor: Actor,
    command: FinishConnect,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    entropy: Entropy,
    btcpay: BTCPayServer | None,
) -> Connected:
    """Choose the store, store the account and register its webhook.

    The token is used up first, whatever follows. The account is stored before its webhook is
    registered, or a crash between the two would leave a webhook and a key there that nobody knows
    of; after one, ``check_webhook`` registers what is missing in the place of what is there. After a
    failure nothing of ours is left at the server: the webhook is removed and the key revoked, as
    far as it lets us, and the account is retired. No transaction is open while it is asked.
    Source: payments 6.9; but for the account, the order of steps is as there.

    Raises:
        ConnectStateInvalid: the token is unknown, used up or too old.
        NotConfigured: this server was not told of a BTCPay Server any more.
        InvariantError: the profile is gone; the key covers no store, several, or may do too little;
            the server is too old; a scoped connect met a store that is not of a test network.
        AlreadyConnected: somebody else was faster.
        NotFound: the account was disconnected meanwhile.
        ProviderRefused, ProviderUnavailable: the server did not do what was needed.
    """
    state = _take(command.token, store=store, clock=clock)
    if btcpay is None or btcpay.base_url is None:
        raise NotConfigured(NO_SERVER)
    remote = btcpay.stores(btcpay.base_url, command.api_key)
    initiator = _initiator(actor, state)
    with _tidied(
        remote, partial(_retire, actor=initiator, store=store, clock=clock, ids=ids)
    ) as left:
        profile = _free_profile(state, store=store)
        chosen, network, warnings = _judged(remote, state)
        secret = Secret(_base32(entropy.token(WEBHOOK_SECRET_BYTES)))
        account_id = ProviderAccountId(ids.new())
        now = clock.now()
        account = ProviderAccount(
            id=account_id,
            merchant_profile_id=profile.id,
            kind=ProviderKind.BTCPAY,
            label=state.label or f"BTCPay — {profile.name}",
            served_rails=SERVED_RAILS[ProviderKind.BTCPAY],
            base_url=btcpay.base_url,
            api_key=command.api_key,
            webhook_secret=secret,
            store_id=chosen.id,
            store_name=chosen.name,
            connected_at=now,
            updated_at=now,
        )
        with store.writing() as tx:
            if tx.merchants.find_profile(profile.id) is None:
                raise _profile_gone()
            _record(tx, account, initiator, network, ids)
            if tx.settings.find_setting(WEBHOOK_BASE) is None:
                # So that the webhook can follow when the address changes before it is checked.
                tx.settings.put_setting(WEBHOOK_BASE, public_url, now)
        left.account = account
        left.webhook_id = remote.put_webhook(
            chosen.id,
            f"{public_url}{WEBHOOK_PATH}/{account_id}",
            secret,
            former_urls=_former_urls(public_url, store=store),
        )
        account = _completed(account_id, left.webhook_id, store=store, clock=clock)
    return Connected(
        account=account, profile=profile, store=chosen, network=network, warnings=warnings
    )


def _take(token: Secret, *, store: Store, clock: Clock) -> ConnectState:
    """Use the token up, also when it turns out to be too old."""
    now = clock.now()
    kept_as = token_hash(token.reveal())
    with store.reading() as tx:
        # Anybody can guess, in any number; only who knows a token may take its turn to write.
        if tx.connections.find_state(kept_as) is None:
            raise ConnectStateInvalid
    with store.writing() as tx:
        state = tx.connections.take_state(kept_as)
    if state is None or not state.is_usable(now):
        raise ConnectStateInvalid
    return state


def _free_profile(state: ConnectState, *, store: Store) -> MerchantProfile:
    """Give the profile that is to be paid, if it is still there and has no BTCPay Server yet."""
    with store.reading() as tx:
        profile = (
            tx.merchants.find_default_profile()
            if state.merchant_profile_id is None
            else tx.merchants.find_profile(state.merchant_profile_id)
        )
        accounts = tx.merchants.list_accounts(profile.id) if profile else []
    if profile is None:
        raise _profile_gone()
    if any(account.kind is ProviderKind.BTCPAY for account in accounts):
        raise AlreadyConnected(ProviderKind.BTCPAY)
    return profile


def _former_urls(public_url: str, *, store: Store) -> frozenset[str]:
    """Where webhooks of disconnected accounts led, if the server could not be told to stop."""
    with store.reading() as tx:
        accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
    gone = [one for one in accounts if one.kind is ProviderKind.BTCPAY and not one.is_connected]
    return frozenset(f"{public_url}{WEBHOOK_PATH}/{account.id}" for account in gone)


def _judged(
    remote: BTCPayStores, state: ConnectState
) -> tuple[RemoteStore, BitcoinNetwork, tuple[str, ...]]:
    """Look at what the key opens, before anything is left there."""
    chosen = chosen_store(remote.list_stores(), state.store_id)
    version = remote.server_version()
    if not is_supported(version):
        raise InvariantError("btcpay", f"version {version} is too old; update it to 2.0 or newer")
    granted = remote.permissions()
    missing = missing_permissions(granted, chosen.id)
    if missing:
        raise InvariantError("permissions", f"the key lacks {', '.join(missing)}; grant them all")
    network = remote.network(chosen.id)
    if state.is_scoped and not network.is_test:
        raise InvariantError(
            "network",
            f"the store is on {network}; a scoped key may connect a non-mainnet store only",
        )
    excess = excess_permissions(granted)
    warnings = (f"the key may do more than it needs to: {', '.join(excess)}",) if excess else ()
    return chosen, network, warnings


class _Left(msgspec.Struct, kw_only=True):
    """What there is by now that a failure must not leave behind."""

    account: ProviderAccount | None = None
    webhook_id: str | None = None


@contextmanager
def _tidied(remote: BTCPayStores, retire: Callable[[ProviderAccount], None]) -> Iterator[_Left]:
    """After a failure, leave neither a webhook nor a useful key behind, nor an account here."""
    left = _Left()
    try:
        yield left
    except Exception:
        account = left.account
        if account is not None and account.store_id is not None and left.webhook_id is not None:
            _quietly(partial(remote.delete_webhook, account.store_id, left.webhook_id))
        _quietly(remote.revoke_key)
        if account is not None:
            # Last: an account that cannot be retired, or was not, tells of itself by failing.
            _quietly(partial(retire, account))
        raise


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except KeysatError:
        # The failure that led here says more.
        return


def _completed(
    account_id: ProviderAccountId, webhook_id: str, *, store: Store, clock: Clock
) -> ProviderAccount:
    with store.writing() as tx:
        current = tx.merchants.find_account(account_id)
        if current is None or not current.is_connected:
            raise NotFound("payment provider", account_id)
        account = msgspec.structs.replace(current, webhook_id=webhook_id, updated_at=clock.now())
        tx.merchants.put_account(account)
    return account


def _retire(
    account: ProviderAccount, *, actor: Actor, store: Store, clock: Clock, ids: Ids
) -> None:
    now = clock.now()
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected:
            return
        tx.merchants.put_account(disconnected(current, now))
        tx.merchants.remove_preferences_of(account.id)
        tx.connections.remove_health(account.id)
        tx.trail.append_audit(
            audited(
                actor,
                "payment_provider.disconnect",
                now,
                target=("payment_provider", account.id),
                kind=account.kind,
                store_id=account.store_id,
                reason="its webhook could not be registered",
            )
        )
        event = ProviderDisconnected(
            provider_id=account.id,
            kind=account.kind,
            merchant_profile_id=account.merchant_profile_id,
        )
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def _record(
    tx: Transaction, account: ProviderAccount, actor: Actor, network: BitcoinNetwork, ids: Ids
) -> None:
    now = account.connected_at
    tx.merchants.put_account(account)
    is_scoped = actor.kind is ActorKind.SCOPED_API_KEY
    tx.trail.append_audit(
        audited(
            actor,
            "payment_provider.connect_scoped" if is_scoped else "payment_provider.connect",
            now,
            target=("payment_provider", account.id),
            kind=account.kind,
            store_id=account.store_id,
            merchant_profile_id=account.merchant_profile_id,
            network=network,
        )
    )
    event = ProviderConnected(
        provider_id=account.id,
        kind=account.kind,
        merchant_profile_id=account.merchant_profile_id,
    )
    tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def _initiator(caller: Actor, state: ConnectState) -> Actor:
    """Who gave out the link, at the place the callback came from."""
    kind = ActorKind.SCOPED_API_KEY if state.is_scoped else ActorKind.ADMIN_API_KEY
    if state.initiator_hash is None:
        kind = ActorKind.CLI
    return msgspec.structs.replace(caller, kind=kind, hash=state.initiator_hash)


def _profile_gone() -> InvariantError:
    return InvariantError("merchant_profile_id", "the merchant profile is gone; connect another")


def _base32(token: bytes) -> str:
    return base64.b32encode(token).decode("ascii").rstrip("=")
