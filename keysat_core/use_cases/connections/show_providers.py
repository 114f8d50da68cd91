"""Tell what is connected."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.document import JSONValue
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, ProviderKind
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.webhook_trouble import WebhookTrouble
from keysat_core.errors import NotConfigured
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer
from keysat_core.ports.store import Store, Transaction

NOT_CONNECTED = "no BTCPay Server is connected; connect one first"


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account, the profile it collects for and how it answers.

    ``state``: a word of ``ProviderHealth.state``. ``pending``: invoices that still wait there.
    """

    account: ProviderAccount
    profile: MerchantProfile
    health: ProviderHealth
    state: str
    trouble: WebhookTrouble | None
    pending: int


class PaymentMethods(msgspec.Struct, frozen=True, kw_only=True):
    """The payment methods of a store, as its server says them."""

    store_id: str
    methods: list[dict[str, JSONValue]]


class AccountHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a connected account answers. ``state``: a word of ``ProviderHealth.state``.

    ``trouble``: what is wrong with its webhook.
    """

    account: ProviderAccount
    health: ProviderHealth
    state: str
    trouble: WebhookTrouble | None


def find_connection(
    actor: Actor, kind: ProviderKind, *, store: Store, clock: Clock
) -> Connection | None:
    """Give the default profile's account of a kind, else any other's; None if there is none.

    Raises:
        Forbidden: the actor lacks ``payment_providers:read``.
    """
    authorize(actor, Scope.PAYMENT_PROVIDERS_READ)
    with store.reading() as tx:
        return _connection(tx, kind, clock.now())


def list_accounts_of_kind(kind: ProviderKind, *, store: Store) -> list[ProviderAccount]:
    """Give the connected accounts of a kind, the default profile's first."""
    with store.reading() as tx:
        return _of_kind(tx, kind)


def find_default_account(kind: ProviderKind, *, store: Store) -> ProviderAccount | None:
    """Give the default profile's account of a kind; None if it has none."""
    with store.reading() as tx:
        profile = tx.merchants.find_default_profile()
        accounts = tx.merchants.list_accounts(profile.id) if profile else []
    return next((account for account in accounts if account.kind is kind), None)


def count_pending(
    actor: Actor, kind: ProviderKind, account_id: ProviderAccountId | None, *, store: Store
) -> int:
    """Count the invoices that still wait at an account, the default profile's if none is named.

    Raises:
        Forbidden: the actor lacks ``payment_providers:read``.
    """
    authorize(actor, Scope.PAYMENT_PROVIDERS_READ)
    with store.reading() as tx:
        if account_id is None:
            default = tx.merchants.find_default_profile()
            accounts = tx.merchants.list_accounts(default.id) if default else []
            account_id = next((one.id for one in accounts if one.kind is kind), None)
        return tx.invoices.count_pending_of(account_id) if account_id is not None else 0


def list_payment_methods(
    actor: Actor, *, store: Store, btcpay: BTCPayServer | None
) -> PaymentMethods:
    """Ask the connected BTCPay Server how its store is paid.

    Raises:
        Forbidden: the actor lacks ``payment_providers:read``.
        NotConfigured: none is connected.
        ProviderRefused, ProviderUnavailable.
    """
    authorize(actor, Scope.PAYMENT_PROVIDERS_READ)
    account = next(iter(list_accounts_of_kind(ProviderKind.BTCPAY, store=store)), None)
    if account is None or btcpay is None or account.store_id is None:
        raise NotConfigured(NOT_CONNECTED)
    store_id = account.store_id
    methods = btcpay.stores_of(account).payment_methods(store_id)
    return PaymentMethods(store_id=store_id, methods=methods)


def list_account_health(*, store: Store, clock: Clock) -> list[AccountHealth]:
    """Give how every connected account answers, earliest connected first."""
    now = clock.now()
    with store.reading() as tx:
        accounts = tx.merchants.list_all_accounts(is_disconnected_included=False)
        noted = {one.account_id: one for one in tx.connections.list_health()}
        troubles = {one.account_id: one for one in tx.connections.list_troubles()}
    return [
        _health_of(account, noted.get(account.id), troubles.get(account.id), now)
        for account in accounts
    ]


def _health_of(
    account: ProviderAccount,
    noted: ProviderHealth | None,
    trouble: WebhookTrouble | None,
    now: Instant,
) -> AccountHealth:
    health = noted or ProviderHealth(account_id=account.id)
    return AccountHealth(account=account, health=health, state=health.state(now), trouble=trouble)


def _of_kind(tx: Transaction, kind: ProviderKind) -> list[ProviderAccount]:
    default = tx.merchants.find_default_profile()
    accounts = [
        account
        for account in tx.merchants.list_all_accounts(is_disconnected_included=False)
        if account.kind is kind
    ]
    default_id = default.id if default else None
    return sorted(accounts, key=lambda account: account.merchant_profile_id != default_id)


def _connection(tx: Transaction, kind: ProviderKind, now: Instant) -> Connection | None:
    account = next(iter(_of_kind(tx, kind)), None)
    profile = tx.merchants.find_profile(account.merchant_profile_id) if account else None
    if account is None or profile is None:
        return None
    health = tx.connections.find_health(account.id) or ProviderHealth(account_id=account.id)
    return Connection(
        account=account,
        profile=profile,
        health=health,
        state=health.state(now),
        trouble=tx.connections.find_trouble(account.id),
        pending=tx.invoices.count_pending_of(account.id),
    )
