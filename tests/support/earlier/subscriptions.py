"""Subscriptions of the earlier shop: of every status, paid at both kinds of account."""

from datetime import timedelta
from typing import Final

from tests.support.earlier.catalog import Line
from tests.support.earlier.pen import DAY, NOW, Cell, Row
from tests.support.earlier.sales import Sales, price_of

STATUSES: Final = ("active", "past_due", "cancelled", "lapsed")
CURRENCIES: Final = ("SAT", "USD", "EUR")


def write_subscriptions(sales: Sales) -> None:
    """Write subscriptions that did nothing wrong."""
    for number in range(48):
        line = sales.catalog.priced(CURRENCIES[number // 4 % 3])
        kind = ("btcpay", "zaprite")[number // 12 % 2]
        _subscribed(sales, line, STATUSES[number % 4], kind, cycles=1 + number % 5)
    for _ in range(3):
        _in_trial(sales)
    for _ in range(2):
        _free(sales)


def subscription_of(
    sales: Sales,
    line: Line,
    policy: Row,
    license: Row,
    *,
    age: float,
    kind: str = "btcpay",
    **cells: Cell,
) -> Row:
    """Write the subscription of a license, with the price its policy has."""
    pen, period = sales.pen, int(policy["renewal_period_days"] or 1)
    account = sales.provider_of(line, kind)
    return pen.put(
        "subscriptions",
        **{
            "id": pen.id(),
            "license_id": license["id"],
            "policy_id": policy["id"],
            "product_id": line.product["id"],
            "period_days": period,
            "listed_currency": line.product["price_currency"],
            "listed_value": price_of(line, policy),
            "status": "active",
            "started_at": pen.ago(age),
            "next_renewal_at": pen.spelled(NOW + timedelta(days=period - 3)),
            "created_at": pen.ago(age),
            "updated_at": pen.ago(min(age, 3 * DAY)),
            "merchant_profile_id": account["merchant_profile_id"],
            "payment_provider_id": account["id"],
            **cells,
        },
    )


def cycle_of(
    sales: Sales,
    subscription: Row,
    invoice: Row,
    number: int,
    *,
    age: float,
    days: float | None = None,
) -> Row:
    """Write the link from a subscription to the invoice of one cycle, which began so long ago."""
    pen = sales.pen
    length = days if days is not None else int(subscription["period_days"] or 1)
    return pen.put(
        "subscription_invoices",
        id=pen.id(),
        subscription_id=subscription["id"],
        invoice_id=invoice["id"],
        cycle_number=number,
        cycle_start_at=pen.ago(age),
        cycle_end_at=pen.spelled(NOW - timedelta(seconds=age) + timedelta(days=length)),
        created_at=pen.ago(age),
    )


def _subscribed(sales: Sales, line: Line, status: str, kind: str, *, cycles: int) -> None:
    pen, policy = sales.pen, line.policies["monthly"]
    age = (30 * (cycles - 1) + 3) * DAY
    email = "subscriber@example.com"
    first = sales.invoice(line, policy, age, kind=kind, buyer_email=email)
    license = sales.license(line, policy, age, of=first)
    subscription = subscription_of(sales, line, policy, license, age=age, kind=kind, status=status)
    pen.shows(license, "license.subscribed")
    features = [f"subscription.{status}", f"subscription.{line.product['price_currency']}"]
    pen.shows(subscription, *features, f"subscription.at_{kind}")
    cycle_of(sales, subscription, first, 1, age=age)
    for number in range(2, cycles + 1):
        at = age - 30 * DAY * (number - 1)
        is_open = status in {"past_due", "lapsed"} and number == cycles
        # Renewals carry no account (D37).
        invoice = sales.invoice(
            line, policy, at, status="pending" if is_open else "settled", payment_provider_id=None
        )
        pen.shows(invoice, "invoice.renewal")
        pen.plant("D37.invoice", invoice)
        cycle_of(sales, subscription, invoice, number, age=at)
    if cycles > 1:
        subscription["last_renewal_attempt_at"] = pen.ago(3 * DAY)
    if status == "cancelled":
        subscription["cancelled_at"] = pen.ago(DAY)
        subscription["cancellation_reason"] = "zu teuer" if cycles % 2 else None
        subscription["next_renewal_at"] = None if cycles == 3 else subscription["next_renewal_at"]
    if status == "past_due" and cycles == 1:
        subscription["consecutive_failures"] = 2
    if kind == "zaprite":
        _save_card(sales, subscription)


def _save_card(sales: Sales, subscription: Row) -> None:
    pen = sales.pen
    subscription["zaprite_contact_id"] = f"ct_{pen.random.randbytes(8).hex()}"
    subscription["zaprite_payment_profile_id"] = f"pp_{pen.random.randbytes(8).hex()}"
    subscription["zaprite_payment_profile_method"] = "CARD"
    subscription["zaprite_payment_profile_expires_at"] = "2027-11-30T23:59:59.000Z"
    pen.shows(subscription, "subscription.saved_card")


def _in_trial(sales: Sales) -> None:
    """Write a subscription whose first cycle is a trial; its price was mended by hand."""
    line = sales.catalog.sat
    policy = line.policies["yearly"]
    invoice = sales.free_invoice(line, policy, 5 * DAY)
    license = sales.license(line, policy, 5 * DAY, of=invoice)
    ends = sales.pen.spelled(NOW + timedelta(days=9))
    subscription = subscription_of(sales, line, policy, license, age=5 * DAY, next_renewal_at=ends)
    cycle_of(sales, subscription, invoice, 1, age=5 * DAY)
    sales.pen.shows(subscription, "subscription.trial")


def _free(sales: Sales) -> None:
    """Write a subscription that truly costs nothing, which is no defect."""
    line = sales.catalog.sat
    policy = line.policies["free-month"]
    invoice = sales.free_invoice(line, policy, 12 * DAY)
    license = sales.license(line, policy, 12 * DAY, of=invoice)
    subscription = subscription_of(sales, line, policy, license, age=12 * DAY)
    cycle_of(sales, subscription, invoice, 1, age=12 * DAY)
    sales.pen.shows(subscription, "subscription.free")
