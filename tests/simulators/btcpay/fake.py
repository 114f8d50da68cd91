"""A faithful double of BTCPay Server: its API, its webhooks, its pages, and the hands behind it.

In process it is reached through ``transport()``; on a port through ``simulators.server.serving``.
"""

from tests.simulators.btcpay import (
    invoice_routes,
    lightning_routes,
    pages,
    server_routes,
    store_routes,
    webhook_routes,
)
from tests.simulators.btcpay.accounts import APIKey
from tests.simulators.btcpay.contract import Contract, ContractBroken, contract_of
from tests.simulators.btcpay.controls import Controls
from tests.simulators.btcpay.forgeries import Forgery
from tests.simulators.btcpay.modes import TRAITS, Mode, Traits
from tests.simulators.btcpay.posting import post as post_over_network
from tests.simulators.btcpay.problems import Refused, missing_permission, unauthenticated
from tests.simulators.btcpay.routing import Route, Router, Visit
from tests.simulators.btcpay.world import World
from tests.simulators.call_faults import perform
from tests.simulators.exchange import Request, Response
from tests.simulators.fault_plan import CallAction, FaultPlan, Html, StaleRead, Truncate
from tests.simulators.journal import Call, Journal
from tests.simulators.postman import Post, Postman
from tests.simulators.transport import ServiceTransport
from tests.simulators.virtual_clock import TimedClock, VirtualClock

SCOPED = "/api/v1/stores/{storeId}"


def routes_of(traits: Traits) -> list[Route]:
    """List the routes of a version."""
    routes = [
        *invoice_routes.ROUTES,
        *webhook_routes.ROUTES,
        *store_routes.routes(traits),
        *lightning_routes.ROUTES,
        *server_routes.ROUTES,
        *pages.ROUTES,
    ]
    if traits.has_storeless_routes:
        routes += [
            Route(
                operation=route.operation,
                method=route.method,
                path="/api/v1" + route.path.removeprefix(SCOPED),
                handler=route.handler,
                permission=route.permission,
            )
            for route in routes
            if "{invoiceId}" in route.path or "{webhookId}" in route.path
            if route.path.startswith(SCOPED)
        ]
    return routes


def _is_illegible(action: CallAction | None) -> bool:
    return isinstance(action, Html | Truncate)


