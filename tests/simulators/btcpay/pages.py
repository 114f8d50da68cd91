"""The pages people see: the consent to an application and the checkout of an invoice."""

from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from tests.simulators.btcpay.accounts import User
from tests.simulators.btcpay.consent import (
    KEY_PAGE,
    ConsentRefused,
    check_redirect,
    grant,
    question_of,
    question_page,
    redirect_page,
)
from tests.simulators.btcpay.invoice_machine import btc
from tests.simulators.btcpay.invoices import Invoice, Rail, Status
from tests.simulators.btcpay.payments import pay_invoice
from tests.simulators.btcpay.problems import Refused
from tests.simulators.btcpay.routing import Route, Visit
from tests.simulators.exchange import Response, html_response


def _see(location: str) -> Response:
    return Response(status=303, headers={"location": location})


def _user(visit: Visit) -> User:
    """Give who is logged in: the first user, for the double has no passwords."""
    return next(iter(visit.world.users.values()))


def _form(visit: Visit) -> list[tuple[str, str]]:
    return parse_qsl(visit.request.body.decode(errors="replace"), keep_blank_values=True)


def show_consent(visit: Visit) -> Response:
    question = question_of(visit.request.query)
    try:
        check_redirect(visit.world, question)
    except ConsentRefused:
        return _see(KEY_PAGE)
    action = f"{visit.request.path}?{urlencode(visit.request.query)}"
    return html_response(200, question_page(visit.world, _user(visit), question, action))


def answer_consent(visit: Visit) -> Response:
    """Approve and show the page that posts the key, or go to the list of keys."""
    form = _form(visit)
    question = question_of(visit.request.query)
    if ("command", "Authorize") not in form:
        return _see(KEY_PAGE)
    try:
        check_redirect(visit.world, question)
    except ConsentRefused:
        return _see(KEY_PAGE)
    user = _user(visit)
    chosen = [value for name, value in form if name == "store" and value in user.store_ids]
    granted = grant(visit.world, user, question, chosen if user.store_ids else None)
    return html_response(200, redirect_page(granted))


def _invoice(visit: Visit) -> Invoice:
    invoice = visit.world.invoices.get(visit.names["invoiceId"])
    if invoice is None:
        raise Refused(html_response(404, "<!doctype html><title>Not found</title>\n"))
    return invoice


def return_address(invoice: Invoice) -> str | None:
    """Give where the buyer is sent afterwards, with BTCPay's two placeholders filled in."""
    template = invoice.checkout["redirectURL"]
    if template is None:
        return None
    order_id = str(invoice.metadata.get("orderId", ""))
    filled: str = template.replace("{InvoiceId}", quote(invoice.id, safe=""))
    return filled.replace("{OrderId}", quote(order_id, safe=""))


def show_checkout(visit: Visit) -> Response:
    invoice = _invoice(visit)
    due = max((invoice.due_sats or 0) - invoice.paid_sats, 0)
    back = return_address(invoice)
    link = f'<p><a href="{escape(back)}">Return to the shop</a></p>' if back else ""
    facts: dict[str, Any] = {
        "Amount": f"{btc(due)} BTC",
        "Status": f"{invoice.status} ({invoice.additional})",
        **{str(rail): where for rail, where in invoice.destinations.items()},
    }
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>"
        for name, value in facts.items()
    )
    buttons = "".join(
        f'<button name="rail" value="{rail}">Pay ({rail})</button> '
        for rail in invoice.destinations
    )
    form = (
        f'<form method="post" action="/i/{escape(invoice.id)}/pay">{buttons}</form>'
        if invoice.status is Status.NEW
        else ""
    )
    return html_response(
        200,
        "<!doctype html><html lang=en><meta charset=utf-8><title>Checkout</title>"
        f"<h1>Pay with Bitcoin</h1><dl>{rows}</dl>{form}{link}</html>\n",
    )


def pay_at_checkout(visit: Visit) -> Response:
    """Pay what is due: at once and final by lightning, unconfirmed on chain."""
    invoice = _invoice(visit)
    asked = dict(_form(visit)).get("rail", "")
    rails = list(invoice.destinations)
    rail = Rail(asked) if asked in rails else rails[-1]
    due = (invoice.due_sats or 0) - invoice.paid_sats
    if due > 0:
        pay_invoice(visit.world, invoice, due, rail, is_confirmed=False)
    back = return_address(invoice)
    if back is not None and invoice.checkout["redirectAutomatically"] and invoice.is_paid:
        return _see(back)
    return _see(f"/i/{invoice.id}")


ROUTES = [
    Route(
        operation=name,
        method=method,
        path=path,
        handler=handler,
        is_open=True,
    )
    for name, method, path, handler in (
        ("show_consent", "GET", "/api-keys/authorize", show_consent),
        ("answer_consent", "POST", "/api-keys/authorize", answer_consent),
        ("show_checkout", "GET", "/i/{invoiceId}", show_checkout),
        ("pay_at_checkout", "POST", "/i/{invoiceId}/pay", pay_at_checkout),
    )
]
