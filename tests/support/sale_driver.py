"""A buyer and the software bought, over HTTP: every step is repeated until it has been answered."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

PATIENCE_SECONDS: Final = 20.0
GLANCE_SECONDS: Final = 0.004

SEATS: Final = 2
"""Seats of the tier that is bought."""


class Lost(Exception):
    """The server went away; whether it did what it was asked is unknown."""


@dataclass(kw_only=True)
class Client:
    """Speaks to one server. ``refusals`` are statuses that only put a request off."""

    http: httpx.Client
    refusals: frozenset[int] = frozenset()

    def send(
        self, method: str, path: str, body: Any = None, *, wanted: int = 200, key: str = ""
    ) -> Any:
        """Send a request and give the JSON of its answer.

        Raises:
            Lost: no answer, or one that only puts it off.
        """
        headers = {"idempotency-key": key} if key else {}
        try:
            answer = self.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as exc:
            raise Lost from exc
        if answer.status_code in self.refusals:
            raise Lost
        assert answer.status_code == wanted, (path, answer.status_code, answer.text)
        return answer.json() if wanted == 200 else None


@dataclass(kw_only=True)
class Sale:
    """One purchase with what follows; ``go_on`` takes up where the last client was lost."""

    name: str
    is_paid: bool = True
    invoice_id: str = ""
    provider_invoice_id: str = ""
    key: str = ""
    machine_ids: dict[str, str] = field(default_factory=dict)
    steps_done: int = 0

    @property
    def is_done(self) -> bool:
        return self.steps_done == len(list(self._steps()))

    def go_on(self, client: Client) -> None:
        """Do the steps that are left.

        Raises:
            Lost: in the middle of one, which is repeated the next time.
        """
        for step in list(self._steps())[self.steps_done :]:
            step(client)
            self.steps_done += 1

    def _steps(self) -> Iterator[Callable[[Client], None]]:
        yield self._open
        if not self.is_paid:
            yield self._see_that_nothing_came
            return
        yield self._pay
        yield self._wait
        yield self._seat("one")
        yield self._seat("two")
        yield self._be_refused
        yield self._beat
        yield self._leave
        yield self._seat("three")

    def _open(self, client: Client) -> None:
        body = {"product": "widget", "policy_slug": "pro", "buyer_email": f"{self.name}@b.example"}
        key = f"the-purchase-of-{self.name}"
        answer = client.send("POST", "/v1/purchase", body, key=key)
        assert answer["checkout_url"]
        assert self.invoice_id in {"", answer["invoice_id"]}
        self.invoice_id = answer["invoice_id"]
        self.provider_invoice_id = answer["btcpay_invoice_id"]

    def _pay(self, client: Client) -> None:
        path = f"/sandbox/checkout/{self.provider_invoice_id}/pay"
        client.send("POST", path, wanted=303)

    def _wait(self, client: Client) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.key:
            answer = self.poll(client)
            assert answer["status"] in {"pending", "settled"}, answer
            self.key = answer["license_key"] or ""
            assert time.monotonic() < deadline, f"no license for the paid invoice of {self.name}"
            time.sleep(0 if self.key else GLANCE_SECONDS)

    def _see_that_nothing_came(self, client: Client) -> None:
        answer = self.poll(client)
        assert (answer["license_key"], answer["license_id"]) == (None, None)

    def _seat(self, machine: str) -> Callable[[Client], None]:
        def seat(client: Client) -> None:
            path = "/v1/machines/activate" if machine == "two" else "/v1/validate"
            answer = client.send("POST", path, self._from(machine))
            assert answer["ok"] is True, answer
            assert answer["machine_id"] == self.machine_ids.get(machine, answer["machine_id"])
            self.machine_ids[machine] = answer["machine_id"]

        return seat

    def _be_refused(self, client: Client) -> None:
        answer = client.send("POST", "/v1/validate", self._from("three"))
        assert answer["reason"] == "too_many_machines", answer

    def _beat(self, client: Client) -> None:
        answer = client.send("POST", "/v1/machines/heartbeat", self._from("one"))
        assert answer == {"ok": True, "machine_id": self.machine_ids["one"]}

    def _leave(self, client: Client) -> None:
        answer = client.send("POST", "/v1/machines/deactivate", self._from("two"))
        # The second is what a repeat is told.
        assert answer in ({"ok": True}, {"ok": False, "reason": "not_found"}), answer
        self.machine_ids.pop("two")

    def poll(self, client: Client) -> Any:
        return client.send("GET", f"/v1/purchase/{self.invoice_id}")

    def check(self, client: Client) -> None:
        """See that everything the buyer was ever told still holds."""
        answer = self.poll(client)
        if not self.is_paid:
            assert answer["license_id"] is None
            return
        assert (answer["status"], answer["license_key"]) == ("settled", self.key)
        for machine, machine_id in self.machine_ids.items():
            seen = client.send("POST", "/v1/validate", self._from(machine))
            assert (seen["ok"], seen["machine_id"]) == (True, machine_id)
        assert set(self.machine_ids) == {"one", "three"}
        self._be_refused_a_fourth(client)

    def _be_refused_a_fourth(self, client: Client) -> None:
        answer = client.send("POST", "/v1/validate", self._from("four"))
        assert answer["reason"] == "too_many_machines"

    def _from(self, machine: str) -> dict[str, str]:
        return {"key": self.key, "fingerprint": f"{self.name} {machine}"}
