"""What an operator should know of a provider's report, whatever it does to the sale (payments 6.5)."""

from typing import TypeAlias

from keysat_core.domain.actor import SYSTEM, Actor
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.document import JSONValue
from keysat_core.domain.events import DomainEvent, InvoiceRefunded
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import (
    Invoice,
    InvoiceStatus,
    is_partial_payment,
    is_reversal,
    is_withdrawn,
    mismatched_amount,
)
from keysat_core.domain.invoice_record import about_invoice
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderReport, ProviderStatus

_Records: TypeAlias = tuple[tuple[DomainEvent, ...], tuple[AuditEntry, ...]]


def notes_of(invoice: Invoice, report: ProviderReport, actor: Actor, now: Instant) -> _Records:
    """What an operator should know of a report, told once: when the raw status is new.

    Gives the events and the audit rows of it.
    """
    if report.raw_status and report.raw_status == invoice.provider_status_raw:
        return (), ()
    audits: list[AuditEntry] = []
    events: list[DomainEvent] = []
    theirs = mismatched_amount(invoice, report)
    is_settled = invoice.status is InvoiceStatus.SETTLED
    is_settling = report.status is ProviderStatus.SETTLED and not is_settled
    if theirs is not None and is_settling:
        audits.append(
            about_invoice(
                invoice,
                SYSTEM,
                "invoice.amount_mismatch",
                now,
                provider_invoice_id=invoice.provider_invoice_id,
                **_compared(invoice, theirs),
            )
        )
    if report.is_overpaid and is_settling:
        audits.append(
            about_invoice(invoice, actor, "invoice.overpaid", now, paid_sats=_paid_sats(report))
        )
    if report.is_paid_late:
        audits.append(about_invoice(invoice, actor, "invoice.paid_late", now))
    if is_partial_payment(report):
        audits.append(
            about_invoice(
                invoice,
                actor,
                "invoice.partial_payment",
                now,
                paid_sats=_paid_sats(report),
            )
        )
    if is_reversal(invoice, report):
        audits.append(
            about_invoice(
                invoice,
                actor,
                "invoice.provider_reversed",
                now,
                provider_status=report.raw_status,
            )
        )
    if is_withdrawn(invoice, report):
        events.append(
            InvoiceRefunded(
                invoice_id=invoice.id,
                product_id=invoice.product_id,
                policy_id=invoice.policy_id,
                amount_sats=invoice.amount_sats,
            )
        )
    return tuple(events), tuple(audits)


def _compared(invoice: Invoice, theirs: Money) -> dict[str, JSONValue]:
    if theirs.currency is Currency.SAT:
        return {
            "expected_amount_sats": invoice.amount_sats,
            "provider_amount_sats": theirs.amount,
        }
    return {
        "currency": theirs.currency,
        "expected_value": invoice.listed.amount,
        "provider_value": theirs.amount,
    }


def _paid_sats(report: ProviderReport) -> int | None:
    """Give what came, where the provider says it in sats."""
    is_sats = report.paid is not None and report.paid.currency is Currency.SAT
    return report.paid.amount if report.paid is not None and is_sats else None
