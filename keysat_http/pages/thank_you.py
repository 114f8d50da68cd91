"""Where the buyer waits for the license after paying, and finds it. Source: public-api 14.2.

The state is rendered here, so the page works without scripts; with them it asks by itself and
fetches the page anew once the state is another.
"""

from typing import Final

from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_http.pages.license_files import has_qr
from keysat_http.pages.offers import granted_features
from keysat_http.pages.purchases import (
    SHOWN_CHARS_MAX,
    find_purchase,
    masked,
    wait_of,
)
from keysat_http.pages.rendering import render_page
from keysat_http.pages.sellers import seller_of
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

WAITING_WORDS: Final = {
    ProviderKind.ZAPRITE: (
        "A card or Lightning payment takes seconds, a payment on chain until it is confirmed."
    ),
    ProviderKind.BTCPAY: (
        "A Lightning payment takes seconds, a payment on chain until it is confirmed."
    ),
    ProviderKind.SANDBOX: "Pretend money arrives as soon as you say so.",
}


@get(
    "/thank-you",
    raises=[SigningKeyUnusable],
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_thank_you(
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    invoice_id: FromQuery[str] = "",
) -> Response[str]:
    """Show how a purchase stands, and its license key once there is one."""
    sheet = find_purchase(invoice_id, ports)
    features = (
        granted_features(sheet.product, sheet.policy, sheet.license.entitlements)
        if sheet is not None and sheet.license is not None
        else []
    )
    kind = sheet.kind if sheet is not None and sheet.kind is not None else ProviderKind.BTCPAY
    return render_page(
        "thank_you.html",
        ports=ports,
        settings=settings,
        invoice_id=invoice_id[:SHOWN_CHARS_MAX],
        state=wait_of(sheet),
        sheet=sheet,
        features=features,
        buyer=masked(sheet.license.buyer_email) if sheet and sheet.license else None,
        has_qr=sheet is not None and sheet.key is not None and has_qr(sheet.key),
        waiting_words=WAITING_WORDS[kind],
        seller=seller_of(sheet.profile if sheet else None),
    )
