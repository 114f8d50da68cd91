"""Charging a saved profile: outcomes as scripted, and a count of what was really charged.

A second charge of the same order is not refused: the API promises nothing of the kind, and a test
that causes one must be able to see it.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from tests.simulators.exchange import NeverAnswered, Request, Response, json_response
from tests.simulators.zaprite.books import Books
from tests.simulators.zaprite.call_input import Input
from tests.simulators.zaprite.charge_outcome import ABSENT, CHARGED, ChargeOutcome
from tests.simulators.zaprite.order import Method, Order, Status, TransactionStatus
from tests.simulators.zaprite.organization import Organization
from tests.simulators.zaprite.refusal import Refusal

_CLOSED = frozenset({Status.ABANDONED, "CANCELED", "CANCELLED", "EXPIRED", "INVALID", "REFUNDED"})


class Charging:
    """Answers ``POST /v1/orders/charge``.

    Attributes:
        choose: Asked with the order id when nothing is scripted; None charges.
    """

    def __init__(self, books: Books) -> None:
        self.choose: Callable[[str], ChargeOutcome | None] | None = None
        self._books = books
        self._for_any: deque[ChargeOutcome] = deque()
        self._for_order: dict[str, deque[ChargeOutcome]] = {}

    def script(self, outcome: ChargeOutcome, *, order_id: str | None = None) -> None:
        """Decide the next charge that nobody has decided, of an order or of any."""
        queue = self._for_any
        if order_id is not None:
            queue = self._for_order.setdefault(order_id, deque())
        queue.append(outcome)

    def unused(self) -> list[str]:
        """List the outcomes that no charge came for."""
        queues = [self._for_any, *self._for_order.values()]
        return [repr(outcome) for queue in queues for outcome in queue]

    def charge(self, organization: Organization, request: Request) -> Response:
        """Answer the call.

        Raises:
            NeverAnswered: So it was scripted.
            Refusal: The order or the profile will not do, or so it was scripted.
        """
        order, method = self._read(organization, request)
        outcome = self._outcome(order.id)
        if outcome.moves_money:
            self._charge(order, method, outcome)
        elif outcome.order_status is not None:
            self._books.change(order, partial(order.put_status, outcome.order_status))
        if outcome.hangs:
            raise NeverAnswered
        if not 200 <= outcome.http_status < 300:
            raise Refusal(outcome.http_status, "The payment could not be made")
        answer = self._books.shown(order)
        answer["status"] = outcome.status
        if outcome.status is ABSENT:
            del answer["status"]
        return json_response(outcome.http_status, answer)

    def _read(self, organization: Organization, request: Request) -> tuple[Order, Method]:
        given = Input(request)
        order_id = given.text("orderId", is_required=True) or ""
        profile_id = given.text("paymentProfileId", is_required=True) or ""
        given.check()
        order = organization.find_order(order_id)
        if order is None:
            raise Refusal(404, "Order not found")
        self._books.expire(order)
        now = self._books.clock.now()
        found = organization.find_profile(profile_id, now)
        if found is None:
            raise Refusal(404, "Payment profile not found")
        _, profile = found
        if profile.expires_at is not None and profile.expires_at <= now:
            raise Refusal(400, "Payment profile has expired")
        if order.status in _CLOSED:
            raise Refusal(400, f"Order is {order.status} and cannot be paid")
        return order, profile.method

    def _outcome(self, order_id: str) -> ChargeOutcome:
        for queue in (self._for_order.get(order_id), self._for_any):
            if queue:
                return queue.popleft()
        chosen = self.choose(order_id) if self.choose is not None else None
        return chosen or CHARGED

    def _charge(self, order: Order, method: Method, outcome: ChargeOutcome) -> None:
        order.charges += 1
        book = partial(self._book, order, method, outcome)
        if outcome.settles_after is None:
            book()
        else:
            due = self._books.clock.now() + outcome.settles_after
            self._books.clock.call_at(due, book)

    def _book(self, order: Order, method: Method, outcome: ChargeOutcome) -> None:
        with self._books.lock:
            payment = self._books.payment(
                order, method, order.total_amount, TransactionStatus.CONFIRMED
            )
            self._books.change(order, partial(order.record, payment))
            if outcome.order_status is not None:
                self._books.change(order, partial(order.put_status, outcome.order_status))
