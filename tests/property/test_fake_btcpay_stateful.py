"""Whatever is done to an invoice of the double of BTCPay, it moves only as BTCPay's do."""

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.simulators.btcpay.invoices import Status
from tests.support.btcpay_bench import PRICE_SATS, Bench

MOVES: Final = {
    ("New", "Processing"),
    ("New", "Settled"),
    ("New", "Expired"),
    ("New", "Invalid"),
    ("Processing", "New"),
    ("Processing", "Settled"),
    ("Processing", "Expired"),
    ("Processing", "Invalid"),
    ("Expired", "Settled"),
    ("Expired", "Invalid"),
    ("Invalid", "Settled"),
    ("Settled", "Invalid"),
}
BY_HAND_ONLY: Final = {
    ("New", "Invalid"),
    ("Expired", "Settled"),
    ("Expired", "Invalid"),
    ("Invalid", "Settled"),
    ("Settled", "Invalid"),
}
FINAL_EVENT: Final = {
    "Settled": "InvoiceSettled",
    "Expired": "InvoiceExpired",
    "Invalid": "InvoiceInvalid",
}


class InvoiceOfTheDouble(RuleBasedStateMachine):
    @initialize(policy=st.sampled_from(["HighSpeed", "MediumSpeed", "LowMediumSpeed"]))
    def open(self, policy: str) -> None:
        self.bench = Bench()
        self.bench.register()
        self.invoice = self.bench.create(checkout={"speedPolicy": policy})
        self.before = "New"
        self.was_by_hand = False

    @rule(
        sats=st.sampled_from([1, PRICE_SATS // 2, PRICE_SATS, PRICE_SATS * 2]),
        rail=st.sampled_from(["onchain", "lightning"]),
    )
    def pay(self, sats: int, rail: str) -> None:
        self.bench.fake.pay(self.invoice, sats, rail)

    @rule(blocks=st.integers(1, 3))
    def mine(self, blocks: int) -> None:
        self.bench.fake.confirm(self.invoice, blocks)

    @rule()
    def replace(self) -> None:
        self.bench.fake.replace(self.invoice)

    @rule(seconds=st.sampled_from([1, 600, 901, 86_401]))
    def wait(self, seconds: int) -> None:
        self.bench.fake.advance(seconds)

    @rule()
    def restart(self) -> None:
        self.bench.fake.restart()

    @precondition(lambda self: self.bench.fake.invoice(self.invoice).markable())
    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        markable = self.bench.fake.invoice(self.invoice).markable()
        self.bench.fake.mark(self.invoice, data.draw(st.sampled_from(markable)))
        self.was_by_hand = True

    @invariant()
    def it_moved_as_an_invoice_may(self) -> None:
        wire = self.bench.read(self.invoice)
        move = (self.before, wire["status"])
        if move[0] != move[1]:
            assert move in MOVES
            assert self.was_by_hand or move not in BY_HAND_ONLY
            assert (wire["additionalStatus"] == "Marked") == self.was_by_hand
        self.before, self.was_by_hand = wire["status"], False

    @invariant()
    def what_it_came_to_was_told(self) -> None:
        wire = self.bench.read(self.invoice)
        told = [name for name in self.bench.ear.types() if name in FINAL_EVENT.values()]
        if wire["status"] in FINAL_EVENT:
            assert told[-1] == FINAL_EVENT[wire["status"]]

    @invariant()
    def what_is_settled_was_paid_or_marked(self) -> None:
        invoice = self.bench.fake.invoice(self.invoice)
        if invoice.status is Status.SETTLED and invoice.additional != "Marked":
            assert invoice.is_confirmed

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.fake.check()


TestInvoiceOfTheDouble = InvoiceOfTheDouble.TestCase
TestInvoiceOfTheDouble.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
