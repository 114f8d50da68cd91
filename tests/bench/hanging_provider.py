"""What a payment provider that hangs costs everybody else.

A real server sells through the double of BTCPay on a loopback port. While the double accepts calls
and never answers them, validations are counted against those of the same server a moment before;
buyers are counted by how long they wait for their refusal. It takes about six minutes.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any, Final

import httpx
import msgspec

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.forgeries import forged
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock
from tests.support.hanging_double import HangingDouble
from tests.support.live_server import free_port
from tests.support.load import Measured, cores, pinned_server, post_load, require_wrk, settings_of
from tests.support.many_licenses import make_shop
from tests.support.performance_page import keep_result, rows

KEYS: Final = 10_000
ROUNDS: Final = 9
RECONCILE_ROUNDS: Final = 3
"""Each waits for the server's next round over due invoices, up to a minute."""

SECONDS: Final = 2.0
WARM_SECONDS: Final = 1.0
"""Load before each round that does not count, so that all begin alike."""

HANG_SECONDS: Final = 60.0
BUYERS: Final = 32
"""Twice the threads an account has, so that half of them wait for one."""

SETTLE_SECONDS: Final = 1.5
PACE_SECONDS: Final = 0.25
DEADLINE_SECONDS: Final = 8.0
ADMIN: Final = {"authorization": "Bearer an-admin-key-of-more-than-32-bytes"}


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Validations in a second of the clock, and in a second of the server's processor time.

    The latter hardly knows what else the machine does; the former would show waiting, too.
    """

    per_second: float
    per_processor_second: float


class Shop:
    """The server, the double it is paid at, and how to reach both."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.core = cores()
        # The double and the buyers live in this process, away from the server's core.
        os.sched_setaffinity(0, {self.core.load})
        self.questions = folder / "shop.questions"
        self.database = folder / "shop.db"
        make_shop(self.database, licenses=KEYS, seated=KEYS, questions=self.questions)
        clock = WallClock()
        stack.callback(clock.close)
        self.fake = FakeBTCPay(clock, is_contract_checked=False, entries_max=0)
        self.fake.add_store()
        self.double = HangingDouble(self.fake)
        stack.callback(self.double.let_go)
        btcpay_url = stack.enter_context(serving(self.double))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] = stack.enter_context(
            pinned_server(
                ("-m", "keysat_cli", "serve"),
                folder=folder,
                port=self.port,
                path="/readyz",
                core=self.core.server,
                **settings_of(self.database, self.port),
                BTCPAY_URL=btcpay_url,
            )
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self._client = httpx.Client(
            base_url=self.url, timeout=60, trust_env=False, limits=httpx.Limits(max_connections=256)
        )
        stack.callback(self._client.close)
        self._connect()

    def _connect(self) -> None:
        link = self.admin("POST", "/v1/admin/btcpay/connect", {})
        form = self.fake.approve(link["authorize_url"])
        headers = {"content-type": "application/x-www-form-urlencoded"}
        self._client.post(form.target, content=form.body, headers=headers).raise_for_status()

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body, headers=ADMIN)
        return answer.raise_for_status().json()

    def buy(self) -> tuple[int, float, str]:
        """Try to buy, and give the status, the seconds it took and the invoice if there is one."""
        began = time.perf_counter()
        answer = self._client.post("/v1/purchase", json={"product": "app"})
        took = time.perf_counter() - began
        return answer.status_code, took, answer.json().get("invoice_id", "")

    def claim_paid(self, provider_invoice_id: str) -> tuple[int, float, str]:
        """Send a signed webhook that claims a payment, as if BTCPay did."""
        (webhook,) = self.fake.webhooks()
        said = forged(self.fake.world, webhook, "InvoiceSettled", provider_invoice_id)
        began = time.perf_counter()
        answer = self._client.post(said.url, headers=dict(said.headers), content=said.body)
        return answer.status_code, time.perf_counter() - began, ""

    def validations(self) -> "Pace":
        """Ask for validations for a while and give how fast they were answered."""
        self._load(WARM_SECONDS)
        before = self._processor_seconds()
        measured = self._load(SECONDS)
        if measured.bad:
            sys.exit(f"{measured.bad} validations failed; nothing here can be trusted")
        processor_seconds = self._processor_seconds() - before
        return Pace(
            per_second=measured.per_second,
            per_processor_second=measured.requests / processor_seconds,
        )

    def _load(self, seconds: float) -> Measured:
        return post_load(
            self.port, "/v1/validate", self.questions, core=self.core.load, seconds=seconds
        )

    def _processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def left_over(self) -> tuple[int, int]:
        """How many invoices are open that BTCPay was never heard to know, and how many were sold."""
        with closing(sqlite3.connect(self.database)) as database:
            (unasked,) = database.execute(
                "SELECT count(*) FROM invoices WHERE status = 'pending' AND provider_invoice_id IS NULL"
            ).fetchone()
            (sold,) = database.execute(
                "SELECT count(*) FROM licenses WHERE invoice_id IS NOT NULL"
            ).fetchone()
        return unasked, sold

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))  # noqa: PTH208  a pseudo file


class Crowd:
    """People who do the same thing again and again until they are sent away."""

    def __init__(self, size: int, act: Callable[[int], tuple[int, float, str]]) -> None:
        self.seen: list[tuple[int, float]] = []
        self._act = act
        self._is_over = Event()
        self._threads = [
            Thread(target=self._go_on, args=(number,), daemon=True) for number in range(size)
        ]

    def _go_on(self, number: int) -> None:
        while not self._is_over.is_set():
            status, took, _ = self._act(number)
            self.seen.append((status, took))
            self._is_over.wait(PACE_SECONDS)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()

    def leave(self) -> None:
        for thread in self._threads:
            thread.join()


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait and give the seconds it took."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            sys.exit(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - began


