"""The invoice endpoints."""

from typing import Any

from tests.simulators.btcpay import bodies
from tests.simulators.btcpay.accounts import CREATE_INVOICE, MODIFY_INVOICES, VIEW_INVOICES
from tests.simulators.btcpay.invoice_machine import (
    Event,
    IllegalMark,
    mark,
    settle_for_nothing,
)
from tests.simulators.btcpay.invoice_orders import invoice_from
from tests.simulators.btcpay.invoice_wire import invoice_wire, payment_methods_wire
from tests.simulators.btcpay.invoices import Invoice, Status
from tests.simulators.btcpay.problems import invalid, invoice_not_found, missing_permission
from tests.simulators.btcpay.routing import Handler, Route, Visit
from tests.simulators.exchange import Response, json_response


def _wire(visit: Visit, invoice: Invoice) -> dict[str, Any]:
    """Write an invoice for this visit, and note when it says that the invoice is settled."""
    world = visit.world
    stale_since = None if visit.stale_seconds is None else world.now() - visit.stale_seconds
    wire = invoice_wire(invoice, world.traits, visit.request.base_url, stale_since=stale_since)
    if wire["status"] is Status.SETTLED:
        world.settled_in_answer.append(invoice.id)
    return wire


def _answer(visit: Visit, invoice: Invoice) -> Response:
    return json_response(200, _wire(visit, invoice))


def _invoice(visit: Visit, permission: str) -> Invoice:
    """Find the invoice of the path.

    Raises:
        Refused: There is none, or it belongs to another store than the path says.
    """
    invoice = visit.world.invoices.get(visit.names["invoiceId"])
    if invoice is None:
        raise invoice_not_found()
    if invoice.store_id != visit.store_id:
        is_allowed = visit.key is not None and visit.key.may(permission, invoice.store_id)
        if visit.world.traits.foreign_invoice_status == 403 and not is_allowed:
            raise missing_permission(permission)
        raise invoice_not_found()
    return invoice


def create_invoice(visit: Visit) -> Response:
    world = visit.world
    invoice = invoice_from(world, world.stores[visit.store_id], bodies.fields_of(visit.request))
    world.add_invoice(invoice)
    world.announce(invoice, [Event("InvoiceCreated")])
    if invoice.due_sats == 0:
        world.announce(invoice, settle_for_nothing(invoice, now=world.now()))
    return _answer(visit, invoice)


def get_invoice(visit: Visit) -> Response:
    return _answer(visit, _invoice(visit, VIEW_INVOICES))


def list_invoices(visit: Visit) -> Response:
    """List newest first; archived ones are left out."""
    world, request = visit.world, visit.request
    order_ids, statuses = request.values("orderId"), request.values("status")
    unknown = [status for status in statuses if status not in Status.__members__.values()]
    if unknown:
        raise invalid("status", f"The value '{unknown[0]}' is not valid.")
    skip, take = _count(visit, "skip", 0), _count(visit, "take", None)
    if order_ids:
        found = [
            invoice
            for order_id in dict.fromkeys(order_ids)
            for invoice in world.invoices_by_order.get((visit.store_id, order_id), ())
        ]
    else:
        found = [inv for inv in world.invoices.values() if inv.store_id == visit.store_id]
    found = [
        invoice
        for invoice in reversed(found)
        if not invoice.is_archived and (not statuses or invoice.status in statuses)
    ]
    page = found[skip : None if take is None else (skip or 0) + take]
    return json_response(200, [_wire(visit, invoice) for invoice in page])


def _count(visit: Visit, name: str, default: int | None) -> int | None:
    text = visit.request.value(name)
    if not text:
        return default
    if not text.isdecimal():
        raise invalid(name, f"The value '{text}' is not valid.")
    return int(text)


def get_invoice_payment_methods(visit: Visit) -> Response:
    invoice = _invoice(visit, VIEW_INVOICES)
    only_accounted = visit.request.value("onlyAccountedPayments", "true").lower() != "false"
    return json_response(
        200, payment_methods_wire(invoice, visit.world.traits, only_accounted=only_accounted)
    )


def mark_invoice(visit: Visit) -> Response:
    invoice = _invoice(visit, MODIFY_INVOICES)
    status = bodies.text(bodies.fields_of(visit.request), "status")
    try:
        events = mark(invoice, Status(status), now=visit.world.now())
    except (ValueError, IllegalMark) as error:
        message = "Status can only be marked to invalid or settled within certain conditions."
        raise invalid("Status", message) from error
    visit.world.announce(invoice, events)
    return _answer(visit, invoice)


INVOICES = "/api/v1/stores/{storeId}/invoices"
INVOICE = INVOICES + "/{invoiceId}"
_TABLE: list[tuple[str, str, Handler, str]] = [
    ("POST", INVOICES, create_invoice, CREATE_INVOICE),
    ("GET", INVOICES, list_invoices, VIEW_INVOICES),
    ("GET", INVOICE, get_invoice, VIEW_INVOICES),
    ("GET", INVOICE + "/payment-methods", get_invoice_payment_methods, VIEW_INVOICES),
    ("POST", INVOICE + "/status", mark_invoice, MODIFY_INVOICES),
]
ROUTES = [
    Route(
        operation=handler.__name__,
        method=method,
        path=path,
        handler=handler,
        permission=permission,
    )
    for method, path, handler, permission in _TABLE
]
