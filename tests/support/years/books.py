"""What must hold when two years have come to rest: our books, the provider's and the subscribers'.

Plain SQL on our side; the double's memory and what the subscribers received on the other.
"""

from collections import defaultdict
from typing import Any, Final

import apsw
import msgspec

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.invoices import Status
from tests.support.simulation.violation import Violation
from tests.support.years.buyers import Buyer
from tests.support.years.subscriber import URLS, Subscriber

RULES: Final = {
    "a paid invoice without exactly one effect": (
        "SELECT i.id FROM invoices i WHERE i.status = 'settled' AND 1 !="
        " (SELECT count(*) FROM licenses l WHERE l.invoice_id = i.id)"
        " + (SELECT count(*) FROM subscription_cycles c WHERE c.invoice_id = i.id"
        "    AND c.settled_at IS NOT NULL AND c.cycle_number > 1)"
        " + (SELECT count(*) FROM tier_changes t WHERE t.invoice_id = i.id"
        "    AND t.applied_at IS NOT NULL)"
    ),
    "an effect of an invoice that nobody paid": (
        "SELECT i.id FROM invoices i WHERE i.status != 'settled' AND"
        " (EXISTS (SELECT 1 FROM licenses l WHERE l.invoice_id = i.id)"
        " OR EXISTS (SELECT 1 FROM subscription_cycles c WHERE c.invoice_id = i.id"
        "    AND c.settled_at IS NOT NULL)"
        " OR EXISTS (SELECT 1 FROM tier_changes t WHERE t.invoice_id = i.id"
        "    AND t.applied_at IS NOT NULL))"
    ),
    "a license issued for a cycle or a change of tier": (
        "SELECT l.id FROM licenses l WHERE"
        " EXISTS (SELECT 1 FROM tier_changes t WHERE t.invoice_id = l.invoice_id)"
        " OR EXISTS (SELECT 1 FROM subscription_cycles c WHERE c.invoice_id = l.invoice_id"
        "    AND c.cycle_number > 1)"
    ),
    "an invoice whose effect and status disagree": (
        "SELECT id FROM invoices WHERE (status = 'settled') != (effect_at IS NOT NULL)"
    ),
    "a code whose count is not that of its uses": (
        "SELECT c.code FROM discount_codes c WHERE used_count !="
        " (SELECT count(*) FROM code_redemptions r WHERE r.code_id = c.id"
        "  AND r.status IN ('pending', 'redeemed'))"
    ),
    "a use that was neither paid nor given back": (
        "SELECT id FROM code_redemptions WHERE status = 'pending'"
    ),
    "a redeemed use without its license, or the other way round": (
        "SELECT id FROM code_redemptions WHERE (status = 'redeemed') != (license_id IS NOT NULL)"
    ),
    "a subscription with two open cycles": (
        "SELECT subscription_id FROM subscription_cycles"
        " WHERE settled_at IS NULL AND superseded_at IS NULL"
        " GROUP BY subscription_id HAVING count(*) > 1"
    ),
    "cycles that are not numbered one after the other": (
        "SELECT subscription_id FROM subscription_cycles WHERE settled_at IS NOT NULL"
        " GROUP BY subscription_id"
        " HAVING min(cycle_number) != 1 AND count(*) > 0 OR max(cycle_number) != count(*)"
    ),
    "a license of a recurring tier without its subscription": (
        "SELECT l.id FROM licenses l JOIN policies p ON p.id = l.policy_id"
        " WHERE p.is_recurring = 1"
        " AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.license_id = l.id)"
    ),
    "a subscription that is billed though nobody paid it past its grace": (
        "SELECT id FROM subscriptions WHERE status IN ('active', 'past_due') AND listed_value > 0"
        " AND next_renewal_at + grace_period_days * 86400 < :now - 86400"
    ),
    "a subscription that ended and is still looked at": (
        "SELECT id FROM subscriptions WHERE status IN ('lapsed', 'cancelled')"
        " AND next_action_at IS NOT NULL"
    ),
    "a broken foreign key": 'SELECT "table" || rowid FROM pragma_foreign_key_check',
}
"""Each finds rows that must not exist."""

