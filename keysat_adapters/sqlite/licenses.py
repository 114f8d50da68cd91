"""Licenses as rows.

E-mail is compared without regard to case by Unicode case folding, which SQLite does not know, so
the folded text is written to a column of its own beside the text as the buyer spelled it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_total
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, add_rows, json_text
from keysat_core.domain.entitlement import GRANTS_REMEMBERED
from keysat_core.domain.ids import InvoiceId, LicenseId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.listing import (
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    Total,
)
from keysat_core.errors import NotFound
from keysat_core.limits import COUNTED_MAX

LICENSES: Final = Table(
    "licenses",
    (
        "id",
        "product_id",
        "policy_id",
        "invoice_id",
        "status",
        "issued_at",
        "expires_at",
        "grace_seconds",
        "max_machines",
        "is_trial",
        "entitlements",
        "fingerprint",
        "buyer_email",
        "nostr_npub",
        "bound_identity",
        "metadata",
        "suspended_at",
        "suspension_reason",
        "revoked_at",
        "revocation_reason",
        "buyer_email_folded",
    ),
)
_WIDTH: Final = len(LICENSES.columns)
_BY_ID: Final = LICENSES.select("WHERE id = ?")
_FOR_INVOICE: Final = LICENSES.select("WHERE invoice_id = ?")
_HAS_ANY: Final = "SELECT EXISTS (SELECT 1 FROM licenses)"
_PUT: Final = LICENSES.upsert()
_NAMED: Final = (
    "LEFT JOIN products ON products.id = licenses.product_id"
    " LEFT JOIN policies ON policies.id = licenses.policy_id"
)
_NAMES: Final = ("products.slug", "policies.slug", "policies.name")
_KEPT_BY: Final = (
    "SELECT {key}, sum(row_count) FROM row_counts"
    " WHERE counted = 'licenses' AND {key} <> '' GROUP BY {key} HAVING sum(row_count) > 0"
)
_EXPIRING: Final = """
    SELECT count(*) FROM (
        SELECT 1 FROM licenses INDEXED BY licenses_expiring
        WHERE status = 'active' AND expires_at IS NOT NULL AND expires_at > ? AND expires_at <= ?
        LIMIT ?
    )
