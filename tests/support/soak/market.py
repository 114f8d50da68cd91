"""What everybody in a run shares: time, BTCPay, our server, and how one asks the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import (
    KeysatError,
    NotAuthentic,
    NotFound,
    ProviderNotLoaded,
    StoreBusy,
    StoreUnavailable,
)
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.stores import Store as BTCPayStore
from tests.simulators.virtual_clock import VirtualClock
from tests.support.landing import take_webhook
from tests.support.simulation.trace import Trace
from tests.support.soak.ledger import Ledger
from tests.support.soak.server import Server, Unanswered
from tests.support.soak.weather import Weather

COURIER: Final = Actor(kind=ActorKind.PROVIDER, hash="btcpay")

WEBHOOK_STATUS: Final[dict[type[KeysatError], int]] = {
    NotAuthentic: 401,
    NotFound: 404,
    ProviderNotLoaded: 503,
    StoreBusy: 503,
    StoreUnavailable: 503,
}
"""What the landing answers, as ``keysat_http.errors`` has it."""


@dataclass(kw_only=True)
class Market:
    """The shared stage. ``happened`` counts what buyers and operators did."""

    clock: VirtualClock
    fake: FakeBTCPay
    store: BTCPayStore
    weather: Weather
    trace: Trace
    rng: Random
    began_at: int
    ledger: Ledger = field(init=False)
    server: Server = field(init=False)
    happened: dict[str, int] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def note(self, what: str) -> None:
        """Take down what happens, with its time."""
        now = self.clock.now() - self.began_at
        days, rest = divmod(now, DAY_SECONDS)
        hours, rest = divmod(rest, HOUR_SECONDS)
        self.trace.note(f"{days:>3}d {hours:02}:{rest // 60:02}:{rest % 60:02} {what}")

    def count(self, what: str) -> None:
        """Count something that happened."""
        self.happened[what] = self.happened.get(what, 0) + 1

    def later(self, least: int, most: int, act: Callable[[], None]) -> None:
        """Do something between so and so many seconds from now."""
        self.clock.call_at(self.clock.now() + self.rng.randint(least, most), act)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Carry a webhook to our server, as its landing takes it, and give the status answered.

        Raises:
            OSError: our server is down, or dies over it.
        """
        account_id = ProviderAccountId(url.rsplit("/", 1)[-1])
        command = NoteWebhook(
            account_id=account_id, kind=ProviderKind.BTCPAY, headers=headers, body=body
        )
        try:
            self.server.run(lambda ports: take_webhook(ports, COURIER, command))
        except Unanswered:
            raise OSError("connection refused") from None
        except tuple(WEBHOOK_STATUS) as problem:
            status = WEBHOOK_STATUS[type(problem)]
            self.count(f"webhook answered {status}")
            return status
        return 200