class FakeBTCPay(Controls):
    """Implements ``exchange.Service``. Any number of threads may call it.

    Args:
        clock: A ``VirtualClock``, whose holder decides when webhooks go out (``advance``,
            ``deliver_due``, or at the end of each control), or a ``WallClock``, which sends them
            on threads of its own.
        post: Sends a webhook; by default over the network.
        is_contract_checked: Hold every exchange against BTCPay's documents, where the mode has any.
        delivers_at_once: Controls send what is due before they return.
        entries_max: How much the journal keeps.
    """

    def __init__(
        self,
        clock: TimedClock,
        seed: int = 1,
        mode: Mode | str = Mode.V2_4,
        *,
        post: Post = post_over_network,
        is_contract_checked: bool = True,
        delivers_at_once: bool = True,
        entries_max: int | None = None,
    ) -> None:
        traits = TRAITS[Mode(mode)]
        self.faults = FaultPlan()
        self.journal = Journal(entries_max)
        self.breaches: list[ContractBroken] = []
        self._post = post
        checked = is_contract_checked and traits.contract != ""
        self._contract: Contract | None = contract_of(traits.contract) if checked else None
        self._router = Router(routes_of(traits))
        super().__init__(
            World(
                clock=clock,
                seed=seed,
                mode=Mode(mode),
                faults=self.faults,
                postman=Postman(clock=clock, journal=self.journal, post=post),
                is_threaded=not isinstance(clock, VirtualClock),
                check_webhook=self._check_webhook,
            ),
            delivers_at_once=delivers_at_once,
        )

    def transport(self) -> ServiceTransport:
        """Give a way for an ``httpx.Client`` to reach it without a socket."""
        return ServiceTransport(self)

    def handle(self, request: Request, /) -> Response:
        """Answer one request; webhooks it causes are sent later.

        Raises:
            NeverAnswered: A fault says so.
            ConnectionCut: A fault says so.
            NotReachable: A fault says so.
            ContractBroken: The request, or this double's answer, is not what BTCPay documents.
        """
        with self.world.lock:
            found = self._router.find(request.method, request.path)
            if found is None:
                return self._unknown(request)
            route, names = found
            self._check_request(route, request)
            action = self.faults.for_call(route.operation)
            answer: Response | None = None
            try:
                answer = perform(action, lambda: self._act(route, names, request, action))
            finally:
                self._note(route.operation, request, answer, action)
                self._note_settled(is_readable=answer is not None and not _is_illegible(action))
            return answer

    def operation_of(self, request: Request) -> str | None:
        """Name what a request asks for, as fault plans do; None when there is no such route."""
        found = self._router.find(request.method, request.path)
        return found[0].operation if found else None

    def check(self) -> None:
        """End a test: nothing broke the contract, and every planned fault struck.

        Raises:
            ContractBroken: The first breach, which may have been swallowed when it was raised.
            AssertionError: A rule of the fault plan was never used.
        """
        if self.breaches:
            raise self.breaches[0]
        unused = self.faults.unused()
        assert not unused, f"faults that never struck: {unused}"

    def send(self, forgery: Forgery) -> int:
        """Post a forged webhook now and give the status answered."""
        return self._post(forgery.url, forgery.headers, forgery.body)

    def _act(
        self, route: Route, names: dict[str, str], request: Request, action: CallAction | None
    ) -> Response:
        stale_seconds = action.seconds if isinstance(action, StaleRead) else None
        try:
            key = None if route.is_open else self._key(request)
            if key is not None:
                self._authorize(route, names, key)
            visit = Visit(
                world=self.world,
                request=request,
                names=names,
                key=key,
                stale_seconds=stale_seconds,
            )
            answer = route.handler(visit)
        except Refused as refused:
            answer = refused.answer
        if self._contract is not None:
            try:
                self._contract.check_answer(request.method, route.path, answer)
            except ContractBroken as breach:
                self.breaches.append(breach)
                raise
        return answer

    def _key(self, request: Request) -> APIKey:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        key = self.world.keys.get(text.strip()) if scheme.lower() in {"token", "bearer"} else None
        if key is None:
            raise unauthenticated()
        return key

    def _authorize(self, route: Route, names: dict[str, str], key: APIKey) -> None:
        """Check the key against the store of the path, which an id without one leads to."""
        if not route.permission:
            return
        if "storeId" not in names:
            owner = self.world.invoices.get(names.get("invoiceId", "")) or self.world.webhooks.get(
                names.get("webhookId", "")
            )
            if owner is None:
                names["storeId"] = ""
                if not key.may_somewhere(route.permission):
                    raise missing_permission(route.permission)
                return
            names["storeId"] = owner.store_id
        if not key.may(route.permission, names["storeId"]):
            raise missing_permission(route.permission)

    def _unknown(self, request: Request) -> Response:
        answer = Response(status=404)
        self._note("unknown", request, answer, None)
        if self._contract is not None and request.path.startswith("/api/"):
            breach = ContractBroken(f"the double has no {request.method} {request.path}")
            self.breaches.append(breach)
            raise breach
        return answer

    def _check_request(self, route: Route, request: Request) -> None:
        if self._contract is None or (route.is_open and not route.path.startswith("/api/")):
            return
        try:
            self._contract.check_request(route.path, request)
        except ContractBroken as breach:
            self.breaches.append(breach)
            raise

    def _check_webhook(self, event_type: str, body: bytes) -> None:
        if self._contract is None:
            return
        try:
            self._contract.check_webhook(event_type, body)
        except ContractBroken as breach:
            self.breaches.append(breach)
            raise

    def _note_settled(self, *, is_readable: bool) -> None:
        """Note which invoices a caller got to see as settled."""
        world = self.world
        if world.settled_in_answer:
            if is_readable:
                for invoice_id in world.settled_in_answer:
                    world.settled_answered_at.setdefault(invoice_id, world.now())
            world.settled_in_answer.clear()

    def _note(
        self,
        operation: str,
        request: Request,
        answer: Response | None,
        action: CallAction | None,
    ) -> None:
        if self.journal.is_kept:
            self.journal.add_call(
                Call(
                    at=self.world.now(),
                    operation=operation,
                    request=request,
                    answer=answer,
                    fault="" if action is None else repr(action),
                )
            )
