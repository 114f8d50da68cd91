"""The server put together: ports, routes and background jobs. Only ``serve`` and ``schema`` load it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import structlog

from keysat_adapters.sandbox.gate import Sandbox, load_sandbox
from keysat_adapters.system.seal import SecretBoxSeal
from keysat_cli.backup_job import backup_ticks
from keysat_cli.courier import Courier, OwnServer
from keysat_cli.readings import read
from keysat_cli.settings import ServeSettings, StoreSettings, WorkerSettings
from keysat_cli.version import package_version
from keysat_cli.wiring import CLOCK, ENTROPY, Wiring, open_wiring
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS, Instant
from keysat_core.errors import KeysatError
from keysat_core.limits import PURGE_BATCH
from keysat_core.ports.checkup import Checkup
from keysat_core.use_cases.server.prepare_server import has_sandbox_account
from keysat_core.use_cases.server.retention import find_retention
from keysat_http.app import Application, create_app
from keysat_http.endpoints import route_dependencies, route_handlers
from keysat_http.provider_ticks import provider_ticks
from keysat_http.public.hot_path import fast_routes
from keysat_http.server_ticks import server_ticks
from keysat_http.settings import HTTPSettings
from keysat_http.shop_ticks import shop_ticks
from keysat_http.ticks import Tick

DELIVERIES_SECONDS: Final = 2.0
"""How often the sandbox looks for webhooks to repeat; new ones leave at once."""

VALIDATION_PASSES_MAX: Final = 5_000
"""Batches one purge may remove: 1 300 rows for each second of the hour, above the design point."""

SANDBOX_REMEDY: Final = (
    "licenses in this database may have been sold for pretend money; sell from a fresh database"
)

log = structlog.get_logger("keysat.cli")


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """An application and whom to tell the port it got."""

    app: Application
    listens: Callable[[int], None]


@contextmanager
def open_application(
    settings: ServeSettings, *, checkup: Checkup | None = None
) -> Iterator[Opened]:
    """Open the database, migrate it, and build the server on it; close everything at the end.

    Without a ``checkup`` the server does not look itself over.

    Raises:
        ConfigurationError, StoreBusy, StoreUnavailable, MigrationRefused, ProviderUnavailable.
    """
    own = OwnServer(settings.bind) if settings.store.is_sandbox else None

    def load() -> Sandbox:
        assert own is not None  # noqa: S101  only called in sandbox mode
        return _open_sandbox(settings.store, settings.public_url, own)

    with open_wiring(settings.store, sandbox_loader=load if own else None) as wiring:
        if own is None and has_sandbox_account(store=wiring.ports.store):
            log.warning("sandbox_database_in_production", remedy=SANDBOX_REMEDY)
        app = build_app(wiring, settings, checkup=checkup)
        wiring.activity.start()
        yield Opened(app=app, listens=own.listens if own else lambda _: None)


@contextmanager
def open_worker(settings: WorkerSettings) -> Iterator[tuple[Wiring, list[Tick]]]:
    """Open a database beside its server, which migrates it, and declare its jobs.

    Raises:
        ConfigurationError, StoreBusy, StoreUnavailable, MigrationRefused, ProviderUnavailable.
    """
    own = OwnServer(settings.bind) if settings.store.is_sandbox else None

    def load() -> Sandbox:
        assert own is not None  # noqa: S101  only called in sandbox mode
        own.listens(settings.bind.port)
        return _open_sandbox(settings.store, settings.public_url, own)

    loader = load if own else None
    with open_wiring(settings.store, is_migrating=False, sandbox_loader=loader) as wiring:
        yield (
            wiring,
            shared_ticks(
                wiring,
                settings.store,
                public_url=settings.known_public_url,
                buyers_url=settings.public_url,
                internal_url=settings.internal_url,
            ),
        )


def build_app(
    wiring: Wiring, settings: ServeSettings, *, checkup: Checkup | None = None
) -> Application:
    """Build the application with its background jobs."""
    ports = replace(wiring.ports, checkup=checkup)
    http_settings = HTTPSettings(
        public_url=settings.public_url,
        admin_api_key=settings.admin_api_key,
        version=package_version(),
        operator_name=settings.store.operator_name,
        is_sandbox=settings.store.is_sandbox,
        trusted_proxies=settings.trusted_proxies,
        is_rate_limited=settings.is_rate_limited,
        is_cookie_secure=settings.is_cookie_secure,
        started_at=CLOCK.now(),
        internal_url=settings.internal_url,
    )
    return create_app(
        ports,
        http_settings,
        seal=SecretBoxSeal(),
        route_handlers=route_handlers(ports),
        dependencies=route_dependencies(),
        fast_routes=lambda *given: fast_routes(ports, *given),
        ticks=shared_ticks(
            wiring,
            settings.store,
            public_url=settings.public_url,
            buyers_url=settings.public_url,
            internal_url=settings.internal_url,
        ),
        read=lambda: read(wiring),
    )


def shared_ticks(
    wiring: Wiring,
    settings: StoreSettings,
    *,
    public_url: str | None,
    buyers_url: str,
    internal_url: str | None,
) -> list[Tick]:
    """Declare the jobs of the database, which any one process on it may run.

    ``public_url`` is None when nobody said what it is; ``buyers_url`` is then the best guess.
    """
    ticks = [
        *shop_ticks(wiring.ports, public_url=buyers_url),
        *provider_ticks(wiring.ports, public_url=public_url, internal_url=internal_url),
        *server_ticks(wiring.ports, version=package_version(), started_at=CLOCK.now()),
        *backup_ticks(wiring.ports, settings),
        Tick(
            name="validation_purge",
            first_after_seconds=HOUR_SECONDS,
            every_seconds=HOUR_SECONDS,
            run=lambda: _purge_validations(wiring),
            is_shared=True,
        ),
    ]
    if wiring.sandbox is not None:
        deliveries = wiring.sandbox.deliveries
        tick = Tick(
            name="sandbox_deliveries",
            first_after_seconds=DELIVERIES_SECONDS,
            every_seconds=DELIVERIES_SECONDS,
            run=lambda: deliveries.deliver_due(CLOCK.now()),
            is_shared=True,
            has_work=lambda: deliveries.is_due(CLOCK.now()),
        )
        ticks.append(tick)
    return ticks


def _open_sandbox(settings: StoreSettings, public_url: str, own: OwnServer) -> Sandbox:
    def deliver() -> None:
        try:
            sandbox.deliveries.deliver_due(CLOCK.now())
        except KeysatError as exc:
            log.warning("sandbox_delivery_failed", code=exc.code, problem=str(exc))

    courier = Courier(deliver)
    sandbox = load_sandbox(
        is_sandbox_mode=settings.is_sandbox,
        ledger_path=settings.sandbox_path,
        public_base=public_url,
        clock=CLOCK,
        entropy=ENTROPY,
        send=own,
        after_act=courier.wake,
    )
    return sandbox


def _purge_validations(wiring: Wiring) -> int:
    days = find_retention(store=wiring.ports.store).validation_days
    if days is None:
        return 0
    now = CLOCK.now()
    before, ahead = Instant(max(0, now - days * DAY_SECONDS)), Instant(now + DAY_SECONDS)
    total = 0
    for _ in range(VALIDATION_PASSES_MAX):
        removed = wiring.activity.validations.purge(before, PURGE_BATCH, ahead=ahead)
        total += removed
        if removed < PURGE_BATCH:
            break
    return total
