"""Paying a BOLT11 invoice from the store's node, and what became of the payment.

A BOLT11 text is opaque here: the double knows the ones that were registered with it
(``FakeBTCPay.add_payable``). One it does not know is refused as invalid when it does not look like
one at all, and has no route otherwise.
"""

from typing import Any, Final

from tests.simulators.btcpay import bodies
from tests.simulators.btcpay.accounts import INTERNAL_NODE, USE_LIGHTNING
from tests.simulators.btcpay.problems import invalid, missing_permission, problem
from tests.simulators.btcpay.routing import Route as Path
from tests.simulators.btcpay.routing import Visit
from tests.simulators.btcpay.stores import (
    BOLT11_PREFIXES,
    LightningNode,
    OutgoingPayment,
    PayableInvoice,
    Route,
)
from tests.simulators.exchange import Response, json_response

STATUSES: Final = {
    Route.COMPLETE: "Complete",
    Route.PENDING: "Pending",
    Route.UNKNOWN: "Unknown",
}


def _node(visit: Visit, *, is_paying: bool) -> LightningNode:
    """Find the node; the server's own one pays for its administrators only, and tells anybody."""
    node = visit.world.stores[visit.store_id].lightning
    if visit.names["cryptoCode"].upper() != "BTC" or node is None:
        message = "The lightning node is not set up"
        raise problem(404, "lightning-not-configured", message)
    assert visit.key is not None
    if is_paying and node.is_internal and not visit.key.user.is_admin:
        raise missing_permission(INTERNAL_NODE)
    if not node.is_available:
        message = "The lightning node is unavailable"
        raise problem(503, "lightning-node-unavailable", message)
    return node


def pay_lightning_invoice(visit: Visit) -> Response:
    """Send the money, as often as asked: a real node may refuse, but none is bound to."""
    node = _node(visit, is_paying=True)
    bolt11 = bodies.text(bodies.fields_of(visit.request), "BOLT11").strip().lower()
    if not bolt11.startswith(BOLT11_PREFIXES):
        raise invalid("BOLT11", "The BOLT11 invoice was invalid.")
    invoice = node.pay_outcomes.get(bolt11)
    if invoice is None or invoice.route is Route.NO_ROUTE:
        raise problem(400, "could-not-find-route", "Impossible to find a route to the peer")
    if invoice.route is Route.FAILED:
        raise problem(400, "generic-error", "The payment failed")
    node.sent[invoice.payment_hash] += 1
    payment = OutgoingPayment(
        id=invoice.payment_hash,
        invoice=invoice,
        status=STATUSES[invoice.route],
        preimage=visit.world.ids.hexadecimal(32),
        created_at=visit.world.now(),
    )
    node.payments[invoice.payment_hash] = payment
    return json_response(200 if payment.status == "Complete" else 202, _wire(payment))


def get_lightning_payment(visit: Visit) -> Response:
    payment = _node(visit, is_paying=False).payments.get(visit.names["paymentHash"])
    if payment is None:
        message = "Impossible to find a lightning payment with this payment hash"
        raise problem(404, "payment-not-found", message)
    return json_response(200, _wire(payment))


def _wire(payment: OutgoingPayment) -> dict[str, Any]:
    """Write a payment; amounts are text, in thousandths of a sat."""
    invoice: PayableInvoice = payment.invoice
    wire: dict[str, Any] = {
        "id": payment.id,
        "paymentHash": invoice.payment_hash,
        "status": payment.status,
        "BOLT11": invoice.bolt11,
        "createdAt": payment.created_at,
    }
    if payment.status == "Complete":
        wire["preimage"] = payment.preimage
        wire["totalAmount"] = str((invoice.amount_sats + invoice.fee_sats) * 1000)
        wire["feeAmount"] = str(invoice.fee_sats * 1000)
    return wire


LIGHTNING: Final = "/api/v1/stores/{storeId}/lightning/{cryptoCode}"
ROUTES = [
    Path(
        operation="pay_lightning_invoice",
        method="POST",
        path=LIGHTNING + "/invoices/pay",
        handler=pay_lightning_invoice,
        permission=USE_LIGHTNING,
    ),
    Path(
        operation="get_lightning_payment",
        method="GET",
        path=LIGHTNING + "/payments/{paymentHash}",
        handler=get_lightning_payment,
        permission=USE_LIGHTNING,
    ),
]
