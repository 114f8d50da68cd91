"""The sandbox provider's own checkout: what a buyer does there with pretend money."""

from enum import StrEnum
from typing import Protocol

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.payment import ProviderStatus


class PretendPayment(StrEnum):
    """What can be done to a pretend invoice on its checkout page."""

    PAY = "pay"
    UNDERPAY = "underpay"
    PAY_LATE = "pay_late"
    EXPIRE = "expire"
    REFUND = "refund"
    MARK_SETTLED = "mark_settled"
    MARK_INVALID = "mark_invalid"


class PretendInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """A pretend invoice as its checkout page shows it; amounts in sats."""

    id: str
    invoice_id: str
    amount_sats: int
    paid_sats: int
    status: ProviderStatus
    raw_status: str
    redirect_url: str
    created_at: Instant
    expires_at: Instant


class SandboxTill(Protocol):
    """The pretend service's own till, present only in sandbox mode."""

    def show(self, provider_invoice_id: str) -> PretendInvoice:
        """Give a pretend invoice.

        Raises:
            NotFound: there is none.
        """
        ...

    def act(self, provider_invoice_id: str, payment: PretendPayment) -> PretendInvoice:
        """Do something to a pretend invoice and send the webhook a real provider would send.

        Raises:
            NotFound: there is none.
            IllegalTransition: a real provider would not allow it in this state.
        """
        ...
