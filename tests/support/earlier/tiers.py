"""Changes of tier in the earlier shop: given, paid, waiting for their day or for their money."""

from datetime import timedelta

from tests.support.earlier.pen import DAY, NOW, Cell, Row
from tests.support.earlier.sales import Sales
from tests.support.earlier.subscriptions import cycle_of, subscription_of


def write_tier_changes(sales: Sales) -> None:
    """Write changes that did nothing wrong."""
    line = sales.catalog.sat
    default, pro, team = (line.policies[slug] for slug in ("default", "pro", "team"))
    for number in range(4):
        given = sales.license(line, pro, 100 * DAY)
        comp = change_of(sales, given, default, pro, age=(50 + number) * DAY, reason="a friend")
        sales.pen.shows(comp, "tier_change.comp")
        sold = sales.license(line, team, 100 * DAY, of=sales.invoice(line, default, 100 * DAY))
        paid = change_of(
            sales,
            sold,
            default,
            team,
            age=40 * DAY,
            actor="buyer",
            proration_charge_value=200_000,
            invoice_id=_invoice(sales, team, 40 * DAY, "settled")["id"],
        )
        sales.pen.shows(paid, "tier_change.paid")
    waiting = sales.license(line, default, 30 * DAY)
    unpaid = change_of(
        sales,
        waiting,
        default,
        pro,
        age=300,
        actor="buyer",
        proration_charge_value=50_000,
        invoice_id=_invoice(sales, pro, 300, "pending")["id"],
    )
    sales.pen.shows(unpaid, "tier_change.unpaid")
    _scheduled(sales)


def change_of(sales: Sales, license: Row, old: Row, new: Row, *, age: float, **cells: Cell) -> Row:
    """Write one change; what is not said is a comp of the operator, effective at once."""
    at = sales.pen.ago(age)
    return sales.pen.put(
        "tier_changes",
        **{
            "id": sales.pen.id(),
            "license_id": license["id"],
            "from_policy_id": old["id"],
            "to_policy_id": new["id"],
            "direction": "upgrade",
            "listed_currency": sales.catalog.sat.product["price_currency"],
            "effective_at": at,
            "actor": "admin",
            "created_at": at,
            **cells,
        },
    )


def _invoice(sales: Sales, policy: Row, age: float, status: str) -> Row:
    """Write the invoice of a change, which says its price in sats too (lifecycles 7.2)."""
    return sales.invoice(
        sales.catalog.sat,
        policy,
        age,
        status=status,
        listed_currency="SAT",
        listed_value=50_000,
        exchange_rate_source="identity",
    )


def _scheduled(sales: Sales) -> None:
    line = sales.catalog.sat
    monthly, free = line.policies["monthly"], line.policies["free-month"]
    for _ in range(2):
        invoice = sales.invoice(line, monthly, 10 * DAY)
        license = sales.license(line, monthly, 10 * DAY, of=invoice)
        subscription = subscription_of(sales, line, monthly, license, age=10 * DAY)
        cycle_of(sales, subscription, invoice, 1, age=10 * DAY)
        change = change_of(
            sales,
            license,
            monthly,
            free,
            age=DAY,
            direction="downgrade",
            effective_at=sales.pen.spelled(NOW + timedelta(days=20)),
        )
        sales.pen.shows(change, "tier_change.scheduled")
