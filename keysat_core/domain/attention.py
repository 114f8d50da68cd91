"""What a report on an invoice leaves to the operator. Source: payments 6.5 and 9.3; decisions 17, 18.

It follows from what the report says of itself, never from the provider's own words, which differ
by provider. Money that nobody gave anything for is what matters most.
"""

from typing import assert_never

from keysat_core.domain.invoice import (
    Attention,
    Invoice,
    InvoiceStatus,
    is_partial_payment,
    is_withdrawn,
)
from keysat_core.domain.payment import ProviderReport, ProviderStatus


def attention_after(
    before: Invoice, status: InvoiceStatus, report: ProviderReport, *, is_answered: bool
) -> Attention | None:
    """Say what to look at once a report was acted on and left the invoice in ``status``.

    With ``is_answered`` False there was nobody to ask: what was noted before may still hold.
    """
    match status:
        case InvoiceStatus.SETTLED:
            return _of_settled(before, report)
        case InvoiceStatus.EXPIRED | InvoiceStatus.INVALID:
            return _of_ended(report) if is_answered else before.noted_attention
        case InvoiceStatus.PENDING:
            if not is_answered:
                return Attention.PROVIDER_DISCONNECTED
            is_refunded = report.status is ProviderStatus.REFUNDED
            return Attention.PROVIDER_REVERSED if is_refunded else None
        case _:
            assert_never(status)


def _of_settled(before: Invoice, report: ProviderReport) -> Attention | None:
    if is_withdrawn(before, report):
        return Attention.PROVIDER_REVERSED
    # A provider may answer with what was true a while ago, which takes nothing back.
    is_stale = report.status is ProviderStatus.PENDING
    was_settled = before.status is InvoiceStatus.SETTLED
    return before.noted_attention if is_stale and was_settled else None


def _of_ended(report: ProviderReport) -> Attention | None:
    if report.is_paid_late:
        return Attention.PAID_LATE
    if report.is_processing:
        return Attention.PROCESSING_AFTER_EXPIRY
    return Attention.PARTIAL_PAYMENT if is_partial_payment(report) else None
