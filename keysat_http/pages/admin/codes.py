"""Discount codes, by product. Source: admin-api 7, Discount codes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.ids import PolicyId, ProductId
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
from keysat_http.pages.admin.tables import cut, found_in

KIND_WORDS: Final = {
    CodeKind.PERCENT: "percent off",
    CodeKind.FIXED: "amount off",
    CodeKind.SET_PRICE: "special price",
    CodeKind.FREE_LICENSE: "free license",
}
STATES: Final = ("active", "disabled", "expired", "used up")
FOR_ALL: Final = "-"
"""What the address says for codes that are for every product; no product has such a slug."""


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
    """The codes of a product, or those for all, of one page; ``total`` counts those of every page."""

    product: Product | None
    lines: Sequence[Line]
    total: int


@screen("/admin/codes", needs=Scope.DISCOUNT_CODES_READ)
def show_codes(frame: NamedDependency[Frame]) -> Response[str]:
    """List codes grouped by product, those for all products last."""
    store = frame.ports.store
    products = list_products(frame.actor, is_inactive_included=True, store=store)
    page = list_codes(
        frame.actor, is_inactive_included=True, limit=CODES_PAGE_MAX, offset=0, store=store
    )
    found = _found(frame, page.codes, products)
    listed = cut(found, frame.query)
    return frame.page(
        "admin/codes.html",
        listed=listed,
        groups=_groups(listed.rows, Counter(_key(line) for line in found)),
        products=products,
        tiers={product.slug: tiers_of(frame, product) for product in products},
        kinds=KIND_WORDS,
        states=STATES,
        for_all=FOR_ALL,
        unseen=page.total - len(page.codes),
        cap=cap_of(frame.tier.usage.active_codes, frame.tier.caps.active_codes),
    )


def _found(frame: Frame, codes: Sequence[Code], products: Sequence[Product]) -> list[Line]:
    """Give the codes that the address asks for, in its order within each product."""
    by_id = {product.id: product for product in products}
    lines = [
        line_of(code, by_id.get(code.product_id) if code.product_id else None, frame.now)
        for code in codes
    ]
    wanted, state = frame.query.get("product", ""), frame.query.get("state", "")
    found = found_in(
        [
            line
            for line in lines
            if wanted in {"", line.product.slug if line.product else FOR_ALL}
            and state in {"", line.state}
        ],
        frame.query,
        keys={
            "code": lambda line: line.code.code,
            "used": lambda line: line.code.used_count,
            "expires": lambda line: (line.code.expires_at is None, line.code.expires_at or 0),
            "created": lambda line: line.code.created_at,
        },
        words=lambda line: (line.code.code, line.code.referrer_label or "", line.code.description),
    )
    return sorted(
        found,
        key=lambda line: (
            line.product is None,
            line.product.name.casefold() if line.product else "",
            _key(line) or "",
        ),
    )


def _key(line: Line) -> ProductId | None:
    return line.product.id if line.product else None


def line_of(code: Code, product: Product | None, now: Instant) -> Line:
    """Spell a code."""
    return Line(
        code=code,
        product=product,
        kind=KIND_WORDS[code.kind],
        amount=_amount(code),
        state=_state(code, now),
    )


def tiers_of(frame: Frame, product: Product, chosen: Collection[PolicyId] = ()) -> list[Policy]:
    """Give the tiers of a product that a code may be for, and archived ones it is for already."""
    question = ListPolicies(
        product_slug=product.slug, is_inactive_included=True, is_archived_included=True
    )
    found = list_policies(frame.actor, question, store=frame.ports.store)
    return [policy for policy in found if not policy.is_archived or policy.id in chosen]


def _amount(code: Code) -> str:
    match code.kind:
        case CodeKind.PERCENT:
            return spelling.percent(code.amount)
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


def _groups(lines: Sequence[Line], totals: Mapping[ProductId | None, int]) -> list[Group]:
    groups = [list(group) for _, group in groupby(lines, key=_key)]
    return [
        Group(product=group[0].product, lines=group, total=totals[_key(group[0])])
        for group in groups
    ]
