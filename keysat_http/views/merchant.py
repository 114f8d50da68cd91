"""Merchant profiles on the wire. Source: payments 4.2, 6.10; admin-api 2.14.

Secrets never leave: neither API keys and webhook secrets nor the password for mail.
"""

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from keysat_core.domain.connect_failure import ConnectFailure
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.logo import Logo, LogoType
from keysat_core.domain.merchant import MerchantProfile as DomainProfile
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, in_collecting_order
from keysat_core.domain.merchant import RailPreference as DomainPreference
from keysat_core.domain.payment import Rail
from keysat_core.use_cases.merchants.list_profiles import ProfileAccounts, ProfileOverview


class MerchantProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A business identity. ``smtp_configured``: a mail host is set; Keysat itself sends no mail."""

    id: str
    name: str
    legal_name: str | None
    support_url: str | None
    support_email: str | None
    brand_color: str | None
    post_purchase_redirect_url: str | None
    is_default: bool
    smtp_configured: bool
    smtp_host: str | None
    smtp_port: int | None
    smtp_username: str | None
    smtp_from_address: str | None
    smtp_from_name: str | None
    smtp_use_starttls: bool
    created_at: str
    updated_at: str


class MerchantProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account at a payment service. The first rail is its default."""

    id: str
    kind: ProviderKind
    label: str
    base_url: str
    store_id: str | None
    webhook_id: str | None
    connected_at: str
    served_rails: tuple[Rail, ...]


class ListedMerchantProfile(MerchantProfile, frozen=True, kw_only=True):
    """A profile with its providers, earliest connected first. ``logo_url`` is a path of this server."""

    providers: list[MerchantProvider]
    logo_url: str | None


class MerchantProfileList(msgspec.Struct, frozen=True, kw_only=True):
    """Profiles: the default first, then the newest. ``total`` counts all of them."""

    profiles: list[ListedMerchantProfile]
    total: int


class RailChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider collects on a rail."""

    rail: Rail
    payment_provider_id: str


class ConnectStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store that a BTCPay key covers; name its id as ``store_id`` when connecting again."""

    id: str
    name: str


class ConnectProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last try to connect a BTCPay Server failed, and the ``stores`` to choose from if any."""

    message: str
    stores: list[ConnectStore]
    failed_at: str


class MerchantProfileDetail(ListedMerchantProfile, frozen=True, kw_only=True):
    """A profile with what hangs on it. ``product_count`` counts products that name it.

    ``connect_failure`` tells of the last try to connect a BTCPay Server, until the next; else null.
    """

    rail_preferences: list[RailChoice]
    product_count: int
    active_subscription_count: int
    connect_failure: ConnectProblem | None = None


class ChangedMerchantProfile(msgspec.Struct, frozen=True, kw_only=True):
    """It is deleted, or the default."""

    ok: bool
    id: str


class SetLogo(msgspec.Struct, frozen=True, kw_only=True):
    """The picture is in place. ``logo_url`` is a path of this server, another for each picture."""

    ok: bool
    merchant_profile_id: str
    media_type: LogoType
    size: int
    logo_url: str | None


class ClearedLogo(msgspec.Struct, frozen=True, kw_only=True):
    """The profile has no picture any more, if it had one."""

    ok: bool
    merchant_profile_id: str


class SetRailPreference(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider collects on the rail from now on."""

    ok: bool
    merchant_profile_id: str
    rail: Rail
    payment_provider_id: str


class ClearedRailPreference(msgspec.Struct, frozen=True, kw_only=True):
    """The rail has no preference any more, if it had one."""

    ok: bool
    merchant_profile_id: str
    rail: Rail


class ProviderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account in short."""

    id: str
    kind: ProviderKind
    label: str
    base_url: str
    store_id: str | None


class ProviderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Who is paid for the default profile. Both kinds are that of the earliest connected.

    Pretend money counts only where nothing else is connected.
    """

    btcpay_configured: bool
    zaprite_configured: bool
    preferred: ProviderKind | None
    active: ProviderKind | None
    merchant_profile_id: str
    merchant_profile_name: str
    providers: list[ProviderSummary]


