"""What a code takes off, and for whom. Source: lifecycles 6.1-6.3 and 6.5; decisions 2 and 7."""

from decimal import Decimal
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.code import BPS_WHOLE, Code, CodeKind, discount
from keysat_core.domain.eligibility import CodeProblem, featured_code, problem_of
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.pricing import currencies_of, priced
from keysat_core.domain.product import Product
from keysat_core.domain.rate import Rate
from keysat_core.limits import AMOUNT_MAX
from keysat_core.testing import strategies
from keysat_core.use_cases.codes.preview_code import preview_code
from tests.support.builders import NOW, make_policy, make_product
from tests.support.trade import open_trade

replace = msgspec.structs.replace

DOLLAR: Final = Rate(currency=Currency.USD, units_per_btc=Decimal(50_000), source="table")
"""A dollar is 2 000 sats, a cent 20."""
RATES: Final = {
    Currency.USD: DOLLAR,
    Currency.EUR: Rate(currency=Currency.EUR, units_per_btc=Decimal(40_000), source="table"),
}

amounts = st.integers(0, AMOUNT_MAX)
bps = st.integers(0, BPS_WHOLE)


def code_of(
    kind: CodeKind, amount: int, currency: Currency = Currency.SAT, **fields: object
) -> Code:
    return msgspec.convert(
        {
            "id": "c",
            "code": "SAVE",
            "kind": kind,
            "amount": amount,
            "currency": currency,
            "created_at": NOW,
            "updated_at": NOW,
        }
        | fields,
        Code,
    )


@given(st.sampled_from(CodeKind), amounts, amounts)
def test_a_discount_is_never_more_than_the_price(kind: CodeKind, amount: int, base: int) -> None:
    assert 0 <= discount(kind, amount, base) <= base


@given(bps, bps, amounts, amounts)
def test_a_percentage_grows_with_its_amount_and_with_the_price(
    one: int, other: int, base: int, more: int
) -> None:
    low, high = sorted((one, other))
    small, large = sorted((base, more))
    assert discount(CodeKind.PERCENT, low, base) <= discount(CodeKind.PERCENT, high, base)
    assert discount(CodeKind.PERCENT, one, small) <= discount(CodeKind.PERCENT, one, large)
    assert discount(CodeKind.PERCENT, BPS_WHOLE, base) == base
    assert discount(CodeKind.PERCENT, 0, base) == 0


@given(amounts, amounts)
def test_a_set_price_above_the_price_takes_nothing_off(amount: int, base: int) -> None:
    off = discount(CodeKind.SET_PRICE, amount, base)
    assert base - off == min(amount, base)


@pytest.mark.parametrize(
    ("kind", "amount", "base", "off"),
    [
        (CodeKind.PERCENT, 3_333, 999, 332),
        (CodeKind.FIXED, 500, 300, 300),
        (CodeKind.SET_PRICE, 200, 1_000, 800),
        (CodeKind.FREE_LICENSE, 0, 777, 777),
    ],
)
def test_the_examples_of_the_sheet(kind: CodeKind, amount: int, base: int, off: int) -> None:
    assert discount(kind, amount, base) == off


@given(strategies.codes(), st.sampled_from(Currency), st.integers(0, 10_000_000))
def test_what_is_left_is_never_negative_and_never_more_than_the_price(
    code: Code, currency: Currency, amount: int
) -> None:
    price = Money(currency=currency, amount=amount)
    pricing = priced(price, code, RATES)
    assert 0 <= pricing.final_sats <= pricing.base_sats
    assert 0 <= pricing.final_value <= amount
    assert (pricing.final_sats == 0) <= (pricing.final_value == 0 or amount == 0)
    assert pricing.base_sats == priced(price, None, RATES).final_sats


@pytest.mark.defects("D14")
@given(strategies.codes(), st.sampled_from(Currency))
def test_what_costs_nothing_needs_no_code_and_no_rate(code: Code, currency: Currency) -> None:
    price = Money(currency=currency, amount=0)
    pricing = priced(price, code, {})
    assert (pricing.base_sats, pricing.discount_sats, pricing.final_sats) == (0, 0, 0)
    assert currencies_of(price, code) == frozenset()


@pytest.mark.defects("D16")
@pytest.mark.parametrize(
    ("price", "code", "final_sats", "final_value"),
    [
        # $49 less $10 is $39: 78 000 sats; as the earlier server had it: 98 000 less 1 000.
        (
            Money(currency=Currency.USD, amount=4_900),
            (CodeKind.FIXED, 1_000, Currency.USD),
            78_000,
            3_900,
        ),
        (
            Money(currency=Currency.USD, amount=4_900),
            (CodeKind.SET_PRICE, 900, Currency.USD),
            18_000,
            900,
        ),
        (
            Money(currency=Currency.USD, amount=4_900),
            (CodeKind.FIXED, 8_000, Currency.SAT),
            90_000,
            4_500,
        ),
        (
            Money(currency=Currency.SAT, amount=50_000),
            (CodeKind.FIXED, 1_000, Currency.USD),
            30_000,
            30_000,
        ),
        (
            Money(currency=Currency.EUR, amount=4_000),
            (CodeKind.FIXED, 1_000, Currency.USD),
            80_000,
            3_200,
        ),
        (
            Money(currency=Currency.SAT, amount=50_000),
            (CodeKind.FIXED, 1_000, Currency.SAT),
            49_000,
            49_000,
        ),
        (
            Money(currency=Currency.USD, amount=4_900),
            (CodeKind.PERCENT, 2_500, Currency.SAT),
            73_500,
            3_675,
        ),
        (
            Money(currency=Currency.USD, amount=4_900),
            (CodeKind.FREE_LICENSE, 0, Currency.SAT),
            0,
            0,
        ),
        (Money(currency=Currency.USD, amount=900), (CodeKind.FIXED, 1_000, Currency.USD), 0, 0),
    ],
)
def test_a_code_counts_in_its_own_currency(
    price: Money, code: tuple[CodeKind, int, Currency], final_sats: int, final_value: int
) -> None:
    kind, amount, currency = code
    pricing = priced(price, code_of(kind, amount, currency), RATES)
    assert (pricing.final_sats, pricing.final_value) == (final_sats, final_value)
    assert pricing.discount_sats == pricing.base_sats - final_sats


