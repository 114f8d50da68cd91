"""Sends the sandbox's queued webhooks, with BTCPay's patience. Source: payments 6.8."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from keysat_adapters.sandbox.ledger import Delivery, Ledger
from keysat_adapters.sandbox.permit import Permit, demand
from keysat_adapters.sandbox.till import look_at
from keysat_adapters.sandbox.webhook import SIGNATURE_HEADER, repeated_body, sign
from keysat_core.domain.instant import Instant

Send: TypeAlias = Callable[[str, Mapping[str, str], bytes], int | None]
"""POSTs a body with these headers to a path; gives the answer's HTTP status, None for no answer."""

RETRY_SECONDS: Final = (10, 60, 600, 600, 600, 600, 600, 600)
"""The wait after each failed attempt; after the ninth attempt the webhook is lost."""

CLAIM_SECONDS: Final = 60
"""How long a webhook being sent is kept from other senders; longer than any send takes."""

DELIVERIES_PER_PASS: Final = 100
"""Attempts of one pass; the rest waits for the next one."""

_RETRIED: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class SandboxDeliveries:
    """The pretend service's webhook sender. ``webhook_path`` gets the account's id appended."""

    def __init__(self, permit: Permit, *, ledger: Ledger, send: Send, webhook_path: str) -> None:
        demand(permit)
        self._ledger = ledger
        self._send = send
        self._webhook_path = webhook_path.rstrip("/")

    def is_due(self, now: Instant) -> bool:
        """Tell whether ``deliver_due`` would do anything; it writes nothing.

        Raises:
            ProviderUnavailable: the ledger cannot be used.
        """
        return bool(self._ledger.list_overdue(now)) or self._ledger.is_delivery_due(now)

    def deliver_due(self, now: Instant) -> int:
        """Let time pass for overdue invoices, send what is due, give how many were accepted.

        Several threads and processes may call it at once; a webhook may then reach the receiver
        twice only if a sender died while sending.

        Raises:
            ProviderUnavailable: the ledger cannot be used.
        """
        for invoice_id in self._ledger.list_overdue(now):
            look_at(self._ledger, invoice_id, now=now)
        accepted = 0
        for _ in range(DELIVERIES_PER_PASS):
            delivery = self._ledger.claim_delivery(now, until=Instant(now + CLAIM_SECONDS))
            if delivery is None:
                break
            accepted += self._attempt(delivery, now)
        return accepted

    def _attempt(self, delivery: Delivery, now: Instant) -> bool:
        body = delivery.body
        if delivery.attempts > 1:
            body = repeated_body(body, delivery_id=self._ledger.new_id())
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: sign(self._ledger.webhook_secret(), body),
        }
        status = self._send(f"{self._webhook_path}/{delivery.account_id}", headers, body)
        is_accepted = status is not None and HTTPStatus(200) <= status < HTTPStatus(300)
        self._ledger.record_attempt(
            delivery,
            delivered_at=now if is_accepted else None,
            next_attempt_at=_next_attempt_at(delivery, status, now),
        )
        return is_accepted


def _next_attempt_at(delivery: Delivery, status: int | None, now: Instant) -> Instant | None:
    failed = status is None or status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if not failed or delivery.attempts > len(RETRY_SECONDS):
        return None
    return Instant(now + RETRY_SECONDS[delivery.attempts - 1])
