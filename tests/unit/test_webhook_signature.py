"""Signatures of outgoing webhooks: known answers, and what a subscriber's own library makes of them."""

import time
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_signature import (
    keysat_signature,
    standard_secret,
    standard_signature,
    webhook_headers,
)
from keysat_core.testing import strategies as values

SECRET = Secret("0123456789abcdef0123456789abcdef")
BODY = b'{"event_type":"license.revoked","timestamp":"2027-01-15T08:00:00Z","data":{}}'
ID = DeliveryId("7e5a8f3c-2f2f-4f6b-9d53-0d0a5a1b2c3d")
AT = Instant(1_800_000_000)


def test_the_signature_of_rfc_4231_is_the_known_one() -> None:
    """Source: RFC 4231, test case 2, whose key is text as ours is."""
    assert keysat_signature(Secret("Jefe"), b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_standard_signature_is_the_one_openssl_makes() -> None:
    """Made by ``openssl dgst -sha256 -hmac KEY -binary | base64`` over ``id.timestamp.body``."""
    given_id, at = DeliveryId("msg_p5jXN8AQM9LWM0D4loKWxJek"), Instant(1_614_265_330)
    assert standard_signature(SECRET, given_id, at, b'{"test": 2432232314}') == (
        "v1,hK4CWvngkaAwjY1pABLuUbOIkEJjW9tAapq1no4ojG0="
    )


def test_the_secret_is_its_own_utf_8_bytes_and_never_decoded_from_hex() -> None:
    assert keysat_signature(SECRET, BODY) != keysat_signature(
        Secret(bytes.fromhex(SECRET.reveal()).decode("latin-1")), BODY
    )
    wire = standard_secret(SECRET).reveal()
    assert wire.startswith("whsec_")
    assert b64decode(wire.removeprefix("whsec_")) == SECRET.reveal().encode()


@given(secret=values.webhook_secrets(), event=values.outbox_events(is_published=True))
def test_the_standard_library_verifies_our_headers(secret: Secret, event: Any) -> None:
    now = Instant(int(time.time()))
    headers = dict(
        webhook_headers(
            secret, delivery_id=ID, event_type=event.event_type, body=event.body, now=now
        )
    )
    verifier = Webhook(standard_secret(secret).reveal())
    told = verifier.verify(event.body, headers)
    assert told["event_type"] == event.event_type == headers["X-Keysat-Event"]
    assert headers["webhook-id"] == headers["X-Keysat-Delivery"] == ID
    with pytest.raises(WebhookVerificationError):
        verifier.verify(event.body + b" ", headers)


@given(later=st.integers(0, 10**6))
def test_between_attempts_only_the_timestamp_and_its_signature_differ(later: int) -> None:
    def headers(at: int) -> dict[str, str]:
        return dict(
            webhook_headers(
                SECRET, delivery_id=ID, event_type="license.revoked", body=BODY, now=Instant(at)
            )
        )

    first, other = headers(AT), headers(AT + 1 + later)
    changed = {name for name in first if first[name] != other[name]}
    assert changed == {"webhook-timestamp", "webhook-signature"}
    assert first.keys() == other.keys()
