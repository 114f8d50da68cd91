"""How fast a backlog of events reaches a healthy subscriber, against a bare loop of httpx.

Both run in this process, on one core; the subscriber is a process of its own. The loop posts the same
bodies over one kept connection and does nothing else: it signs nothing and remembers nothing.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx

from keysat_adapters.outbound.webhook_sender import HTTPWebhookSender
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_core.domain.events import LicenseRevoked, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.webhook_delivery import DeliveryFilter, DeliveryStatus
from keysat_core.ports.bundle import Ports
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.webhooks.create_endpoint import CreateEndpoint, create_endpoint
from keysat_http.delivering import DeliveryRounds
from tests.support.http import ListedValidations, OneKey, ports_over
from tests.support.performance_page import Report
from tests.support.trade import OPERATOR

REPORT: Final = Report("deliveries")

EVENTS: Final = 10_000
ROUNDS: Final = 3
RATE_MIN: Final = 500
RATIO_MIN: Final = 0.6


@contextmanager
def subscriber() -> Iterator[str]:
    """Run one on another core, if there is another."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    command = [sys.executable, "-m", "tests.support.quick_subscriber"]
    with subprocess.Popen(  # noqa: S603  the words are our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        os.sched_setaffinity(0, {cores[0]})
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        process.stdin.close()
        process.wait()


def bare_rate(url: str, bodies: list[bytes]) -> float:
    began = time.perf_counter()
    with httpx.Client() as client:
        for body in bodies:
            answer = client.post(url, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 200
    return len(bodies) / (time.perf_counter() - began)


def fill(ports: Ports, url: str, ids: SeededIds) -> tuple[list[bytes], float]:
    """Queue the events; give their bodies, and how long the transaction took."""
    create_endpoint(
        OPERATOR,
        CreateEndpoint(url=url),
        store=ports.store,
        clock=ports.clock,
        ids=ids,
        entropy=ports.entropy,
    )
    now = ports.clock.now()
    events = [
        outbox_event(
            LicenseRevoked(license_id=ids.new(), reason="charged back"),
            event_id=EventId(ids.new()),
            now=now,
        )
        for _ in range(EVENTS)
    ]
    began = time.perf_counter()
    with ports.store.writing() as tx:
        tx.trail.append_events(events)
    return [event.body for event in events], time.perf_counter() - began


def drained_rate(ports: Ports) -> float:
    rounds = DeliveryRounds(ports, drain_seconds=600)
    began = time.perf_counter()
    work = rounds.run()
    took = time.perf_counter() - began
    assert (work.items, work.failed) == (EVENTS, 0)
    with ports.store.reading() as tx:
        done = tx.deliveries.list_deliveries(DeliveryFilter(status=DeliveryStatus.DELIVERED))
    assert done.total == EVENTS
    return EVENTS / took


def main() -> None:
    REPORT.say(f"{'deliveries/s':>14}{'bare httpx/s':>14}{'ratio':>8}{'queueing 10 000, s':>20}")
    best = 0.0
    rates = []
    for turn in range(ROUNDS):
        with (
            subscriber() as url,
            tempfile.TemporaryDirectory() as folder,
            SQLiteStore.open(Path(folder) / "bench.db") as store,
            HTTPWebhookSender(user_agent="Keysat/bench", is_private_allowed=True) as sender,
        ):
            ports = ports_over(
                store, clock=SystemClock(), keys=OneKey(), validations=ListedValidations()
            )
            ports = replace(ports, webhooks=sender)
            bodies, seconds = fill(ports, url, SeededIds(turn))
            before = bare_rate(url, bodies)
            rate = drained_rate(ports)
            bare = max(before, bare_rate(url, bodies))
        rates.append(rate)
        best = max(best, rate / bare)
        REPORT.say(f"{rate:>14.0f}{bare:>14.0f}{rate / bare:>8.2f}{seconds:>20.2f}")
    REPORT.say(
        f"must be: at least {RATE_MIN} deliveries/s and a ratio of {RATIO_MIN}"
        f" -> {'kept' if max(rates) >= RATE_MIN and best >= RATIO_MIN else 'MISSED'}"
    )
    REPORT.keep()


if __name__ == "__main__":
    main()
