"""Discount codes and their redemptions as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.days import months_of
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.attribution import Attribution
from keysat_core.domain.code import Code, CodeDuration, CodeKind
from keysat_core.domain.ids import CodeId, InvoiceId, PolicyId, ProductId, RedemptionId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.redemption import Redemption, RedemptionStatus
from keysat_core.errors import NotFound, SlugTaken

CODES: Final = Table(
    "discount_codes",
    (
        "id",
        "code",
        "kind",
        "amount",
        "discount_currency",
        "duration",
        "max_uses",
        "used_count",
        "expires_at",
        "applies_to_product_id",
        "applies_to_policy_ids",
        "referrer_label",
        "description",
        "active",
        "featured",
        "created_at",
        "updated_at",
    ),
)
REDEMPTIONS: Final = Table(
    "code_redemptions",
    (
        "id",
        "code_id",
        "invoice_id",
        "license_id",
        "status",
        "discount_applied_sats",
        "base_price_sats",
        "final_price_sats",
        "created_at",
        "updated_at",
    ),
)
_PUT_CODE: Final = CODES.upsert()
_CODE: Final = CODES.select("WHERE id = ?")
_CODE_BY_TEXT: Final = CODES.select("WHERE code = ?")
_FEATURED: Final = CODES.select(
    "WHERE featured = 1 AND active = 1 AND (expires_at IS NULL OR expires_at > :now)"
    " AND (max_uses IS NULL OR used_count < max_uses)"
    " AND (applies_to_product_id IS NULL OR applies_to_product_id = :product)"
    " ORDER BY created_at, id"
)
_PUT_REDEMPTION: Final = REDEMPTIONS.upsert()
_REDEMPTION: Final = REDEMPTIONS.select("WHERE id = ?")
_REDEMPTION_OF: Final = REDEMPTIONS.select("WHERE invoice_id = ?")
_PAGE: Final = "ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
_LIST: Final = CODES.select(_PAGE)
_LIST_ACTIVE: Final = CODES.select(f"WHERE active = 1 {_PAGE}")
_COUNT: Final = "SELECT count(*) FROM discount_codes"
_COUNT_ACTIVE: Final = f"{_COUNT} WHERE active = 1"
_REDEMPTIONS: Final = REDEMPTIONS.select(
    "WHERE code_id = ? ORDER BY created_at DESC, id DESC LIMIT ?"
)
_HELD: Final = (
    "SELECT r.id FROM code_redemptions AS r JOIN invoices AS i ON i.id = r.invoice_id"
    " WHERE r.status = 'pending' AND (i.status IN ('expired', 'invalid') OR"
    " (i.status = 'pending' AND i.created_at <= :before"
    " AND lower(coalesce(i.provider_status_raw, '')) NOT LIKE 'processing%'))"
    " ORDER BY r.created_at LIMIT :limit"
)
# Whole months of 32 days and whole days are kept; of the rest, the uses themselves are added up.
_ATTRIBUTED: Final = (
    "SELECT c.id, c.code, c.referrer_label, sum(uses), sum(paid), sum(discount), sum(revenue) FROM ("
    "SELECT code_id, redemption_count AS uses, paid_count AS paid,"
    " discount_applied_sats AS discount, final_price_sats AS revenue"
    " FROM code_spans WHERE span_days = 32 AND span >= ? AND span < ?"
    + " UNION ALL SELECT code_id, redemption_count, paid_count, discount_applied_sats,"
    " final_price_sats FROM code_spans WHERE span_days = 1 AND span >= ? AND span < ?"
    * 2
    + " UNION ALL SELECT code_id, 1, final_price_sats > 0, discount_applied_sats, final_price_sats"
    " FROM code_redemptions WHERE status = 'redeemed' AND updated_at >= ? AND updated_at < ?"
    * 2
    + ") JOIN discount_codes AS c ON c.id = code_id"
    " GROUP BY c.id HAVING sum(uses) > 0 ORDER BY sum(revenue) DESC, c.code"
)
_POLICY_IDS: Final = msgspec.json.Decoder(tuple[PolicyId, ...])


def read_code(row: Row) -> Code:
    """Read a code back."""
    return Code(
        id=row[0],
        code=row[1],
        kind=CodeKind(row[2]),
        amount=row[3],
        currency=Currency(row[4]),
        duration=CodeDuration(row[5]),
        max_uses=row[6],
        used_count=row[7],
        expires_at=row[8],
        product_id=row[9],
        policy_ids=_POLICY_IDS.decode(row[10]),
        referrer_label=row[11],
        description=row[12],
        active=bool(row[13]),
        featured=bool(row[14]),
        created_at=row[15],
        updated_at=row[16],
    )


def read_redemption(row: Row) -> Redemption:
    """Read a redemption back."""
    return Redemption(
        id=row[0],
        code_id=row[1],
        invoice_id=row[2],
        license_id=row[3],
        status=RedemptionStatus(row[4]),
        discount_applied_sats=row[5],
        base_price_sats=row[6],
        final_price_sats=row[7],
        created_at=row[8],
        updated_at=row[9],
    )


class SQLiteCodes:
    """Implements ``ports.store.Codes``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_code(self, code_id: CodeId) -> Code:
        """Give a code; raises ``NotFound``."""
        found = CODES.found(read_code, self._session.row(_CODE, (code_id,)))
        if found is None:
            raise NotFound("code", code_id)
        return found

    def find_code_by_text(self, code: str) -> Code | None:
        """Give the code that is spelled so, or None."""
        return CODES.found(read_code, self._session.row(_CODE_BY_TEXT, (code,)))

    def put_code(self, code: Code) -> None:
        """Insert or replace a code; raises ``SlugTaken``."""
        cells = (
            code.id,
            code.code,
            code.kind,
            code.amount,
            code.currency,
            code.duration,
            code.max_uses,
            code.used_count,
            code.expires_at,
            code.product_id,
            json_text(code.policy_ids),
            code.referrer_label,
            code.description,
            code.active,
            code.featured,
            code.created_at,
            code.updated_at,
        )
        taken = {"discount_codes.code": SlugTaken("code", code.code)}
        self._session.run(_PUT_CODE, cells, taken=taken)

    def list_featured(self, product_id: ProductId, now: Instant) -> list[Code]:
        """Give the featured codes that may be used for a product now, oldest first."""
        rows = self._session.rows(_FEATURED, {"now": now, "product": product_id})
        return CODES.values(read_code, rows)

    def list_codes(self, *, is_inactive_included: bool, limit: int, offset: int) -> list[Code]:
        """Give a page, newest first."""
        sql = _LIST if is_inactive_included else _LIST_ACTIVE
        rows = self._session.rows(sql, (max(0, limit), max(0, offset)))
        return CODES.values(read_code, rows)

    def count_codes(self, *, is_inactive_included: bool) -> int:
        """Count codes; those that are switched off only when asked."""
        return self._session.number(_COUNT if is_inactive_included else _COUNT_ACTIVE)

    def remove_code(self, code_id: CodeId) -> None:
        """Delete a code that has no redemptions."""
        self._session.run("DELETE FROM discount_codes WHERE id = ?", (code_id,))

    def count_redemptions(self, code_id: CodeId) -> int:
        """Count the uses of a code in every state."""
        sql = "SELECT count(*) FROM code_redemptions WHERE code_id = ?"
        return self._session.number(sql, (code_id,))

    def list_redemptions(self, code_id: CodeId, limit: int) -> list[Redemption]:
        """Give the uses of a code, newest first."""
        rows = self._session.rows(_REDEMPTIONS, (code_id, max(0, limit)))
        return REDEMPTIONS.values(read_redemption, rows)

    def list_held(self, before: Instant, limit: int) -> list[RedemptionId]:
        """Give the uses that may have to be given back, oldest first."""
        rows = self._session.rows(_HELD, {"before": before, "limit": max(0, limit)})
        return [RedemptionId(row[0]) for row in rows]

    def attribute_sales(self, since: Instant | None, until: Instant | None) -> list[Attribution]:
        """Add up what codes brought, most revenue first."""
        rows = self._session.rows(_ATTRIBUTED, months_of(since, until))
        return [
            Attribution(
                code_id=row[0],
                code=row[1],
                referrer_label=row[2],
                redemptions=row[3],
                paid_redemptions=row[4],
                discount_applied_sats=row[5],
                revenue_sats=row[6],
            )
            for row in rows
        ]

    def find_redemption(self, redemption_id: RedemptionId) -> Redemption | None:
        """Give a redemption, or None."""
        row = self._session.row(_REDEMPTION, (redemption_id,))
        return REDEMPTIONS.found(read_redemption, row)

    def find_redemption_of(self, invoice_id: InvoiceId) -> Redemption | None:
        """Give the redemption of an invoice, or None."""
        row = self._session.row(_REDEMPTION_OF, (invoice_id,))
        return REDEMPTIONS.found(read_redemption, row)

    def put_redemption(self, redemption: Redemption) -> None:
        """Insert or replace a redemption."""
        self._session.run(
            _PUT_REDEMPTION,
            (
                redemption.id,
                redemption.code_id,
                redemption.invoice_id,
                redemption.license_id,
                redemption.status,
                redemption.discount_applied_sats,
                redemption.base_price_sats,
                redemption.final_price_sats,
                redemption.created_at,
                redemption.updated_at,
            ),
        )
