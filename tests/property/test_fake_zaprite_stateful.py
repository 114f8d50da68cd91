"""An order of the Zaprite double, after any history, says what its payments and its time say."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.simulators.zaprite.order import Method, Order
from tests.support.zaprite_caller import ZapriteCaller

TOTAL = 1_000
HOUR = 3_600
OPEN = {"PENDING", "PROCESSING", "UNDERPAID"}


class OrderHistory(RuleBasedStateMachine):
    """One order, with an hour to be paid; money is counted here a second time."""

    @initialize()
    def open_order(self) -> None:
        self.told = 0
        self.zaprite = FakeZaprite(VirtualClock(), 1, self.post)
        self.zaprite.add_webhook("https://shop.example/hook", self.zaprite.live)
        caller = ZapriteCaller(self.zaprite)
        self.id = caller.order(amount=TOTAL, expiresAt="2027-01-15T09:00:00Z")
        self.caller = caller
        self.expires_at = self.zaprite.clock.now() + HOUR
        self.arrived = 0
        self.under_way: list[int] = []
        self.changes = 0

    def post(self, url: str, headers: object, body: bytes) -> int:
        self.told += 1
        return 200

    @property
    def order(self) -> Order:
        return self.zaprite.order(self.id)

    def counting_the_status(self, before: str) -> None:
        self.changes += self.order.status != before

    @precondition(lambda self: self.order.status in OPEN)
    @rule(method=st.sampled_from(Method), amount=st.sampled_from([1, 400, 600, 1_000, 1_500]))
    def pay(self, method: Method, amount: int) -> None:
        before = self.order.status
        self.zaprite.pay(self.id, method, amount)
        if method in (Method.BITCOIN, Method.LIQUID):
            self.under_way.append(amount)
        else:
            self.arrived += amount
        self.changes += 1
        self.counting_the_status(before)

    @rule()
    def confirm(self) -> None:
        before = self.order.status
        self.zaprite.confirm(self.id)
        self.changes += len(self.under_way)
        self.arrived += sum(self.under_way)
        self.under_way.clear()
        self.counting_the_status(before)

    @rule()
    def replace(self) -> None:
        before = self.order.status
        self.zaprite.replace(self.id)
        self.changes += len(self.under_way)
        self.under_way.clear()
        self.counting_the_status(before)

    @rule(seconds=st.sampled_from([0, 60, 1_800, HOUR]))
    def wait(self, seconds: int) -> None:
        before = self.order.status
        self.zaprite.advance(seconds)
        self.counting_the_status(before)

    @property
    def is_late(self) -> bool:
        return self.zaprite.clock.now() >= self.expires_at

    @invariant()
    def the_status_is_what_was_paid(self) -> None:
        assert self.order.status == self.expected_status()

    def expected_status(self) -> str:
        if self.under_way:
            return "PROCESSING"
        if self.arrived == 0:
            return "ABANDONED" if self.is_late else "PENDING"
        if self.arrived < TOTAL:
            return "UNDERPAID"
        return "PAID" if self.arrived == TOTAL else "OVERPAID"

    @invariant()
    def the_api_shows_it(self) -> None:
        read = self.caller.read(self.id)
        confirmed = [t for t in read["transactions"] if t["status"] == "CONFIRMED"]
        assert read["status"] == self.order.status
        assert sum(t["amountInOrderCurrency"] for t in confirmed) == self.arrived
        is_listed = self.caller.get("/v1/orders").json()["meta"]["itemsCount"] == 1
        assert is_listed == (read["status"] != "PENDING")

    @invariant()
    def every_change_is_told(self) -> None:
        self.zaprite.deliver_due()
        assert self.told == self.changes


OrderHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=20)
TestOrderHistory = OrderHistory.TestCase
