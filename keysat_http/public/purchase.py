"""Buying. Source: public-api 6.

Opening a purchase and asking the provider to collect it are two use cases joined by the stored
invoice (ARCHITECTURE, rule 2), so a crash or a deadline between them loses nothing.
"""

import asyncio
from typing import Annotated, Final

import msgspec
import structlog
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.payment import find_rail
from keysat_core.domain.rate_limit import POLL
from keysat_core.domain.rate_limit import PURCHASE as PURCHASE_ALLOWANCE
from keysat_core.errors import (
    CodeRefused,
    IdempotencyKeyReused,
    NoProvider,
    NotFound,
    PolicyUnavailable,
    ProductInactive,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RateUnavailable,
    RequestInFlight,
    SigningKeyUnusable,
)
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.open_purchase import OpenedPurchase, open_purchase
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_http.client_address import Caller
from keysat_http.provider_threads import ProviderThreads
from keysat_http.rate_limits import RateLimiter
from keysat_http.rounds import shown
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.purchase import (
    Purchase,
    PurchaseStatus,
    purchase_status_view,
    purchase_view,
)

log = structlog.get_logger("keysat.http")


PURCHASE_FAILURES: Final = (
    NotFound,
    ProductInactive,
    PolicyUnavailable,
    CodeRefused,
    NoProvider,
    IdempotencyKeyReused,
    RateUnavailable,
    ProviderRefused,
    ProviderUnavailable,
    ProviderNotLoaded,
    RequestInFlight,
    RateLimited,
    SigningKeyUnusable,
)
"""What keeps a purchase from being opened or asked for."""


class PurchaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer wants. ``product`` and ``policy_slug`` are slugs; "" in an option is absent."""

    product: str
    policy_slug: str | None = None
    code: str | None = None
    buyer_email: str | None = None
    buyer_note: str | None = None
    redirect_url: str | None = None
    rail: str | None = None


@post(
    "/v1/purchase",
    raises=PURCHASE_FAILURES,
    sync_to_thread=None,
    tags=["purchase"],
)
async def start_purchase(
    *,
    data: JSONBody[PurchaseRequest],
    actor: NamedDependency[Actor],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    limiter: NamedDependency[RateLimiter],
    provider_threads: NamedDependency[ProviderThreads],
    purchase_seconds: NamedDependency[float],
    idempotency_key: Annotated[str | None, HeaderParameter(name="Idempotency-Key")] = None,
) -> Purchase:
    """Open a purchase: a checkout link, or at once a license if nothing is to be paid."""
    limiter.charge(PURCHASE_ALLOWANCE, caller, ports.clock.now())
    if data.rail and find_rail(data.rail) is None:
        log.info("unknown_rail_ignored", rail=data.rail[:32])
    request = _request(data, idempotency_key)
    opened, invoice = await begin_purchase(
        actor,
        request,
        ports=ports,
        settings=settings,
        provider_threads=provider_threads,
        purchase_seconds=purchase_seconds,
    )
    return purchase_view(opened, invoice, public_url=settings.public_url)


@get(
    "/v1/purchase/{invoice_id:str}",
    raises=[NotFound, RateLimited, SigningKeyUnusable],
    is_inline=True,
    tags=["purchase"],
)
def get_purchase(
    invoice_id: FromPath[str],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    limiter: NamedDependency[RateLimiter],
) -> PurchaseStatus:
    """Tell how a purchase stands, with its license key once there is one."""
    # Where buyers share one address, one of them must not make the others wait (public-api 3).
    if caller.limiting_address is not None:
        limiter.charge(POLL, caller, ports.clock.now())
    status = poll_purchase(InvoiceId(invoice_id), store=ports.store, keys=ports.keys)
    return purchase_status_view(status)


async def begin_purchase(
    actor: Actor,
    request: BuyerRequest,
    *,
    ports: Ports,
    settings: HTTPSettings,
    provider_threads: ProviderThreads,
    purchase_seconds: float,
) -> tuple[OpenedPurchase, Invoice]:
    """Open a purchase and ask its provider for the payment, within the deadline of both.

    Raises:
        KeysatError: as ``open_purchase`` and ``request_payment``.
        ProviderUnavailable: no answer in time; what still arrives is found by the reconciler.
    """
    try:
        async with asyncio.timeout(purchase_seconds):
            opened = await sync_to_thread(_open, actor, request, ports, settings)
            invoice = opened.invoice
            if opened.passed_over:
                log.warning(
                    "several_providers_serve_the_rail",
                    chosen=shown(invoice.provider_account_id),
                    passed_over=[shown(one) for one in opened.passed_over],
                )
            if _lacks_checkout(invoice):
                invoice = await provider_threads.run(
                    lambda: _request_payment(actor, opened, ports),
                    account_id=invoice.provider_account_id,
                )
    except TimeoutError:
        # Clients give up after 10 s.
        raise ProviderUnavailable("purchase", "no answer in time") from None
    return opened, invoice


def _request(data: PurchaseRequest, idempotency_key: str | None) -> BuyerRequest:
    return BuyerRequest(
        product_slug=data.product,
        policy_slug=data.policy_slug,
        code=data.code,
        buyer_email=data.buyer_email,
        buyer_note=data.buyer_note,
        redirect_url=data.redirect_url,
        rail=data.rail,
        idempotency_key=idempotency_key,
    )


def _open(
    actor: Actor, request: BuyerRequest, ports: Ports, settings: HTTPSettings
) -> OpenedPurchase:
    return open_purchase(
        actor,
        request,
        public_url=settings.public_url,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
        rates=ports.rates,
        providers=ports.providers,
    )


def _lacks_checkout(invoice: Invoice) -> bool:
    return invoice.status is InvoiceStatus.PENDING and invoice.provider_invoice_id is None


def _request_payment(actor: Actor, opened: OpenedPurchase, ports: Ports) -> Invoice:
    return request_payment(
        actor,
        opened.invoice.id,
        is_first_try=not opened.is_replayed,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        providers=ports.providers,
    )
