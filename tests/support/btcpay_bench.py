"""A double of BTCPay with a store, a key, a client that holds it, and an ear for its webhooks."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from tests.simulators.btcpay.controls import KEYSAT_PERMISSIONS
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.virtual_clock import VirtualClock

BASE_URL = "https://btcpay.test"
HOOK_URL = "https://keysat.test/v1/btcpay/webhook/p1"
SECRET = "topsecret"  # noqa: S105 - of the published test vector
PRICE_SATS = 98_000


class Ear:
    """Receives webhooks; answers the next planned status, 200 when none is planned.

    A planned exception is raised instead of an answer.
    """

    def __init__(self) -> None:
        self.planned: list[int | Exception] = []
        self.heard: list[tuple[str, Mapping[str, str], bytes]] = []
        self.times: list[int] = []
        self.clock: VirtualClock | None = None

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.heard.append((url, headers, body))
        if self.clock is not None:
            self.times.append(self.clock.now())
        answer = self.planned.pop(0) if self.planned else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for _, _, body in self.heard]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


class Bench:
    """``fake`` and all that a test of it needs."""

    def __init__(self, mode: Mode | str = Mode.V2_4, *, is_contract_checked: bool = True) -> None:
        self.clock = VirtualClock()
        self.ear = Ear()
        self.ear.clock = self.clock
        self.fake = FakeBTCPay(
            self.clock, mode=mode, post=self.ear, is_contract_checked=is_contract_checked
        )
        self.store = self.fake.add_store()
        self.root = f"/api/v1/stores/{self.store.id}"
        self.client = self.client_with(self.fake.add_key(self.store.id))

    def client_with(self, key: str) -> httpx.Client:
        headers = {"Authorization": f"token {key}"}
        return httpx.Client(transport=self.fake.transport(), base_url=BASE_URL, headers=headers)

    def key_for(self, *permissions: str) -> httpx.Client:
        return self.client_with(
            self.fake.add_key(self.store.id, permissions=permissions or KEYSAT_PERMISSIONS)
        )

    def register(self, *events: str, **fields: object) -> str:
        """Register a webhook for some events, or for all, and give its id."""
        authorized = {"everything": not events, "specificEvents": list(events)}
        body = {"url": HOOK_URL, "secret": SECRET, "authorizedEvents": authorized, **fields}
        answer = self.client.post(f"{self.root}/webhooks", json=body)
        assert answer.status_code == 200, answer.text
        webhook_id: str = answer.json()["id"]
        return webhook_id

    def create(self, **fields: object) -> str:
        """Create an invoice over ``PRICE_SATS``, changed by ``fields``, and give its id."""
        body = {"amount": "0.00098000", "currency": "BTC", "metadata": {"orderId": "o-1"}}
        answer = self.client.post(f"{self.root}/invoices", json={**body, **fields})
        assert answer.status_code == 200, answer.text
        invoice_id: str = answer.json()["id"]
        return invoice_id

    def read(self, invoice_id: str) -> dict[str, Any]:
        answer = self.client.get(f"{self.root}/invoices/{invoice_id}")
        assert answer.status_code == 200, answer.text
        wire: dict[str, Any] = answer.json()
        return wire

    def state(self, invoice_id: str) -> str:
        """Give status and additional status as ``Status/Additional``."""
        wire = self.read(invoice_id)
        return f"{wire['status']}/{wire['additionalStatus']}"
