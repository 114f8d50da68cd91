"""A plain client of the Zaprite double, as a merchant's server would have one."""

from typing import Any

import httpx

from tests.simulators.zaprite.fake_zaprite import BASE_URL, FakeZaprite


class ZapriteCaller:
    """Calls with one key; the live organization's unless told otherwise."""

    def __init__(self, zaprite: FakeZaprite, key: str | None = None) -> None:
        authorization = f"Bearer {zaprite.live.api_key if key is None else key}"
        self.client = httpx.Client(
            base_url=BASE_URL,
            transport=zaprite.transport(),
            headers={"authorization": authorization},
        )

    def get(self, path: str, **query: str | int) -> httpx.Response:
        return self.client.get(path, params=query or None)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.client.post(path, json=body)

    def order(self, **changes: Any) -> str:
        """Create an order of 10 USD and give its id."""
        answer = self.post("/v1/orders", **{"amount": 1_000, "currency": "USD", **changes})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def contact(self) -> str:
        """Create a contact and give its id."""
        answer = self.post("/v1/contacts", legalName="Ada", email="ada@example.com")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def read(self, order: str) -> dict[str, Any]:
        """Read an order."""
        answer = self.get(f"/v1/orders/{order}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
