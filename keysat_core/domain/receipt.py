"""Webhook receipts: what a provider told us, kept until it is understood (payments 1.2, 3 and 9)."""

from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.payment import ProviderNotice, ProviderStatus
from keysat_core.limits import WEBHOOK_WORD_CHARS_MAX

LOOK_AGAIN_SECONDS: Final = (5, 30, 120)
"""Pauses before we look again ourselves after a look that cleared nothing up (payments 1.2)."""

LOOK_ON_SECONDS: Final = DAY_SECONDS
"""From then on a signed claim that money arrived is not given up while its receipt is kept."""


class ReceiptOutcome(StrEnum):
    """What became of a webhook."""

    NOTED = "noted"
    UNMATCHED = "unmatched"
    DONE = "done"
    IGNORED = "ignored"


class WebhookReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One authentic delivery. ``unmatched``: it came before our own record of the invoice.

    ``claim`` is what a signed webhook says of the invoice. ``looks`` counts how often the provider
    was asked because of it, ``next_look_at`` is when to ask again; None: as soon as possible.
    """

    id: str
    provider_account_id: ProviderAccountId
    type: str
    provider_invoice_id: str | None
    invoice_id: InvoiceId | None
    delivery_id: str | None
    original_delivery_id: str | None = None
    claim: ProviderStatus | None = None
    outcome: ReceiptOutcome
    looks: int = 0
    next_look_at: Instant | None = None
    received_at: Instant


class DueReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt whose invoice is to be looked at; it takes reading to know whether its row is whole."""

    id: str
    provider_account_id: ProviderAccountId


def bounded_notice(notice: ProviderNotice) -> ProviderNotice:
    """Keep what is stored of a webhook short, whoever holds the secret it was signed with.

    What is for the record only is cut. An invoice's id that is too long is no invoice's of ours, and
    cut it might be another's: there is nothing to look at.
    """
    invoice_id = notice.provider_invoice_id
    is_known_length = invoice_id is None or len(invoice_id) <= WEBHOOK_WORD_CHARS_MAX
    return msgspec.structs.replace(
        notice,
        type=notice.type[:WEBHOOK_WORD_CHARS_MAX],
        provider_invoice_id=invoice_id if is_known_length else None,
        delivery_id=_cut(notice.delivery_id),
        original_delivery_id=_cut(notice.original_delivery_id),
    )


def _cut(word: str | None) -> str | None:
    return None if word is None else word[:WEBHOOK_WORD_CHARS_MAX]


def after_look(receipt: WebhookReceipt, *, is_cleared_up: bool, now: Instant) -> WebhookReceipt:
    """Say what becomes of a receipt after its invoice was looked at.

    A look clears up what the webhook was about when the provider answered and, if the webhook
    claims a payment, the invoice is settled. Otherwise we look again after 5 s, 30 s and 2 min,
    and then leave it to the reconciler; only a signed claim of a payment is followed up daily, since
    the reconciler does not ask about invoices as old as it may concern.
    """
    looks = receipt.looks + 1
    if is_cleared_up:
        return msgspec.structs.replace(
            receipt, outcome=ReceiptOutcome.DONE, looks=looks, next_look_at=None
        )
    if looks <= len(LOOK_AGAIN_SECONDS):
        pause = LOOK_AGAIN_SECONDS[looks - 1]
    elif receipt.claim is ProviderStatus.SETTLED:
        pause = LOOK_ON_SECONDS
    else:
        return msgspec.structs.replace(
            receipt, outcome=ReceiptOutcome.DONE, looks=looks, next_look_at=None
        )
    return msgspec.structs.replace(receipt, looks=looks, next_look_at=Instant(now + pause))
