"""Rows of licenses, machines and invoices that only defects of the earlier server leave behind.

A defect is named as lifecycles 15 or admin-api 8 name it; ``odd`` is what the old columns allowed.
"""

import json
from typing import Final

from tests.support.earlier.pen import DAY, Row
from tests.support.earlier.sales import Sales
from tests.support.earlier.tiers import change_of

GARBAGE: Final = ("never", "2027-01-01", "31.12.2027", "", "2027-02-30T00:00:00Z", "1798761600")
OFFSETS: Final = (
    "2027-01-01T02:00:00+02:00",
    "2026-12-31T19:00:00.25-05:00",
    "2027-01-01t00:00:00z",
)


def write_defects(sales: Sales) -> None:
    """Write them all but those of subscriptions."""
    _expiries(sales)
    _entitlements(sales)
    _seats(sales)
    _invoices(sales)
    _tier_changes(sales)
    _tips(sales)


def _expiries(sales: Sales) -> None:
    line = sales.catalog.sat
    for text in GARBAGE:
        license = sales.license(line, line.policies["default"], 70 * DAY, expires_at=text)
        sales.pen.plant("B-21.license", license)
    for text in OFFSETS:
        license = sales.license(line, line.policies["default"], 70 * DAY, expires_at=text)
        sales.pen.plant("B-21.license_offset", license)


def _entitlements(sales: Sales) -> None:
    """Write lists that no key can hold: the server noticed after the row was there."""
    line = sales.catalog.eur
    for many in ([f"e{number}" for number in range(256)], ["x" * 256]):
        license = sales.license(
            line, line.policies["default"], 60 * DAY, entitlements_json=json.dumps(many)
        )
        sales.pen.plant("D34.license", license)
    for few in (["", "pro"], [" "], ["pro, team"], [" pro ", "a\nb", "\u200b"], ["pro", "pro"]):
        license = sales.license(
            line, line.policies["default"], 60 * DAY, entitlements_json=json.dumps(few)
        )
        sales.pen.plant("odd.entitlements", license)


def _seats(sales: Sales) -> None:
    pen, line = sales.pen, sales.catalog.sat
    single, three = line.policies["default"], line.policies["pro"]
    for name in ("kicked-1", "kicked-2"):
        license = sales.license(line, single, 80 * DAY, fingerprint=name)
        sales.machine(
            license,
            name,
            70 * DAY,
            deactivated_at=pen.ago(DAY),
            deactivation_reason="admin deactivate",
        )
        pen.plant("B-20.license", license)
    other = sales.license(line, single, 80 * DAY, fingerprint="the lock")
    sales.machine(other, "another machine", 70 * DAY)
    pen.plant("odd.lock_of_another", other)
    activated = sales.license(line, single, 80 * DAY)
    sales.machine(activated, "activated, never validated", 70 * DAY)
    pen.plant("D20.license", activated)
    crowded = sales.license(line, three, 80 * DAY)
    for seat in range(5):
        sales.machine(crowded, f"crowd-{seat}", 70 * DAY)
    pen.plant("D21.license", crowded)
    twins = sales.license(line, single, 80 * DAY, fingerprint="twin-a")
    for name in ("twin-a", "twin-b"):
        sales.machine(twins, name, 70 * DAY)
    pen.plant("D21.license", twins)
    negative = sales.license(line, single, 80 * DAY, max_machines=-1)
    negative["grace_seconds"] = -5
    pen.plant("odd.negative_seats", negative)
    silent = sales.machine(negative, "never heard of", 70 * DAY, last_heartbeat_at=None)
    pen.plant("odd.no_heartbeat", silent)


