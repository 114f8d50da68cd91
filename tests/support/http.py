"""A server under test: the real application over a real store, driven without a socket."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from keysat_adapters.rates.pinned import PinnedRates
from keysat_adapters.registry import ProviderRegistry
from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.heartbeats import SQLiteHeartbeats
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_adapters.system.seal import SecretBoxSeal
from keysat_core.domain.access import OPERATION_SCOPES
from keysat_core.domain.activity import ValidationCount, ValidationEntry
from keysat_core.domain.actor import Scope as OperationScope
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.ports.clock import Clock
from keysat_core.signing import SigningKey, Verifier
from keysat_core.signing.license_key import LicensePayload
from keysat_core.testing.self_licenses import MemorySelfLicenses
from keysat_http.app import Application, create_app
from keysat_http.client_address import Callers
from keysat_http.edge import FastRoute
from keysat_http.meters import Meters
from keysat_http.rate_limits import RateLimiter
from keysat_http.settings import HTTPSettings
from keysat_http.ticks import Tick
from tests.support.kept_litestars import kept_litestars

ADMIN_KEY: Final = "test-admin-key-of-at-least-32-bytes"
ADMIN: Final = {"authorization": f"Bearer {ADMIN_KEY}"}
PUBLIC_URL: Final = "https://license.example.com"
START: Final = Instant(1_800_000_000)
SEED: Final = bytes(range(32))


@dataclass(kw_only=True)
class TurnedClock:
    at: Instant = START

    def now(self) -> Instant:
        return self.at

    def turn(self, seconds: int) -> None:
        self.at = Instant(self.at + seconds)


@dataclass(kw_only=True)
class OneKey:
    """A key ring that can lose its key."""

    key: SigningKey = field(default_factory=lambda: SigningKey.from_seed(SEED))
    is_lost: bool = False

    def signing_key(self) -> SigningKey:
        if self.is_lost:
            raise SigningKeyUnusable("it is lost")
        return self.key

    def verifier(self) -> Verifier:
        return Verifier(self.key.verify_key)

    def payload_of(self, key: str) -> LicensePayload:
        return self.verifier().verify(key).payload

    def reload(self) -> None:
        """It is in no store."""


@dataclass(kw_only=True)
class ListedValidations:
    """A validation log that can be read back."""

    entries: list[ValidationEntry] = field(default_factory=list)

    def note(self, entry: ValidationEntry) -> None:
        self.entries.append(entry)

    def flush(self) -> int:
        return len(self.entries)

    def daily_counts(self, first_day: int, end_day: int) -> list[ValidationCount]:
        counted = Counter((one.occurred_at // DAY_SECONDS, one.result) for one in self.entries)
        return [
            ValidationCount(day, result, count)
            for (day, result), count in sorted(counted.items())
            if first_day <= day < end_day
        ]


@dataclass(kw_only=True)
class FromPeer:
    """Gives requests the socket peer the test wants; the test client's own is no address."""

    app: Application
    peer: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            scope["client"] = (self.peer, 50_000)
        await self.app(scope, receive, send)


@dataclass(kw_only=True)
class Server:
    """What a test holds on to."""

    client: TestClient[FromPeer]
    app: Application
    outside: FromPeer
    ports: Ports
    store: SQLiteStore
    clock: TurnedClock
    keys: OneKey
    validations: ListedValidations


def settings(*, trusted: Sequence[str] = ()) -> HTTPSettings:
    return HTTPSettings(
        public_url=PUBLIC_URL,
        admin_api_key=Secret(ADMIN_KEY),
        version="9.9.9",
        operator_name="Configured Shop",
        trusted_proxies=tuple(ip_network(cidr) for cidr in trusted),
    )


def ports_over(
    store: SQLiteStore,
    *,
    clock: Clock,
    keys: OneKey,
    validations: ListedValidations,
) -> Ports:
    def read_setting(key: str) -> str | None:
        with store.reading() as tx:
            return tx.settings.find_setting(key)

    return Ports(
        clock=clock,
        entropy=SystemEntropy(),
        ids=RandomIds(),
        store=store,
        facts=CachedFacts(store),
        keys=keys,
        providers=ProviderRegistry({}, remedies={}),
        rates=PinnedRates(read_setting, clock),
        validations=validations,
        heartbeats=SQLiteHeartbeats(ActivityFile()),
        self_licenses=MemorySelfLicenses(),
    )


def _name(handler: ControllerRouterHandler) -> str:
    """A route that only a test has is the operator's own."""
    assert isinstance(handler, HTTPRouteHandler)
    return handler.handler_name


@contextmanager
def running_server(
    *,
    path: Path | None = None,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    ticks: Sequence[Tick] = (),
    trusted: Sequence[str] = (),
    peer: str = "203.0.113.9",
    fast_routes: Callable[[RateLimiter, Callers, Meters], Mapping[str, FastRoute]] = lambda *_: {},
) -> Iterator[Server]:
    """Run the application over a store in memory, or in a file if there is a ``path``."""
    clock, keys, validations = TurnedClock(), OneKey(), ListedValidations()
    opened = SQLiteStore.open() if path is None else SQLiteStore.open(path)
    with opened as store, kept_litestars() as framework:
        ports = ports_over(store, clock=clock, keys=keys, validations=validations)
        app = create_app(
            ports,
            settings(trusted=trusted),
            seal=SecretBoxSeal(),
            route_handlers=route_handlers,
            ticks=ticks,
            fast_routes=fast_routes,
            framework=framework,
            operation_scopes={
                **dict.fromkeys(map(_name, route_handlers), OperationScope.MASTER),
                **OPERATION_SCOPES,
            },
        )
        outside = FromPeer(app=app, peer=peer)
        with TestClient(outside) as client:
            client.follow_redirects = False
            yield Server(
                client=client,
                app=app,
                outside=outside,
                ports=ports,
                store=store,
                clock=clock,
                keys=keys,
                validations=validations,
            )
