"""Webhook endpoints: where a subscriber is told of events, and of which. Source: lifecycles 10, B-35."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from keysat_core.domain.events import PUBLISHED_EVENT_TYPES
from keysat_core.domain.ids import WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.text import checked_text
from keysat_core.domain.web_address import checked_page
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    CLOCK_MARGIN_SECONDS,
    DESCRIPTION_CHARS_MAX,
    EVENT_TYPES_MAX,
    WEBHOOK_SECRET_CHARS_MAX,
    WEBHOOK_SECRET_CHARS_MIN,
    WEBHOOK_SECRET_OVERLAP_SECONDS,
)

EVERY_EVENT: Final = "*"
"""In a filter: all published events, those of later versions too."""

SECRET_BYTES: Final = 32
"""Randomness of a secret nobody chose; it is kept as 64 hex digits."""


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One subscriber. ``deleted_at``: it is hidden, and only its deliveries' history remains (B-13).

    ``previous_secret`` signs too until ``previous_secret_until``; both are set after a rotation.
    """

    id: WebhookEndpointId
    url: str
    secret: Secret
    event_types: tuple[str, ...] = (EVERY_EVENT,)
    active: bool = True
    description: str = ""
    created_at: Instant
    updated_at: Instant
    deleted_at: Instant | None = None
    previous_secret: Secret | None = None
    previous_secret_until: Instant | None = None

    def __post_init__(self) -> None:
        if (self.previous_secret is None) is not (self.previous_secret_until is None):
            raise InvariantError("previous_secret_until", "is set exactly with previous_secret")

    @property
    def is_live(self) -> bool:
        """Whether anything is sent to it."""
        return self.active and self.deleted_at is None


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """What decides whether an active endpoint is told of an event."""

    endpoint_id: WebhookEndpointId
    event_types: tuple[str, ...]


def rotated(endpoint: WebhookEndpoint, secret: Secret, now: Instant) -> WebhookEndpoint:
    """Sign with another secret from now on, and for a while with the present one too.

    A secret that was rotated away before that is forgotten.

    Raises:
        InvariantError: it is the secret in use.
    """
    if secret == endpoint.secret:
        raise InvariantError("secret", "is the one in use; choose another")
    return msgspec.structs.replace(
        endpoint,
        secret=secret,
        previous_secret=endpoint.secret,
        previous_secret_until=Instant(now + WEBHOOK_SECRET_OVERLAP_SECONDS),
        updated_at=now,
    )


def signing_secrets(endpoint: WebhookEndpoint, now: Instant) -> tuple[Secret, ...]:
    """Give the secrets to sign with, the one in use first."""
    until = endpoint.previous_secret_until
    is_over = until is None or not now < until <= overlap_latest(now)
    if endpoint.previous_secret is None or is_over:
        return (endpoint.secret,)
    return (endpoint.secret, endpoint.previous_secret)


def overlap_latest(now: Instant) -> Instant:
    """Give the latest end that an overlap of two secrets can have.

    A later one was written by a clock that has been set back since, so that overlap is over too.
    """
    return Instant(now + WEBHOOK_SECRET_OVERLAP_SECONDS + CLOCK_MARGIN_SECONDS)


def wants(event_types: Iterable[str], event_type: str) -> bool:
    """Tell whether a filter lets a published event through; an empty one lets none."""
    return any(name in (EVERY_EVENT, event_type) for name in event_types)


def checked_endpoint_url(url: str) -> str:
    """Accept where to send to.

    Raises:
        InvariantError: no absolute http or https URL, or with a name and password in it.
    """
    checked_page(url, field="url")
    parts = urlsplit(url)
    try:
        is_addressed = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_addressed = False
    if not is_addressed:
        raise InvariantError("url", "must name a host, and a port if any from 1 to 65535")
    if "@" in parts.netloc:
        raise InvariantError("url", "must not hold a name or password; check the signature instead")
    return url


def checked_event_types(names: Iterable[str]) -> tuple[str, ...]:
    """Accept a filter: ``*`` or names of published events. An empty one receives nothing.

    Raises:
        InvariantError: a name is unknown, or there are too many.
    """
    filter_ = tuple(dict.fromkeys(names))
    if len(filter_) > EVENT_TYPES_MAX:
        raise InvariantError("event_types", f"must have at most {EVENT_TYPES_MAX} names")
    for name in filter_:
        if name != EVERY_EVENT and name not in PUBLISHED_EVENT_TYPES:
            known = ", ".join(sorted(PUBLISHED_EVENT_TYPES))
            raise InvariantError(
                "event_types", f"{name[:64]!r} is no event; there are * and {known}"
            )
    return filter_


def checked_webhook_secret(secret: Secret) -> Secret:
    """Accept a secret that a caller chose; it is kept to the letter.

    Raises:
        InvariantError: too short to be one, blank, or too long.
    """
    text = checked_text(
        secret.reveal(), field="secret", chars_max=WEBHOOK_SECRET_CHARS_MAX, required=True
    )
    if len(text.strip()) < WEBHOOK_SECRET_CHARS_MIN:
        raise InvariantError("secret", f"must have at least {WEBHOOK_SECRET_CHARS_MIN} characters")
    return secret


def checked_endpoint_description(text: str) -> str:
    """Accept what an operator says of an endpoint.

    Raises:
        InvariantError: too long.
    """
    return checked_text(text, field="description", chars_max=DESCRIPTION_CHARS_MAX)
