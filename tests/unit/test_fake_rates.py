"""The double of the price sources answers as they do."""

import httpx
import pytest

from tests.simulators.fault_plan import Answer
from tests.simulators.rates.fake import FakeRates


def ask(fake: FakeRates, path: str, *, method: str = "GET", agent: str = "test") -> httpx.Response:
    with httpx.Client(transport=fake.transport(), base_url="https://double.invalid") as client:
        return client.request(method, path, headers={"user-agent": agent})


def test_each_source_has_its_own_form() -> None:
    fake = FakeRates()
    kraken = ask(fake, "/0/public/Ticker?pair=XXBTZEUR").json()
    assert kraken["error"] == []
    assert kraken["result"]["XXBTZEUR"]["c"][0] == "60123.45"
    coinbase = ask(fake, "/v2/exchange-rates?currency=BTC").json()
    assert coinbase["data"]["rates"]["EUR"] == "60123.45"
    coingecko = ask(fake, "/api/v3/simple/price?ids=bitcoin&vs_currencies=eur,usd")
    assert coingecko.text == '{"bitcoin":{"eur":60123.45,"usd":65000.10}}'
    assert fake.asked() == ["kraken", "coinbase", "coingecko"]


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/0/public/Ticker?pair=NOPE", 200, "EQuery:Unknown asset pair"),
        ("/v2/exchange-rates?currency=NOPE", 400, "invalid_request"),
        ("/api/v3/simple/price?ids=bitcoin", 422, "vs_currencies"),
        ("/api/v3/simple/price?ids=litecoin&vs_currencies=usd", 200, "{}"),
        ("/elsewhere", 404, "not found"),
    ],
)
def test_what_the_sources_refuse_is_refused(path: str, status: int, part: str) -> None:
    answer = ask(FakeRates(), path)
    assert (answer.status_code, part in answer.text) == (status, True)


def test_a_caller_without_a_name_or_with_another_verb_is_refused() -> None:
    assert ask(FakeRates(), "/0/public/Ticker?pair=XXBTZUSD", agent="").status_code == 403
    assert ask(FakeRates(), "/v2/exchange-rates?currency=BTC", method="POST").status_code == 405


def test_a_source_says_what_it_is_told_to() -> None:
    fake = FakeRates()
    fake.say("six", "coingecko")
    assert ask(fake, "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd").json() == {
        "bitcoin": {"usd": "six"}
    }
    fake.say(None, "kraken")
    assert ask(fake, "/0/public/Ticker?pair=XXBTZUSD").json() == {"error": [], "result": {}}
    fake.kraken_errors = ["EService:Unavailable"]
    assert ask(fake, "/0/public/Ticker?pair=XXBTZUSD").json() == {"error": ["EService:Unavailable"]}


def test_a_fault_that_never_struck_is_told() -> None:
    fake = FakeRates()
    fake.faults.on_call("kraken", Answer(status=503))
    with pytest.raises(AssertionError, match="never struck"):
        fake.check()
    assert ask(fake, "/0/public/Ticker?pair=XXBTZUSD").status_code == 503
    fake.check()
