"""Products: reading a price, and the prices that are ever stored (lifecycles 5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.money import Currency, Money, parse_currency
from keysat_core.domain.product import PriceInput, Product, read_new_price, read_price
from keysat_core.errors import InvariantError
from keysat_core.limits import AMOUNT_MAX
from keysat_core.testing import strategies
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.products.update_product import UpdateProduct, update_product
from tests.support.builders import make_product
from tests.support.trade import OPERATOR, PATRON, Trade, open_trade

codes = st.none() | st.sampled_from(["SAT", "sat", "USD", "eur", "BTC", ""])
amounts = st.none() | st.sampled_from([-1, 0, 1, 49, AMOUNT_MAX, AMOUNT_MAX + 1])
inputs = st.builds(PriceInput, price_currency=codes, price_value=amounts, price_sats=amounts)


def expected(sent: PriceInput) -> Money | str | None:
    """The table of lifecycles 5 as it is printed; ``refused`` where it says 400."""
    code, value, sats = sent.price_currency, sent.price_value, sent.price_sats
    if code is None and value is None:
        amount, currency = sats, "SAT"
    elif code is None or value is None:
        return "refused"
    else:
        amount, currency = value, code.upper()
        if sats is not None and (currency != "SAT" or sats != value):
            return "refused"
    if amount is None:
        return None
    if currency not in {"SAT", "USD", "EUR"} or not 0 <= amount <= AMOUNT_MAX:
        return "refused"
    return Money(currency=Currency(currency), amount=amount)


@settings(max_examples=150)
@given(inputs)
def test_a_price_is_read_as_the_table_says(sent: PriceInput) -> None:
    wanted = expected(sent)
    if wanted == "refused":
        with pytest.raises(InvariantError):
            read_price(sent)
    else:
        assert read_price(sent) == wanted


@settings(max_examples=150)
@given(inputs)
def test_a_new_product_has_a_price_above_zero(sent: PriceInput) -> None:
    wanted = expected(sent)
    if isinstance(wanted, Money) and wanted.amount > 0:
        assert read_new_price(sent) == wanted
    else:
        with pytest.raises(InvariantError):
            read_new_price(sent)


@given(strategies.products())
def test_price_sats_is_the_price_for_sat_and_zero_for_fiat(product: Product) -> None:
    is_sat = product.price.currency is Currency.SAT
    assert product.price_sats == (product.price.amount if is_sat else 0)


@given(st.sampled_from(Currency), st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_currency_is_read_in_any_case(currency: Currency, lowered: list[bool]) -> None:
    text = "".join(
        letter.lower() if low else letter for letter, low in zip(currency, lowered, strict=True)
    )
    assert parse_currency(text) is currency


@pytest.mark.parametrize("text", ["BTC", "", "SATS", " SAT", "US D"])
def test_any_other_currency_is_refused(text: str) -> None:
    with pytest.raises(InvariantError):
        parse_currency(text)


@given(st.integers(-(2**64), 2**64))
def test_money_lies_between_nothing_and_all_there_is(amount: int) -> None:
    if 0 <= amount <= AMOUNT_MAX:
        assert Money(currency=Currency.SAT, amount=amount).amount == amount
    else:
        with pytest.raises(InvariantError):
            Money(currency=Currency.SAT, amount=amount)


def test_a_product_whose_id_no_key_can_carry_does_not_exist() -> None:
    with pytest.raises(InvariantError):
        make_product(id="a" * 32)


def write(trade: Trade, product: Product | None, sent: PriceInput) -> Product | None:
    """Create a product with this price, or update one; None when it is refused."""
    try:
        if product is None:
            command = CreateProduct(slug="new", name="New", price=sent)
            return create_product(
                OPERATOR,
                command,
                store=trade.store,
                clock=trade.clock,
                ids=trade.ids,
                self_license=PATRON,
            )
        change = UpdateProduct(product_id=product.id, price=sent)
        return update_product(OPERATOR, change, store=trade.store, clock=trade.clock, ids=trade.ids)
    except InvariantError:
        return None


@settings(max_examples=40, deadline=None)
@given(st.lists(inputs, min_size=1, max_size=6))
def test_after_any_accepted_write_sat_means_equal_prices_and_fiat_means_zero(
    prices: list[PriceInput],
) -> None:
    trade = open_trade()
    product: Product | None = None
    for sent in prices:
        answered = write(trade, product, sent)
        if answered is None:
            continue
        wanted = expected(sent)
        with trade.store.reading() as tx:
            stored = tx.products.get_product(answered.id)
        assert stored == answered
        if isinstance(wanted, Money):
            assert stored.price == wanted
        else:
            assert product is not None
            assert stored.price == product.price
        is_sat = stored.price.currency is Currency.SAT
        assert stored.price_sats == (stored.price.amount if is_sat else 0)
        product = stored
