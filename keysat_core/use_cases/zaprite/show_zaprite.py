"""Show which Zaprite account is connected."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, ProviderKind
from keysat_core.ports.store import Store


class ShownZaprite(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account and its profile."""

    account: ProviderAccount
    profile: MerchantProfile | None


def show_zaprite(actor: Actor, *, store: Store) -> ShownZaprite | None:
    """Give the default profile's account, else the one connected first; None if there is none.

    Source: admin-api 2.16, payments 6.10.

    Raises:
        Forbidden: the actor lacks ``payment_providers:read``.
    """
    authorize(actor, Scope.PAYMENT_PROVIDERS_READ)
    with store.reading() as tx:
        default = tx.merchants.find_default_profile()
        found = [
            account
            for account in tx.merchants.list_all_accounts(is_disconnected_included=False)
            if account.kind is ProviderKind.ZAPRITE
        ]
        if not found:
            return None
        default_id = default.id if default else None
        account = min(found, key=lambda one: one.merchant_profile_id != default_id)
        profile = tx.merchants.find_profile(account.merchant_profile_id)
    return ShownZaprite(account=account, profile=profile)


def find_default_zaprite(*, store: Store) -> ProviderAccount | None:
    """Give the default profile's account, for events sent to no account by name (payments 9.1)."""
    with store.reading() as tx:
        profile = tx.merchants.find_default_profile()
        accounts = tx.merchants.list_accounts(profile.id) if profile else []
    return next((one for one in accounts if one.kind is ProviderKind.ZAPRITE), None)
