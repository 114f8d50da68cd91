"""The disk under a real server fills up or breaks at every write, and recovers, without a restart."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw
import httpx
import pytest

from keysat_core.limits import PURCHASE_DEADLINE_SECONDS
from tests.support.fault_plan import Act, FaultPlan, Site
from tests.support.light_folder import light_folder
from tests.support.nursery import Child, Household, Nursery, open_nursery
from tests.support.program import ADMIN_KEY
from tests.support.sale_evidence import assert_all_is_delivered, assert_it_fits, gather
from tests.support.sandbox_webhook import sandbox_webhook

WRITES_MAX: Final = 200
"""More writes than any one request makes."""

FAILURES_MIN: Final = 2
"""A request that writes can fail at more places than this, or the faults are not where they seem."""

PATIENCE_SECONDS: Final = 20.0

MAIN: Final = Site.LOG | Site.SYNC


@dataclass(kw_only=True)
class Shop:
    """A server whose disk the test holds in its hand."""

    home: Household
    child: Child
    plan: FaultPlan
    http: httpx.Client

    def send(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.http.post(path, json=body, headers=headers)

    def admin(self, path: str, body: Any = None) -> httpx.Response:
        return self.send(path, body, authorization=f"Bearer {ADMIN_KEY}")

    def webhook(self, provider_invoice_id: str) -> httpx.Response:
        """Deliver what the provider would, as the provider would sign it."""
        webhook = sandbox_webhook(self.home, provider_invoice_id)
        return self.http.post(webhook.path, content=webhook.body, headers=webhook.headers)

    def at_every_write(
        self, request: Callable[[], httpx.Response], sites: Site, act: Act, *, status: int
    ) -> tuple[httpx.Response, int]:
        """Let the disk fail at the first write of a request, then at the second, until it succeeds.

        Every failure must be answered by the envelope with this status, and leave nothing half
        done. Give the answer and how many failures there were.
        """
        for number in range(1, WRITES_MAX):
            # So that no rate limit counts these.
            self.plan.turn(1)
            self.plan.arm(sites, act, after=number)
            answer = request()
            failures = self.plan.disarm()
            if answer.status_code == 409:
                assert answer.json()["code"] == "request_in_flight"
                self.plan.turn(PURCHASE_DEADLINE_SECONDS)
                continue
            if answer.status_code != status:
                assert answer.is_success or answer.is_redirect, answer.text
                return answer, number - 1
            assert failures >= number
            assert_says_so(answer, status)
            assert_it_fits(gather(self.home.db_path, self.home.books_path))
        raise AssertionError("it never succeeded")

    def notes(self) -> int:
        """Count the validations that were written."""
        with closing(apsw.Connection(str(self.home.activity_path))) as log:
            ((count,),) = log.execute("SELECT count(*) FROM validations").fetchall()
        return int(str(count))


def assert_says_so(answer: httpx.Response, status: int) -> None:
    body = answer.json()
    assert body["ok"] is False
    if status == 503:
        assert body["error"] == "service_unavailable"
        assert body["message"] == "service unavailable: the database cannot be used right now"
        assert int(answer.headers["retry-after"]) > 0
    else:
        assert body["error"] == "upstream_error"
        assert "nothing was charged" in body["message"]
    assert body["request_id"]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with open_nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@contextmanager
def running(nursery: Nursery, folder: Path) -> Iterator[Shop]:
    home = Household(nursery=nursery, folder=folder)
    home.command("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    plan = FaultPlan(folder / "plan")
    child, url = home.serve("faulty server", str(folder / "plan"), "silent")
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
        yield Shop(home=home, child=child, plan=plan, http=http)
    child.end()


@pytest.fixture
def shop(nursery: Nursery, tmp_path: Path) -> Iterator[Shop]:
    with light_folder(tmp_path) as folder, running(nursery, folder) as shop:
        yield shop


@pytest.mark.parametrize("act", [Act.FULL, Act.READ_ONLY, Act.BROKEN])
def test_a_disk_that_fails_at_any_write_of_a_sale_costs_only_the_time_it_fails(
    shop: Shop, act: Act
) -> None:
    def each(request: Callable[[], httpx.Response]) -> Any:
        answer, failures = shop.at_every_write(request, MAIN, act, status=503)
        assert failures > FAILURES_MIN
        return answer.json() if answer.content else None

    body = {"product": "widget", "buyer_email": "b@example.com"}
    headers = {"idempotency-key": "the-purchase-of-this-test"}
    sold = each(lambda: shop.send("/v1/purchase", body, **headers))
    shop.send(f"/sandbox/checkout/{sold['btcpay_invoice_id']}/pay")
    key = settle_at_every_write(shop, sold, act)
    one, two = {"key": key, "fingerprint": "one"}, {"key": key, "fingerprint": "two"}
    assert each(lambda: shop.send("/v1/validate", one))["ok"] is True
    assert each(lambda: shop.send("/v1/machines/deactivate", one))["ok"] is True
    assert each(lambda: shop.send("/v1/machines/activate", two))["ok"] is True
    license_id = each(lambda: shop.admin("/v1/admin/licenses", {"product_slug": "widget"}))
    path = f"/v1/admin/licenses/{license_id['license_id']}/revoke"
    each(lambda: shop.admin(path, {"reason": "tried out"}))
    evidence = gather(shop.home.db_path, shop.home.books_path)
    assert_all_is_delivered(evidence)
    assert len(evidence.licensed) == len(evidence.invoices) == 1
    said = shop.child.said()
    assert {Act.FULL: "disk is full", Act.READ_ONLY: "is read-only", Act.BROKEN: "disk failed"}[
        act
    ] in said


def settle_at_every_write(shop: Shop, sold: Any, act: Act) -> str:
    """Deliver the webhook of a paid invoice, failing at each write, until there is a key.

    A webhook that was kept is a success, even if the settling behind it has to wait for the worker.
    """
    for number in range(1, WRITES_MAX):
        shop.plan.arm(MAIN, act, after=number)
        answer = shop.webhook(sold["btcpay_invoice_id"])
        shop.plan.disarm()
        assert answer.status_code in {200, 503}, answer.text
        assert_it_fits(gather(shop.home.db_path, shop.home.books_path))
        told = shop.http.get(f"/v1/purchase/{sold['invoice_id']}").json()
        assert (told["status"] == "settled") is (told["license_key"] is not None)
        if told["license_key"]:
            assert number > FAILURES_MIN
            return str(told["license_key"])
    raise AssertionError("it never settled")


def test_a_full_disk_under_the_validation_log_fails_no_validation_and_loses_none(
    shop: Shop,
) -> None:
    key = shop.admin("/v1/admin/licenses", {"product_slug": "widget"}).json()["license_key"]
    asks = 0
    for number in range(1, 6):
        shop.plan.arm(Site.ACTIVITY, Act.FULL, after=number)
        for _ in range(3):
            assert (
                shop.send("/v1/validate", {"key": key, "fingerprint": "one"}).json()["ok"] is True
            )
            asks += 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while shop.plan.seen < number and time.monotonic() < deadline:
            time.sleep(0.01)
        assert shop.plan.disarm() >= number
    assert shop.child.end() == 0
    assert "activity_unwritable" in shop.child.said()
    assert shop.notes() == asks, shop.child.said()


def test_a_full_disk_under_the_providers_books_is_the_providers_failure(shop: Shop) -> None:
    headers = {"idempotency-key": "the-purchase-of-this-test"}
    sold, failures = shop.at_every_write(
        lambda: shop.send("/v1/purchase", {"product": "widget"}, **headers),
        Site.BOOKS,
        Act.FULL,
        status=502,
    )
    assert failures > 0
    path = f"/sandbox/checkout/{sold.json()['btcpay_invoice_id']}/pay"
    _, failures = shop.at_every_write(lambda: shop.send(path), Site.BOOKS, Act.FULL, status=502)
    assert failures > FAILURES_MIN
    assert shop.webhook(sold.json()["btcpay_invoice_id"]).is_success
    assert_all_is_delivered(gather(shop.home.db_path, shop.home.books_path))


def test_a_real_server_on_a_really_full_disk_says_so_and_goes_on_when_there_is_room(
    nursery: Nursery, tmp_path: Path
) -> None:
    """The system refuses to let any file of the process grow, its log included."""
    home = Household(nursery=nursery, folder=tmp_path)
    home.command("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    child, url = home.serve()
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
        before = http.post("/v1/purchase", json={"product": "widget"}).json()
        key = issue(http)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1, hard))
        for _ in range(20):
            refused = http.post("/v1/purchase", json={"product": "widget"})
            assert refused.status_code == 503, refused.text
            assert_says_so(refused, 503)
            refused = http.post("/v1/validate", json={"key": key, "fingerprint": "one"})
            assert_says_so(refused, 503)
            assert http.post("/v1/validate", json={"key": key}).json()["ok"] is True
            assert http.get(f"/v1/purchase/{before['invoice_id']}").json()["status"] == "pending"
        assert_it_fits(gather(home.db_path, home.books_path))
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert http.post("/v1/validate", json={"key": key, "fingerprint": "one"}).json()["ok"]
        sold = http.post("/v1/purchase", json={"product": "widget"}).json()
        http.post(f"/sandbox/checkout/{sold['btcpay_invoice_id']}/pay")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while http.get(f"/v1/purchase/{sold['invoice_id']}").json()["license_key"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert child.end() == 0, child.said()
    assert_all_is_delivered(gather(home.db_path, home.books_path))


def issue(http: httpx.Client) -> str:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    issued = http.post("/v1/admin/licenses", json={"product_slug": "widget"}, headers=headers)
    return str(issued.json()["license_key"])