def _invoices(sales: Sales) -> None:
    pen, line = sales.pen, sales.catalog.sat
    default = line.policies["default"]
    for settled in (
        sales.invoice(line, default, 33 * DAY, buyer_email="waiting@example.com"),
        sales.invoice(sales.catalog.usd, sales.catalog.usd.policies["pro"], 22 * DAY),
        sales.invoice(line, None, 11 * DAY),
    ):
        pen.plant("D12.invoice", settled)
    reversed_by_webhook = sales.invoice(line, default, 44 * DAY, status="expired")
    pen.plant("D11.invoice", reversed_by_webhook)
    sales.license(line, default, 44 * DAY, of=reversed_by_webhook)
    forgotten = sales.invoice(line, default, 8 * DAY, status="pending", payment_provider_id=None)
    pen.plant("D44.invoice", forgotten)
    tiny = sales.invoice(sales.catalog.usd, sales.catalog.usd.policies["default"], 15 * DAY)
    tiny.update(amount_sats=0, listed_value=1)
    sales.license(sales.catalog.usd, sales.catalog.usd.policies["default"], 15 * DAY, of=tiny)
    pen.plant("D49.invoice", tiny)
    unknown = sales.invoice(line, default, 16 * DAY, status="Processing")
    pen.plant("odd.invoice_status", unknown)
    pen.plant("odd.license_status", sales.license(line, default, 16 * DAY, status="paused"))


def _tier_changes(sales: Sales) -> None:
    pen, line = sales.pen, sales.catalog.sat
    default, pro, team = (line.policies[slug] for slug in ("default", "pro", "team"))
    # A comp from A to B, then a paid change from B to C: the renewal would undo the latter.
    moved = sales.license(line, team, 90 * DAY, of=sales.invoice(line, default, 90 * DAY))
    comp = change_of(sales, moved, default, pro, age=60 * DAY)
    invoice = sales.invoice(line, team, 30 * DAY)
    change_of(sales, moved, pro, team, age=30 * DAY, actor="buyer", invoice_id=invoice["id"])
    pen.plant("D5.tier_change", comp)
    back = sales.license(line, default, 90 * DAY)
    for number, (old, new) in enumerate(
        ((default, pro), (pro, default), (default, pro), (pro, default))
    ):
        pen.plant("D5.tier_change", change_of(sales, back, old, new, age=(50 - number) * DAY))
    for statuses in (("pending", "pending"), ("expired", "pending"), ("settled", "pending")):
        doubled = sales.license(line, default if "settled" not in statuses else pro, 20 * DAY)
        for number, status in enumerate(statuses):
            due = sales.invoice(line, pro, (5 - number) * DAY, status=status)
            change = change_of(
                sales,
                doubled,
                default,
                pro,
                age=(5 - number) * DAY,
                actor="buyer",
                proration_charge_value=50_000,
                invoice_id=due["id"],
            )
            pen.plant("D38.tier_change", change)
    # The reconciler made a license of a paid change, and left the change undone.
    original = sales.license(line, default, 50 * DAY)
    paid = sales.invoice(line, pro, 25 * DAY)
    undone = change_of(
        sales, original, default, pro, age=25 * DAY, actor="buyer", invoice_id=paid["id"]
    )
    pen.plant("D4.license", sales.license(line, pro, 25 * DAY, of=paid))
    pen.plant("D4.tier_change", undone)
    sideways = sales.license(line, pro, 50 * DAY)
    pen.plant("odd.change_to_same", change_of(sales, sideways, pro, pro, age=10 * DAY))


def _tips(sales: Sales) -> None:
    """Write two tips for one license, of which a duplicate delivery made the second."""
    pen, line = sales.pen, sales.catalog.sat
    policy = line.policies["tipping"]
    for outcomes in (("sent", "failed"), ("failed", "sent"), ("sent", "sent")):
        license = sales.license(line, policy, 40 * DAY, of=sales.invoice(line, policy, 40 * DAY))
        for status in outcomes:
            tip: Row = pen.put(
                "tip_attempts",
                id=pen.id(),
                license_id=license["id"],
                policy_id=policy["id"],
                recipient=policy["tip_recipient"],
                amount_sats=1_250,
                pct_bps=250,
                label=None,
                status=status,
                detail=None if status == "sent" else "timeout",
                payment_hash=pen.random.randbytes(32).hex() if status == "sent" else None,
                created_at=license["issued_at"],
            )
            pen.plant("odd.two_tips", tip)
