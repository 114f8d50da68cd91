"""Posts a webhook, as a fault may have it, and notes every attempt. When to, the double decides."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import httpx

from tests.simulators.exchange import ConnectionCut, NeverAnswered, NotReachable, Request
from tests.simulators.fault_plan import (
    DeliveryAction,
    DuplicateDelivery,
    LoseAnswer,
    RefuseConnection,
)
from tests.simulators.journal import Attempt, Journal
from tests.simulators.virtual_clock import TimedClock

Post: TypeAlias = Callable[[str, Mapping[str, str], bytes], int]
"""Posts a body with headers to an address and gives the status answered. What it may raise for no
answer is ``NO_ANSWER``; anything else is a mistake of the test and goes through."""

NO_ANSWER: Final = (OSError, httpx.HTTPError, NeverAnswered, ConnectionCut, NotReachable)


class Letter(NamedTuple):
    """What is posted; every attempt sends the same bytes."""

    url: str
    headers: Mapping[str, str]
    event_type: str
    body: bytes


class Outcome(NamedTuple):
    """The receiver's status, or None and why there is none."""

    status: int | None
    error: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Postman:
    """Any number of threads may send by it; it holds no lock, so that receivers may call back."""

    def __init__(self, *, clock: TimedClock, journal: Journal, post: Post) -> None:
        self._clock = clock
        self._journal = journal
        self._post = post

    def deliver(self, letter: Letter, action: DeliveryAction | None) -> Outcome:
        """Post a letter, more than once where the action says so, and give the first outcome.

        Lost answers and refused connections are made here; the rest is up to the double.
        """
        fault = "" if action is None else repr(action)

        def attempt(_: int) -> Outcome:
            outcome = Outcome(None, "Connection refused")
            if not isinstance(action, RefuseConnection):
                outcome = self._posted(letter)
            if isinstance(action, LoseAnswer):
                outcome = Outcome(None, "The response ended prematurely.")
            self._note(letter, outcome, fault)
            return outcome

        repeat = action if isinstance(action, DuplicateDelivery) else DuplicateDelivery(times=1)
        if repeat.is_concurrent:
            with ThreadPoolExecutor(repeat.times) as pool:
                first, *_ = pool.map(attempt, range(repeat.times))
        else:
            first, *_ = map(attempt, range(repeat.times))
        return first

    def forge(self, letter: Letter) -> Outcome:
        """Post what nothing caused."""
        outcome = self._posted(letter)
        self._note(letter, outcome, "Forged")
        return outcome

    def _posted(self, letter: Letter) -> Outcome:
        try:
            return Outcome(self._post(letter.url, letter.headers, letter.body))
        except NO_ANSWER as failure:
            return Outcome(None, str(failure) or type(failure).__name__)

    def _note(self, letter: Letter, outcome: Outcome, fault: str) -> None:
        if not self._journal.is_kept:
            return
        url = urlsplit(letter.url)
        request = Request(
            method="POST",
            path=url.path,
            headers=letter.headers,
            body=letter.body,
            base_url=f"{url.scheme}://{url.netloc}",
        )
        self._journal.add_attempt(
            Attempt(
                at=self._clock.now(),
                event_type=letter.event_type,
                request=request,
                status=outcome.status,
                error=outcome.error,
                fault=fault,
            )
        )
