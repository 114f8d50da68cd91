"""A backup taken while everybody buys, issues and validates is a shop to go on with."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import httpx
import msgspec
import pytest

from tests.support.live_server import LiveServer, live_server
from tests.support.program import ADMIN_KEY, Program, shop_with_a_tier
from tests.support.stocked import run

BACKUPS: Final = 2
KEYS_BEFORE: Final = 20
"""Keys there must be of each kind before the first backup begins, so that it has something to keep."""


@dataclass(kw_only=True)
class Crowd:
    """Buyers, an operator and sold software that never rest until told."""

    url: str
    issued: list[str] = field(default_factory=list)
    bought: list[str] = field(default_factory=list)
    validated: int = 0
    stopped: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    is_busy: Event = field(default_factory=Event)

    def known(self) -> list[str]:
        with self.lock:
            return [*self.issued, *self.bought]

    def issue(self, client: "Caller") -> None:
        key = client.admin("/v1/admin/licenses", {"product_slug": "widget"})["license_key"]
        with self.lock:
            self.issued.append(key)

    def buy(self, client: "Caller") -> None:
        sale = client.post("/v1/purchase", {"product": "widget", "policy_slug": "pro"})
        client.pay(sale["btcpay_invoice_id"])
        for _ in range(400):
            key = client.get(f"/v1/purchase/{sale['invoice_id']}").get("license_key")
            if key:
                with self.lock:
                    self.bought.append(key)
                return
            self.stopped.wait(0.05)

    def validate(self, client: "Caller") -> None:
        keys = self.known()
        if not keys:
            self.stopped.wait(0.05)
            return
        key = keys[self.validated % len(keys)]
        assert client.post("/v1/validate", {"key": key, "fingerprint": key[-9:]})["ok"] is True
        self.validated += 1

    def work(self, name: str, number: int) -> None:
        action: Callable[[Caller], None] = getattr(self, name)
        with httpx.Client(base_url=self.url, timeout=20, trust_env=False) as client:
            caller = Caller(client=client, number=number)
            while not self.stopped.is_set():
                action(caller)
                if min(len(self.issued), len(self.bought)) >= KEYS_BEFORE:
                    self.is_busy.set()


@dataclass(kw_only=True)
class Caller:
    """Sends requests, each from an address of its own, so that nobody is asked to slow down."""

    client: httpx.Client
    number: int
    calls: Iterator[int] = field(default_factory=count)

    def get(self, path: str) -> Any:
        return self._answer(self.client.get(path, headers=self._from()))

    def post(self, path: str, body: dict[str, str]) -> Any:
        return self._answer(self.client.post(path, json=body, headers=self._from()))

    def admin(self, path: str, body: dict[str, str]) -> Any:
        headers = {"authorization": f"Bearer {ADMIN_KEY}"} | self._from()
        return self._answer(self.client.post(path, json=body, headers=headers))

    def pay(self, provider_invoice_id: str) -> None:
        path = f"/sandbox/checkout/{provider_invoice_id}/pay"
        assert self.client.post(path, headers=self._from()).status_code == 303

    def _from(self) -> dict[str, str]:
        call = next(self.calls)
        return {"x-forwarded-for": f"100.{64 + self.number}.{call // 250 % 250}.{call % 250}"}

    @staticmethod
    def _answer(answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def crowded(server: LiveServer) -> Iterator[Crowd]:
    crowd = Crowd(url=server.url)
    work = ["issue", "buy", "buy", "validate", "validate"]
    with ThreadPoolExecutor(len(work)) as pool:
        running = [pool.submit(crowd.work, name, number) for number, name in enumerate(work)]
        try:
            yield crowd
        finally:
            crowd.stopped.set()
        for future in running:
            future.result()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop whose database takes many steps to copy."""
    folder = tmp_path / "shop"
    folder.mkdir()
    shop_with_a_tier(folder)
    run(
        folder / "keysat.db",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
        " INSERT INTO settings SELECT 'setting ' || i, hex(randomblob(500)), 1 FROM n",
    )
    return folder


def test_every_key_from_before_a_backup_validates_on_it(shop: Path, tmp_path: Path) -> None:
    taken: list[tuple[Path, list[str]]] = []
    with live_server(shop, KEYSAT_BEHIND_PROXY="1") as server:
        with crowded(server) as crowd:
            assert crowd.is_busy.wait(60)
            for number in range(BACKUPS):
                before = crowd.known()
                path = tmp_path / f"backup-{number}.db"
                done = server.program.process("backup", "--to", str(path), "--json")
                assert done.returncode == 0, done.stderr
                assert msgspec.json.decode(done.stdout)["activity_path"] is not None
                taken.append((path, before))
                assert len(crowd.known()) > len(before)
        assert server.program.process("verify").returncode == 0
        assert server.stop() == 0
    for path, keys in taken:
        assert len(keys) >= 2 * KEYS_BEFORE
        go_on(path, keys, tmp_path / f"shop-{path.stem}")


def go_on(backup: Path, keys: list[str], folder: Path) -> None:
    folder.mkdir()
    program = Program(folder=folder)
    assert program.process("verify", str(backup)).returncode == 0
    assert program.process("restore", str(backup)).returncode == 0
    assert program.process("verify").returncode == 0
    with live_server(folder, KEYSAT_BEHIND_PROXY="1") as server:
        caller = Caller(client=server.client, number=99)
        refused = [key for key in keys if not caller.post("/v1/validate", {"key": key})["ok"]]
        assert refused == []
        assert server.stop() == 0
    shutil.rmtree(folder)
