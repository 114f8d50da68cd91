"""Webhook attempts that are due, failed or were tampered with: parallel, unsigned, in no order.

Nothing is sent from inside the change that caused it. It waits until the clock's timers fire or
somebody calls ``deliver_due``, and is sent without any lock, so that the receiver may call back.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from tests.simulators.fault_plan import DelayDelivery, DropDelivery, FaultPlan, Redeliver
from tests.simulators.postman import Letter, Postman
from tests.simulators.virtual_clock import TimedClock

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

    letter: Letter
    tries: int = 0
    is_spared: bool = False


class Deliveries:
    """The queue. Events due in the same second go out in an order drawn from the seed.

    Args:
        clock: Whose timers send what is due.
        lock: The double's own.
        draw: Gives numbers from 0 to below 1; called under the lock.
        postman: Sends an attempt; called without the lock.
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
        postman: Postman,
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
        self._postman = postman
        self._waiting: list[tuple[int, float, int, Delivery]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, letter: Letter) -> None:
        """Queue an event for a URL."""
        after = int(self._draw() * (self.spread_seconds + 1)) if self.spread_seconds else 0
        self._push(Delivery(letter=letter), after)

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

    def forge(self, letter: Letter) -> int | None:
        """Post what nothing caused; give the receiver's status, or None when there was none."""
        return self._postman.forge(letter).status

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
            event_type = delivery.letter.event_type
            action = None if delivery.is_spared else self._faults.for_delivery(event_type)
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
        outcome = self._postman.deliver(delivery.letter, action)
        if not outcome.is_success and delivery.tries < len(self.retry_seconds):
            again = replace(delivery, tries=delivery.tries + 1, is_spared=False)
            self._push(again, self.retry_seconds[delivery.tries])
        return 1


def letter_of(url: str, event_type: str, body: bytes) -> Letter:
    """Address a body as Zaprite does, which signs nothing."""
    return Letter(url=url, headers=HEADERS, event_type=event_type, body=body)
