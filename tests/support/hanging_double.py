"""A double of which some operations hang: calls are accepted, and answered when it is let go."""

from threading import Condition

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.exchange import ConnectionCut, Request, Response

HELD_SECONDS_MAX = 120.0
"""Longer than any caller waits."""


class HangingDouble:
    """Implements ``exchange.Service``. ``held`` is the number of calls that hang now."""

    def __init__(self, fake: FakeBTCPay) -> None:
        self.held = 0
        self._fake = fake
        self._hangs: frozenset[str] = frozenset()
        self._generation = 0
        self._changed = Condition()

    def hang(self, *operations: str) -> None:
        """Hold calls of these operations from now on."""
        with self._changed:
            self._hangs = frozenset(operations)

    def behave(self) -> None:
        """Answer new calls again; those that hang go on hanging."""
        self.hang()

    def let_go(self) -> None:
        """Behave, and cut the calls that hang."""
        with self._changed:
            self._hangs = frozenset()
            self._generation += 1
            self._changed.notify_all()

    def handle(self, request: Request, /) -> Response:
        """Answer as the double does, or hold the call.

        Raises:
            ConnectionCut: It was held.
        """
        if self._fake.operation_of(request) in self._hangs:
            self._hold()
            raise ConnectionCut
        return self._fake.handle(request)

    def _hold(self) -> None:
        with self._changed:
            self.held += 1
            began = self._generation
            self._changed.wait_for(lambda: self._generation != began, HELD_SECONDS_MAX)
            self.held -= 1
