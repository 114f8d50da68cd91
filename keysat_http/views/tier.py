"""The operator's own tier of Keysat on the wire. Source: admin-api 2.13, 5."""

import msgspec

from keysat_core.domain.self_license import Tier
from keysat_core.use_cases.server.show_tier import TierOverview as Overview


class TierUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What counts against the caps."""

    products: int
    active_codes: int
    merchant_profiles: int


class TierCaps(msgspec.Struct, frozen=True, kw_only=True):
    """The caps; null means none."""

    products: int | None
    policies_per_product: int | None
    active_codes: int | None
    merchant_profiles: int | None


class TierOverview(msgspec.Struct, frozen=True, kw_only=True):
    """The tier in force. ``next_tier`` and ``upgrade_url`` are null on the highest."""

    tier: Tier
    tier_name: str
    sandbox: bool
    entitlements: list[str]
    usage: TierUsage
    caps: TierCaps
    next_tier: Tier | None
    upgrade_url: str | None


def tier_view(overview: Overview, *, is_sandbox: bool) -> TierOverview:
    """Render the tier."""
    own = overview.self_license
    return TierOverview(
        tier=own.tier,
        tier_name=own.tier.title(),
        sandbox=is_sandbox,
        entitlements=sorted(own.entitlements),
        usage=TierUsage(
            products=overview.product_count,
            active_codes=overview.active_code_count,
            merchant_profiles=overview.merchant_profile_count,
        ),
        caps=TierCaps(
            products=own.products_cap,
            policies_per_product=own.policies_cap,
            active_codes=own.codes_cap,
            merchant_profiles=own.merchant_profiles_cap,
        ),
        next_tier=own.next_tier,
        upgrade_url=own.upgrade_url,
    )
