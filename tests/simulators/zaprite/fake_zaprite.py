"""The double of Zaprite: its API, its buyers' pages and its webhooks, with the hands behind them.

A ``Service``: put it behind ``ServiceTransport`` or ``serving``. It answers as the public API does
(https://api.zaprite.com). Where that is silent, this is assumed, and is to be looked at again with
a sandbox organization:

- which HTTP status and message each refusal has, beyond the form of the error body;
- that orders are found by ``externalUniqId``, the newest winning;
- the form of ``paymentProfiles`` and of ``POST /v1/orders/charge``, that a profile past its time is
  refused, and that one of another contact than the order's is not;
- what ``POST /v1/webhooks`` takes and answers, and that the same URL may be registered twice;
- that webhooks are repeated until a 2xx, and when;
- ``CANCELED`` and ``REFUNDED``, and the ``orderType`` of an order made by the API.
"""

from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Final
from urllib.parse import unquote

from tests.simulators.call_faults import perform
from tests.simulators.exchange import ConnectionCut, NeverAnswered, Request, Response
from tests.simulators.fault_plan import CallAction, FaultPlan, StaleRead
from tests.simulators.journal import Call, Journal
from tests.simulators.postman import Post, Postman
from tests.simulators.transport import ServiceTransport
from tests.simulators.virtual_clock import TimedClock
from tests.simulators.zaprite import checkout, endpoints
from tests.simulators.zaprite.books import Books
from tests.simulators.zaprite.charging import Charging
from tests.simulators.zaprite.deliveries import RETRY_SECONDS, Deliveries
from tests.simulators.zaprite.hands import Hands
from tests.simulators.zaprite.order import CannotBePaid, Order
from tests.simulators.zaprite.organization import Organization
from tests.simulators.zaprite.refusal import Refusal
from tests.simulators.zaprite.seeded_ids import SeededIds
from tests.simulators.zaprite.webhook_body import BodyShape

BASE_URL: Final = "https://api.zaprite.com"
CHECKOUT_BASE_URL: Final = "https://pay.zaprite.com"
_COLLECTIONS: Final = {
    ("POST", "orders"): "create_order",
    ("GET", "orders"): "list_orders",
    ("POST", "contacts"): "create_contact",
    ("GET", "contacts"): "list_contacts",
    ("POST", "webhooks"): "create_webhook",
}
_MEMBERS: Final = {("GET", "orders"): "get_order", ("GET", "contacts"): "get_contact"}
_PAGES: Final = {"GET": "view_checkout", "POST": "pay_checkout"}


