"""Webhook receipts: what a provider told us, kept until it is understood (payments 3 and 9)."""

from enum import StrEnum

import msgspec

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant


class ReceiptOutcome(StrEnum):
    """What became of a webhook."""

    NOTED = "noted"
    UNMATCHED = "unmatched"
    DONE = "done"
    IGNORED = "ignored"


class WebhookReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One authentic delivery. ``unmatched``: it came before our own record of the invoice."""

    id: str
    provider_account_id: ProviderAccountId
    type: str
    provider_invoice_id: str | None
    invoice_id: InvoiceId | None
    delivery_id: str | None
    outcome: ReceiptOutcome
    received_at: Instant
