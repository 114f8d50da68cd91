"""Writes invoices as Greenfield does."""

from decimal import Decimal
from typing import Any

from tests.simulators.btcpay.invoice_machine import btc, payment_wire
from tests.simulators.btcpay.invoices import Invoice, Rail
from tests.simulators.btcpay.modes import Traits


def invoice_wire(
    invoice: Invoice, traits: Traits, base_url: str, *, stale_since: int | None = None
) -> dict[str, Any]:
    """Write an invoice, or how it stood before a change at ``stale_since`` or later."""
    status, additional = invoice.status, invoice.additional
    if stale_since is not None and invoice.before and invoice.before[2] >= stale_since:
        status, additional, _ = invoice.before
    wire: dict[str, Any] = {
        "metadata": invoice.metadata,
        "checkout": invoice.checkout,
        "receipt": {"enabled": None, "showQR": None, "showPayments": None},
        "id": invoice.id,
        "storeId": invoice.store_id,
        "amount": "0" if invoice.amount is None else f"{invoice.amount:f}",
        "currency": invoice.currency,
        "type": "TopUp" if invoice.amount is None else "Standard",
        "checkoutLink": f"{base_url}/i/{invoice.id}",
        "createdTime": invoice.created_at,
        "expirationTime": invoice.expires_at,
        "monitoringExpiration": invoice.monitored_until,
        "status": status,
        "additionalStatus": additional,
        "availableStatusesForManualMarking": invoice.markable(),
        "archived": invoice.is_archived,
    }
    if traits.has_paid_amount:
        wire["paidAmount"] = _priced(invoice, invoice.paid_sats)
    return wire


def _priced(invoice: Invoice, sats: int) -> str:
    """Write sats in the currency of the invoice."""
    if invoice.currency == "BTC":
        return btc(sats)
    decimals = 0 if invoice.currency == "SATS" else 2
    return f"{Decimal(sats) / invoice.sats_per_unit:.{decimals}f}"


def payment_methods_wire(
    invoice: Invoice, traits: Traits, *, only_accounted: bool
) -> list[dict[str, Any]]:
    """Write how an invoice can be paid, and what was."""
    due = max((invoice.due_sats or 0) - invoice.paid_sats, 0)
    methods = []
    for rail, destination in invoice.destinations.items():
        on_chain = rail is Rail.ON_CHAIN
        paid = [
            payment
            for payment in invoice.payments
            if payment.rail is rail and (payment.counts or not only_accounted)
        ]
        method_id = traits.on_chain if on_chain else traits.lightning
        link = (
            f"bitcoin:{destination}?amount={btc(due)}" if on_chain else f"lightning:{destination}"
        )
        own = {"paymentMethod": method_id, "cryptoCode": "BTC"}
        if not traits.methods_are_keyed:
            own = {"paymentMethodId": method_id, "currency": "BTC"}
        methods.append(
            {
                **own,
                "destination": destination,
                "paymentLink": link,
                "rate": f"{Decimal(100_000_000) / invoice.sats_per_unit:f}",
                "paymentMethodPaid": btc(sum(payment.sats for payment in paid if payment.counts)),
                "totalPaid": btc(invoice.paid_sats),
                "due": btc(due),
                "amount": btc(invoice.due_sats or 0),
                "paymentMethodFee": "0",
                "payments": [payment_wire(payment) for payment in paid],
                "activated": True,
                "additionalData": {},
            }
        )
    return methods
