"""Webhooks: kept, believed in nothing, handed on to the worker."""

import msgspec
import pytest

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.provider_health import LEAVE_ALONE_SECONDS
from keysat_core.domain.receipt import LOOK_AGAIN_SECONDS, ReceiptOutcome
from keysat_core.errors import (
    NotAuthentic,
    NotFound,
    ProviderUnavailable,
)
from keysat_core.limits import PURCHASE_DEADLINE_SECONDS
from keysat_core.use_cases.purchases.note_webhook import (
    NoteWebhook,
    Nudge,
    keep_nudge,
    list_noted_receipts,
    note_webhook,
)
from tests.support.scripted_provider import SIGNATURE, Fault
from tests.support.trade import Trade, open_trade
from tests.support.watched_store import WatchedStore


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def test_a_webhook_is_kept_and_proves_nothing(trade: Trade) -> None:
    invoice = trade.sell()
    receipt = trade.note(trade.provider.webhook_of(invoice.id, delivery_id="d-1"))
    assert (receipt.outcome, receipt.invoice_id) == (ReceiptOutcome.NOTED, invoice.id)
    assert (receipt.type, receipt.delivery_id) == ("settled", "d-1")
    assert trade.noted() == [receipt]
    assert trade.invoice(invoice.id) == invoice
    trade.reconcile()
    assert trade.invoice(invoice.id).status is InvoiceStatus.PENDING
    assert trade.licenses() == []


def test_a_noted_webhook_stays_until_its_invoice_was_looked_at(trade: Trade) -> None:
    invoice = trade.sell()
    receipt = trade.note(trade.provider.webhook_of(invoice.id))
    trade.provider.is_down = True
    trade.reconcile()
    assert trade.noted() == []
    for pause in LOOK_AGAIN_SECONDS:
        forgive(trade)
        trade.clock.advance(pause - 1)
        assert trade.noted() == []
        trade.clock.advance(1)
        (due,) = trade.noted()
        assert due.id == receipt.id
        trade.provider.is_down = pause != LOOK_AGAIN_SECONDS[-1]
        trade.reconcile()
    assert trade.noted() == []


def test_a_signed_claim_of_a_payment_is_followed_up_daily(trade: Trade) -> None:
    invoice = trade.sell()
    trade.note(trade.provider.webhook_of(invoice.id))
    trade.reconcile()
    for pause in (*LOOK_AGAIN_SECONDS, DAY_SECONDS, DAY_SECONDS):
        assert trade.noted() == []
        trade.clock.advance(pause)
        assert len(trade.noted()) == 1
        trade.reconcile()
    trade.provider.pay(invoice.id)
    trade.clock.advance(DAY_SECONDS)
    trade.reconcile()
    trade.clock.advance(DAY_SECONDS)
    assert trade.noted() == []
    assert trade.license_for(invoice.id) is not None


def test_what_a_webhook_does_not_claim_is_looked_at_once(trade: Trade) -> None:
    invoice = trade.sell()
    trade.note(trade.provider.webhook_of(invoice.id, said="processing"))
    trade.reconcile()
    trade.clock.advance(DAY_SECONDS)
    assert trade.noted() == []


def test_after_three_looks_without_an_answer_the_reconciler_takes_over(trade: Trade) -> None:
    invoice = trade.sell()
    trade.note(trade.provider.webhook_of(invoice.id, said="expired"))
    trade.provider.is_down = True
    trade.reconcile()
    for pause in LOOK_AGAIN_SECONDS:
        forgive(trade)
        trade.clock.advance(pause)
        assert len(trade.noted()) == 1
        trade.reconcile()
    trade.clock.advance(DAY_SECONDS)
    assert trade.noted() == []


def test_while_a_provider_is_left_alone_its_webhooks_wait_and_use_up_no_look(
    trade: Trade,
) -> None:
    invoice = trade.sell()
    trade.note(trade.provider.webhook_of(invoice.id, said="expired"))
    trade.provider.is_down = True
    trade.reconcile()
    trade.clock.advance(LOOK_AGAIN_SECONDS[0])
    (due,) = trade.noted()
    trade.reconcile()
    trade.clock.advance(LEAVE_ALONE_SECONDS[0] - 1)
    assert trade.noted() == []
    trade.clock.advance(LEAVE_ALONE_SECONDS[-1])
    (waited,) = trade.noted()
    assert (waited.id, waited.looks) == (due.id, due.looks + 1)
    trade.provider.is_down = False
    trade.provider.expire(invoice.id)
    trade.reconcile()
    assert trade.invoice(invoice.id).status is InvoiceStatus.EXPIRED


