"""Two real servers on one database, and what a crowd of clients asks of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Barrier
from typing import Any

import httpx

from tests.support.nursery import Household
from tests.support.program import ADMIN_KEY


@dataclass(kw_only=True)
class Pair:
    """Two servers on one database, and whom to ask."""

    home: Household
    urls: tuple[str, str]
    http: httpx.Client
    addresses: Iterator[int] = field(default_factory=lambda: count(1))

    def post(
        self, server: int, path: str, body: Any = None, *, client: httpx.Client | None = None
    ) -> Any:
        """Send a request from a new address and give the JSON of its answer, a 200."""
        number = next(self.addresses)
        headers = {
            "x-forwarded-for": f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"
        }
        answer = (client or self.http).post(self.urls[server] + path, json=body, headers=headers)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def admin(self, server: int, path: str, body: Any) -> Any:
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        answer = self.http.post(self.urls[server] + path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def issue(self, cap: int) -> tuple[str, str]:
        body = {"product_slug": "widget", "max_machines": cap}
        issued = self.admin(0, "/v1/admin/licenses", body)
        return issued["license_id"], issued["license_key"]


@contextmanager
def open_pair(home: Household) -> Iterator[Pair]:
    """Start two servers that sell ``widget``; they must end well and without a word of trouble."""
    home.command("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    (one, first), (two, second) = home.serve(), home.serve()
    with connected() as http:
        yield Pair(home=home, urls=(first, second), http=http)
    assert (one.end(), two.end()) == (0, 0)
    for child in (one, two):
        assert "Traceback" not in child.said()


@contextmanager
def connected() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20, trust_env=False) as http:
        yield http


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Run all works in threads that start together; an exception in one fails the test."""
    start = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
