"""Buyers: each asks for a license, again when no answer comes, and pays the way it means to."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.instant import HOUR_SECONDS
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.open_purchase import open_purchase
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.purchases.settle_by_hand import SettleByHand
from keysat_http.by_hand import ask_provider, take_word
from tests.simulators.btcpay.invoices import Rail
from tests.support.simulation.violation import Violation
from tests.support.soak.market import Market
from tests.support.soak.server import Unanswered
from tests.support.trade import OPERATOR, PUBLIC_URL

PRODUCTS: Final = ("editor", "studio", "player")

PLANS: Final = {
    "lightning": 44,
    "onchain": 18,
    "in two parts": 4,
    "too little": 3,
    "too much": 4,
    "late": 5,
    "late and marked": 3,
    "never": 5,
    "replaced": 3,
    "replaced and again": 2,
    "never confirmed": 1,
    "marked unpaid": 2,
    "marked and taken back": 1,
    "twice": 2,
    "settled here": 3,
}
"""What buyers mean to do, of a hundred."""

TRIES_MAX: Final = 5
KEYED_CHANCE: Final = 0.8
REPLY_LOST_CHANCE: Final = 0.02
ASK_AGAIN_CHANCE: Final = 0.05
POLL_CHANCE: Final = 0.05
PATIENCE_SECONDS: Final = 8
"""How long the shop lets a buyer wait (keysat_http.app.PURCHASE_SECONDS)."""

IMPATIENT_SECONDS: Final = 10
"""When a buyer's client gives up waiting and asks again (public-api 0)."""

BUYER: Final = Actor(kind=ActorKind.BUYER, request_ip="192.0.2.7", user_agent="soak/1")


class Order(msgspec.Struct, kw_only=True):
    """A buyer with one thing in mind."""

    number: int
    request: BuyerRequest
    plan: str
    tries: int = 0
    asking: int = 0


