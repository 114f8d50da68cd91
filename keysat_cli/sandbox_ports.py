"""The second composition root: a whole shop in memory, for ``keysat_core.testing.sandbox_ports``.

Only the seed and the clock decide what happens here; nothing of the machine does. It is announced
as an entry point in ``pyproject.toml``, because the core does not import adapters.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from typing import Final

from keysat_adapters.rates.pinned import PinnedRates
from keysat_adapters.registry import ProviderRegistry
from keysat_adapters.sandbox.gate import load_sandbox
from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.passwords import Argon2Passwords
from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Currency
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.domain.self_license import Capability, SelfLicense
from keysat_core.domain.setting import RATE_PIN_PREFIX
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store
from keysat_core.testing.clock import FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from keysat_core.testing.sandbox import PUBLIC_URL, SandboxPorts
from keysat_core.testing.self_licenses import MemorySelfLicenses
from keysat_core.use_cases.purchases.note_webhook import (
    NoteWebhook,
    follow_up_receipt,
    note_webhook,
)
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice
from keysat_core.use_cases.server.prepare_server import prepare_server

PINNED: Final[Mapping[Currency, str]] = {Currency.USD: "50000", Currency.EUR: "40000"}
"""Units per bitcoin, such that a cent is 20 or 25 whole sats."""

EVERYTHING: Final = SelfLicense(entitlements=frozenset(Capability))
"""The Patron tier: no caps."""

_PROVIDER: Final = Actor(kind=ActorKind.PROVIDER)


@contextmanager
def sandbox_ports(*, seed: int | str, now: int) -> Iterator[SandboxPorts]:
    """Open the shop and close it at the end; see ``keysat_core.testing.sandbox_ports``.

    The signing key and the pretend service draw from bytes of their own, so that their secrets do
    not depend on what else was drawn before.
    """
    clock, ids = FixedClock(now), SeededIds(seed)

    def send(path: str, headers: Mapping[str, str], body: bytes) -> int:
        _settle(ports, path.rpartition("/")[2], headers, body)
        return HTTPStatus.OK

    def deliver() -> None:
        sandbox.deliveries.deliver_due(clock.now())

    with SQLiteStore.open() as store, closing(Activity()) as activity:
        ensure_signing_key(store, SeededEntropy(f"{seed} signing key"), clock)
        prepare_server(operator_name=None, is_sandbox=True, store=store, clock=clock, ids=ids)
        _pin_rates(store, clock)
        loaded = load_sandbox(
            is_sandbox_mode=True,
            ledger_path=None,
            public_base=PUBLIC_URL,
            clock=clock,
            entropy=SeededEntropy(f"{seed} sandbox"),
            send=send,
            after_act=deliver,
        )
        with closing(loaded) as sandbox, closing(CachedFacts(store)) as facts:
            # One line for each field: what the port is made of, and nothing else.
            ports = SandboxPorts(
                clock=clock,
                entropy=SeededEntropy(seed),
                ids=ids,
                store=store,
                facts=facts,
                keys=SQLiteKeyRing(store),
                providers=ProviderRegistry(
                    {ProviderKind.SANDBOX: sandbox.provider_for}, remedies={}
                ),
                rates=PinnedRates(lambda key: _setting(store, key), clock),
                validations=activity.validations,
                heartbeats=activity.heartbeats,
                self_licenses=MemorySelfLicenses(EVERYTHING),
                sandbox=sandbox.till,
                passwords=Argon2Passwords(),
            )
            yield ports


def _settle(ports: SandboxPorts, account_id: str, headers: Mapping[str, str], body: bytes) -> None:
    """Take a webhook in as a server would, and look at its invoice at once."""
    webhook = NoteWebhook(
        account_id=ProviderAccountId(account_id),
        kind=ProviderKind.SANDBOX,
        headers=headers,
        body=body,
    )
    receipt = ports.run(note_webhook, webhook)
    if receipt.outcome is ReceiptOutcome.NOTED:
        settled = ports.run(settle_invoice, _PROVIDER, receipt.invoice_id)
        ports.run(follow_up_receipt, receipt, settled.invoice)


def _pin_rates(store: Store, clock: Clock) -> None:
    with store.writing() as tx:
        for currency, units_per_btc in PINNED.items():
            tx.settings.put_setting(RATE_PIN_PREFIX + currency, units_per_btc, clock.now())


def _setting(store: Store, key: str) -> str | None:
    with store.reading() as tx:
        return tx.settings.find_setting(key)
