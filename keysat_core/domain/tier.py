"""Tiers as buyers meet them: what may be bought, at which price, in which order (lifecycles 4.2-4.3)."""

from collections.abc import Iterable

from keysat_core.domain.money import Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.errors import PolicyUnavailable

DEFAULT_SLUG = "default"
"""Slug of the tier that is sold when the buyer names none."""


def list_price(product: Product, policy: Policy | None) -> Money:
    """The listed price, always in the product's currency."""
    if policy is None or policy.price_sats_override is None:
        return product.price
    return Money(currency=product.price.currency, amount=policy.price_sats_override)


def refuse_unavailable(policy: Policy) -> None:
    """Let through only a tier that buyers may buy.

    Raises:
        PolicyUnavailable: inactive, not public, or archived (D19), in this order.
    """
    if not policy.active:
        raise PolicyUnavailable(policy.slug, "inactive")
    if not policy.public:
        raise PolicyUnavailable(policy.slug, "not public")
    if policy.is_archived:
        raise PolicyUnavailable(policy.slug, "archived")


def is_on_sale(policy: Policy) -> bool:
    """Tell whether buyers see and may buy this tier."""
    return policy.active and policy.public and not policy.is_archived


def tier_list(product: Product, policies: Iterable[Policy]) -> list[Policy]:
    """The tiers on sale, cheapest first, then by name (lifecycles 4.3)."""
    on_sale = [policy for policy in policies if is_on_sale(policy)]
    return sorted(on_sale, key=lambda policy: (list_price(product, policy).amount, policy.name))


def default_tier(product: Product, policies: Iterable[Policy]) -> Policy | None:
    """The tier sold when the buyer names none.

    Source: decisions 4: the live policy with slug ``default``, else the only public one, else the
    cheapest public one, else none. "Live" keeps it active and not archived (lifecycles 4.2).
    """
    live = [policy for policy in policies if policy.active and not policy.is_archived]
    named = [policy for policy in live if policy.slug == DEFAULT_SLUG]
    return next(iter(named or tier_list(product, live)), None)
