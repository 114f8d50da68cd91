"""Outgoing webhooks: one POST, to its end or its deadline."""

from collections.abc import Mapping
from typing import Final, Self

from keysat_adapters.outbound.addresses import Addresses
from keysat_adapters.outbound.answer import NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.webhook_delivery import Reply
from keysat_core.limits import DELIVERY_ERROR_CHARS_MAX

ATTEMPT_SECONDS: Final = 10.0
"""The whole of one attempt: name, connection, and answer (lifecycles 10.3)."""

ANSWER_BYTES_MAX: Final = 8_192
"""How much of an answer is read: its status is what counts, and its first words for the operator."""

KEPT_CONNECTIONS: Final = 64
"""Connections kept open between deliveries: a few for each of many subscribers."""

_WORD_BYTES: Final = 4 * DELIVERY_ERROR_CHARS_MAX


class HTTPWebhookSender:
    """Implements ``ports.sender.WebhookSender``.

    With ``is_private_allowed`` subscribers may be anywhere, on this machine too; otherwise an address
    that is not of the public internet is refused at the moment of connecting.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        is_private_allowed: bool = False,
        addresses: Addresses | None = None,
        seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._seconds = seconds
        public = addresses or Addresses()
        self._sender = HTTPSender(
            user_agent=user_agent,
            address_for=None if is_private_allowed else public.address_for,
            answer_bytes_max=ANSWER_BYTES_MAX,
            is_answer_cut=True,
            kept_connections=KEPT_CONNECTIONS,
        )

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a body and say what came of it."""
        try:
            answer = self._sender.send(
                "POST", url, seconds=self._seconds, headers=headers, body=body
            )
        except NoAnswer as exc:
            return Reply(status_code=None, text=str(exc), is_slow=exc.is_slow)
        if answer.is_success:
            return Reply(status_code=answer.status)
        words = answer.body[:_WORD_BYTES].decode("utf-8", "replace")
        return Reply(status_code=answer.status, text=words[:DELIVERY_ERROR_CHARS_MAX])

    def close(self) -> None:
        """Close all connections."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
