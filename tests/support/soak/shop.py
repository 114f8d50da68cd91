"""One run: a shop paid at BTCPay, its buyers and operators, every fault, and then peace."""

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Final

import apsw
import msgspec

from keysat_adapters.sqlite.key_ring import ensure_signing_key
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.product import PriceInput
from keysat_core.domain.setting import ACCEPT_LATE_PAYMENTS
from keysat_core.errors import KeysatError
from keysat_core.limits import RECONCILE_DAYS
from keysat_core.ports.bundle import Ports
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.store import Store
from keysat_core.testing.clock import START
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.server.prepare_server import prepare_server
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_backlog
from keysat_http.rounds import one_by_one
from keysat_http.settling import Pass, purge
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.virtual_clock import VirtualClock
from tests.support.scripted_rates import ScriptedRates
from tests.support.simulation.trace import Trace
from tests.support.simulation.violation import Violation
from tests.support.soak.balance import (
    Sums,
    check_books,
    check_none_waits,
    check_rows,
    check_secrets,
)
from tests.support.soak.buyers import PRODUCTS, Buyers
from tests.support.soak.database import Database
from tests.support.soak.draws import DrawnIds, PlainClock
from tests.support.soak.ledger import Ledger
from tests.support.soak.market import Market
from tests.support.soak.operators import Operators
from tests.support.soak.server import Server, Surroundings, Unanswered
from tests.support.soak.weather import Chances, Weather
from tests.support.trade import OPERATOR, PATRON

TRADE_SECONDS: Final = 3 * DAY_SECONDS
"""In this time all buyers come, however many they are."""

TROUBLES: Final = 24
FORGERIES: Final = 120

RECONCILE_SECONDS: Final = (60, 600, HOUR_SECONDS, 8 * HOUR_SECONDS, 16 * HOUR_SECONDS)
"""Pauses between passes of the reconciler, drawn each time. A server makes one every minute, which
would be most of the work and show nothing more."""

RECEIPTS_SECONDS: Final = 90
CALM_RECEIPTS_SECONDS: Final = 1_800
"""Pause between two looks at webhooks that were not cleared up; a server makes them every 5 s."""

LOOK_AFTER_SECONDS: Final = 4 * HOUR_SECONDS

ROUNDS: Final = (20 * 60, 20 * HOUR_SECONDS, 75 * HOUR_SECONDS)
"""When, after the last fault, the reconciler passes: within 75 hours all is found (payments 17)."""

LAST_ROUNDS: Final = (RECONCILE_DAYS * DAY_SECONDS + 4 * DAY_SECONDS,)
"""When nothing that was opened is looked at any more."""

PASSES_MAX: Final = 200


class Bend(msgspec.Struct, frozen=True, kw_only=True):
    """Where a test breaks a rule on purpose."""

    schema: Callable[[apsw.Connection], None] = lambda _: None
    store: Callable[[Store], Store] = lambda store: store
    provider: Callable[[PaymentProvider], PaymentProvider] = lambda provider: provider


