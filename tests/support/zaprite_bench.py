"""An organization at the double of Zaprite, and the adapter that sells through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite.gate import Zaprite
from keysat_adapters.zaprite.provider import ZapriteProvider
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.secret import Secret
from tests.contract.payment_provider_contract import order
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.builders import make_account

BASE: Final = "https://api.zaprite.example"


class ZapriteBench:
    """An organization at the double, and the adapter that sells through it."""

    def __init__(self, **how: Any) -> None:
        self.sent: list[tuple[dict[str, str], bytes]] = []
        self.clock = VirtualClock()
        self.fake = FakeZaprite(self.clock, post=self._post, **how)
        self.fake.add_webhook("https://shop.example/w", self.fake.live)
        self.key = self.fake.live.api_key
        self.sender = HTTPSender(transport=self.fake.transport())
        self.zaprite = Zaprite(self.sender, clock=self.clock)
        self.account = make_account(
            kind=ProviderKind.ZAPRITE, base_url=BASE, api_key=Secret(self.key)
        )
        self.provider: ZapriteProvider = self.zaprite.provider_for(self.account)

    def _post(self, url: str, headers: Any, body: bytes) -> int:
        self.sent.append(({name.lower(): value for name, value in headers.items()}, body))
        return 200

    def sent_to(self, operation: str) -> list[Any]:
        calls = self.fake.journal.calls(operation)
        return [msgspec.json.decode(call.request.body) for call in calls]

    def sell(self, **fields: Any) -> str:
        wanted = msgspec.structs.replace(order(), **fields)
        return self.provider.create_invoice(wanted).provider_invoice_id


@contextmanager
def open_bench(**how: Any) -> Iterator[ZapriteBench]:
    """Open one, and see at the end that every planned fault struck."""
    opened = ZapriteBench(**how)
    with opened.sender:
        yield opened
    opened.fake.check()
