"""What the operator of two years does: gives tiers away, revokes, takes tiers off sale for a while."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from keysat_core.domain.ids import LicenseId, PolicyId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.tier_request import ChangeRequest
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.licenses.change_license_status import revoke_license
from keysat_core.use_cases.policies.archive_policy import ArchivePolicy, archive_policy
from keysat_core.use_cases.tiers.give_change import give_change
from tests.support.trade import OPERATOR, PATRON
from tests.support.years.acts import Act
from tests.support.years.buyers import Buyers
from tests.support.years.catalog import TIER_OF, TIERS


def _comp(rng: Random, buyers: Buyers) -> Act | None:
    """Give somebody another tier of the same product."""
    if not buyers.of_license:
        return None
    license_id, buyer = rng.choice(sorted(buyers.of_license.items(), key=lambda one: one[0]))
    others = [one for one in TIERS if one.product == buyer.tier.product and one != buyer.tier]
    target = rng.choice(others).slug
    return lambda ports: give_change(
        OPERATOR,
        ChangeRequest(license_id=LicenseId(license_id), target_slug=target, reason="thanks"),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=PATRON,
    )


def _revoke(rng: Random, buyers: Buyers) -> Act | None:
    """End somebody's license for good."""
    if not buyers.of_license:
        return None
    license_id = rng.choice(sorted(buyers.of_license))
    return lambda ports: revoke_license(
        OPERATOR,
        LicenseId(license_id),
        reason="chargeback",
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )


def _archive(rng: Random, buyers: Buyers) -> Act | None:
    """Take a tier off sale for a while: what is renewed in that time waits."""
    product, slug = rng.choice(sorted(TIER_OF))

    def act(ports: Ports) -> None:
        with ports.store.reading() as tx:
            found = tx.products.find_product_by_slug(product)
            policy = found and tx.policies.find_policy_by_slug(found.id, slug)
        if policy:
            _set_archived(ports, policy.id, is_archived=True)
            days = rng.choice((1, 4, 12))
            buyers.later(
                days * DAY_SECONDS, lambda live: _set_archived(live, policy.id, is_archived=False)
            )

    return act


def _set_archived(ports: Ports, policy_id: PolicyId, *, is_archived: bool) -> None:
    archive_policy(
        OPERATOR,
        ArchivePolicy(policy_id=policy_id, archived=is_archived),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )


OPERATORS: Final[Mapping[str, Callable[[Random, Buyers], Act | None]]] = {
    "comp": _comp,
    "revoke": _revoke,
    "archive": _archive,
}