"""
_SINCE: Final = "SELECT count(*) FROM licenses WHERE issued_at > ?"
_OF_INVOICE: Final = (
    "invoice_id IN (SELECT id FROM invoices WHERE id = ?1 OR provider_invoice_id = ?1)"
)

# Licenses of a policy have the same; those that are kept in memory share it.
_read_entitlements: Final = lru_cache(GRANTS_REMEMBERED)(
    msgspec.json.Decoder(tuple[str, ...]).decode
)
# Looking a member up in a dictionary takes a third of calling its class.
_STATUSES: Final = {status.value: status for status in LicenseStatus}
_read_json: Final = msgspec.json.Decoder().decode


def read_license(row: Row) -> License:
    """Read a license from the columns of ``LICENSES``, whatever follows them."""
    return License(
        id=row[0],
        product_id=row[1],
        policy_id=row[2],
        invoice_id=row[3],
        status=_STATUSES.get(row[4]) or LicenseStatus(row[4]),
        issued_at=row[5],
        expires_at=row[6],
        grace_seconds=row[7],
        max_machines=row[8],
        is_trial=bool(row[9]),
        entitlements=_read_entitlements(row[10]),
        fingerprint=row[11],
        buyer_email=row[12],
        nostr_npub=row[13],
        bound_identity=row[14],
        metadata=_read_json(row[15]),
        suspended_at=row[16],
        suspension_reason=row[17],
        revoked_at=row[18],
        revocation_reason=row[19],
    )


def _cells(license: License) -> Row:
    return (
        license.id,
        license.product_id,
        license.policy_id,
        license.invoice_id,
        license.status,
        license.issued_at,
        license.expires_at,
        license.grace_seconds,
        license.max_machines,
        license.is_trial,
        json_text(license.entitlements),
        license.fingerprint,
        license.buyer_email,
        license.nostr_npub,
        license.bound_identity,
        json_text(license.metadata),
        license.suspended_at,
        license.suspension_reason,
        license.revoked_at,
        license.revocation_reason,
        folded(license.buyer_email),
    )


def _license_row(row: Row) -> LicenseRow:
    product_slug, policy_slug, policy_name = row[_WIDTH:]
    return LicenseRow(
        license=read_license(row),
        product_slug=product_slug,
        policy_slug=policy_slug,
        policy_name=policy_name,
    )


def folded(email: str | None) -> str | None:
    """Spell an e-mail address so that two spellings differing in case alone are equal."""
    return None if email is None else email.casefold()


def list_query(criteria: LicenseFilter) -> ListQuery:
    """Say which licenses are asked for, by the index that leaves fewest."""
    query = (
        ListQuery(table="licenses", order=("issued_at", "id"))
        .where(_OF_INVOICE, criteria.invoice_id)
        .matching(
            {
                "buyer_email_folded": folded(criteria.buyer_email),
                "nostr_npub": criteria.nostr_npub,
                "policy_id": criteria.policy_id,
                "product_id": criteria.product_id,
            }
        )
        .within("issued_at", criteria.since, criteria.until)
    )
    if criteria.behind is not None:
        query = query.before(*criteria.behind)
    if criteria.status not in {None, LicenseStatus.ACTIVE}:
        # Spelled out, because indexes of the few that are not active are named by it.
        return query.where("status <> 'active'").where("status = ?", criteria.status)
    return query.matching({"status": criteria.status})


def list_statement(
    criteria: LicenseFilter, total: Total | None = None
) -> tuple[str, tuple[Bound, ...]]:
    """Spell the query for a page of licenses, and its values."""
    return list_query(criteria).page(
        LICENSES,
        _NAMED,
        also=_NAMES,
        limit=criteria.limit,
        offset=criteria.offset,
        total=total,
    )


class SQLiteLicenses:
    """Implements ``ports.store.Licenses``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_license(self, license_id: LicenseId) -> License:
        """Give a license; raises ``NotFound``."""
        license = self.find_license(license_id)
        if license is None:
            raise NotFound("license", license_id)
        return license

    def find_license(self, license_id: LicenseId) -> License | None:
        """Give a license or None."""
        return LICENSES.found(read_license, self._session.row(_BY_ID, (license_id,)))

    def find_license_for_invoice(self, invoice_id: InvoiceId) -> License | None:
        """Give the one license an invoice paid for or None."""
        return LICENSES.found(read_license, self._session.row(_FOR_INVOICE, (invoice_id,)))

    def put_license(self, license: License) -> None:
        """Insert or replace a license."""
        self._session.run(_PUT, _cells(license))

    def add_licenses(self, licenses: Sequence[License]) -> None:
        """Insert many new licenses."""
        add_rows(self._session, LICENSES, map(_cells, licenses))

    def list_licenses(self, criteria: LicenseFilter) -> list[LicenseRow]:
        """Give a page of licenses, newest issued first."""
        total = self.count_licenses(criteria) if criteria.offset else None
        rows = self._session.rows(*list_statement(criteria, total))
        return LICENSES.values(_license_row, rows)

    def count_licenses(self, criteria: LicenseFilter) -> Total:
        """Count the licenses that match."""
        asked = (criteria.buyer_email, criteria.nostr_npub, criteria.invoice_id)
        if any(one is not None for one in (*asked, criteria.since, criteria.until)):
            return list_query(criteria).total(self._session)
        keys = (criteria.product_id, criteria.policy_id, criteria.status)
        return kept_total(self._session, "licenses", keys)

    def has_any(self) -> bool:
        """Tell whether there is any license, whatever was counted."""
        return bool(self._session.number(_HAS_ANY))

    def license_summary(self, now: Instant) -> LicenseSummary:
        """Count licenses by status and by age."""
        by_status: dict[str, int] = dict(self._session.rows(_KEPT_BY.format(key="third_key")))
        return LicenseSummary(
            total=sum(by_status.values()),
            active=by_status.get(LicenseStatus.ACTIVE, 0),
            suspended=by_status.get(LicenseStatus.SUSPENDED, 0),
            revoked=by_status.get(LicenseStatus.REVOKED, 0),
            last_24h=self._session.number(_SINCE, (now - DAY_SECONDS,)),
            last_7d=self._session.number(_SINCE, (now - 7 * DAY_SECONDS,)),
        )

    def count_expiring(self, after: Instant, until: Instant) -> Total:
        """Count what ends within a time, up to ``COUNTED_MAX``."""
        number = self._session.number(_EXPIRING, (after, until, COUNTED_MAX))
        return Total(number, is_exact=number < COUNTED_MAX)

    def license_counts(self) -> LicenseCounts:
        """Count licenses per product and per policy."""
        return LicenseCounts(
            by_product=dict(self._session.rows(_KEPT_BY.format(key="first_key"))),
            by_policy=dict(self._session.rows(_KEPT_BY.format(key="second_key"))),
        )
