"""Changes of tier as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, TierChangeId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.errors import NotFound

CHANGES: Final = Table(
    "tier_changes",
    (
        "id",
        "license_id",
        "from_policy_id",
        "to_policy_id",
        "direction",
        "listed_currency",
        "proration_charge_value",
        "invoice_id",
        "effective_at",
        "actor",
        "reason",
        "created_at",
        "applied_at",
        "withdrawn_at",
    ),
)
_IS_OPEN: Final = "applied_at IS NULL AND withdrawn_at IS NULL"
_PUT: Final = CHANGES.upsert()
_BY_ID: Final = CHANGES.select("WHERE id = ?")
_OF_INVOICE: Final = CHANGES.select("WHERE invoice_id = ?")
_OPEN: Final = CHANGES.select(f"WHERE license_id = ? AND to_policy_id = ? AND {_IS_OPEN}")
_SCHEDULED: Final = CHANGES.select(f"WHERE license_id = ? AND invoice_id IS NULL AND {_IS_OPEN}")
_OF_LICENSE: Final = CHANGES.select(
    "WHERE license_id = ? ORDER BY created_at DESC, id DESC LIMIT ?"
)


def read_tier_change(row: Row) -> TierChange:
    """Read a change back."""
    return TierChange(
        id=row[0],
        license_id=row[1],
        from_policy_id=row[2],
        to_policy_id=row[3],
        direction=Direction(row[4]),
        charge=Money(currency=Currency(row[5]), amount=row[6]),
        invoice_id=row[7],
        effective_at=row[8],
        actor=ChangeActor(row[9]),
        reason=row[10],
        created_at=row[11],
        applied_at=row[12],
        withdrawn_at=row[13],
    )


class SQLiteTierChanges:
    """Implements ``ports.store.TierChanges``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_tier_change(self, change_id: TierChangeId) -> TierChange:
        """Give a change; raises ``NotFound``."""
        found = CHANGES.found(read_tier_change, self._session.row(_BY_ID, (change_id,)))
        if found is None:
            raise NotFound("tier change", change_id)
        return found

    def find_tier_change_of(self, invoice_id: InvoiceId) -> TierChange | None:
        """Give the change an invoice pays for, or None."""
        return CHANGES.found(read_tier_change, self._session.row(_OF_INVOICE, (invoice_id,)))

    def find_open_change(self, license_id: LicenseId, to_policy_id: PolicyId) -> TierChange | None:
        """Give the change to a tier that waits, or None."""
        row = self._session.row(_OPEN, (license_id, to_policy_id))
        return CHANGES.found(read_tier_change, row)

    def find_scheduled_change(self, license_id: LicenseId) -> TierChange | None:
        """Give the change that waits for its day, or None."""
        return CHANGES.found(read_tier_change, self._session.row(_SCHEDULED, (license_id,)))

    def put_tier_change(self, change: TierChange) -> None:
        """Insert or replace a change."""
        self._session.run(
            _PUT,
            (
                change.id,
                change.license_id,
                change.from_policy_id,
                change.to_policy_id,
                change.direction,
                change.charge.currency,
                change.charge.amount,
                change.invoice_id,
                change.effective_at,
                change.actor,
                change.reason,
                change.created_at,
                change.applied_at,
                change.withdrawn_at,
            ),
        )

    def list_tier_changes(self, license_id: LicenseId, limit: int) -> list[TierChange]:
        """Give the changes of a license, newest first."""
        rows = self._session.rows(_OF_LICENSE, (license_id, max(0, limit)))
        return CHANGES.values(read_tier_change, rows)
