"""Which rates are believed (payments 12.1)."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import FetchedRate, Rate
from keysat_core.domain.rate_trust import (
    Freshness,
    Inquiry,
    chosen,
    do_agree,
    freshness,
    is_outlier,
    is_plausible,
    newest,
    outliers,
    read_fetched,
    spell_fetched,
    unconfirmed,
)
from keysat_core.limits import RATE_UNITS_MAX, RATE_UNITS_MIN
from keysat_core.testing.strategies import fetched_rates, inquiries, instants, rates

plausible = st.integers(10_000, 10**11).map(lambda cents: Decimal(cents).scaleb(-2))


def usd(units: str | Decimal | int, source: str = "kraken") -> Rate:
    return Rate(currency=Currency.USD, units_per_btc=Decimal(units), source=source)


def said(previous: str | None, *answers: str) -> Inquiry:
    names = ("kraken", "coinbase", "coingecko")
    return Inquiry(
        previous=None if previous is None else usd(previous),
        answers=tuple(usd(text, name) for text, name in zip(answers, names, strict=False)),
    )


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "Infinity", "-Infinity", "-1", "0", "-0", "99.999", "1000000000.1", "1e400",
     "1e-400", "6." + "5" * 30 + "e4"],
)  # fmt: skip
def test_what_can_be_no_price_is_not_looked_at(text: str) -> None:
    assert not is_plausible(Decimal(text))


@given(plausible)
def test_a_price_within_bounds_is_looked_at(units: Decimal) -> None:
    assert is_plausible(units) == (RATE_UNITS_MIN <= units <= RATE_UNITS_MAX)


@given(inquiries())
def test_without_an_outlier_the_first_answer_is_believed(inquiry: Inquiry) -> None:
    if not outliers(inquiry):
        assert chosen(inquiry) == next(iter(inquiry.answers), None)


@given(inquiries())
def test_an_outlier_is_never_believed_alone(inquiry: Inquiry) -> None:
    believed = chosen(inquiry)
    if believed is not None and is_outlier(believed, inquiry.previous):
        others = [rate for rate in inquiry.answers if rate is not believed]
        assert any(do_agree(believed, other) for other in others)


@given(inquiries())
def test_beside_an_outlier_nothing_is_believed_alone(inquiry: Inquiry) -> None:
    believed = chosen(inquiry)
    if believed is not None and outliers(inquiry):
        assert sum(do_agree(believed, rate) for rate in inquiry.answers) >= 2


@given(inquiries())
def test_what_is_believed_was_said(inquiry: Inquiry) -> None:
    assert chosen(inquiry) is None or chosen(inquiry) in inquiry.answers


@given(inquiries(), rates())
def test_what_is_believed_stays_so_whatever_another_source_says(
    inquiry: Inquiry, more: Rate
) -> None:
    believed = chosen(inquiry)
    asked_on = msgspec.structs.replace(inquiry, answers=(*inquiry.answers, more))
    if believed is not None and outliers(inquiry):
        assert chosen(asked_on) == believed


@given(plausible, plausible)
def test_agreement_has_no_direction(one: Decimal, other: Decimal) -> None:
    assert do_agree(usd(one), usd(other)) == do_agree(usd(other), usd(one))
    apart = abs(Fraction(one) - Fraction(other)) / min(Fraction(one), Fraction(other))
    assert do_agree(usd(one), usd(other)) == (apart <= Fraction(2, 100))


@given(plausible, plausible)
def test_an_outlier_is_more_than_a_fifth_away(before: Decimal, now: Decimal) -> None:
    apart = abs(Fraction(now) - Fraction(before)) / Fraction(before)
    assert is_outlier(usd(now), usd(before)) == (apart > Fraction(20, 100))
    assert not is_outlier(usd(now), None)


@pytest.mark.parametrize(
    ("inquiry", "believed", "doubtful"),
    [
        (said(None, "650000"), "650000", []),
        (said("65000", "78000"), "78000", []),
        (said("65000", "52000"), "52000", []),
        (said("65000", "78000.01"), None, ["78000.01"]),
        (said("65000", "650000"), None, ["650000"]),
        (said("65000", "650000", "65100"), None, ["650000"]),
        (said("65000", "650000", "65100", "65200"), "65100", ["650000"]),
        (said("65000", "40000", "40700"), "40000", []),
        (said("65000", "40000", "40801"), None, ["40000", "40801"]),
        (said("65000", "40000", "65000", "40100"), "40000", []),
        (said("65000", "1000", "30000", "900000"), None, ["1000", "30000", "900000"]),
        (said("65000"), None, []),
    ],
)
def test_the_rule_by_example(inquiry: Inquiry, believed: str | None, doubtful: list[str]) -> None:
    rate = chosen(inquiry)
    assert (rate and str(rate.units_per_btc)) == believed
    assert [str(one.units_per_btc) for one in unconfirmed(inquiry)] == doubtful


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (-1, Freshness.FORGOTTEN),
        (0, Freshness.FRESH),
        (59, Freshness.FRESH),
        (60, Freshness.STALE),
        (600, Freshness.STALE),
        (601, Freshness.REMEMBERED),
        (86_399, Freshness.REMEMBERED),
        (86_400, Freshness.FORGOTTEN),
    ],
)
def test_a_rate_ages(age: int, expected: Freshness) -> None:
    fetched = FetchedRate(rate=usd("65000"), fetched_at=Instant(1_800_000_000 - age))
    assert freshness(fetched, Instant(1_800_000_000)) is expected


@given(st.lists(st.none() | fetched_rates(), max_size=4), instants())
def test_the_newest_usable_rate_is_found(known: list[FetchedRate | None], now: Instant) -> None:
    usable = [one for one in known if one and freshness(one, now) is not Freshness.FORGOTTEN]
    found = newest(known, now)
    assert (found is None) == (not usable)
    assert found is None or found.fetched_at == max(one.fetched_at for one in usable)


@given(fetched_rates(), plausible)
def test_a_kept_rate_is_read_as_it_was_written(fetched: FetchedRate, units: Decimal) -> None:
    sound = msgspec.structs.replace(
        fetched, rate=msgspec.structs.replace(fetched.rate, units_per_btc=units)
    )
    assert read_fetched(spell_fetched(sound)) == sound


@pytest.mark.parametrize(
    "text",
    ["", "65000", "{}", "[]", '{"rate":{"currency":"USD","units_per_btc":"1","source":"x"},"fetched_at":1}',
     '{"rate":{"currency":"GBP","units_per_btc":"65000","source":"x"},"fetched_at":1}',
     '{"rate":{"currency":"USD","units_per_btc":"-65000","source":"x"},"fetched_at":1}',
     '{"rate":{"currency":"USD","units_per_btc":"1e999999","source":"x"},"fetched_at":1}'],
)  # fmt: skip
def test_a_kept_rate_that_is_none_is_not_believed(text: str) -> None:
    assert read_fetched(text) is None


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    read_fetched(text)
