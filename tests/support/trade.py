"""The core at work: a shop in a real store, every port in hand, and one verb per use case."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.heartbeats import SQLiteHeartbeats
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.sqlite.validation_log import SQLiteValidationLog
from keysat_core.domain.actor import EVERY_SCOPE, SYSTEM, Actor, ActorKind, Scope
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import InvoiceId, LicenseId, ProductId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.listing import LicenseFilter, MachineFilter, MachineRow
from keysat_core.domain.machine import Candidate
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.policy import Policy
from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.domain.self_license import Capability, SelfLicense
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store
from keysat_core.signing.license_key import LicensePayload, parse_key
from keysat_core.testing.clock import FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.licenses.issue_license import IssuedLicense, IssueLicense, issue_license
from keysat_core.use_cases.licenses.validate_license import (
    ValidateLicense,
    Validation,
    validate_license,
)
from keysat_core.use_cases.machines.activate_machine import (
    ActivateMachine,
    SeatAnswer,
    activate_machine,
)
from keysat_core.use_cases.machines.heartbeat_machine import (
    HeartbeatAnswer,
    HeartbeatMachine,
    heartbeat_machine,
)
from keysat_core.use_cases.machines.list_machines import list_machines
from keysat_core.use_cases.purchases.note_webhook import (
    NoteWebhook,
    find_noted_receipt,
    follow_up_receipt,
    list_due_invoices,
    list_noted_receipts,
    note_webhook,
)
from keysat_core.use_cases.purchases.open_purchase import OpenedPurchase, open_purchase
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.purchases.settle_by_hand import (
    SettleByHand,
    SettledByHand,
    needs_asking,
    settle_by_hand,
)
from keysat_core.use_cases.purchases.settle_invoice import SettledInvoice, settle_invoice
from keysat_core.use_cases.server.settings import set_late_payments
from tests.support.builders import Shop, make_policy, stored_shop
from tests.support.scripted_provider import SIGNATURE, ScriptedProvider, ScriptedProviders
from tests.support.scripted_rates import ScriptedRates

OPERATOR: Final = Actor(kind=ActorKind.ADMIN_API_KEY, hash="ab" * 32, scopes=EVERY_SCOPE)
BUYER: Final = Actor(kind=ActorKind.BUYER, request_ip="192.0.2.7", user_agent="test/1")
PUBLIC_URL: Final = "https://keys.example"
KEY: Final = "an-idempotency-key"
"""Long enough to be accepted."""

PATRON: Final = SelfLicense(entitlements=frozenset(Capability))
CREATOR: Final = SelfLicense()


def operator_without(*scopes: Scope) -> Actor:
    """An operator whose credential may do everything but this."""
    return msgspec.structs.replace(OPERATOR, scopes=EVERY_SCOPE - set(scopes))


@dataclass(kw_only=True)
class Trade:
    store: Store
    clock: FixedClock
    ids: Ids
    keys: KeyRing
    facts: CachedFacts
    log: SQLiteValidationLog
    heartbeats: SQLiteHeartbeats
    provider: ScriptedProvider
    providers: ScriptedProviders
    rates: ScriptedRates
    shop: Shop

    def close(self) -> None:
        """Let go of the files, so that what was written is in the database's own."""
        self.facts.close()
        assert isinstance(self.keys, SQLiteKeyRing)
        self.keys.close()
        assert isinstance(self.store, SQLiteStore)
        self.store.close()

    # --- licenses and machines ------------------------------------------------------------------

    def issue(self, **fields: Any) -> IssuedLicense:
        command = IssueLicense(product_slug=self.shop.product.slug, **fields)
        return issue_license(
            OPERATOR, command, store=self.store, clock=self.clock, ids=self.ids, keys=self.keys
        )

    def validate(
        self, key: str, fingerprint: str | None = None, *, product_slug: str | None = None
    ) -> Validation:
        candidate = Candidate(fingerprint=fingerprint, ip="192.0.2.7") if fingerprint else None
        command = ValidateLicense(key=key, product_slug=product_slug, candidate=candidate)
        return validate_license(
            BUYER,
            command,
            store=self.store,
            facts=self.facts,
            clock=self.clock,
            ids=self.ids,
            keys=self.keys,
            heartbeats=self.heartbeats,
            validations=self.log,
        )

    def activate(self, key: str, fingerprint: str) -> SeatAnswer:
        command = ActivateMachine(
            payload=payload_in(key), candidate=Candidate(fingerprint=fingerprint)
        )
        return activate_machine(
            BUYER,
            command,
            store=self.store,
            facts=self.facts,
            heartbeats=self.heartbeats,
            clock=self.clock,
            ids=self.ids,
        )

    def beat(self, key: str, fingerprint: str) -> HeartbeatAnswer:
        command = HeartbeatMachine(
            payload=payload_in(key), candidate=Candidate(fingerprint=fingerprint)
        )
        return heartbeat_machine(
            BUYER, command, facts=self.facts, heartbeats=self.heartbeats, clock=self.clock
        )

    # --- purchases ------------------------------------------------------------------------------

    def open(self, **fields: Any) -> OpenedPurchase:
        request = BuyerRequest(**({"product_slug": self.shop.product.slug} | fields))
        return open_purchase(
            BUYER,
            request,
            public_url=PUBLIC_URL,
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            keys=self.keys,
            rates=self.rates,
            providers=self.providers,
        )

    def request(self, invoice_id: InvoiceId, *, is_first_try: bool = True) -> Invoice:
        return request_payment(
            BUYER,
            invoice_id,
            is_first_try=is_first_try,
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            providers=self.providers,
        )

    def sell(self, **fields: Any) -> Invoice:
        """Open a purchase and ask the provider to collect it."""
        return self.request(self.open(**fields).invoice.id)

    def settle(self, invoice_id: InvoiceId) -> SettledInvoice:
        return settle_invoice(
            SYSTEM,
            invoice_id,
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            providers=self.providers,
        )

    def settle_by_hand(
        self, invoice_id: InvoiceId, *, reason: str | None = None, is_forced: bool = False
    ) -> SettledByHand:
        """Ask the provider, and take the operator's word for the rest."""
        self.ask_first(invoice_id)
        return self.take_word(invoice_id, reason=reason, is_forced=is_forced)

    def ask_first(self, invoice_id: InvoiceId) -> None:
        if needs_asking(OPERATOR, invoice_id, store=self.store):
            self._settles(invoice_id)

    def take_word(
        self, invoice_id: InvoiceId, *, reason: str | None = None, is_forced: bool = False
    ) -> SettledByHand:
        command = SettleByHand(invoice_id=invoice_id, reason=reason, is_forced=is_forced)
        return settle_by_hand(OPERATOR, command, store=self.store, clock=self.clock, ids=self.ids)

    def accept_late(self, *, is_accepted: bool) -> None:
        set_late_payments(
            OPERATOR,
            is_accepted=is_accepted,
            store=self.store,
            clock=self.clock,
            ids=self.ids,
        )

    def note(self, body: bytes) -> WebhookReceipt:
        command = NoteWebhook(
            account_id=self.shop.account.id,
            kind=ProviderKind.SANDBOX,
            headers=SIGNATURE,
            body=body,
        )
        return note_webhook(
            command, store=self.store, clock=self.clock, ids=self.ids, providers=self.providers
        )

    def due(self, limit: int = 50) -> list[InvoiceId]:
        due = list_due_invoices(limit=limit, store=self.store, clock=self.clock)
        return [one.id for one in due]

    def reconcile(self, limit: int = 50) -> None:
        """One pass of the worker: noted webhooks first, then what is due."""
        for receipt in self.noted(limit):
            if receipt.invoice_id is not None:
                settled = self._settles(receipt.invoice_id)
                self.follow_up(receipt, settled.invoice if settled else None)
        for invoice_id in self.due(limit):
            self._settles(invoice_id)

    def noted(self, limit: int = 50) -> list[WebhookReceipt]:
        due = list_noted_receipts(limit=limit, store=self.store, clock=self.clock)
        receipts = [find_noted_receipt(one.id, store=self.store) for one in due]
        return [receipt for receipt in receipts if receipt is not None]

    def follow_up(self, receipt: WebhookReceipt, invoice: Invoice | None) -> WebhookReceipt | None:
        return follow_up_receipt(receipt, invoice, store=self.store, clock=self.clock)

    def _settles(self, invoice_id: InvoiceId) -> SettledInvoice | None:
        try:
            return self.settle(invoice_id)
        except (UpstreamError, ProviderNotLoaded):
            return None

    # --- what is stored -------------------------------------------------------------------------

    def put_policy(self, **fields: Any) -> Policy:
        policy = make_policy(self.shop.product, **fields)
        with self.store.writing() as tx:
            tx.policies.put_policy(policy)
        return policy

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        with self.store.reading() as tx:
            return tx.invoices.get_invoice(invoice_id)

    def license(self, license_id: LicenseId) -> License:
        with self.store.reading() as tx:
            return tx.licenses.get_license(license_id)

    def license_for(self, invoice_id: InvoiceId) -> License | None:
        with self.store.reading() as tx:
            return tx.licenses.find_license_for_invoice(invoice_id)

    def licenses(self, product_id: ProductId | None = None) -> list[License]:
        criteria = LicenseFilter(product_id=product_id, limit=500)
        with self.store.reading() as tx:
            return [row.license for row in tx.licenses.list_licenses(criteria)]

    def machines(self, license_id: LicenseId, *, live_only: bool = True) -> list[MachineRow]:
        criteria = MachineFilter(license_id=license_id, is_inactive_included=not live_only)
        page = list_machines(OPERATOR, criteria, store=self.store, heartbeats=self.heartbeats)
        return list(page.rows)

    def audits(self, action: str | None = None) -> list[AuditEntry]:
        """Audit rows, oldest first."""
        with self.store.reading() as tx:
            return tx.trail.list_audit(action=action, limit=10_000)[::-1]

    def events(self, event_type: str | None = None) -> list[OutboxEvent]:
        with self.store.reading() as tx:
            events = tx.trail.list_events(limit=10_000)
        return [event for event in events if event_type in {None, event.event_type}]

    def trail(self) -> tuple[list[AuditEntry], list[OutboxEvent]]:
        return self.audits(), self.events()


