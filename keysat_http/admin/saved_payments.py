"""Cards that payers saved at Zaprite, and charging them by hand. Source: payments 7.6."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import InvoiceId
from keysat_core.errors import (
    NotConfigured,
    NotFound,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
)
from keysat_core.limits import PAGE_DEFAULT, PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.zaprite import list_saved_payments as listing
from keysat_core.use_cases.zaprite.charge_invoice import ChargeInvoice
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.charging import charge_saved_card
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import get, post
from keysat_http.views.saved_payment import (
    ChargeOutcome,
    SavedMethodList,
    charge_view,
    saved_method_list_view,
)

_TAGS: Final = ("payment providers",)


class ChargeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice with which the payment method was saved."""

    saved_invoice_id: str


@get("/v1/admin/zaprite/saved-payments", tags=_TAGS)
def list_saved_payments(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    limit: FromQuery[int] = PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> SavedMethodList:
    """List the payment methods that buyers of recurring tiers saved, newest first."""
    page = listing.list_saved_payments(
        actor,
        limit=clamp_limit(limit, PAGE_MAX),
        offset=clamp_offset(offset),
        store=ports.store,
    )
    return saved_method_list_view(page)


@post(
    "/v1/admin/invoices/{invoice_id:str}/charge",
    raises=[NotFound, NotConfigured, ProviderNotLoaded, ProviderRefused, ProviderUnavailable],
    sync_to_thread=None,
    tags=_TAGS,
)
async def charge_saved_payment(
    data: JSONBody[ChargeRequest],
    invoice_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> ChargeOutcome:
    """Charge a saved payment method for an open invoice, once and never again. Master key only."""
    command = ChargeInvoice(
        invoice_id=InvoiceId(invoice_id), saved_invoice_id=InvoiceId(data.saved_invoice_id)
    )
    charged, status, _ = await provider_threads.run(
        lambda: charge_saved_card(ports, actor, command)
    )
    return charge_view(charged, status)
