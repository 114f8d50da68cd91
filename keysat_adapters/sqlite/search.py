"""Looking for anything by how it begins, each in an index of its own."""

from itertools import chain
from typing import Final

from keysat_adapters.sqlite.licenses import folded
from keysat_adapters.sqlite.session import Row, Session
from keysat_core.domain.code import normal_code
from keysat_core.domain.search import Hit, HitKind, Needle
from keysat_core.limits import SEARCH_ID_CHARS_MIN

_END: Final = chr(0x10FFFF)
"""Behind every text that begins alike."""

_NEXT: Final = chr(1)
"""Right behind a text itself."""

_FINGERPRINT_CHARS: Final = 16
"""How much of a hash the index has (migration 16)."""

COUNTED_MAX: Final = 100
"""Most licenses of a buyer that are counted for a hit."""

_LICENSES: Final = (
    "SELECT licenses.id, licenses.buyer_email, licenses.status,"
    " (SELECT slug FROM products WHERE products.id = product_id)"
    " FROM licenses WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3"
)
# Each step is one search for the next address, however many rows the one before has.
_NEXT_BUYER: Final = (
    "SELECT min(buyer_email_folded) FROM {table}"
    " WHERE buyer_email_folded {sign} {after} AND buyer_email_folded < ?2"
)


def _buyers_of(table: str) -> str:
    first = _NEXT_BUYER.format(table=table, sign=">=", after="?1")
    following = _NEXT_BUYER.format(table=table, sign=">", after="found.email")
    return (
        f"WITH RECURSIVE found(email) AS ({first} UNION ALL"  # noqa: S608  constants
        f" SELECT ({following}) FROM found WHERE email IS NOT NULL LIMIT ?3)"
        " SELECT email FROM found WHERE email IS NOT NULL"
    )


_BUYERS: Final = _buyers_of("licenses")
_PAYERS: Final = _buyers_of("invoices")
_LICENSES_OF: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM licenses WHERE buyer_email_folded = ? LIMIT ?)"
)

_INVOICE: Final = "id, status, amount_sats, buyer_email, provider_invoice_id FROM invoices"
_INVOICES: Final = f"SELECT {_INVOICE} WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3"
_INVOICES_THERE: Final = (
    f"SELECT {_INVOICE} WHERE provider_invoice_id >= ?1 AND provider_invoice_id < ?2"
    " ORDER BY provider_invoice_id LIMIT ?3"
)

_MACHINE: Final = (
    "id, hostname, platform, fingerprint_hash, deactivated_at IS NULL, license_id FROM machines"
)
_MACHINES: Final = f"SELECT {_MACHINE} WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3"
_FINGERPRINTS: Final = (
    f"SELECT {_MACHINE} WHERE substr(fingerprint_hash, 1, 16) >= substr(?1, 1, 16)"
    " AND substr(fingerprint_hash, 1, 16) < ?2 AND +fingerprint_hash >= ?1"
    " AND +fingerprint_hash < ?3 LIMIT ?4"
)
_HOSTS: Final = (
    f"SELECT {_MACHINE} WHERE hostname IS NOT NULL AND lower(hostname) >= lower(?1)"
    " AND lower(hostname) < lower(?1) || ?2 ORDER BY lower(hostname) LIMIT ?3"
)

_CODES: Final = (
    "SELECT id, code, description, active FROM discount_codes"
    " WHERE code >= ?1 AND code < ?2 ORDER BY code LIMIT ?3"
)
_PRODUCT: Final = "SELECT id, slug, name FROM products"
_POLICY: Final = (
    "SELECT id, coalesce((SELECT slug FROM products WHERE products.id = product_id), '') || '/'"
    " || slug, name FROM policies"
)
_BY_SLUG: Final = " WHERE slug >= lower(?1) AND slug < lower(?1) || ?2 ORDER BY slug LIMIT ?3"
_BY_NAME: Final = (
    " WHERE lower(name) >= lower(?1) AND lower(name) < lower(?1) || ?2"
    " ORDER BY lower(name) LIMIT ?3"
)
_PRODUCTS_BY_SLUG: Final = _PRODUCT + _BY_SLUG
_PRODUCTS_BY_NAME: Final = _PRODUCT + _BY_NAME
_POLICIES_BY_SLUG: Final = _POLICY + _BY_SLUG
_POLICIES_BY_NAME: Final = _POLICY + _BY_NAME


