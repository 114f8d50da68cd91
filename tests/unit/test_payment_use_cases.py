"""From the provider's side: asked to collect, asked for the truth, telling by webhook."""

import msgspec
import pytest

from keysat_core.domain.answer import ORPHAN_SECONDS
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder, ProviderInvoice, Rail
from keysat_core.errors import (
    NoProvider,
    NotFound,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    RequestInFlight,
)
from keysat_core.limits import PURCHASE_DEADLINE_SECONDS, RECONCILE_DAYS
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from keysat_core.use_cases.purchases.request_payment import CREATE_REFUSED, record_provider_invoice
from tests.support.builders import make_invoice
from tests.support.scripted_provider import Fault
from tests.support.trade import BUYER, KEY, Trade, open_trade
from tests.support.watched_store import WatchedStore


@pytest.fixture
def trade() -> Trade:
    return open_trade()


# --- asking for the payment ---------------------------------------------------------------------


def test_the_provider_is_asked_once_and_its_answer_recorded(trade: Trade) -> None:
    opened = trade.open(buyer_email="b@example.com", redirect_url="https://a.example/").invoice
    trade.clock.advance(2)
    recorded = trade.request(opened.id)
    assert recorded == trade.invoice(opened.id)
    assert recorded == msgspec.structs.replace(
        opened,
        provider_invoice_id="p-1",
        checkout_url="https://pay.example/i/p-1",
        updated_at=trade.clock.now(),
    )
    assert trade.provider.orders == [
        InvoiceOrder(
            invoice_id=opened.id,
            price=Money(currency=Currency.SAT, amount=50_000),
            redirect_url="https://a.example/",
            metadata={"productId": trade.shop.product.id},
            buyer_email="b@example.com",
        )
    ]
    assert trade.request(opened.id) == recorded
    assert trade.request(opened.id, is_first_try=False) == recorded
    assert len(trade.provider.orders) == 1
    (audit,) = trade.audits("invoice.record_provider_invoice")
    assert audit.details == {"provider_invoice_id": "p-1"}


def test_a_refused_payment_makes_the_invoice_invalid_and_frees_its_key(trade: Trade) -> None:
    opened = trade.open(idempotency_key=KEY).invoice
    trade.provider.faults.append(Fault.REFUSED)
    with pytest.raises(ProviderRefused):
        trade.request(opened.id)
    ended = trade.invoice(opened.id)
    assert (ended.status, ended.provider_status_raw) == (InvoiceStatus.INVALID, CREATE_REFUSED)
    assert len(trade.audits("invoice.create_refused")) == 1
    again = trade.open(idempotency_key=KEY)
    assert (again.is_replayed, again.invoice.id == opened.id) == (False, False)


