"""A shop under test: the real application with every route, the sandbox as its payment provider.

Webhooks wait until the test delivers them; the provider can be made to fail, hang or vanish.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
from litestar.testing import TestClient

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.registry import ProviderRegistry
from keysat_adapters.sandbox.gate import Sandbox, load_sandbox
from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.heartbeats import SQLiteHeartbeats
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_adapters.system.passwords import Argon2Passwords
from keysat_adapters.system.seal import SecretBoxSeal
from keysat_adapters.zaprite.gate import Zaprite
from keysat_cli.rate_sources import RateSource
from keysat_cli.rates import market_rates
from keysat_core.domain.actor import ActorKind, Scope
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import InvoiceId, LicenseId, ProductId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.listing import LicenseFilter
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.self_license import Capability, SelfLicense
from keysat_core.domain.setting import RATE_PIN_PREFIX
from keysat_core.ports.bundle import Ports
from keysat_core.ports.passwords import Passwords
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.sandbox import PretendPayment
from keysat_core.ports.seal import AnswerSeal
from keysat_core.ports.self_licenses import SelfLicenses
from keysat_core.testing.self_licenses import MemorySelfLicenses
from keysat_core.use_cases.server.prepare_server import prepare_server
from keysat_http.app import Application, create_app
from keysat_http.auth import Credential, CredentialSource
from keysat_http.endpoints import route_dependencies, route_handlers
from keysat_http.public.hot_path import fast_routes
from keysat_http.settings import HTTPSettings
from tests.simulators.rates.fake import SOURCES, FakeRates
from tests.support.http import (
    ADMIN,
    PUBLIC_URL,
    FromPeer,
    ListedValidations,
    OneKey,
    TurnedClock,
    settings,
)
from tests.support.kept_litestars import kept_litestars
from tests.support.troubled_providers import TroubledProviders

EVERYTHING: Final = SelfLicense(entitlements=frozenset(Capability))
SANDBOX_BASE: Final = PUBLIC_URL


@dataclass(kw_only=True)
class ScopedKey:
    """A credential that may do only some things."""

    scopes: frozenset[Scope]

    def find_credential(self, token: bytes) -> Credential | None:
        if token != b"scoped":
            return None
        return Credential(kind=ActorKind.SCOPED_API_KEY, hash="scoped", scopes=self.scopes)


@dataclass(kw_only=True)
class Wire:
    """Carries webhooks into the application once there is one."""

    send: Callable[[str, Mapping[str, str], bytes], int | None] = field(
        default=lambda _, __, ___: None
    )

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes) -> int | None:
        return self.send(path, headers, body)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Carry one that is sent to the shop's public address."""
        assert url.startswith(PUBLIC_URL)
        status = self(url.removeprefix(PUBLIC_URL), headers, body)
        assert status is not None
        return status