class Compared:
    """The pace of validations, in turn without anything and while something hangs."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.normal = [shop.validations()]
        self.hanging: list[Pace] = []

    def add_round(self) -> None:
        """Measure while it hangs."""
        self.hanging.append(self._shop.validations())

    def add_normal(self) -> None:
        """Measure after it was let go and all that waited is done."""
        time.sleep(SETTLE_SECONDS)
        self.normal.append(self._shop.validations())

    def row(self, name: str) -> tuple[str, ...]:
        """Tell the pace while it hangs, and what that is of the pace without."""
        rate = f"{median(pace.per_second for pace in self.hanging):.0f} validations/s"
        by_clock = self._ratios(lambda pace: pace.per_second)
        by_processor = self._ratios(lambda pace: pace.per_processor_second)
        return name, rate, _spread(by_clock), _spread(by_processor), "≥ 0.90"

    def _ratios(self, pace_of: Callable[[Pace], float]) -> list[float]:
        """Hold each round against its two neighbors, so that a slow drift does not count."""
        return [
            pace_of(round_) * 2 / (pace_of(before) + pace_of(after))
            for round_, (before, after) in zip(self.hanging, pairwise(self.normal), strict=True)
        ]


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def compare_with_a_crowd(
    shop: Shop, operation: str, act: Callable[[int], tuple[int, float, str]]
) -> Compared:
    """Alternate rounds without anything and rounds in which a crowd's calls hang."""
    compared = Compared(shop)
    for _ in range(ROUNDS):
        shop.double.hang(operation)
        crowd = Crowd(BUYERS, act)
        with crowd.at_work():
            wait_until(lambda: shop.double.held >= BUYERS // 2, seconds=20, what="a full hang")
            compared.add_round()
        shop.double.let_go()
        crowd.leave()
        compared.add_normal()
    return compared


def compare_with_the_reconciler(shop: Shop) -> Compared:
    """The same while the server's own round over due invoices hangs."""
    compared = Compared(shop)
    for _ in range(RECONCILE_ROUNDS):
        shop.double.hang("get_invoice")
        wait_until(lambda: shop.double.held > 0, seconds=150, what="a round of the reconciler")
        compared.add_round()
        shop.double.let_go()
        compared.add_normal()
    return compared


def a_minute_of_hanging(shop: Shop) -> list[tuple[str, str, str, str, str]]:
    """Let buyers try for a minute, then see that everything is as before."""
    threads_before = shop.threads()
    shop.double.hang("create_invoice", "get_invoice", "list_invoices")
    crowd = Crowd(BUYERS, lambda _: shop.buy())
    with crowd.at_work():
        time.sleep(HANG_SECONDS)
        threads_at_most = shop.threads()
    crowd.leave()
    refused = [took for status, took in crowd.seen if status == httpx.codes.BAD_GATEWAY]
    shop.double.behave()
    ended = time.monotonic()
    # What hangs already is left hanging: our own deadline has to end it.
    works_again = wait_until(lambda: shop.buy()[0] == httpx.codes.OK, seconds=30, what="a sale")
    wait_until(
        lambda: shop.threads() <= threads_before + 2, seconds=60, what="the end of the threads"
    )
    threads_end = time.monotonic() - ended
    unasked, licenses = shop.left_over()
    share = len(refused) / max(1, len(crowd.seen))
    return [
        ("purchases while it hangs", str(len(crowd.seen)), "", "", ""),
        ("of them ended in 502", f"{share:.2f}", "", "", "1.00"),
        ("slowest of them", f"{max(refused):.2f} s", "", "", f"≤ {DEADLINE_SECONDS:.0f} s"),
        ("median of them", f"{median(refused):.2f} s", "", "", ""),
        ("sells again after the hang", f"{works_again:.1f} s", "", "", "≤ 16 s"),
        ("threads before and within", f"{threads_before}, {threads_at_most}", "", "", ""),
        ("threads as before after the hang", f"{threads_end:.0f} s", "", "", "≤ 16 s"),
        ("invoices the reconciler has to look up", str(unasked), "", "", ""),
        ("licenses issued", str(licenses), "", "", "0"),
    ]


def main() -> None:
    require_wrk()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        shop = Shop(Path(name), stack)
        shop.validations()
        with ThreadPoolExecutor(4) as pool:
            bought = [done.result() for done in [pool.submit(shop.buy) for _ in range(BUYERS)]]
        assert all(status == httpx.codes.OK for status, _, _ in bought)
        claimed = [invoice.id for invoice in shop.fake.invoices()]
        cells = [
            compare_with_a_crowd(shop, "create_invoice", lambda _: shop.buy()).row(
                "32 buyers' purchases hang"
            ),
            compare_with_a_crowd(
                shop, "get_invoice", lambda number: shop.claim_paid(claimed[number])
            ).row("looks because of 32 webhooks hang"),
            compare_with_the_reconciler(shop).row("the reconciler's calls hang"),
            *a_minute_of_hanging(shop),
        ]
        heading = ("while it hangs", "", "of normal, by the clock", "by processor time", "must be")
        keep_result("hanging_provider", rows(heading, cells))


if __name__ == "__main__":
    main()
