"""Merchant profiles, the provider accounts through which they are paid, and who collects a sale.

Source: payments 3 and 4, admin-api 2.14.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.payment import Rail
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError, NoProvider

DEFAULT_PROFILE_NAME: Final = "Keysat"
"""Name of the first profile when the operator gave none (admin-api 3)."""


class ProviderKind(StrEnum):
    """The payment services there are adapters for."""

    SANDBOX = "sandbox"
    BTCPAY = "btcpay"
    ZAPRITE = "zaprite"


SERVED_RAILS: Final[Mapping[ProviderKind, tuple[Rail, ...]]] = {
    ProviderKind.SANDBOX: (Rail.LIGHTNING, Rail.ONCHAIN, Rail.CARD),
    ProviderKind.BTCPAY: (Rail.LIGHTNING, Rail.ONCHAIN),
    ProviderKind.ZAPRITE: (Rail.CARD, Rail.LIGHTNING, Rail.ONCHAIN),
}
"""Rails of each kind, its default first (payments 1.1). Pretend money travels on every rail."""


LISTED_PRICE_KINDS: Final = frozenset({ProviderKind.ZAPRITE})
"""Providers that collect a renewal in the currency it is listed in (decisions 22)."""


class MerchantProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A business identity that owns products and is paid by provider accounts.

    The mail fields are kept for what reads them elsewhere: Keysat sends no mail (decisions 28).
    """

    id: MerchantProfileId
    name: str
    is_default: bool
    legal_name: str | None = None
    support_url: str | None = None
    support_email: str | None = None
    brand_color: str | None = None
    post_purchase_redirect_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int | None = None
    smtp_username: str | None = None
    smtp_password: Secret | None = None
    smtp_from_address: str | None = None
    smtp_from_name: str | None = None
    smtp_use_starttls: bool = True
    created_at: Instant
    updated_at: Instant


class ProviderAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One connected account at a payment service. ``served_rails``: the first is its default.

    ``base_url`` is the service as this server reaches it. ``webhook_*`` and ``store_*`` are
    BTCPay's. A disconnected account keeps its row, for the history of its invoices, but no secret.
    """

    id: ProviderAccountId
    merchant_profile_id: MerchantProfileId
    kind: ProviderKind
    label: str
    served_rails: tuple[Rail, ...]
    base_url: str = ""
    api_key: Secret | None = None
    webhook_id: str | None = None
    webhook_secret: Secret | None = None
    store_id: str | None = None
    connected_at: Instant
    updated_at: Instant
    disconnected_at: Instant | None = None
    store_name: str | None = None

    @property
    def is_connected(self) -> bool:
        """It may still be asked."""
        return self.disconnected_at is None


class RailPreference(msgspec.Struct, frozen=True, kw_only=True):
    """Which account of a profile collects on a rail, whatever was connected first."""

    merchant_profile_id: MerchantProfileId
    rail: Rail
    provider_account_id: ProviderAccountId


def sandbox_account(
    account_id: ProviderAccountId, profile: MerchantProfile, now: Instant
) -> ProviderAccount:
    """Give a profile's account of pretend money; in sandbox mode each profile has one."""
    return ProviderAccount(
        id=account_id,
        merchant_profile_id=profile.id,
        kind=ProviderKind.SANDBOX,
        label="Sandbox (pretend money)",
        served_rails=SERVED_RAILS[ProviderKind.SANDBOX],
        connected_at=now,
        updated_at=now,
    )


def disconnected(account: ProviderAccount, now: Instant) -> ProviderAccount:
    """Retire an account: its secrets are gone, its id stays for its invoices (B-12)."""
    return msgspec.structs.replace(
        account, api_key=None, webhook_secret=None, updated_at=now, disconnected_at=now
    )


def is_key_of_another(account: ProviderAccount, connected: Iterable[ProviderAccount]) -> bool:
    """Another account has the same API key, which must not be revoked then."""
    return any(one.id != account.id and one.api_key == account.api_key for one in connected)