OVERUSED: Final = (
    "SELECT c.code, c.used_count - c.max_uses, (SELECT count(*) FROM audit_log a"
    " WHERE a.action = 'code.redeemed' AND json_extract(a.details, '$.code') = c.code"
    " AND json_extract(a.details, '$.reopened') = 1)"
    " FROM discount_codes c WHERE c.used_count > c.max_uses"
)
"""Codes beyond their cap, and how many of their uses were paid after they had been given back."""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What two years came to."""

    sats: int
    invoices: int
    licenses: int
    renewals: int
    lapsed: int
    cancelled: int
    changes: int
    redemptions: int
    deliveries: int
    dead: int


def check_rows(db: apsw.Connection, now: int) -> None:
    """Check every rule over all our rows."""
    for rule, sql in RULES.items():
        found = db.execute(sql, {"now": now} if ":now" in sql else None).fetchall()
        if found:
            raise Violation(f"{rule}: {len(found)} of them, such as {found[0][0]}")
    overused: list[tuple[Any, ...]] = db.execute(OVERUSED).fetchall()
    for code, beyond, reopened in overused:
        if beyond > reopened:
            raise Violation(f"{code} was used {beyond} times too often, {reopened} of them late")


def check_money(db: apsw.Connection, fake: FakeBTCPay, buyers: list[Buyer]) -> None:
    """Demand that each buyer's money at the provider is that buyer's money in our books."""
    settled = (
        "SELECT buyer_email, sum(amount_sats) FROM invoices WHERE status = 'settled'"
        " GROUP BY buyer_email"
    )
    rows: list[tuple[Any, ...]] = db.execute(settled).fetchall()
    ours: dict[str, int] = defaultdict(int, dict(rows))
    theirs: dict[str, int] = defaultdict(int)
    for buyer in buyers:
        for link in buyer.spent:
            invoice = fake.invoice(link)
            if invoice.status is Status.SETTLED:
                theirs[buyer.email] += invoice.due_sats or 0
    for email in sorted({*ours, *theirs}):
        if ours[email] != theirs[email]:
            raise Violation(f"{email} paid {theirs[email]} sats, our books have {ours[email]}")
    there = sum(one.due_sats or 0 for one in fake.invoices() if one.status is Status.SETTLED)
    if there != sum(ours.values()):
        raise Violation(f"the provider has {there} sats, our books {sum(ours.values())}")


def check_deliveries(db: apsw.Connection, subscriber: Subscriber) -> None:
    """Demand that every event reached every endpoint, byte for byte, or was given up by the book."""
    rows = db.execute(
        "SELECT d.id, e.url, d.delivered_at, d.next_attempt_at, d.attempts, o.body"
        " FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id"
        " JOIN outbox o ON o.id = d.event_id"
    )
    for id_, url, delivered_at, next_attempt_at, attempts, body in rows:
        if delivered_at is not None:
            if subscriber.received[url].get(id_) != body.encode():
                raise Violation(f"delivery {id_} counts as delivered, and never came")
        elif next_attempt_at is not None or attempts < 10:
            raise Violation(f"delivery {id_} is neither delivered nor dead")
    published = "SELECT count(*) FROM outbox WHERE is_published = 1"
    queued = "SELECT count(*) FROM webhook_deliveries"
    if db.execute(published).get * len(URLS) != db.execute(queued).get:
        raise Violation("an event has no delivery for an endpoint")


def sums_of(db: apsw.Connection) -> Sums:
    """Count what happened."""

    def number(sql: str) -> int:
        return int(db.execute(sql).get or 0)

    return Sums(
        sats=number("SELECT sum(amount_sats) FROM invoices WHERE status = 'settled'"),
        invoices=number("SELECT count(*) FROM invoices"),
        licenses=number("SELECT count(*) FROM licenses"),
        renewals=number(
            "SELECT count(*) FROM subscription_cycles"
            " WHERE settled_at IS NOT NULL AND cycle_number > 1"
        ),
        lapsed=number("SELECT count(*) FROM outbox WHERE event_type = 'subscription.lapsed'"),
        cancelled=number("SELECT count(*) FROM subscriptions WHERE status = 'cancelled'"),
        changes=number("SELECT count(*) FROM tier_changes WHERE applied_at IS NOT NULL"),
        redemptions=number("SELECT count(*) FROM code_redemptions WHERE status = 'redeemed'"),
        deliveries=number("SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NOT NULL"),
        dead=number(
            "SELECT count(*) FROM webhook_deliveries"
            " WHERE delivered_at IS NULL AND next_attempt_at IS NULL"
        ),
    )
