"""Lightning addresses and BOLT11 invoices, as far as a tip needs them (payments 13).

How an address is asked and an invoice decoded is an adapter's; what must hold before a single
satoshi leaves is here.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec

from keysat_core.domain.connecting import BitcoinNetwork
from keysat_core.domain.instant import Instant
from keysat_core.errors import InvariantError
from keysat_core.limits import NAME_CHARS_MAX

MSAT_PER_SAT: Final = 1_000

EXPIRY_MARGIN_SECONDS: Final = 30
"""An invoice that expires sooner is not paid: a payment under way could outlast it."""

_ADDRESS: Final = re.compile(r"([A-Za-z0-9._+-]+)@([A-Za-z0-9._-]+)")

PREFIXES: Final[Mapping[BitcoinNetwork, frozenset[str]]] = {
    BitcoinNetwork.MAINNET: frozenset({"bc"}),
    BitcoinNetwork.TESTNET: frozenset({"tb", "tbs"}),
    BitcoinNetwork.REGTEST: frozenset({"bcrt"}),
    BitcoinNetwork.UNDETERMINED: frozenset({"bc"}),
}
"""What follows ``ln`` in an invoice of each network; what is undetermined counts as mainnet.

Source: BOLT 11, human-readable part; payments 6.11 for why testnet may be signet.
"""


class LightningAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``user@domain``, spelled as the operator did."""

    user: str
    domain: str

    def __str__(self) -> str:
        return f"{self.user}@{self.domain}"


class PayOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What an address answers: where to ask for an invoice, and for how much.

    Amounts are millisatoshis, both bounds included. ``metadata`` is the text whose hash the
    invoice must carry, byte for byte (LUD-06).
    """

    callback: str
    sendable_msat_min: int
    sendable_msat_max: int
    metadata: str


class LightningInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded BOLT11 invoice. ``network`` is what follows ``ln``; hashes are lower-case hex.

    ``amount_msat`` is None when the payer may choose, ``description_hash`` when there is none.
    """

    bolt11: str
    network: str
    amount_msat: int | None
    payment_hash: str
    description_hash: str | None
    created_at: Instant
    expires_at: Instant


def read_address(text: str) -> LightningAddress:
    """Read a lightning address; LNURL strings and BOLT12 offers are none.

    Raises:
        InvariantError: not exactly ``user@domain``.
    """
    found = _ADDRESS.fullmatch(text) if len(text) <= NAME_CHARS_MAX else None
    if found is None or not found[1].strip(".") or not found[2].strip("."):
        raise InvariantError("tip_recipient", "must be a lightning address, user@domain")
    return LightningAddress(user=found[1], domain=found[2])


def fault_of_offer(offer: PayOffer, amount_msat: int) -> str | None:
    """Say why an address does not take an amount; None when it does."""
    if not offer.sendable_msat_min <= amount_msat <= offer.sendable_msat_max:
        return (
            f"takes {offer.sendable_msat_min} to {offer.sendable_msat_max} msat, not {amount_msat}"
        )
    return None


def fault_of_invoice(
    invoice: LightningInvoice,
    offer: PayOffer,
    *,
    amount_msat: int,
    network: BitcoinNetwork,
    now: Instant,
) -> str | None:
    """Say why an invoice is not the one that was asked for; None when it may be paid.

    Source: payments 13; LUD-06, steps 6 and 7.
    """
    if invoice.network not in PREFIXES[network]:
        return f"the invoice is for network {invoice.network!r}, the store's is {network}"
    if invoice.amount_msat != amount_msat:
        return f"the invoice asks {invoice.amount_msat} msat, not {amount_msat}"
    if invoice.expires_at - now < EXPIRY_MARGIN_SECONDS:
        return "the invoice has expired or is about to"
    if invoice.description_hash != sha256(offer.metadata.encode()).hexdigest():
        return "the invoice is not about what its recipient described"
    return None