def nobody_listens(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Take a webhook as a host does on which no server runs."""
    raise ConnectionRefusedError(url)


class FakeZaprite(Hands):
    """Zaprite with a live and a sandbox organization, each with a key of its own.

    Operations, for the faults and the journal: ``create_order``, ``list_orders``, ``get_order``,
    ``charge_order``, ``create_contact``, ``list_contacts``, ``get_contact``, ``create_webhook``,
    ``view_checkout``, ``pay_checkout`` and ``unknown``. Event types: those of the bodies.

    Args:
        clock: Whose timers expire orders and send webhooks.
        seed: Draws ids and the order of webhooks.
        post: Sends webhooks; never called from inside ``handle`` nor under a lock.
        faults: What goes wrong.
        journal: Where calls and attempts are noted.
        checkout_base_url: Where buyers pay; None is wherever the order was asked for.
        retry_seconds: After how long a failed webhook comes again, and how often.
        spread_seconds: Webhooks are sent up to so much late, each drawn anew.
        body_shape: How webhooks are written.
        shows_nulls: Whether an order's optional fields are null instead of absent.
    """

    def __init__(
        self,
        clock: TimedClock,
        seed: int = 0,
        post: Post = nobody_listens,
        *,
        faults: FaultPlan | None = None,
        journal: Journal | None = None,
        checkout_base_url: str | None = CHECKOUT_BASE_URL,
        retry_seconds: Sequence[int] = RETRY_SECONDS,
        spread_seconds: int = 0,
        body_shape: BodyShape = BodyShape.DOCUMENTED,
        shows_nulls: bool = False,
    ) -> None:
        self.clock = clock
        self.faults = FaultPlan() if faults is None else faults
        self.journal = Journal() if journal is None else journal
        lock = RLock()
        ids = SeededIds(seed)
        self.deliveries = Deliveries(
            clock=clock,
            lock=lock,
            draw=ids.fraction,
            faults=self.faults,
            postman=Postman(clock=clock, journal=self.journal, post=post),
            retry_seconds=retry_seconds,
            spread_seconds=spread_seconds,
        )
        super().__init__(Books(clock, lock, ids, self.deliveries))
        self.books.checkout_base_url = checkout_base_url
        self.books.body_shape = body_shape
        self.books.shows_nulls = shows_nulls
        self.charging = Charging(self.books)
        self.live = self.books.open_organization(is_sandbox=False)
        self.sandbox = self.books.open_organization(is_sandbox=True)

    def unused(self) -> list[str]:
        """List the rules and scripted charges that never came to act."""
        return [*self.faults.unused(), *self.charging.unused()]

    def check(self) -> None:
        """End a test: everything planned came to pass.

        Raises:
            AssertionError: A fault never struck, or a scripted charge never came.
        """
        unused = self.unused()
        assert not unused, f"never came to act: {unused}"

    def transport(self) -> ServiceTransport:
        """Give a way for an ``httpx.Client`` to reach it without a socket."""
        return ServiceTransport(self)

    def handle(self, request: Request, /) -> Response:
        """Answer one call.

        Raises:
            NeverAnswered: A fault or a scripted charge says so.
            ConnectionCut: A fault says so.
        """
        operation, key = _operation(request)
        with self.books.lock:
            action = self.faults.for_call(operation)
            stale = action if isinstance(action, StaleRead) else None
            try:
                answer = perform(action, lambda: self._answer(operation, key, request, stale))
            except (NeverAnswered, ConnectionCut):
                self._note(operation, request, None, action)
                raise
            self._note(operation, request, answer, action)
        return answer

    def _answer(
        self, operation: str, key: str, request: Request, stale: StaleRead | None
    ) -> Response:
        try:
            if operation in _PAGES.values():
                return self._page(operation, key, request)
            return self._call(operation, key, request, stale)
        except Refusal as refusal:
            return refusal.response()

    def _call(
        self, operation: str, key: str, request: Request, stale: StaleRead | None
    ) -> Response:
        if operation == "unknown":
            raise Refusal(404, "Not found")
        organization = self._authenticated(request)
        match operation:
            case "get_order":
                return endpoints.get_order(self.books, organization, key, stale)
            case "list_orders":
                return endpoints.list_orders(self.books, organization, request, stale)
            case "charge_order":
                return self.charging.charge(organization, request)
            case "get_contact":
                return endpoints.get_contact(self.books, organization, key)
            case _:
                return _CALLS[operation](self.books, organization, request)

    def _authenticated(self, request: Request) -> Organization:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        organization = self.books.organizations_by_key.get(key)
        if scheme != "Bearer" or organization is None:
            raise Refusal(401, "Invalid API key")
        return organization

    def _page(self, operation: str, key: str, request: Request) -> Response:
        try:
            order = self.order(key)
        except KeyError:
            raise Refusal(404, "Not found") from None
        if operation == "view_checkout":
            return checkout.checkout_page(order)
        pressed = checkout.pressed_button(request)
        if pressed == checkout.CONFIRM:
            self.confirm(order.id)
        else:
            self._check_out(order, pressed)
        return checkout.after_paying(order)

    def _check_out(self, order: Order, method: str) -> None:
        try:
            self.pay(order.id, method)
        except CannotBePaid as reason:
            raise Refusal(400, str(reason)) from None
        if order.may_save_profile:
            self.attach_profile(order.id)

    def _note(
        self, operation: str, request: Request, answer: Response | None, action: CallAction | None
    ) -> None:
        if self.journal.is_kept:
            call = Call(
                at=self.clock.now(),
                operation=operation,
                request=request,
                answer=answer,
                fault="" if action is None else type(action).__name__,
            )
            self.journal.add_call(call)


_CALLS: Final = {
    "create_order": endpoints.create_order,
    "create_contact": endpoints.create_contact,
    "list_contacts": endpoints.list_contacts,
    "create_webhook": endpoints.create_webhook,
}


def _operation(request: Request) -> tuple[str, str]:
    """Name the operation of a request and the key its path ends with."""
    method = request.method
    match request.path.split("/"):
        case ["", "v1", "orders", "charge"] if method == "POST":
            return "charge_order", ""
        case ["", "v1", collection]:
            return _COLLECTIONS.get((method, collection), "unknown"), ""
        case ["", "v1", collection, key]:
            return _MEMBERS.get((method, collection), "unknown"), unquote(key)
        case ["", "order", key]:
            return _PAGES.get(method, "unknown"), unquote(key)
        case _:
            return "unknown", ""
