"""Discount codes of the earlier shop, and who used them."""

import json
from typing import Final

from tests.support.earlier.pen import DAY, Cell, Pen, Row
from tests.support.earlier.sales import Sales

KINDS: Final = (
    ("percent", 2_500),
    ("fixed_sats", 1_000),
    ("set_price", 30_000),
    ("free_license", 0),
)


def write_codes(sales: Sales) -> None:
    """Write codes of all kinds and scopes, and uses in all states."""
    pen, sat = sales.pen, sales.catalog.sat
    for kind, amount in KINDS:
        code = code_of(
            pen, f"{kind}-1", kind, amount, referrer_label="Podcast", description="Für Hörer"
        )
        pen.shows(code, f"code.{kind}", "code.for_everything")
        _use(sales, code, amount)
    _scoped(sales)
    _ended(pen)
    for number, (currency, line) in enumerate(
        (("USD", sales.catalog.usd), ("EUR", sales.catalog.eur))
    ):
        fiat = code_of(
            pen,
            f"FIAT-{number}",
            "fixed_sats",
            1_000,
            discount_currency=currency,
            applies_to_product_id=line.product["id"],
        )
        pen.shows(fiat, "code.fiat")
    _odd(sales)
    wrong = ("2026-12-31T23:00:00-05:00", "2026-12-31T23:00:00+02:00")
    for number, text in enumerate(wrong):
        pen.plant(
            "B-21.code_offset", code_of(pen, f"OFFSET-{number}", "percent", 1, expires_at=text)
        )
    for number, text in enumerate(("next year", "2026-12-31", "")):
        pen.plant("B-21.code", code_of(pen, f"NEVER-{number}", "percent", 1, expires_at=text))
    pen.shows(
        code_of(pen, "ONLY-DESK", "percent", 10_000, applies_to_product_id=sat.product["id"]),
        "code.of_product",
    )


def code_of(pen: Pen, code: str, kind: str, amount: int, **cells: Cell) -> Row:
    """Write a code that nobody used."""
    return pen.put(
        "discount_codes",
        **{
            "id": pen.id(),
            "code": code.upper(),
            "kind": kind,
            "amount": amount,
            "used_count": 0,
            "created_at": pen.ago(200 * DAY),
            "updated_at": pen.ago(100 * DAY),
            **cells,
        },
    )


def redemption_of(
    pen: Pen,
    code: Row,
    invoice: Row,
    license: Row | None,
    status: str,
    *,
    sats: tuple[int, int, int],
) -> Row:
    """Write one use of a code, and count it unless it was cancelled (lifecycles 6.4)."""
    if status != "cancelled":
        code["used_count"] = int(code["used_count"] or 0) + 1
    discount, base, final = sats
    return pen.put(
        "discount_redemptions",
        id=pen.id(),
        code_id=code["id"],
        invoice_id=invoice["id"],
        license_id=None if license is None else license["id"],
        status=status,
        discount_applied_sats=discount,
        base_price_sats=base,
        final_price_sats=final,
        created_at=invoice["created_at"],
        updated_at=invoice["updated_at"],
    )


def _use(sales: Sales, code: Row, amount: int) -> None:
    pen, line = sales.pen, sales.catalog.sat
    policy = line.policies["default"]
    for number in range(6):
        age = (10.0 + number) * DAY
        if code["kind"] == "free_license":
            invoice = sales.free_invoice(line, policy, age)
            license = sales.license(line, policy, age, of=invoice)
            pen.shows(license, "license.free_code")
            redemption = redemption_of(pen, code, invoice, license, "redeemed", sats=(0, 0, 0))
        else:
            final = {"percent": 37_500, "fixed_sats": 49_000, "set_price": 30_000}[
                str(code["kind"])
            ]
            invoice = sales.invoice(line, policy, age, amount_sats=final)
            license = sales.license(line, policy, age, of=invoice)
            redemption = redemption_of(
                pen, code, invoice, license, "redeemed", sats=(50_000 - final, 50_000, final)
            )
        pen.shows(redemption, "redemption.redeemed")
    for status, state, age in (("pending", "pending", 300.0), ("cancelled", "expired", 9 * DAY)):
        invoice = sales.invoice(line, policy, age, status=state, amount_sats=45_000)
        redemption = redemption_of(pen, code, invoice, None, status, sats=(5_000, 50_000, 45_000))
        pen.shows(redemption, f"redemption.{status}")


