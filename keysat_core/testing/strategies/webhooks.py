"""Subscribers to events, what is on its way to them, and what may happen to it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.events import PUBLISHED_EVENT_TYPES
from keysat_core.domain.ids import DeliveryId, EventId, WebhookEndpointId
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import (
    ATTEMPTS_MAX,
    Accept,
    Claim,
    Delivery,
    DeliveryCounts,
    DeliveryEvent,
    DeliveryFilter,
    DeliveryPage,
    DeliveryRow,
    DeliveryStatus,
    GiveUp,
    OutboxRow,
    Reject,
    Release,
    Reply,
    Requeue,
)
from keysat_core.domain.webhook_endpoint import EVERY_EVENT, Listener, WebhookEndpoint
from keysat_core.limits import (
    DELIVERIES_PAGE_MAX,
    OFFSET_MAX,
    WEBHOOK_SECRET_CHARS_MAX,
    WEBHOOK_SECRET_CHARS_MIN,
)
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.events import outbox_events
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import texts

_NAMES: Final = (EVERY_EVENT, *sorted(PUBLISHED_EVENT_TYPES))
_STATUS_CODES: Final = st.integers(100, 599)


def event_filters() -> SearchStrategy[tuple[str, ...]]:
    """What an endpoint asks to be told of, nothing included."""
    return st.lists(st.sampled_from(_NAMES), unique=True, max_size=4).map(tuple)


def webhook_urls() -> SearchStrategy[str]:
    """Where a subscriber may be."""
    scheme = st.sampled_from(["https", "http"])
    host = st.sampled_from(["hooks.example", "a.b.example:8443", "[2001:db8::1]", "192.0.2.1"])
    path = st.sampled_from(["", "/", "/hook?token=1", "/a/b"])
    return st.builds("{}://{}{}".format, scheme, host, path)


def webhook_secrets() -> SearchStrategy[Secret]:
    """Secrets callers may choose."""
    chars = texts(chars_min=WEBHOOK_SECRET_CHARS_MIN, chars_max=WEBHOOK_SECRET_CHARS_MAX)
    usable = chars.filter(lambda text: len(text.strip()) >= WEBHOOK_SECRET_CHARS_MIN)
    return usable.map(Secret)


def webhook_endpoints(**fixed: Any) -> SearchStrategy[WebhookEndpoint]:
    """Endpoints, active or not, deleted or not, rotated or not."""
    return st.booleans().flatmap(
        lambda is_rotated: _webhook_endpoints(fixed, is_rotated=is_rotated)
    )


def _webhook_endpoints(
    fixed: dict[str, Any], *, is_rotated: bool
) -> SearchStrategy[WebhookEndpoint]:
    return built(
        WebhookEndpoint,
        dict(fixed),
        previous_secret=webhook_secrets() if is_rotated else st.none(),
        previous_secret_until=instants() if is_rotated else st.none(),
        id=ids().map(WebhookEndpointId),
        url=webhook_urls(),
        secret=webhook_secrets(),
        event_types=event_filters(),
        active=st.booleans(),
        description=texts(),
        created_at=instants(),
        updated_at=instants(),
        deleted_at=st.none() | instants(),
    )


def listeners(**fixed: Any) -> SearchStrategy[Listener]:
    """What decides whether an endpoint is told of an event."""
    return built(
        Listener,
        fixed,
        endpoint_id=ids().map(WebhookEndpointId),
        event_types=event_filters(),
    )


def deliveries(**fixed: Any) -> SearchStrategy[Delivery]:
    """Deliveries in every state."""
    status = fixed.pop("status", None)
    statuses = st.sampled_from(DeliveryStatus) if status is None else st.just(status)
    return statuses.flatmap(lambda one: _deliveries(one, fixed))


def delivery_rows(**fixed: Any) -> SearchStrategy[DeliveryRow]:
    """Deliveries with what they carry."""
    return outbox_events(is_published=True).flatmap(
        lambda event: built(
            DeliveryRow,
            fixed,
            delivery=deliveries(event_id=event.id),
            event_type=st.just(event.event_type),
            body=st.just(event.body),
        )
    )


def delivery_filters(**fixed: Any) -> SearchStrategy[DeliveryFilter]:
    """Questions for deliveries."""
    return built(
        DeliveryFilter,
        fixed,
        endpoint_id=st.none() | ids().map(WebhookEndpointId),
        status=st.none() | st.sampled_from(DeliveryStatus),
        limit=st.integers(1, DELIVERIES_PAGE_MAX),
        offset=st.integers(0, OFFSET_MAX),
    )


def delivery_pages(**fixed: Any) -> SearchStrategy[DeliveryPage]:
    """Pages, of whatever is there."""
    rows = st.lists(delivery_rows(), max_size=3).map(tuple)
    return built(DeliveryPage, fixed, rows=rows, total=st.integers(3, 1_000))


def delivery_counts(**fixed: Any) -> SearchStrategy[DeliveryCounts]:
    """How an endpoint's deliveries are."""
    return built(
        DeliveryCounts,
        fixed,
        endpoint_id=ids().map(WebhookEndpointId),
        queued=st.integers(0, 10_000),
        dead=st.integers(0, 10_000),
    )


