"""A double of the three public price sources, behind one address: their paths differ.

In process it is reached through ``transport()``; on a port through ``simulators.server.serving``.
Prices are text, so that a test can make a source say anything at all. Source: payments 12.1, 16.4.
"""

import re
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Final

from keysat_core.testing.clock import FixedClock
from tests.simulators.call_faults import perform
from tests.simulators.exchange import JSON_HEADERS, Request, Response, json_response
from tests.simulators.fault_plan import FaultPlan
from tests.simulators.journal import Call, Journal
from tests.simulators.transport import ServiceTransport

KRAKEN: Final = "kraken"
COINBASE: Final = "coinbase"
COINGECKO: Final = "coingecko"
SOURCES: Final = (KRAKEN, COINBASE, COINGECKO)

USD: Final = "65000.10"
EUR: Final = "60123.45"

_PATHS: Final[Mapping[str, str]] = {
    "/0/public/Ticker": KRAKEN,
    "/v2/exchange-rates": COINBASE,
    "/api/v3/simple/price": COINGECKO,
}
_PAIR: Final = re.compile(r"XXBTZ([A-Z]{3})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class FakeRates:
    """Implements ``exchange.Service``. Any number of threads may call it.

    Faults are planned by the source's name. ``kraken_errors`` fills the array that Kraken sends
    with HTTP 200.
    """

    def __init__(self) -> None:
        self.faults = FaultPlan()
        self.journal = Journal()
        self.clock = FixedClock()
        self.kraken_errors: list[str] = []
        self._prices = {source: {"USD": USD, "EUR": EUR} for source in SOURCES}
        self._lock = Lock()
        self._answers: Mapping[str, Callable[[Request], Response]] = {
            KRAKEN: self._kraken,
            COINBASE: self._coinbase,
            COINGECKO: self._coingecko,
        }

    def transport(self) -> ServiceTransport:
        """Give a way for an ``httpx.Client`` to reach it without a socket."""
        return ServiceTransport(self)

    def say(self, price: str | None, *sources: str, currency: str = "USD") -> None:
        """Let these sources, by default all, say a price; with None they do not know the currency."""
        for source in sources or SOURCES:
            if price is None:
                self._prices[source].pop(currency, None)
            else:
                self._prices[source][currency] = price

    def asked(self) -> list[str]:
        """List the sources in the order they were asked."""
        return [call.operation for call in self.journal.calls()]

    def check(self) -> None:
        """End a test: every planned fault struck."""
        unused = self.faults.unused()
        assert not unused, f"faults that never struck: {unused}"

    def handle(self, request: Request, /) -> Response:
        """Answer one request.

        Raises:
            NeverAnswered: A fault says so.
            ConnectionCut: A fault says so.
        """
        with self._lock:
            source = _PATHS.get(request.path, "unknown")
            action = None if source == "unknown" else self.faults.for_call(source)
            answer: Response | None = None
            try:
                answer = perform(action, lambda: self._act(source, request))
            finally:
                self.journal.add_call(
                    Call(
                        at=self.clock.now(),
                        operation=source,
                        request=request,
                        answer=answer,
                        fault="" if action is None else repr(action),
                    )
                )
            return answer

    def _act(self, source: str, request: Request) -> Response:
        if source == "unknown":
            return json_response(404, {"error": "not found"})
        if request.method != "GET":
            return json_response(405, {"error": "method not allowed"})
        if not request.headers.get("user-agent"):
            # CoinGecko really does; from the others we want no less of our callers.
            return json_response(403, {"error": "please send a User-Agent"})
        return self._answers[source](request)

    def _kraken(self, request: Request) -> Response:
        pair = request.value("pair")
        found = _PAIR.fullmatch(pair)
        if self.kraken_errors:
            return json_response(200, {"error": self.kraken_errors})
        if found is None:
            return json_response(200, {"error": ["EQuery:Unknown asset pair"]})
        price = self._prices[KRAKEN].get(found[1])
        ticker = {
            "a": [price, "1", "1.000"],
            "b": [price, "2", "2.000"],
            "c": [price, "0.00321000"],
            "v": ["512.91", "1830.17"],
            "t": [21_034, 54_101],
        }
        result = {} if price is None else {pair: ticker}
        return json_response(200, {"error": [], "result": result})

    def _coinbase(self, request: Request) -> Response:
        currency = request.value("currency", "USD")
        if currency != "BTC":
            problem = {"id": "invalid_request", "message": "Currency is invalid"}
            return json_response(400, {"errors": [problem]})
        rates = {"AED": "238711.5", "BTC": "1", "ZWL": "20930000"} | self._prices[COINBASE]
        return json_response(200, {"data": {"currency": "BTC", "rates": rates}})

    def _coingecko(self, request: Request) -> Response:
        wanted = request.value("vs_currencies")
        if not wanted:
            return json_response(422, {"error": "Missing parameter vs_currencies"})
        if request.value("ids") != "bitcoin":
            return json_response(200, {})
        known = self._prices[COINGECKO]
        members = ",".join(
            f'"{code}":{_as_json(known[code.upper()])}'
            for code in wanted.split(",")
            if code.upper() in known
        )
        body = f'{{"bitcoin":{{{members}}}}}'.encode()
        return Response(status=200, headers=JSON_HEADERS, body=body)


def _as_json(price: str) -> str:
    """Spell a price as the number it is, digit for digit, and anything else as text."""
    return price if _NUMBER.fullmatch(price) else f'"{price}"'
