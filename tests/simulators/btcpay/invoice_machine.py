"""How an invoice changes, and which events each change sends, in order.

Pure: every function changes the invoice it is given and gives the events back.
Source: the specification of payments; BTCPay's API documents do not say.
"""

from typing import Any

import msgspec

from tests.simulators.btcpay.invoices import Additional, Invoice, Payment, Rail, Status
from tests.simulators.btcpay.modes import Traits


class IllegalMark(ValueError):
    """The operator may not mark the invoice so in its present status."""


class Event(msgspec.Struct, frozen=True):
    """Something a webhook may tell; ``fields`` are those of its type alone, in their order."""

    type: str
    fields: dict[str, Any] = {}


def move(
    invoice: Invoice, status: Status, additional: Additional = Additional.NONE, *, now: int
) -> None:
    """Change the status and remember the one before."""
    if (invoice.status, invoice.additional) != (status, additional):
        invoice.before = (invoice.status, invoice.additional, now)
        invoice.status, invoice.additional = status, additional


def receive(invoice: Invoice, payment: Payment, *, now: int, traits: Traits) -> list[Event]:
    """See a payment: nothing at all once monitoring is over."""
    if now > invoice.monitored_until:
        return []
    invoice.payments.append(payment)
    events = [_payment_event("InvoiceReceivedPayment", payment, traits)]
    was_late = invoice.additional is Additional.PAID_LATE
    events += _judge(invoice, now=now, traits=traits)
    if payment.rail is Rail.LIGHTNING or invoice.confirmations_needed == 0:
        payment.confirmations = invoice.confirmations_needed
        events += _settle_payment(invoice, payment, now=now, traits=traits)
    if not was_late and invoice.additional is Additional.PAID_LATE:
        events += [Event("InvoicePaidAfterExpiration")] if traits.has_after_expiry_events else []
    return events


def confirm(invoice: Invoice, blocks: int, *, now: int, traits: Traits) -> list[Event]:
    """Mine blocks on the unconfirmed payments."""
    events: list[Event] = []
    if now > invoice.monitored_until:
        return events
    for payment in invoice.payments:
        if payment.status == "Processing":
            payment.confirmations += blocks
            if payment.confirmations >= invoice.confirmations_needed:
                events += _settle_payment(invoice, payment, now=now, traits=traits)
    return events


def replace(invoice: Invoice, *, now: int, traits: Traits) -> list[Event]:
    """Take back every unconfirmed payment, as a double-spend does."""
    for payment in invoice.payments:
        if payment.status == "Processing":
            payment.status = "Invalid"
    if invoice.status not in {Status.NEW, Status.PROCESSING} or invoice.is_paid:
        return []
    partial = Additional.PAID_PARTIAL if invoice.paid_sats else Additional.NONE
    move(invoice, Status.NEW, partial, now=now)
    return expire(invoice, now=now, traits=traits) if now > invoice.expires_at else []


def expire(invoice: Invoice, *, now: int, traits: Traits) -> list[Event]:
    """Let the time to pay run out."""
    if invoice.status is not Status.NEW:
        return []
    is_partial = invoice.paid_sats > 0
    additional = Additional.PAID_PARTIAL if is_partial else Additional.NONE
    move(invoice, Status.EXPIRED, additional, now=now)
    events = [Event("InvoiceExpired", {"partiallyPaid": is_partial})]
    if is_partial and traits.has_after_expiry_events:
        events.append(Event("InvoiceExpiredPaidPartial"))
    return events


def end_monitoring(invoice: Invoice, *, now: int) -> list[Event]:
    """Give up on payments that never confirmed."""
    if invoice.status is not Status.PROCESSING:
        return []
    move(invoice, Status.INVALID, now=now)
    return [Event("InvoiceInvalid", {"manuallyMarked": False})]


def mark(invoice: Invoice, status: Status, *, now: int) -> list[Event]:
    """Let the operator decide.

    Raises:
        IllegalMark: Not in its present status.
    """
    if status not in invoice.markable():
        raise IllegalMark(f"{invoice.status} cannot be marked {status}")
    move(invoice, status, Additional.MARKED, now=now)
    if status is Status.SETTLED:
        fields = {"manuallyMarked": True, "overPaid": invoice.is_overpaid}
        return [Event("InvoiceSettled", fields)]
    return [Event("InvoiceInvalid", {"manuallyMarked": True})]


def settle_for_nothing(invoice: Invoice, *, now: int) -> list[Event]:
    """Settle an invoice over zero as soon as it is made."""
    move(invoice, Status.PROCESSING, now=now)
    move(invoice, Status.SETTLED, now=now)
    return [
        Event("InvoiceProcessing", {"overPaid": False}),
        Event("InvoiceSettled", {"manuallyMarked": False, "overPaid": False}),
    ]


def _judge(invoice: Invoice, *, now: int, traits: Traits) -> list[Event]:
    """Set the status that the payments make, short of settling."""
    over = Additional.PAID_OVER if invoice.is_overpaid else Additional.NONE
    match invoice.status:
        case Status.NEW if invoice.is_paid:
            move(invoice, Status.PROCESSING, over, now=now)
            return [Event("InvoiceProcessing", {"overPaid": invoice.is_overpaid})]
        case Status.NEW:
            move(invoice, Status.NEW, Additional.PAID_PARTIAL, now=now)
        case Status.PROCESSING:
            move(invoice, Status.PROCESSING, over, now=now)
        case Status.EXPIRED:
            late = Additional.PAID_LATE if invoice.is_paid else Additional.PAID_PARTIAL
            move(invoice, Status.EXPIRED, late, now=now)
        case _:
            pass
    return []


def _settle_payment(invoice: Invoice, payment: Payment, *, now: int, traits: Traits) -> list[Event]:
    payment.status = "Settled"
    events = [_payment_event("InvoicePaymentSettled", payment, traits)]
    if invoice.status is Status.PROCESSING and invoice.is_confirmed:
        over = Additional.PAID_OVER if invoice.is_overpaid else Additional.NONE
        move(invoice, Status.SETTLED, over, now=now)
        fields = {"manuallyMarked": False, "overPaid": invoice.is_overpaid}
        events.append(Event("InvoiceSettled", fields))
    return events


def _payment_event(event_type: str, payment: Payment, traits: Traits) -> Event:
    on_chain = payment.rail is Rail.ON_CHAIN
    name = "paymentMethod" if traits.methods_are_keyed else "paymentMethodId"
    return Event(
        event_type,
        {
            "afterExpiration": payment.is_late,
            name: traits.on_chain if on_chain else traits.lightning,
            "payment": payment_wire(payment),
        },
    )


def payment_wire(payment: Payment) -> dict[str, Any]:
    """Write a payment as Greenfield does."""
    return {
        "id": payment.id,
        "receivedDate": payment.received_at,
        "value": btc(payment.sats),
        "fee": "0.0",
        "status": payment.status,
        "destination": payment.destination,
    }


def btc(sats: int) -> str:
    """Write sats as bitcoin with eight decimals."""
    return f"{sats // 100_000_000}.{sats % 100_000_000:08d}"
