"""What a double was asked and what it sent, for a test to look up. Printing it shows no secret."""

from collections import deque
from collections.abc import Iterator

import msgspec

from tests.simulators.exchange import Request, Response


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request that arrived.

    Attributes:
        operation: The double's name of it, or "unknown".
        answer: What the caller got to see; None when it got nothing.
        fault: The fault that struck it, in words; empty when none did.
    """

    at: int
    operation: str
    request: Request
    answer: Response | None
    fault: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook attempt that was sent.

    Attributes:
        event_type: As the body says.
        status: What the receiver answered; None when the double took it for unanswered.
        error: Why there was no answer; empty when there was one.
        fault: The fault that struck it, in words; empty when none did.
    """

    at: int
    event_type: str
    request: Request
    status: int | None
    error: str = ""
    fault: str = ""


class Journal:
    """Keeps calls and attempts in their order, the last ``entries_max`` of each.

    Args:
        entries_max: How many of each are kept; None keeps them all. 0 for a long simulation.
    """

    def __init__(self, entries_max: int | None = None) -> None:
        self._calls: deque[Call] = deque(maxlen=entries_max)
        self._attempts: deque[Attempt] = deque(maxlen=entries_max)

    def add_call(self, call: Call) -> None:
        self._calls.append(call)

    def add_attempt(self, attempt: Attempt) -> None:
        self._attempts.append(attempt)

    @property
    def is_kept(self) -> bool:
        """Whether an entry would be kept; a double may save the work of making it otherwise."""
        return self._calls.maxlen != 0

    def calls(self, operation: str | None = None) -> list[Call]:
        """List the calls, oldest first, of one operation or all."""
        return [call for call in list(self._calls) if operation in (None, call.operation)]

    def attempts(self, event_type: str | None = None) -> list[Attempt]:
        """List the webhook attempts, oldest first, of one event type or all."""
        return [tried for tried in list(self._attempts) if event_type in (None, tried.event_type)]

    def answers(self, operation: str) -> Iterator[Response]:
        """Give the answers to an operation that the caller got to see, oldest first."""
        return (call.answer for call in self.calls(operation) if call.answer is not None)

    def clear(self) -> None:
        """Forget everything so far."""
        self._calls.clear()
        self._attempts.clear()
