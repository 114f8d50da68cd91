"""What must hold when everything has come to rest, over every row there is."""

from collections.abc import Iterable, Mapping
from typing import Final

from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.limits import RECEIPT_DAYS, RECONCILE_DAYS
from keysat_core.signing import Verifier
from tests.support.simulation.book import Book
from tests.support.simulation.payments import SimulatedService
from tests.support.simulation.stage import Stage
from tests.support.simulation.violation import Violation

SQL_RULES: Final = {
    "a settled invoice without exactly one license": (
        "SELECT id FROM invoices WHERE status = 'settled'"
        " AND (SELECT count(*) FROM licenses WHERE invoice_id = invoices.id) != 1"
    ),
    "a license of an unsettled invoice": (
        "SELECT l.id FROM licenses l JOIN invoices i ON i.id = l.invoice_id"
        " WHERE i.status != 'settled'"
    ),
    "an invoice whose effect and status disagree": (
        "SELECT id FROM invoices WHERE (status = 'settled') != (effect_at IS NOT NULL)"
        " OR (status = 'settled') != (settled_at IS NOT NULL)"
    ),
    "more live machines than seats": (
        "SELECT l.id FROM licenses l WHERE max_machines > 0 AND max_machines <"
        " (SELECT count(*) FROM machines WHERE license_id = l.id AND deactivated_at IS NULL)"
    ),
    "two live machines with one fingerprint": (
        "SELECT license_id FROM machines WHERE deactivated_at IS NULL"
        " GROUP BY license_id, fingerprint_hash HAVING count(*) > 1"
    ),
    "a webhook that is not looked at when it is due": (
        "SELECT id FROM webhook_receipts WHERE outcome = 'noted'"
        " AND coalesce(next_look_at, received_at) <= :now"
    ),
    "a webhook that is looked at for nothing": (
        "SELECT r.id FROM webhook_receipts r JOIN invoices i ON i.id = r.invoice_id"
        " WHERE r.outcome = 'noted' AND r.looks > 3"
        " AND (r.claim IS NOT 'settled' OR (i.status = 'settled' AND i.settled_at < :now - 86400))"
    ),
    "a broken foreign key": 'SELECT "table" || rowid FROM pragma_foreign_key_check',
    "a damaged file": (
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check != 'ok'"
    ),
}
"""Each finds rows that must not exist."""

COUNTS: Final = {
    "license.issued": "SELECT count(*) FROM licenses",
    "invoice.paid": "SELECT count(*) FROM invoices WHERE status = 'settled'",
    "invoice.settled": "SELECT count(*) FROM invoices WHERE status = 'settled'",
    "machine.activated": "SELECT count(*) FROM machines",
    "machine.deactivated": "SELECT count(*) FROM machines WHERE deactivated_at IS NOT NULL",
    "license.revoked": "SELECT count(*) FROM licenses WHERE status = 'revoked'",
}
"""An event for each of these, and no event without one."""


def check_all(book: Book, stage: Stage, keys: Iterable[str], verifier: Verifier) -> None:
    """Check every rule that holds whenever the workers have done what is due, over all rows."""
    for rule, sql in SQL_RULES.items():
        found = book.rows(sql, {"now": stage.now} if ":now" in sql else ())
        if found:
            raise Violation(f"{rule}: {found[:3]}")
    for event_type, sql in COUNTS.items():
        events = book.db.execute(
            "SELECT count(*) FROM outbox WHERE event_type = ?", (event_type,)
        ).get
        rows = book.db.execute(sql).get
        if events != rows:
            raise Violation(f"{events} events {event_type} for {rows} rows")
    for key in keys:
        verifier.verify(key)


def check_paid_are_settled(
    book: Book, service: SimulatedService, stage: Stage, *, before: int
) -> None:
    """Demand that whatever was paid by an instant has its license, as far as anybody looks back."""
    oldest = stage.now - (RECONCILE_DAYS - 1) * DAY_SECONDS
    for sale in service.sales.values():
        if sale.settled_at is None or sale.settled_at > before:
            continue
        invoice_id = sale.truth.order.invoice_id
        seen = book.invoices[invoice_id]
        is_linked = seen.provider_invoice_id in {None, sale.truth.id}
        if is_linked and seen.status != "settled" and book.opened_at[invoice_id] > oldest:
            raise Violation(f"invoice {invoice_id} was paid and is still {seen.status}")


def check_told_are_settled(
    book: Book, service: SimulatedService, stage: Stage, told_at: Mapping[str, int]
) -> None:
    """Demand that a payment we were told of has its license, however old its invoice is.

    A clock that was wrong since, or a month since, may have cleared the webhook away. A service
    that answered what was true before the payment excuses nothing: a claim of a payment is looked
    at again until it is true or its receipt is too old.
    """
    for id_, at in told_at.items():
        sale = service.sales.get(id_)
        if sale is None or sale.settled_at is None or sale.settled_at > at:
            continue
        invoice_id = sale.truth.order.invoice_id
        seen = book.invoices[invoice_id]
        is_kept = stage.now - at < (RECEIPT_DAYS - 1) * DAY_SECONDS and stage.clock_wrong_at < at
        is_linked = seen.provider_invoice_id == id_
        if is_linked and is_kept and seen.status != "settled":
            raise Violation(f"invoice {invoice_id} was paid, we were told, and it is {seen.status}")


def check_none_waits(book: Book, stage: Stage) -> None:
    """Demand that no invoice waits longer than invoices are looked at."""
    oldest = stage.now - (RECONCILE_DAYS + 1) * DAY_SECONDS
    waiting = book.db.execute(
        "SELECT id FROM invoices WHERE status = 'pending' AND created_at < ?", (oldest,)
    ).fetchall()
    if waiting:
        raise Violation(f"invoices wait for ever: {waiting[:3]}")
