"""The process dies at every step of a sale at BTCPay; what follows ends as if it had not."""

from collections import Counter
from collections.abc import Callable

import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.errors import UpstreamError
from tests.simulators.fault_plan import ANY, Answer, CallAction, Cut, DropDelivery, Timeout
from tests.support.btcpay_trade import BTCPayTrade, open_btcpay_trade
from tests.support.watched_store import Killed, WatchedStore

Work = Callable[[BTCPayTrade], object]


def ending(shop: BTCPayTrade) -> tuple[object, ...]:
    """Everything a sale leaves behind, apart from ids, and BTCPay's side of it."""
    (license,) = shop.trade.licenses()
    assert license.invoice_id is not None
    invoice = shop.trade.invoice(license.invoice_id)
    (remote,) = shop.fake.invoices()
    assert invoice.provider_invoice_id == remote.id
    assert remote.metadata["orderId"] == invoice.id
    assert remote.id in shop.fake.world.settled_answered_at
    shop.fake.check()
    return (
        (invoice.status, invoice.effect_at is not None, invoice.checkout_url != ""),
        (license.status, license.buyer_email),
        Counter(event.event_type for event in shop.trade.events()),
        Counter(entry.action for entry in shop.trade.audits()),
    )


def killed_at(
    step: int | None, begin: Work, work: Work, recover: Work
) -> tuple[BTCPayTrade, list[str]]:
    """Do the work in a process that dies at this step; a new one takes over a minute later."""
    shop = open_btcpay_trade()
    begin(shop)
    whole = shop.trade.store
    watched = WatchedStore(whole, dies_at=step)
    shop.trade.store = watched
    try:
        work(shop)
        is_dead = False
        watched.reading()
    except Killed:
        is_dead = True
    shop.trade.store = whole
    if is_dead:
        shop.wait(60)
        recover(shop)
    return shop, watched.steps


def nothing(shop: BTCPayTrade) -> None:
    assert shop.fake.webhooks()


def lose_webhooks(shop: BTCPayTrade) -> None:
    shop.fake.faults.on_delivery(ANY, DropDelivery(), count=None)


@pytest.mark.rows(21)
@pytest.mark.parametrize("begin", [nothing, lose_webhooks])
def test_a_sale_killed_at_any_step_and_repeated_ends_as_if_nothing_had_happened(
    begin: Work,
) -> None:
    untouched, steps = killed_at(None, begin, BTCPayTrade.sell, BTCPayTrade.sell)
    wanted = ending(untouched)
    assert steps.count("committed") >= 3
    for step, name in enumerate(steps, start=1):
        shop, _ = killed_at(step, begin, BTCPayTrade.sell, BTCPayTrade.sell)
        assert ending(shop) == wanted, (step, name)


def opened(shop: BTCPayTrade) -> None:
    shop.trade.open(buyer_email="b@example.com")


def opened_without_webhooks(shop: BTCPayTrade) -> None:
    lose_webhooks(shop)
    opened(shop)


def ask_and_collect(shop: BTCPayTrade) -> None:
    (entry,) = shop.trade.audits("invoice.open")
    shop.trade.request(InvoiceId(entry.target_id or ""))
    shop.pay()
    shop.trade.reconcile()


def let_the_buyer_pay_and_the_worker_run(shop: BTCPayTrade) -> None:
    shop.pay()
    shop.wait(60)
    shop.trade.reconcile()


@pytest.mark.rows(21)
@pytest.mark.parametrize("begin", [opened, opened_without_webhooks])
def test_the_worker_alone_finishes_a_sale_that_died_after_its_payment_was_asked_for(
    begin: Work,
) -> None:
    untouched, steps = killed_at(None, begin, ask_and_collect, nothing)
    wanted = ending(untouched)
    for step, name in enumerate(steps, start=1):
        shop, _ = killed_at(step, begin, ask_and_collect, let_the_buyer_pay_and_the_worker_run)
        assert ending(shop) == wanted, (step, name)


@pytest.mark.rows(21)
@pytest.mark.parametrize(
    "trouble",
    [Timeout(), Timeout(after_acting=True), Cut(after_acting=True), Answer(503)],
    ids=repr,
)
def test_a_sale_with_one_call_anywhere_that_fails_ends_as_if_all_had_been_answered(
    trouble: CallAction,
) -> None:
    untouched = open_btcpay_trade()
    untouched.sell()
    wanted = ending(untouched)
    for number in range(1, len(untouched.fake.journal.calls())):
        shop = open_btcpay_trade()
        shop.fake.faults.on_call(ANY, trouble, nth=number)
        for _ in range(3):
            try:
                shop.sell()
            except UpstreamError:
                shop.wait(60)
        assert ending(shop) == wanted, number
