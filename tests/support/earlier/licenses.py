"""Licenses of the earlier shop: of every status and kind, in turn, and with every feature."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from tests.support.earlier.catalog import MONTH, YEAR, Line
from tests.support.earlier.pen import DAY, Pen, Row
from tests.support.earlier.sales import Sales

EMAILS: Final = (
    "anna@example.com",
    "Bert.Müller@Example.COM",
    "c+tag@straße.example",
    "d@example.com",
)
FINGERPRINTS: Final = (
    "rig-1",
    " leading and trailing ",
    "e\u0301 against \u00e9",
    "\uff26\uff35\uff2c\uff2c width",
    "\u0130stanbul-\u0131-\u017f-ß",
    "\U0001f5a5\ufe0f desk",
    "tab\tand\nline",
    "a" * 2_000,
    "' OR 1=1 --",
    "\u202eright to left\u200b",
)
CURRENCIES: Final = ("SAT", "USD", "EUR")


def write_licenses(sales: Sales, count: int) -> None:
    """Write at least so many licenses."""
    for number in range(count):
        line = sales.catalog.priced(CURRENCIES[number // len(KINDS) % 3])
        KINDS[number % len(KINDS)](sales, line, number)


def _age(pen: Pen) -> float:
    return pen.random.uniform(2 * DAY, YEAR)


def _paid(sales: Sales, line: Line, number: int) -> None:
    age = _age(sales.pen)
    slug = ("default", "team", "tipping", "hidden")[number // len(KINDS) % 4]
    kind = ("btcpay", "zaprite")[number // len(KINDS) % 2]
    policy = line.policies[slug]
    email = EMAILS[number // len(KINDS) % len(EMAILS)]
    invoice = sales.invoice(
        line, policy, age, kind=kind, buyer_email=email, buyer_note="For the désk — thanks"
    )
    license = sales.license(line, policy, age, of=invoice)
    currency = line.product["price_currency"]
    sales.pen.shows(invoice, f"invoice.settled.{currency}", f"invoice.at_{kind}")
    sales.pen.shows(license, "license.paid", "license.email")
    if slug == "tipping":
        _tip(sales, license, policy, invoice, number)


def _tip(sales: Sales, license: Row, policy: Row, invoice: Row, number: int) -> None:
    amount = int(invoice["amount_sats"] or 0) * int(policy["tip_pct_bps"] or 0) // 10_000
    status = ("sent", "failed", "skipped")[number // len(KINDS) // 4 % 3]
    tip = sales.pen.put(
        "tip_attempts",
        id=sales.pen.id(),
        license_id=license["id"],
        policy_id=policy["id"],
        recipient=policy["tip_recipient"],
        amount_sats=amount,
        pct_bps=policy["tip_pct_bps"],
        label=policy["tip_label"],
        status=status,
        detail=None if status == "sent" else "the recipient's server did not answer",
        payment_hash=sales.pen.random.randbytes(32).hex() if status == "sent" else None,
        created_at=license["issued_at"],
    )
    sales.pen.shows(tip, f"tip.{status}")


def _by_default(sales: Sales, line: Line, number: int) -> None:
    """Write a purchase that named no policy, at an account that a migration guessed or did not."""
    age = _age(sales.pen)
    invoice = sales.invoice(line, None, age, payment_provider_id=None)
    license = sales.license(line, line.policies["default"], age, of=invoice)
    sales.pen.shows(invoice, "invoice.without_policy", "invoice.without_provider")
    sales.pen.shows(license, "license.perpetual")


def _comped(sales: Sales, line: Line, number: int) -> None:
    license = sales.license(line, line.policies["pro"], _age(sales.pen), buyer_email=EMAILS[0])
    sales.pen.shows(license, "license.comped")


def _trial(sales: Sales, line: Line, number: int) -> None:
    age, policy = _age(sales.pen), line.policies["trial"]
    invoice = sales.free_invoice(line, policy, age, buyer_email=EMAILS[1])
    sales.pen.shows(sales.license(line, policy, age, of=invoice), "license.trial")
    sales.pen.shows(invoice, "invoice.free")


def _limited(sales: Sales, line: Line, number: int) -> None:
    """Write a license for a year: still good, in its grace, or over."""
    turn = number // len(KINDS) % 3
    age = (YEAR / 2, YEAR + 3 * DAY, YEAR + 30 * DAY)[turn] + sales.pen.random.uniform(0, DAY)
    policy = line.policies["pro"]
    license = sales.license(line, policy, age, of=sales.invoice(line, policy, age))
    sales.pen.shows(license, "license.limited", f"license.{('good', 'in_grace', 'expired')[turn]}")
    for seat in range(3):
        name = FINGERPRINTS[(number // len(KINDS) + seat) % len(FINGERPRINTS)]
        sales.pen.shows(sales.machine(license, name, age / 2), "machine.live", "machine.odd_name")


def _revoked(sales: Sales, line: Line, number: int) -> None:
    age = _age(sales.pen)
    gone: Row = {
        "status": "revoked",
        "revoked_at": sales.pen.ago(age / 2),
        "revocation_reason": "admin revoke",
    }
    if number // len(KINDS) % 2:
        # What stopped it first is remembered (lifecycles 2.1).
        gone |= {"suspended_at": sales.pen.ago(age / 1.5), "suspension_reason": "asked for"}
    license = sales.license(line, line.policies["default"], age)
    license.update(gone)
    sales.pen.shows(license, "license.revoked")


def _suspended(sales: Sales, line: Line, number: int) -> None:
    age = _age(sales.pen)
    license = sales.license(
        line,
        line.policies["pro"],
        age,
        status="suspended",
        suspended_at=sales.pen.ago(age / 3),
        suspension_reason='chargeback "claimed"',
    )
    sales.pen.shows(license, "license.suspended")


def _known(sales: Sales, line: Line, number: int) -> None:
    license = sales.license(
        line,
        line.policies["team"],
        _age(sales.pen),
        nostr_npub="npub1" + sales.pen.random.randbytes(29).hex(),
        buyer_email="" if number // len(KINDS) % 4 == 0 else EMAILS[2],
        bound_identity=f"identity-{number}",
    )
    sales.pen.shows(license, "license.npub", "license.bound_identity", "license.unlimited_seats")
    for seat in range(5):
        sales.pen.shows(sales.machine(license, f"farm-{number}-{seat}", DAY), "machine.live")


def _locked(sales: Sales, line: Line, number: int) -> None:
    name = FINGERPRINTS[number // len(KINDS) % len(FINGERPRINTS)]
    license = sales.license(line, line.policies["default"], _age(sales.pen), fingerprint=name)
    sales.pen.shows(license, "license.locked")
    sales.pen.shows(sales.machine(license, name, DAY), "machine.live")


def _released(sales: Sales, line: Line, number: int) -> None:
    """Write a single seat that moved: the same machine left, came back, and another one has it."""
    license = sales.license(line, line.policies["default"], 90 * DAY, fingerprint="third")
    for age, name, reason in ((80, "first", "client_requested"), (60, "first", "admin deactivate")):
        left = sales.machine(
            license,
            name,
            age * DAY,
            deactivated_at=sales.pen.ago((age - 10) * DAY),
            deactivation_reason=reason,
        )
        sales.pen.shows(left, "machine.deactivated")
    sales.machine(license, "third", 10 * DAY, hostname=None, platform=None, ip_last_seen=None)


def _of_the_first_days(sales: Sales, line: Line, number: int) -> None:
    """Write a license of before policies: the third migration gave it its terms (lifecycles 13.3)."""
    name = f"old-rig-{number}" if number // len(KINDS) % 2 else None
    age = 2 * YEAR + number * 60
    license = sales.license(line, None, age, fingerprint=name, metadata_json="{}")
    sales.pen.shows(license, "license.first_version", *(["license.first_bound"] if name else []))


def _noted(sales: Sales, line: Line, number: int) -> None:
    """Write a license with a document of the operator's own, and an expiry they typed."""
    typed = ("2027-06-30T12:00:00Z", "2028-01-01T00:00:00.500Z", "2029-12-31T23:59:59+00:00")
    license = sales.license(
        line,
        line.policies["default"],
        _age(sales.pen),
        metadata_json=json.dumps(
            {"source": "admin_issue", "note": "für Ünï", "n": [1, {"x": 1e3}]}
        ),
        expires_at=typed[number // len(KINDS) % 3],
        entitlements_json=json.dumps(["pro", "größe", "pro", "a" * 255]),
    )
    sales.pen.shows(license, "license.metadata", "license.typed_expiry", "license.odd_entitlements")


def _of_archived(sales: Sales, line: Line, number: int) -> None:
    slug = ("inactive", "hidden")[number // len(KINDS) % 2]
    license = sales.license(line, line.policies[slug], MONTH + number)
    sales.pen.shows(license, "license.of_retired_policy")


def _unsold(sales: Sales, line: Line, number: int) -> None:
    """Write invoices that came to nothing, and one license by hand so that the count is right."""
    currency = line.product["price_currency"]
    for status, age in (("pending", 600.0), ("expired", 40 * DAY), ("invalid", 50 * DAY)):
        invoice = sales.invoice(line, line.policies["default"], age, status=status)
        sales.pen.shows(invoice, f"invoice.{status}.{currency}", f"invoice.{status}")
    sales.license(line, line.policies["default"], _age(sales.pen))


KINDS: Final[Sequence[Callable[[Sales, Line, int], None]]] = (
    _paid,
    _by_default,
    _comped,
    _trial,
    _limited,
    _revoked,
    _suspended,
    _known,
    _locked,
    _released,
    _of_the_first_days,
    _noted,
    _of_archived,
    _unsold,
)
