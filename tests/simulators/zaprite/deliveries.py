"""Webhook attempts that are due, failed or were tampered with: parallel, unsigned, in no order.

Nothing is sent from inside the change that caused it. It waits until the clock's timers fire or
somebody calls ``deliver_due``, and is sent without any lock, so that the receiver may call back.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from tests.simulators.exchange import ConnectionCut, NeverAnswered, Request
from tests.simulators.fault_plan import (
    DelayDelivery,
    DeliveryAction,
    DropDelivery,
    DuplicateDelivery,
    FaultPlan,
    LoseAnswer,
    Redeliver,
    RefuseConnection,
)
from tests.simulators.journal import Attempt, Journal
from tests.simulators.virtual_clock import TimedClock

Post: TypeAlias = Callable[[str, Mapping[str, str], bytes], int]
"""Posts a body to a URL and gives the status; raises one of ``NO_ANSWER`` when there is none.
Anything else it raises is a failed test."""
NO_ANSWER: Final = (OSError, httpx.HTTPError, NeverAnswered, ConnectionCut)

HEADERS: Final[Mapping[str, str]] = {"content-type": "application/json"}
RETRY_SECONDS: Final = (10,) * 6
"""How long after each failed attempt the next one comes; Zaprite's own schedule is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one URL.

    Attributes:
        tries: How many attempts failed before.
        is_spared: Whether the faults have had their say about this attempt.
    """

    url: str
    event_type: str
    body: bytes
    tries: int = 0
    is_spared: bool = False


class Deliveries:
    """The queue. Events due in the same second go out in an order drawn from the seed.

    Args:
        clock: Whose timers send what is due.
        lock: The double's own.
        draw: Gives numbers from 0 to below 1; called under the lock.
        post: Sends an attempt; called without the lock.
        retry_seconds: After the last of these the event is given up.
        spread_seconds: An event's first attempt comes up to so much later, drawn anew for each.
    """

    def __init__(
        self,
        *,
        clock: TimedClock,
        lock: AbstractContextManager[object],
        draw: Callable[[], float],
        faults: FaultPlan,
        journal: Journal,
        post: Post,
        retry_seconds: Sequence[int] = RETRY_SECONDS,
        spread_seconds: int = 0,
    ) -> None:
        if any(seconds < 1 for seconds in retry_seconds):
            raise ValueError("a retry in the same second would never let the clock go on")
        self.retry_seconds = retry_seconds
        self.spread_seconds = spread_seconds
        self._clock = clock
        self._lock = lock
        self._draw = draw
        self._faults = faults
        self._journal = journal
        self._post = post
        self._waiting: list[tuple[int, float, int, Delivery]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, url: str, event_type: str, body: bytes) -> None:
        """Queue an event for a URL."""
        after = int(self._draw() * (self.spread_seconds + 1)) if self.spread_seconds else 0
        self._push(Delivery(url=url, event_type=event_type, body=body), after)

    def deliver_due(self) -> int:
        """Send what is due by now, one after the other, and give the number of attempts."""
        count = 0
        while (delivery := self._take_due()) is not None:
            count += self._attempt(delivery)
        return count

    def clear(self) -> None:
        """Forget everything that waits."""
        with self._lock:
            self._waiting.clear()

    def post_once(self, delivery: Delivery, *, fault: str = "") -> int | None:
        """Post an attempt, note it and give the receiver's status, or None when there was none."""
        try:
            status, error = self._post(delivery.url, HEADERS, delivery.body), ""
        except NO_ANSWER as failure:
            status, error = None, f"{type(failure).__name__}: {failure}"
        self._note(delivery, status, error, fault)
        return status

    def _push(self, delivery: Delivery, after: int) -> None:
        due = self._clock.now() + after
        with self._lock:
            self._count += 1
            heapq.heappush(self._waiting, (due, self._draw(), self._count, delivery))
        self._clock.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self.deliver_due()

    def _take_due(self) -> Delivery | None:
        with self._lock:
            if self._waiting and self._waiting[0][0] <= self._clock.now():
                return heapq.heappop(self._waiting)[3]
        return None

    def _attempt(self, delivery: Delivery) -> int:
        with self._lock:
            action = None if delivery.is_spared else self._faults.for_delivery(delivery.event_type)
        spared = replace(delivery, is_spared=True)
        match action:
            case DropDelivery():
                return 0
            case DelayDelivery():
                self._push(spared, action.seconds)
                return 0
            case Redeliver():
                self._push(spared, action.after_seconds)
            case _:
                pass
        self._send(delivery, action)
        return 1

    def _send(self, delivery: Delivery, action: DeliveryAction | None) -> None:
        fault = "" if action is None else type(action).__name__
        if isinstance(action, RefuseConnection):
            status = None
            self._note(delivery, None, "connection refused", fault)
        elif isinstance(action, DuplicateDelivery):
            status = self._post_many(delivery, action, fault)
        else:
            status = self.post_once(delivery, fault=fault)
        is_done = status is not None and 200 <= status < 300 and not isinstance(action, LoseAnswer)
        if not is_done and delivery.tries < len(self.retry_seconds):
            again = replace(delivery, tries=delivery.tries + 1, is_spared=False)
            self._push(again, self.retry_seconds[delivery.tries])

    def _post_many(self, delivery: Delivery, action: DuplicateDelivery, fault: str) -> int | None:
        if action.is_concurrent:
            with ThreadPoolExecutor(action.times) as pool:
                posts = [
                    pool.submit(self.post_once, delivery, fault=fault) for _ in range(action.times)
                ]
            statuses = [post.result() for post in posts]
        else:
            statuses = [self.post_once(delivery, fault=fault) for _ in range(action.times)]
        return statuses[0]

    def _note(self, delivery: Delivery, status: int | None, error: str, fault: str) -> None:
        if not self._journal.is_kept:
            return
        url = urlsplit(delivery.url)
        request = Request(
            method="POST",
            path=url.path,
            headers=HEADERS,
            body=delivery.body,
            base_url=f"{url.scheme}://{url.netloc}",
        )
        self._journal.add_attempt(
            Attempt(
                at=self._clock.now(),
                event_type=delivery.event_type,
                request=request,
                status=status,
                error=error,
                fault=fault,
            )
        )
