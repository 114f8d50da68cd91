"""Tell the operator which tier of Keysat is in force."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.self_license import SelfLicense
from keysat_core.ports.store import Store


class TierOverview(msgspec.Struct, frozen=True, kw_only=True):
    """The tier and how much of it is used."""

    self_license: SelfLicense
    product_count: int
    active_code_count: int
    merchant_profile_count: int


def show_tier(actor: Actor, *, store: Store, self_license: SelfLicense) -> TierOverview:
    """Give the tier, its caps and what counts against them (admin-api 2.13).

    Raises:
        Forbidden: the actor lacks ``tier:read``.
    """
    authorize(actor, Scope.TIER_READ)
    with store.reading() as tx:
        return TierOverview(
            self_license=self_license,
            product_count=tx.products.count_products(),
            active_code_count=tx.codes.count_codes(is_inactive_included=False),
            merchant_profile_count=tx.merchants.count_profiles(),
        )
