"""The guided first run: from an empty install to a sale that was tried. Source: admin-api 7.

Which step is shown is in the address; which are done is read from what is stored.
"""

from dataclasses import dataclass
from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.license import License
from keysat_core.domain.listing import LicenseFilter
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.limits import PAGE_DEFAULT
from keysat_core.use_cases.codes.list_codes import list_codes, show_code
from keysat_core.use_cases.connections.show_providers import find_connection
from keysat_core.use_cases.licenses.list_licenses import list_licenses, show_license
from keysat_core.use_cases.policies.list_policies import ListPolicies, list_policies
from keysat_core.use_cases.products.list_products import list_products
from keysat_core.use_cases.server.operator_name import show_operator_name
from keysat_core.use_cases.server.show_start import Start, StartStep
from keysat_http.pages.admin.frame import HOME, Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.rendering import base_path
from keysat_http.views.zaprite import ZapriteStatus, status_view

PATH: Final = "/admin/start"
NEXT: Final = "next"
"""How the address calls what comes after the last step."""
LOOK_AROUND: Final = "stay"
"""What the overview's address holds when one left the guide to look around."""
TEST_CODE: Final = "FIRST-SALE-"
"""How the codes begin that the test sale makes; the rest is drawn, so that nobody guesses one."""
DRAWN_BYTES: Final = 4

TITLES: Final = {
    StartStep.NAME: "Name your shop",
    StartStep.PROVIDER: "Get paid",
    StartStep.PRODUCT: "Add a product",
    StartStep.TIERS: "Add tiers",
    StartStep.SALE: "Try a sale",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """The test sale.

    ``code``: what makes it free where money is real; ``sold``: what came of that code, or in the
    sandbox of any sale.
    """

    code: Code | None
    sold: License | None


def needs_start(frame: Frame) -> bool:
    """Tell whether the shop is empty and who is signed in can set it up; the overview asks."""
    is_asked_for = LOOK_AROUND in frame.query
    return frame.start.is_empty and frame.may("create_product") and not is_asked_for


def lead_to_start(frame: Frame) -> Response[str]:
    """Lead to the guide."""
    headers = {"location": base_path(frame.settings) + PATH, "cache-control": "no-store"}
    return Response("", status_code=303, headers=headers, media_type="text/html")


@screen(PATH, needs=Scope.TIER_READ)
def show_first_run(frame: NamedDependency[Frame]) -> Response[str]:
    """Show one step of the first run: the one asked for, else what comes next."""
    step = _chosen(frame.query.get("step", ""), frame.start)
    steps = list(StartStep)
    place = len(steps) if step is None else steps.index(step)
    product = _product(frame)
    return frame.page(
        "admin/start.html",
        steps=[(one, TITLES[one]) for one in steps],
        step=NEXT if step is None else step.value,
        before=None if place == 0 else steps[place - 1],
        after=steps[place + 1].value if place + 1 < len(steps) else NEXT,
        name=_name(frame),
        configured_name=frame.settings.operator_name,
        has_btcpay_address=_has_btcpay_address(frame),
        zaprite=_zaprite(frame),
        product=product,
        tiers=_tiers(frame, product),
        tried=_tried(frame, product),
        fresh_code=TEST_CODE + frame.ports.entropy.token(DRAWN_BYTES).hex().upper(),
        stay=f"{HOME}?{LOOK_AROUND}=1",
    )


def _chosen(asked: str, start: Start) -> StartStep | None:
    if asked == NEXT:
        return None
    return StartStep(asked) if asked in set(StartStep) else start.next_step


def _name(frame: Frame) -> str | None:
    if Scope.SETTINGS_READ not in frame.actor.scopes:
        return None
    return show_operator_name(frame.actor, store=frame.ports.store)


def _has_btcpay_address(frame: Frame) -> bool:
    btcpay = frame.ports.btcpay
    return btcpay is not None and None not in {btcpay.base_url, btcpay.browser_url}


def _zaprite(frame: Frame) -> ZapriteStatus:
    ports = frame.ports
    found = find_connection(frame.actor, ProviderKind.ZAPRITE, store=ports.store, clock=ports.clock)
    return status_view(found, public_url=frame.settings.public_url)


def _product(frame: Frame) -> Product | None:
    """Give the product the guide goes on with: the first that was made and is on sale."""
    if Scope.PRODUCTS_READ not in frame.actor.scopes:
        return None
    found = list_products(frame.actor, is_inactive_included=True, store=frame.ports.store)
    found.sort(key=lambda product: (not product.active, product.created_at, product.slug))
    return found[0] if found else None


def _tiers(frame: Frame, product: Product | None) -> list[Policy]:
    if product is None or Scope.POLICIES_READ not in frame.actor.scopes:
        return []
    query = ListPolicies(product_slug=product.slug, is_inactive_included=True)
    return list_policies(frame.actor, query, store=frame.ports.store)


def _tried(frame: Frame, product: Product | None) -> Tried:
    needed = {Scope.LICENSES_READ, Scope.DISCOUNT_CODES_READ}
    if product is None or not needed <= frame.actor.scopes:
        return Tried(code=None, sold=None)
    if frame.tier.sandbox:
        return Tried(code=None, sold=_newest_sold(frame, product))
    code = _test_code(frame, product)
    return Tried(code=code, sold=None if code is None else _given_for(frame, code))


def _test_code(frame: Frame, product: Product) -> Code | None:
    """Find the newest code that this guide made for a product."""
    page = list_codes(
        frame.actor,
        is_inactive_included=True,
        limit=PAGE_DEFAULT,
        offset=0,
        store=frame.ports.store,
    )
    for code in page.codes:
        is_ours = code.kind is CodeKind.FREE_LICENSE and code.code.startswith(TEST_CODE)
        if is_ours and code.product_id == product.id:
            return code
    return None


def _given_for(frame: Frame, code: Code) -> License | None:
    uses = show_code(frame.actor, code.id, store=frame.ports.store).redemptions
    given = [use.license_id for use in uses if use.license_id is not None]
    return show_license(frame.actor, given[0], store=frame.ports.store) if given else None


def _newest_sold(frame: Frame, product: Product) -> License | None:
    criteria = LicenseFilter(product_id=product.id, limit=PAGE_DEFAULT)
    rows = list_licenses(frame.actor, criteria, store=frame.ports.store).rows
    return next((row.license for row in rows if row.license.invoice_id is not None), None)
