"""Deliveries: one event on its way to one endpoint, at least once. Source: lifecycles 10.3.

The body is the outbox row's, fixed when the event was written; a delivery only points at it.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeAlias, assert_never

import msgspec

from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId
from keysat_core.domain.instant import HOUR_SECONDS, Instant
from keysat_core.domain.text import checked_range
from keysat_core.errors import IllegalTransition
from keysat_core.limits import (
    DELIVERIES_PAGE_MAX,
    DELIVERY_CLAIM_SECONDS,
    DELIVERY_ERROR_CHARS_MAX,
    DELIVERY_ORDER_SECONDS,
    OFFSET_MAX,
    PAGE_DEFAULT,
)

WAIT_SECONDS: Final = (5, 10, 30, 60, 300, 900, 1_800, HOUR_SECONDS, 2 * HOUR_SECONDS)
"""The wait after each failed attempt; after one more there is none, and the delivery is dead."""

ATTEMPTS_MAX: Final = len(WAIT_SECONDS) + 1

JITTER_PERCENT: Final = 10
"""How far a wait may be from the table's, to either side, so that a backlog does not come at once."""

WAIT_SECONDS_MAX: Final = WAIT_SECONDS[-1] + WAIT_SECONDS[-1] * JITTER_PERCENT // 100
"""No delivery is due later than this; one that is was written by a clock set back since."""

ENDPOINT_GONE: Final = "the endpoint was deleted or is not active"


class DeliveryStatus(StrEnum):
    """State of a delivery. Operators see ``queued`` as pending and ``dead`` as failed."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint. ``attempts`` are those since it was queued or retried by hand.

    ``next_attempt_at`` is set exactly while it is queued.
    """

    id: DeliveryId
    endpoint_id: WebhookEndpointId
    event_id: EventId
    status: DeliveryStatus = DeliveryStatus.QUEUED
    attempts: int = 0
    next_attempt_at: Instant | None
    last_status_code: int | None = None
    last_error: str | None = None
    delivered_at: Instant | None = None
    created_at: Instant

    def __post_init__(self) -> None:
        checked_range(self.attempts, field="attempts", low=0, high=ATTEMPTS_MAX)


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with what it carries."""

    delivery: Delivery
    event_type: str
    body: bytes


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries: every given field must match. Newest first."""

    endpoint_id: WebhookEndpointId | None = None
    status: DeliveryStatus | None = None
    limit: int = PAGE_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        checked_range(self.limit, field="limit", low=1, high=DELIVERIES_PAGE_MAX)
        checked_range(self.offset, field="offset", low=0, high=OFFSET_MAX)


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page; ``total`` counts all that match."""

    rows: tuple[DeliveryRow, ...]
    total: int


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the outbox, which grows in the order of commits."""

    sequence: int
    event: OutboxEvent


class DeliveryCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint's deliveries are; ``dead`` of those made lately only."""

    endpoint_id: WebhookEndpointId
    queued: int = 0
    dead: int = 0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt. ``status_code`` None: no answer, and ``text`` says why.

    ``text`` is otherwise the beginning of the answer. ``is_slow``: its time ran out.
    """

    status_code: int | None
    text: str = ""
    is_slow: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the subscriber took it."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004


# --- state machine ------------------------------------------------------------------------------


class Claim(msgspec.Struct, frozen=True, kw_only=True, tag="claim"):
    """It is being sent now; whoever else looks leaves it alone until that must be over."""


class Release(msgspec.Struct, frozen=True, kw_only=True, tag="release"):
    """It was not sent after all, and is due again."""


class Accept(msgspec.Struct, frozen=True, kw_only=True, tag="accept"):
    """The subscriber answered that it has it."""

    status_code: int


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag="reject"):
    """An attempt failed, and another will be made."""

    status_code: int | None
    error: str


class GiveUp(msgspec.Struct, frozen=True, kw_only=True, tag="give_up"):
    """The last attempt failed, or there is nobody to send it to any more."""

    status_code: int | None
    error: str


class Requeue(msgspec.Struct, frozen=True, kw_only=True, tag="requeue"):
    """An operator has it sent again, whatever became of it."""


DeliveryEvent: TypeAlias = Claim | Release | Accept | Reject | GiveUp | Requeue

_QUEUED, _DELIVERED, _DEAD = DeliveryStatus.QUEUED, DeliveryStatus.DELIVERED, DeliveryStatus.DEAD

TRANSITIONS: Final[Mapping[tuple[DeliveryStatus, type[DeliveryEvent]], DeliveryStatus]] = {
    (_QUEUED, Claim): _QUEUED,
    (_QUEUED, Release): _QUEUED,
    (_QUEUED, Accept): _DELIVERED,
    (_QUEUED, Reject): _QUEUED,
    (_QUEUED, GiveUp): _DEAD,
    (_QUEUED, Requeue): _QUEUED,
    (_DELIVERED, Release): _DELIVERED,
    (_DELIVERED, Accept): _DELIVERED,
    (_DELIVERED, Reject): _DELIVERED,
    (_DELIVERED, GiveUp): _DELIVERED,
    (_DELIVERED, Requeue): _QUEUED,
    (_DEAD, Release): _DEAD,
    (_DEAD, Accept): _DELIVERED,
    (_DEAD, Reject): _DEAD,
    (_DEAD, GiveUp): _DEAD,
    (_DEAD, Requeue): _QUEUED,
}
"""Only what is queued is sent. What another process learned of the same attempt meanwhile never takes
back that the subscriber has it."""


def advance(delivery: Delivery, event: DeliveryEvent, *, now: Instant) -> Delivery:
    """Apply an event. On a delivery that has ended, one that leads to the same state changes nothing.

    Raises:
        IllegalTransition: the table has no such step.
    """
    status = TRANSITIONS.get((delivery.status, type(event)))
    if status is None:
        raise IllegalTransition("delivery", delivery.status, type(event).__name__.lower())
    if status is delivery.status and status is not _QUEUED:
        return delivery
    return msgspec.structs.replace(delivery, status=status, **_changes(delivery, event, now))


def _changes(delivery: Delivery, event: DeliveryEvent, now: Instant) -> dict[str, object]:
    match event:
        case Claim():
            return {"next_attempt_at": now + DELIVERY_CLAIM_SECONDS}
        case Release():
            return {"next_attempt_at": now}
        case Accept(status_code=code):
            return _attempted(delivery, code, None) | {"delivered_at": now}
        case Reject(status_code=code, error=error):
            wait = wait_seconds(delivery.id, delivery.attempts + 1)
            return _attempted(delivery, code, error) | {"next_attempt_at": now + wait}
        case GiveUp(status_code=code, error=error):
            return _attempted(delivery, code, error)
        case Requeue():
            cleared = dict.fromkeys(("delivered_at", "last_error", "last_status_code"))
            return cleared | {"attempts": 0, "next_attempt_at": now}
        case _:
            assert_never(event)


def _attempted(delivery: Delivery, status_code: int | None, error: str | None) -> dict[str, object]:
    return {
        "attempts": min(delivery.attempts + 1, ATTEMPTS_MAX),
        "last_status_code": status_code,
        "last_error": None if error is None else error_of(error),
        "next_attempt_at": None,
    }


def is_in_order(delivery: Delivery, now: Instant) -> bool:
    """Tell whether a delivery is so new that later ones wait for it (B-35)."""
    return now - DELIVERY_ORDER_SECONDS < delivery.created_at <= now


def judged(delivery: Delivery, reply: Reply) -> Accept | Reject | GiveUp:
    """Say what a reply means for a delivery."""
    code = reply.status_code
    if code is not None and reply.is_accepted:
        return Accept(status_code=code)
    error = f"{'request error' if code is None else 'non-2xx response'}: "
    error += reply.text[:DELIVERY_ERROR_CHARS_MAX]
    if delivery.attempts + 1 >= ATTEMPTS_MAX:
        return GiveUp(status_code=code, error=error)
    return Reject(status_code=code, error=error)


def wait_seconds(delivery_id: DeliveryId, attempts: int) -> int:
    """Give the wait after the n-th failed attempt: the table's, spread by the delivery's own id."""
    base = WAIT_SECONDS[min(attempts, len(WAIT_SECONDS)) - 1]
    spread = base * JITTER_PERCENT // 100
    drawn = int.from_bytes(sha256(f"{delivery_id} {attempts}".encode()).digest()[:4])
    return base - spread + drawn % (2 * spread + 1)


def error_of(text: str) -> str:
    """Make words from outside fit to be kept: printable, and not longer than the limit allows."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    # The 200 characters of the answer come behind a few of our own.
    return plain[: DELIVERY_ERROR_CHARS_MAX + len("non-2xx response: ")]