def payload_in(key: str) -> LicensePayload:
    return parse_key(key).payload


def data_of(event: OutboxEvent) -> dict[str, Any]:
    """What an event tells, apart from its type and time."""
    body: dict[str, Any] = msgspec.json.decode(event.body)
    return dict(body["data"])


def open_trade(path: Path | None = None, *, ids: Ids | None = None) -> Trade:
    """Open a store, in memory or in a file, with a shop and a key of its own."""
    store = SQLiteStore.open(path) if path else SQLiteStore.open()
    clock = FixedClock()
    ensure_signing_key(store, SeededEntropy(), clock)
    provider = ScriptedProvider()
    activity = Activity()
    return Trade(
        store=store,
        clock=clock,
        ids=ids or SeededIds("trade"),
        keys=SQLiteKeyRing(store),
        facts=CachedFacts(store),
        log=activity.validations,
        heartbeats=activity.heartbeats,
        provider=provider,
        providers=ScriptedProviders(provider),
        rates=ScriptedRates(),
        shop=stored_shop(store),
    )


def reopen_trade(path: Path, *, ids: Ids) -> Trade:
    """Open a shop again that another process made, with a provider that knows nothing yet."""
    store = SQLiteStore.open(path)
    with store.reading() as tx:
        (product,) = tx.products.list_products(is_inactive_included=True)
        (policy,) = tx.policies.list_policies(product.id)
        profile = tx.merchants.find_default_profile()
        assert profile is not None
        (account,) = tx.merchants.list_accounts(profile.id)
    provider = ScriptedProvider()
    activity = Activity()
    return Trade(
        store=store,
        clock=FixedClock(),
        ids=ids,
        keys=SQLiteKeyRing(store),
        facts=CachedFacts(store),
        log=activity.validations,
        heartbeats=activity.heartbeats,
        provider=provider,
        providers=ScriptedProviders(provider),
        rates=ScriptedRates(),
        shop=Shop(profile=profile, account=account, product=product, policy=policy),
    )
