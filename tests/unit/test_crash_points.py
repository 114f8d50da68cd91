"""The process dies at every step of a sale; a recovery ends as if nothing had happened."""

from collections import Counter
from collections.abc import Callable

import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import License
from keysat_core.errors import UpstreamError
from tests.support.scripted_provider import Fault
from tests.support.trade import KEY, Trade, open_trade
from tests.support.watched_store import Killed, WatchedStore


def paid_shop() -> Trade:
    return open_trade()


def free_shop() -> Trade:
    """A shop whose only other tier, sold by default, costs nothing."""
    trade = open_trade()
    trade.put_policy(slug="default", price_sats_override=0)
    return trade


def buy(trade: Trade) -> InvoiceId:
    """What a buyer's client does, and does again with the same key when it gets no answer."""
    opened = trade.open(idempotency_key=KEY, buyer_email="b@example.com")
    trade.request(opened.invoice.id, is_first_try=not opened.is_replayed)
    return opened.invoice.id


def collect(trade: Trade, invoice_id: InvoiceId) -> None:
    """What happens then: the buyer pays, the provider tells, the worker settles."""
    for truth in trade.provider.truths_of(invoice_id):
        if truth.report.raw_status == "New":
            trade.provider.pay(invoice_id)
        trade.note(trade.provider.webhook_of(invoice_id))
    trade.reconcile()


def sale(trade: Trade) -> None:
    collect(trade, buy(trade))


def only_license(trade: Trade) -> License:
    (license,) = trade.licenses()
    return license


def ending(trade: Trade) -> tuple[object, ...]:
    """Everything a sale leaves behind, apart from ids and receipts of webhooks."""
    license = only_license(trade)
    assert license.invoice_id is not None
    invoice = trade.invoice(license.invoice_id)
    assert license.policy_id == invoice.policy_id
    assert license.product_id == invoice.product_id == trade.shop.product.id
    return (
        (invoice.status, invoice.amount_sats, invoice.checkout_url, invoice.buyer_email),
        (invoice.effect_at is not None, invoice.settled_at is not None),
        (license.status, license.buyer_email, license.max_machines),
        Counter(entry.action for entry in trade.audits()),
        Counter(event.event_type for event in trade.events()),
        len(trade.provider.orders),
    )


def killed_at(
    step: int | None,
    shop: Callable[[], Trade],
    work: Callable[[Trade], object],
    recovery: Callable[[Trade], object],
) -> tuple[Trade, WatchedStore]:
    """Do the work in a process that dies at this step, and then the recovery in a new one."""
    trade = shop()
    whole, trade.store = trade.store, WatchedStore(trade.store, dies_at=step)
    watched = trade.store
    assert isinstance(watched, WatchedStore)
    try:
        work(trade)
    except Killed:
        trade.store = whole
        trade.clock.advance(60)
        recovery(trade)
    trade.store = whole
    return trade, watched


@pytest.mark.parametrize(("shop", "commits"), [(paid_shop, 5), (free_shop, 1)])
def test_a_sale_killed_at_any_step_and_repeated_ends_as_if_nothing_had_happened(
    shop: Callable[[], Trade], commits: int
) -> None:
    untouched, watched = killed_at(None, shop, sale, sale)
    wanted = ending(untouched)
    assert watched.steps.count("committed") == commits
    for step, name in enumerate(watched.steps, start=1):
        trade, _ = killed_at(step, shop, sale, sale)
        assert ending(trade) == wanted, (step, name)


def test_the_worker_alone_finishes_a_sale_that_died_after_its_payment_was_asked_for() -> None:
    def opened_shop() -> Trade:
        trade = open_trade()
        trade.open(buyer_email="b@example.com")
        return trade

    def ask_and_collect(trade: Trade) -> None:
        invoice_id = opened_in(trade)
        trade.request(invoice_id)
        collect(trade, invoice_id)

    def pay_and_let_the_worker_run(trade: Trade) -> None:
        truth = trade.provider.truth_of(opened_in(trade))
        if truth.report.raw_status == "New":
            trade.provider.pay(opened_in(trade))
        trade.clock.advance(60)
        trade.reconcile()

    _, watched = killed_at(None, opened_shop, ask_and_collect, pay_and_let_the_worker_run)
    for step, name in enumerate(watched.steps, start=1):
        trade, _ = killed_at(step, opened_shop, ask_and_collect, pay_and_let_the_worker_run)
        invoice = trade.invoice(opened_in(trade))
        assert only_license(trade).invoice_id == invoice.id, (step, name)
        assert invoice.status is InvoiceStatus.SETTLED
        assert invoice.provider_invoice_id == trade.provider.truth_of(invoice.id).id
        assert invoice.checkout_url
        assert len(trade.events("license.issued")) == len(trade.audits("license.issue")) == 1
        assert len(trade.provider.orders) == 1


def opened_in(trade: Trade) -> InvoiceId:
    (opened,) = trade.audits("invoice.open")
    assert opened.target_id is not None
    return InvoiceId(opened.target_id)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNAVAILABLE])
def test_a_sale_with_one_unanswered_call_anywhere_ends_as_if_all_had_been_answered(
    fault: Fault,
) -> None:
    untouched = paid_shop()
    sale(untouched)
    wanted = ending(untouched)
    for number in range(3):
        trade = paid_shop()
        trade.provider.faults.extend([None] * number + [fault])
        for _ in range(3):
            try:
                sale(trade)
            except UpstreamError:
                trade.clock.advance(60)
        assert ending(trade) == wanted, number
