"""A real server is killed at seeded points of real sales, and started again on what is left.

A failure names its seed and round; ``pytest tests/simulation/test_killed_server.py -k SEED`` takes
the same path again, as far as threads let it.
"""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import httpx
import pytest

from tests.support.fault_plan import Act, FaultPlan, Site
from tests.support.light_folder import light_folder
from tests.support.nursery import Child, Household, Nursery, open_nursery
from tests.support.sale_driver import SEATS, Client, Lost, Sale
from tests.support.sale_evidence import assert_all_is_delivered, assert_it_fits, gather

SEEDS: Final = range(8)
KILLS_PER_SEED: Final = 25

POINTS: Final = (
    (Site.STATEMENT, 44),
    (Site.COMMIT, 18),
    (Site.COMMITTED, 18),
    (Site.ASKING, 9),
    (Site.ASKED, 9),
    (Site.ANSWER, 18),
    (Site.BOOKS, 24),
    (Site.SYNC, 18),
    (Site.ACTIVITY, 4),
    (Site.LOG, 340),
    (Site.FILE, 50),
)
"""Where to die, and about how often one sale passes by; the main file is written once in a while."""

WEIGHTS: Final = (5, 3, 3, 2, 2, 4, 4, 2, 2, 6, 1)

AT_START: Final = Site.LOG | Site.FILE | Site.BOOKS | Site.SYNC
"""What a start passes by too."""

SALES_MAX: Final = 40
"""More sales than between two checkpoints: by then every point was passed."""

UNPAID_EVERY: Final = 4

EARLY: Final = 0.25
"""Part of the points that is counted from the start of the process."""

HEAD_START_SECONDS: Final = 61
"""One start's clock is ahead of the one before by more than any wait of ours for a lost process."""

STORMS: Final = 8
BUYERS: Final = 4


@dataclass(kw_only=True)
class Chronicle:
    """A shop that is killed again and again."""

    home: Household
    plan: FaultPlan
    random: Random
    story: list[str] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)

    def serve(self) -> tuple[Child, str]:
        self.plan.turn(HEAD_START_SECONDS)
        return self.home.serve("faulty server", str(self.home.folder / "plan"))

    def sale(self) -> Sale:
        """Give the sale that is under way, else a new one."""
        if not self.sales or self.sales[-1].is_done:
            number = len(self.sales)
            is_paid = number % UNPAID_EVERY != UNPAID_EVERY - 1
            self.sales.append(Sale(name=f"buyer-{number}", is_paid=is_paid))
        return self.sales[-1]

    def live_until_killed(self) -> None:
        """Start a server that will die at a point of the seed's choice, and sell until it does."""
        ((site, passes),) = self.random.choices(POINTS, WEIGHTS)
        act = (
            self.random.choice((Act.KILL, Act.TEAR)) if site & (Site.LOG | Site.FILE) else Act.KILL
        )
        after = self.random.randint(1, passes)
        is_early = bool(site & AT_START) and self.random.random() < EARLY
        self.story.append(f"{act.name} at {site.name} {after}{' from the start' * is_early}")
        if is_early:
            self.plan.arm(site, act, after=after)
        child, url = self.serve()
        if url:
            assert_it_fits(gather(self.home.db_path, self.home.books_path))
            if not is_early:
                self.plan.arm(site, act, after=after)
            self._sell_until_lost(url)
        assert child.wait() == -signal.SIGKILL, child.said()
        self.plan.disarm()

    def finish(self) -> None:
        """Start a server that lives, finish what is under way, and look at everything."""
        child, url = self.serve()
        with connected(url) as client:
            for sale in self.sales:
                sale.go_on(client)
            evidence = gather(self.home.db_path, self.home.books_path)
            assert_all_is_delivered(evidence)
            assert evidence.paid == {sale.invoice_id for sale in self.sales if sale.is_paid}
            assert set(evidence.invoices) == {sale.invoice_id for sale in self.sales}
            for sale in self.sales:
                sale.check(client)
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait() == 0, child.said()
        assert_all_is_delivered(gather(self.home.db_path, self.home.books_path))

    def _sell_until_lost(self, url: str) -> None:
        with connected(url) as client:
            for _ in range(SALES_MAX):
                try:
                    self.sale().go_on(client)
                except Lost:
                    return
        raise AssertionError("the point was never passed")


@contextmanager
def connected(url: str) -> Iterator[Client]:
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
        yield Client(http=http)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with open_nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with light_folder(tmp_path) as folder:
        yield folder


def begin(nursery: Nursery, folder: Path, seed: int) -> Chronicle:
    home = Household(nursery=nursery, folder=folder)
    home.command("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    home.command("policy", "create", "widget/pro", "--name", "Pro", "--max-machines", str(SEATS))
    return Chronicle(home=home, plan=FaultPlan(folder / "plan"), random=Random(seed))  # noqa: S311


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_killed_at_any_point_of_a_sale_loses_and_doubles_nothing(
    nursery: Nursery, folder: Path, seed: int
) -> None:
    chronicle = begin(nursery, folder, seed)
    try:
        for _ in range(KILLS_PER_SEED):
            chronicle.live_until_killed()
        chronicle.finish()
    except BaseException as failure:
        failure.add_note(f"seed {seed}, life {len(chronicle.story)}: {chronicle.story}")
        raise


def test_a_server_killed_at_any_moment_under_load_loses_and_doubles_nothing(
    nursery: Nursery, folder: Path
) -> None:
    chronicle = begin(nursery, folder, 2_026)
    for storm in range(STORMS):
        child, url = chronicle.serve()
        assert_it_fits(gather(chronicle.home.db_path, chronicle.home.books_path))
        with ThreadPoolExecutor(BUYERS) as pool:
            buying = [pool.submit(buy, url, f"storm-{storm}-{number}") for number in range(BUYERS)]
            time.sleep(chronicle.random.uniform(0.02, 0.5))
            os.kill(child.pid, signal.SIGKILL)
            for future in buying:
                chronicle.sales += future.result(timeout=30)
        assert child.wait() == -signal.SIGKILL
    chronicle.finish()


def buy(url: str, name: str) -> list[Sale]:
    """Buy one thing after the other until the server is gone."""
    sales: list[Sale] = []
    with connected(url) as client:
        while True:
            sales.append(Sale(name=f"{name}-{len(sales)}", is_paid=len(sales) % 2 == 0))
            try:
                sales[-1].go_on(client)
            except Lost:
                return sales
