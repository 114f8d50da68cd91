"""A server process on the database file: it works, dies between any two steps, and starts again."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.registry import ProviderRegistry
from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.heartbeats import SQLiteHeartbeats
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing
from keysat_adapters.sqlite.validation_log import SQLiteValidationLog
from keysat_core.domain.merchant import ProviderKind
from keysat_core.ports.bundle import Ports
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.rates import Rates
from keysat_core.ports.sender import WebhookSender
from keysat_core.ports.store import Store
from keysat_core.testing.self_licenses import MemorySelfLicenses
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.virtual_clock import VirtualClock
from tests.support.simulation.seam import SkewedClock
from tests.support.soak.database import Database
from tests.support.soak.seam import BASE, Died, DirectSender, SoakedStore, SoakedTransport, Watch
from tests.support.soak.weather import Weather
from tests.support.trade import PATRON

BROWSER: Final = "https://btcpay.example"

DEPTH_MAX: Final = 2
"""Interludes inside interludes: more than three requests at once show nothing new."""

DOWN_SECONDS: Final = (1, 5, 30, 300)

_Answer = TypeVar("_Answer")


class Unanswered(Exception):
    """No answer came. Whether the request was done is unknown to who made it."""


@dataclass(kw_only=True)
class Surroundings:
    """What outlives a process.

    ``is_http_real``: calls go through the HTTP library. ``bend_*``: where a test breaks a rule.
    ``webhooks`` carries deliveries to subscribers; None: nobody subscribes.
    """

    database: Database
    clock: VirtualClock
    fake: FakeBTCPay
    weather: Weather
    rng: Random
    ids: Ids
    entropy: Entropy
    rates: Rates
    watch: Watch
    note: Callable[[str], None]
    is_http_real: bool
    bend_store: Callable[[Store], Store]
    bend_provider: Callable[[PaymentProvider], PaymentProvider]
    webhooks: WebhookSender | None = None


class Life:
    """Implements ``seam.Seam``: what is over once its server has died."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self.is_over = False

    def step(self) -> None:
        server = self._server
        if self.is_over:
            raise Died
        server.steps_left -= 1
        if server.steps_left <= 0:
            server.befall(self)

    def may_die(self) -> None:
        server = self._server
        server.steps_left -= 1
        if server.steps_left <= 0:
            server.befall(self, is_writing=True)

    def is_busy(self) -> bool:
        server = self._server
        is_busy, server.is_busy = server.is_busy, False
        return is_busy

    def hang(self, seconds: int) -> None:
        self._server.wait(seconds)
        if self.is_over:
            raise Died


class Server:
    """The process. ``ports`` is None while it is dead; its clock may be wrong."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.clock = SkewedClock(around.clock)
        self.ports: Ports | None = None
        self.steps_left = around.weather.steps_until_next()
        self.is_busy = False
        self._depth = 0
        self._life: Life | None = None
        self._close: list[Callable[[], None]] = []

    # --- life and death -------------------------------------------------------------------------

    def start(self) -> None:
        """Start with nothing but what the database holds."""
        around, life = self.around, Life(self)
        store = around.database.open()
        sender = (
            HTTPSender(transport=SoakedTransport(around.fake.transport(), life))
            if around.is_http_real
            else DirectSender(around.fake, life)
        )
        gateway = BTCPayGateway(sender, base_url=BASE, browser_url=BROWSER)
        facts, activity, keys = CachedFacts(store), ActivityFile(), SQLiteKeyRing(store)
        self._close = [sender.close, facts.close, keys.close, activity.close, store.close]
        self._life = life
        self.ports = Ports(
            clock=self.clock,
            entropy=around.entropy,
            ids=around.ids,
            store=around.bend_store(SoakedStore(store, life, around.watch)),
            facts=facts,
            keys=keys,
            providers=ProviderRegistry(
                {
                    ProviderKind.BTCPAY: lambda account: around.bend_provider(
                        gateway.provider_for(account)
                    )
                },
                remedies={},
            ),
            rates=around.rates,
            validations=SQLiteValidationLog(activity),
            heartbeats=SQLiteHeartbeats(activity),
            self_licenses=MemorySelfLicenses(PATRON),
            btcpay=gateway,
            webhooks=around.webhooks,
        )

    def die(self, seconds: int) -> None:
        """Lose everything in memory, and start again after some time."""
        if self._life is None:
            return
        self.around.note(f"the server dies for {seconds} s")
        self._life.is_over = True
        self.close()
        self.around.clock.call_at(self.around.clock.now() + seconds, self.revive)

    def revive(self) -> None:
        """Start again, unless it was already."""
        if self.ports is None:
            self.around.note("the server starts")
            self.start()

    def close(self) -> None:
        """Let go of the files."""
        self.ports = self._life = None
        closing, self._close = self._close, []
        for close in closing:
            close()

    # --- steps ----------------------------------------------------------------------------------

    def befall(self, life: Life, *, is_writing: bool = False) -> None:
        """Let something happen at this step of a process."""
        weather = self.around.weather
        self.steps_left = weather.steps_until_next()
        if weather.is_hushed:
            return
        what = weather.at_step()
        if what == "death":
            life.is_over = True
            if is_writing:
                # The transaction has to be left before its file can be closed.
                raise Died
            self.die(self.around.rng.choice(DOWN_SECONDS))
            raise Died
        if is_writing:
            return
        if what == "store_busy":
            self.is_busy = True
            return
        self.wait(self.around.rng.choice((0, 0, 1, 3, 9, 20)))
        if life.is_over:
            raise Died

    def wait(self, seconds: int) -> None:
        """Let others go on while this one waits."""
        if self._depth >= DEPTH_MAX:
            return
        self._depth += 1
        try:
            self.around.clock.advance(seconds)
        finally:
            self._depth -= 1

    # --- work -----------------------------------------------------------------------------------

    def run(self, work: Callable[[Ports], _Answer]) -> _Answer:
        """Do something inside this process.

        Raises:
            Unanswered: the process is dead or dies meanwhile.
        """
        ports, life = self.ports, self._life
        if ports is None or life is None:
            raise Unanswered
        try:
            return work(ports)
        except Died:
            if self._life is life:
                self.die(self.around.rng.choice(DOWN_SECONDS))
            raise Unanswered from None
