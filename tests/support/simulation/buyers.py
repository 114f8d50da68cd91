"""Those who buy: they ask, ask again when no answer comes, pay in their own way, and wait for a key."""

from random import Random
from typing import Final

from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.errors import NotFound, PurchaseRefused, RequestInFlight
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.open_purchase import OpenedPurchase, open_purchase
from keysat_core.use_cases.purchases.poll_purchase import PurchaseStatus, poll_purchase
from keysat_core.use_cases.purchases.request_payment import request_payment
from tests.support.simulation.market import NO_ANSWER, Market
from tests.support.simulation.violation import Violation
from tests.support.trade import BUYER, PUBLIC_URL

TRIES_MAX: Final = 5
POLLS_MAX: Final = 4


def buy(market: Market, rng: Random) -> None:
    """Buy one license, or give up on the way."""
    request = _request(market, rng)
    invoice = _ask(market, rng, request)
    if invoice is None:
        return
    if invoice.checkout_url and not invoice.is_free:
        link = market.show_link(invoice)
        market.stage.sleep(rng.choice((0, 1, 60)))
        if rng.random() < 0.8:
            way = market.service.pay(link, rng)
            market.stage.note(f"pays {link}: {way}")
    _wait_for_key(market, rng, invoice)


def _request(market: Market, rng: Random) -> BuyerRequest:
    """Ask for something; or, from a second window, for what somebody is asking for just now."""
    if market.requests and rng.random() < 0.3:
        return market.requests[-1]
    tier = rng.choice(market.tiers)
    has_key = rng.random() < 0.7
    request = BuyerRequest(
        product_slug=tier.product_slug,
        policy_slug=tier.policy_slug,
        buyer_email=rng.choice((None, "buyer@example.com")),
        idempotency_key=f"purchase-{rng.getrandbits(64):016x}" if has_key else None,
    )
    market.requests.append(request)
    return request


def pay_something(market: Market, rng: Random) -> None:
    """Pay one of the links that were shown to buyers, perhaps long after."""
    if market.links:
        link = rng.choice(market.links[-10:])
        market.stage.note(f"pays {link}: {market.service.pay(link, rng)}")


def purchase(ports: Ports, request: BuyerRequest) -> tuple[OpenedPurchase, Invoice]:
    """Do what one request for a purchase does."""
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
    if invoice.status is InvoiceStatus.PENDING and invoice.provider_invoice_id is None:
        invoice = request_payment(
            BUYER,
            invoice.id,
            is_first_try=not opened.is_replayed,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
    return opened, invoice


def _ask(market: Market, rng: Random, request: BuyerRequest) -> Invoice | None:
    market.note_asked(request)
    for _ in range(TRIES_MAX):
        try:
            opened, invoice = market.server(rng).call(
                f"purchase {request.policy_slug}", lambda ports: purchase(ports, request)
            )
        except (*NO_ANSWER, RequestInFlight):
            market.stage.sleep(1 + rng.randrange(20))
            if rng.random() < 0.1:
                return None
            continue
        except (PurchaseRefused, NotFound):
            return None
        market.check_repeated(request, invoice.id)
        if opened.key is not None:
            market.circulate(opened.key)
        if rng.random() < 0.8:
            return invoice
        # Impatience: the same request once more, although it was answered.
    return None


def _wait_for_key(market: Market, rng: Random, invoice: Invoice) -> None:
    for _ in range(POLLS_MAX):
        market.stage.sleep(1 + rng.randrange(rng.choice((10, 100, 10_000))))
        asked_at = market.stage.step_number
        is_settled = market.book.invoices[invoice.id].status == "settled"
        try:
            status = market.server(rng).call(
                "poll", lambda ports: poll_purchase(invoice.id, store=ports.store, keys=ports.keys)
            )
        except NO_ANSWER:
            continue
        if status.license is not None:
            _check_shown(market, status, asked_at)
            return
        if is_settled:
            raise Violation(f"invoice {invoice.id} is settled, and no license is shown")


def _check_shown(market: Market, status: PurchaseStatus, asked_at: int) -> None:
    """A license is shown with its key while it is active, and only when it was paid."""
    license, key = status.license, status.key
    if license is None:
        return
    seen = market.book.statuses_since(license.id, asked_at)
    if str(license.status) not in seen:
        raise Violation(f"license {license.id} is shown {license.status}, and was {sorted(seen)}")
    if (key is not None) != (license.status is LicenseStatus.ACTIVE):
        raise Violation(f"license {license.id} is {license.status}, and its key is {key}")
    if key is not None:
        market.circulate(key)
