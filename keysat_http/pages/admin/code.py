"""One discount code and what it was used for. Source: admin-api 7, Discount codes."""

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import Scope
from keysat_core.domain.code import CodeKind
from keysat_core.domain.ids import CodeId
from keysat_core.use_cases.codes.attribute_sales import attribute_sales
from keysat_core.use_cases.codes.list_codes import show_code
from keysat_core.use_cases.products.list_products import show_product
from keysat_http.pages import spelling
from keysat_http.pages.admin.codes import line_of, tiers_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS


@screen("/admin/codes/{code_id:str}", needs=Scope.DISCOUNT_CODES_READ)
def show_code_screen(code_id: FromPath[str], frame: NamedDependency[Frame]) -> Response[str]:
    """Show a code, what can be changed of it, and its uses."""
    store = frame.ports.store
    shown = show_code(frame.actor, CodeId(code_id), store=store)
    code = shown.code
    product = show_product(frame.actor, code.product_id, store=store) if code.product_id else None
    attributed = attribute_sales(frame.actor, since=None, until=None, store=store)
    is_percent = code.kind is CodeKind.PERCENT
    return frame.page(
        "admin/code.html",
        line=line_of(code, product, frame.now),
        code=code,
        product=product,
        tiers=tiers_of(frame, product, code.policy_ids) if product is not None else [],
        amount=spelling.hundredths(code.amount)
        if is_percent
        else spelling.units(code.amount, code.currency),
        amount_as="percent" if is_percent else "money",
        has_amount=code.kind is not CodeKind.FREE_LICENSE,
        redemptions=shown.redemptions[:SHOWN_ROWS],
        use_count=len(shown.redemptions),
        brought=next((one for one in attributed if one.code_id == code.id), None),
    )
