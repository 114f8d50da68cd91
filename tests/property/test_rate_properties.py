"""Rates: the one conversion from a listed price to sats (lifecycles 14.1, payments 12.2)."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.money import Currency, Money
from keysat_core.domain.rate import Quote, Rate, convert, listed_value
from keysat_core.errors import InvariantError
from keysat_core.limits import AMOUNT_MAX

cents = st.integers(1, 10_000_000_000)
units = st.decimals(
    min_value=Decimal("0.01"), max_value=Decimal("1e9"), places=4, allow_nan=False
).filter(lambda value: value > 0)


def rate_of(units_per_btc: Decimal | int | str, currency: Currency = Currency.USD) -> Rate:
    return Rate(currency=currency, units_per_btc=Decimal(units_per_btc), source="table")


def sats(amount: int, units_per_btc: Decimal | int | str) -> int:
    price = Money(currency=Currency.USD, amount=amount)
    return convert(price, rate_of(units_per_btc)).amount_sats


@given(cents, units)
def test_a_quote_is_within_half_a_sat_of_the_exact_price(amount: int, per_btc: Decimal) -> None:
    exact = Fraction(amount * 1_000_000) / Fraction(per_btc)
    if exact >= AMOUNT_MAX:
        return
    quoted = sats(amount, per_btc)
    assert abs(quoted - exact) <= Fraction(1, 2) or (quoted == 1 and exact < 1)


@pytest.mark.defects("D49")
@pytest.mark.parametrize("units_per_btc", ["3000001", "99999999999"])
def test_the_smallest_price_is_a_sat_and_not_a_gift(units_per_btc: str) -> None:
    assert sats(1, units_per_btc) == 1


@given(cents, units)
def test_half_a_sat_is_rounded_up(amount: int, per_btc: Decimal) -> None:
    with localcontext(prec=60):
        exact = Decimal(amount) * 1_000_000 / per_btc
        rounded = max(1, int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)))
    if rounded <= AMOUNT_MAX:
        assert sats(amount, per_btc) == rounded


@given(cents, st.integers(1, 1_000), units)
def test_a_higher_price_never_costs_fewer_sats(amount: int, more: int, per_btc: Decimal) -> None:
    if amount + more < AMOUNT_MAX * per_btc // 1_000_001:
        assert sats(amount, per_btc) <= sats(amount + more, per_btc)


@given(cents, units, units)
def test_a_dearer_bitcoin_never_costs_more_sats(amount: int, one: Decimal, other: Decimal) -> None:
    low, high = sorted([one, other])
    if amount * 1_000_000 < AMOUNT_MAX * low:
        assert sats(amount, high) <= sats(amount, low)


@given(st.integers(0, AMOUNT_MAX), st.none() | units)
def test_a_price_in_sats_is_its_own_quote_whatever_the_rate(
    amount: int, per_btc: Decimal | None
) -> None:
    price = Money(currency=Currency.SAT, amount=amount)
    rate = None if per_btc is None else rate_of(per_btc)
    assert convert(price, rate) == Quote(amount_sats=amount)


@given(st.sampled_from([Currency.USD, Currency.EUR]))
def test_a_price_of_nothing_needs_no_rate_and_stays_nothing(currency: Currency) -> None:
    price = Money(currency=currency, amount=0)
    assert convert(price, None) == Quote(amount_sats=0, listed=price)


@given(cents, units)
def test_a_quote_remembers_the_listed_price_and_the_rate(amount: int, per_btc: Decimal) -> None:
    price = Money(currency=Currency.EUR, amount=amount)
    rate = rate_of(per_btc, Currency.EUR)
    if amount * 1_000_000 < AMOUNT_MAX * per_btc:
        quote = convert(price, rate)
        assert (quote.listed, quote.rate) == (price, rate)


@pytest.mark.parametrize(
    ("amount", "per_btc", "expected", "centibps"),
    [
        (4900, "50000", 98_000, 500_000_000),
        (4900, "65000", 75_385, 650_000_000),
        (999, "64321.1", 15_531, 643_211_000),
        (10_000, "60123.45", 166_324, 601_234_500),
        (1, "400000", 3, 4_000_000_000),
        (1, "250000000", 1, 2_500_000_000_000),
    ],
)
def test_the_examples_of_the_specification(
    amount: int, per_btc: str, expected: int, centibps: int
) -> None:
    assert sats(amount, per_btc) == expected
    assert rate_of(per_btc).centibps == centibps


@given(units)
def test_an_invoice_remembers_a_rate_to_the_nearest_hundredth_of_a_cent(per_btc: Decimal) -> None:
    assert abs(rate_of(per_btc).centibps - Fraction(per_btc) * 10_000) <= Fraction(1, 2)


@pytest.mark.parametrize("text", ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "-0"])
def test_a_rate_is_a_positive_number(text: str) -> None:
    with pytest.raises(InvariantError):
        rate_of(text)


@pytest.mark.parametrize("rate", [None, rate_of(50_000, Currency.EUR)])
def test_a_fiat_price_needs_a_rate_of_its_own_currency(rate: Rate | None) -> None:
    with pytest.raises(InvariantError):
        convert(Money(currency=Currency.USD, amount=1), rate)


def test_a_quote_above_all_bitcoin_there_is_is_refused() -> None:
    with pytest.raises(InvariantError):
        sats(AMOUNT_MAX, 1)


@given(st.integers(1, 10_000_000_000), st.integers(1, 10**13))
def test_what_sats_were_at_a_rate_is_within_half_a_cent(amount: int, centibps: int) -> None:
    exact = Fraction(amount * centibps * 100, 10_000 * 100_000_000)
    if exact > AMOUNT_MAX - 1:
        return
    said = listed_value(amount, Currency.EUR, centibps)
    assert said.currency is Currency.EUR
    assert abs(said.amount - exact) <= Fraction(1, 2)
    assert said.amount - exact != Fraction(-1, 2)
