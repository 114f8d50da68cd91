"""Merchant profiles and provider accounts as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, ProviderKind
from keysat_core.domain.payment import Rail
from keysat_core.limits import PAGE_MAX

PROFILES: Final = Table(
    "merchant_profiles",
    ("id", "name", "is_default", "post_purchase_redirect_url", "created_at", "updated_at"),
)
ACCOUNTS: Final = Table(
    "payment_providers",
    ("id", "merchant_profile_id", "kind", "label", "served_rails", "connected_at"),
)
_PROFILE_BY_ID: Final = PROFILES.select("WHERE id = ?")
_DEFAULT_PROFILE: Final = PROFILES.select("WHERE is_default = 1")
_PUT_PROFILE: Final = PROFILES.upsert()
_ACCOUNT_BY_ID: Final = ACCOUNTS.select("WHERE id = ?")
_ACCOUNTS: Final = ACCOUNTS.select(
    f"WHERE merchant_profile_id = ? ORDER BY connected_at, id LIMIT {PAGE_MAX}"
)
_PUT_ACCOUNT: Final = ACCOUNTS.upsert()

_read_rails: Final = msgspec.json.Decoder(tuple[Rail, ...]).decode


def _profile(row: Row) -> MerchantProfile:
    return MerchantProfile(
        id=row[0],
        name=row[1],
        is_default=bool(row[2]),
        post_purchase_redirect_url=row[3],
        created_at=row[4],
        updated_at=row[5],
    )


def _account(row: Row) -> ProviderAccount:
    return ProviderAccount(
        id=row[0],
        merchant_profile_id=row[1],
        kind=ProviderKind(row[2]),
        label=row[3],
        served_rails=_read_rails(row[4]),
        connected_at=row[5],
    )


class SQLiteMerchants:
    """Implements ``ports.store.Merchants``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_profile(self, profile_id: MerchantProfileId) -> MerchantProfile | None:
        """Give a profile or None."""
        return PROFILES.found(_profile, self._session.row(_PROFILE_BY_ID, (profile_id,)))

    def find_default_profile(self) -> MerchantProfile | None:
        """Give the default profile; None before first boot."""
        return PROFILES.found(_profile, self._session.row(_DEFAULT_PROFILE))

    def count_profiles(self) -> int:
        """Count all profiles, the default included."""
        return self._session.number("SELECT count(*) FROM merchant_profiles")

    def put_profile(self, profile: MerchantProfile) -> None:
        """Insert or replace a profile."""
        self._session.run(
            _PUT_PROFILE,
            (
                profile.id,
                profile.name,
                profile.is_default,
                profile.post_purchase_redirect_url,
                profile.created_at,
                profile.updated_at,
            ),
        )

    def find_account(self, account_id: ProviderAccountId) -> ProviderAccount | None:
        """Give an account or None."""
        return ACCOUNTS.found(_account, self._session.row(_ACCOUNT_BY_ID, (account_id,)))

    def list_accounts(self, profile_id: MerchantProfileId) -> list[ProviderAccount]:
        """Give the accounts of a profile, earliest connected first."""
        return ACCOUNTS.values(_account, self._session.rows(_ACCOUNTS, (profile_id,)))

    def put_account(self, account: ProviderAccount) -> None:
        """Insert or replace an account."""
        self._session.run(
            _PUT_ACCOUNT,
            (
                account.id,
                account.merchant_profile_id,
                account.kind,
                account.label,
                json_text(account.served_rails),
                account.connected_at,
            ),
        )
