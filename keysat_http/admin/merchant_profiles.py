"""Merchant profiles and who collects for them. Source: payments 4.2, 6.10; admin-api 2.14, B-14, B-22."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.secret import Secret
from keysat_core.errors import NotFound, TierCapReached
from keysat_core.limits import PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.merchants import create_profile as creating
from keysat_core.use_cases.merchants import delete_profile as deleting
from keysat_core.use_cases.merchants import list_profiles as listing
from keysat_core.use_cases.merchants import prefer_account as preferring
from keysat_core.use_cases.merchants import set_default_profile as defaulting
from keysat_core.use_cases.merchants import update_profile as updating
from keysat_http.admin.paging import page_of
from keysat_http.bodies import WholeNumber
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, patch, post, put
from keysat_http.views.merchant import (
    ChangedMerchantProfile,
    ClearedRailPreference,
    MerchantProfile,
    MerchantProfileDetail,
    MerchantProfileList,
    ProviderStatus,
    SetRailPreference,
    changed_profile_view,
    cleared_preference_view,
    profile_detail_view,
    profile_list_view,
    profile_view,
    provider_status_view,
    set_preference_view,
)

_PATH: Final = "/v1/admin/merchant-profiles"
_ONE: Final = _PATH + "/{profile_id:str}"
_RAIL: Final = _ONE + "/rail-preferences/{rail:str}"
_TAGS: Final = ("merchant profiles",)


class NewMerchantProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile to create. ``post_purchase_redirect_url`` may hold ``{invoice_id}``."""

    name: str
    legal_name: str | None = None
    support_url: str | None = None
    support_email: str | None = None
    brand_color: str | None = None
    post_purchase_redirect_url: str | None = None


class MerchantProfilePatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change. A null clears the field, but leaves a name alone; STARTTLS is on by default."""

    name: str | UnsetType = UNSET
    legal_name: str | UnsetType | None = UNSET
    support_url: str | UnsetType | None = UNSET
    support_email: str | UnsetType | None = UNSET
    brand_color: str | UnsetType | None = UNSET
    post_purchase_redirect_url: str | UnsetType | None = UNSET
    smtp_host: str | UnsetType | None = UNSET
    smtp_port: WholeNumber | UnsetType | None = UNSET
    smtp_username: str | UnsetType | None = UNSET
    smtp_password: str | UnsetType | None = UNSET
    smtp_from_address: str | UnsetType | None = UNSET
    smtp_from_name: str | UnsetType | None = UNSET
    smtp_use_starttls: bool | UnsetType | None = UNSET


class PreferredProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider of the profile collects on the rail."""

    payment_provider_id: str


@get(_PATH, tags=_TAGS)
def list_merchant_profiles(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    limit: FromQuery[int] = PAGE_MAX,
    offset: FromQuery[int] = 0,
) -> MerchantProfileList:
    """List profiles with their providers: the default first, then the newest."""
    profiles = listing.list_profiles(actor, store=ports.store)
    return profile_list_view(page_of(profiles, limit=limit, offset=offset), total=len(profiles))


@post(_PATH, raises=[TierCapReached], tags=_TAGS)
def create_merchant_profile(
    data: JSONBody[NewMerchantProfile],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> MerchantProfile:
    """Create a profile; it is not the default and has no provider yet but, in a sandbox, that one."""
    profile = creating.create_profile(
        actor,
        creating.CreateProfile(**msgspec.structs.asdict(data)),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
        is_sandbox=ports.sandbox is not None,
    )
    return profile_view(profile)


@get(_ONE, raises=[NotFound], tags=_TAGS)
def get_merchant_profile(
    profile_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> MerchantProfileDetail:
    """Show one profile with its providers, rail preferences and counts."""
    return profile_detail_view(
        listing.show_profile(actor, MerchantProfileId(profile_id), store=ports.store)
    )


@patch(_ONE, tags=_TAGS)
def update_merchant_profile(
    data: JSONBody[MerchantProfilePatch],
    profile_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> MerchantProfile:
    """Change a profile; what is not sent stays. An unknown profile is a 400."""
    password = data.smtp_password
    command = updating.UpdateProfile(
        **msgspec.structs.asdict(data)
        | {
            "profile_id": MerchantProfileId(profile_id),
            "smtp_password": Secret(password) if isinstance(password, str) else password,
        }
    )
    profile = updating.update_profile(
        actor, command, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return profile_view(profile)


@delete(_ONE, tags=_TAGS, **REHEARSABLE_ROUTE)
def delete_merchant_profile(
    profile_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> ChangedMerchantProfile:
    """Delete a profile without products or providers. The default, or an unknown one, is a 400."""
    profile = deleting.delete_profile(
        actor,
        MerchantProfileId(profile_id),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return changed_profile_view(profile)


@post(_ONE + "/set-default", raises=[NotFound], tags=_TAGS)
def set_default_merchant_profile(
    profile_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> ChangedMerchantProfile:
    """Make a profile the one of all products that name none, at once."""
    profile = defaulting.set_default_profile(
        actor,
        MerchantProfileId(profile_id),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return changed_profile_view(profile)


@put(_RAIL, raises=[NotFound], tags=_TAGS)
def set_rail_preference(
    data: JSONBody[PreferredProvider],
    profile_id: FromPath[str],
    rail: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> SetRailPreference:
    """Choose the provider of a profile that collects on a rail, whichever was connected first."""
    command = preferring.PreferAccount(
        profile_id=MerchantProfileId(profile_id),
        rail=rail,
        account_id=ProviderAccountId(data.payment_provider_id),
    )
    preference = preferring.prefer_account(
        actor, command, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return set_preference_view(preference)


@delete(_RAIL, tags=_TAGS, **REHEARSABLE_ROUTE)
def clear_rail_preference(
    profile_id: FromPath[str],
    rail: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> ClearedRailPreference:
    """Let the earliest connected provider collect on a rail again; fine without a preference."""
    owner = MerchantProfileId(profile_id)
    cleared = preferring.clear_preference(
        actor, owner, rail, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return cleared_preference_view(owner, cleared)


@get("/v1/admin/payment-provider/status", raises=[NotFound], tags=["payment providers"])
def get_payment_provider_status(
    actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> ProviderStatus:
    """Show who is paid for the default profile."""
    return provider_status_view(listing.show_default_accounts(actor, store=ports.store))
