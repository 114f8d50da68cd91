"""What a buy page shows is what the invoice asks. Source: public-api 14.1, Better."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keysat_core.domain.code import CodeKind
from keysat_core.domain.money import Currency, Money
from keysat_core.errors import CodeRefused, RateUnavailable
from keysat_core.use_cases.purchases.show_offers import AskOffers, Offers, show_offers
from tests.support.builders import make_policy, make_product
from tests.support.codes import make_code
from tests.support.trade import Trade, open_trade


@pytest.fixture(scope="module")
def trade() -> Iterator[Trade]:
    opened = open_trade()
    yield opened
    opened.close()


def offers_of(trade: Trade, slug: str, policy: str = "", code: str = "") -> Offers:
    return show_offers(
        AskOffers(product_slug=slug, policy_slug=policy, code=code),
        store=trade.store,
        clock=trade.clock,
        rates=trade.rates,
        providers=trade.providers,
    )


currencies = st.sampled_from(Currency)
rates = st.dictionaries(
    st.sampled_from([Currency.USD, Currency.EUR]), st.integers(1_000, 200_000).map(Decimal)
)
codes = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(CodeKind),
        "amount": st.integers(1, 10_000),
        "featured": st.booleans(),
        "active": st.booleans(),
        "max_uses": st.none() | st.just(1_000),
    }
)
tiers = st.fixed_dictionaries(
    {
        "price_sats_override": st.none() | st.sampled_from([0, 1, 99]) | st.integers(2, 5_000_000),
        "is_recurring": st.booleans(),
        "trial_days": st.sampled_from([0, 7]),
    }
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    price=st.builds(Money, currency=currencies, amount=st.integers(0, 5_000_000)),
    known=rates,
    tier=st.none() | tiers,
    code=st.none() | codes,
    code_currency=currencies,
    is_typed=st.booleans(),
)
def test_what_the_page_shows_is_what_the_invoice_asks(
    trade: Trade,
    *,
    price: Money,
    known: dict[Currency, Decimal],
    tier: dict[str, Any] | None,
    code: dict[str, Any] | None,
    code_currency: Currency,
    is_typed: bool,
) -> None:
    trade.rates.units_per_btc = known
    product = make_product(price=price)
    policy = None
    with trade.store.writing() as tx:
        tx.products.put_product(product)
        if tier is not None:
            is_recurring = tier["is_recurring"]
            policy = make_policy(
                product,
                price_sats_override=tier["price_sats_override"],
                is_recurring=is_recurring,
                renewal_period_days=30 if is_recurring else 0,
                trial_days=tier["trial_days"] if is_recurring else 0,
            )
            tx.policies.put_policy(policy)
        made = None
        if code is not None:
            kind = code["kind"]
            is_money = kind in {CodeKind.FIXED, CodeKind.SET_PRICE}
            terms = code | {
                "amount": 0 if kind is CodeKind.FREE_LICENSE else code["amount"],
                "currency": code_currency if is_money else Currency.SAT,
            }
            made = make_code(**terms, product_id=product.id)
            tx.codes.put_code(made)
    typed = made.code if made is not None and is_typed else ""
    slug = policy.slug if policy else ""
    shown = offers_of(trade, product.slug, slug, typed).chosen
    asked = {"product_slug": product.slug, "policy_slug": slug, "code": typed}
    try:
        opened = trade.open(**asked)
    except CodeRefused:
        assert shown.problem is not None
        return
    except RateUnavailable:
        assert shown.pricing is None
        return
    assert shown.problem is None
    if shown.is_trial:
        assert opened.invoice.amount_sats == 0
        return
    assert shown.pricing is not None
    assert opened.invoice.amount_sats == shown.pricing.final_sats
    assert opened.invoice.base_price_sats == shown.pricing.base_sats
    assert shown.is_free is (opened.key is not None)
    counted = shown.code is not None and shown.pricing.base_sats > 0
    assert counted is (opened.redemption is not None)
    if price.currency is Currency.SAT:
        assert shown.final.amount == shown.pricing.final_sats
