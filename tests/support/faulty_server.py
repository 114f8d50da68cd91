"""The real server on ports and a disk that stop or fail where a plan says.

It is put together by the product's own composition root; only what lies around it is the test's:
the store and the provider are watched, the disk is replaced below SQLite, and the clock can be
turned, so that a server started again finds due at once what a real one finds after a minute.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final, cast

import msgspec
from litestar.types import Receive, Scope, Send

from keysat_adapters.sandbox.gate import Sandbox
from keysat_adapters.system.clock import SystemClock
from keysat_cli.application import build_app
from keysat_cli.courier import Courier, OwnServer
from keysat_cli.environment import load_environment
from keysat_cli.settings import ServeSettings, read_serve_settings
from keysat_cli.wiring import Wiring, open_wiring
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.errors import KeysatError
from keysat_core.ports.clock import Clock
from keysat_core.ports.payments import PaymentProvider, PaymentProviders
from keysat_core.ports.store import Store, Transaction
from keysat_http.app import Application
from keysat_http.logs import configure_logs
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_backlog
from keysat_http.serve import run_server
from tests.support.fault_plan import FaultPlan, Site
from tests.support.faulty_books import load_faulty_sandbox
from tests.support.faulty_disk import FaultyDisk
from tests.support.watched_store import watched

PAUSE_SECONDS: Final = 0.1


class TurnedClock:
    """Implements ``ports.clock.Clock`` around another clock."""

    def __init__(self, clock: Clock, plan: FaultPlan) -> None:
        self._clock = clock
        self._plan = plan

    def now(self) -> Instant:
        return Instant(self._clock.now() + self._plan.ahead_seconds)


class SteppingStore:
    """Implements ``ports.store.Store``; passes by the plan at every write and around every commit."""

    def __init__(self, store: Store, plan: FaultPlan) -> None:
        self._store = store
        self._plan = plan

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._store.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._store.writing() as tx:
            yield watched(tx, self._note)
            self._plan.step(Site.COMMIT)
        self._plan.step(Site.COMMITTED)

    def _note(self, *_: object) -> None:
        self._plan.step(Site.STATEMENT)


class SteppingProviders:
    """Implements ``ports.payments.PaymentProviders``; passes by the plan around every call."""

    def __init__(self, providers: PaymentProviders, plan: FaultPlan) -> None:
        self._providers = providers
        self._plan = plan

    def kinds(self) -> frozenset[ProviderKind]:
        return self._providers.kinds()

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        provider = self._providers.provider_for(account)
        return cast(PaymentProvider, SteppingProvider(provider, self._plan))


class SteppingProvider:
    def __init__(self, provider: PaymentProvider, plan: FaultPlan) -> None:
        self._provider = provider
        self._plan = plan

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._provider, name)

        def asked(*arguments: object, **named: object) -> object:
            self._plan.step(Site.ASKING)
            answer = method(*arguments, **named)
            self._plan.step(Site.ASKED)
            return answer

        return asked


class SteppingApplication(Application):
    """Passes by the plan before every answer."""

    def __init__(self, app: Application, plan: FaultPlan) -> None:
        super().__init__(
            app.litestar,
            app._edge,
            app.lifecycle,
            app.limiter,
            meters=app.meters,
            page=app.metrics,
        )
        self._app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._plan.step(Site.ANSWER)
            await send(cast(Any, message))

        await self._app(scope, receive, cast(Send, watched))


def main() -> None:
    """Serve. Words: the plan's file, and ``silent`` if the test delivers the webhooks itself."""
    plan = FaultPlan(Path(sys.argv[1]))
    disk = FaultyDisk(plan)
    settings = read_serve_settings(load_environment(os.environ, Path.cwd()))
    configure_logs(settings.log_level)
    own = OwnServer(settings.bind)
    clock = TurnedClock(SystemClock(), plan)
    with open_wiring(
        settings.store, sandbox_loader=lambda: _sandbox(plan, settings, own, clock)
    ) as wiring:
        ports = replace(
            wiring.ports,
            clock=clock,
            store=SteppingStore(wiring.ports.store, plan),
            providers=SteppingProviders(wiring.ports.providers, plan),
        )
        watched = replace(wiring, ports=ports)
        app = SteppingApplication(build_app(watched, settings), plan)
        wiring.activity.start()

        def ready(port: int) -> None:
            if "silent" not in sys.argv[2:]:
                own.listens(port)
            Thread(target=_work, args=(watched,), name="work", daemon=True).start()
            os.write(1, msgspec.json.encode({"url": f"http://127.0.0.1:{port}"}) + b"\n")

        run_server(app, host=settings.bind.host, port=settings.bind.port, ready=ready)
    del disk


def _sandbox(plan: FaultPlan, settings: ServeSettings, own: OwnServer, clock: Clock) -> Sandbox:
    def deliver() -> None:
        try:
            sandbox.deliveries.deliver_due(clock.now())
        except KeysatError as exc:
            sys.stderr.write(f"not delivered: {exc}\n")

    sandbox = load_faulty_sandbox(
        plan, settings.store.sandbox_path, clock=clock, send=own, after_act=Courier(deliver).wake
    )
    return sandbox


def _work(wiring: Wiring) -> None:
    """What the background jobs do first, and then their deliveries, without their pauses."""
    for job in (settle_noted_receipts, reconcile_backlog):
        _try(partial(job, wiring.ports))
    while wiring.sandbox is not None:
        _try(partial(wiring.sandbox.deliveries.deliver_due, wiring.ports.clock.now()))
        time.sleep(PAUSE_SECONDS)


def _try(job: Callable[[], object]) -> None:
    try:
        job()
    except KeysatError as exc:
        sys.stderr.write(f"work failed: {exc}\n")
