"""A sandbox on a table: its clock is turned by hand and its webhooks land in a list."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from keysat_adapters.sandbox.gate import Sandbox, load_sandbox
from keysat_adapters.sandbox.provider import SandboxProvider
from keysat_core.domain.ids import InvoiceId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder, Rail

START: Final = Instant(1_800_000_000)

ACCOUNT: Final = ProviderAccount(
    id=ProviderAccountId("11111111-1111-4111-8111-111111111111"),
    merchant_profile_id=MerchantProfileId("22222222-2222-4222-8222-222222222222"),
    kind=ProviderKind.SANDBOX,
    label="Sandbox",
    served_rails=(Rail.LIGHTNING, Rail.ONCHAIN),
    connected_at=START,
    updated_at=START,
)


@dataclass(kw_only=True)
class HandClock:
    at: Instant = START

    def now(self) -> Instant:
        return self.at

    def turn(self, seconds: int) -> None:
        self.at = Instant(self.at + seconds)


class CountingEntropy:
    """Bytes that look random, never repeat, and are the same on every run."""

    def __init__(self, seed: str = "table") -> None:
        self._seed = seed
        self._calls = count()

    def token(self, n_bytes: int) -> bytes:
        seed = f"{self._seed} {next(self._calls)}".encode()
        return hashlib.shake_256(seed).digest(n_bytes)


class Letter(msgspec.Struct, frozen=True):
    """A webhook as it was sent."""

    path: str
    headers: dict[str, str]
    body: bytes
    sent_at: Instant

    @property
    def fields(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])

    @property
    def type(self) -> str:
        return str(self.fields["type"])


@dataclass(kw_only=True)
class Receiver:
    """The other end of the webhooks; ``answers`` are given in turn, then ``answer`` for ever."""

    clock: HandClock
    answer: int | None = 200
    answers: list[int | None] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes) -> int | None:
        self.letters.append(Letter(path, dict(headers), body, self.clock.now()))
        return self.answers.pop(0) if self.answers else self.answer

    def take_types(self) -> list[str]:
        taken = [letter.type for letter in self.letters]
        self.letters.clear()
        return taken


@dataclass(frozen=True, kw_only=True)
class Shop:
    clock: HandClock
    receiver: Receiver
    sandbox: Sandbox
    provider: SandboxProvider

    def deliver(self) -> int:
        return self.sandbox.deliveries.deliver_due(self.clock.now())

    def sell(self, amount_sats: int = 1_000, **changes: object) -> str:
        """Open an invoice and give the provider's id of it."""
        order = msgspec.structs.replace(order_of(amount_sats), **changes)
        return self.provider.create_invoice(order).provider_invoice_id


def order_of(amount: int = 1_000, currency: Currency = Currency.SAT) -> InvoiceOrder:
    return InvoiceOrder(
        invoice_id=InvoiceId("33333333-3333-4333-8333-333333333333"),
        price=Money(currency=currency, amount=amount),
        redirect_url="https://shop.example/thanks",
        metadata={"productId": "p"},
    )


def open_shop(
    path: Path | None = None, *, delivers_at_once: bool = False, seed: str = "table"
) -> Shop:
    """Open a sandbox in memory, or on a file; its webhooks wait unless told otherwise."""
    clock = HandClock()
    receiver = Receiver(clock=clock)

    def after_act() -> None:
        if delivers_at_once:
            sandbox.deliveries.deliver_due(clock.now())

    sandbox = load_sandbox(
        is_sandbox_mode=True,
        ledger_path=path,
        public_base="https://shop.example/",
        clock=clock,
        entropy=CountingEntropy(seed),
        send=receiver,
        after_act=after_act,
    )
    return Shop(
        clock=clock, receiver=receiver, sandbox=sandbox, provider=sandbox.provider_for(ACCOUNT)
    )