def _scoped(sales: Sales) -> None:
    pen, line = sales.pen, sales.catalog.sat
    product, pro, team = line.product["id"], line.policies["pro"]["id"], line.policies["team"]["id"]
    one = code_of(
        pen, "ONE-TIER", "percent", 1_000, applies_to_product_id=product, applies_to_policy_id=pro
    )
    both = code_of(
        pen,
        "ONE-TIER-TWICE",
        "percent",
        1_000,
        applies_to_product_id=product,
        applies_to_policy_id=pro,
        applies_to_policy_ids_json=json.dumps([pro]),
    )
    many = code_of(
        pen,
        "TWO-TIERS",
        "set_price",
        1_000,
        applies_to_product_id=product,
        applies_to_policy_ids_json=json.dumps([pro, team]),
        featured=1,
        max_uses=5,
    )
    none = code_of(pen, "NO-TIER", "percent", 1, applies_to_product_id=product)
    none["applies_to_policy_ids_json"] = "[]"
    pen.shows(one, "code.of_policy")
    pen.shows(both, "code.of_policy")
    pen.shows(many, "code.of_policies", "code.featured", "code.limited")
    some = json.dumps([pro, pen.id()])
    gone = json.dumps([pen.id(), pen.id()])
    for number, ids in enumerate((some, gone)):
        dangling = code_of(
            pen,
            f"DANGLING-{number}",
            "percent",
            500,
            applies_to_product_id=product,
            applies_to_policy_ids_json=ids,
        )
        pen.plant("B-16.code", dangling)
        if ids is gone:
            # Nothing may use this one any more; it must not become good for every tier.
            pen.plant("B-16.emptied", dangling)


def _ended(pen: Pen) -> None:
    pen.shows(code_of(pen, "OVER", "percent", 1, expires_at="2026-01-01T00:00:00Z"), "code.expired")
    pen.shows(code_of(pen, "OFF", "percent", 1, active=0), "code.inactive")
    used = code_of(pen, "USED-UP", "percent", 1, max_uses=3, used_count=3)
    pen.plant("odd.used_count", used)


def _odd(sales: Sales) -> None:
    pen, policy = sales.pen, sales.catalog.sat.policies["pro"]
    leaked = code_of(pen, "LEAKED", "percent", 1_000, max_uses=10, used_count=7)
    pen.plant("odd.used_count", leaked)
    pen.plant("odd.max_uses", code_of(pen, "NO-USES", "percent", 1, max_uses=0))
    alone = code_of(pen, "TIER-ALONE", "percent", 1, applies_to_policy_id=policy["id"])
    pen.plant("odd.policy_without_product", alone)
    full = code_of(pen, "FREE-AT-FULL-PRICE", "free_license", 0)
    line = sales.catalog.sat
    invoice = sales.invoice(line, line.policies["default"], 12 * DAY)
    license = sales.license(line, line.policies["default"], 12 * DAY, of=invoice)
    # The paid path gave nothing for such a code and burnt a use of it.
    paid = redemption_of(pen, full, invoice, license, "redeemed", sats=(0, 50_000, 50_000))
    pen.plant("D15.redemption", paid)
    late_code = code_of(pen, "LATE", "percent", 1_000, max_uses=1)
    late = sales.invoice(line, line.policies["default"], 20 * DAY, amount_sats=45_000)
    sold = sales.license(line, line.policies["default"], 20 * DAY, of=late)
    lost = redemption_of(pen, late_code, late, None, "cancelled", sats=(5_000, 50_000, 45_000))
    pen.plant("D17.redemption", lost)
    pen.shows(sold, "license.paid_late")
