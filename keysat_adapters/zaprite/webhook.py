"""Zaprite's webhooks: unsigned, so that one is a nudge to look and nothing else.

Anybody who knows an order's id, which is in its checkout address, can write one. Source: payments 7.4.
"""

from typing import Final

import msgspec

from keysat_adapters.zaprite.wire import is_id
from keysat_core.domain.payment import ProviderNotice
from keysat_core.errors import NotAuthentic

TYPE_CHARS_MAX: Final = 64
"""How much of an event's name is kept."""

WORD_BYTES_MAX: Final = 4_096
"""Longest id or name that is looked at, as it is written: theirs have a few dozen bytes."""

_ORDER_EVENT: Final = "order."
_ABSENT: Final = msgspec.Raw(b"null")


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    """What is looked at of an event; all the rest is passed over and becomes no value.

    Strangers' events are read between other requests, and 2 MiB of brackets that do become values
    keep those waiting for 0.2 s, forty times as long as this does. Documented is ``eventType``; the
    other names of the event's name, and all places of the id but ``orderId``, are †.
    """

    event: msgspec.Raw = _ABSENT
    event_type: msgspec.Raw = _ABSENT
    type: msgspec.Raw = _ABSENT
    name: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    order_id: msgspec.Raw = _ABSENT
    id: msgspec.Raw = _ABSENT


class _Inner(msgspec.Struct, frozen=True):
    """What an event is about, in one of its shapes."""

    id: msgspec.Raw = _ABSENT
    object: msgspec.Raw = _ABSENT


_EVENTS: Final = msgspec.json.Decoder(_Event)
_INNERS: Final = msgspec.json.Decoder(_Inner)


def read_webhook(body: bytes) -> ProviderNotice:
    """Read a webhook. It claims nothing; events that are not about orders name no invoice.

    Raises:
        NotAuthentic: it cannot be read, or names no order.
    """
    try:
        read = _EVENTS.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise NotAuthentic from exc
    order_id = _order_id(read)
    if order_id is None:
        raise NotAuthentic
    said = (_text(name) for name in (read.event, read.event_type, read.type, read.name))
    event = next((name for name in said if name), "")[:TYPE_CHARS_MAX]
    is_about_order = event.lower().startswith(_ORDER_EVENT)
    return ProviderNotice(type=event, provider_invoice_id=order_id if is_about_order else None)


def _order_id(read: _Event) -> str | None:
    """Look for the id: ``data.id``, ``data.object.id``, ``orderId``, ``id``. All but the third †."""
    data = _inner(read.data)
    places = (data.id, _inner(data.object).id, read.order_id, read.id)
    return next((text for text in map(_text, places) if is_id(text)), None)


def _inner(raw: msgspec.Raw) -> _Inner:
    try:
        return _INNERS.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _Inner()


def _text(raw: msgspec.Raw) -> str | None:
    """Give a text that is not too long; None for anything else."""
    if memoryview(raw).nbytes > WORD_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeError):
        return None
