"""Sales through the use cases on a real store, with a provider that fails in every way.

Whatever happens on the way: once the provider answers again, what it calls settled has exactly one
license and nothing else has any (lifecycles 7, payments 11 and 17).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keysat_core.domain.answer import ORPHAN_SECONDS
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.invoice import InvoiceStatus, SettledBy
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.errors import (
    NoProvider,
    ProviderNotLoaded,
    RequestInFlight,
    StillPayable,
    UpstreamError,
)
from keysat_core.limits import PURCHASE_DEADLINE_SECONDS
from keysat_core.testing.clock import START
from tests.support.scripted_provider import Fault, ScriptedProvider
from tests.support.trade import Trade, data_of, open_trade
from tests.support.watched_store import Killed, WatchedStore

PENDING, SETTLED = InvoiceStatus.PENDING, InvoiceStatus.SETTLED
EXPIRED, INVALID = InvoiceStatus.EXPIRED, InvoiceStatus.INVALID

STEPS: Final = {
    PENDING: {PENDING, SETTLED, EXPIRED, INVALID},
    EXPIRED: {EXPIRED, SETTLED},
    INVALID: {INVALID, SETTLED},
    SETTLED: {SETTLED},
}
"""Which status may follow which (payments 17, invariant 4)."""

LAST_DAY: Final = START + 20 * DAY_SECONDS
"""Time stops here, so that no invoice outlives the time it is looked at."""


def pay_late_for_good(provider: ScriptedProvider, invoice_id: str) -> None:
    provider.pay_late(invoice_id, is_final=True)


Move = Callable[[ScriptedProvider, str], None]
MOVES: Final[dict[Move, set[ProviderStatus]]] = {
    ScriptedProvider.pay: {ProviderStatus.PENDING},
    ScriptedProvider.expire: {ProviderStatus.PENDING},
    ScriptedProvider.invalidate: {ProviderStatus.PENDING, ProviderStatus.SETTLED},
    ScriptedProvider.pay_late: {ProviderStatus.EXPIRED},
    pay_late_for_good: {ProviderStatus.EXPIRED},
    ScriptedProvider.mark_settled: {ProviderStatus.EXPIRED, ProviderStatus.INVALID},
    ScriptedProvider.refund: {ProviderStatus.SETTLED},
}
"""What may happen at the provider, and in which of its states."""


@dataclass(kw_only=True)
class Sale:
    amount_sats: int
    is_free: bool
    statuses: list[InvoiceStatus] = field(default_factory=list)
    is_tried: bool = False
    is_by_hand: bool = False


@dataclass(frozen=True, kw_only=True)
class Mishap:
    """Faults of the provider and the death of the process, around one command."""

    faults: tuple[Fault | None, ...] = ()
    dies_at: int | None = None

    @contextmanager
    def befalls(self, trade: Trade) -> Iterator[None]:
        store = trade.store
        trade.provider.faults.extend(self.faults)
        trade.store = WatchedStore(store, dies_at=self.dies_at)
        with suppress(UpstreamError, ProviderNotLoaded, RequestInFlight, StillPayable, Killed):
            yield
        trade.provider.faults.clear()
        trade.store = store


NO_MISHAP: Final = Mishap()

faults = st.sampled_from([None] * 3 + [*Fault])
mishaps = st.builds(
    Mishap,
    faults=st.tuples(faults, faults),
    dies_at=st.sampled_from([None] * 24 + [*range(1, 13)]),
)


class InvoiceMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.trade = open_trade()
        self.provider = self.trade.provider
        self.sales: dict[InvoiceId, Sale] = {}
        self.late: set[InvoiceId] = set()
        self.trade.put_policy(slug="free", price_sats_override=0)
        self.trade.put_policy(slug="trial", is_recurring=True, renewal_period_days=30, trial_days=7)
        self.trade.put_policy(slug="cheap", price_sats_override=1)

    @initialize()
    def sell(self) -> None:
        self.open(policy=None)
        self.request(number=0, seconds=0, mishap=NO_MISHAP)

    def one(self, number: int) -> InvoiceId:
        return list(self.sales)[number % len(self.sales)]

    numbers = st.integers(0, 2)
    has_sales = precondition(lambda self: bool(self.sales))

    # --- the buyer ------------------------------------------------------------------------------

    @precondition(lambda self: len(self.sales) < 3)
    @rule(policy=st.sampled_from([None, None, "cheap", "free", "trial"]))
    def open(self, policy: str | None) -> None:
        is_free = policy in {"free", "trial"}
        slug = policy or self.trade.shop.policy.slug
        if not is_free and not self.trade.providers.is_loaded:
            with pytest.raises(NoProvider):
                self.trade.open(policy_slug=slug)
            return
        opened = self.trade.open(policy_slug=slug)
        assert opened.invoice.is_free is is_free
        assert (opened.key is not None) is is_free
        self.sales[opened.invoice.id] = Sale(
            amount_sats=opened.invoice.amount_sats, is_free=is_free
        )

    @has_sales
    @rule(
        number=numbers,
        seconds=st.sampled_from([PURCHASE_DEADLINE_SECONDS, 0, ORPHAN_SECONDS]),
        mishap=mishaps,
    )
    def request(self, number: int, seconds: int, mishap: Mishap) -> None:
        """The buyer's client asks for the payment, at once or again after a while."""
        invoice_id = self.one(number)
        sale = self.sales[invoice_id]
        is_first_try, sale.is_tried = not sale.is_tried, True
        self.trade.clock.advance(seconds)
        with mishap.befalls(self.trade):
            self.trade.request(invoice_id, is_first_try=is_first_try)

    # --- the provider ---------------------------------------------------------------------------

    @has_sales
    @rule(number=numbers, choice=st.integers(0, 6), is_told=st.booleans())
    def move(self, number: int, choice: int, *, is_told: bool) -> None:
        """The buyer pays, time runs out, a person decides: what the provider's state allows."""
        invoice_id = self.one(number)
        for truth in self.provider.truths_of(invoice_id):
            possible = [step for step, states in MOVES.items() if truth.report.status in states]
            if possible:
                possible[choice % len(possible)](self.provider, invoice_id)
            if truth.report.is_late_final:
                self.late.add(invoice_id)
        if is_told:
            self.send_webhooks(number=number, times=1, said="settled")
            self.reconcile(mishap=NO_MISHAP)

    @rule(trouble=st.none() | st.sampled_from(["is_down", "is_stale", "is_unloaded"]))
    def trouble_comes_or_goes(self, trouble: str | None) -> None:
        self.provider.is_down = trouble == "is_down"
        self.provider.is_stale = trouble == "is_stale"
        self.trade.providers.is_loaded = trouble != "is_unloaded"

    @has_sales
    @rule(number=numbers, times=st.integers(1, 3), said=st.sampled_from(["settled", "expired"]))
    def send_webhooks(self, number: int, times: int, said: str) -> None:
        """About any invoice, true or not, also before its record; never sending one is a lost one."""
        invoice_id = self.one(number)
        if not self.provider.truths_of(invoice_id) or not self.trade.providers.is_loaded:
            return
        is_recorded = self.trade.invoice(invoice_id).provider_invoice_id is not None
        for _ in range(times):
            receipt = self.trade.note(self.provider.webhook_of(invoice_id, said=said))
            assert receipt.invoice_id == (invoice_id if is_recorded else None)
            outcome = ReceiptOutcome.NOTED if is_recorded else ReceiptOutcome.UNMATCHED
            assert receipt.outcome is outcome

    # --- the server -----------------------------------------------------------------------------

    @has_sales
    @rule(number=numbers, mishap=mishaps)
    def settle(self, number: int, mishap: Mishap) -> None:
        with mishap.befalls(self.trade):
            self.trade.settle(self.one(number))

    @has_sales
    @rule(number=numbers, mishap=mishaps, is_forced=st.booleans())
    def settle_by_hand(self, number: int, mishap: Mishap, *, is_forced: bool) -> None:
        """The operator's word, whatever the provider says, and however often."""
        invoice_id = self.one(number)
        sale = self.sales[invoice_id]
        with mishap.befalls(self.trade):
            self.trade.ask_first(invoice_id)
            asked = self.trade.invoice(invoice_id).status
            sale.statuses.append(asked)
            done = self.trade.take_word(invoice_id, is_forced=is_forced)
            assert done.is_already is (asked is SETTLED)
            assert is_forced or asked is not PENDING
        sale.is_by_hand = self.trade.invoice(invoice_id).settled_by is SettledBy.OPERATOR

    @rule(is_accepted=st.booleans(), mishap=mishaps)
    def choose_late_payments(self, mishap: Mishap, *, is_accepted: bool) -> None:
        with mishap.befalls(self.trade):
            self.trade.accept_late(is_accepted=is_accepted)

    @rule(mishap=mishaps)
    def reconcile(self, mishap: Mishap) -> None:
        with mishap.befalls(self.trade):
            self.trade.reconcile()

    @precondition(lambda self: self.trade.clock.now() < LAST_DAY)
    @rule(seconds=st.sampled_from([1, 300, 700, 7_300, DAY_SECONDS]))
    def wait(self, seconds: int) -> None:
        self.trade.clock.advance(seconds)

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def a_status_only_moves_as_it_may_and_a_price_never(self) -> None:
        for invoice_id, sale in self.sales.items():
            invoice = self.trade.invoice(invoice_id)
            before = sale.statuses[-1] if sale.statuses else PENDING
            assert invoice.status in STEPS[before]
            sale.statuses.append(invoice.status)
            assert invoice.amount_sats == sale.amount_sats

    @invariant()
    def a_license_exists_exactly_for_a_settled_sale_that_was_confirmed(self) -> None:
        licenses = [license.invoice_id for license in self.trade.licenses()]
        assert len(licenses) == len(set(licenses))
        for invoice_id, sale in self.sales.items():
            invoice = self.trade.invoice(invoice_id)
            is_settled = invoice.status is SETTLED
            assert (invoice_id in licenses) is is_settled
            assert (invoice.effect_at is not None) is is_settled
            if is_settled:
                by = invoice.settled_by
                assert (by is None) is sale.is_free
                assert (by is SettledBy.OPERATOR) is sale.is_by_hand
                assert by is not SettledBy.PROVIDER or invoice_id in self.provider.confirmed
                assert by is not SettledBy.LATE_PAYMENT or invoice_id in self.late

    @invariant()
    def the_provider_holds_at_most_one_invoice_per_sale(self) -> None:
        for invoice_id, sale in self.sales.items():
            assert len(self.provider.truths_of(invoice_id)) <= (not sale.is_free)

    @invariant()
    def every_change_is_audited_once_and_told_once(self) -> None:
        audits = [(entry.action, entry.target_id) for entry in self.trade.audits()]
        issued = [entry.details["invoice_id"] for entry in self.trade.audits("license.issue")]
        events = [
            (event.event_type, data_of(event).get("invoice_id")) for event in self.trade.events()
        ]
        for invoice_id, sale in self.sales.items():
            invoice = self.trade.invoice(invoice_id)
            is_settled = invoice.status is SETTLED
            assert events.count(("invoice.opened", invoice_id)) == (not sale.is_free)
            assert audits.count(("invoice.open", invoice_id)) == (not sale.is_free)
            assert events.count(("invoice.paid", invoice_id)) == is_settled
            assert events.count(("invoice.settled", invoice_id)) == is_settled
            assert audits.count(("invoice.settle", invoice_id)) == is_settled
            assert events.count(("license.issued", invoice_id)) == is_settled
            assert issued.count(invoice_id) == is_settled
            by_hand = audits.count(("invoice.settle_by_hand", invoice_id))
            assert by_hand == (invoice.settled_by is SettledBy.OPERATOR)
            ends = [("invoice.expired", invoice_id), ("invoice.invalid", invoice_id)]
            never = [("invoice.create_refused", invoice_id), ("invoice.never_created", invoice_id)]
            ended = {EXPIRED, INVALID} & set(sale.statuses)
            assert sum(audits.count(end) for end in ends + never) == bool(ended)
            told = events.count(("invoice.expired", invoice_id))
            assert told == bool(ended)

    @invariant()
    def no_sale_is_given_up_while_its_payment_may_still_be_asked_for(self) -> None:
        for entry in self.trade.audits("invoice.never_created"):
            invoice = self.trade.invoice(InvoiceId(entry.target_id or ""))
            assert entry.occurred_at >= invoice.created_at + ORPHAN_SECONDS

    def teardown(self) -> None:
        """Everything works again: the worker alone must bring every sale to its end."""
        self.provider.faults.clear()
        self.trouble_comes_or_goes(None)
        for _ in range(3):
            self.trade.clock.advance(DAY_SECONDS)
            self.trade.reconcile()
        self.a_status_only_moves_as_it_may_and_a_price_never()
        self.a_license_exists_exactly_for_a_settled_sale_that_was_confirmed()
        self.every_change_is_audited_once_and_told_once()
        for invoice_id in self.sales:
            truths = [truth.report.status for truth in self.provider.truths_of(invoice_id)]
            status = self.trade.invoice(invoice_id).status
            if ProviderStatus.SETTLED in truths:
                assert status is SETTLED
            elif truths in ([], [ProviderStatus.EXPIRED], [ProviderStatus.INVALID]):
                assert status is not PENDING


TestInvoices = InvoiceMachine.TestCase
TestInvoices.settings = settings(max_examples=70, stateful_step_count=40, deadline=None)
