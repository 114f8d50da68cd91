"""Saved payment methods and charges of them as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.saved_payment import (
    CAPTURE_SECONDS,
    CaptureState,
    Charge,
    ChargeState,
    SavedPayment,
    SavedProfile,
)

SAVED: Final = Table(
    "saved_payments",
    (
        "invoice_id",
        "payment_provider_id",
        "state",
        "looks",
        "next_at",
        "contact_id",
        "profile_id",
        "method",
        "expires_at",
        "created_at",
        "updated_at",
    ),
)
CHARGES: Final = Table(
    "charges",
    (
        "invoice_id",
        "saved_invoice_id",
        "profile_id",
        "state",
        "raw_status",
        "detail",
        "created_at",
        "updated_at",
    ),
)
_PUT_SAVED: Final = SAVED.upsert(key=("invoice_id",))
_SAVED_OF: Final = SAVED.select("WHERE invoice_id = ?")
_NEWEST: Final = SAVED.select("ORDER BY created_at DESC, invoice_id DESC LIMIT ? OFFSET ?")
# A time to look that lies far ahead was written by a clock that has been set back since.
_DUE: Final = SAVED.select(
    "WHERE state = 'wanted' AND (next_at <= :now"
    f" OR next_at > :now + {CAPTURE_SECONDS[-1]}) ORDER BY next_at LIMIT :limit"
)
_PUT_CHARGE: Final = CHARGES.upsert(key=("invoice_id",))
_CHARGE_OF: Final = CHARGES.select("WHERE invoice_id = ?")


def _saved(row: Row) -> SavedPayment:
    profile = None
    if row[5] is not None:
        profile = SavedProfile(
            contact_id=row[5], profile_id=row[6], method=row[7], expires_at=row[8]
        )
    return SavedPayment(
        invoice_id=row[0],
        account_id=row[1],
        state=CaptureState(row[2]),
        looks=row[3],
        next_at=row[4],
        profile=profile,
        created_at=row[9],
        updated_at=row[10],
    )


def _charge(row: Row) -> Charge:
    return Charge(
        invoice_id=row[0],
        saved_invoice_id=row[1],
        profile_id=row[2],
        state=ChargeState(row[3]),
        raw_status=row[4],
        detail=row[5],
        created_at=row[6],
        updated_at=row[7],
    )


class SQLiteSavedPayments:
    """Implements ``ports.store.SavedPaymentRows``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_saved(self, invoice_id: InvoiceId) -> SavedPayment | None:
        """Give what is known of the method a sale left behind, or None."""
        return SAVED.found(_saved, self._session.row(_SAVED_OF, (invoice_id,)))

    def put_saved(self, saved: SavedPayment) -> None:
        """Insert or replace what is known of a sale's method."""
        profile = saved.profile
        self._session.run(
            _PUT_SAVED,
            (
                saved.invoice_id,
                saved.account_id,
                saved.state,
                saved.looks,
                saved.next_at,
                profile.contact_id if profile else None,
                profile.profile_id if profile else None,
                profile.method if profile else None,
                profile.expires_at if profile else None,
                saved.created_at,
                saved.updated_at,
            ),
        )

    def list_saved(self, limit: int, offset: int) -> list[SavedPayment]:
        """Give a page, newest first."""
        values = (max(0, limit), max(0, offset))
        return SAVED.values(_saved, self._session.rows(_NEWEST, values))

    def count_saved(self) -> int:
        """Count all of them."""
        return self._session.number("SELECT count(*) FROM saved_payments")

    def list_wanted(self, now: Instant, limit: int) -> list[SavedPayment]:
        """Give those to look for by now, longest due first."""
        values = {"now": now, "limit": max(0, limit)}
        return SAVED.values(_saved, self._session.rows(_DUE, values))

    def find_charge(self, invoice_id: InvoiceId) -> Charge | None:
        """Give the charge of an invoice, or None."""
        return CHARGES.found(_charge, self._session.row(_CHARGE_OF, (invoice_id,)))

    def put_charge(self, charge: Charge) -> None:
        """Insert or replace the charge of an invoice."""
        self._session.run(
            _PUT_CHARGE,
            (
                charge.invoice_id,
                charge.saved_invoice_id,
                charge.profile_id,
                charge.state,
                charge.raw_status,
                charge.detail,
                charge.created_at,
                charge.updated_at,
            ),
        )