def test_webhooks_of_a_busy_account_are_left_for_later(trade: Trade) -> None:
    invoice = trade.sell()
    receipt = trade.note(trade.provider.webhook_of(invoice.id))

    def noted(*busy: str) -> list[str]:
        accounts = frozenset(ProviderAccountId(one) for one in busy)
        due = list_noted_receipts(limit=9, busy=accounts, store=trade.store, clock=trade.clock)
        return [one.id for one in due]

    assert noted(trade.shop.account.id, "another") == []
    assert noted("another") == [receipt.id]


def forgive(trade: Trade) -> None:
    """Forget that the provider failed, so that nothing but its webhook's own pauses counts."""
    with trade.store.writing() as tx:
        tx.connections.remove_health(trade.shop.account.id)


def test_a_webhook_that_comes_before_our_record_is_handed_on_when_it_is_made(
    trade: Trade,
) -> None:
    opened = trade.open().invoice
    trade.provider.faults.append(Fault.LOST)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    early = [trade.note(trade.provider.webhook_of(opened.id)) for _ in range(2)]
    assert {receipt.outcome for receipt in early} == {ReceiptOutcome.UNMATCHED}
    assert trade.noted() == []
    trade.clock.advance(PURCHASE_DEADLINE_SECONDS)
    trade.request(opened.id, is_first_try=False)
    handed_on = trade.noted()
    assert [receipt.id for receipt in handed_on] == [receipt.id for receipt in early]
    assert {receipt.invoice_id for receipt in handed_on} == {opened.id}
    trade.provider.pay(opened.id)
    trade.reconcile()
    assert trade.license_for(opened.id) is not None
    assert trade.noted() == []


def test_a_webhook_about_nothing_is_ignored(trade: Trade) -> None:
    receipt = trade.note(b'{"type":"ping"}')
    assert (receipt.outcome, receipt.invoice_id) == (ReceiptOutcome.IGNORED, None)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"account_id": ProviderAccountId("unknown")}, NotFound),
        ({"kind": "btcpay"}, NotFound),
        ({"headers": {}}, NotAuthentic),
        ({"body": b"not json"}, NotAuthentic),
    ],
)
def test_a_webhook_of_nobody_we_know_or_without_its_signature_leaves_nothing(
    trade: Trade, change: dict[str, object], error: type[Exception]
) -> None:
    watched = WatchedStore(trade.store)
    fine = NoteWebhook(
        account_id=trade.shop.account.id,
        kind=ProviderKind.SANDBOX,
        headers=SIGNATURE,
        body=b'{"type":"settled","id":"p-1"}',
    )
    with pytest.raises(error):
        note_webhook(
            msgspec.structs.replace(fine, **change),
            store=watched,
            clock=trade.clock,
            ids=trade.ids,
            providers=trade.providers,
        )
    assert watched.steps == []


def test_a_nudge_during_a_look_is_not_done_with_that_look(trade: Trade) -> None:
    """The order is paid after the provider was asked, and says so before its answer is noted."""
    invoice = trade.sell()
    nudge = Nudge(
        account_id=trade.shop.account.id,
        invoice_id=invoice.id,
        provider_invoice_id=invoice.provider_invoice_id or "",
        type="order.change",
    )
    first = keep_nudge(nudge, wait_seconds=0, store=trade.store, clock=trade.clock, ids=trade.ids)
    unpaid = trade.settle(invoice.id).invoice
    trade.provider.pay(invoice.id)
    keep_nudge(nudge, wait_seconds=2, store=trade.store, clock=trade.clock, ids=trade.ids)
    trade.follow_up(first, unpaid)
    trade.clock.advance(2)
    (waiting,) = trade.noted()
    assert waiting.invoice_id == invoice.id
