"""The operator's word: after the provider's, instead of it, and never twice (decisions 17)."""

import msgspec
import pytest

from keysat_core.domain.answer import PROVIDER_DISCONNECTED
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.invoice import Attention, Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.listing import InvoiceFilter
from keysat_core.domain.merchant import disconnected
from keysat_core.domain.setting import ACCEPT_LATE_PAYMENTS
from keysat_core.errors import NotFound, StillPayable
from keysat_core.use_cases.purchases.list_invoices import list_invoices, show_invoice
from keysat_core.use_cases.purchases.settle_by_hand import SETTLE_REASON
from keysat_core.use_cases.server.settings import show_late_payments
from tests.support.builders import make_invoice, make_license
from tests.support.trade import OPERATOR, Trade, data_of, open_trade

SETTLED, EXPIRED = InvoiceStatus.SETTLED, InvoiceStatus.EXPIRED


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def expired(trade: Trade, *, paid_sats: int = 0) -> Invoice:
    invoice = trade.sell()
    trade.provider.expire(invoice.id, paid_sats=paid_sats)
    return trade.settle(invoice.id).invoice


def attention_of(trade: Trade, invoice: Invoice) -> Attention | None:
    return trade.invoice(invoice.id).attention


def waiting(trade: Trade) -> list[InvoiceId]:
    criteria = InvoiceFilter(is_attention_needed=True)
    page = list_invoices(OPERATOR, criteria, store=trade.store)
    return [row.invoice.id for row in page.rows]


# --- the operator's word ------------------------------------------------------------------------


def test_an_expired_invoice_is_settled_with_one_license_however_often(trade: Trade) -> None:
    invoice = expired(trade)
    trade.clock.advance(5)
    first = trade.settle_by_hand(invoice.id, reason=" paid in cash ")
    settled = first.row.invoice
    assert (settled.status, settled.settled_by) == (SETTLED, SettledBy.OPERATOR)
    assert settled.settled_at == settled.effect_at == trade.clock.now()
    license = trade.license_for(invoice.id)
    assert license is not None
    assert (first.row.license_id, first.is_already) == (license.id, False)
    (audit,) = trade.audits("invoice.settle_by_hand")
    assert (audit.target_id, audit.actor_hash) == (invoice.id, OPERATOR.hash)
    assert audit.details == {
        "reason": "paid in cash",
        "forced": False,
        "status": "expired",
        "provider_status": "Expired",
        "provider_asked": False,
    }
    before = trade.trail()
    again = trade.settle_by_hand(invoice.id)
    assert (again.is_already, again.row) == (True, first.row)
    assert trade.trail() == before
    assert len(trade.licenses()) == 1


def test_a_reason_is_put_where_none_is_given(trade: Trade) -> None:
    trade.settle_by_hand(expired(trade).id, reason=" ")
    (audit,) = trade.audits("invoice.settle_by_hand")
    assert audit.details["reason"] == SETTLE_REASON


def test_what_its_provider_calls_settled_needs_no_word(trade: Trade) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    settled = trade.settle_by_hand(invoice.id).row.invoice
    assert (settled.status, settled.settled_by) == (SETTLED, SettledBy.PROVIDER)
    assert trade.audits("invoice.settle_by_hand") == []


def test_a_provider_that_is_down_keeps_nobody_from_settling_what_expired(trade: Trade) -> None:
    invoice = expired(trade)
    trade.provider.is_down = True
    assert trade.settle_by_hand(invoice.id).row.invoice.status is SETTLED
    assert trade.license_for(invoice.id) is not None


@pytest.mark.parametrize("is_down", [True, False])
def test_what_can_still_be_paid_is_settled_by_force_alone(trade: Trade, *, is_down: bool) -> None:
    invoice = trade.sell()
    trade.provider.is_down = is_down
    with pytest.raises(StillPayable, match="force=true"):
        trade.settle_by_hand(invoice.id)
    assert trade.invoice(invoice.id).status is InvoiceStatus.PENDING
    assert trade.licenses() == []
    assert trade.settle_by_hand(invoice.id, is_forced=True).row.invoice.status is SETTLED
    (audit,) = trade.audits("invoice.settle_by_hand")
    assert (audit.details["forced"], audit.details["status"]) == (True, "pending")
    trade.provider.is_down = False
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    assert len(trade.licenses()) == 1


