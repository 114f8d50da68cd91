"""Merchant profiles: who sells, and which accounts are paid. Source: admin-api 7, Merchant profiles."""

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.payment import Rail
from keysat_core.domain.self_license import Capability
from keysat_core.use_cases.connections.show_providers import AccountHealth, list_account_health
from keysat_core.use_cases.merchants.list_profiles import list_profiles, show_profile
from keysat_core.use_cases.merchants.set_logo import find_logo
from keysat_http.pages.admin.caps import cap_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.theme import theme_of
from keysat_http.views.merchant import logo_path


@screen("/admin/profiles", needs=Scope.MERCHANT_PROFILES_READ)
def show_profiles(frame: NamedDependency[Frame]) -> Response[str]:
    """Show every profile with the accounts that are paid for it."""
    profiles = list_profiles(frame.actor, store=frame.ports.store)
    return frame.page(
        "admin/profiles.html",
        owned=profiles,
        colors={
            one.profile.id: one.profile.brand_color
            for one in profiles
            if theme_of(one.profile.brand_color)
        },
        cap=cap_of(frame.tier.usage.merchant_profiles, frame.tier.caps.merchant_profiles),
    )


@screen("/admin/profiles/{profile_id:str}", needs=Scope.MERCHANT_PROFILES_READ)
def show_profile_screen(profile_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show one profile, what buyers see of it, and how it is paid."""
    shown = show_profile(frame.actor, MerchantProfileId(profile_id), store=frame.ports.store)
    logo = find_logo(shown.profile.id, store=frame.ports.store)
    preferred = {one.rail: one.provider_account_id for one in shown.preferences}
    return frame.page(
        "admin/profile.html",
        shown=shown,
        profile=shown.profile,
        theme=theme_of(shown.profile.brand_color),
        logo_path=logo_path(shown.profile.id, logo.version if logo else None),
        choices=_choices(shown.accounts),
        preferred=preferred,
        health=health_of(frame),
        may_zaprite=Capability.ZAPRITE_PAYMENTS in frame.ports.self_license.entitlements,
        has_btcpay=frame.ports.btcpay is not None,
    )


def health_of(frame: Frame) -> dict[str, AccountHealth]:
    """Give how each connected account answers, by its id."""
    rows = list_account_health(store=frame.ports.store, clock=frame.ports.clock)
    return {row.account.id: row for row in rows}


def _choices(accounts: tuple[ProviderAccount, ...]) -> dict[Rail, list[ProviderAccount]]:
    """Give the rails that more than one account serves."""
    served: dict[Rail, list[ProviderAccount]] = {}
    for account in accounts:
        for rail in account.served_rails:
            served.setdefault(rail, []).append(account)
    return {rail: serving for rail, serving in served.items() if len(serving) > 1}