def asked_through(gone: ProviderAccount, other: ProviderAccount) -> bool:
    """The same store, connected again: it still knows what the gone account had created.

    A store's id is made by its BTCPay Server from 32 random bytes, so that two stores have one only
    when they are one, by whichever address it is reached. Without such an id the address has to be
    the same (decision record 0013).
    """
    if not other.is_connected or (gone.kind, gone.store_id) != (other.kind, other.store_id):
        return False
    return bool(gone.store_id) or gone.base_url == other.base_url


def moved_account(account: ProviderAccount, to: MerchantProfile, now: Instant) -> ProviderAccount:
    """Hand an account over to another profile."""
    return msgspec.structs.replace(account, merchant_profile_id=to.id, updated_at=now)


def refuse_profile_in_use(
    profile: MerchantProfile,
    *,
    accounts: Sequence[ProviderAccount],
    product_count: int,
    subscription_count: int,
) -> None:
    """Let through only a profile that may be deleted. ``accounts`` are its connected ones.

    Pretend money keeps none: nobody connected it, so nobody could disconnect it first. Source: payments 4.2, admin-api 2.14 and B-14.

    Raises:
        InvariantError: it is the default, or has products, live subscriptions or connected accounts,
            which are named.
    """
    if profile.is_default:
        raise InvariantError("id", "this is the default profile; make another the default first")
    if product_count:
        raise InvariantError(
            "id", f"the profile has {product_count} products; give them another profile first"
        )
    if subscription_count:
        raise InvariantError(
            "id", f"the profile has {subscription_count} live subscriptions; cancel them first"
        )
    named = [
        f"{one.kind} provider {one.label!r} ({one.id})"
        for one in accounts
        if one.kind is not ProviderKind.SANDBOX
    ]
    if named:
        raise InvariantError(
            "id", f"the profile is paid through {', '.join(named)}; disconnect it first"
        )


def checked_preference(
    profile_id: MerchantProfileId, rail: Rail, account: ProviderAccount | None
) -> RailPreference:
    """Let an account of the profile that serves the rail be preferred (payments 4.2).

    Raises:
        InvariantError: there is no such connected account, or it is another's or serves other rails.
    """
    if account is None or not account.is_connected:
        raise InvariantError("payment_provider_id", "no connected payment provider has it")
    if account.merchant_profile_id != profile_id:
        raise InvariantError("payment_provider_id", "belongs to another merchant profile")
    if rail not in account.served_rails:
        served = ", ".join(account.served_rails)
        raise InvariantError(
            "payment_provider_id", f"a {account.kind} provider does not serve {rail}, only {served}"
        )
    return RailPreference(merchant_profile_id=profile_id, rail=rail, provider_account_id=account.id)


def accounts_for_rail(
    accounts: Iterable[ProviderAccount],
    rail: Rail | None,
    preferences: Iterable[RailPreference] = (),
) -> tuple[ProviderAccount, ...]:
    """Give who may collect, first who does; more than one means that nobody chose between them.

    That is the preferred account of the rail alone, else all that serve it, earliest first. Without
    a rail the earliest account's first rail is meant. Accounts that are not connected any more are
    passed over, preferred or not. Source: payments 4.1. Pretend money collects only while nothing
    else is connected, or where it is preferred: it is there before anybody connects anything.

    Raises:
        NoProvider: the profile has no account, or none that serves the rail.
    """
    in_order = in_collecting_order(accounts)
    if not in_order:
        raise NoProvider
    wanted = rail or in_order[0].served_rails[0]
    preferred = {one.provider_account_id for one in preferences if one.rail is wanted}
    serving = [account for account in in_order if wanted in account.served_rails]
    if not serving:
        raise NoProvider(rail)
    chosen = [account for account in serving if account.id in preferred]
    if not chosen and in_order[0].kind is not ProviderKind.SANDBOX:
        # A buyer must not be able to choose pretend money by naming a rail.
        chosen = [account for account in serving if account.kind is not ProviderKind.SANDBOX]
        if not chosen:
            raise NoProvider(rail)
    return tuple(chosen or serving)


def in_collecting_order(accounts: Iterable[ProviderAccount]) -> list[ProviderAccount]:
    """Give the connected accounts: earliest first, pretend money after all of them."""
    return sorted(
        (account for account in accounts if account.is_connected),
        key=lambda one: (one.kind is ProviderKind.SANDBOX, one.connected_at, one.id),
    )
