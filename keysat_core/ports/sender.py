"""What carries webhooks to subscribers."""

from collections.abc import Mapping
from typing import Protocol

from keysat_core.domain.webhook_delivery import Reply


class WebhookSender(Protocol):
    """Sends one request; safe to use from many threads."""

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a body once, with a deadline and without following redirects; never raises.

        Whether it was received is unknown when there is no answer: the subscriber may get it twice.
        """
        ...
