"""``GET /metrics``: what this process counted, in the Prometheus text format, for the operator.

Everything is spelled out when it is asked for, from ``keysat_http.meters``; between two scrapes
nothing of the Prometheus library runs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Final

from litestar import Response
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.tallies import ShopTallies
from keysat_http.auth import require_scope
from keysat_http.limits import METRICS_IDLE_SECONDS
from keysat_http.meters import Meters, ProviderReading, Readings, TickMeter
from keysat_http.metrics_server import MetricsServer
from keysat_http.routes import BEARER_SCHEME, COOKIE_SCHEME, declared_errors, get

MEDIA_TYPE: Final = "text/plain; version=0.0.4"
"""Source: Prometheus, Exposition formats, Text-based format. Litestar adds the character set."""


class MetricsPage:
    """Spells out the meters of one process from a registry of its own."""

    def __init__(self, meters: Meters, read: Callable[[], Readings]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Meters(meters, read))

    def text(self) -> bytes:
        """Give every metric as it stands."""
        return generate_latest(self._registry)

    @contextmanager
    def listening(
        self, host: str, port: int, *, idle_seconds: float = METRICS_IDLE_SECONDS
    ) -> Iterator[int]:
        """Serve the page, and nothing else, to whoever reaches this address; give the bound port.

        In a thread of its own, so that a server whose event loop is stuck can still be watched.

        Raises:
            OSError: the address cannot be listened on.
        """
        with MetricsServer(
            host, port, text=self.text, media_type=MEDIA_TYPE, idle_seconds=idle_seconds
        ) as server:
            thread = Thread(target=server.serve_forever, name="keysat-metrics", daemon=True)
            thread.start()
            try:
                yield server.server_port
            finally:
                server.shutdown()
                thread.join()


@get(
    "/metrics",
    tags=["health"],
    media_type=MEDIA_TYPE,
    guards=[require_scope],
    security=[{BEARER_SCHEME: []}, {COOKIE_SCHEME: []}],
    responses=declared_errors((), is_admin=True),
)
def get_metrics(actor: NamedDependency[Actor], page: NamedDependency[MetricsPage]) -> Response[str]:
    """Give what this server counted since it started."""
    authorize(actor, Scope.METRICS_READ)
    return Response(page.text().decode("utf-8"), media_type=MEDIA_TYPE)


class _Meters(Collector):
    """Turns meters into metric families at each scrape."""

    def __init__(self, meters: Meters, read: Callable[[], Readings]) -> None:
        self._meters = meters
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Give the families in a fixed order."""
        yield from _ticks(self._meters.ticks)
        yield self._requests()
        yield self._validations()
        readings = self._read()
        yield GaugeMetricFamily(
            "keysat_validation_log_queued",
            "Validations waiting to be written to the log.",
            value=readings.validations_queued,
        )
        yield CounterMetricFamily(
            "keysat_validation_log_dropped",
            "Validations that were never written to the log.",
            value=readings.validations_dropped,
        )
        yield CounterMetricFamily(
            "keysat_store_busy",
            "Transactions given up because the database stayed locked.",
            value=readings.store_busy,
        )
        yield GaugeMetricFamily(
            "keysat_deliveries_queued",
            "Events waiting to be told to webhook endpoints.",
            value=readings.deliveries_queued,
        )
        yield GaugeMetricFamily(
            "keysat_deliveries_dead",
            "Deliveries of the last day that were given up.",
            value=readings.deliveries_dead,
        )
        yield from _providers(readings.providers)
        yield from _files(readings.file_bytes)
        if readings.tallies is not None:
            yield from _tallies(readings.tallies)

    def _requests(self) -> Metric:
        family = SummaryMetricFamily(
            "keysat_http_request_seconds",
            "Answered requests and how long they took; good answers of very frequent routes apart.",
            labels=["method", "route", "status"],
        )
        for kind, count in list(self._meters.requests.items()):
            method, route, status = kind
            seconds = self._meters.request_seconds[kind]
            family.add_metric([method, route, f"{status}xx"], count, seconds)
        return family

    def _validations(self) -> Metric:
        family = CounterMetricFamily(
            "keysat_validations", "Answered validations by result.", labels=["result"]
        )
        for result, count in list(self._meters.validations.items()):
            family.add_metric([result], count)
        return family


