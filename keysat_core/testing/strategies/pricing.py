"""Prices with a code taken off, and sales that begin."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.attribution import Attribution
from keysat_core.domain.ids import CodeId, InvoiceId, RedemptionId
from keysat_core.domain.opening import Offer, Opening
from keysat_core.domain.pricing import Pricing
from keysat_core.testing.strategies.actors import buyer_requests
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.codes import code_texts, codes
from keysat_core.testing.strategies.identity import ids
from keysat_core.testing.strategies.money import amounts, quotes
from keysat_core.testing.strategies.policies import policies
from keysat_core.testing.strategies.products import products
from keysat_core.testing.strategies.text import names


@st.composite
def pricings(draw: st.DrawFn, /, **fixed: Any) -> Pricing:
    """Prices from which a part, or all, is taken off."""
    quote = draw(quotes())
    off = draw(st.integers(0, quote.amount_sats))
    made = built(
        Pricing,
        {"quote": quote, "discount_sats": off, "final_sats": quote.amount_sats - off} | fixed,
        final_value=amounts(),
    )
    return draw(made)


@st.composite
def offers(draw: st.DrawFn, /, **fixed: Any) -> Offer:
    """A product, with one of its tiers or none."""
    product = draw(products())
    policy = st.none() | policies(product_id=product.id)
    return draw(built(Offer, {"product": product} | fixed, policy=policy))


def openings(**fixed: Any) -> SearchStrategy[Opening]:
    """Sales that begin."""
    return built(
        Opening,
        fixed,
        request=buyer_requests(),
        offer=offers(),
        pricing=pricings(),
        code=st.none() | codes(),
        invoice_id=ids().map(InvoiceId),
        redemption_id=ids().map(RedemptionId),
    )


def attributions(**fixed: Any) -> SearchStrategy[Attribution]:
    """What codes brought in."""
    return built(
        Attribution,
        fixed,
        code_id=ids().map(CodeId),
        code=code_texts(),
        referrer_label=st.none() | names(),
        redemptions=st.integers(0, 1_000),
        paid_redemptions=st.integers(0, 1_000),
        discount_applied_sats=amounts(),
        revenue_sats=amounts(),
    )
