"""The three price sources, one at a time, against their double."""

from decimal import Decimal

import pytest

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.rates.coinbase import COINBASE
from keysat_adapters.rates.coingecko import COINGECKO
from keysat_adapters.rates.kraken import KRAKEN
from keysat_adapters.rates.source import Source, SourceFailed
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from tests.simulators.fault_plan import Answer, CallAction, Cut, Html, Timeout, Truncate
from tests.simulators.rates.fake import FakeRates

every_source = pytest.mark.parametrize(
    "source", [KRAKEN, COINBASE, COINGECKO], ids=lambda source: source.name
)


def ask(source: Source, fake: FakeRates, currency: Currency = Currency.USD) -> Rate:
    with HTTPSender(user_agent="Keysat/9.9.9", transport=fake.transport()) as sender:
        return source.ask(sender, currency, seconds=2)


@every_source
@pytest.mark.parametrize(("currency", "text"), [("USD", "65000.10"), ("EUR", "60123.45")])
def test_a_price_is_read_digit_for_digit(source: Source, currency: str, text: str) -> None:
    fake = FakeRates()
    rate = ask(source, fake, Currency(currency))
    assert (rate.units_per_btc, str(rate.units_per_btc)) == (Decimal(text), text)
    assert (rate.currency, rate.source) == (currency, source.name)
    (call,) = fake.journal.calls()
    assert call.request.headers["user-agent"] == "Keysat/9.9.9"
    assert call.request.method == "GET"


def test_the_requests_are_those_the_sources_document() -> None:
    fake = FakeRates()
    for source in (KRAKEN, COINBASE, COINGECKO):
        ask(source, fake, Currency.EUR)
    asked = [
        (call.request.base_url, call.request.path, call.request.query)
        for call in fake.journal.calls()
    ]
    assert asked == [
        ("https://api.kraken.com", "/0/public/Ticker", (("pair", "XXBTZEUR"),)),
        ("https://api.coinbase.com", "/v2/exchange-rates", (("currency", "BTC"),)),
        (
            "https://api.coingecko.com",
            "/api/v3/simple/price",
            (("ids", "bitcoin"), ("vs_currencies", "eur")),
        ),
    ]  # fmt: skip


@every_source
def test_a_number_no_float_could_hold_is_kept(source: Source) -> None:
    fake = FakeRates()
    fake.say("64321.12345678901234567")
    assert str(ask(source, fake).units_per_btc) == "64321.12345678901234567"


@every_source
@pytest.mark.parametrize(
    "price",
    ["0", "0.0", "-65000", "99.99", "1000000001", "NaN", "Infinity", "six", "", "1e400", "1e-400",
     "65000" + "1" * 40, None],
)  # fmt: skip
def test_what_is_no_price_is_refused(source: Source, price: str | None) -> None:
    fake = FakeRates()
    fake.say(price)
    with pytest.raises(SourceFailed):
        ask(source, fake)


@every_source
@pytest.mark.parametrize(
    "fault",
    [
        Answer(status=500),
        Answer(status=503, body={"error": "maintenance"}),
        Answer(status=429, body={"error": "slow down"}),
        Answer(status=301, body=b""),
        Answer(status=204, body=b""),
        Answer(status=200, body=b""),
        Answer(status=200, body=b"null"),
        Answer(status=200, body=b"[]"),
        Answer(status=200, body=b"\xff\xfe"),
        Answer(status=200, body=b"[" * 100_000),
        Answer(status=200, body=b'{"x":' * 50_000),
        Answer(status=200, body={"error": [], "result": {"XXBTZUSD": {"c": []}}}),
        Answer(status=200, body={"data": {"rates": None}, "bitcoin": 5}),
        Answer(status=200, body=b" " * 300_000),
        Html(),
        Html(status=502),
        Truncate(),
        Timeout(),
        Cut(),
    ],
    ids=repr,
)
def test_an_answer_that_is_none_is_a_failure_in_few_words(
    source: Source, fault: CallAction
) -> None:
    fake = FakeRates()
    fake.faults.on_call(source.name, fault)
    with pytest.raises(SourceFailed) as failure:
        ask(source, fake)
    assert 0 < len(str(failure.value)) < 100
    fake.check()


def test_an_error_of_kraken_comes_with_200() -> None:
    fake = FakeRates()
    fake.kraken_errors = ["EService:Unavailable"]
    with pytest.raises(SourceFailed, match="EService:Unavailable"):
        ask(KRAKEN, fake)


def test_more_in_an_answer_than_we_know_does_no_harm() -> None:
    fake = FakeRates()
    body = {"error": [], "result": {"XXBTZUSD": {"c": ["65000", "1"], "new": {"x": [1]}}}, "n": 1}
    fake.faults.on_call("kraken", Answer(status=200, body=body))
    assert ask(KRAKEN, fake).units_per_btc == 65_000
