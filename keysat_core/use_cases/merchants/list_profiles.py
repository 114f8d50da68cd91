"""Read merchant profiles and the provider accounts that are paid for them."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.connect_failure import ConnectFailure, from_setting
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, RailPreference
from keysat_core.domain.setting import connect_failure_of
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store


class ProfileAccounts(msgspec.Struct, frozen=True, kw_only=True):
    """A profile with its connected accounts, earliest connected first, and its logo's version."""

    profile: MerchantProfile
    accounts: tuple[ProviderAccount, ...]
    logo_version: str | None = None


class ProfileOverview(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to know of a profile.

    ``product_count`` counts the products that name it; those that name none are the default's.
    ``connect_failure``: why the last try to connect a BTCPay Server came to nothing; None after one
    that did not, or while one lasts.
    """

    profile: MerchantProfile
    accounts: tuple[ProviderAccount, ...]
    preferences: tuple[RailPreference, ...]
    product_count: int
    active_subscription_count: int
    logo_version: str | None = None
    connect_failure: ConnectFailure | None = None


def list_profiles(actor: Actor, *, store: Store) -> list[ProfileAccounts]:
    """Give every profile, the default first and then the newest first (admin-api 2.14).

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:read``.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_READ)
    with store.reading() as tx:
        profiles = tx.merchants.list_profiles()
        accounts = tx.merchants.list_all_accounts(is_disconnected_included=False)
        logos = tx.logos.list_versions()
    owned: dict[MerchantProfileId, list[ProviderAccount]] = {}
    for account in accounts:
        owned.setdefault(account.merchant_profile_id, []).append(account)
    return [
        ProfileAccounts(
            profile=profile,
            accounts=tuple(owned.get(profile.id, ())),
            logo_version=logos.get(profile.id),
        )
        for profile in profiles
    ]


def show_profile(actor: Actor, profile_id: MerchantProfileId, *, store: Store) -> ProfileOverview:
    """Give one profile with what hangs on it. There are no subscriptions yet, so none does.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:read``.
        NotFound: no such profile.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_READ)
    with store.reading() as tx:
        profile = tx.merchants.find_profile(profile_id)
        if profile is None:
            raise NotFound("merchant profile", profile_id)
        return ProfileOverview(
            profile=profile,
            accounts=tuple(tx.merchants.list_accounts(profile_id)),
            preferences=tuple(tx.merchants.list_preferences(profile_id)),
            product_count=tx.merchants.count_products_of(profile_id),
            active_subscription_count=tx.subscriptions.count_live_of_profile(profile_id),
            logo_version=tx.logos.find_version(profile_id),
            connect_failure=from_setting(tx.settings.find_setting(connect_failure_of(profile_id))),
        )


def show_default_accounts(actor: Actor, *, store: Store) -> ProfileAccounts:
    """Give the default profile with its connected accounts (payments 6.10).

    Raises:
        Forbidden: the actor lacks ``payment_providers:read``.
        NotFound: there is no profile yet.
    """
    authorize(actor, Scope.PAYMENT_PROVIDERS_READ)
    with store.reading() as tx:
        profile = tx.merchants.find_default_profile()
        if profile is None:
            raise NotFound("merchant profile", "default")
        accounts = tx.merchants.list_accounts(profile.id)
    return ProfileAccounts(profile=profile, accounts=tuple(accounts))
