"""Amounts, exchange rates, and prices as operators and buyers meet them."""

from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.money import FIAT, Currency, Money
from keysat_core.domain.product import PriceInput
from keysat_core.domain.rate import FetchedRate, Quote, Rate
from keysat_core.domain.rate_trust import Inquiry
from keysat_core.limits import AMOUNT_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import instants
from keysat_core.testing.strategies.text import names


@cache
def amounts() -> SearchStrategy[int]:
    """Whole numbers of the smallest unit of a currency."""
    return st.integers(0, AMOUNT_MAX)


def money(currency: Currency | None = None) -> SearchStrategy[Money]:
    """Any amount of any currency, or of one."""
    currencies = st.just(currency) if currency else st.sampled_from(Currency)
    return st.builds(Money, currency=currencies, amount=amounts())


def rates(**fixed: Any) -> SearchStrategy[Rate]:
    """Rates of fiat currencies, from a hundredth to billions of units."""
    units = st.integers(1, 10**12).map(lambda cents: Decimal(cents).scaleb(-2))
    return built(
        Rate,
        fixed,
        currency=st.sampled_from(FIAT),
        units_per_btc=units,
        source=names(),
    )


def fetched_rates(**fixed: Any) -> SearchStrategy[FetchedRate]:
    """Rates of any age."""
    return built(FetchedRate, fixed, rate=rates(), fetched_at=instants())


@st.composite
def inquiries(draw: st.DrawFn, /, **fixed: Any) -> Inquiry:
    """What sources of one currency said, near the rate before or far from it."""
    previous: Rate | None = fixed.get("previous", draw(st.none() | rates()))
    currency = draw(st.sampled_from(FIAT)) if previous is None else previous.currency
    some = rates(currency=currency)
    if previous is not None:
        before = previous.units_per_btc
        near = st.integers(700, 1300).map(lambda thousandths: before * thousandths / 1000)
        some |= rates(currency=currency, units_per_btc=draw(near))
    answers = st.lists(some, max_size=3).map(tuple)
    return draw(built(Inquiry, fixed, previous=st.just(previous), answers=answers))


@st.composite
def quotes(draw: st.DrawFn, /, **fixed: Any) -> Quote:
    """Quotes of prices in sats, and of fiat prices with the rate they came from."""
    rate: Rate | None = fixed.get("rate", draw(st.none() | rates()))
    listed = st.none() if rate is None else money(rate.currency)
    return draw(built(Quote, fixed, amount_sats=amounts(), listed=listed, rate=st.just(rate)))


def price_inputs(**fixed: Any) -> SearchStrategy[PriceInput]:
    """Prices as operators may send them, those that ``read_price`` refuses included."""
    codes = st.sampled_from(Currency).flatmap(
        lambda currency: st.sampled_from([str(currency), currency.lower()])
    )
    return built(
        PriceInput,
        fixed,
        price_currency=st.none() | codes | names(),
        price_value=st.none() | amounts(),
        price_sats=st.none() | amounts(),
    )
