"""One tier. Source: admin-api 7, Policies."""

from typing import Final

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import PolicyId
from keysat_core.domain.tier import list_price
from keysat_core.domain.tip import TipFilter
from keysat_core.use_cases.licenses.list_licenses import count_licenses
from keysat_core.use_cases.policies.list_policies import show_policy
from keysat_core.use_cases.products.list_products import show_product
from keysat_core.use_cases.purchases.show_offers import TierOffer
from keysat_core.use_cases.tips.list_tips import list_tips
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.policies import CADENCES, DURATIONS
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tier_form import tier_form
from keysat_http.pages.offers import card_of

SHOWN_TIPS: Final = 20
"""Tips shown with a tier, newest first; the API gives all."""


@screen("/admin/policies/{policy_id:str}", needs=Scope.POLICIES_READ)
def show_policy_screen(policy_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show one tier: what can be changed, who gets a tip of it, and whether buyers see it."""
    store = frame.ports.store
    policy = show_policy(frame.actor, PolicyId(policy_id), store=store)
    product = show_product(frame.actor, policy.product_id, store=store)
    asked = TipFilter(policy_id=policy.id, limit=SHOWN_TIPS)
    offer = TierOffer(policy=policy, price=list_price(product, policy))
    return frame.page(
        "admin/policy.html",
        product=product,
        policy=policy,
        card=card_of(product, offer, is_hidden_shown=True),
        form=tier_form(product, policy),
        license_count=count_licenses(frame.actor, store=store).by_policy.get(policy.id, 0),
        tips=list_tips(frame.actor, asked, store=store),
        cadences=CADENCES,
        durations=DURATIONS,
    )
