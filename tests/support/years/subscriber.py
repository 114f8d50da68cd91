"""A seller's program that hears of everything, is sometimes down, and checks what it is sent."""

import hmac
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import msgspec

from keysat_core.domain.webhook_delivery import Reply
from tests.support.simulation.violation import Violation

URLS: Final = {"sound": "https://sound.example/hook", "frail": "https://frail.example/hook"}

FLAW_CHANCE: Final = 0.03


class Subscriber:
    """Implements ``ports.sender.WebhookSender`` for all endpoints of a run.

    ``frail`` is down for days at a time and breaks now and then; ``sound`` only while the whole
    world is struck. ``bodies`` holds what was received, by endpoint and delivery.
    """

    def __init__(self, seed: int, hear: Callable[[dict[str, Any]], None]) -> None:
        self._rng = Random(f"subscriber {seed}")  # noqa: S311  the seed is the point
        self._hear = hear
        self.secrets: dict[str, str] = {}
        self.received: dict[str, dict[str, bytes]] = {url: {} for url in URLS.values()}
        self.is_down = False
        self.is_calm = False
        self.refused = 0

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Receive a delivery, or fail to."""
        named = {name.lower(): value for name, value in headers.items()}
        if url == URLS["frail"] and not self.is_calm:
            if self.is_down:
                self.refused += 1
                return Reply(status_code=None, text="connection refused")
            if self._rng.random() < FLAW_CHANCE:
                self.refused += 1
                is_taken = self._rng.random() < 0.5
                if is_taken:
                    self._take(url, named, body)
                # Taken, and the answer lost: it comes again.
                return Reply(
                    status_code=None if is_taken else 503, text="timed out", is_slow=is_taken
                )
        self._take(url, named, body)
        return Reply(status_code=200)

    def _take(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        key = self.secrets[url].encode()
        if headers["x-keysat-signature"] != "sha256=" + hmac.digest(key, body, "sha256").hex():
            raise Violation("a delivery with a wrong signature")
        delivery = headers["x-keysat-delivery"]
        known = self.received[url].setdefault(delivery, body)
        if known != body:
            raise Violation(f"delivery {delivery} came again with another body")
        event = msgspec.json.decode(body)
        if event["event_type"] != headers["x-keysat-event"]:
            raise Violation(f"delivery {delivery} is of another event than it says")
        if url == URLS["sound"]:
            self._hear(event)
