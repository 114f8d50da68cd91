"""The composition root: the one place that names the adapters of the database and of payments.

What runs on top of it under HTTP is put together in ``keysat_cli.application``, which only the
server loads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.lightning.addresses import HTTPSLightningAddresses
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.outbound.webhook_sender import HTTPWebhookSender
from keysat_adapters.registry import ProviderRegistry
from keysat_adapters.sandbox.gate import Sandbox
from keysat_adapters.sandbox.permit import REMEDY
from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.archive import SQLiteArchive
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.connection import is_file_there
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_adapters.system.license_file import LicenseFile
from keysat_adapters.system.passwords import Argon2Passwords
from keysat_adapters.zaprite.gate import Zaprite
from keysat_cli.moving_in import adopt
from keysat_cli.rates import market_rates
from keysat_cli.settings import StoreSettings
from keysat_cli.version import package_version
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.ports.bundle import Ports
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.store import Store
from keysat_core.signing import Verifier
from keysat_core.use_cases.connections.seed_btcpay import seed_btcpay
from keysat_core.use_cases.server.prepare_server import prepare_server
from keysat_core.use_cases.server.self_license import reload_self_license

CLOCK = SystemClock()
ENTROPY = SystemEntropy()
IDS = RandomIds()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wiring:
    """What a server needs beside the ports."""

    ports: Ports
    store: SQLiteStore
    activity: Activity
    sandbox: Sandbox | None


@contextmanager
def open_ports(settings: StoreSettings) -> Iterator[Ports]:
    """Open the database for one command and close it at the end.

    A database that does not exist is made. One that does must be of this version already: beside
    a running server, migrating it is the server's business.

    Raises:
        StoreBusy, StoreUnavailable, MigrationRefused.
        SigningKeyUnusable: only when the key is asked for.
    """
    with open_wiring(settings, is_migrating=not is_file_there(settings.db_path)) as wiring:
        yield wiring.ports


@contextmanager
def open_wiring(
    settings: StoreSettings,
    *,
    is_migrating: bool = True,
    sandbox_loader: Callable[[], Sandbox] | None = None,
) -> Iterator[Wiring]:
    """Open the database with everything a use case may need, and close it at the end.

    With ``is_migrating`` the database is made if need be, imported if it is an earlier server's,
    brought to this version's schema and prepared. ``sandbox_loader`` is called once the database's folder is there.

    Raises:
        StoreBusy, StoreUnavailable, MigrationRefused.
        ProviderNotLoaded, ProviderUnavailable: from the loader.
    """
    if is_migrating:
        adopt(settings.db_path, clock=CLOCK, ids=IDS, entropy=ENTROPY)
    with SQLiteStore.open(settings.db_path, migrate=is_migrating) as store:
        if is_migrating:
            ensure_signing_key(store, ENTROPY, CLOCK)
            prepare_server(
                operator_name=settings.operator_name,
                is_sandbox=settings.is_sandbox,
                store=store,
                clock=CLOCK,
                ids=IDS,
            )
            seed, url = settings.btcpay.seed, settings.btcpay.url
            if seed is not None and url is not None:
                seed_btcpay(seed, base_url=url, store=store, clock=CLOCK, ids=IDS)
        sandbox = sandbox_loader() if sandbox_loader else None
        sender = HTTPSender(user_agent=f"Keysat/{package_version()}")
        btcpay = _btcpay(sender, settings)
        webhooks = open_webhook_sender(is_private_allowed=settings.is_private_webhook_allowed)
        zaprite = Zaprite(sender, clock=CLOCK)
        activity = Activity(activity_path(settings.db_path))
        facts, keys = CachedFacts(store), SQLiteKeyRing(store)
        self_licenses = license_file(settings)
        reload_self_license(store=store, clock=CLOCK, self_licenses=self_licenses)
        try:
            ports = Ports(
                clock=CLOCK,
                entropy=ENTROPY,
                ids=IDS,
                store=store,
                facts=facts,
                keys=keys,
                providers=_providers(sandbox, btcpay, zaprite),
                rates=market_rates(
                    settings.rate_sources, store=store, clock=CLOCK, ids=IDS, sender=sender
                ),
                validations=activity.validations,
                heartbeats=activity.heartbeats,
                self_licenses=self_licenses,
                sandbox=sandbox.till if sandbox else None,
                lightning=HTTPSLightningAddresses(),
                btcpay=btcpay,
                zaprite=zaprite,
                saved_payments=zaprite,
                webhooks=webhooks,
                passwords=Argon2Passwords(),
            )
            yield Wiring(ports=ports, store=store, activity=activity, sandbox=sandbox)
        finally:
            activity.close()
            facts.close()
            keys.close()
            webhooks.close()
            sender.close()


@contextmanager
def open_providers(settings: StoreSettings) -> Iterator[ProviderRegistry]:
    """Give the payment providers of real money alone, to ask them something."""
    with HTTPSender(user_agent=f"Keysat/{package_version()}") as sender:
        yield _providers(None, _btcpay(sender, settings), Zaprite(sender, clock=CLOCK))


def open_webhook_sender(*, is_private_allowed: bool) -> HTTPWebhookSender:
    """Give what carries webhooks; it connects to nobody before it is used."""
    return HTTPWebhookSender(
        user_agent=f"Keysat/{package_version()}", is_private_allowed=is_private_allowed
    )


@contextmanager
def open_archive(path: Path) -> Iterator[Store]:
    """Open a database file for reading alone, a backup for one, without changing a byte of it.

    Raises:
        StoreUnavailable, MigrationRefused.
    """
    with SQLiteArchive.open(path) as store:
        yield store


def license_file(settings: StoreSettings) -> LicenseFile:
    """Give where the license that this server runs on is looked for; nothing is read yet."""
    return LicenseFile(
        settings.self_license_path,
        variable=settings.self_license_key,
        trust_root=Verifier.from_pem(settings.trust_root_pem),
        upgrade_base_url=settings.upgrade_url,
    )


def _btcpay(sender: HTTPSender, settings: StoreSettings) -> BTCPayGateway:
    addresses = settings.btcpay
    return BTCPayGateway(
        sender,
        base_url=addresses.url,
        browser_url=addresses.browser_url,
        public_base=addresses.public_url,
        sends_buyer_email=addresses.sends_buyer_email,
    )


def _providers(
    sandbox: Sandbox | None, btcpay: BTCPayGateway, zaprite: Zaprite
) -> ProviderRegistry:
    factories: dict[ProviderKind, Callable[[ProviderAccount], PaymentProvider]] = {
        ProviderKind.BTCPAY: btcpay.provider_for,
        ProviderKind.ZAPRITE: zaprite.provider_for,
    }
    if sandbox is not None:
        factories[ProviderKind.SANDBOX] = sandbox.provider_for
    return ProviderRegistry(factories, remedies={ProviderKind.SANDBOX: REMEDY})
