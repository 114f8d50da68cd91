"""Discount codes, by product. Source: admin-api 7, Discount codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.limits import CODES_PAGE_MAX
from keysat_core.use_cases.codes.list_codes import list_codes
from keysat_core.use_cases.policies.list_policies import ListPolicies, list_policies
from keysat_core.use_cases.products.list_products import list_products
from keysat_http.pages import spelling
from keysat_http.pages.admin.caps import cap_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import arranged

KIND_WORDS: Final = {
    CodeKind.PERCENT: "percent off",
    CodeKind.FIXED: "amount off",
    CodeKind.SET_PRICE: "special price",
    CodeKind.FREE_LICENSE: "free license",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A code as a row."""

    code: Code
    product: Product | None
    kind: str
    amount: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The codes of a product, or those for all, of one page."""

    product: Product | None
    lines: Sequence[Line]


@screen("/admin/codes", needs=Scope.DISCOUNT_CODES_READ)
def show_codes(frame: NamedDependency[Frame]) -> Response[str]:
    """List codes grouped by product, those for all products last."""
    store = frame.ports.store
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    by_id = {product.id: product for product in products}
    page = list_codes(
        frame.actor, is_inactive_included=True, limit=CODES_PAGE_MAX, offset=0, store=store
    )
    wanted = frame.query.get("product", "")
    lines = [
        line_of(code, by_id.get(code.product_id) if code.product_id else None, frame.now)
        for code in page.codes
    ]
    lines.sort(key=lambda line: (line.product is None, line.product.name if line.product else ""))
    listed = arranged(
        [one for one in lines if not wanted or (one.product and one.product.slug == wanted)],
        frame.query,
        keys={
            "code": lambda line: line.code.code,
            "used": lambda line: line.code.used_count,
            "expires": lambda line: line.code.expires_at or 0,
            "created": lambda line: line.code.created_at,
        },
        words=lambda line: (line.code.code, line.code.referrer_label or "", line.code.description),
    )
    return frame.page(
        "admin/codes.html",
        listed=listed,
        groups=_groups(listed.rows),
        products=products,
        tiers={product.slug: tiers_of(frame, product) for product in products},
        kinds=KIND_WORDS,
        cap=cap_of(frame.tier.usage.active_codes, frame.tier.caps.active_codes),
    )


def line_of(code: Code, product: Product | None, now: Instant) -> Line:
    """Spell a code."""
    return Line(
        code=code,
        product=product,
        kind=KIND_WORDS[code.kind],
        amount=_amount(code),
        state=_state(code, now),
    )


def tiers_of(frame: Frame, product: Product) -> list[Policy]:
    """Give the tiers of a product that a code may be for."""
    question = ListPolicies(product_slug=product.slug, is_inactive_included=True)
    return list_policies(frame.actor, question, store=frame.ports.store)


def percent(bps: int) -> str:
    """Spell basis points as percent, with as many decimals as there are."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def _amount(code: Code) -> str:
    match code.kind:
        case CodeKind.PERCENT:
            return f"{percent(code.amount)} %"
        case CodeKind.FREE_LICENSE:
            return "everything"
        case _:
            return spelling.money(Money(currency=code.currency, amount=code.amount))


def _state(code: Code, now: Instant) -> str:
    if not code.active:
        return "disabled"
    if code.is_expired(now):
        return "expired"
    return "used up" if code.remaining_uses == 0 else "active"


def _groups(lines: Sequence[Line]) -> list[Group]:
    products = {line.product.id if line.product else None: line.product for line in lines}
    return [
        Group(
            product=product,
            lines=[line for line in lines if (line.product.id if line.product else None) == key],
        )
        for key, product in products.items()
    ]
