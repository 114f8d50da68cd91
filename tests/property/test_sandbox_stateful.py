"""Any sequence of hands at the till, against the real ledger."""

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from keysat_core.domain.payment import ProviderStatus, Rail
from keysat_core.errors import IllegalTransition
from keysat_core.ports.sandbox import PretendInvoice, PretendPayment
from tests.support.sandbox_shop import Shop, open_shop

P = PretendPayment
RECEIVED: Final = "InvoiceReceivedPayment"
FINAL: Final = ["InvoicePaymentSettled", "InvoiceSettled"]
OPEN: Final = {"New", "New/PaidPartial"}
UNSETTLED: Final = {"Processing", "Expired", "Expired/PaidPartial", "Expired/PaidLate"} | OPEN


def expected_types(before: PretendInvoice, payment: PretendPayment, rail: Rail) -> list[str] | None:
    """What BTCPay would send (payments 6.5); None where it would refuse."""
    raw = before.raw_status
    due_sats = before.amount_sats - before.paid_sats
    partial = ["InvoiceExpiredPaidPartial"] if raw == "New/PaidPartial" else []
    seen = [RECEIVED, "InvoiceProcessing"]
    answers: dict[PretendPayment, tuple[bool, list[str]]] = {
        P.PAY: (raw in OPEN, seen if rail is Rail.ONCHAIN else seen + FINAL),
        P.UNDERPAY: (raw in OPEN and due_sats > 1, [RECEIVED]),
        P.EXPIRE: (raw in OPEN, ["InvoiceExpired", *partial]),
        P.PAY_LATE: (
            raw in {"Expired", "Expired/PaidPartial"},
            [RECEIVED, "InvoicePaymentSettled", "InvoicePaidAfterExpiration"],
        ),
        P.REFUND: (
            raw in {"Settled", "Settled/Marked", "Expired/PaidPartial", "Expired/PaidLate"},
            ["InvoiceRefund"],
        ),
        P.MARK_SETTLED: (raw in UNSETTLED | {"Invalid/Marked"}, ["InvoiceSettled"]),
        P.MARK_INVALID: (raw in UNSETTLED | {"Settled/Marked"}, ["InvoiceInvalid"]),
    }
    if (payment, raw) == (P.PAY, "Processing"):
        return FINAL
    is_possible, types = answers[payment]
    return types if is_possible else None


class PretendInvoiceMachine(RuleBasedStateMachine):
    @initialize(
        amount_sats=st.integers(1, 50), rail=st.sampled_from([Rail.LIGHTNING, Rail.ONCHAIN])
    )
    def open(self, amount_sats: int, rail: Rail) -> None:
        self.shop: Shop = open_shop()
        self.rail = rail
        self.id = self.shop.sell(amount_sats, rail=rail)
        self.shown = self.shop.sandbox.till.show(self.id)
        self.was_paid_late = False

    @rule(payment=st.sampled_from(PretendPayment))
    def act(self, payment: PretendPayment) -> None:
        till = self.shop.sandbox.till
        expected = expected_types(self.shown, payment, self.rail)
        try:
            after = till.act(self.id, payment)
        except IllegalTransition:
            assert expected is None
            after = self.shown
        else:
            assert expected is not None
        self.check_step(after, payment)
        self.was_paid_late |= payment is P.PAY_LATE and expected is not None
        self.check_webhooks(expected or [])

    @rule(seconds=st.sampled_from([1, 60, 599, 600, 900, 86_400]))
    def wait(self, seconds: int) -> None:
        before = self.shown
        self.shop.clock.turn(seconds)
        after = self.shop.sandbox.till.show(self.id)
        if after.raw_status == before.raw_status:
            expected = []
        else:
            assert (before.raw_status, after.raw_status) in {
                ("New", "Expired"),
                ("New/PaidPartial", "Expired/PaidPartial"),
                ("Processing", "Settled"),
            }
            is_partial = before.raw_status == "New/PaidPartial"
            expected = ["InvoiceExpired"] + ["InvoiceExpiredPaidPartial"] * is_partial
            if after.raw_status == "Settled":
                expected = FINAL
        self.check_step(after, None)
        self.check_webhooks(expected)

    def check_step(self, after: PretendInvoice, payment: PretendPayment | None) -> None:
        before, self.shown = self.shown, after
        assert before.paid_sats <= after.paid_sats <= after.amount_sats
        was_settled = before.status is ProviderStatus.SETTLED
        if was_settled and after.status is not ProviderStatus.SETTLED:
            is_marked = before.raw_status == "Settled/Marked"
            assert payment is P.REFUND or (payment is P.MARK_INVALID and is_marked)
        if self.was_paid_late and not was_settled and after.status is ProviderStatus.SETTLED:
            assert payment is P.MARK_SETTLED

    def check_webhooks(self, expected: list[str]) -> None:
        self.shop.deliver()
        letters = list(self.shop.receiver.letters)
        assert self.shop.receiver.take_types() == expected
        for letter in letters:
            notice = self.shop.provider.parse_webhook(letter.headers, letter.body)
            assert notice.provider_invoice_id == self.id

    @invariant()
    def the_provider_and_the_till_agree(self) -> None:
        if not hasattr(self, "shop"):
            return
        report = self.shop.provider.invoice_status(self.id)
        assert (report.status, report.raw_status) == (self.shown.status, self.shown.raw_status)
        assert self.shop.sandbox.till.show(self.id) == self.shown

    @invariant()
    def settled_without_a_mark_means_paid_in_full(self) -> None:
        if hasattr(self, "shop") and self.shown.raw_status == "Settled":
            assert self.shown.paid_sats == self.shown.amount_sats


TestPretendInvoice = PretendInvoiceMachine.TestCase
TestPretendInvoice.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