class Buyers:
    """All of them, and what the operator does about the invoice of one."""

    def __init__(self, market: Market, seed: int) -> None:
        self._market = market
        self._rng = Random(f"buyers {seed}")  # noqa: S311  the seed is the point
        self._seed = seed
        self._plans: dict[str, Callable[[str], None]] = {
            "lightning": self._pay_soon,
            "onchain": self._pay_on_chain,
            "in two parts": self._pay_in_parts,
            "too little": partial(self._pay_sats, share=0.6),
            "too much": partial(self._pay_sats, share=1.5),
            "late": self._pay_late,
            "late and marked": partial(self._pay_late, is_marked=True),
            "never": lambda _: None,
            "replaced": self._replace,
            "replaced and again": partial(self._replace, is_again=True),
            "never confirmed": partial(self._at, 5, 600, "pay on chain"),
            "marked unpaid": partial(self._at, 60, 12 * HOUR_SECONDS, "mark settled"),
            "marked and taken back": self._mark_and_take_back,
            "twice": self._pay_twice,
            "settled here": partial(self._pay_sats, share=0.4),
        }

    def arrive(self, number: int) -> None:
        """Let the next buyer come."""
        rng = self._rng
        (plan,) = rng.choices(list(PLANS), list(PLANS.values()))
        is_keyed = rng.random() < KEYED_CHANCE
        request = BuyerRequest(
            product_slug=rng.choice(PRODUCTS),
            rail=rng.choice((None, None, "lightning", "onchain")),
            buyer_email=f"buyer-{number}@example.com" if rng.random() < 0.3 else None,
            idempotency_key=f"order-{self._seed}-{number:08}" if is_keyed else None,
        )
        self._market.count("buyers")
        self._ask(Order(number=number, request=request, plan=plan))

    # --- asking ---------------------------------------------------------------------------------

    def _ask(self, order: Order) -> None:
        market = self._market
        order.tries += 1
        order.asking += 1
        asked_at = market.clock.now()
        market.clock.call_at(
            asked_at + IMPATIENT_SECONDS, lambda: self._ask_beside(order, asked_at)
        )
        try:
            invoice = market.server.run(partial(purchase, request=order.request))
        except (Unanswered, KeysatError) as problem:
            market.note(f"buyer {order.number} has no answer: {type(problem).__name__}")
            self._again(order)
            return
        finally:
            order.asking -= 1
        is_late = market.clock.now() - asked_at > PATIENCE_SECONDS
        if is_late or market.weather.strikes("reply_lost", REPLY_LOST_CHANCE):
            market.note(f"buyer {order.number} does not hear the answer")
            self._again(order)
            return
        self._hear(order, invoice)

    def _ask_beside(self, order: Order, asked_at: int) -> None:
        """Ask once more while the first request is still being worked on."""
        is_waiting = order.asking and self._market.clock.now() - asked_at < 2 * IMPATIENT_SECONDS
        if is_waiting and order.request.idempotency_key is not None and order.tries < TRIES_MAX:
            self._market.count("asked beside")
            self._ask(order)

    def _again(self, order: Order) -> None:
        if order.tries >= TRIES_MAX:
            self._market.count("gave up")
            return
        most = self._rng.choice((3, 30, 600, 600, 30 * HOUR_SECONDS))
        self._market.later(1, most, lambda: self._ask(order))

    def _hear(self, order: Order, invoice: Invoice) -> None:
        market = self._market
        if invoice.status is not InvoiceStatus.PENDING:
            market.count("told that it is over")
            return
        link = market.ledger.show_link(invoice)
        market.note(f"buyer {order.number} means to pay {link} {order.plan}")
        market.count(order.plan)
        self._plans[order.plan](link)
        if order.plan == "settled here":
            market.later(60, 24 * HOUR_SECONDS, lambda: self._settle_here(invoice))
        if order.request.idempotency_key is not None and self._rng.random() < ASK_AGAIN_CHANCE:
            order.plan = "never"
            order.tries = TRIES_MAX
            market.later(1, HOUR_SECONDS, lambda: self._ask(order))
        if self._rng.random() < POLL_CHANCE:
            market.later(60, 12 * HOUR_SECONDS, lambda: self._poll(invoice))

    def _settle_here(self, invoice: Invoice) -> None:
        """Let the operator take what came for enough, on the admin's page and not at BTCPay."""
        market = self._market
        word = SettleByHand(invoice_id=invoice.id, is_forced=self._rng.random() < 0.3)
        market.ledger.words.add(invoice.id)
        market.note(f"{invoice.id} settled here, forced: {word.is_forced}")
        try:
            market.server.run(
                lambda ports: take_word(
                    ports, OPERATOR, word, ask_provider(ports, OPERATOR, word.invoice_id)
                )
            )
        except (Unanswered, KeysatError) as problem:
            market.note(f"not settled here: {type(problem).__name__}")

    def _poll(self, invoice: Invoice) -> None:
        market = self._market
        try:
            status = market.server.run(
                lambda ports: poll_purchase(invoice.id, store=ports.store, keys=ports.keys)
            )
        except (Unanswered, KeysatError):
            return
        is_settled = status.invoice.status is InvoiceStatus.SETTLED
        if is_settled != (status.key is not None):
            raise Violation(f"invoice {invoice.id} is {status.invoice.status}, key: {status.key}")

    # --- paying ---------------------------------------------------------------------------------

    def _at(self, least: int, most: int, what: str, link: str, share: float = 1.0) -> None:
        self._market.later(least, most, lambda: self._do(what, link, share))

    def _do(self, what: str, link: str, share: float = 1.0) -> None:
        """Do one thing at BTCPay, which does not let everything be done at any time."""
        market = self._market
        fake, invoice = market.fake, market.fake.invoice(link)
        sats = max(1, round((invoice.due_sats or 0) * share))
        market.note(f"{link} {what}")
        match what:
            case "pay lightning":
                fake.pay(link, sats, Rail.LIGHTNING)
            case "pay on chain":
                fake.pay(link, sats, Rail.ON_CHAIN)
            case "confirm":
                fake.confirm(link)
            case "replace":
                fake.replace(link)
            case "mark settled" | "mark invalid":
                status = what.removeprefix("mark ").title()
                if status in invoice.markable():
                    fake.mark(link, status)
            case _:
                raise AssertionError(what)

    def _pay_soon(self, link: str) -> None:
        self._at(2, 600, "pay lightning", link)

    def _pay_on_chain(self, link: str) -> None:
        self._at(5, 700, "pay on chain", link)
        self._at(900, 3 * HOUR_SECONDS, "confirm", link)

    def _pay_sats(self, link: str, *, share: float) -> None:
        rail = self._rng.choice(("pay lightning", "pay on chain"))
        self._at(2, 600, rail, link, share)
        self._at(900, 2 * HOUR_SECONDS, "confirm", link)

    def _pay_in_parts(self, link: str) -> None:
        self._at(2, 300, "pay lightning", link, 0.5)
        self._at(310, 800, "pay on chain", link, 0.5)
        self._at(900, 3 * HOUR_SECONDS, "confirm", link)

    def _pay_late(self, link: str, *, is_marked: bool = False) -> None:
        rail = self._rng.choice(("pay lightning", "pay on chain"))
        self._at(1_200, 12 * HOUR_SECONDS, rail, link)
        self._at(13 * HOUR_SECONDS, 14 * HOUR_SECONDS, "confirm", link)
        if is_marked:
            self._at(15 * HOUR_SECONDS, 30 * HOUR_SECONDS, "mark settled", link)

    def _replace(self, link: str, *, is_again: bool = False) -> None:
        self._at(5, 300, "pay on chain", link)
        self._at(310, 1_800, "replace", link)
        if is_again:
            self._at(320, 890, "pay lightning", link)

    def _mark_and_take_back(self, link: str) -> None:
        self._at(60, HOUR_SECONDS, "mark settled", link)
        self._at(4_000, 30 * HOUR_SECONDS, "mark invalid", link)

    def _pay_twice(self, link: str) -> None:
        self._at(2, 300, "pay lightning", link)
        self._at(300, 2 * HOUR_SECONDS, "pay lightning", link)


def purchase(ports: Ports, request: BuyerRequest) -> Invoice:
    """Do what the shop does with a purchase: two use cases, joined by the stored invoice."""
    opened = open_purchase(
        BUYER,
        request,
        public_url=PUBLIC_URL,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
        rates=ports.rates,
        providers=ports.providers,
    )
    invoice = opened.invoice
    if invoice.status is not InvoiceStatus.PENDING or invoice.provider_invoice_id is not None:
        return invoice
    return request_payment(
        BUYER,
        invoice.id,
        is_first_try=not opened.is_replayed,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        providers=ports.providers,
    )
