"""The rounds over due invoices when there are many of them, or a provider does not answer for some.

Source: payments 10.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from structlog.testing import capture_logs

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import InvoiceId, MerchantProfileId, ProductId, ProviderAccountId
from keysat_core.domain.instant import HOUR_SECONDS, Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, ProviderKind
from keysat_core.domain.payment import ProviderNotice, ProviderReport, ProviderStatus
from keysat_core.domain.provider_health import LEAVE_ALONE_SECONDS, ProviderHealth
from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.errors import ProviderRefused
from keysat_core.limits import RECONCILE_BATCH
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.sandbox import PretendPayment
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook, note_webhook
from keysat_http.receipt_rounds import ReceiptRounds, settle_noted_receipts
from keysat_http.reconciling import (
    BACKLOG_SECONDS,
    DUE_INVOICES_MAX,
    reconcile_backlog,
    reconcile_invoices,
)
from keysat_http.rounds import ASKED_AT_ONCE, Job, Tally, one_by_one
from keysat_http.settling import Pass
from tests.support.scripted_provider import ScriptedProvider
from tests.support.shop import Shop, running_shop


class Knowing(ScriptedProvider):
    """A service that holds some invoices and counts how often it is asked about each."""

    def __init__(self, paid: set[str], pending: set[str]) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.paid = paid
        self.pending = pending

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        self.calls[provider_invoice_id] += 1
        if provider_invoice_id in self.paid:
            return ProviderReport(status=ProviderStatus.SETTLED, raw_status="Settled")
        if provider_invoice_id in self.pending:
            return ProviderReport(status=ProviderStatus.PENDING, raw_status="New")
        raise ProviderRefused("read invoice", "not_found")


@dataclass
class OneService:
    """Implements ``ports.payments.PaymentProviders``: every account is at the same service."""

    provider: PaymentProvider
    asked: list[ProviderAccountId] = field(default_factory=list)

    def kinds(self) -> frozenset[ProviderKind]:
        return frozenset(ProviderKind)

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        self.asked.append(account.id)
        return self.provider


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop(peer="127.0.0.1") as shop:
        shop.add_product()
        yield shop


def another_account(shop: Shop) -> ProviderAccountId:
    now = shop.clock.now()
    profile = MerchantProfile(
        id=MerchantProfileId(shop.ports.ids.new()),
        name="Second",
        is_default=False,
        created_at=now,
        updated_at=now,
    )
    with shop.ports.store.writing() as tx:
        tx.merchants.put_profile(profile)
        first = tx.merchants.find_account(ProviderAccountId(shop.account_id))
        assert first is not None
        account_id = ProviderAccountId(shop.ports.ids.new())
        tx.merchants.put_account(
            msgspec.structs.replace(first, id=account_id, merchant_profile_id=profile.id)
        )
    return account_id


def put_invoices(shop: Shop, number: int, account_id: str, *, age: int) -> list[Invoice]:
    """Store invoices that wait, as if opened ``age`` seconds ago."""
    made_at = Instant(shop.clock.now() - age)
    with shop.ports.store.writing() as tx:
        product = tx.products.find_product_by_slug("app")
        assert product is not None
        invoices = [
            Invoice(
                id=InvoiceId(shop.ports.ids.new()),
                product_id=ProductId(product.id),
                amount_sats=1_000,
                base_price_sats=1_000,
                provider_account_id=ProviderAccountId(account_id),
                provider_invoice_id=f"p-{account_id}-{n}",
                created_at=made_at,
                updated_at=made_at,
            )
            for n in range(number)
        ]
        for invoice in invoices:
            tx.invoices.put_invoice(invoice)
    return invoices


def test_a_dead_provider_with_very_many_invoices_hides_no_payment_of_another(shop: Shop) -> None:
    dead = another_account(shop)
    put_invoices(shop, DUE_INVOICES_MAX, dead, age=3 * HOUR_SECONDS)
    now = shop.clock.now()
    with shop.ports.store.writing() as tx:
        tx.connections.put_health(
            ProviderHealth(
                account_id=dead,
                failures=9,
                failing_since=now,
                left_until=Instant(now + LEAVE_ALONE_SECONDS[-1]),
            )
        )
    paid = shop.buy()
    shop.act(paid, PretendPayment.PAY)
    reconcile_backlog(shop.ports)
    assert shop.poll(paid["invoice_id"])["license_key"]


def test_one_tick_asks_about_each_invoice_once(shop: Shop) -> None:
    made = put_invoices(shop, 60, shop.account_id, age=60)
    provider = Knowing(set(), {invoice.provider_invoice_id or "" for invoice in made})
    shop.providers.inner = OneService(provider)
    reconcile_backlog(shop.ports)
    assert set(provider.calls.values()) == {1}
    assert len(provider.calls) == 60


@dataclass
class Slow:
    """Implements ``ports.payments.PaymentProviders``: one account lets time pass with every answer."""

    shop: Shop
    slow_id: str
    seconds: int
    inner: Knowing

    def kinds(self) -> frozenset[ProviderKind]:
        return frozenset(ProviderKind)

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        if account.id == self.slow_id:
            self.shop.clock.turn(self.seconds)
        return self.inner


def slow(shop: Shop, account_id: str, number: int, *, seconds: int) -> Knowing:
    made = put_invoices(shop, number, account_id, age=60)
    asked = Knowing(set(), {one.provider_invoice_id or "" for one in made})
    shop.providers.inner = Slow(shop, account_id, seconds, asked)
    return asked


def test_a_slow_backlog_ends_with_the_pace_of_a_tick_and_is_gone_on_with_in_the_next(
    shop: Shop,
) -> None:
    provider = slow(shop, shop.account_id, 60, seconds=2)
    began_at = shop.clock.now()
    passes: list[Pass] = []
    reconcile_backlog(shop.ports, fan_out=one_by_one, after_pass=passes.append)
    assert BACKLOG_SECONDS <= shop.clock.now() - began_at <= BACKLOG_SECONDS + 2 * ASKED_AT_ONCE
    assert [done.skipped > 0 for done in passes] == [True]
    assert len(provider.calls) < 60
    reconcile_backlog(shop.ports, fan_out=one_by_one)
    assert len(provider.calls) == 60


def test_a_slow_backlog_ends_between_two_passes_too(shop: Shop) -> None:
    provider = slow(shop, shop.account_id, 3 * RECONCILE_BATCH, seconds=1)
    passes: list[Pass] = []
    reconcile_backlog(shop.ports, fan_out=one_by_one, after_pass=passes.append)
    assert len(passes) == 2
    assert len(provider.calls) < 2 * RECONCILE_BATCH


def test_a_slow_accounts_backlog_lets_another_be_asked_again_a_tick_later(shop: Shop) -> None:
    """A buyer there pays right after the first look."""
    hurried = another_account(shop)
    provider = slow(shop, shop.account_id, 4 * RECONCILE_BATCH, seconds=10)
    (waiting,) = put_invoices(shop, 1, hurried, age=59)
    id_ = waiting.provider_invoice_id or ""
    provider.pending.add(id_)
    began_at = shop.clock.now()
    reconcile_backlog(shop.ports, fan_out=one_by_one)
    assert provider.calls[id_] == 1
    provider.paid.add(id_)
    reconcile_backlog(shop.ports, fan_out=one_by_one)
    assert shop.invoice(waiting.id).status is InvoiceStatus.SETTLED
    assert shop.clock.now() - began_at <= 2 * (BACKLOG_SECONDS + 10 * ASKED_AT_ONCE)


@pytest.mark.parametrize("seconds", [-HOUR_SECONDS, HOUR_SECONDS])
def test_a_clock_that_jumps_makes_no_tick_longer_and_loses_nothing(
    shop: Shop, seconds: int
) -> None:
    provider = slow(shop, shop.account_id, 9, seconds=seconds)
    reconcile_backlog(shop.ports, fan_out=one_by_one)
    assert len(provider.calls) == 1
    shop.providers.inner = OneService(provider)
    reconcile_backlog(shop.ports, fan_out=one_by_one)
    assert len(provider.calls) == 9


def test_invoices_a_provider_does_not_know_keep_no_other_of_it_waiting(shop: Shop) -> None:
    """A service that was restored from a backup has forgotten some, which is no failure of it."""
    *_, last = put_invoices(shop, 11, shop.account_id, age=60)
    stamped = msgspec.structs.replace(last, last_checked_at=shop.clock.now())
    with shop.ports.store.writing() as tx:
        tx.invoices.put_invoice(stamped)
    shop.providers.inner = OneService(Knowing({last.provider_invoice_id or ""}, set()))
    assert reconcile_invoices(shop.ports) == Pass(changed=1, failed=10)
    assert shop.invoice(last.id).status is InvoiceStatus.SETTLED


DAMAGE = {
    "a text that is none": "buyer_note = CAST(x'ff' AS TEXT)",
    "an amount that cannot be": "amount_sats = -5",
    "a currency there is not": "listed_currency = 'XAU'",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_broken_row_is_named_and_keeps_no_other_invoice_waiting(shop: Shop, damage: str) -> None:
    broken, whole = put_invoices(shop, 2, shop.account_id, age=60)
    damaged(shop, "invoices", broken.id, damage)
    provider = Knowing({one.provider_invoice_id or "" for one in (broken, whole)}, set())
    shop.providers.inner = OneService(provider)
    with capture_logs() as logs:
        done = reconcile_backlog(shop.ports)
    assert done == Pass(changed=1, failed=1)
    assert shop.invoice(whole.id).status is InvoiceStatus.SETTLED
    (told,) = [line for line in logs if line["event"] == "invoice_not_settled"]
    assert told["code"] == "corrupt_row"
    assert told["invoice"].startswith(broken.id[:8])
    assert broken.id not in str(logs)


def test_many_broken_rows_are_no_failure_of_their_provider(shop: Shop) -> None:
    *broken, whole = put_invoices(shop, 9, shop.account_id, age=60)
    for one in broken:
        damaged(shop, "invoices", one.id, "amount_sats = -5")
    shop.providers.inner = OneService(Knowing({whole.provider_invoice_id or ""}, set()))
    assert reconcile_invoices(shop.ports) == Pass(changed=1, failed=8)


class Breaking(Knowing):
    """An adapter with a bug that one invoice's answer brings out."""

    def __init__(self, paid: set[str], breaks_on: str) -> None:
        super().__init__(paid, set())
        self._breaks_on = breaks_on

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        if provider_invoice_id == self._breaks_on:
            raise RuntimeError("met sk_the_api_key here")
        return super().invoice_status(provider_invoice_id)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        del headers
        return ProviderNotice(
            type="settled",
            provider_invoice_id=body.decode(),
            delivery_id=None,
            claim=ProviderStatus.SETTLED,
        )


