"""The bodies of Zaprite's webhooks: the documented one, and the shapes older ones are said to have.

No shape carries a signature or a secret; whoever knows an order id can write any of them.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec

from tests.simulators.zaprite.order import Status

ORDER_CHANGE: Final = "order.change"
_NAMED: Final = frozenset(
    {Status.PAID, Status.COMPLETE, Status.OVERPAID, "EXPIRED", "INVALID", "CANCELLED", "REFUNDED"}
)
"""Statuses whose change has an event name of its own in the undocumented shapes."""


class BodyShape(StrEnum):
    """How a body says what happened to which order."""

    DOCUMENTED = "documented"
    """``{"eventType": "order.change", "orderId": …, "orgId": …}``, exactly."""
    EVENT_AND_DATA_ID = "event_and_data_id"
    """``{"event": "order.paid", "data": {"id": …}}``"""
    TYPE_AND_DATA_STATUS = "type_and_data_status"
    """``{"type": "order.change", "data": {"id": …, "status": "PAID"}}``"""
    NAME_AND_DATA_OBJECT = "name_and_data_object"
    """``{"name": "order.paid", "data": {"object": {"id": …}}}``"""


def event_type_of(shape: BodyShape, status: str) -> str:
    """Give the event's name as the shape has it, for an order that came into a status."""
    has_names = shape in (BodyShape.EVENT_AND_DATA_ID, BodyShape.NAME_AND_DATA_OBJECT)
    return f"order.{status.lower()}" if has_names and status in _NAMED else ORDER_CHANGE


def webhook_body(shape: BodyShape, *, order_id: str, org_id: str, status: str) -> bytes:
    """Write a body."""
    event_type = event_type_of(shape, status)
    body: dict[str, Any]
    match shape:
        case BodyShape.DOCUMENTED:
            body = {"eventType": event_type, "orderId": order_id, "orgId": org_id}
        case BodyShape.EVENT_AND_DATA_ID:
            body = {"event": event_type, "data": {"id": order_id}}
        case BodyShape.TYPE_AND_DATA_STATUS:
            body = {"type": event_type, "data": {"id": order_id, "status": status}}
        case BodyShape.NAME_AND_DATA_OBJECT:
            body = {"name": event_type, "data": {"object": {"id": order_id}}}
    return msgspec.json.encode(body)
