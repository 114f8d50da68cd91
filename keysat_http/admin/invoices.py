"""Invoices, as operators see and settle them. Source: decisions 17 and 18; payments 9.3."""

import asyncio
from typing import Final

import msgspec
import structlog
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import InvoiceId, ProductId, ProviderAccountId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.listing import InvoiceFilter
from keysat_core.errors import NotFound, StillPayable
from keysat_core.limits import INVOICES_PAGE_MAX, PAGE_DEFAULT
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.list_invoices import list_invoices as list_all
from keysat_core.use_cases.purchases.list_invoices import show_invoice
from keysat_core.use_cases.purchases.settle_by_hand import SettleByHand
from keysat_http.admin.paging import clamp_limit, clamp_offset, read_instant
from keysat_http.by_hand import ask_provider, take_word
from keysat_http.provider_threads import ProviderThreads
from keysat_http.request_ports import REHEARSABLE_ROUTE, without_key
from keysat_http.routes import get, post
from keysat_http.views.invoice import (
    Invoice,
    InvoiceList,
    SettledInvoice,
    invoice_list_view,
    invoice_view,
    settled_invoice_view,
)

_PATH: Final = "/v1/admin/invoices"
_TAGS: Final = ("invoices",)

log = structlog.get_logger("keysat.http")


class SettleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Why it is settled by hand. ``force``: also while its buyer may still pay it."""

    reason: str = ""
    force: bool = False


def read_filter(
    *,
    status: FromQuery[InvoiceStatus | None] = None,
    product_id: FromQuery[str] = "",
    buyer_email: FromQuery[str] = "",
    email: FromQuery[str] = "",
    invoice_id: FromQuery[str] = "",
    invoice: FromQuery[str] = "",
    payment_provider_id: FromQuery[str] = "",
    needs_attention: FromQuery[bool] = False,
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    limit: FromQuery[int] = PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> InvoiceFilter:
    """Take ``email`` and ``invoice`` as other names; blank is absent."""
    return InvoiceFilter(
        status=status,
        product_id=ProductId(product_id) if product_id else None,
        buyer_email=(buyer_email or email).strip() or None,
        invoice_id=invoice_id or invoice or None,
        provider_account_id=(
            ProviderAccountId(payment_provider_id) if payment_provider_id else None
        ),
        is_attention_needed=needs_attention,
        since=read_instant(since, field="since"),
        until=read_instant(until, field="until"),
        limit=clamp_limit(limit, INVOICES_PAGE_MAX),
        offset=clamp_offset(offset),
    )


@get(
    _PATH,
    raises=[NotFound],
    dependencies={"criteria": Provide(read_filter, sync_to_thread=False)},
    tags=_TAGS,
)
def list_invoices(
    criteria: NamedDependency[InvoiceFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    product_slug: FromQuery[str] = "",
) -> InvoiceList:
    """List invoices, newest first; every filter given must match. ``invoice_id`` is ours or the provider's."""
    page = list_all(actor, criteria, product_slug=product_slug or None, store=ports.store)
    return invoice_list_view(page, criteria)


@get(_PATH + "/{invoice_id:str}", raises=[NotFound], tags=_TAGS)
def get_invoice(
    invoice_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> Invoice:
    """Show one invoice."""
    return invoice_view(show_invoice(actor, InvoiceId(invoice_id), store=ports.store))


@post(
    _PATH + "/{invoice_id:str}/settle",
    raises=[NotFound, StillPayable],
    sync_to_thread=None,
    tags=_TAGS,
    **REHEARSABLE_ROUTE,
)
async def settle_invoice_by_hand(
    *,
    data: JSONBody[SettleRequest | None] = None,
    invoice_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
    purchase_seconds: NamedDependency[float],
) -> SettledInvoice:
    """Settle an invoice on the operator's word and issue its license; the provider is asked first."""
    wish = data or SettleRequest()
    command = SettleByHand(
        invoice_id=InvoiceId(invoice_id), reason=wish.reason, is_forced=wish.force
    )
    try:
        async with asyncio.timeout(purchase_seconds):
            # Asking may be repeated, and finds out what has happened anyway; only the operator's
            # word is an effect of this request.
            asked = await provider_threads.run(
                lambda: ask_provider(without_key(ports), actor, command.invoice_id)
            )
    except TimeoutError:
        # It goes on in its thread, and finds the invoice settled.
        log.warning("provider_not_asked", problem="no answer in time")
        asked = None
    settled = await sync_to_thread(take_word, ports, actor, command, asked)
    return settled_invoice_view(settled)
