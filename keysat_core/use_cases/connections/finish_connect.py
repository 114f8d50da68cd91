"""Finish connecting a BTCPay Server: the operator consented, or made a key by hand."""

import base64
from collections.abc import Callable
from functools import partial

import msgspec

from keysat_core.domain.account_record import connected_record, disconnected_record
from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.connect_failure import as_setting, connect_failure
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
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, ProviderAccountId
from keysat_core.domain.listing import InvoiceFilter
from keysat_core.domain.merchant import (
    SERVED_RAILS,
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
    disconnected,
    is_key_of_another,
)
from keysat_core.domain.provider_health import ProviderHealth, after_answer
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import connect_failure_of, webhook_base_of
from keysat_core.errors import (
    AlreadyConnected,
    ConnectStateInvalid,
    InvariantError,
    KeysatError,
    NotConfigured,
    NotFound,
    ServerFault,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer, BTCPayStores
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

NO_SERVER = "no BTCPay Server is configured; set BTCPAY_URL and restart"
SHARED_KEY = "another connected account has the same API key; give each its own"
UNFINISHED = "its webhook could not be registered"
UNREGISTERED = (
    "its webhook could not be registered, which is tried again within 15 minutes; payments are noticed"
    " without it, a minute or more later"
)


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
    of; after one, ``check_webhook`` registers what is missing in the place of what is there. When
    registering fails, the account is retired, and then nothing of ours is left at the server: the
    webhook is removed and the key revoked, as far as it lets us, and unless another account has that
    key. If something was sold through the account meanwhile, it is kept instead, with a warning. Why
    it failed is kept until the next try, for the screen that waits elsewhere. No transaction is open
    while the server is asked. Source: payments 6.9; but for the account, the
    order of steps is as there.

    Raises:
        ConnectStateInvalid: the token is unknown, used up or too old.
        NotConfigured: this server was not told of a BTCPay Server any more.
        InvariantError: the profile is gone; the key covers no store, or may do too little;
            the server is too old; a scoped connect met a store that is not of a test network.
        StoreUndecided: it covers several stores, or not the wanted one.
        AlreadyConnected: somebody else was faster.
        NotFound: the account was disconnected meanwhile.
        ProviderRefused, ProviderUnavailable: the server did not do what was needed.
    """
    state = _take(command.token, store=store, clock=clock)
    try:
        return _connected(
            actor,
            command,
            state,
            public_url=public_url,
            store=store,
            clock=clock,
            ids=ids,
            entropy=entropy,
            btcpay=btcpay,
        )
    except KeysatError as failure:
        _quietly(partial(_note_failure, state, failure, store=store, clock=clock))
        raise


def _connected(
    actor: Actor,
    command: FinishConnect,
    state: ConnectState,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    entropy: Entropy,
    btcpay: BTCPayServer | None,
) -> Connected:
    if btcpay is None or btcpay.base_url is None:
        raise NotConfigured(NO_SERVER)
    remote = btcpay.stores(btcpay.base_url, command.api_key)
    initiator = _initiator(actor, state)
    secret = Secret(_base32(entropy.token(WEBHOOK_SECRET_BYTES)))
    try:
        profile = _free_profile(state, store=store)
        chosen, network, warnings = _judged(remote, state)
        now = clock.now()
        account = ProviderAccount(
            id=ProviderAccountId(ids.new()),
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
            _refuse_gone(tx, profile)
            if is_key_of_another(
                account, tx.merchants.list_all_accounts(is_disconnected_included=False)
            ):
                warnings = (*warnings, SHARED_KEY)
            tx.merchants.put_account(account)
            audit, event = connected_record(
                account,
                initiator,
                now,
                action=_action(initiator),
                store_id=chosen.id,
                network=network,
            )
            tx.trail.append_audit(audit)
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
            tx.settings.put_setting(webhook_base_of(account.id), public_url, now)
            tx.settings.put_setting(connect_failure_of(profile.id), None, now)
    except Exception:
        _quietly(partial(_forget_key, remote, command.api_key, store=store))
        raise
    webhook_id = None
    try:
        webhook_id = remote.put_webhook(
            chosen.id,
            f"{public_url}{WEBHOOK_PATH}/{account.id}",
            secret,
            former_urls=_former_urls(public_url, store=store),
        )
        account = _completed(account.id, webhook_id, store=store, clock=clock)
    except Exception as failure:
        kept = _retire_unless_sold(account, initiator, store=store, clock=clock, ids=ids)
        if kept is None:
            _quietly(partial(_forget_webhook, remote, account, webhook_id, store=store))
            _quietly(partial(_forget_key, remote, command.api_key, store=store))
            raise
        if not isinstance(failure, KeysatError):
            raise
        account, warnings = kept, (*warnings, f"{UNREGISTERED} ({failure})")
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


def _note_failure(state: ConnectState, failure: KeysatError, *, store: Store, clock: Clock) -> None:
    """Tell whoever waits for the profile to be connected, if it is still there."""
    now = clock.now()
    with store.writing() as tx:
        profile_id = state.merchant_profile_id
        if profile_id is not None and tx.merchants.find_profile(profile_id) is not None:
            told = as_setting(connect_failure(failure, now))
            tx.settings.put_setting(connect_failure_of(profile_id), told, now)


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


def _forget_key(remote: BTCPayStores, key: Secret, *, store: Store) -> None:
    """Leave no useful key behind; one that an account has is not ours to revoke."""
    with store.reading() as tx:
        known = tx.merchants.list_all_accounts(is_disconnected_included=False)
    if not any(one.api_key == key for one in known):
        remote.revoke_key()


def _forget_webhook(
    remote: BTCPayStores, account: ProviderAccount, webhook_id: str | None, *, store: Store
) -> None:
    """Leave no webhook behind, neither our own nor one that ``check_webhook`` registered meanwhile."""
    with store.reading() as tx:
        retired = tx.merchants.find_account(account.id)
    known = {webhook_id, retired.webhook_id if retired else None}
    for each in sorted(one for one in known if one is not None):
        _quietly(partial(remote.delete_webhook, str(account.store_id), each))


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except KeysatError:
        # The failure that led here says more.
        return


def _completed(
    account_id: ProviderAccountId, webhook_id: str, *, store: Store, clock: Clock
) -> ProviderAccount:
    now = clock.now()
    with store.writing() as tx:
        current = tx.merchants.find_account(account_id)
        if current is None or not current.is_connected:
            raise NotFound("payment provider", account_id)
        account = msgspec.structs.replace(current, webhook_id=webhook_id, updated_at=now)
        tx.merchants.put_account(account)
        # It answered all that was asked of it.
        tx.connections.put_health(after_answer(ProviderHealth(account_id=account_id), now))
    return account


def _retire_unless_sold(
    account: ProviderAccount, actor: Actor, *, store: Store, clock: Clock, ids: Ids
) -> ProviderAccount | None:
    """Retire an account; give it if it stays, because something was sold through it meanwhile.

    It stays, too, when that cannot be written down: an account that is known is better kept whole.
    """
    now = clock.now()
    try:
        with store.writing() as tx:
            current = tx.merchants.find_account(account.id)
            if current is None or not current.is_connected:
                return None
            sold = InvoiceFilter(provider_account_id=account.id, limit=1)
            if tx.invoices.list_invoices(sold).total:
                return current
            tx.merchants.put_account(disconnected(current, now))
            tx.merchants.remove_preferences_of(account.id)
            tx.connections.remove_health(account.id)
            audit, event = disconnected_record(
                account, actor, now, store_id=account.store_id, reason=UNFINISHED
            )
            tx.trail.append_audit(audit)
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    except ServerFault:
        return account
    return None


def _initiator(caller: Actor, state: ConnectState) -> Actor:
    """Who gave out the link, at the place the callback came from."""
    kind = ActorKind.SCOPED_API_KEY if state.is_scoped else ActorKind.ADMIN_API_KEY
    if state.initiator_hash is None:
        kind = ActorKind.CLI
    return msgspec.structs.replace(caller, kind=kind, hash=state.initiator_hash)


def _refuse_gone(tx: Transaction, profile: MerchantProfile) -> None:
    if tx.merchants.find_profile(profile.id) is None:
        raise _profile_gone()


def _action(initiator: Actor) -> str:
    is_scoped = initiator.kind is ActorKind.SCOPED_API_KEY
    return "payment_provider.connect_scoped" if is_scoped else "payment_provider.connect"


def _profile_gone() -> InvariantError:
    return InvariantError("merchant_profile_id", "the merchant profile is gone; connect another")


def _base32(token: bytes) -> str:
    return base64.b32encode(token).decode("ascii").rstrip("=")
