"""The pretend checkout, with which a sale is tried out from end to end. Sandbox mode only."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from keysat_core.domain.instant import rfc3339
from keysat_core.domain.payment import ProviderStatus
from keysat_core.errors import IllegalTransition, NotFound, ProviderUnavailable
from keysat_core.ports.bundle import Ports
from keysat_core.ports.sandbox import PretendPayment, SandboxTill
from keysat_http.pages.rendering import base_path, render_page
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings

_PATH: Final = "/sandbox/checkout/{provider_invoice_id:str}"

ACTIONS: Final[Mapping[PretendPayment, tuple[str, str]]] = {
    PretendPayment.PAY: ("Pay", "The whole amount, in time and confirmed."),
    PretendPayment.UNDERPAY: ("Pay too little", "Only a part arrives."),
    PretendPayment.PAY_LATE: ("Pay late", "The whole amount arrives after expiry."),
    PretendPayment.EXPIRE: ("Let it expire", "The time to pay runs out."),
    PretendPayment.REFUND: ("Refund", "The money goes back to the buyer."),
    PretendPayment.MARK_SETTLED: ("Mark as settled", "The seller accepts it by hand."),
    PretendPayment.MARK_INVALID: ("Mark as invalid", "The seller rejects it by hand."),
}
"""What can be done, as the buttons say it."""


@get(
    _PATH,
    raises=[NotFound, ProviderUnavailable],
    media_type=MediaType.HTML,
    tags=["sandbox"],
)
def show_sandbox_checkout(
    provider_invoice_id: FromPath[str],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    refused: FromQuery[str] = "",
) -> Response[str]:
    """Show a pretend invoice and what can be done to it."""
    invoice = _till(ports).show(provider_invoice_id)
    return render_page(
        "sandbox_checkout.html",
        ports=ports,
        settings=settings,
        invoice=invoice,
        expires_at=rfc3339(invoice.expires_at),
        actions=ACTIONS,
        refused=ACTIONS[PretendPayment(refused)][0] if refused in ACTIONS else None,
        is_paid=invoice.status is ProviderStatus.SETTLED,
    )


@post(
    _PATH + "/{action:str}",
    raises=[NotFound, ProviderUnavailable],
    status_code=303,
    media_type=MediaType.HTML,
    tags=["sandbox"],
)
def act_on_sandbox_checkout(
    provider_invoice_id: FromPath[str],
    action: FromPath[PretendPayment],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
) -> Redirect:
    """Do something to a pretend invoice and go back to its page."""
    back = f"{base_path(settings)}/sandbox/checkout/{quote(provider_invoice_id, safe='')}"
    try:
        _till(ports).act(provider_invoice_id, action)
    except IllegalTransition:
        back += f"?refused={action}"
    return Redirect(back, status_code=303)


def _till(ports: Ports) -> SandboxTill:
    if ports.sandbox is None:
        raise NotFound("page", "sandbox")
    return ports.sandbox
