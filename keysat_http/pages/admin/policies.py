"""The tiers of a product as buyers see them, and drafts of new ones. Source: admin-api 7, Policies."""

from dataclasses import dataclass
from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.tier import list_price
from keysat_core.use_cases.licenses.list_licenses import count_licenses
from keysat_core.use_cases.policies.list_policies import ListPolicies, list_policies
from keysat_core.use_cases.products.list_products import list_products
from keysat_core.use_cases.purchases.show_offers import TierOffer
from keysat_http.pages.admin.caps import cap_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tier_form import tier_form
from keysat_http.pages.offers import Card, card_of

CADENCES: Final = (30, 90, 180, 365)
DURATIONS: Final = ((0, "For good"), (30, "30 days"), (90, "90 days"), (365, "A year"))
"""What most tiers choose, in days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """A tier, its card, and how many licenses it has."""

    policy: Policy
    card: Card
    license_count: int


@screen("/admin/policies", needs=Scope.POLICIES_READ)
def show_policies(frame: NamedDependency[Frame]) -> Response[str]:
    """Show the tiers of a product; of the first if none is chosen."""
    store = frame.ports.store
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    wanted = frame.query.get("product", "")
    product = next((one for one in products if one.slug == wanted), next(iter(products), None))
    tiers = _tiers(frame, product) if product is not None else []
    live = [tier for tier in tiers if not tier.policy.is_archived]
    is_all_shown = frame.query.get("archived") == "yes"
    return frame.page(
        "admin/policies.html",
        products=products,
        product=product,
        tiers=tiers if is_all_shown else live,
        archived_count=len(tiers) - len(live),
        is_all_shown=is_all_shown,
        cap=cap_of(len(tiers), frame.tier.caps.policies_per_product),
        cadences=CADENCES,
        durations=DURATIONS,
        form=tier_form(product) if product is not None else None,
    )


def _tiers(frame: Frame, product: Product) -> list[Tier]:
    store = frame.ports.store
    question = ListPolicies(
        product_slug=product.slug, is_inactive_included=True, is_archived_included=True
    )
    counts = count_licenses(frame.actor, store=store).by_policy
    policies = list_policies(frame.actor, question, store=store)
    policies.sort(
        key=lambda one: (one.is_archived, one.tier_rank is None, one.tier_rank or 0, one.name)
    )
    return [
        Tier(
            policy=policy,
            card=card_of(
                product,
                TierOffer(policy=policy, price=list_price(product, policy)),
                is_hidden_shown=True,
            ),
            license_count=counts.get(policy.id, 0),
        )
        for policy in policies
    ]
