"""Merchant profiles, provider accounts and rail preferences as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import (
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
    RailPreference,
)
from keysat_core.domain.payment import Rail
from keysat_core.domain.secret import Secret
from keysat_core.errors import AlreadyConnected
from keysat_core.limits import PAGE_MAX

PROFILES: Final = Table(
    "merchant_profiles",
    (
        "id",
        "name",
        "is_default",
        "legal_name",
        "support_url",
        "support_email",
        "brand_color",
        "post_purchase_redirect_url",
        "smtp_host",
        "smtp_port",
        "smtp_username",
        "smtp_password",
        "smtp_from_address",
        "smtp_from_name",
        "smtp_use_starttls",
        "created_at",
        "updated_at",
    ),
)
ACCOUNTS: Final = Table(
    "payment_providers",
    (
        "id",
        "merchant_profile_id",
        "kind",
        "label",
        "served_rails",
        "base_url",
        "api_key",
        "webhook_id",
        "webhook_secret",
        "store_id",
        "connected_at",
        "updated_at",
        "disconnected_at",
        "store_name",
    ),
)
PREFERENCES: Final = Table(
    "merchant_profile_rail_preferences", ("merchant_profile_id", "rail", "payment_provider_id")
)
_PROFILE_BY_ID: Final = PROFILES.select("WHERE id = ?")
_DEFAULT_PROFILE: Final = PROFILES.select("WHERE is_default = 1")
_PROFILES: Final = PROFILES.select(
    f"ORDER BY is_default DESC, created_at DESC, id DESC LIMIT {PAGE_MAX}"
)
_PUT_PROFILE: Final = PROFILES.upsert()
_ACCOUNT_BY_ID: Final = ACCOUNTS.select("WHERE id = ?")
_ACCOUNTS: Final = ACCOUNTS.select(
    "WHERE merchant_profile_id = ? AND disconnected_at IS NULL"
    f" ORDER BY connected_at, id LIMIT {PAGE_MAX}"
)
_CONNECTED_ACCOUNTS: Final = ACCOUNTS.select(
    f"WHERE disconnected_at IS NULL ORDER BY connected_at, id LIMIT {PAGE_MAX}"
)
_EVERY_ACCOUNT: Final = ACCOUNTS.select(f"ORDER BY connected_at, id LIMIT {PAGE_MAX}")
_PUT_ACCOUNT: Final = ACCOUNTS.upsert()
_ONE_OF_A_KIND: Final = "payment_providers.merchant_profile_id, payment_providers.kind"
_PREFERENCES: Final = PREFERENCES.select("WHERE merchant_profile_id = ? ORDER BY rail")
_PUT_PREFERENCE: Final = PREFERENCES.upsert(key=("merchant_profile_id", "rail"))

_read_rails: Final = msgspec.json.Decoder(tuple[Rail, ...]).decode


def _profile(row: Row) -> MerchantProfile:
    return MerchantProfile(
        id=row[0],
        name=row[1],
        is_default=bool(row[2]),
        legal_name=row[3],
        support_url=row[4],
        support_email=row[5],
        brand_color=row[6],
        post_purchase_redirect_url=row[7],
        smtp_host=row[8],
        smtp_port=row[9],
        smtp_username=row[10],
        smtp_password=_secret(row[11]),
        smtp_from_address=row[12],
        smtp_from_name=row[13],
        smtp_use_starttls=bool(row[14]),
        created_at=row[15],
        updated_at=row[16],
    )


def _account(row: Row) -> ProviderAccount:
    return ProviderAccount(
        id=row[0],
        merchant_profile_id=row[1],
        kind=ProviderKind(row[2]),
        label=row[3],
        served_rails=_read_rails(row[4]),
        base_url=row[5],
        api_key=_secret(row[6]),
        webhook_id=row[7],
        webhook_secret=_secret(row[8]),
        store_id=row[9],
        connected_at=row[10],
        updated_at=row[11],
        disconnected_at=row[12],
        store_name=row[13],
    )


def _preference(row: Row) -> RailPreference:
    return RailPreference(merchant_profile_id=row[0], rail=Rail(row[1]), provider_account_id=row[2])


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


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

    def list_profiles(self) -> list[MerchantProfile]:
        """Give all profiles, the default first."""
        return PROFILES.values(_profile, self._session.rows(_PROFILES))

    def count_profiles(self) -> int:
        """Count all profiles, the default included."""
        return self._session.number("SELECT count(*) FROM merchant_profiles")

    def count_products_of(self, profile_id: MerchantProfileId) -> int:
        """Count the products that name a profile."""
        return self._session.number(
            "SELECT count(*) FROM products WHERE merchant_profile_id = ?", (profile_id,)
        )

    def put_profile(self, profile: MerchantProfile) -> None:
        """Insert or replace a profile."""
        self._session.run(
            _PUT_PROFILE,
            (
                profile.id,
                profile.name,
                profile.is_default,
                profile.legal_name,
                profile.support_url,
                profile.support_email,
                profile.brand_color,
                profile.post_purchase_redirect_url,
                profile.smtp_host,
                profile.smtp_port,
                profile.smtp_username,
                _text(profile.smtp_password),
                profile.smtp_from_address,
                profile.smtp_from_name,
                profile.smtp_use_starttls,
                profile.created_at,
                profile.updated_at,
            ),
        )

    def remove_profile(self, profile_id: MerchantProfileId) -> None:
        """Remove a profile with its preferences; subscriptions that ended forget it."""
        self._session.run(
            "DELETE FROM merchant_profile_rail_preferences WHERE merchant_profile_id = ?",
            (profile_id,),
        )
        self._session.run(
            "UPDATE subscriptions SET merchant_profile_id = NULL"
            " WHERE merchant_profile_id = ? AND status NOT IN ('active', 'past_due')",
            (profile_id,),
        )
        self._session.run("DELETE FROM merchant_profiles WHERE id = ?", (profile_id,))

    def find_account(self, account_id: ProviderAccountId) -> ProviderAccount | None:
        """Give an account, connected or not, or None."""
        return ACCOUNTS.found(_account, self._session.row(_ACCOUNT_BY_ID, (account_id,)))

    def list_accounts(self, profile_id: MerchantProfileId) -> list[ProviderAccount]:
        """Give the connected accounts of a profile, earliest connected first."""
        return ACCOUNTS.values(_account, self._session.rows(_ACCOUNTS, (profile_id,)))

    def list_all_accounts(self, *, is_disconnected_included: bool) -> list[ProviderAccount]:
        """Give the accounts of every profile, earliest connected first."""
        sql = _EVERY_ACCOUNT if is_disconnected_included else _CONNECTED_ACCOUNTS
        return ACCOUNTS.values(_account, self._session.rows(sql))

    def put_account(self, account: ProviderAccount) -> None:
        """Insert or replace an account; raises ``AlreadyConnected``."""
        self._session.run(
            _PUT_ACCOUNT,
            (
                account.id,
                account.merchant_profile_id,
                account.kind,
                account.label,
                json_text(account.served_rails),
                account.base_url,
                _text(account.api_key),
                account.webhook_id,
                _text(account.webhook_secret),
                account.store_id,
                account.connected_at,
                account.updated_at,
                account.disconnected_at,
                account.store_name,
            ),
            taken={_ONE_OF_A_KIND: AlreadyConnected(account.kind)},
        )

    def list_preferences(self, profile_id: MerchantProfileId) -> list[RailPreference]:
        """Give the rail preferences of a profile."""
        return PREFERENCES.values(_preference, self._session.rows(_PREFERENCES, (profile_id,)))

    def put_preference(self, preference: RailPreference) -> None:
        """Insert or replace the preference of a rail."""
        self._session.run(
            _PUT_PREFERENCE,
            (preference.merchant_profile_id, preference.rail, preference.provider_account_id),
        )

    def remove_preference(self, profile_id: MerchantProfileId, rail: Rail) -> None:
        """Remove the preference of a rail, if there is one."""
        self._session.run(
            "DELETE FROM merchant_profile_rail_preferences"
            " WHERE merchant_profile_id = ? AND rail = ?",
            (profile_id, rail),
        )

    def remove_preferences_of(self, account_id: ProviderAccountId) -> None:
        """Remove the preferences for an account."""
        self._session.run(
            "DELETE FROM merchant_profile_rail_preferences WHERE payment_provider_id = ?",
            (account_id,),
        )
