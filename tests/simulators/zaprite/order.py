"""An order of the Zaprite double: what is to be paid, what was, and the status that follows.

Source: the order object of the Zaprite API (https://api.zaprite.com), and its documented statuses.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Status(StrEnum):
    """The documented statuses. An order may also be given any other text, as a later API might."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    PAID = "PAID"
    OVERPAID = "OVERPAID"
    UNDERPAID = "UNDERPAID"
    COMPLETE = "COMPLETE"
    ABANDONED = "ABANDONED"


PAID_STATUSES: Final = frozenset({Status.PAID, Status.OVERPAID, Status.COMPLETE})


class Method(StrEnum):
    """How a buyer pays."""

    BITCOIN = "BITCOIN"
    LIGHTNING = "LIGHTNING"
    LIQUID = "LIQUID"
    CARD = "CARD"
    CASH = "CASH"


COINS: Final = {Method.BITCOIN: "BTC", Method.LIGHTNING: "BTC", Method.LIQUID: "LBTC"}
"""Methods that move coins, and the currency of their amounts."""


class TransactionStatus(StrEnum):
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CANCELED = "CANCELED"


@dataclass(slots=True, kw_only=True)
class Transaction:
    """One payment towards an order.

    Attributes:
        amount: What was sent, in the smallest unit of ``currency``.
        amount_in_order_currency: What it counts for.
    """

    id: str
    method: Method
    amount: int
    currency: str
    amount_in_order_currency: int
    external_ref: str
    created_at: int
    status: TransactionStatus


class CannotBePaid(ValueError):
    """The checkout takes no payment for an order in this status."""


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """What the merchant asked for, and what came of it.

    Every change gives how many things changed, each of which is worth a webhook: a transaction
    that came or moved, and the status.

    Attributes:
        total_amount: In the smallest unit of ``currency``; sats for BTC and LBTC.
        earlier: The object as it was before the last change, and when that change was.
    """

    id: str
    org_id: str
    total_amount: int
    currency: str
    checkout_url: str
    created_at: int
    external_uniq_id: str | None = None
    redirect_url: str | None = None
    label: str | None = None
    expires_at: int | None = None
    paid_at: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    customer: dict[str, str | None] = field(default_factory=dict)
    contact_id: str | None = None
    may_save_profile: bool = False
    custom_checkout_id: str | None = None
    status: str = Status.PENDING
    transactions: list[Transaction] = field(default_factory=list)
    charges: int = 0
    earlier: tuple[int, dict[str, Any]] | None = None

    def take(self, transaction: Transaction, now: int) -> int:
        """Take a payment.

        Raises:
            CannotBePaid: The order is over, one way or the other.
        """
        if self.status not in (Status.PENDING, Status.UNDERPAID, Status.PROCESSING):
            raise CannotBePaid(f"order {self.id} is {self.status}")
        return self.record(transaction, now)

    def record(self, transaction: Transaction, now: int) -> int:
        """Book money that came, whatever the status says."""
        self.transactions.append(transaction)
        return 1 + self.put_status(self._status_by_payments(now), now)

    def confirm(self, now: int) -> int:
        """Let every transaction under way arrive."""
        return self._finish_pending(TransactionStatus.CONFIRMED, now)

    def replace(self, now: int) -> int:
        """Let every transaction under way come to nothing, as a double spend does."""
        return self._finish_pending(TransactionStatus.CANCELED, now)

    def expire(self, now: int) -> int:
        """Give an order up that nobody began to pay in time; another is left alone."""
        if not self._is_late(now) or self.status != Status.PENDING:
            return 0
        return self.put_status(Status.ABANDONED, now)

    def put_status(self, status: str, now: int) -> int:
        """Give it a status, whatever that is."""
        if status == self.status:
            return 0
        self.status = status
        if status in PAID_STATUSES and self.paid_at is None:
            self.paid_at = now
        return 1

    def paid_amount(self) -> int:
        """Tell what has arrived so far."""
        return sum(
            t.amount_in_order_currency
            for t in self.transactions
            if t.status is TransactionStatus.CONFIRMED
        )

    def _finish_pending(self, status: TransactionStatus, now: int) -> int:
        pending = [t for t in self.transactions if t.status is TransactionStatus.PENDING]
        if not pending:
            return 0
        for transaction in pending:
            transaction.status = status
        return len(pending) + self.put_status(self._status_by_payments(now), now)

    def _is_late(self, now: int) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def _status_by_payments(self, now: int) -> str:
        if any(t.status is TransactionStatus.PENDING for t in self.transactions):
            return Status.PROCESSING
        paid = self.paid_amount()
        if paid == 0:
            return Status.ABANDONED if self._is_late(now) else Status.PENDING
        if paid < self.total_amount:
            return Status.UNDERPAID
        return Status.PAID if paid == self.total_amount else Status.OVERPAID
