"""An invoice and its payments. How they change is in ``invoice_machine``."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

SATS_PER_BTC: Final = 100_000_000


class Status(StrEnum):
    """``status`` of an invoice."""

    NEW = "New"
    PROCESSING = "Processing"
    SETTLED = "Settled"
    EXPIRED = "Expired"
    INVALID = "Invalid"


class Additional(StrEnum):
    """``additionalStatus`` of an invoice."""

    NONE = "None"
    PAID_PARTIAL = "PaidPartial"
    PAID_OVER = "PaidOver"
    PAID_LATE = "PaidLate"
    MARKED = "Marked"
    INVALID = "Invalid"


class Rail(StrEnum):
    """How a buyer pays."""

    ON_CHAIN = "onchain"
    LIGHTNING = "lightning"


@dataclass(slots=True, kw_only=True)
class Payment:
    """Money seen for an invoice. ``status`` as Greenfield spells it; a replaced one is Invalid."""

    id: str
    rail: Rail
    sats: int
    received_at: int
    destination: str
    is_late: bool
    status: str = "Processing"
    confirmations: int = 0

    @property
    def counts(self) -> bool:
        return self.status != "Invalid"


@dataclass(slots=True, kw_only=True)
class Invoice:
    """An invoice.

    Attributes:
        amount: As priced, in ``currency``; None for a top-up.
        due_sats: The price in sats; None for a top-up.
        tolerated_sats: What is taken for the whole price.
        before: Status, additional status and the end of their time, of the state before this one.
    """

    id: str
    store_id: str
    amount: Decimal | None
    currency: str
    due_sats: int | None
    tolerated_sats: int
    sats_per_unit: Decimal
    created_at: int
    expires_at: int
    monitored_until: int
    confirmations_needed: int
    metadata: dict[str, Any]
    checkout: dict[str, Any]
    destinations: dict[Rail, str]
    status: Status = Status.NEW
    additional: Additional = Additional.NONE
    payments: list[Payment] = field(default_factory=list)
    is_archived: bool = False
    before: tuple[Status, Additional, int] | None = None

    @property
    def paid_sats(self) -> int:
        return sum(payment.sats for payment in self.payments if payment.counts)

    @property
    def is_paid(self) -> bool:
        """Whether what counts makes up the price, or all of a top-up's."""
        paid = self.paid_sats
        return paid > 0 if self.due_sats is None else paid >= self.tolerated_sats

    @property
    def is_overpaid(self) -> bool:
        return self.due_sats is not None and self.paid_sats > self.due_sats

    @property
    def is_confirmed(self) -> bool:
        """Whether the payments that are final make up the price by themselves."""
        final = sum(payment.sats for payment in self.payments if payment.status == "Settled")
        return final > 0 if self.due_sats is None else final >= self.tolerated_sats

    def markable(self) -> list[Status]:
        """List what the operator may mark it as."""
        if self.status is Status.SETTLED:
            return [Status.INVALID] if self.additional is Additional.MARKED else []
        if self.status is Status.INVALID:
            return [Status.SETTLED]
        return [Status.SETTLED, Status.INVALID]
