"""Who meets whom: what all people of a simulation share, and how one of them spends a life."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.invoice import Invoice
from keysat_core.errors import StoreBusy, StoreUnavailable, UpstreamError
from keysat_core.signing.license_key import parse_key
from tests.support.simulation.balance import check_paid_are_settled
from tests.support.simulation.book import Book
from tests.support.simulation.founding import Tier
from tests.support.simulation.payments import SimulatedService
from tests.support.simulation.process import Process, Unanswered
from tests.support.simulation.stage import Stage
from tests.support.simulation.violation import Violation

NO_ANSWER: Final = (Unanswered, UpstreamError, StoreBusy, StoreUnavailable)
"""What nobody is to blame for: the caller knows nothing and may try again."""

IDLE_SECONDS: Final = (5, 60, 600, 2 * HOUR_SECONDS)
"""Longest idle times; each rest is drawn below one of them."""


@dataclass(kw_only=True)
class Market:
    """The shop as its visitors know it. ``keys`` are in circulation, ``links`` were shown to buyers.

    ``told_at`` is when a webhook about a provider invoice was last taken from the courier.
    """

    stage: Stage
    service: SimulatedService
    book: Book
    processes: list[Process]
    tiers: tuple[Tier, ...]
    account_id: ProviderAccountId
    keys: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    told_at: dict[str, int] = field(default_factory=dict)
    requests: list[BuyerRequest] = field(default_factory=list)
    _links: dict[str, str] = field(default_factory=dict)
    _asked_at: dict[str, int] = field(default_factory=dict)
    _opened: dict[str, str] = field(default_factory=dict)
    _licenses: dict[str, str] = field(default_factory=dict)

    def server(self, rng: Random) -> Process:
        """Pick the process a request happens to reach."""
        return rng.choice(self.processes)

    def circulate(self, key: str) -> None:
        """Let others use a key. A license may be written as one key only."""
        license_id = parse_key(key).payload.license_id
        if self._licenses.setdefault(license_id, key) != key:
            raise Violation(f"license {license_id} has two keys")
        if key not in self.keys:
            self.keys.append(key)

    def show_link(self, invoice: Invoice) -> str:
        """Give what a buyer pays. Whoever asks for one invoice must be shown one thing to pay."""
        link = invoice.checkout_url.rsplit("/", 1)[-1]
        if self._links.setdefault(invoice.id, link) != link:
            raise Violation(f"invoice {invoice.id} can be paid twice")
        if link not in self.links:
            self.links.append(link)
        return link

    def note_asked(self, request: BuyerRequest) -> None:
        """Remember when a key was first asked with: a server that stalls reads its clock then."""
        if request.idempotency_key is not None:
            self._asked_at.setdefault(request.idempotency_key, self.stage.now)

    def check_repeated(self, request: BuyerRequest, invoice_id: str) -> None:
        """One key opens one invoice, for a day and as long as that invoice may be paid."""
        idempotency_key = request.idempotency_key
        if idempotency_key is None:
            return
        first = self._opened.setdefault(idempotency_key, invoice_id)
        if first == invoice_id:
            return
        asked_at = self._asked_at[idempotency_key]
        is_old = self.stage.now - asked_at >= DAY_SECONDS or self.stage.clock_wrong_at >= asked_at
        if not is_old and self.book.abandoned.isdisjoint((first, invoice_id)):
            raise Violation(f"one request opened two invoices: {first} and {invoice_id}")
        if invoice_id not in self.book.abandoned:
            self._opened[idempotency_key] = invoice_id


def live(market: Market, rng: Random, act: Callable[[Market, Random], None]) -> None:
    """Act again and again, with rests between, while the market is open."""
    while market.stage.rest(1 + rng.randrange(rng.choice(IDLE_SECONDS))):
        try:
            act(market, rng)
        except NO_ANSWER as problem:
            market.stage.note(f"no answer: {type(problem).__name__}")


def check_after_pass(market: Market, started_at: int) -> None:
    """After a calm day, one pass of the worker leaves nothing paid without its license."""
    before = started_at - DAY_SECONDS
    if market.stage.calm_since < before:
        check_paid_are_settled(market.book, market.service, market.stage, before=before)