def test_a_bug_that_one_invoice_brings_out_keeps_no_other_waiting(shop: Shop) -> None:
    first, breaking, last = put_invoices(shop, 3, shop.account_id, age=60)
    ids = {one.provider_invoice_id or "" for one in (first, breaking, last)}
    shop.providers.inner = OneService(Breaking(ids, breaking.provider_invoice_id or ""))
    with capture_logs() as logs:
        assert reconcile_invoices(shop.ports) == Pass(changed=2, failed=1)
    (told,) = [line for line in logs if line["event"] == "round_step_broke"]
    assert (told["problem"], told["account"]) == ("RuntimeError", f"{shop.account_id[:8]}…")
    assert told["invoice"] == f"{breaking.id[:8]}…"
    for secret in ("sk_the_api_key", breaking.id, shop.account_id):
        assert secret not in str(logs)


def test_a_bug_that_one_receipt_brings_out_keeps_no_other_waiting(shop: Shop) -> None:
    made = put_invoices(shop, 3, shop.account_id, age=60)
    ids = [one.provider_invoice_id or "" for one in made]
    shop.providers.inner = OneService(Breaking(set(ids), ids[0]))
    note_webhooks(shop, ids)
    with capture_logs() as logs:
        assert settle_noted_receipts(shop.ports) == Pass(changed=2, failed=1)
        assert settle_noted_receipts(shop.ports) == Pass(failed=1)
    told, _ = [line for line in logs if line["event"] == "round_step_broke"]
    assert told["account"] == f"{shop.account_id[:8]}…"
    assert told["invoice"] == f"{made[0].id[:8]}…"
    assert shop.account_id not in str(logs)


