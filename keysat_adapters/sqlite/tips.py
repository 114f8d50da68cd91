"""Tips as rows."""

from typing import Final

from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_total
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import Total
from keysat_core.domain.tip import LOOK_SECONDS, TipAttempt, TipFilter, TipStatus

TIPS: Final = Table(
    "tip_attempts",
    (
        "id",
        "license_id",
        "policy_id",
        "invoice_id",
        "recipient",
        "amount_sats",
        "pct_bps",
        "label",
        "status",
        "detail",
        "payment_hash",
        "bolt11",
        "looks",
        "tried_at",
        "next_at",
        "created_at",
        "updated_at",
    ),
)
_PUT: Final = TIPS.upsert()
_BY_ID: Final = TIPS.select("WHERE id = ?")
# A time that lies far ahead was written by a clock that has been set back since.
_DUE: Final = TIPS.select(
    f"WHERE next_at IS NOT NULL AND (next_at <= :now OR next_at > :now + {LOOK_SECONDS[-1]})"
    " ORDER BY next_at, id LIMIT :limit"
)
_SPENT: Final = (
    "SELECT sum(amount_sats) FROM tip_attempts WHERE status IN ('paying', 'sent') AND tried_at > ?"
)


def _tip(row: Row) -> TipAttempt:
    return TipAttempt(
        id=row[0],
        license_id=row[1],
        policy_id=row[2],
        invoice_id=row[3],
        recipient=row[4],
        amount_sats=row[5],
        pct_bps=row[6],
        label=row[7],
        status=TipStatus(row[8]),
        detail=row[9],
        payment_hash=row[10],
        bolt11=row[11],
        looks=row[12],
        tried_at=row[13],
        next_at=row[14],
        created_at=row[15],
        updated_at=row[16],
    )


def list_query(criteria: TipFilter) -> ListQuery:
    """Say which tips are asked for, by the index that leaves fewest."""
    return ListQuery(table=TIPS.name, order=("created_at", "id")).matching(
        {
            "license_id": criteria.license_id,
            "recipient": criteria.recipient,
            "policy_id": criteria.policy_id,
        }
    )


def list_statement(
    criteria: TipFilter, total: Total | None = None
) -> tuple[str, tuple[Bound, ...]]:
    """Spell the query for a page of tips, and its values."""
    return list_query(criteria).page(
        TIPS, limit=criteria.limit, offset=criteria.offset, total=total
    )


class SQLiteTips:
    """Implements ``ports.store.Tips``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_tip(self, tip_id: TipId) -> TipAttempt | None:
        """Give a tip or None."""
        return TIPS.found(_tip, self._session.row(_BY_ID, (tip_id,)))

    def put_tip(self, tip: TipAttempt) -> None:
        """Insert or replace a tip."""
        self._session.run(
            _PUT,
            (
                tip.id,
                tip.license_id,
                tip.policy_id,
                tip.invoice_id,
                tip.recipient,
                tip.amount_sats,
                tip.pct_bps,
                tip.label,
                tip.status,
                tip.detail,
                tip.payment_hash,
                tip.bolt11,
                tip.looks,
                tip.tried_at,
                tip.next_at,
                tip.created_at,
                tip.updated_at,
            ),
        )

    def list_tips(self, criteria: TipFilter) -> list[TipAttempt]:
        """Give the tips that match, newest first."""
        total = self.count_tips(criteria) if criteria.offset else None
        return TIPS.values(_tip, self._session.rows(*list_statement(criteria, total)))

    def count_tips(self, criteria: TipFilter) -> Total:
        """Count the tips that match."""
        if criteria.license_id is None and criteria.recipient is None:
            return kept_total(self._session, TIPS.name, (criteria.policy_id,))
        return list_query(criteria).total(self._session)

    def list_due_tips(self, now: Instant, limit: int) -> list[TipAttempt]:
        """Give tips with something to do by now, longest due first."""
        values = {"now": now, "limit": max(0, limit)}
        return TIPS.values(_tip, self._session.rows(_DUE, values))

    def spent_sats(self, since: Instant) -> int:
        """Add up tips that were paid, or may have been, after an instant."""
        return self._session.number(_SPENT, (since,))
