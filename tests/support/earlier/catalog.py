"""Products of the earlier shop and the policies they are sold under."""

import json
from typing import Final, NamedTuple

from tests.support.earlier.merchants import Merchants
from tests.support.earlier.pen import DAY, Cell, Pen, Row

MONTH: Final = 30 * DAY
YEAR: Final = 365 * DAY
KNOWN_METADATA: Final = {
    "description": "For one desk.",
    "highlight": True,
    "marketing_bullets": ["Signs offline", "Zeichnet überall"],
    "marketing_bullets_position": "below",
    "hidden_entitlements": ["sync"],
    "a key of the operator's own": {"nested": [1, 2.5, None]},
}


class Line(NamedTuple):
    """A product and its policies by their slugs."""

    product: Row
    policies: dict[str, Row]


class Catalog(NamedTuple):
    """What is sold, by the currency of its price."""

    sat: Line
    usd: Line
    eur: Line

    def priced(self, currency: str) -> Line:
        """Give the line that is sold in a currency."""
        return {"SAT": self.sat, "USD": self.usd, "EUR": self.eur}[currency]


def write_catalog(pen: Pen, merchants: Merchants) -> Catalog:
    """Write three lines that sell, and products that only old servers let in."""
    sat = _line(pen, "desk", "SAT", 50_000, catalog=["pro", "sync", "cloud_export"])
    usd = _line(pen, "studio", "USD", 4_900, catalog=["pro", "sync", "team"])
    usd.product["merchant_profile_id"] = merchants.second["id"]
    eur = _line(pen, "atlas", "EUR", 1_900, catalog=None)
    for line in (sat, usd, eur):
        pen.shows(line.product, f"product.{line.product['price_currency']}")
    pen.shows(sat.product, "product.catalog")
    pen.shows(eur.product, "product.without_catalog")
    pen.shows(usd.product, "product.of_profile")
    _odd_products(pen)
    _odd_policies(pen, sat)
    return Catalog(sat, usd, eur)


def policy_of(pen: Pen, product: Row, slug: str, **cells: Cell) -> Row:
    """Write a policy; what is not said is as the columns have it."""
    return pen.put(
        "policies",
        **{
            "id": pen.id(),
            "product_id": product["id"],
            "name": slug.replace("-", " ").title(),
            "slug": slug,
            "created_at": pen.ago(390 * DAY),
            "updated_at": pen.ago(pen.random.randrange(390 * DAY)),
            **cells,
        },
    )


def product_of(pen: Pen, slug: str, **cells: Cell) -> Row:
    """Write a product; the mirror of its price is as the server writes it."""
    value = cells.get("price_value", 1_000)
    return pen.put(
        "products",
        **{
            "id": pen.id(),
            "slug": slug,
            "name": slug.title(),
            "description": f"{slug} does things.",
            "price_sats": value if cells.get("price_currency", "SAT") == "SAT" else 0,
            "price_value": value,
            "created_at": pen.ago(400 * DAY),
            "updated_at": pen.ago(pen.random.randrange(390 * DAY)),
            **cells,
        },
    )


