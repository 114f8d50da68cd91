"""Whether the server lives and whether it can do its work. Neither asks anybody outside.

A stopped payment provider is no reason to restart a server that validates licenses (startos).
"""

from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import Literal

import msgspec
from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, UnsetType

from keysat_core.domain.instant import rfc3339_or_none
from keysat_core.errors import ServerFault
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.show_providers import list_account_health
from keysat_http.lifecycle import Lifecycle
from keysat_http.limits import PROBE_SECONDS
from keysat_http.meters import TickMeter
from keysat_http.routes import get


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    ok: Literal[True] = True


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One background job since this process started; see ``keysat_http.meters.TickMeter``."""

    runs: int
    failures: int
    skipped: int
    items: int
    seconds_last: float
    seconds_max: float
    seconds_total: float
    last_success: str | None


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """How a connected payment provider answers. It never makes the server unready.

    ``state``: ``ok``, ``failing``, ``unreachable``, ``credential_dead``, ``cannot_sell``, ``unknown``.
    ``webhook_problem``: why its webhooks do not arrive; null when they can.
    """

    kind: str
    state: str
    failures: int
    last_ok: str | None
    webhook_problem: str | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What works. ``ticks`` tells when each background job last ended well, ``jobs`` the rest."""

    ok: bool
    checks: dict[str, str]
    ticks: dict[str, str | None]
    jobs: dict[str, JobView]
    providers: list[ProviderView] = []
    error: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Probe:
    """Asks the store and the key ring, at most once per ``PROBE_SECONDS``. Safe to share."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._lock = Lock()
        self._checks: dict[str, str] = {}
        self._providers: list[ProviderView] = []
        self._checked_at: float | None = None

    def checks(self) -> dict[str, str]:
        """Give ``ok`` or the failure's code for each part."""
        with self._lock:
            self._look()
            return self._checks

    def providers(self) -> list[ProviderView]:
        """Give how the payment providers answered when they were last asked."""
        with self._lock:
            self._look()
            return self._providers

    def _look(self) -> None:
        now = monotonic()
        if self._checked_at is None or now - self._checked_at >= PROBE_SECONDS:
            self._checks = {"store": self._store(), "signing_key": self._signing_key()}
            self._providers = self._accounts()
            self._checked_at = now

    def _accounts(self) -> list[ProviderView]:
        try:
            found = list_account_health(store=self._ports.store, clock=self._ports.clock)
        except ServerFault:
            # The check of the store says so.
            return []
        return [
            ProviderView(
                kind=one.account.kind,
                state=one.state,
                failures=one.health.failures,
                last_ok=rfc3339_or_none(one.health.last_ok_at),
                webhook_problem=one.trouble.problem if one.trouble else None,
            )
            for one in found
        ]

    def _store(self) -> str:
        try:
            # Beginning to write shows a lock or a read-only file; nothing is written.
            with self._ports.store.writing() as tx:
                tx.settings.find_setting("operator_name")
        except ServerFault as exc:
            return exc.code
        return "ok"

    def _signing_key(self) -> str:
        try:
            self._ports.keys.signing_key()
        except ServerFault as exc:
            return exc.code
        return "ok"


@get("/healthz", is_inline=True, tags=["health"])
def get_health() -> Alive:
    """Tell that the process answers. Touches nothing."""
    return Alive()


@get(
    "/readyz",
    tags=["health"],
    responses={
        503: ResponseSpec(Readiness, generate_examples=False, description="Not ready, or stopping.")
    },
)
def get_readiness(
    probe: NamedDependency[Probe], lifecycle: NamedDependency[Lifecycle]
) -> Response[Readiness]:
    """Tell whether requests that change something will work now."""
    checks = probe.checks() | {"server": "stopping" if lifecycle.is_stopping else "ok"}
    jobs = {name: _job_view(meter) for name, meter in lifecycle.tick_meters.items()}
    ticks = {name: job.last_success for name, job in jobs.items()}
    failing = [name for name, state in checks.items() if state != "ok"]
    if not failing:
        ready = Readiness(
            ok=True, checks=checks, ticks=ticks, jobs=jobs, providers=probe.providers()
        )
        return Response(ready, media_type=MediaType.JSON)
    return Response(
        Readiness(
            ok=False,
            checks=checks,
            ticks=ticks,
            jobs=jobs,
            providers=probe.providers(),
            error="service_unavailable",
            message=f"service unavailable: not ready: {', '.join(failing)}",
        ),
        status_code=HTTPStatus.SERVICE_UNAVAILABLE.value,
        media_type=MediaType.JSON,
    )


def _job_view(meter: TickMeter) -> JobView:
    return JobView(
        runs=meter.runs,
        failures=meter.failures,
        skipped=meter.skipped,
        items=meter.items,
        seconds_last=round(meter.seconds_last, 6),
        seconds_max=round(meter.seconds_max, 6),
        seconds_total=round(meter.seconds_total, 6),
        last_success=rfc3339_or_none(meter.last_success),
    )
