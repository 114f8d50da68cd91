"""Signing outgoing webhooks: bytes in, headers out.

Two signatures over the same body with the same key, the UTF-8 bytes of the secret as it is stored.
Source: lifecycles 10.2; Standard Webhooks 1.0.0, "Webhook headers" and "Signature scheme"
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret

SIGNATURE: Final = "X-Keysat-Signature"
EVENT: Final = "X-Keysat-Event"
DELIVERY: Final = "X-Keysat-Delivery"
STANDARD_ID: Final = "webhook-id"
STANDARD_TIMESTAMP: Final = "webhook-timestamp"
STANDARD_SIGNATURE: Final = "webhook-signature"

STANDARD_PREFIX: Final = "whsec_"
"""What a symmetric secret of Standard Webhooks begins with; base64 of the key follows."""


def webhook_headers(
    *secrets: Secret, delivery_id: DeliveryId, event_type: str, body: bytes, now: Instant
) -> Mapping[str, str]:
    """Give the headers of one attempt. Only the timestamp and its signature differ between attempts.

    Of several secrets the first is the one in use; ``X-Keysat-Signature`` has room for it alone.
    """
    standard = (standard_signature(secret, delivery_id, now, body) for secret in secrets)
    return {
        "Content-Type": "application/json",
        EVENT: event_type,
        DELIVERY: delivery_id,
        SIGNATURE: keysat_signature(secrets[0], body),
        STANDARD_ID: delivery_id,
        STANDARD_TIMESTAMP: str(now),
        STANDARD_SIGNATURE: " ".join(standard),
    }


def keysat_signature(secret: Secret, body: bytes) -> str:
    """Spell ``sha256=`` and the lower-case hex HMAC-SHA256 of the body."""
    return f"sha256={hmac.new(_key(secret), body, sha256).hexdigest()}"


def standard_signature(secret: Secret, delivery_id: DeliveryId, now: Instant, body: bytes) -> str:
    """Spell ``v1,`` and the base64 HMAC-SHA256 of ``{id}.{timestamp}.{body}``."""
    signed = b"%s.%d.%s" % (delivery_id.encode(), now, body)
    return f"v1,{b64encode(hmac.digest(_key(secret), signed, sha256)).decode()}"


def standard_secret(secret: Secret) -> Secret:
    """Spell a secret as libraries for Standard Webhooks take it: ``whsec_`` and base64 of the key."""
    return Secret(f"{STANDARD_PREFIX}{b64encode(_key(secret)).decode()}")


def _key(secret: Secret) -> bytes:
    # Not hex-decoded, whatever it looks like (lifecycles 10.2).
    return secret.reveal().encode()
