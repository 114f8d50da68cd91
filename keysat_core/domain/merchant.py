"""Merchant profiles and the provider accounts through which they are paid (payments 4)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.payment import Rail
from keysat_core.errors import NoProvider

DEFAULT_PROFILE_NAME: Final = "Keysat"
"""Name of the first profile when the operator gave none (admin-api 3)."""


class ProviderKind(StrEnum):
    """The payment services there are adapters for."""

    SANDBOX = "sandbox"


class MerchantProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A business identity that owns products and is paid by provider accounts."""

    id: MerchantProfileId
    name: str
    is_default: bool
    post_purchase_redirect_url: str | None = None
    created_at: Instant
    updated_at: Instant


class ProviderAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One connected account at a payment service. ``served_rails``: the first is its default."""

    id: ProviderAccountId
    merchant_profile_id: MerchantProfileId
    kind: ProviderKind
    label: str
    served_rails: tuple[Rail, ...]
    connected_at: Instant


def account_for_rail(accounts: Iterable[ProviderAccount], rail: Rail | None) -> ProviderAccount:
    """Choose who collects: the earliest-connected account that serves the rail.

    Without a rail the earliest account's first rail is meant (payments 4.1).

    Raises:
        NoProvider: the profile has no account, or none that serves the rail.
    """
    earliest_first = sorted(accounts, key=lambda account: (account.connected_at, account.id))
    for account in earliest_first:
        if rail is None or rail in account.served_rails:
            return account
    raise NoProvider(rail if earliest_first else None)