class SQLiteSearch:
    """Implements ``ports.store.Search``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_licenses(self, id_beginning: str, limit: int) -> list[Hit]:
        """Find licenses by id."""
        rows = self._session.rows(_LICENSES, (*_range(id_beginning), limit))
        return [
            Hit(HitKind.LICENSE, id_, id_, _said(slug, status, email))
            for id_, email, status, slug in rows
        ]

    def find_buyers(self, beginning: str, limit: int) -> list[Hit]:
        """Find e-mails."""
        values = (*_range(folded(beginning) or ""), limit)
        found = {row[0] for sql in (_BUYERS, _PAYERS) for row in self._session.rows(sql, values)}
        return [
            Hit(HitKind.BUYER, email, email, self._license_count(email))
            for email in sorted(found)[:limit]
        ]

    def find_invoices(self, needle: Needle, limit: int) -> list[Hit]:
        """Find invoices by either id."""
        rows: list[Row] = []
        if needle.id_beginning is not None:
            rows = self._session.rows(_INVOICES, (*_range(needle.id_beginning), limit))
        if needle.word is not None:
            # A short one is most often the beginning of a name; as an id it must be whole.
            is_whole = len(needle.word) < SEARCH_ID_CHARS_MIN
            end = needle.word + (_NEXT if is_whole else _END)
            rows += self._session.rows(_INVOICES_THERE, (needle.word, end, limit))
        return _once(
            [
                Hit(HitKind.INVOICE, id_, id_, _said(status, f"{sats} SAT", email, there))
                for id_, status, sats, email, there in rows
            ],
            limit,
        )

    def find_machines(self, needle: Needle, limit: int) -> list[Hit]:
        """Find machines by id, fingerprint and host name."""
        rows: list[Row] = []
        if needle.id_beginning is not None:
            rows += self._session.rows(_MACHINES, (*_range(needle.id_beginning), limit))
        for beginning in (needle.hash_beginning, needle.hash):
            if beginning is not None:
                first = beginning[:_FINGERPRINT_CHARS]
                bounds = (beginning, first + _END, beginning + _END)
                rows += self._session.rows(_FINGERPRINTS, (*bounds, limit))
        if needle.word is not None:
            rows += self._session.rows(_HOSTS, (needle.word, _END, limit))
        return _once(
            [
                Hit(
                    HitKind.MACHINE,
                    id_,
                    host or id_,
                    _said(platform, f"{hash_[:_FINGERPRINT_CHARS]}…", None if is_live else "left"),
                    license_id,
                )
                for id_, host, platform, hash_, is_live, license_id in rows
            ],
            limit,
        )

    def find_codes(self, beginning: str, limit: int) -> list[Hit]:
        """Find codes."""
        rows = self._session.rows(_CODES, (*_range(normal_code(beginning)), limit))
        return [
            Hit(HitKind.CODE, id_, code, _said(description, None if active else "disabled"))
            for id_, code, description, active in rows
        ]

    def find_products(self, beginning: str, limit: int) -> list[Hit]:
        """Find products by slug and name."""
        return self._named(
            HitKind.PRODUCT, (_PRODUCTS_BY_SLUG, _PRODUCTS_BY_NAME), beginning, limit
        )

    def find_policies(self, beginning: str, limit: int) -> list[Hit]:
        """Find policies by slug and name."""
        return self._named(HitKind.POLICY, (_POLICIES_BY_SLUG, _POLICIES_BY_NAME), beginning, limit)

    def _named(
        self, kind: HitKind, statements: tuple[str, str], beginning: str, limit: int
    ) -> list[Hit]:
        values = (beginning, _END, limit)
        rows = chain.from_iterable(self._session.rows(sql, values) for sql in statements)
        return _once([Hit(kind, id_, slug, name) for id_, slug, name in rows], limit)

    def _license_count(self, email: str) -> str:
        count = self._session.number(_LICENSES_OF, (email, COUNTED_MAX))
        more = "+" if count == COUNTED_MAX else ""
        return f"{count}{more} license{'' if count == 1 else 's'}"


def _range(beginning: str) -> tuple[str, str]:
    return beginning, beginning + _END


def _once(hits: list[Hit], limit: int) -> list[Hit]:
    """Leave out what was found in two ways."""
    return list({hit.id: hit for hit in hits}.values())[:limit]


def _said(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)
