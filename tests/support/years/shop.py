"""One run of two years: a shop paid at BTCPay, its buyers, every fault, and then peace."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from keysat_adapters.sqlite.key_ring import ensure_signing_key
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.money import Currency
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from keysat_core.ports.store import Store
from keysat_core.testing.clock import START
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.use_cases.server.prepare_server import prepare_server
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_backlog
from keysat_http.rounds import one_by_one
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.virtual_clock import VirtualClock
from tests.support.scripted_rates import ScriptedRates
from tests.support.simulation.trace import Trace
from tests.support.simulation.violation import Violation
from tests.support.soak.database import Database
from tests.support.soak.draws import DrawnIds, PlainClock
from tests.support.soak.market import Market
from tests.support.soak.operators import Operators
from tests.support.soak.server import Server, Surroundings, Unanswered
from tests.support.soak.weather import ORDINARY, Weather
from tests.support.years import acts
from tests.support.years.books import Sums, check_deliveries, check_money, check_rows, sums_of
from tests.support.years.buyers import ARRIVING_DAYS, Buyers
from tests.support.years.catalog import TIER_OF, Tier
from tests.support.years.ledger import YearsLedger
from tests.support.years.operators import OPERATORS
from tests.support.years.oracle import Oracle, seconds_of
from tests.support.years.subscriber import Subscriber

DAYS: Final = 730
CALM_DAYS: Final = 40
"""How long after the last fault everything has come to rest."""

TROUBLES: Final = 60

SAMPLE: Final = 6
"""Licenses that are asked about every day."""

PACES: Final[Mapping[str, tuple[int, int]]] = {
    "receipts": (600, HOUR_SECONDS),
    "reconcile": (HOUR_SECONDS, 10 * HOUR_SECONDS),
    "renewals": (1_800, 3 * HOUR_SECONDS),
    "deliveries": (900, 2 * HOUR_SECONDS),
    "code_slots": (3 * HOUR_SECONDS, DAY_SECONDS),
}
"""The least and the longest pause between two runs of a job. A server's are shorter, which would be
most of the work and show nothing more."""


class Years:
    """Everything of one run. ``run`` it once."""

    def __init__(
        self, seed: int, trace: Trace, bend: Callable[[Store], Store] = lambda store: store
    ) -> None:
        self._rng = Random(f"years {seed}")  # noqa: S311  the seed is the point
        clock = VirtualClock(clock=PlainClock())
        weather = Weather(seed, ORDINARY)
        fake = FakeBTCPay(
            clock,
            seed,
            mode=self._rng.choice(("2.4", "2.3.4", "2.0")),
            post=self._post,
            is_contract_checked=False,
            delivers_at_once=False,
            entries_max=0,
        )
        store = fake.add_store(network="regtest", speed_policy="HighSpeed")
        self.market = Market(
            clock=clock,
            fake=fake,
            store=store,
            weather=weather,
            trace=trace,
            rng=Random(f"market {seed}"),  # noqa: S311
            began_at=START,
        )
        self.market.ledger = YearsLedger(fake, self.market.note, accepts_late=False)
        self._database = Database(None)
        self._rates = ScriptedRates(
            units_per_btc={Currency.USD: Decimal(50_000), Currency.EUR: Decimal(45_000)}
        )
        ids, entropy = DrawnIds(seed), SeededEntropy(seed)
        self._buyers = Buyers(self.market, seed)
        self.subscriber = Subscriber(seed, self._buyers.hear)
        self.oracle = Oracle(self._found(ids, entropy))
        self._heard = 0
        self.market.server = Server(
            Surroundings(
                database=self._database,
                clock=clock,
                fake=fake,
                weather=weather,
                rng=Random(f"server {seed}"),  # noqa: S311
                ids=ids,
                entropy=entropy,
                rates=self._rates,
                watch=self.market.ledger.on_commit,
                note=self.market.note,
                is_http_real=False,
                bend_store=bend,
                bend_provider=lambda provider: provider,
                webhooks=self.subscriber,
            )
        )
        self._operators = Operators(self.market, seed)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        return self.market.post(url, headers, body)

    def _found(self, ids: DrawnIds, entropy: SeededEntropy) -> dict[str, Tier]:
        clock = self.market.clock
        with self._database.open() as store:
            ensure_signing_key(store, entropy, clock)
            prepare_server(operator_name=None, is_sandbox=False, store=store, clock=clock, ids=ids)
            founding = acts.Founding(store=store, clock=clock, ids=ids, entropy=entropy)
            self.subscriber.secrets.update(founding.subscribe())
            tiers = founding.stock()
            founding.campaign()
        return {policy_id: TIER_OF[key] for policy_id, key in tiers.items()}

    def run(self, buyers: int) -> Sums:
        """Let two years pass, then let everything come to rest, and check it."""
        market = self.market
        market.server.start()
        self._operators.connect()
        market.fake.faults.choose_call = market.weather.at_call
        market.fake.faults.choose_delivery = market.weather.at_delivery
        self._plan(buyers)
        for _ in range(DAYS):
            market.clock.advance(DAY_SECONDS)
            self._turn_rates()
            self._look()
        self._calm_down()
        for _ in range(CALM_DAYS):
            market.clock.advance(DAY_SECONDS)
            self._look()
        self._check()
        return sums_of(self._database.db)

    def stop(self) -> None:
        """Let go of everything."""
        self.market.server.close()
        self._database.close()

    # --- who does what, and when ----------------------------------------------------------------

    def _plan(self, buyers: int) -> None:
        market, rng = self.market, self._rng
        began_at = market.clock.now()
        for number in range(buyers):
            at = began_at + number * ARRIVING_DAYS * DAY_SECONDS // buyers + rng.randrange(3_600)
            market.clock.call_at(at, lambda number=number: self._buyers.arrive(number))  # type: ignore[misc]
        for _ in range(TROUBLES):
            at = began_at + rng.randrange(DAYS * DAY_SECONDS)
            market.clock.call_at(at, self._befall)
        for name, pace in PACES.items():
            self._every(name, pace)

    def _befall(self) -> None:
        """Let one of the troubles come: at BTCPay, at our server, at a subscriber, in the shop."""
        rng, market = self._rng, self.market
        if market.weather.is_hushed:
            return
        what = rng.choice(("operators", "operators", "subscriber", "archive", "comp", "revoke"))
        market.count(f"trouble: {what}")
        match what:
            case "operators":
                troubles = ("btcpay restarts", "btcpay is down", "machine asleep", "reconnected")
                self._operators.troubles[rng.choice(troubles)]()
            case "subscriber":
                self.subscriber.is_down = True
                days = rng.choice((0.05, 0.12, 1.0, 3.0))

                def come_back() -> None:
                    self.subscriber.is_down = False

                market.later(1, int(days * DAY_SECONDS), come_back)
            case _:
                act = OPERATORS[what](rng, self._buyers)
                if act is not None:
                    self._try(what, act)

    def _every(self, name: str, pace: tuple[int, int]) -> None:
        def run() -> None:
            self._try(name, JOBS[name])
            self.market.later(*pace, run)

        self.market.later(*pace, run)

    def _try(self, name: str, work: Callable[[Ports], object]) -> None:
        try:
            self.market.server.run(work)
        except (Unanswered, KeysatError) as problem:
            self.market.count(f"{name} failed: {type(problem).__name__}")

    def _turn_rates(self) -> None:
        """Let the price of a bitcoin wander."""
        for currency, units in self._rates.units_per_btc.items():
            moved = units * Decimal(self._rng.randint(970, 1_030)) / 1_000
            self._rates.units_per_btc[currency] = moved.quantize(Decimal("0.01"))

    # --- looking --------------------------------------------------------------------------------

    def _look(self) -> None:
        """Ask about some licenses, as the software sold with them does."""
        self._listen()
        now = self.market.clock.now()
        known = list(self.oracle.accounts.values())
        chosen = self._rng.sample(known, min(SAMPLE, len(known)))
        for account in chosen:
            self._ask(account.license_id, now)

    def _ask(self, license_id: str, now: int) -> None:
        expected = self.oracle.accounts[license_id].is_valid(now)
        said = acts.is_valid(self._database, license_id, now)
        if said is not expected:
            account = self.oracle.accounts[license_id]
            raise Violation(f"license {license_id} is valid: {said}, and should be: {account}")

    def _listen(self) -> None:
        rows = self._database.db.execute(
            "SELECT sequence, body FROM outbox WHERE sequence > ? AND is_published = 1"
            " ORDER BY sequence",
            (self._heard,),
        )
        for sequence, body in rows:
            event: dict[str, Any] = msgspec.json.decode(body)
            self._heard = sequence
            told_at = seconds_of(event["timestamp"])
            self.oracle.hear(event["event_type"], told_at, event["data"])

    # --- coming to rest -------------------------------------------------------------------------

    def _calm_down(self) -> None:
        market = self.market
        market.weather.is_hushed = True
        market.weather.is_down = False
        market.fake.faults.clear()
        market.server.is_busy = False
        market.server.revive()
        self._operators.heal()
        self.subscriber.is_calm = True
        self._buyers.close()
        market.note("no more faults, and nobody buys any more")

    def _check(self) -> None:
        db, market = self._database.db, self.market
        for work in (JOBS["receipts"], JOBS["reconcile"], JOBS["code_slots"], JOBS["deliveries"]):
            market.server.run(work)
        self._listen()
        now = market.clock.now()
        for license_id in self.oracle.accounts:
            self._ask(license_id, now)
        check_rows(db, now)
        check_money(db, market.fake, self._buyers.all)
        check_deliveries(db, self.subscriber)


JOBS: Final[Mapping[str, Callable[[Ports], object]]] = {
    "receipts": lambda ports: settle_noted_receipts(ports, fan_out=one_by_one),
    "reconcile": lambda ports: reconcile_backlog(ports, fan_out=one_by_one),
    "renewals": acts.renew,
    "deliveries": acts.deliver,
    "code_slots": acts.give_back,
}
"""The jobs of a shop, as a server runs them."""
