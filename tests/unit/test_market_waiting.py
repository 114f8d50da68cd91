"""How long anybody waits for a rate, and how many inquiries run at once (payments 12.1)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic

import pytest

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.rates.coinbase import COINBASE
from keysat_adapters.rates.coingecko import COINGECKO
from keysat_adapters.rates.kraken import KRAKEN
from keysat_adapters.rates.market import MarketRates
from keysat_adapters.rates.pinned import PinnedRates
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from keysat_core.errors import RateUnavailable
from keysat_core.testing import FixedClock
from tests.simulators.exchange import Request, Response
from tests.simulators.fault_plan import ANY, Timeout
from tests.simulators.rates.fake import FakeRates
from tests.simulators.server import serving
from tests.simulators.transport import ServiceTransport
from tests.support.dribbling_server import dribbling
from tests.support.market import ListedMemory, Market, open_market


class Gated:
    """A double that answers only once the gate is open."""

    def __init__(self, inner: FakeRates) -> None:
        self.inner = inner
        self.gate = threading.Event()
        self.reached = threading.Event()

    def handle(self, request: Request, /) -> Response:
        self.reached.set()
        assert self.gate.wait(20)
        return self.inner.handle(request)


class Elapsed:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def gated_market(
    *, elapsed: Callable[[], float] = monotonic, budget_seconds: float = 6
) -> tuple[Gated, Market]:
    fake = FakeRates()
    gated = Gated(fake)
    sender = HTTPSender(transport=ServiceTransport(gated))
    return gated, open_market(
        fake=fake, sender=sender, elapsed=elapsed, budget_seconds=budget_seconds
    )


@pytest.fixture
def sender() -> Iterator[HTTPSender]:
    """Sends over real connections, and is closed when no inquiry uses it any more."""
    with HTTPSender() as opened:
        yield opened
        for thread in threading.enumerate():
            if thread.name.startswith("rates-"):
                thread.join(10)


def rates_at(url: str, sender: HTTPSender, *, budget_seconds: float) -> MarketRates:
    clock = FixedClock()
    return MarketRates(
        pins=PinnedRates(lambda _: None, clock),
        sources=[replace(source, base_url=url) for source in (KRAKEN, COINBASE, COINGECKO)],
        sender=sender,
        memory=ListedMemory(),
        clock=clock,
        budget_seconds=budget_seconds,
    )


def test_many_who_ask_at_once_share_one_inquiry() -> None:
    gated, market = gated_market()
    with ThreadPoolExecutor(32) as pool:
        waiting = [pool.submit(market.rates.rate, Currency.USD) for _ in range(32)]
        assert gated.reached.wait(5)
        gated.gate.set()
        rates: set[Rate] = {one.result(timeout=10) for one in waiting}
    assert len(rates) == 1
    assert market.fake.asked() == ["kraken"]


def test_two_currencies_do_not_wait_for_each_other() -> None:
    gated, market = gated_market()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(market.rates.rate, Currency.USD)
        assert gated.reached.wait(5)
        market.remember("60000", age=0, currency=Currency.EUR)
        assert market.rates.rate(Currency.EUR).units_per_btc == 60_000
        gated.gate.set()
        assert slow.result(timeout=10).source == "kraken"


def test_whoever_waits_gives_up_in_time_and_a_late_answer_serves_the_next() -> None:
    gated, market = gated_market(budget_seconds=0.2)
    began_at = monotonic()
    with pytest.raises(RateUnavailable, match=r"no answer within 0\.2 s"):
        market.rates.rate(Currency.USD)
    assert monotonic() - began_at < 2
    # The inquiry that hangs is still the one: the next does not wait, and starts none beside it.
    began_at = monotonic()
    with pytest.raises(RateUnavailable):
        market.rates.rate(Currency.USD)
    assert monotonic() - began_at < 0.15
    gated.gate.set()
    deadline = monotonic() + 10
    while not market.rates.list_rates() and monotonic() < deadline:
        threading.Event().wait(0.01)
    assert market.usd() == "65000.10"
    assert market.fake.asked() == ["kraken"]


def joined(currency: Currency) -> None:
    """Wait for the end of the inquiry that nobody waits for any more."""
    for thread in threading.enumerate():
        if thread.name == f"rates-{currency}":
            thread.join(10)


def test_what_comes_after_everybody_gave_up_is_kept_for_other_processes_once() -> None:
    gated, market = gated_market(budget_seconds=0.1)
    market.remember("64000", age=300)
    for _ in range(3):
        assert market.usd() == "64000"
    assert market.memory.keeps == 0
    gated.gate.set()
    joined(Currency.USD)
    assert market.memory.keeps == 1
    assert str(market.memory.kept[Currency.USD].rate.units_per_btc) == "65000.10"
    # It is fresh, so that nothing is asked and nothing is kept again.
    assert market.usd() == "65000.10"
    assert market.memory.keeps == 1


def test_a_doubtful_rate_that_comes_after_everybody_gave_up_is_told_once() -> None:
    gated, market = gated_market(budget_seconds=0.1)
    market.remember("64000", age=300)
    market.fake.say("650000", "kraken")
    assert market.usd() == "64000"
    assert market.memory.outliers == []
    gated.gate.set()
    joined(Currency.USD)
    assert (market.memory.keeps, len(market.memory.outliers)) == (0, 1)


def test_what_comes_in_time_is_kept_once_however_many_wait() -> None:
    gated, market = gated_market()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(market.rates.rate, Currency.USD) for _ in range(8)]
        assert gated.reached.wait(5)
        gated.gate.set()
        for one in waiting:
            one.result(timeout=10)
    joined(Currency.USD)
    assert market.memory.keeps == 1


def test_a_stale_rate_serves_when_the_time_is_over() -> None:
    gated, market = gated_market(budget_seconds=0.1)
    market.remember("64000", age=300)
    assert market.usd() == "64000"
    gated.gate.set()


def test_after_sources_that_were_slow_to_fail_nobody_waits_for_a_while() -> None:
    elapsed = Elapsed()
    gated, market = gated_market(elapsed=elapsed)
    market.fake.faults.on_call(ANY, Timeout(), count=3)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(market.rates.rate, Currency.USD)
        assert gated.reached.wait(5)
        elapsed.seconds += 2
        gated.gate.set()
        with pytest.raises(RateUnavailable):
            first.result(timeout=10)
    elapsed.seconds += 4.9
    with pytest.raises(RateUnavailable) as failure:
        market.rates.rate(Currency.USD)
    assert failure.value.problems.keys() == {"kraken", "coinbase", "coingecko"}
    assert len(market.fake.asked()) == 3
    assert market.rates.refresh(Currency.USD).source == "kraken"


def test_after_the_rest_sources_are_asked_again() -> None:
    elapsed = Elapsed()
    gated, market = gated_market(elapsed=elapsed)
    market.fake.faults.on_call(ANY, Timeout(), count=3)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(market.rates.rate, Currency.USD)
        assert gated.reached.wait(5)
        elapsed.seconds += 2
        gated.gate.set()
        with pytest.raises(RateUnavailable):
            first.result(timeout=10)
    elapsed.seconds += 5
    assert market.usd() == "65000.10"


def test_a_quick_failure_is_tried_again_at_once() -> None:
    market = open_market()
    market.fake.faults.on_call(ANY, Timeout(), count=3)
    with pytest.raises(RateUnavailable):
        market.rates.rate(Currency.USD)
    assert market.usd() == "65000.10"


def test_the_time_of_all_sources_holds_against_servers_that_dribble(sender: HTTPSender) -> None:
    with dribbling() as url:
        rates = rates_at(url, sender, budget_seconds=1.0)
        began_at = monotonic()
        with pytest.raises(RateUnavailable) as failure:
            rates.rate(Currency.USD)
    assert 0.5 < monotonic() - began_at < 2.5
    assert failure.value.problems


def test_a_source_that_dribbles_leaves_time_for_the_next(sender: HTTPSender) -> None:
    fake = FakeRates()
    with dribbling() as slow, serving(fake) as url:
        rates = rates_at(url, sender, budget_seconds=6)
        rates._sources = (replace(KRAKEN, base_url=slow), *rates._sources[1:])
        began_at = monotonic()
        assert rates.rate(Currency.USD).source == "coinbase"
    assert 1.5 < monotonic() - began_at < 4


def test_over_a_real_connection_all_sources_can_be_read(sender: HTTPSender) -> None:
    fake = FakeRates()
    with serving(fake) as url:
        for source in ("kraken", "coinbase", "coingecko"):
            rate = rates_at(url, sender, budget_seconds=6).rate(Currency.EUR)
            assert (rate.source, str(rate.units_per_btc)) == (source, "60123.45")
            fake.say(None, source, currency="EUR")


def test_a_bug_in_an_inquiry_reaches_everybody_who_waits() -> None:
    class Broken:
        def handle(self, request: Request, /) -> Response:
            raise ZeroDivisionError(request.path)

    market = open_market(sender=HTTPSender(transport=ServiceTransport(Broken())))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            market.rates.rate(Currency.USD)
