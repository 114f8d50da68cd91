"""The page where a buyer pays: what is asked, and a button for each way to pay."""

from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tests.simulators.exchange import Request, Response, html_response
from tests.simulators.zaprite.order import Method, Order, Status

METHODS: Final = (Method.CARD, Method.LIGHTNING, Method.BITCOIN)
CONFIRM: Final = "CONFIRM"
"""What the page sends, in place of a method, to let coins under way arrive."""
_OPEN: Final = (Status.PENDING, Status.UNDERPAID)


def checkout_page(order: Order) -> Response:
    """Show an order, with buttons while it can be paid and a way back to the shop."""
    buttons = "".join(
        f'<button name="method" value="{method}">Pay by {method.lower()}</button>\n'
        for method in METHODS
        if order.status in _OPEN
    )
    if order.status == Status.PROCESSING:
        buttons = f'<button name="method" value="{CONFIRM}">Let it confirm</button>\n'
    back = return_url(order)
    link = f'<p><a href="{escape(back)}">Back to the shop</a></p>\n' if back else ""
    return html_response(
        200,
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>Checkout</title>\n"
        f"<h1>{escape(order.label or order.id)}</h1>\n"
        f"<p>{escape(price(order))}, "
        f'<strong id="status">{escape(order.status)}</strong></p>\n'
        f'<form method="post" action="/order/{escape(order.id)}">\n{buttons}</form>\n{link}</html>\n',
    )


def price(order: Order) -> str:
    """Spell what is asked: coins in sats, money in its whole unit."""
    match order.currency:
        case "BTC":
            return f"{order.total_amount} sats"
        case "LBTC":
            return f"{order.total_amount} sats of LBTC"
        case "JPY":
            return f"{order.total_amount} JPY"
        case currency:
            whole, hundredths = divmod(order.total_amount, 100)
            return f"{whole}.{hundredths:02} {currency}"


def pressed_button(request: Request) -> str:
    """Read which button was pressed: a method or ``CONFIRM``; the card when none was."""
    fields = dict(parse_qsl(request.body.decode(errors="replace")))
    pressed = fields.get("method", Method.CARD)
    return pressed if pressed in (*METHODS, CONFIRM) else Method.CARD


def after_paying(order: Order) -> Response:
    """Send the buyer back to the shop, or to the page where there is none."""
    return Response(status=303, headers={"location": return_url(order) or f"/order/{order.id}"})


def return_url(order: Order) -> str | None:
    """Give the shop's address with ``orderId`` added to its query."""
    if order.redirect_url is None:
        return None
    url = urlsplit(order.redirect_url)
    added = urlencode({"orderId": order.id})
    return urlunsplit(url._replace(query=f"{url.query}&{added}" if url.query else added))