@dataclass(kw_only=True)
class Shop:
    """What a test holds on to."""

    client: TestClient[FromPeer]
    app: Application
    ports: Ports
    settings: HTTPSettings
    outside: FromPeer
    clock: TurnedClock
    keys: OneKey
    validations: ListedValidations
    providers: TroubledProviders
    sandbox: Sandbox | None
    account_id: str
    wire: Wire

    # --- as the operator ------------------------------------------------------------------------

    def admin(self, method: str, path: str, *, ok: bool = True, **request: Any) -> Any:
        """Call the admin API; with ``ok`` the answer must be 200 and its body is given."""
        response = self.client.request(method, f"/v1/admin{path}", headers=ADMIN, **request)
        if not ok:
            return response
        assert response.status_code == 200, response.text
        return response.json()

    def add_product(self, slug: str = "app", **fields: Any) -> dict[str, Any]:
        priced = {"price_sats", "price_value"} & fields.keys()
        price = {} if priced else {"price_sats": 50_000}
        body = {"slug": slug, "name": slug.title()} | price | fields
        product: dict[str, Any] = self.admin("POST", "/products", json=body)
        return product

    def add_policy(self, slug: str, *, product: str = "app", **fields: Any) -> dict[str, Any]:
        body = {"product_slug": product, "slug": slug, "name": slug.title()} | fields
        policy: dict[str, Any] = self.admin("POST", "/policies", json=body)
        return policy

    def issue(self, product: str = "app", **fields: Any) -> dict[str, Any]:
        """Issue a license by hand; its key is in ``license_key``."""
        body = {"product_slug": product} | fields
        issued: dict[str, Any] = self.admin("POST", "/licenses", json=body)
        return issued

    def pin_rate(self, currency: str, units_per_btc: str) -> None:
        with self.ports.store.writing() as tx:
            tx.settings.put_setting(RATE_PIN_PREFIX + currency, units_per_btc, self.clock.now())

    # --- as the buyer and the sold software -----------------------------------------------------

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.client.post(path, json=body)

    def buy(self, product: str = "app", **fields: Any) -> dict[str, Any]:
        response = self.post("/v1/purchase", product=product, **fields)
        assert response.status_code == 200, response.text
        purchase: dict[str, Any] = response.json()
        return purchase

    def poll(self, invoice_id: str) -> dict[str, Any]:
        response = self.client.get(f"/v1/purchase/{invoice_id}")
        assert response.status_code == 200, response.text
        status: dict[str, Any] = response.json()
        return status

    def validate(self, key: str, **fields: Any) -> dict[str, Any]:
        response = self.post("/v1/validate", key=key, **fields)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    # --- as the payment provider ----------------------------------------------------------------

    def act(self, purchase: Mapping[str, Any], payment: PretendPayment) -> None:
        """Do something at the provider; the shop does not know until it is told or asks."""
        assert self.sandbox is not None
        self.sandbox.till.act(purchase["btcpay_invoice_id"], payment)

    def deliver(self) -> int:
        """Send the webhooks that wait; give how many were accepted."""
        assert self.sandbox is not None
        return self.sandbox.deliveries.deliver_due(self.clock.now())

    def sell(self, product: str = "app", **fields: Any) -> dict[str, Any]:
        """Buy, pay and deliver; the poll's answer holds the license key."""
        purchase = self.buy(product, **fields)
        if purchase["checkout_url"]:
            self.act(purchase, PretendPayment.PAY)
            self.deliver()
        return self.poll(purchase["invoice_id"])

    # --- what is stored -------------------------------------------------------------------------

    def invoice(self, invoice_id: str) -> Invoice:
        with self.ports.store.reading() as tx:
            return tx.invoices.get_invoice(InvoiceId(invoice_id))

    def license(self, license_id: str) -> License:
        with self.ports.store.reading() as tx:
            return tx.licenses.get_license(LicenseId(license_id))

    def licenses(self) -> list[License]:
        with self.ports.store.reading() as tx:
            return [row.license for row in tx.licenses.list_licenses(LicenseFilter(limit=500))]

    def audited(self, action: str) -> int:
        with self.ports.store.reading() as tx:
            return len(tx.trail.list_audit(action=action, limit=500))

    def events(self) -> list[OutboxEvent]:
        with self.ports.store.reading() as tx:
            return tx.trail.list_events(limit=500)

    def delete_product_row(self, product_id: str) -> None:
        """Make everything sold of a product vanish."""
        with self.ports.store.writing() as tx:
            tx.removals.remove_product(ProductId(product_id))


