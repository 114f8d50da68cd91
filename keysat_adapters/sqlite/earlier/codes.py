"""Carrying discount codes and their redemptions."""

from keysat_adapters.sqlite.earlier.catalog import currency_of
from keysat_adapters.sqlite.earlier.cells import Cells
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.code import AMOUNTS, Code, CodeKind
from keysat_core.domain.ids import CodeId, InvoiceId, LicenseId, PolicyId, ProductId, RedemptionId
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.money import Currency
from keysat_core.domain.redemption import Redemption, RedemptionStatus
from keysat_core.limits import (
    AMOUNT_MAX,
    CODE_POLICIES_MAX,
    CODE_USES_MAX,
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
)


def carry_codes(mover: Mover) -> None:
    """Carry codes. One whose scope cannot be kept is switched off, never widened (B-16)."""

    def code(cells: Cells) -> None:
        mover.tx.codes.put_code(_code(mover, cells))

    mover.each("discount_codes", code)


def carry_redemptions(mover: Mover) -> None:
    """Carry the uses of codes."""

    def redemption(cells: Cells) -> None:
        mover.tx.codes.put_redemption(_redemption(mover, cells))

    mover.each("discount_redemptions", redemption)


def _code(mover: Mover, cells: Cells) -> Code:
    created_at = cells.at("created_at", otherwise=mover.now)
    product_id, policy_ids, is_kept = _scope(mover, cells)
    used = cells.number("used_count", high=AMOUNT_MAX)
    max_uses, may_be_used = _max_uses(cells, used)
    label = cells.text("referrer_label", chars_max=NAME_CHARS_MAX)
    expires_at = cells.optional_at("expires_at")
    is_over = expires_at is None and _was_over(mover, cells)
    kind = CodeKind(str(cells.raw("kind")))
    low, high = AMOUNTS[kind]
    text = cells.required("code")
    if text.upper() != text:
        cells.changed(f"its text was {text}; it is {text.upper()} now", "lifecycles 6.1")
    return Code(
        id=CodeId(cells.required("id")),
        code=text.upper(),
        kind=kind,
        amount=cells.number("amount", low=low, high=high, rule="lifecycles 6.1"),
        currency=currency_of(cells, "discount_currency", otherwise=Currency.SAT),
        max_uses=max_uses,
        used_count=used,
        expires_at=expires_at,
        product_id=None if product_id is None else ProductId(product_id),
        policy_ids=tuple(PolicyId(one) for one in policy_ids),
        referrer_label=label if label and label.strip() else None,
        description=cells.text("description", chars_max=DESCRIPTION_CHARS_MAX) or "",
        active=cells.flag("active") and is_kept and may_be_used and not is_over,
        featured=cells.flag("featured"),
        created_at=created_at,
        updated_at=cells.at("updated_at", otherwise=created_at),
    )


def _was_over(mover: Mover, cells: Cells) -> bool:
    """Tell whether a code whose expiry is no time had expired: it was compared as text (D33)."""
    text = cells.raw("expires_at")
    is_over = isinstance(text, str) and text <= rfc3339(mover.now)
    if is_over:
        cells.changed("it had expired, by the letters of its expiry; it is switched off now", "D33")
    return is_over


def _max_uses(cells: Cells, used: int) -> tuple[int | None, bool]:
    """Give the cap, and whether it lets the code be used at all."""
    cap = cells.raw("max_uses")
    if isinstance(cap, int) and cap < 1:
        kept = max(1, used)
        cells.changed(f"it had {cap} uses, so none; its cap is {kept} and it is switched off now")
        return kept, False
    return cells.optional_number("max_uses", low=1, high=CODE_USES_MAX), True


def _scope(mover: Mover, cells: Cells) -> tuple[str | None, list[str], bool]:
    """Give product and policies a code is for, and whether they are all it was for."""
    product_id = mover.optional(cells, "applies_to_product_id", "products")
    is_kept = product_id is not None or cells.raw("applies_to_product_id") is None
    single = cells.text("applies_to_policy_id")
    named = list(dict.fromkeys(cells.words("applies_to_policy_ids_json"))) or (
        [single] if single else []
    )
    there = [id_ for id_ in named if mover.ledger.has("policies", id_)][:CODE_POLICIES_MAX]
    for gone in sorted(set(named) - set(there)):
        cells.changed(f"it named policy {gone}, which is not there", "B-16")
    if named and not there:
        is_kept = False
    if there and product_id is None:
        product_id = _product_of(mover, there)
        if product_id is None:
            there, is_kept = [], False
        else:
            cells.changed(f"it is for product {product_id} now, whose policies it names", "B-16")
    if not is_kept:
        cells.changed("nothing that it was for is there; it is switched off now", "B-16")
    return product_id, there, is_kept


def _product_of(mover: Mover, policy_ids: list[str]) -> str | None:
    """Give the product of policies, if it is one."""
    marks = ", ".join("?" * len(policy_ids))
    sql = f"SELECT DISTINCT product_id FROM policies WHERE id IN ({marks})"  # noqa: S608  only marks
    found = mover.query(sql, *policy_ids)
    return str(found[0][0]) if len(found) == 1 else None


def _redemption(mover: Mover, cells: Cells) -> Redemption:
    created_at = cells.at("created_at", otherwise=mover.now)
    license_id = mover.optional(cells, "license_id", "licenses")
    return Redemption(
        id=RedemptionId(cells.required("id")),
        code_id=CodeId(mover.needed(cells, "code_id", "discount_codes")),
        invoice_id=InvoiceId(mover.needed(cells, "invoice_id", "invoices")),
        license_id=None if license_id is None else LicenseId(license_id),
        status=RedemptionStatus(str(cells.raw("status"))),
        discount_applied_sats=cells.number("discount_applied_sats", high=AMOUNT_MAX),
        base_price_sats=cells.number("base_price_sats", high=AMOUNT_MAX),
        final_price_sats=cells.number("final_price_sats", high=AMOUNT_MAX),
        created_at=created_at,
        updated_at=cells.at("updated_at", otherwise=created_at),
    )
