"""Zaprite's webhooks: unsigned, so that one is a nudge to look and nothing else.

Anybody who knows an order's id, which is in its checkout address, can write one. Source: payments 7.4.
"""

from typing import Final

from keysat_adapters.outbound.answer import Unreadable
from keysat_adapters.zaprite.wire import Fields, first_text, is_id, read_object
from keysat_core.domain.payment import ProviderNotice
from keysat_core.errors import NotAuthentic

EVENT_FIELDS: Final = ("event", "eventType", "type", "name")
"""Where the event's name is looked for, in this order. Documented is ``eventType``; the rest †."""

EVENT_BYTES_MAX: Final = 65_536
"""Longest event that is read: Zaprite's have a hundred bytes, and a whole order a few thousand.

Strangers' are read between other requests. 2 MiB of brackets would keep those waiting for 0.2 s.
"""

TYPE_CHARS_MAX: Final = 64
"""How much of an event's name is kept."""

_ORDER_EVENT: Final = "order."


def read_webhook(body: bytes) -> ProviderNotice:
    """Read a webhook. It claims nothing; events that are not about orders name no invoice.

    Raises:
        NotAuthentic: it cannot be read, or names no order.
    """
    if len(body) > EVENT_BYTES_MAX:
        raise NotAuthentic
    try:
        fields = read_object(body)
    except Unreadable as exc:
        raise NotAuthentic from exc
    order_id = _order_id(fields)
    if order_id is None:
        raise NotAuthentic
    event = (first_text(fields, EVENT_FIELDS) or "")[:TYPE_CHARS_MAX]
    is_about_order = event.lower().startswith(_ORDER_EVENT)
    return ProviderNotice(type=event, provider_invoice_id=order_id if is_about_order else None)


def _order_id(fields: Fields) -> str | None:
    """Look for the id: ``data.id``, ``data.object.id``, ``orderId``, ``id``. All but the third †."""
    data = fields.get("data")
    inner = data.get("object") if isinstance(data, dict) else None
    for place, name in ((data, "id"), (inner, "id"), (fields, "orderId"), (fields, "id")):
        value = place.get(name) if isinstance(place, dict) else None
        if is_id(value):
            return str(value)
    return None
