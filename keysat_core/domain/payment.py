"""What a payment provider says, in our words (payments 1.1)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.money import Money
from keysat_core.errors import InvariantError


class Rail(StrEnum):
    """How the buyer pays."""

    LIGHTNING = "lightning"
    ONCHAIN = "onchain"
    CARD = "card"


RAIL_ALIASES: Final[Mapping[str, Rail]] = {
    "lightning": Rail.LIGHTNING,
    "onchain": Rail.ONCHAIN,
    "on-chain": Rail.ONCHAIN,
    "on_chain": Rail.ONCHAIN,
    "card": Rail.CARD,
}
"""Spellings clients send, case-sensitive (public-api 6.1)."""


def find_rail(text: str | None) -> Rail | None:
    """Read a rail; anything unknown is treated as absent."""
    return RAIL_ALIASES.get(text or "")


def checked_rail(text: str) -> Rail:
    """Read a rail that must be one.

    Raises:
        InvariantError: it is unknown.
    """
    rail = find_rail(text)
    if rail is None:
        raise InvariantError("rail", f"must be one of {', '.join(Rail)}")
    return rail


class ProviderStatus(StrEnum):
    """State of an invoice at its provider."""

    PENDING = "pending"
    SETTLED = "settled"
    EXPIRED = "expired"
    INVALID = "invalid"
    REFUNDED = "refunded"


class InvoiceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What we ask a provider to collect. ``invoice_id`` is ours and is kept as its external id.

    ``pays_within_seconds`` is how long it can be paid; None: as long as the provider has it set.
    """

    invoice_id: InvoiceId
    price: Money
    redirect_url: str
    metadata: Mapping[str, str]
    rail: Rail | None = None
    buyer_email: str | None = None
    saves_payment_method: bool = False
    pays_within_seconds: int | None = None


class ProviderInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as the provider created it; ``checkout_url`` is absolute and buyer-reachable."""

    provider_invoice_id: str
    checkout_url: str


class ProviderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of an invoice now.

    ``price`` is the amount it asks, ``paid`` what it received; None where it does not say.
    ``is_processing``: funds seen, not final. ``is_paid_late``: paid in full after expiry;
    ``is_late_final``: and nothing of that can be taken back any more. ``is_overpaid``: more came
    than was asked, also where ``paid`` is not said.
    ``doubted_after``: a raw status after which this end counts only when it is still reported a
    while later, since money was under way (``domain.second_look``).
    """

    status: ProviderStatus
    is_processing: bool = False
    is_paid_late: bool = False
    is_late_final: bool = False
    is_overpaid: bool = False
    marked_by_hand: bool = False
    price: Money | None = None
    paid: Money | None = None
    raw_status: str = ""
    doubted_after: str | None = None


class ProviderNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An authentic webhook: a hint to ask the provider, never a fact.

    ``provider_invoice_id`` None: nothing to look at. ``delivery_id`` and ``original_delivery_id``
    are for the record only. ``claim`` is the state a *signed* webhook says the invoice has; None
    when it says none, or when anybody could have sent it.
    """

    type: str
    provider_invoice_id: str | None = None
    delivery_id: str | None = None
    original_delivery_id: str | None = None
    claim: ProviderStatus | None = None


class LightningStatus(StrEnum):
    """What became of a lightning payment we sent."""

    SENT = "sent"
    PENDING = "pending"
    FAILED = "failed"


class LightningPayment(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of paying a BOLT11 invoice. ``PENDING``: unknown yet, ask again by its hash."""

    status: LightningStatus
    payment_hash: str | None = None
    detail: str = ""
