"""Who is asked about an invoice, and what an answer is worth that was given before another.

Source: payments 9.1 and 10.
"""

from dataclasses import dataclass, field

import msgspec
import pytest

from keysat_core.domain.answer import ORPHAN_SECONDS
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.invoice import Attention, Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, disconnected
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.errors import ProviderNotLoaded, ProviderRefused, ProviderUnavailable
from keysat_core.limits import RECONCILE_DAYS
from keysat_core.ports.payments import PaymentProvider
from tests.support.builders import make_account, make_profile
from tests.support.scripted_provider import Fault, ScriptedProvider
from tests.support.trade import Trade, open_trade
from tests.support.watched_store import WatchedStore


class Foreign(ScriptedProvider):
    """A service that was never asked for our invoices, and says so in its own way."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self._failure = failure

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        raise self._failure


@dataclass
class Services:
    """Implements ``ports.payments.PaymentProviders``: each account at a service of its own."""

    by_account: dict[ProviderAccountId, PaymentProvider] = field(default_factory=dict)

    def kinds(self) -> frozenset[ProviderKind]:
        return frozenset(ProviderKind)

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        if account.id not in self.by_account:
            raise ProviderNotLoaded(account.kind, "load it")
        return self.by_account[account.id]


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def second_account(trade: Trade, **fields: object) -> ProviderAccount:
    profile = make_profile(name="Second", is_default=False)
    account = make_account(profile, **fields)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
        tx.merchants.put_account(account)
    return account


def old_invoice(trade: Trade) -> Invoice:
    """An invoice from an old database, which names no account, paid at the scripted service."""
    sold = trade.sell()
    trade.provider.pay(sold.id)
    unassigned = msgspec.structs.replace(sold, provider_account_id=None)
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(unassigned)
    return unassigned


@pytest.mark.parametrize(
    "failure",
    [
        ProviderRefused("read invoice", "not_found"),
        # BTCPay 2.4 says so of an invoice of another store.
        ProviderRefused("read invoice", "auth", http_status=403),
        ProviderUnavailable("read invoice", "timeout"),
        ProviderNotLoaded(ProviderKind.SANDBOX, "load it"),
    ],
)
def test_an_account_that_gives_no_answer_hides_nobody_who_knows_the_invoice(
    trade: Trade, failure: Exception
) -> None:
    invoice = old_invoice(trade)
    knowing = second_account(trade)
    trade.providers = Services(  # type: ignore[assignment]
        {trade.shop.account.id: Foreign(failure), knowing.id: trade.provider}
    )
    settled = trade.settle(invoice.id).invoice
    assert settled.status is InvoiceStatus.SETTLED
    assert settled.provider_account_id == knowing.id
    assert trade.license_for(invoice.id) is not None


def test_a_refusal_to_read_an_old_invoice_is_no_failure_of_the_account(trade: Trade) -> None:
    invoice = old_invoice(trade)
    barred = ProviderRefused("read invoice", "auth", http_status=403)
    trade.providers = Services({trade.shop.account.id: Foreign(barred)})  # type: ignore[assignment]
    with pytest.raises(ProviderRefused):
        trade.settle(invoice.id)
    with trade.store.reading() as tx:
        health = tx.connections.find_health(trade.shop.account.id)
    assert health is None or health.failures == 0


def test_an_invoice_one_successor_never_made_is_looked_for_at_the_next(trade: Trade) -> None:
    """Two Zaprite accounts have one address; only one of them has the order whose id was lost."""
    opened = trade.open().invoice
    trade.provider.faults.append(Fault.LOST)
    with pytest.raises(ProviderUnavailable):
        trade.request(opened.id)
    trade.provider.pay(opened.id)
    with trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(trade.shop.account, trade.clock.now()))
    other, again = second_account(trade), second_account(trade)
    first, second = sorted([other, again], key=lambda one: (one.connected_at, one.id))
    trade.providers = Services(  # type: ignore[assignment]
        {first.id: ScriptedProvider(), second.id: trade.provider}
    )
    trade.clock.advance(ORPHAN_SECONDS)
    assert trade.settle(opened.id).invoice.status is InvoiceStatus.SETTLED


@pytest.mark.parametrize("is_expired", [False, True])
def test_an_answer_from_before_a_settlement_takes_nothing_back(
    trade: Trade, *, is_expired: bool
) -> None:
    """Two look at an invoice: one reads it before it is paid or marked settled, and is slow."""
    invoice = trade.sell()
    if is_expired:
        trade.provider.expire(invoice.id)
        trade.settle(invoice.id)
    whole = trade.store
    watched = WatchedStore(whole)

    def other_look() -> None:
        trade.store = whole
        trade.provider.mark_settled(invoice.id)
        assert trade.settle(invoice.id).invoice.status is InvoiceStatus.SETTLED

    trade.store, watched.before_writing = watched, other_look
    assert not trade.settle(invoice.id).is_changed
    settled = trade.invoice(invoice.id)
    assert settled.status is InvoiceStatus.SETTLED
    assert settled.attention is None
    assert trade.events("invoice.refunded") == []
    assert trade.audits("invoice.provider_reversed") == []


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_successor_that_does_not_know_an_invoice_may_be_another_account(
    trade: Trade, *, is_recorded: bool
) -> None:
    """A Zaprite account was exchanged for another one, which has the same address."""
    opened = trade.open().invoice
    if not is_recorded:
        trade.provider.faults.append(Fault.LOST)
        with pytest.raises(ProviderUnavailable):
            trade.request(opened.id)
    else:
        trade.request(opened.id)
    with trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(trade.shop.account, trade.clock.now()))
    other = second_account(trade)
    trade.providers = Services({other.id: ScriptedProvider()})  # type: ignore[assignment]
    trade.clock.advance(ORPHAN_SECONDS)
    waiting = trade.settle(opened.id).invoice
    assert waiting.status is InvoiceStatus.PENDING
    assert waiting.attention is Attention.PROVIDER_DISCONNECTED


def test_a_settled_invoice_stays_as_it_is_when_nobody_can_be_asked_any_more(trade: Trade) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    settled = trade.settle(invoice.id).invoice
    with trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(trade.shop.account, trade.clock.now()))
    trade.clock.advance(DAY_SECONDS)
    before = trade.trail()
    assert not trade.settle(invoice.id).is_changed
    assert (trade.invoice(invoice.id), trade.trail()) == (settled, before)


def test_money_in_part_is_told_when_the_invoice_is_given_up(trade: Trade) -> None:
    """An order at Zaprite that is underpaid stays so for ever."""
    invoice = trade.sell()
    paid = Money(currency=Currency.SAT, amount=1)
    truth = trade.provider.truth_of(invoice.id)
    truth.turn(ProviderStatus.PENDING, "UNDERPAID", paid=paid)
    trade.settle(invoice.id)
    trade.clock.advance(RECONCILE_DAYS * DAY_SECONDS)
    ended = trade.settle(invoice.id).invoice
    assert ended.status is InvoiceStatus.EXPIRED
    assert ended.attention is Attention.PARTIAL_PAYMENT


def test_what_was_given_back_is_no_money_in_part(trade: Trade) -> None:
    invoice = trade.sell()
    paid = Money(currency=Currency.SAT, amount=1)
    truth = trade.provider.truth_of(invoice.id)
    truth.turn(ProviderStatus.REFUNDED, "REFUNDED", paid=paid)
    trade.clock.advance(RECONCILE_DAYS * DAY_SECONDS)
    ended = trade.settle(invoice.id).invoice
    assert (ended.status, ended.attention) == (InvoiceStatus.EXPIRED, None)
