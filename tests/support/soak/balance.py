"""What must hold when everything has come to rest: our books against the double's own state.

Plain SQL on our side and the double's memory on the other; no adapter of ours is in between.
Discount codes, once there are any, add theirs to ``RULES``: uses are pending and redeemed ones.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import apsw
import msgspec

from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.limits import RECONCILE_DAYS
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.invoices import Additional, Invoice, Status
from tests.support.simulation.violation import Violation
from tests.support.soak.ledger import Ledger

RULES: Final = {
    "a settled invoice without exactly one license": (
        "SELECT i.id FROM invoices i WHERE status = 'settled'"
        " AND (SELECT count(*) FROM licenses WHERE invoice_id = i.id) != 1"
    ),
    "a license of an unsettled invoice": (
        "SELECT l.id FROM licenses l LEFT JOIN invoices i ON i.id = l.invoice_id"
        " WHERE i.status IS NOT 'settled'"
    ),
    "an invoice whose effect and status disagree": (
        "SELECT id FROM invoices WHERE (status = 'settled') != (effect_at IS NOT NULL)"
        " OR (status = 'settled') != (settled_at IS NOT NULL)"
    ),
    "a settled invoice without exactly one event of its payment": (
        "SELECT i.id FROM invoices i LEFT JOIN"
        " (SELECT json_extract(body, '$.data.invoice_id') AS id, count(*) AS n FROM outbox"
        "  WHERE event_type = 'invoice.paid' GROUP BY 1) e ON e.id = i.id"
        " WHERE (i.status = 'settled') != (coalesce(e.n, 0) = 1) OR e.n > 1"
    ),
    "a license without exactly one event of its issue": (
        "SELECT l.id FROM licenses l LEFT JOIN"
        " (SELECT json_extract(body, '$.data.license_id') AS id, count(*) AS n FROM outbox"
        "  WHERE event_type = 'license.issued' GROUP BY 1) e ON e.id = l.id"
        " WHERE coalesce(e.n, 0) != 1"
    ),
    "two of our invoices for one of theirs": (
        "SELECT min(id) FROM invoices WHERE provider_invoice_id IS NOT NULL"
        " GROUP BY provider_invoice_id HAVING count(*) > 1"
    ),
    "a webhook that is not looked at when it is due": (
        "SELECT id FROM webhook_receipts WHERE outcome = 'noted'"
        " AND coalesce(next_look_at, received_at) <= :now"
    ),
    "a broken foreign key": 'SELECT "table" || rowid FROM pragma_foreign_key_check',
    "a damaged file": (
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check != 'ok'"
    ),
}
"""Each finds rows that must not exist."""

SPOKEN: Final = {"audit_log": "details", "outbox": "body"}
"""Columns that people and programs are shown; no secret may be in them."""


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as our books have it."""

    id: str
    status: str
    amount_sats: int
    provider_invoice_id: str | None
    settled_by: str | None


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What both books come to. ``reversed``: settled once, and taken back by the provider since.

    ``late``: accepted though it came late. ``by_hand``: settled here on the operator's word. ``strays``: created there by a call whose answer was
    lost, and never taken up; no buyer has seen a link to one.
    """

    ours: int
    ours_sats: int
    theirs: int
    theirs_sats: int
    reversed: int
    late: int
    by_hand: int
    strays: int


def check_rows(db: apsw.Connection, now: int) -> None:
    """Check every rule over all our rows."""
    for rule, sql in RULES.items():
        found = db.execute(sql, {"now": now} if ":now" in sql else None).fetchall()
        if found:
            raise Violation(f"{rule}: {len(found)} of them, such as {found[0][0]}")


def check_books(db: apsw.Connection, fake: FakeBTCPay, ledger: Ledger) -> Sums:
    """Demand that what they call settled has its effect here, that nothing else has, in sats too."""
    ours = {row.id: row for row in _rows(db)}
    by_theirs = {row.provider_invoice_id: row for row in ours.values()}
    counts: dict[str, int] = defaultdict(int)
    sats: dict[str, int] = defaultdict(int)
    for invoice in fake.invoices():
        mine = by_theirs.get(invoice.id)
        if mine is None:
            _check_stray(invoice, ours)
            counts["strays"] += 1
            continue
        for book in _books_of(mine, invoice, fake, ledger):
            counts[book] += 1
            sats[book] += mine.amount_sats
    booked = db.execute("SELECT sum(amount_sats) FROM invoices WHERE status = 'settled'").get or 0
    if booked != sats["ours"] or booked != sum(
        sats[book] for book in ("theirs", "reversed", "late", "by_hand")
    ):
        raise Violation(f"our books have {booked} sats, and theirs come to {dict(sats)}")
    return Sums(
        ours=counts["ours"],
        ours_sats=sats["ours"],
        theirs=counts["theirs"],
        theirs_sats=sats["theirs"],
        reversed=counts["reversed"],
        late=counts["late"],
        by_hand=counts["by_hand"],
        strays=counts["strays"],
    )


def check_none_waits(db: apsw.Connection, now: int) -> None:
    """Demand that no invoice waits longer than invoices are looked at."""
    oldest = now - (RECONCILE_DAYS + 1) * DAY_SECONDS
    sql = "SELECT id FROM invoices WHERE status = 'pending' AND created_at < ?"
    waiting = db.execute(sql, (oldest,)).fetchall()
    if waiting:
        raise Violation(f"{len(waiting)} invoices wait for ever, such as {waiting[0][0]}")


def check_secrets(db: apsw.Connection, logged: str, secrets: set[str]) -> None:
    """Demand that no key, webhook secret or token was written where people look."""
    for secret in sorted(secrets):
        if secret in logged:
            raise Violation("a secret is in the log")
        for table, column in SPOKEN.items():
            sql = f"SELECT count(*) FROM {table} WHERE instr({column}, ?)"  # noqa: S608  our own names
            if db.execute(sql, (secret,)).get:
                raise Violation(f"a secret is in {table}")


def _rows(db: apsw.Connection) -> list[Ours]:
    sql = "SELECT id, status, amount_sats, provider_invoice_id, settled_by FROM invoices"
    found: list[tuple[Any, ...]] = db.execute(sql).fetchall()
    return [
        Ours(
            id=row[0],
            status=row[1],
            amount_sats=row[2],
            provider_invoice_id=row[3],
            settled_by=row[4],
        )
        for row in found
    ]


def _books_of(mine: Ours, invoice: Invoice, fake: FakeBTCPay, ledger: Ledger) -> Iterator[str]:
    """Say in which books an invoice of both counts."""
    if mine.amount_sats != invoice.due_sats:
        raise Violation(f"invoice {mine.id} costs {mine.amount_sats}, there {invoice.due_sats}")
    is_theirs = invoice.status is Status.SETTLED
    if is_theirs:
        yield "theirs"
    if mine.status == "settled":
        yield "ours"
        if not is_theirs:
            yield _excuse(mine, invoice, fake, ledger)
    elif is_theirs:
        raise Violation(f"invoice {mine.id} was paid and is still {mine.status}")


def _check_stray(invoice: Invoice, ours: dict[str, Ours]) -> None:
    """One that was never taken up has our order's id, and nobody could pay it."""
    if invoice.metadata.get("orderId") not in ours:
        raise Violation(f"{invoice.id} was created for an invoice we do not know")
    if invoice.status is Status.SETTLED or invoice.payments:
        raise Violation(f"{invoice.id} was paid, and none of our invoices is about it")


def _excuse(mine: Ours, invoice: Invoice, fake: FakeBTCPay, ledger: Ledger) -> str:
    """Say why ours is settled though theirs is not, or complain."""
    is_late = invoice.additional is Additional.PAID_LATE and invoice.is_confirmed
    if ledger.accepts_late and is_late:
        return "late"
    if mine.settled_by == "operator" and mine.id in ledger.words:
        return "by_hand"
    was_settled = invoice.id in fake.world.settled_answered_at
    if was_settled and invoice.status is Status.INVALID:
        return "reversed"
    raise Violation(f"invoice {mine.id} is settled, and the provider says {invoice.status}")