def _line(pen: Pen, slug: str, currency: str, price: int, *, catalog: list[str] | None) -> Line:
    rows = None
    if catalog is not None:
        rows = json.dumps(
            [{"slug": s, "name": s.replace("_", " "), "description": ""} for s in catalog]
        )
    product = product_of(
        pen,
        slug,
        price_currency=currency,
        price_value=price,
        entitlements_catalog_json=rows,
        metadata_json=json.dumps({"vendor": "Lantern", "nested": {"a": [1, "ü"]}}),
    )
    granted = json.dumps(["pro", "sync"])
    wanted: dict[str, tuple[str, dict[str, Cell]]] = {
        "default": ("policy.plain", {"tier_rank": 1}),
        "pro": (
            "policy.ranked",
            {
                "duration_seconds": YEAR,
                "grace_seconds": 7 * DAY,
                "max_machines": 3,
                "price_sats_override": 2 * price,
                "price_value_override": 2 * price,
                "entitlements_json": granted,
                "metadata_json": json.dumps(KNOWN_METADATA, ensure_ascii=False),
                "tier_rank": 2,
            },
        ),
        "team": (
            "policy.unlimited_seats",
            {
                "max_machines": 0,
                "price_sats_override": 5 * price,
                "entitlements_json": granted,
                "tier_rank": 3,
            },
        ),
        "monthly": (
            "policy.recurring",
            {
                "is_recurring": 1,
                "renewal_period_days": 30,
                "duration_seconds": 35 * DAY,
                "max_machines": 2,
                "price_sats_override": price // 10,
                "entitlements_json": granted,
                "tier_rank": 4,
            },
        ),
        "yearly": (
            "policy.recurring_with_trial",
            {
                "is_recurring": 1,
                "renewal_period_days": 365,
                "grace_period_days": 14,
                "trial_days": 14,
                "duration_seconds": YEAR,
                "price_sats_override": price,
                "tier_rank": 5,
            },
        ),
        "free-month": (
            "policy.recurring_free",
            {"is_recurring": 1, "renewal_period_days": 30, "price_sats_override": 0},
        ),
        "trial": (
            "policy.trial",
            {"is_trial": 1, "duration_seconds": 14 * DAY, "price_sats_override": 0},
        ),
        "tipping": (
            "policy.tip",
            {"tip_recipient": "dev@lightning.example", "tip_pct_bps": 250, "tip_label": "Library"},
        ),
        "hidden": ("policy.not_public", {"public": 0, "entitlements_json": '["pro"]'}),
        "inactive": ("policy.inactive", {"active": 0}),
        "old-month": (
            "policy.archived",
            {"is_recurring": 1, "renewal_period_days": 30, "archived_at": pen.ago(50 * DAY)},
        ),
    }
    policies = {
        key: pen.shows(policy_of(pen, product, key, **cells), feature)
        for key, (feature, cells) in wanted.items()
    }
    return Line(product, policies)


def _odd_products(pen: Pen) -> None:
    pen.shows(product_of(pen, "shelved", active=0), "product.inactive")
    nameless = product_of(pen, "Mi Producto!", name="")
    policy_of(pen, nameless, "default")
    pen.plant("B-36.product", nameless)
    unreadable = product_of(pen, "unreadable-catalog", entitlements_catalog_json="[{")
    pen.plant("odd.catalog", unreadable)
    entries = [{"slug": "Cloud Sync", "name": "", "description": ""}]
    backfilled = product_of(pen, "backfilled", entitlements_catalog_json=json.dumps(entries))
    pen.plant("D48.product", backfilled)
    pen.plant("odd.price_mirror", product_of(pen, "mirror", price_value=2_000, price_sats=1_500))


def _odd_policies(pen: Pen, line: Line) -> None:
    wanted: tuple[tuple[str, str, dict[str, Cell]], ...] = (
        ("B-36.policy", "", {"name": ""}),
        ("B-36.policy", "Größer & Besser", {"name": "x" * 300}),
        ("odd.negative_price", "negative-price", {"price_sats_override": -500}),
        ("odd.negative_seats", "negative-seats", {"max_machines": -1}),
        ("odd.metadata", "metadata-list", {"metadata_json": '[1, "x"]'}),
        ("odd.metadata", "metadata-text", {"metadata_json": '"text"'}),
        ("odd.period", "no-period", {"is_recurring": 1, "renewal_period_days": None}),
        ("odd.tip", "tip-of-nothing", {"tip_recipient": "x@y.example", "tip_pct_bps": 0}),
        ("odd.tip", "tip-to-nobody", {"tip_pct_bps": 100, "tip_label": "Nobody"}),
    )
    for defect, slug, cells in wanted:
        pen.plant(defect, policy_of(pen, line.product, slug, **{"active": 0, **cells}))