RECEIPT_DAMAGE = {
    "a text that is none": "type = CAST(x'ff' AS TEXT)",
    "a claim there is not": "claim = 'perhaps'",
}


@pytest.mark.parametrize("damage", RECEIPT_DAMAGE.values(), ids=RECEIPT_DAMAGE.keys())
def test_a_broken_receipt_is_named_once_and_keeps_no_other_waiting(shop: Shop, damage: str) -> None:
    broken, whole = put_invoices(shop, 2, shop.account_id, age=60)
    ids = [one.provider_invoice_id or "" for one in (broken, whole)]
    provider = Breaking(set(ids), "none")
    shop.providers.inner = OneService(provider)
    receipt, _ = note_webhooks(shop, ids)
    damaged(shop, "webhook_receipts", receipt.id, damage)
    rounds = ReceiptRounds(shop.ports)
    with capture_logs() as logs:
        assert rounds.has_work()
        assert rounds.run() == Pass(changed=1, failed=1)
        assert not rounds.has_work()
        assert rounds.run() == Pass()
    assert shop.invoice(whole.id).status is InvoiceStatus.SETTLED
    (told,) = [line for line in logs if line["event"] == "receipt_not_read"]
    assert (told["code"], told["receipt"]) == ("corrupt_row", f"{receipt.id[:8]}…")
    assert receipt.id not in str(logs)
    # What it was about is found all the same.
    reconcile_invoices(shop.ports)
    assert shop.invoice(broken.id).status is InvoiceStatus.SETTLED