def profile_view(profile: DomainProfile) -> MerchantProfile:
    """Render a profile."""
    return MerchantProfile(
        id=profile.id,
        name=profile.name,
        legal_name=profile.legal_name,
        support_url=profile.support_url,
        support_email=profile.support_email,
        brand_color=profile.brand_color,
        post_purchase_redirect_url=profile.post_purchase_redirect_url,
        is_default=profile.is_default,
        smtp_configured=profile.smtp_host is not None,
        smtp_host=profile.smtp_host,
        smtp_port=profile.smtp_port,
        smtp_username=profile.smtp_username,
        smtp_from_address=profile.smtp_from_address,
        smtp_from_name=profile.smtp_from_name,
        smtp_use_starttls=profile.smtp_use_starttls,
        created_at=rfc3339(profile.created_at),
        updated_at=rfc3339(profile.updated_at),
    )


def profile_list_view(rows: Iterable[ProfileAccounts], *, total: int) -> MerchantProfileList:
    """Render profiles in the order given."""
    return MerchantProfileList(
        profiles=[
            ListedMerchantProfile(
                **msgspec.structs.asdict(profile_view(row.profile)),
                providers=_providers(row.accounts),
                logo_url=logo_path(row.profile.id, row.logo_version),
            )
            for row in rows
        ],
        total=total,
    )


def profile_detail_view(overview: ProfileOverview) -> MerchantProfileDetail:
    """Render all there is to know of a profile."""
    return MerchantProfileDetail(
        **msgspec.structs.asdict(profile_view(overview.profile)),
        providers=_providers(overview.accounts),
        logo_url=logo_path(overview.profile.id, overview.logo_version),
        rail_preferences=[
            RailChoice(rail=one.rail, payment_provider_id=one.provider_account_id)
            for one in overview.preferences
        ],
        product_count=overview.product_count,
        active_subscription_count=overview.active_subscription_count,
        connect_failure=_connect_problem(overview.connect_failure),
    )


def changed_profile_view(profile: DomainProfile) -> ChangedMerchantProfile:
    """Render that it is done."""
    return ChangedMerchantProfile(ok=True, id=profile.id)


def logo_path(profile_id: str, version: str | None) -> str | None:
    """Give where a picture of a version is served; None without one."""
    return None if version is None else f"/logo/{quote(profile_id, safe='')}?v={version}"


def set_logo_view(logo: Logo) -> SetLogo:
    """Render that a picture was put in place."""
    return SetLogo(
        ok=True,
        merchant_profile_id=logo.merchant_profile_id,
        media_type=logo.media_type,
        size=len(logo.content),
        logo_url=logo_path(logo.merchant_profile_id, logo.version),
    )


def cleared_logo_view(profile_id: MerchantProfileId) -> ClearedLogo:
    """Render that there is no picture."""
    return ClearedLogo(ok=True, merchant_profile_id=profile_id)


def set_preference_view(preference: DomainPreference) -> SetRailPreference:
    """Render a preference that was set."""
    return SetRailPreference(
        ok=True,
        merchant_profile_id=preference.merchant_profile_id,
        rail=preference.rail,
        payment_provider_id=preference.provider_account_id,
    )


def cleared_preference_view(profile_id: MerchantProfileId, rail: Rail) -> ClearedRailPreference:
    """Render that a rail has no preference."""
    return ClearedRailPreference(ok=True, merchant_profile_id=profile_id, rail=rail)


def provider_status_view(default: ProfileAccounts) -> ProviderStatus:
    """Render who is paid for the default profile."""
    kinds = [account.kind for account in default.accounts]
    earliest = next((account.kind for account in in_collecting_order(default.accounts)), None)
    return ProviderStatus(
        btcpay_configured=ProviderKind.BTCPAY in kinds,
        zaprite_configured=ProviderKind.ZAPRITE in kinds,
        preferred=earliest,
        active=earliest,
        merchant_profile_id=default.profile.id,
        merchant_profile_name=default.profile.name,
        providers=[
            ProviderSummary(
                id=account.id,
                kind=account.kind,
                label=account.label,
                base_url=account.base_url,
                store_id=account.store_id,
            )
            for account in default.accounts
        ],
    )


def _connect_problem(failure: ConnectFailure | None) -> ConnectProblem | None:
    if failure is None:
        return None
    return ConnectProblem(
        message=failure.message,
        stores=[ConnectStore(id=one.id, name=one.name) for one in failure.stores],
        failed_at=rfc3339(failure.failed_at),
    )


def _providers(accounts: Iterable[ProviderAccount]) -> list[MerchantProvider]:
    return [
        MerchantProvider(
            id=account.id,
            kind=account.kind,
            label=account.label,
            base_url=account.base_url,
            store_id=account.store_id,
            webhook_id=account.webhook_id,
            connected_at=rfc3339(account.connected_at),
            served_rails=account.served_rails,
        )
        for account in accounts
    ]
