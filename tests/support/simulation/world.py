"""Everything of one run: a shop, its people and its servers, from a seed.

The first steps of a long run are the steps of a short one, so a failure can be cut down to the
fewest steps that show it.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.receipt import LOOK_ON_SECONDS
from keysat_core.limits import RECONCILE_DAYS
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.store import Store
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from tests.support.scripted_provider import ScriptedProvider
from tests.support.scripted_rates import ScriptedRates
from tests.support.simulation.balance import check_all, check_none_waits, check_told_are_settled
from tests.support.simulation.book import Book
from tests.support.simulation.buyers import buy, pay_something
from tests.support.simulation.founding import found_shop
from tests.support.simulation.line import SimulatedLine, SimulatedProviders
from tests.support.simulation.market import Market, live
from tests.support.simulation.operators import operate
from tests.support.simulation.payments import SimulatedService
from tests.support.simulation.process import Process, Surroundings
from tests.support.simulation.software import run_software
from tests.support.simulation.stage import Stage
from tests.support.simulation.tips import SimulatedLightning
from tests.support.simulation.trace import Trace
from tests.support.simulation.violation import Violation
from tests.support.simulation.workers import TICKS, carry_webhooks, keep_ticking, tick_all

REST_STEPS_MAX: Final = 20_000
"""Steps in which everything must come to rest once no more faults strike."""

RESTART_CHANCE: Final = 0.05
WRONG_CLOCK_STEPS: Final = 60
"""About how many steps a wrong clock stays wrong."""

PEOPLE: Final[dict[str, Callable[[Market, Random], None]]] = {
    "buyer-1": buy,
    "buyer-2": buy,
    "buyer-3": buy,
    "payer": pay_something,
    "courier-1": carry_webhooks,
    "courier-2": carry_webhooks,
    "operator-1": operate,
    "operator-2": operate,
    "software-1": run_software,
    "software-2": run_software,
    "software-3": run_software,
}

ROUNDS: Final = (
    *(60, 600, 960, HOUR_SECONDS, 6 * HOUR_SECONDS),
    *(DAY_SECONDS, DAY_SECONDS + 60, DAY_SECONDS + 60),
    *(RECONCILE_DAYS * DAY_SECONDS + DAY_SECONDS, DAY_SECONDS + 60),
)
"""Times between the workers' last rounds: 75 hours in which all is found, then until none waits."""


class Bend(msgspec.Struct, frozen=True, kw_only=True):
    """Where a test breaks a rule on purpose: in the file, around the store, around the service."""

    file: Callable[[Path], None] = lambda _: None
    store: Callable[[Store], Store] = lambda store: store
    facts: Callable[[ValidationFacts], ValidationFacts] = lambda facts: facts
    line: Callable[[PaymentProvider], PaymentProvider] = lambda line: line


class World:
    """Everything of one run. ``run`` it once."""

    def __init__(self, seed: int, path: Path, trace: Trace, bend: Bend) -> None:
        self.stage = Stage(seed, trace)
        self._rng = self.stage.rng("world")
        provider = ScriptedProvider()
        self.service = SimulatedService(self.stage, provider)
        ids, entropy = SeededIds(seed), SeededEntropy(seed)
        shop = found_shop(path, clock=self.stage.clock, ids=ids, entropy=entropy)
        self._verifier = shop.verifier
        bend.file(path)
        self.book = Book(path, self.stage, self.service)
        around = Surroundings(
            path=path,
            ids=ids,
            entropy=entropy,
            rates=ScriptedRates(units_per_btc={Currency.USD: Decimal(60_000)}),
            providers=SimulatedProviders(bend.line(SimulatedLine(provider, self.stage))),
            lightning=SimulatedLightning(self.stage),
            on_commit=self.book.on_commit,
            bend=bend.store,
            bend_facts=bend.facts,
        )
        self.processes = [Process(name, self.stage, around) for name in ("web-1", "web-2")]
        self.market = Market(
            stage=self.stage,
            service=self.service,
            book=self.book,
            processes=self.processes,
            tiers=shop.tiers,
            account_id=shop.account_id,
        )

    def run(self, steps: int) -> None:
        """Trade for so many steps, then let everything come to rest, and check it."""
        for process in self.processes:
            process.start()
        self._open()
        for _ in range(steps):
            self._change_weather()
            self._step()
        self._close()
        self._settle_down()

    def stop(self) -> None:
        """End all threads and let go of all files."""
        self.stage.scheduler.stop()
        for process in self.processes:
            process.close()
        self.book.close()

    def _open(self) -> None:
        stage = self.stage
        for name, act in PEOPLE.items():
            stage.scheduler.spawn(name, partial(live, self.market, stage.rng(name), act))
        for process in self.processes:
            for name in TICKS:
                work = f"{process.name}-{name}"
                stage.scheduler.spawn(
                    work, partial(keep_ticking, self.market, process, name, stage.rng(work))
                )

    def _step(self) -> bool:
        is_left = self.stage.step()
        self.service.turn()
        return is_left

    def _change_weather(self) -> None:
        stage, rng = self.stage, self._rng
        if stage.strikes("provider_down"):
            self.service.go_down()
        for process in self.processes:
            if process.ports is None:
                stage.trouble()
                if rng.random() < RESTART_CHANCE:
                    process.start()
                    stage.note(f"{process.name} starts again")
            self._turn_clock(process)

    def _turn_clock(self, process: Process) -> None:
        stage, rng = self.stage, self._rng
        if process.clock.skew_seconds:
            stage.trouble()
            stage.clock_wrong_at = stage.now
            if rng.randrange(WRONG_CLOCK_STEPS) == 0:
                process.clock.skew_seconds = 0
            return
        if stage.strikes("clock_back"):
            process.clock.skew_seconds = -rng.randint(1, HOUR_SECONDS)
        elif stage.strikes("clock_ahead"):
            process.clock.skew_seconds = rng.randint(HOUR_SECONDS, 400 * DAY_SECONDS)
        if process.clock.skew_seconds:
            stage.clock_wrong_at = stage.now

    def _close(self) -> None:
        """No more faults, nobody begins anything new, and whoever is at work finishes."""
        stage = self.stage
        stage.faults.is_hushed = True
        stage.is_open = False
        stage.trouble()
        self.service.down_until = Instant(0)
        for process in self.processes:
            if process.clock.skew_seconds:
                stage.clock_wrong_at = stage.now
            process.clock.skew_seconds = 0
            if process.ports is None:
                process.start()
        stage.scheduler.wake_all()
        self._rest()

    def _settle_down(self) -> None:
        stage, market = self.stage, self.market
        closed_at = stage.now
        for seconds in ROUNDS:
            stage.clock.advance(seconds)
            self.service.turn()
            rng = stage.rng(f"last webhooks {seconds}")
            stage.scheduler.spawn("courier", partial(carry_webhooks, market, rng))
            self._rest()
            for process in self.processes:
                stage.scheduler.spawn(f"{process.name}-ticks", partial(tick_all, market, process))
            self._rest()
            if stage.now - closed_at > LOOK_ON_SECONDS:
                check_told_are_settled(self.book, self.service, stage, market.told_at)
        check_all(self.book, stage, market.keys, self._verifier)
        check_none_waits(self.book, stage)
        self.book.tips.check_rest()

    def _rest(self) -> None:
        for _ in range(REST_STEPS_MAX):
            if not self._step():
                return
        raise Violation("it does not come to rest")
