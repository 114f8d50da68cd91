"""Where the buyer waits for the license after paying, and finds it. Source: public-api 14.2.

The state is rendered here, so the page works without scripts; with them it asks by itself and
fetches the page anew once the state is another.
"""

from typing import Final
from urllib.parse import urlsplit

from litestar import MediaType, Request, Response
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery

from keysat_core.domain.buyer import INVOICE_ID
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.show_purchase import PurchaseSheet
from keysat_http.pages.failures import show_failure
from keysat_http.pages.license_files import has_qr
from keysat_http.pages.offers import granted_features
from keysat_http.pages.purchases import (
    SHOWN_CHARS_MAX,
    find_purchase,
    masked,
    wait_of,
)
from keysat_http.pages.rendering import is_part_wanted, render_page
from keysat_http.pages.sellers import Seller, seller_of
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

LIVE: Final = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE})
"""Subscriptions that are still paid for."""

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
    exception_handlers={Exception: show_failure},
    raises=[SigningKeyUnusable],
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_thank_you(
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    request: Request[object, object, State],
    invoice_id: FromQuery[str] = "",
) -> Response[str]:
    """Show how a purchase stands, and its license key once there is one."""
    sheet = find_purchase(invoice_id, ports)
    kind = sheet.kind if sheet is not None and sheet.kind is not None else ProviderKind.BTCPAY
    values = _values(sheet, settings) if sheet is not None else {"seller": Seller()}
    return render_page(
        "thank_you.html",
        ports=ports,
        settings=settings,
        invoice_id=invoice_id[:SHOWN_CHARS_MAX],
        state=wait_of(sheet),
        is_part=is_part_wanted(request),
        sheet=sheet,
        waiting_words=WAITING_WORDS[kind],
        **values,
    )


def _values(sheet: PurchaseSheet, settings: HTTPSettings) -> dict[str, object]:
    license = sheet.license
    onward = _onward(sheet, settings)
    subscription = sheet.subscription
    return {
        "headline": _headline(sheet),
        "features": (
            granted_features(sheet.product, sheet.policy, license.entitlements) if license else []
        ),
        "buyer": masked(license.buyer_email) if license else None,
        "has_qr": sheet.key is not None and has_qr(sheet.key),
        "is_changed": sheet.change is not None or sheet.is_renewal,
        "renews": subscription is not None and subscription.status in LIVE,
        "onward": onward,
        "onward_host": urlsplit(onward).hostname if onward else None,
        "seller": seller_of(sheet.profile, sheet.logo_version),
    }


def _headline(sheet: PurchaseSheet) -> str:
    if sheet.change is not None:
        return "Your license has its new tier"
    return "Your license is renewed" if sheet.is_renewal else "Thank you"


def _onward(sheet: PurchaseSheet, settings: HTTPSettings) -> str | None:
    """Give the seller's own page for those who bought, where it is a page of the web."""
    template = sheet.profile.post_purchase_redirect_url if sheet.profile else None
    if not template or not template.startswith(("https://", "http://")):
        return None
    url = template.replace(INVOICE_ID, sheet.invoice.id)
    return None if url.startswith(f"{settings.public_url}/thank-you") else url