@given(st.integers(1, 10_000_000), st.integers(1, AMOUNT_MAX))
def test_a_code_larger_than_all_bitcoin_takes_all_there_is(amount: int, huge: int) -> None:
    code = code_of(CodeKind.FIXED, huge, Currency.USD)
    pricing = priced(Money(currency=Currency.SAT, amount=amount), code, RATES)
    assert 0 <= pricing.final_sats <= amount


# --- eligibility --------------------------------------------------------------------------------

FLAWS: Final[dict[CodeProblem, dict[str, object]]] = {
    CodeProblem.DISABLED: {"active": False},
    CodeProblem.EXPIRED: {"expires_at": NOW},
    CodeProblem.WRONG_PRODUCT: {"product_id": "another"},
    CodeProblem.WRONG_TIER: {"policy_ids": ["another"]},
    CodeProblem.EXHAUSTED: {"max_uses": 3, "used_count": 3},
}
"""Every problem by itself, in the order in which they are found (lifecycles 6.2)."""


@given(st.sets(st.sampled_from(list(FLAWS)), max_size=5))
def test_the_first_problem_found_is_said(flaws: set[CodeProblem]) -> None:
    product = make_product()
    policy = make_policy(product)
    fields: dict[str, object] = {"product_id": product.id}
    for problem in FLAWS:
        if problem in flaws:
            fields |= FLAWS[problem]
    code = code_of(CodeKind.PERCENT, 1_000, Currency.SAT, **fields)
    expected = next((problem for problem in FLAWS if problem in flaws), None)
    assert problem_of(code, product, policy, NOW) is expected
    assert problem_of(None, product, policy, NOW) is CodeProblem.UNKNOWN


@pytest.mark.defects("D18")
def test_a_code_for_some_tiers_is_for_no_other_and_not_for_none() -> None:
    product = make_product()
    one, two, other = (make_policy(product) for _ in range(3))
    code = code_of(CodeKind.PERCENT, 1, product_id=product.id, policy_ids=[one.id, two.id])
    found = [problem_of(code, product, policy, NOW) for policy in (one, two, other, None)]
    assert found == [None, None, CodeProblem.WRONG_TIER, CodeProblem.WRONG_TIER]


@pytest.mark.defects("D33")
@given(strategies.instants(), st.integers(-3, 3))
def test_a_code_has_expired_from_its_very_second_on(expires_at: Instant, offset: int) -> None:
    now = Instant(max(0, expires_at + offset))
    code = code_of(CodeKind.PERCENT, 1, expires_at=expires_at)
    assert code.is_expired(now) is (now >= expires_at)


@given(
    st.lists(
        strategies.codes(active=True, featured=True, expires_at=None, max_uses=None), max_size=6
    )
)
def test_the_featured_code_is_the_closest_and_then_the_oldest(codes: list[Code]) -> None:
    product: Product = make_product()
    policy: Policy = make_policy(product)
    for_all = [replace(code, product_id=None, policy_ids=()) for code in codes]
    for_product = [replace(code, product_id=product.id, policy_ids=()) for code in codes]
    for_tier = [replace(code, product_id=product.id, policy_ids=(policy.id,)) for code in codes]
    elsewhere = [replace(code, product_id=product.id, policy_ids=("x",)) for code in codes]
    oldest = min(codes, key=lambda code: (code.created_at, code.id), default=None)
    for closest in (for_tier, for_product, for_all):
        farther = {id(for_tier): for_product + for_all, id(for_product): for_all}
        offered = [*elsewhere, *farther.get(id(closest), []), *closest]
        found = featured_code(offered, product, policy, NOW)
        assert (found is None) is (oldest is None)
        if found is not None and oldest is not None:
            assert found in closest
            assert found.created_at == oldest.created_at
    assert featured_code(elsewhere, product, policy, NOW) is None


# --- the preview and the purchase ----------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(CodeKind),
    amount=st.integers(1, 20_000),
    currency=st.sampled_from(Currency),
    listed=st.sampled_from(Currency),
    value=st.integers(0, 100_000),
)
def test_a_purchase_costs_what_the_preview_said(
    kind: CodeKind, amount: int, currency: Currency, listed: Currency, value: int
) -> None:
    trade = open_trade()
    trade.rates.units_per_btc.update({one: rate.units_per_btc for one, rate in RATES.items()})
    amount = {CodeKind.PERCENT: amount % 10_001, CodeKind.FREE_LICENSE: 0}.get(kind, amount)
    code = code_of(kind, amount, currency)
    with trade.store.writing() as tx:
        product = replace(trade.shop.product, price=Money(currency=listed, amount=value))
        tx.products.put_product(product)
        tx.policies.put_policy(replace(trade.shop.policy, price_sats_override=None))
        tx.codes.put_code(code)
    seen = preview_code(
        "save", product.slug, None, store=trade.store, clock=trade.clock, rates=trade.rates
    )
    bought = trade.open(code="SAVE").invoice
    assert (bought.base_price_sats, bought.amount_sats) == (
        seen.pricing.base_sats,
        seen.pricing.final_sats,
    )
    assert bought.is_free is (seen.pricing.final_sats == 0)
    trade.close()