def test_a_provider_that_is_not_loaded_refuses_as_well(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.providers.is_loaded = False
    with pytest.raises(NoProvider):
        trade.open()
    with pytest.raises(ProviderNotLoaded):
        trade.request(opened.id)
    assert trade.invoice(opened.id).status is InvoiceStatus.INVALID


def test_an_unknown_outcome_leaves_the_invoice_pending_and_its_key_taken(trade: Trade) -> None:
    opened = trade.open(idempotency_key=KEY).invoice
    trade.provider.faults.append(Fault.UNAVAILABLE)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    assert trade.invoice(opened.id) == opened
    again = trade.open(idempotency_key=KEY)
    assert (again.is_replayed, again.invoice) == (True, opened)
    trade.clock.advance(PURCHASE_DEADLINE_SECONDS)
    assert trade.request(opened.id, is_first_try=False).checkout_url
    assert len(trade.provider.orders) == 1


def test_nobody_asks_beside_a_first_try_that_may_still_be_at_work(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.clock.advance(PURCHASE_DEADLINE_SECONDS - 1)
    with pytest.raises(RequestInFlight):
        trade.request(opened.id, is_first_try=False)
    assert (trade.provider.orders, trade.invoice(opened.id)) == ([], opened)
    trade.clock.advance(1)
    assert trade.request(opened.id, is_first_try=False).checkout_url


def test_a_recurring_tier_asks_the_provider_to_keep_the_means_of_payment(trade: Trade) -> None:
    policy = trade.put_policy(is_recurring=True, renewal_period_days=30)
    trade.sell(policy_slug=policy.slug, rail="on-chain")
    (order,) = trade.provider.orders
    assert (order.saves_payment_method, order.rail) == (True, Rail.ONCHAIN)


def test_a_lost_answer_is_found_by_our_id_and_no_second_invoice_is_made(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.provider.faults.append(Fault.LOST)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    trade.clock.advance(PURCHASE_DEADLINE_SECONDS)
    recorded = trade.request(opened.id, is_first_try=False)
    assert recorded.provider_invoice_id == "p-1"
    assert len(trade.provider.orders) == 1


def test_that_a_lost_invoice_was_found_is_a_change(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.provider.faults.append(Fault.LOST)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    found = trade.settle(opened.id)
    assert (found.is_changed, found.is_newly_settled) == (True, False)
    assert (found.invoice.provider_invoice_id, found.invoice.status) == (
        "p-1",
        InvoiceStatus.PENDING,
    )
    again = trade.settle(opened.id)
    assert (again.is_changed, again.is_newly_settled) == (False, False)
    trade.provider.pay(opened.id)
    paid = trade.settle(opened.id)
    assert (paid.is_changed, paid.is_newly_settled) == (True, True)


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_refused_search_abandons_nothing_that_may_exist(trade: Trade, *, is_loaded: bool) -> None:
    """The first try may have created it: a buyer may be paying it."""
    opened = trade.open().invoice
    trade.provider.faults.extend([Fault.LOST, Fault.REFUSED])
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    trade.providers.is_loaded = is_loaded
    trade.clock.advance(PURCHASE_DEADLINE_SECONDS)
    with pytest.raises((ProviderRefused, ProviderNotLoaded)):
        trade.request(opened.id, is_first_try=False)
    assert trade.invoice(opened.id).status is InvoiceStatus.PENDING
    trade.providers.is_loaded = True
    trade.provider.faults.clear()
    trade.provider.pay(opened.id)
    trade.reconcile()
    assert trade.license_for(opened.id) is not None


def test_a_refusal_to_create_after_an_empty_search_ends_the_invoice(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.provider.faults.extend([None, Fault.REFUSED])
    trade.clock.advance(PURCHASE_DEADLINE_SECONDS)
    with pytest.raises(ProviderRefused):
        trade.request(opened.id, is_first_try=False)
    assert trade.invoice(opened.id).status is InvoiceStatus.INVALID


def test_a_refusal_never_undoes_what_another_try_recorded_meanwhile(trade: Trade) -> None:
    opened = trade.open().invoice
    whole = trade.store
    watched = WatchedStore(whole)

    def other_try() -> None:
        created = ProviderInvoice(provider_invoice_id="p-9", checkout_url="https://pay.example/9")
        record_provider_invoice(
            BUYER, opened.id, created, store=whole, clock=trade.clock, ids=trade.ids
        )

    trade.store, watched.before_writing = watched, other_try
    trade.provider.faults.append(Fault.REFUSED)
    with pytest.raises(ProviderRefused):
        trade.request(opened.id)
    assert watched.writes == ["put_health"]
    assert trade.invoice(opened.id).provider_invoice_id == "p-9"
    assert trade.invoice(opened.id).status is InvoiceStatus.PENDING


def test_a_second_answer_of_the_provider_never_replaces_the_first(trade: Trade) -> None:
    trade.put_policy(slug="free", price_sats_override=0)
    other = ProviderInvoice(provider_invoice_id="p-9", checkout_url="https://pay.example/9")
    for invoice in (trade.sell(), trade.open(policy_slug="free").invoice):
        again = record_provider_invoice(
            BUYER, invoice.id, other, store=trade.store, clock=trade.clock, ids=trade.ids
        )
        assert again == trade.invoice(invoice.id) == invoice


def test_an_unknown_invoice_is_not_found(trade: Trade) -> None:
    with pytest.raises(NotFound):
        trade.request(InvoiceId("unknown"))
    with pytest.raises(NotFound):
        trade.settle(InvoiceId("unknown"))


def test_no_payment_is_asked_for_a_sale_that_has_ended(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.clock.advance(ORPHAN_SECONDS)
    trade.reconcile()
    for is_first_try in (True, False):
        ended = trade.request(opened.id, is_first_try=is_first_try)
        assert (ended.status, ended.checkout_url) == (InvoiceStatus.INVALID, "")
    assert trade.provider.orders == []


# --- asking for the truth -----------------------------------------------------------------------


def test_a_paid_invoice_is_settled_with_its_license_once(trade: Trade) -> None:
    invoice = trade.sell(buyer_email="b@example.com")
    assert not trade.settle(invoice.id).is_changed
    trade.provider.pay(invoice.id)
    trade.clock.advance(5)
    first = trade.settle(invoice.id)
    assert (first.is_changed, first.invoice) == (True, trade.invoice(invoice.id))
    assert first.invoice.settled_at == trade.clock.now()
    license = trade.license_for(invoice.id)
    assert license is not None
    assert license.issued_at == trade.clock.now()
    assert license.metadata == {"source": "purchase", "btcpay_invoice_id": "p-1"}
    trade.clock.advance(DAY_SECONDS)
    before = trade.trail()
    again = trade.settle(invoice.id)
    assert not again.is_changed
    assert trade.trail() == before
    assert trade.license_for(invoice.id) == license


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.UNAVAILABLE, Fault.LOST])
def test_without_an_answer_nothing_changes_but_the_stamp_of_the_check(
    trade: Trade, fault: Fault
) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    trade.provider.faults.append(fault)
    trade.clock.advance(9)
    with pytest.raises((ProviderRefused, ProviderUnavailable)):
        trade.settle(invoice.id)
    assert trade.invoice(invoice.id) == msgspec.structs.replace(
        invoice, last_checked_at=trade.clock.now()
    )
    assert trade.licenses() == []


def test_an_invoice_nobody_can_be_asked_about_does_not_hold_up_the_others(trade: Trade) -> None:
    stuck = make_invoice(trade.shop.product, created_at=trade.clock.now())
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(stuck)
    trade.clock.advance(3 * HOUR_SECONDS)
    assert trade.due(1) == [stuck.id]
    assert not trade.settle(stuck.id).is_changed
    assert trade.due(1) == []
    sold = trade.sell()
    trade.clock.advance(3 * HOUR_SECONDS)
    trade.providers.is_loaded = False
    assert sold.id in trade.due(2)
    with pytest.raises(ProviderNotLoaded):
        trade.settle(sold.id)
    assert sold.id not in trade.due(2)


def test_a_payment_found_by_our_id_is_settled_with_the_provider_s_id(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.provider.faults.append(Fault.LOST)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    trade.provider.pay(opened.id)
    settled = trade.settle(opened.id).invoice
    assert (settled.status, settled.provider_invoice_id) == (InvoiceStatus.SETTLED, "p-1")
    assert settled.checkout_url == "https://pay.example/i/p-1"


def test_an_invoice_its_provider_never_made_ends_after_a_while_and_frees_its_key(
    trade: Trade,
) -> None:
    opened = trade.open(idempotency_key=KEY).invoice
    trade.clock.advance(ORPHAN_SECONDS - 1)
    waiting = trade.settle(opened.id)
    assert not waiting.is_changed
    assert waiting.invoice == trade.invoice(opened.id)
    assert waiting.invoice.status is InvoiceStatus.PENDING
    assert waiting.invoice.last_checked_at == trade.clock.now()
    trade.clock.advance(1)
    ended = trade.settle(opened.id)
    assert (ended.is_changed, ended.invoice.status) == (True, InvoiceStatus.INVALID)
    assert len(trade.audits("invoice.never_created")) == 1
    assert not trade.open(idempotency_key=KEY).is_replayed
    assert not trade.settle(opened.id).is_changed
    assert len(trade.audits("invoice.never_created")) == 1


def test_an_id_recorded_while_the_provider_was_asked_is_never_replaced(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.provider.faults.append(Fault.LOST)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    trade.provider.pay(opened.id)
    whole = trade.store
    watched = WatchedStore(whole)

    def other_try() -> None:
        created = ProviderInvoice(provider_invoice_id="p-9", checkout_url="https://pay.example/9")
        record_provider_invoice(
            BUYER, opened.id, created, store=whole, clock=trade.clock, ids=trade.ids
        )

    trade.store, watched.before_writing = watched, other_try
    assert trade.settle(opened.id).invoice.provider_invoice_id == "p-9"


def test_a_settled_sale_that_lacks_its_effect_gets_it_without_a_provider(trade: Trade) -> None:
    """Older data: the status was written and the license never issued."""
    half = make_invoice(
        trade.shop.product,
        policy_id=trade.shop.policy.id,
        status=InvoiceStatus.SETTLED,
        settled_at=1,
    )
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(half)
    assert trade.due() == [half.id]
    assert trade.settle(half.id).is_changed
    assert trade.license_for(half.id) is not None
    assert trade.due() == []
    assert not trade.settle(half.id).is_changed


def test_a_sale_settles_on_plain_terms_when_its_policy_was_deleted_by_force(trade: Trade) -> None:
    policy = trade.put_policy(max_machines=9, price_sats_override=5)
    invoice = trade.sell(policy_slug=policy.slug)
    kept = msgspec.structs.replace(trade.invoice(invoice.id), policy_id=None)
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(kept)
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    license = trade.license_for(invoice.id)
    assert license is not None
    assert (license.max_machines, license.expires_at) == (1, None)


def test_the_license_is_kept_when_the_payment_is_reversed_afterwards(trade: Trade) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    trade.provider.invalidate(invoice.id)
    for _ in range(2):
        trade.settle(invoice.id)
    assert trade.invoice(invoice.id).status is InvoiceStatus.SETTLED
    license = trade.license_for(invoice.id)
    assert license is not None
    assert license.status is LicenseStatus.ACTIVE
    assert len(trade.audits("invoice.provider_reversed")) == 1
    assert len(trade.events("invoice.refunded")) == 1


def test_a_late_payment_waits_for_someone_to_mark_it_settled(trade: Trade) -> None:
    invoice = trade.sell()
    trade.provider.expire(invoice.id)
    trade.settle(invoice.id)
    trade.provider.pay_late(invoice.id)
    trade.clock.advance(HOUR_SECONDS)
    trade.reconcile()
    assert trade.invoice(invoice.id).status is InvoiceStatus.EXPIRED
    assert len(trade.audits("invoice.paid_late")) == 1
    trade.provider.mark_settled(invoice.id)
    trade.clock.advance(HOUR_SECONDS)
    trade.reconcile()
    settled = trade.invoice(invoice.id)
    assert (settled.status, settled.settled_at) == (InvoiceStatus.SETTLED, trade.clock.now())
    assert trade.license_for(invoice.id) is not None


def test_an_invoice_nobody_ever_paid_expires_after_the_time_it_is_looked_at(trade: Trade) -> None:
    invoice = trade.sell()
    trade.clock.advance(RECONCILE_DAYS * DAY_SECONDS - 1)
    assert trade.settle(invoice.id).invoice.status is InvoiceStatus.PENDING
    trade.clock.advance(1)
    assert trade.settle(invoice.id).invoice.status is InvoiceStatus.EXPIRED
    assert len(trade.events("invoice.expired")) == 1


def test_an_invoice_that_is_invalid_at_its_provider_becomes_invalid(trade: Trade) -> None:
    invoice = trade.sell()
    trade.provider.invalidate(invoice.id)
    assert trade.settle(invoice.id).is_changed
    poll = poll_purchase(invoice.id, store=trade.store, keys=trade.keys)
    assert (poll.invoice.status, poll.key) == (InvoiceStatus.INVALID, None)


def test_a_settled_sale_gets_its_effect_even_while_its_provider_is_down(trade: Trade) -> None:
    """The provider has confirmed it before; nothing is left to ask (payments 10)."""
    invoice = trade.sell()
    confirmed = msgspec.structs.replace(
        invoice, status=InvoiceStatus.SETTLED, settled_at=trade.clock.now()
    )
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(confirmed)
    trade.provider.faults.append(Fault.UNAVAILABLE)
    trade.settle(invoice.id)
    assert trade.license_for(invoice.id) is not None


def test_an_invoice_given_up_as_never_made_is_found_if_it_was_made_after_all(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.clock.advance(ORPHAN_SECONDS)
    trade.reconcile()
    assert trade.invoice(opened.id).status is InvoiceStatus.INVALID
    order = InvoiceOrder(
        invoice_id=opened.id,
        price=Money(currency=Currency.SAT, amount=opened.amount_sats),
        redirect_url=opened.redirect_url,
        metadata={},
    )
    trade.provider.create_invoice(order)
    trade.provider.pay(opened.id)
    trade.clock.advance(900)
    trade.reconcile()
    assert trade.license_for(opened.id) is not None
