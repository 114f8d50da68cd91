"""Rows of subscriptions that only defects of the earlier server leave behind (lifecycles 15)."""

from tests.support.earlier.catalog import Line
from tests.support.earlier.pen import DAY, Cell, Row
from tests.support.earlier.sales import Sales
from tests.support.earlier.subscriptions import cycle_of, subscription_of
from tests.support.earlier.tiers import change_of


def write_subscription_defects(sales: Sales) -> None:
    """Write them all."""
    for number in range(4):
        _twin(sales, cycles=2 + number % 2)
    _priced_at_nothing(sales)
    _of_ended_licenses(sales)
    _unpaid(sales)
    _stuck(sales)
    _odd(sales)


def _sold(sales: Sales, line: Line, policy: Row, age: float, **cells: Cell) -> tuple[Row, Row]:
    invoice = sales.invoice(line, policy, age)
    license = sales.license(line, policy, age, of=invoice)
    subscription = subscription_of(sales, line, policy, license, age=age)
    subscription.update(cells)
    cycle_of(sales, subscription, invoice, 1, age=age)
    return license, subscription


def _twin(sales: Sales, *, cycles: int) -> None:
    """Let renewals make a second license with a second subscription, which bills as well (D1)."""
    pen, line = sales.pen, sales.catalog.sat
    policy = line.policies["monthly"]
    _, first = _sold(sales, line, policy, 30 * DAY * cycles + DAY)
    for number in range(2, cycles + 1):
        age = 30 * DAY * (cycles - number + 1) + DAY
        renewal = sales.invoice(line, policy, age, payment_provider_id=None)
        cycle_of(sales, first, renewal, number, age=age)
        twin = sales.license(line, policy, age, of=renewal)
        other = subscription_of(sales, line, policy, twin, age=age)
        cycle_of(sales, other, renewal, 1, age=age)
        pen.plant("D1.invoice", renewal)
        pen.plant("D1.license", twin)
        pen.plant("D1.subscription", other)


def _priced_at_nothing(sales: Sales) -> None:
    """Let trials fix the price of every later cycle at nothing (D3)."""
    for line in (sales.catalog.sat, sales.catalog.usd, sales.catalog.eur):
        policy = line.policies["yearly"]
        invoice = sales.free_invoice(line, policy, 40 * DAY)
        license = sales.license(line, policy, 40 * DAY, of=invoice)
        subscription = subscription_of(
            sales, line, policy, license, age=40 * DAY, listed_value=0, listed_currency="SAT"
        )
        cycle_of(sales, subscription, invoice, 1, age=40 * DAY)
        sales.pen.plant("D3.subscription", subscription)


def _of_ended_licenses(sales: Sales) -> None:
    line = sales.catalog.sat
    for status in ("active", "active", "past_due"):
        license, subscription = _sold(
            sales, line, line.policies["monthly"], 20 * DAY, status=status
        )
        license.update(
            status="revoked", revoked_at=sales.pen.ago(DAY), revocation_reason="admin revoke"
        )
        sales.pen.plant("D36.subscription", subscription)
    _, subscription = _sold(sales, line, line.policies["monthly"], 20 * DAY)
    # Money that came late revived it.
    subscription.update(cancelled_at=sales.pen.ago(9 * DAY), cancellation_reason="no more")
    sales.pen.plant("D10.subscription", subscription)


def _unpaid(sales: Sales) -> None:
    """Let invoices pile up, one for each cycle that nobody paid (D6)."""
    pen, line = sales.pen, sales.catalog.sat
    policy = line.policies["monthly"]
    for statuses in (("pending", "pending", "pending"), ("expired", "expired", "pending")):
        _, subscription = _sold(sales, line, policy, 130 * DAY, status="past_due")
        for number, status in enumerate(statuses, start=2):
            age = (130 - 30 * (number - 1)) * DAY
            invoice = sales.invoice(line, policy, age, status=status, payment_provider_id=None)
            link = cycle_of(sales, subscription, invoice, number, age=age)
            pen.plant("D6.cycle", link)
        pen.plant("D6.subscription", subscription)


def _stuck(sales: Sales) -> None:
    pen, sat, usd = sales.pen, sales.catalog.sat, sales.catalog.usd
    _, archived = _sold(
        sales, sat, sat.policies["old-month"], 60 * DAY, next_renewal_at=pen.ago(30 * DAY)
    )
    pen.plant("D8.subscription", archived)
    _, fiat = _sold(sales, usd, usd.policies["monthly"], 31 * DAY, status="past_due")
    fiat.update(
        consecutive_failures=5,
        next_renewal_at=pen.ago(3_600),
        last_renewal_attempt_at=pen.ago(13 * 3_600),
    )
    pen.plant("D9.subscription", fiat)
    pen.plant("D51.subscription", fiat)


def _odd(sales: Sales) -> None:
    pen, line = sales.pen, sales.catalog.sat
    default, monthly = line.policies["default"], line.policies["monthly"]
    # Paid up to a recurring tier, and no subscription came of it.
    upgraded = sales.license(line, monthly, 70 * DAY)
    paid = sales.invoice(line, monthly, 35 * DAY)
    change_of(sales, upgraded, default, monthly, age=35 * DAY, actor="buyer", invoice_id=paid["id"])
    pen.plant("D24.license", upgraded)
    _, no_date = _sold(sales, line, monthly, 15 * DAY, next_renewal_at=None)
    pen.plant("odd.no_renewal_date", no_date)
    _, no_account = _sold(
        sales, line, monthly, 15 * DAY, merchant_profile_id=None, payment_provider_id=None
    )
    pen.plant("odd.no_account", no_account)
    license, point = _sold(sales, line, monthly, 15 * DAY)
    invoice = sales.invoice(line, monthly, 14 * DAY)
    pen.plant("odd.empty_cycle", cycle_of(sales, point, invoice, 2, age=14 * DAY, days=0))
    by_hand = sales.license(line, monthly, 15 * DAY)
    # A subscription put in by hand: it has a card, and no invoice the card was saved with.
    carded = subscription_of(sales, line, monthly, by_hand, age=15 * DAY, kind="zaprite")
    carded.update(zaprite_contact_id="ct_1", zaprite_payment_profile_id="pp_1")
    pen.plant("odd.card_without_invoice", carded)
    pen.features["license.of_subscription"].append(str(license["id"]))
