"""Rounds over the deliveries that are due: each endpoint in a thread of its own, a few calls at once.

A subscriber that hangs costs nobody else anything: the others are looked after meanwhile, and one that
is still waited for is passed over. What is taken and what becomes of it is a use case's. Source:
lifecycles 10.3, Better.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Final, TypeAlias

import structlog

from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.webhook_delivery import DeliveryRow, Reply, is_in_order
from keysat_core.domain.webhook_endpoint import WebhookEndpoint, signing_secrets
from keysat_core.domain.webhook_signature import webhook_headers
from keysat_core.limits import DELIVERIES_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.ports.sender import WebhookSender
from keysat_core.use_cases.webhooks.work_deliveries import (
    ExchangeDeliveries,
    exchange_deliveries,
    list_due_endpoints,
)
from keysat_http.leasing import Work
from keysat_http.rounds import FanOut, Job, Tally, in_threads, shown

AT_ONCE: Final = 3
"""Calls in parallel to one subscriber, of what is too old, or too much, to be sent in its order."""

DRAIN_SECONDS: Final = 20.0
"""How long one round goes on while there is work; the next begins a few seconds later."""

BATCH_SECONDS: Final = 5.0
"""How long calls of one batch are begun. With the slowest call it ends before its claim does."""

LOOK_SECONDS: Final = 1.0
"""How often a round that waits for one subscriber looks what others are owed meanwhile."""

Spawn: TypeAlias = Callable[[Callable[[], None]], None]
"""Runs what it is given, at once or beside."""

_Ended: TypeAlias = "SimpleQueue[tuple[WebhookEndpointId, Tally]]"

log = structlog.get_logger("keysat.ticks")


def in_thread(work: Callable[[], None]) -> None:
    """Run it in a daemon thread, which keeps no process from ending."""
    Thread(target=work, name="deliveries", daemon=True).start()


def here(work: Callable[[], None]) -> None:
    """Run it here and now, for who must be able to repeat a run to the letter."""
    work()


class DeliveryRounds:
    """One process's rounds. Times are real ones; when a delivery is due is the store's business."""

    def __init__(
        self,
        ports: Ports,
        *,
        spawn: Spawn = in_thread,
        fan_out: FanOut = in_threads,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._ports = ports
        self._spawn = spawn
        self._fan_out = fan_out
        self._drain_seconds = drain_seconds
        self._lock = Lock()
        self._busy: set[WebhookEndpointId] = set()
        self._is_stopping = False

    def stop(self) -> None:
        """Begin no further call. What was taken and not sent is given back."""
        self._is_stopping = True

    def has_work(self) -> bool:
        """Look whether anything is due to an endpoint that is not waited for."""
        return self._ports.webhooks is not None and bool(self._due())

    def run(self) -> Work:
        """Deliver what is due, and go on while there is work and time."""
        sender = self._ports.webhooks
        if sender is None:
            return Work()
        tally = self._go_round(sender, monotonic() + self._drain_seconds)
        work = Work(items=tally["changed"] + tally["failed"], failed=tally["failed"])
        if work.items:
            log.info("deliveries", delivered=tally["changed"], failed=tally["failed"])
        return work

    def _go_round(self, sender: WebhookSender, ends_at: float) -> Tally:
        tally: Tally = Counter()
        ended: _Ended = SimpleQueue()
        running: set[WebhookEndpointId] = set()
        # Whose time ran out is left for this round: it would only hang again.
        left: set[WebhookEndpointId] = set()
        while not self._is_over(ends_at):
            for endpoint_id in self._due():
                if endpoint_id not in left:
                    running.add(endpoint_id)
                    self._start(sender, endpoint_id, ends_at, ended)
            if not running:
                break
            with suppress(Empty):
                endpoint_id, did = ended.get(timeout=LOOK_SECONDS)
                running.discard(endpoint_id)
                tally.update(did)
                if did["resting"] or did["refused"]:
                    left.add(endpoint_id)
        return tally

    def _is_over(self, ends_at: float) -> bool:
        return self._is_stopping or monotonic() >= ends_at

    def _due(self) -> list[WebhookEndpointId]:
        due = list_due_endpoints(store=self._ports.store, clock=self._ports.clock)
        with self._lock:
            return [one for one in due if one not in self._busy]

    def _start(
        self,
        sender: WebhookSender,
        endpoint_id: WebhookEndpointId,
        ends_at: float,
        ended: "_Ended",
    ) -> None:
        with self._lock:
            self._busy.add(endpoint_id)

        def drain() -> None:
            tally: Tally = Counter({"refused": 1})
            try:
                job = Job(
                    run=lambda: self._drain(sender, endpoint_id, ends_at),
                    ids={"endpoint": shown(endpoint_id)},
                )
                tally = in_threads([job], 1)[0]
            finally:
                with self._lock:
                    self._busy.discard(endpoint_id)
                ended.put((endpoint_id, tally))

        self._spawn(drain)

    def _drain(
        self, sender: WebhookSender, endpoint_id: WebhookEndpointId, ends_at: float
    ) -> Tally:
        tally: Tally = Counter()
        # One alone finds out whether anybody answers, so that one that hangs costs one call.
        command = ExchangeDeliveries(endpoint_id=endpoint_id, limit=1)
        while True:
            batch = exchange_deliveries(command, store=self._ports.store, clock=self._ports.clock)
            tally["failed"] += batch.dead
            if batch.endpoint is None or not (batch.rows or batch.dead):
                return tally
            sending = _Sending(self._ports, sender, batch.endpoint, lambda: self._is_stopping)
            sending.send_all(batch.rows, self._fan_out)
            tally.update(sending.tally)
            is_stuck = bool(sending.tally["resting"] + sending.tally["refused"])
            command = ExchangeDeliveries(
                endpoint_id=endpoint_id,
                replies=sending.replies,
                limit=0 if is_stuck or self._is_over(ends_at) else DELIVERIES_BATCH,
            )


class _Sending:
    """One batch on its way to one endpoint."""

    def __init__(
        self,
        ports: Ports,
        sender: WebhookSender,
        endpoint: WebhookEndpoint,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._clock = ports.clock
        self._sender = sender
        self._endpoint = endpoint
        self._is_stopping = is_stopping
        self._ends_at = monotonic() + BATCH_SECONDS
        self._is_over = False
        self.replies: dict[DeliveryId, Reply | None] = {}
        self.tally: Tally = Counter()

    def send_all(self, rows: Sequence[DeliveryRow], fan_out: FanOut) -> None:
        """Send a batch, a few at once, until one is not answered in time.

        With anything in it that keeps its order (B-35) it is sent one by one, until that is refused;
        but not a full batch, behind which more waits than one call after another gets through.
        """
        # What is not sent for any reason is given back.
        self.replies = dict.fromkeys(row.delivery.id for row in rows)
        jobs = [
            Job(run=lambda row=row: self._send(row), ids={"delivery": row.delivery.id})  # type: ignore[misc]
            for row in rows
        ]
        now = self._clock.now()
        is_behind = len(rows) == DELIVERIES_BATCH
        is_ordered = not is_behind and any(is_in_order(row.delivery, now) for row in rows)
        for did in fan_out(jobs, 1 if is_ordered else AT_ONCE):
            self.tally.update(did)

    def _send(self, row: DeliveryRow) -> Tally:
        if self._is_over or self._is_stopping() or monotonic() >= self._ends_at:
            return Counter()
        delivery_id = row.delivery.id
        now = self._clock.now()
        headers = webhook_headers(
            *signing_secrets(self._endpoint, now),
            delivery_id=delivery_id,
            event_type=row.event_type,
            body=row.body,
            now=now,
        )
        reply = self._sender.send(self._endpoint.url, headers, row.body)
        self.replies[delivery_id] = reply
        if reply.is_accepted:
            return Counter({"changed": 1})
        if reply.is_slow or is_in_order(row.delivery, now):
            self._is_over = True
        return Counter({"failed": 1, "resting": int(reply.is_slow)})