@contextmanager
def running_shop(
    *,
    is_sandbox: bool = True,
    delivers_at_once: bool = False,
    self_license: SelfLicense = EVERYTHING,
    self_licenses: SelfLicenses | None = None,
    trusted: Sequence[str] = (),
    peer: str = "203.0.113.9",
    public_url: str = PUBLIC_URL,
    purchase_seconds: float = 8,
    look_seconds: float = 15,
    scopes: frozenset[Scope] = frozenset(),
    btcpay: BTCPayGateway | None = None,
    zaprite: Zaprite | None = None,
    clock: TurnedClock | None = None,
    price_sources: FakeRates | None = None,
    wire: Wire | None = None,
    passwords: Passwords | None = None,
    is_cookie_secure: bool = True,
    is_rate_limited: bool = True,
    has_stored_key: bool = False,
    path: Path | None = None,
    seal: AnswerSeal | None = None,
    credentials: Sequence[CredentialSource] = (),
) -> Iterator[Shop]:
    """Run a shop over a store in memory, or in a file if there is a ``path``. The bearer token ``scoped`` has ``scopes``.

    With ``has_stored_key`` the signing key is the one in the store.
    Rates come from pins, and from ``price_sources`` if there are any.
    """
    clock = clock or TurnedClock()
    keys, validations = OneKey(), ListedValidations()
    wire = wire or Wire()

    def after_act() -> None:
        if sandbox is not None and delivers_at_once:
            sandbox.deliveries.deliver_due(clock.now())

    opened = SQLiteStore.open() if path is None else SQLiteStore.open(path)
    with opened as store, kept_litestars() as framework:
        sandbox = (
            load_sandbox(
                is_sandbox_mode=True,
                ledger_path=None,
                public_base=SANDBOX_BASE,
                clock=clock,
                entropy=SystemEntropy(),
                send=wire,
                after_act=after_act,
            )
            if is_sandbox
            else None
        )
        prepared = prepare_server(
            operator_name=None, is_sandbox=is_sandbox, store=store, clock=clock, ids=RandomIds()
        )
        factories: dict[ProviderKind, Callable[[ProviderAccount], PaymentProvider]] = {}
        if sandbox is not None:
            factories[ProviderKind.SANDBOX] = sandbox.provider_for
        if btcpay is not None:
            factories[ProviderKind.BTCPAY] = btcpay.provider_for
        if zaprite is not None:
            factories[ProviderKind.ZAPRITE] = zaprite.provider_for
        providers = TroubledProviders(inner=ProviderRegistry(factories, remedies={}))

        exchange = price_sources or FakeRates()
        rates = market_rates(
            tuple(RateSource(name=name) for name in SOURCES) if price_sources else (),
            store=store,
            clock=clock,
            ids=RandomIds(),
            sender=HTTPSender(transport=exchange.transport()),
        )
        ports = Ports(
            clock=clock,
            entropy=SystemEntropy(),
            ids=RandomIds(),
            store=store,
            facts=CachedFacts(store),
            keys=_stored_key(store, clock) if has_stored_key else keys,
            providers=providers,
            rates=rates,
            validations=validations,
            heartbeats=SQLiteHeartbeats(ActivityFile()),
            self_licenses=self_licenses or MemorySelfLicenses(self_license),
            sandbox=sandbox.till if sandbox else None,
            btcpay=btcpay,
            zaprite=zaprite,
            saved_payments=zaprite,
            passwords=passwords or Argon2Passwords(),
        )
        told = replace(
            settings(trusted=trusted),
            is_sandbox=is_sandbox,
            public_url=public_url,
            is_cookie_secure=is_cookie_secure,
            is_rate_limited=is_rate_limited,
        )
        dependencies = route_dependencies(
            purchase_seconds=purchase_seconds,
            look_seconds=look_seconds,
            read_time=lambda: float(clock.now()),
        )
        app = create_app(
            ports,
            told,
            seal=seal or SecretBoxSeal(),
            route_handlers=route_handlers(ports),
            dependencies=dependencies,
            framework=framework,
            credentials=[ScopedKey(scopes=scopes), *credentials],
            fast_routes=lambda *given: fast_routes(ports, *given),
        )
        outside = FromPeer(app=app, peer=peer)
        with TestClient(outside) as client:
            client.follow_redirects = False
            wire.send = lambda path, headers, body: (
                client.post(path, headers=dict(headers), content=body).status_code
            )
            yield Shop(
                client=client,
                app=app,
                ports=ports,
                settings=told,
                outside=outside,
                clock=clock,
                keys=keys,
                validations=validations,
                providers=providers,
                sandbox=sandbox,
                account_id=prepared.sandbox_account.id if prepared.sandbox_account else "",
                wire=wire,
            )


def _stored_key(store: SQLiteStore, clock: TurnedClock) -> SQLiteKeyRing:
    ensure_signing_key(store, SystemEntropy(), clock)
    return SQLiteKeyRing(store)