_TICK_COUNTERS: Final[Mapping[str, tuple[str, Callable[[TickMeter], float]]]] = {
    "runs": ("Runs of a background job that ended well.", lambda m: m.runs),
    "idle_runs": ("Those that found nothing to do.", lambda m: m.idle),
    "failures": ("Runs that failed.", lambda m: m.failures),
    "skipped": ("Runs left to another server on this database.", lambda m: m.skipped),
    "items": ("Items dealt with.", lambda m: m.items),
    "items_failed": ("Items that could not be dealt with this time.", lambda m: m.items_failed),
    "seconds": ("Time spent in runs.", lambda m: m.seconds_total),
}
_TICK_GAUGES: Final[Mapping[str, tuple[str, Callable[[TickMeter], float]]]] = {
    "last_seconds": ("How long the last run took.", lambda m: m.seconds_last),
    "max_seconds": ("How long the longest run took.", lambda m: m.seconds_max),
    "last_success_timestamp_seconds": (
        "When the job last ended well, here or elsewhere; 0 if not yet.",
        lambda m: m.last_success or 0,
    ),
}


_PROVIDER_GAUGES: Final[Mapping[str, tuple[str, Callable[[ProviderReading], float]]]] = {
    "up": ("Whether a payment provider works as it should.", lambda p: p.is_well),
    "webhook_up": ("Whether a payment provider's webhooks can arrive.", lambda p: p.has_webhook),
    "failures_in_a_row": ("Calls to it that failed, one after the other.", lambda p: p.failures),
    "last_answer_timestamp_seconds": (
        "When it last answered well; 0 if not yet.",
        lambda p: p.last_ok_at,
    ),
}


def _providers(readings: Sequence[ProviderReading]) -> Iterator[Metric]:
    for name, (help_, value) in _PROVIDER_GAUGES.items():
        gauge = GaugeMetricFamily(f"keysat_provider_{name}", help_, labels=["provider", "kind"])
        for reading in readings:
            gauge.add_metric([reading.name, reading.kind], value(reading))
        yield gauge


def _files(file_bytes: Mapping[str, int]) -> Iterator[Metric]:
    gauge = GaugeMetricFamily(
        "keysat_database_bytes", "Size of the files of the database.", labels=["file"]
    )
    for name, size in file_bytes.items():
        gauge.add_metric([name], size)
    yield gauge


def _tallies(tallies: ShopTallies) -> Iterator[Metric]:
    for noun, by_status in (
        ("invoices", tallies.invoices),
        ("licenses", tallies.licenses),
        ("subscriptions", tallies.subscriptions),
        ("deliveries", tallies.deliveries),
    ):
        gauge = GaugeMetricFamily(
            f"keysat_{noun}", f"How many {noun} there are.", labels=["status"]
        )
        for status, count in by_status.items():
            gauge.add_metric([status], count)
        yield gauge
    for name, help_, count in (
        ("receipts_waiting", "Webhooks noted and not yet looked into.", tallies.receipts_waiting),
        ("api_keys", "API keys that are not revoked.", tallies.api_keys),
        ("sessions", "Web sessions that have not ended.", tallies.sessions),
    ):
        yield GaugeMetricFamily(f"keysat_{name}", help_, value=count)
    yield CounterMetricFamily("keysat_events", "Events that ever happened.", value=tallies.events)


def _ticks(meters: Mapping[str, TickMeter]) -> Iterator[Metric]:
    for name, (help_, value) in _TICK_COUNTERS.items():
        counter = CounterMetricFamily(f"keysat_tick_{name}", help_, labels=["tick"])
        for tick, meter in meters.items():
            counter.add_metric([tick], value(meter))
        yield counter
    for name, (help_, value) in _TICK_GAUGES.items():
        gauge = GaugeMetricFamily(f"keysat_tick_{name}", help_, labels=["tick"])
        for tick, meter in meters.items():
            gauge.add_metric([tick], value(meter))
        yield gauge
