"""A lightning address on a table: what it answers is scripted by the test."""

from hashlib import sha256
from itertools import count

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.lightning import LightningAddress, LightningInvoice, PayOffer
from keysat_core.errors import RecipientFailed
from keysat_core.ports.clock import Clock


class ScriptedLightning:
    """Implements ``ports.lightning.LightningAddresses``.

    ``offer`` is what every address answers, ``twist`` changes fields of the invoices it writes. While
    ``is_down`` nobody answers. ``asked`` are the addresses asked, ``written`` the invoices.
    """

    def __init__(self, clock: Clock) -> None:
        self.offer = PayOffer(
            callback="https://tips.example/pay",
            sendable_msat_min=1_000,
            sendable_msat_max=5_000_000_000,
            metadata='[["text/plain","tips"]]',
        )
        self.twist: dict[str, object] = {}
        self.is_down = False
        self.asked: list[str] = []
        self.written: list[LightningInvoice] = []
        self._clock = clock
        self._numbers = count(1)

    def resolve(self, address: LightningAddress) -> PayOffer:
        self.asked.append(str(address))
        if self.is_down:
            raise RecipientFailed("nobody answers")
        return self.offer

    def request_invoice(self, offer: PayOffer, amount_msat: int) -> LightningInvoice:
        if self.is_down:
            raise RecipientFailed("nobody answers")
        payment_hash = sha256(b"%d" % next(self._numbers)).hexdigest()
        honest = LightningInvoice(
            bolt11=f"pay:{payment_hash}",
            network="bc",
            amount_msat=amount_msat,
            payment_hash=payment_hash,
            description_hash=sha256(offer.metadata.encode()).hexdigest(),
            created_at=self._clock.now(),
            expires_at=Instant(self._clock.now() + 3_600),
        )
        invoice = msgspec.structs.replace(honest, **self.twist)
        self.written.append(invoice)
        return invoice