def outbox_rows(**fixed: Any) -> SearchStrategy[OutboxRow]:
    """Events with their place in the outbox."""
    return built(OutboxRow, fixed, sequence=st.integers(1, 1 << 40), event=outbox_events())


def replies(**fixed: Any) -> SearchStrategy[Reply]:
    """What may come of an attempt."""
    return built(
        Reply,
        fixed,
        status_code=st.none() | _STATUS_CODES,
        text=texts(),
        is_slow=st.booleans(),
    )


def claims() -> SearchStrategy[Claim]:
    """It is being sent."""
    return st.builds(Claim)


def releases() -> SearchStrategy[Release]:
    """It was not sent after all."""
    return st.builds(Release)


def accepts(**fixed: Any) -> SearchStrategy[Accept]:
    """The subscriber has it."""
    return built(Accept, fixed, status_code=st.integers(200, 299))


def rejects(**fixed: Any) -> SearchStrategy[Reject]:
    """An attempt failed."""
    return built(Reject, fixed, status_code=st.none() | _STATUS_CODES, error=texts())


def give_ups(**fixed: Any) -> SearchStrategy[GiveUp]:
    """No attempt will be made any more."""
    return built(GiveUp, fixed, status_code=st.none() | _STATUS_CODES, error=texts())


def requeues() -> SearchStrategy[Requeue]:
    """An operator has it sent again."""
    return st.builds(Requeue)


def delivery_events() -> SearchStrategy[DeliveryEvent]:
    """Whatever may happen to a delivery, in any state."""
    return st.one_of(claims(), releases(), accepts(), rejects(), give_ups(), requeues())


def _deliveries(status: DeliveryStatus, fixed: dict[str, Any]) -> SearchStrategy[Delivery]:
    is_queued = status is DeliveryStatus.QUEUED
    is_delivered = status is DeliveryStatus.DELIVERED
    return built(
        Delivery,
        fixed,
        id=ids().map(DeliveryId),
        endpoint_id=ids().map(WebhookEndpointId),
        event_id=ids().map(EventId),
        status=st.just(status),
        attempts=st.integers(
            0 if is_queued else 1, ATTEMPTS_MAX - 1 if is_queued else ATTEMPTS_MAX
        ),
        next_attempt_at=instants() if is_queued else st.none(),
        last_status_code=st.none() | _STATUS_CODES,
        last_error=st.none() | texts(),
        delivered_at=instants() if is_delivered else st.none(),
        created_at=instants(),
    )


WEBHOOK_STRATEGIES: Final[Mapping[type, Callable[[], SearchStrategy[Any]]]] = {
    Accept: accepts,
    Claim: claims,
    Delivery: deliveries,
    DeliveryCounts: delivery_counts,
    DeliveryFilter: delivery_filters,
    DeliveryPage: delivery_pages,
    DeliveryRow: delivery_rows,
    GiveUp: give_ups,
    Listener: listeners,
    OutboxRow: outbox_rows,
    Reject: rejects,
    Release: releases,
    Reply: replies,
    Requeue: requeues,
    WebhookEndpoint: webhook_endpoints,
}
"""The structs of this file, for ``registration``."""
