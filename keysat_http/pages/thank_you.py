"""Where the buyer waits for the license after paying. Source: public-api 14.2.

The state is rendered here, so the page works without scripts; with them it polls by itself.
"""

from enum import StrEnum

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.errors import NotFound, SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.poll_purchase import PurchaseStatus, poll_purchase
from keysat_http.pages.rendering import render_page
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

SHOWN_CHARS_MAX = 128
"""Longest id shown; ours have 36 characters, so a longer one is not ours."""


class Wait(StrEnum):
    """What the page shows; the script knows the same words."""

    READY = "ready"
    WAITING = "waiting"
    STOPPED = "stopped"
    FAILED = "failed"
    WITHHELD = "withheld"
    UNKNOWN = "unknown"


@get(
    "/thank-you",
    raises=[SigningKeyUnusable],
    is_inline=True,
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_thank_you(
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    invoice_id: FromQuery[str] = "",
) -> Response[str]:
    """Show how a purchase stands, and its license key once there is one."""
    status = _status(invoice_id, ports)
    return render_page(
        "thank_you.html",
        ports=ports,
        settings=settings,
        invoice_id=invoice_id[:SHOWN_CHARS_MAX],
        state=_state(status),
        license_key=status.key if status else None,
    )


def _status(invoice_id: str, ports: Ports) -> PurchaseStatus | None:
    try:
        return poll_purchase(InvoiceId(invoice_id), store=ports.store, keys=ports.keys)
    except NotFound:
        return None


def _state(status: PurchaseStatus | None) -> Wait:
    if status is None:
        return Wait.UNKNOWN
    if status.key is not None:
        return Wait.READY
    if status.license is not None:
        return Wait.WITHHELD
    if status.invoice.status in {InvoiceStatus.EXPIRED, InvoiceStatus.INVALID}:
        return Wait.FAILED
    return Wait.WAITING
