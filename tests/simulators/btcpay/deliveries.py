"""Sends webhooks as BTCPay does: one queue each, one attempt at a time, retries in front.

Nothing is sent inside the call that caused it: an event only sets a timer. The timer sends outside
the lock, for a receiver asks back.
"""

from collections.abc import Callable
from threading import RLock, Thread
from typing import Final

from tests.simulators.btcpay.identifiers import Identifiers
from tests.simulators.btcpay.modes import Traits
from tests.simulators.btcpay.webhooks import (
    RETRY_SECONDS,
    Delivery,
    Occurrence,
    Queued,
    Webhook,
    body_of,
    flawed_signature,
    signature,
)
from tests.simulators.fault_plan import (
    BadSignature,
    DelayDelivery,
    DeliveryAction,
    DropDelivery,
    FaultPlan,
    Redeliver,
)
from tests.simulators.postman import Letter, Outcome, Postman
from tests.simulators.virtual_clock import TimedClock

RETRIED: Final = frozenset({408, 429})


class Deliveries:
    """The queues of all webhooks. ``lock`` is the double's own.

    Args:
        is_threaded: Each webhook sends on a thread of its own, instead of the timer's.
        check_body: Called with the event type and the body of every attempt, before it is signed.
    """

    def __init__(
        self,
        *,
        clock: TimedClock,
        lock: RLock,
        ids: Identifiers,
        traits: Traits,
        faults: FaultPlan,
        postman: Postman,
        is_threaded: bool,
        check_body: Callable[[str, bytes], None],
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._ids = ids
        self._traits = traits
        self._faults = faults
        self._postman = postman
        self._is_threaded = is_threaded
        self._check_body = check_body
        self._generation = 0

    def enqueue(self, webhook: Webhook, occurrence: Occurrence) -> None:
        """Queue an event for a webhook; call with the lock held."""
        self._enqueue(webhook, self._first(occurrence))

    def redeliver(self, webhook: Webhook, delivery: Delivery) -> Delivery:
        """Queue what was once delivered again, by hand; call with the lock held."""
        again = self._again(delivery)
        self._enqueue(webhook, again)
        return again

    def forget(self, webhook: Webhook) -> None:
        """Lose what is queued and retried, as a restart does; call with the lock held."""
        webhook.queue.clear()
        webhook.blocked_until = 0
        self._generation += 1

    def _first(self, occurrence: Occurrence) -> Delivery:
        delivery_id = self._ids.short()
        return Delivery(
            id=delivery_id,
            original_id=delivery_id,
            is_redelivery=False,
            occurrence=occurrence,
            made_at=self._clock.now(),
        )

    def _again(self, delivery: Delivery) -> Delivery:
        return Delivery(
            id=self._ids.short(),
            original_id=delivery.original_id,
            is_redelivery=True,
            occurrence=delivery.occurrence,
            made_at=self._clock.now(),
        )

    def _enqueue(self, webhook: Webhook, delivery: Delivery) -> None:
        webhook.queue.append(Queued(delivery))
        if len(webhook.queue) == 1:
            self._wake(webhook, self._clock.now())

    def _wake(self, webhook: Webhook, at: int) -> None:
        self._clock.call_at(at, lambda: self._run(webhook))

    def _run(self, webhook: Webhook) -> None:
        if self._is_threaded:
            Thread(target=self._pump, args=(webhook,), name="webhook", daemon=True).start()
        else:
            self._pump(webhook)

    def _pump(self, webhook: Webhook) -> None:
        """Send until the queue is empty or its head has to wait."""
        with self._lock:
            if webhook.is_sending:
                return
            webhook.is_sending = True
        try:
            while (taken := self._take(webhook)) is not None:
                queued, action, generation = taken
                outcome = self._send(webhook, queued.delivery, action)
                with self._lock:
                    if generation == self._generation:
                        self._record(webhook, queued, outcome)
        except BaseException:
            webhook.is_sending = False
            raise

    def _take(self, webhook: Webhook) -> tuple[Queued, DeliveryAction | None, int] | None:
        """Find the next attempt that is to be sent now, and what is to go wrong with it."""
        with self._lock:
            while webhook.queue and webhook.blocked_until <= self._clock.now():
                queued = webhook.queue[0]
                event_type = queued.delivery.occurrence.event.type
                is_called_off = queued.retries > 0 and not webhook.automatic_redelivery
                if is_called_off or not webhook.wants(event_type):
                    webhook.queue.popleft()
                    continue
                action = None if queued.is_judged else self._faults.for_delivery(event_type)
                queued.is_judged = True
                if isinstance(action, DropDelivery):
                    webhook.queue.popleft()
                elif isinstance(action, DelayDelivery):
                    self._block(webhook, action.seconds)
                else:
                    self._prepare(webhook, queued.delivery)
                    return queued, action, self._generation
            # Still under the lock, so that whoever queues next finds nobody sending and wakes one.
            webhook.is_sending = False
            return None

    def _block(self, webhook: Webhook, seconds: int) -> None:
        webhook.blocked_until = self._clock.now() + seconds
        self._wake(webhook, webhook.blocked_until)

    def _prepare(self, webhook: Webhook, delivery: Delivery) -> None:
        delivery.sent_at = self._clock.now()
        delivery.body = body_of(webhook.id, delivery)
        webhook.remember(delivery)
        self._check_body(delivery.occurrence.event.type, delivery.body)

    def _send(self, webhook: Webhook, delivery: Delivery, action: DeliveryAction | None) -> Outcome:
        letter = Letter(
            url=webhook.url,
            headers=_headers(webhook, delivery, action),
            event_type=delivery.occurrence.event.type,
            body=delivery.body,
        )
        outcome = self._postman.deliver(letter, action)
        if isinstance(action, Redeliver):
            again_at = self._clock.now() + action.after_seconds
            self._clock.call_at(again_at, lambda: self._redeliver_later(webhook, delivery))
        return outcome

    def _redeliver_later(self, webhook: Webhook, delivery: Delivery) -> None:
        with self._lock:
            self.redeliver(webhook, delivery)

    def _record(self, webhook: Webhook, queued: Queued, outcome: Outcome) -> None:
        """Note what came of an attempt, and retry it or go on."""
        delivery, status = queued.delivery, outcome.status
        if outcome.is_success:
            delivery.status = "HttpSuccess"
        else:
            delivery.status = "Failed" if status is None else "HttpError"
        delivery.http_code = status
        delivery.error = (
            outcome.error or None
            if status is None or outcome.is_success
            else f"HTTP Error Code {status}"
        )
        retry = not outcome.is_success and self._is_retried(status) and webhook.automatic_redelivery
        if retry and queued.retries < len(RETRY_SECONDS):
            self._block(webhook, RETRY_SECONDS[queued.retries])
            webhook.queue[0] = Queued(self._again(delivery), queued.retries + 1)
        else:
            webhook.queue.popleft()

    def _is_retried(self, status: int | None) -> bool:
        if status is None or self._traits.retries_any_failure:
            return True
        return status in RETRIED or status >= 500


def _headers(webhook: Webhook, delivery: Delivery, action: DeliveryAction | None) -> dict[str, str]:
    if isinstance(action, BadSignature):
        signed = flawed_signature(action.flaw, webhook.secret, delivery.body)
    else:
        signed = signature(webhook.secret, delivery.body)
    headers = {"content-type": "application/json"}
    return headers if signed is None else {**headers, "btcpay-sig": signed}
