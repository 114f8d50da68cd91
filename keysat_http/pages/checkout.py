"""The way to the payment service.

Browsers hold a form's redirects against the policy of the page it is on, and nobody knows beforehand
where a payment service lives. So the form leads here, and this page leads on.
"""

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_http.pages.failures import show_failure
from keysat_http.pages.purchases import SHOWN_CHARS_MAX, Wait, find_purchase, wait_of
from keysat_http.pages.rendering import base_path, render_page
from keysat_http.pages.sellers import seller_of
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings


@get(
    "/checkout",
    exception_handlers={Exception: show_failure},
    raises=[SigningKeyUnusable],
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_checkout(
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    invoice_id: FromQuery[str] = "",
) -> Response[str] | Redirect:
    """Lead on to the payment of an open purchase; any other is shown how it stands."""
    sheet = find_purchase(invoice_id[:SHOWN_CHARS_MAX], ports)
    url = sheet.invoice.checkout_url if sheet is not None else ""
    if (
        sheet is None
        or wait_of(sheet) is not Wait.WAITING
        or not url.startswith(("https://", "http://"))
    ):
        where = f"/thank-you?invoice_id={sheet.invoice.id}" if sheet is not None else "/thank-you"
        return Redirect(base_path(settings) + where, status_code=303)
    return render_page(
        "checkout.html",
        ports=ports,
        settings=settings,
        sheet=sheet,
        seller=seller_of(sheet.profile, sheet.logo_version),
    )