def test_a_receipt_that_was_dealt_with_since_it_was_listed_is_left_alone(shop: Shop) -> None:
    made = put_invoices(shop, 2, shop.account_id, age=60)
    provider = Breaking({one.provider_invoice_id or "" for one in made}, "none")
    shop.providers.inner = OneService(provider)
    note_webhooks(shop, [one.provider_invoice_id or "" for one in made])

    def after_another(jobs: Sequence[Job], at_once: int) -> list[Tally]:
        settle_noted_receipts(shop.ports)
        return one_by_one(jobs, at_once)

    done = ReceiptRounds(shop.ports, among_accounts=after_another).run()
    assert done == Pass(skipped=2)
    assert set(provider.calls.values()) == {1}


def note_webhooks(shop: Shop, provider_invoice_ids: list[str]) -> list[WebhookReceipt]:
    """Keep signed webhooks, as a server does that is killed before it looks."""
    return [
        note_webhook(
            NoteWebhook(
                account_id=ProviderAccountId(shop.account_id),
                kind=ProviderKind.SANDBOX,
                headers={},
                body=body.encode(),
            ),
            store=shop.ports.store,
            clock=shop.clock,
            ids=shop.ports.ids,
            providers=shop.providers,
        )
        for body in provider_invoice_ids
    ]


def damaged(shop: Shop, table: str, id_: str, assignment: str) -> None:
    """Spoil a row as a failing disk does, behind the back of every check."""
    store = shop.ports.store
    assert isinstance(store, SQLiteStore)
    connection = store._writer.session.connection
    connection.execute("PRAGMA ignore_check_constraints = 1")
    connection.execute(f"UPDATE {table} SET {assignment} WHERE id = ?", (id_,))  # noqa: S608
    connection.execute("PRAGMA ignore_check_constraints = 0")