def test_an_invoice_its_provider_never_made_may_be_settled_too(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.clock.advance(HOUR_SECONDS)
    settled = trade.settle_by_hand(opened.id).row.invoice
    assert (settled.status, settled.settled_by) == (SETTLED, SettledBy.OPERATOR)


def test_a_free_sale_is_settled_already(trade: Trade) -> None:
    trade.put_policy(slug="free", price_sats_override=0)
    free = trade.open(policy_slug="free").invoice
    done = trade.settle_by_hand(free.id, is_forced=True)
    assert (done.is_already, done.row.invoice.settled_by) == (True, None)
    assert len(trade.licenses()) == 1


def test_a_settled_sale_without_its_license_gets_it(trade: Trade) -> None:
    half = make_invoice(trade.shop.product, status=SETTLED, settled_at=1)
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(half)
    assert waiting(trade) == [half.id]
    assert trade.settle_by_hand(half.id).row.license_id is not None
    assert waiting(trade) == []


def test_a_license_that_exists_already_is_not_issued_again(trade: Trade) -> None:
    invoice = expired(trade)
    license = make_license(trade.shop.product, invoice_id=invoice.id)
    with trade.store.writing() as tx:
        tx.licenses.put_license(license)
    assert trade.settle_by_hand(invoice.id).row.license_id == license.id
    assert trade.licenses() == [license]
    assert trade.events("license.issued") == []


def test_invoices_are_listed_by_the_slug_of_their_product(trade: Trade) -> None:
    invoice, slug = trade.sell(), trade.shop.product.slug
    page = list_invoices(OPERATOR, InvoiceFilter(), product_slug=slug, store=trade.store)
    assert [row.invoice for row in page.rows] == [invoice]


def test_an_unknown_invoice_is_not_found(trade: Trade) -> None:
    with pytest.raises(NotFound):
        trade.settle_by_hand(InvoiceId("unknown"))
    with pytest.raises(NotFound):
        show_invoice(OPERATOR, InvoiceId("unknown"), store=trade.store)
    with pytest.raises(NotFound):
        list_invoices(OPERATOR, InvoiceFilter(), product_slug="unknown", store=trade.store)


def test_a_provider_that_never_confirmed_takes_nothing_back(trade: Trade) -> None:
    """It says what it always said: that is no refund of what the seller was paid elsewhere."""
    invoice = expired(trade)
    trade.settle_by_hand(invoice.id)
    trade.provider.pay_late(invoice.id)
    trade.settle(invoice.id)
    trade.provider.invalidate(invoice.id)
    trade.settle(invoice.id)
    assert trade.events("invoice.refunded") == []
    assert trade.audits("invoice.provider_reversed") == []
    assert attention_of(trade, invoice) is None
    trade.provider.refund(invoice.id)
    trade.settle(invoice.id)
    assert len(trade.events("invoice.refunded")) == 1
    assert attention_of(trade, invoice) is Attention.PROVIDER_REVERSED


# --- payments that came late --------------------------------------------------------------------


def test_a_late_payment_waits_until_it_is_settled_by_hand(trade: Trade) -> None:
    invoice = expired(trade)
    for is_final in (False, True):
        trade.provider.pay_late(invoice.id, is_final=is_final)
        trade.settle(invoice.id)
        assert trade.invoice(invoice.id).status is EXPIRED
        assert attention_of(trade, invoice) is Attention.PAID_LATE
    assert waiting(trade) == [invoice.id]
    trade.settle_by_hand(invoice.id)
    assert waiting(trade) == []
    assert len(trade.licenses()) == 1


def test_with_the_setting_a_late_payment_is_taken_once_it_is_final(trade: Trade) -> None:
    invoice = expired(trade)
    trade.accept_late(is_accepted=True)
    trade.provider.pay_late(invoice.id)
    trade.settle(invoice.id)
    assert trade.invoice(invoice.id).status is EXPIRED
    assert attention_of(trade, invoice) is Attention.PAID_LATE
    trade.provider.pay_late(invoice.id, is_final=True)
    for _ in range(2):
        trade.clock.advance(900)
        trade.reconcile()
    settled = trade.invoice(invoice.id)
    assert (settled.status, settled.settled_by) == (SETTLED, SettledBy.LATE_PAYMENT)
    assert settled.attention is None
    assert len(trade.licenses()) == 1
    trade.settle(invoice.id)
    assert trade.events("invoice.refunded") == []
    trade.provider.invalidate(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is Attention.PROVIDER_REVERSED
    assert len(trade.events("invoice.refunded")) == 1


def test_the_setting_is_off_until_it_is_turned_on_and_can_be_turned_off(trade: Trade) -> None:
    assert not show_late_payments(OPERATOR, store=trade.store)
    for is_accepted in (True, False):
        trade.accept_late(is_accepted=is_accepted)
        assert show_late_payments(OPERATOR, store=trade.store) is is_accepted
    audits = trade.audits("setting.accept_late_payments")
    assert [audit.details for audit in audits] == [
        {"enabled": True, "before": False, "after": True},
        {"enabled": False, "before": True, "after": False},
    ]
    events = trade.events("setting.changed")
    assert [data_of(event) for event in events] == [
        {"setting": ACCEPT_LATE_PAYMENTS, "value": "1"},
        {"setting": ACCEPT_LATE_PAYMENTS, "value": "0"},
    ]
    assert not any(event.is_published for event in events)


# --- what is to be looked at --------------------------------------------------------------------


def test_a_part_of_the_money_is_pointed_out_until_the_rest_settles_it(trade: Trade) -> None:
    invoice = expired(trade, paid_sats=7)
    assert attention_of(trade, invoice) is Attention.PARTIAL_PAYMENT
    trade.provider.mark_settled(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is None


def test_money_on_its_way_to_an_expired_invoice_is_pointed_out_while_it_is(trade: Trade) -> None:
    invoice = expired(trade)
    assert attention_of(trade, invoice) is None
    trade.provider.process_late(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is Attention.PROCESSING_AFTER_EXPIRY
    trade.provider.expire(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is None


def test_a_withdrawn_payment_is_pointed_out_until_the_provider_thinks_better_of_it(
    trade: Trade,
) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    trade.provider.invalidate(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is Attention.PROVIDER_REVERSED
    trade.provider.process_late(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is Attention.PROVIDER_REVERSED
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    assert attention_of(trade, invoice) is None


@pytest.mark.parametrize("is_expired", [True, False])
def test_a_refund_of_what_was_never_settled_matters_only_while_it_is_open(
    trade: Trade, *, is_expired: bool
) -> None:
    invoice = expired(trade) if is_expired else trade.sell()
    trade.provider.refund(invoice.id)
    trade.settle(invoice.id)
    expected = None if is_expired else Attention.PROVIDER_REVERSED
    assert attention_of(trade, invoice) is expected


def test_an_invoice_nobody_can_be_asked_about_is_pointed_out_while_it_is_open(
    trade: Trade,
) -> None:
    late, open_ = expired(trade), trade.sell()
    trade.provider.pay_late(late.id)
    trade.settle(late.id)
    gone = disconnected(trade.shop.account, trade.clock.now())
    with trade.store.writing() as tx:
        tx.merchants.put_account(gone)
    trade.clock.advance(DAY_SECONDS)
    trade.reconcile()
    assert attention_of(trade, late) is Attention.PAID_LATE
    assert attention_of(trade, open_) is Attention.PROVIDER_DISCONNECTED
    assert trade.invoice(open_.id).provider_status_raw == PROVIDER_DISCONNECTED
    back = msgspec.structs.replace(trade.shop.account, updated_at=trade.clock.now())
    with trade.store.writing() as tx:
        tx.merchants.put_account(back)
    trade.clock.advance(DAY_SECONDS)
    trade.reconcile()
    assert attention_of(trade, open_) is None


# --- what is told -------------------------------------------------------------------------------


def test_a_sale_its_provider_never_made_is_told_to_have_ended(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.clock.advance(HOUR_SECONDS)
    trade.settle(opened.id)
    (event,) = trade.events("invoice.expired")
    assert data_of(event) == {
        "invoice_id": opened.id,
        "product_id": opened.product_id,
        "policy_id": opened.policy_id,
        "amount_sats": opened.amount_sats,
        "status": "invalid",
    }


def test_the_provider_s_invoice_is_told_inside(trade: Trade) -> None:
    invoice = trade.sell()
    (event,) = trade.events("invoice.provider_invoice_recorded")
    assert data_of(event) == {"invoice_id": invoice.id, "provider_invoice_id": "p-1"}
    assert not event.is_published