class Shop:
    """Everything of one run. ``run`` it once.

    With ``path`` the database is a file and calls go through the HTTP library; without, the same
    happens in memory.
    """

    def __init__(
        self, seed: int, trace: Trace, bend: Bend, *, path: Path | None, chances: Chances
    ) -> None:
        self._rng = Random(f"shop {seed}")  # noqa: S311  the seed is the point
        clock = VirtualClock(clock=PlainClock())
        weather = Weather(seed, chances)
        self.accepts_late = self._rng.random() < 0.3
        fake = FakeBTCPay(
            clock,
            seed,
            mode=self._rng.choice(("2.4", "2.4", "2.3.4", "2.0")),
            post=self._post,
            is_contract_checked=False,
            delivers_at_once=False,
            entries_max=0,
        )
        store = fake.add_store(
            network="regtest", speed_policy=self._rng.choice(("HighSpeed", "MediumSpeed"))
        )
        self.market = Market(
            clock=clock,
            fake=fake,
            store=store,
            weather=weather,
            trace=trace,
            rng=Random(f"market {seed}"),  # noqa: S311
            began_at=START,
        )
        self.market.ledger = Ledger(fake, self.market.note, accepts_late=self.accepts_late)
        self._database = Database(path)
        ids, entropy = DrawnIds(seed), SeededEntropy(seed)
        self._found(ids, entropy)
        self._database.alter(bend.schema)
        self.market.server = Server(
            Surroundings(
                database=self._database,
                clock=clock,
                fake=fake,
                weather=weather,
                rng=Random(f"server {seed}"),  # noqa: S311
                ids=ids,
                entropy=entropy,
                rates=ScriptedRates(units_per_btc={}),
                watch=self.market.ledger.on_commit,
                note=self.market.note,
                is_http_real=path is not None,
                bend_store=bend.store,
                bend_provider=bend.provider,
            )
        )
        self._buyers = Buyers(self.market, seed)
        self._operators = Operators(self.market, seed)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        return self.market.post(url, headers, body)

    def _found(self, ids: DrawnIds, entropy: SeededEntropy) -> None:
        clock = self.market.clock
        with self._database.open() as store:
            ensure_signing_key(store, entropy, clock)
            prepare_server(operator_name=None, is_sandbox=False, store=store, clock=clock, ids=ids)
            for number, slug in enumerate(PRODUCTS):
                create_product(
                    OPERATOR,
                    CreateProduct(
                        slug=slug,
                        name=slug.title(),
                        price=PriceInput(price_sats=20_001 + 31_337 * number),
                    ),
                    store=store,
                    clock=clock,
                    ids=ids,
                    self_license=PATRON,
                )
            if self.accepts_late:
                with store.writing() as tx:
                    tx.settings.put_setting(ACCEPT_LATE_PAYMENTS, "1", clock.now())

    def run(self, purchases: int, logged: Callable[[], str]) -> Sums:
        """Let all buyers come, then let everything come to rest, and check it."""
        market = self.market
        market.server.start()
        self._operators.connect()
        market.fake.faults.choose_call = market.weather.at_call
        market.fake.faults.choose_delivery = market.weather.at_delivery
        self._plan(purchases)
        market.clock.advance(TRADE_SECONDS)
        self._calm_down()
        self._pass_at(ROUNDS)
        self._check()
        self._pass_at(LAST_ROUNDS)
        sums = self._check()
        check_none_waits(self._database.db, market.clock.now())
        check_secrets(self._database.db, logged(), market.secrets)
        return sums

    def stop(self) -> None:
        """Let go of all files."""
        self.market.server.close()
        self._database.close()

    # --- who does what, and when ----------------------------------------------------------------

    def _plan(self, purchases: int) -> None:
        market, rng = self.market, self._rng
        began_at = market.clock.now()
        for number in range(purchases):
            at = began_at + number * TRADE_SECONDS // purchases
            market.clock.call_at(at, lambda number=number: self._buyers.arrive(number))  # type: ignore[misc]
        if not market.weather.is_fair:
            for _ in range(TROUBLES):
                at = began_at + rng.randrange(TRADE_SECONDS)
                market.clock.call_at(at, self._operators.befall)
            for _ in range(FORGERIES):
                at = began_at + rng.randrange(TRADE_SECONDS)
                market.clock.call_at(at, self._operators.forge)
        self._every(self._receipts_pause, "receipts", _settle_noted)
        self._every(lambda: rng.choice(RECONCILE_SECONDS), "reconcile", _reconcile)
        self._every(lambda: DAY_SECONDS // 4, "purge", purge)
        self._look_after()

    def _receipts_pause(self) -> int:
        return CALM_RECEIPTS_SECONDS if self.market.weather.is_hushed else RECEIPTS_SECONDS

    def _every(self, pause: Callable[[], int], name: str, work: Callable[[Ports], object]) -> None:
        """Run a tick again and again, until the end of the trade; later ones are the rounds'."""

        def run() -> None:
            self._tick(name, work)
            if not self.market.weather.is_hushed or name == "receipts":
                self.market.clock.call_at(self.market.clock.now() + pause(), run)

        self.market.clock.call_at(self.market.clock.now() + pause(), run)

    def _look_after(self) -> None:
        if not self.market.weather.is_hushed:
            self._operators.look_after()
            self.market.later(LOOK_AFTER_SECONDS, LOOK_AFTER_SECONDS, self._look_after)

    def _tick(self, name: str, work: Callable[[Ports], object]) -> None:
        try:
            self.market.server.run(work)
        except (Unanswered, KeysatError) as problem:
            self.market.note(f"tick {name} failed: {type(problem).__name__}")

    # --- coming to rest -------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """No more faults: the server runs, its clock is right, and BTCPay can be asked."""
        market = self.market
        market.weather.is_hushed = True
        market.weather.is_down = False
        market.fake.faults.clear()
        market.server.clock.skew_seconds = 0
        market.server.is_busy = False
        market.server.revive()
        self._operators.heal()
        self._calm_since = market.clock.now()
        market.note("no more faults")

    def _pass_at(self, rounds: tuple[int, ...]) -> None:
        for seconds in rounds:
            self.market.clock.advance_to(self._calm_since + seconds)
            self._reconcile_all()

    def _check(self) -> Sums:
        check_rows(self._database.db, self.market.clock.now())
        return check_books(self._database.db, self.market.fake, self.market.ledger)

    def _reconcile_all(self) -> None:
        """Pass until nothing is due."""
        for _ in range(PASSES_MAX):
            done = self.market.server.run(_reconcile)
            settle_noted = self.market.server.run(_settle_noted)
            if done.failed or done.resting:
                self.market.clock.advance(600)
            elif not done.skipped and not (settle_noted.changed + settle_noted.unchanged):
                return
        raise Violation("it does not come to rest")


def _settle_noted(ports: Ports) -> Pass:
    return settle_noted_receipts(ports, fan_out=one_by_one)


def _reconcile(ports: Ports) -> Pass:
    return reconcile_backlog(ports, fan_out=one_by_one)
