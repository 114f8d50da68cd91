"""Looking into a database file without changing it: for the doctor.

It works beside a running server and without one, and never makes a file. What a number means is
decided elsewhere (``domain.file_diagnosis`` and ``domain.work_diagnosis``).
"""

from pathlib import Path
from typing import Final, NamedTuple, Self

import apsw

from keysat_adapters.sqlite.activity_file import APPLICATION_ID as ACTIVITY_APPLICATION_ID
from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.connections import SQLiteConnections
from keysat_adapters.sqlite.deliveries import SQLiteDeliveries
from keysat_adapters.sqlite.emptied import refuse_empty
from keysat_adapters.sqlite.leases import SQLiteLeases
from keysat_adapters.sqlite.ledger import reading
from keysat_adapters.sqlite.merchants import SQLiteMerchants
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.settings import SQLiteSettings
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.lease import Lease
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import DeliveryCounts
from keysat_core.domain.webhook_trouble import WebhookTrouble
from keysat_core.errors import StoreUnavailable
from keysat_core.limits import PROBLEMS_SHOWN_MAX

_FINE: Final = "ok"
"""What SQLite's checks answer when they find nothing."""

# The newest of what is written with nearly every change, each from the end of an index.
_NEWEST: Final = (
    "SELECT max(at) FROM (SELECT max(occurred_at) AS at FROM audit_log"
    " UNION ALL SELECT max(issued_at) FROM licenses"
    " UNION ALL SELECT max(received_at) FROM webhook_receipts"
    " UNION ALL SELECT max(finished_at) FROM leases)"
)
_UNFINISHED: Final = (
    "SELECT coalesce(settled_at, updated_at) FROM invoices INDEXED BY invoices_without_effect"
    " WHERE status = 'settled' AND effect_at IS NULL AND held_at IS NULL ORDER BY created_at LIMIT 1000"
)
_HAS_SOLD: Final = "SELECT EXISTS (SELECT 1 FROM licenses)"
# Begins with the few providers, because a shop may have very many invoices; each has an index of
# their statuses.
_SALES: Final = (
    "SELECT EXISTS (SELECT 1 FROM payment_providers AS provider CROSS JOIN invoices"
    " ON payment_provider_id = provider.id"
    " WHERE (provider.kind = 'sandbox') = ? AND invoices.status = 'settled')"
)


_RETRIED: Final = (
    "SELECT endpoint_id, count(*) FROM webhook_deliveries"
    " WHERE status = 'queued' AND attempts > 0 GROUP BY endpoint_id"
)
_STRANDED: Final = (
    "SELECT count(*) FROM payment_providers AS provider CROSS JOIN invoices"
    " ON payment_provider_id = provider.id"
    " WHERE provider.disconnected_at IS NOT NULL AND invoices.status = 'pending'"
)


class AccountState(NamedTuple):
    """A connected payment provider, what is known of it, and that in one word; its webhook's trouble."""

    account: ProviderAccount
    health: ProviderHealth
    state: str
    trouble: WebhookTrouble | None


class Inspection:
    """One look at a main database. Every method raises ``StoreBusy`` or ``StoreUnavailable``."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._session = Session(connection)
        self._settings = SQLiteSettings(self._session)
        self._leases = SQLiteLeases(self._session)
        self._connections = SQLiteConnections(self._session)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file that must be a database of ours.

        Raises:
            MigrationRefused: It is empty, another program's, or the earlier server's.
            StoreBusy, StoreUnavailable.
        """
        if not is_file_there(path):
            raise StoreUnavailable(f"{path} does not exist")
        refuse_empty(path)
        return cls(path, open_unchanging(path))

    def close(self) -> None:
        """End the look."""
        self._session.connection.close()

    def damage(self, *, is_full: bool) -> list[str]:
        """Run SQLite's check and give what it reports; the full one compares indexes too."""
        return _damage(self._session.connection, is_full=is_full)

    def dangling(self) -> dict[str, int]:
        """Count by table the rows that refer to rows which are not there."""
        found: dict[str, int] = {}
        for row in self._rows("PRAGMA foreign_key_check"):
            found[str(row[0])] = found.get(str(row[0]), 0) + 1
        return found

    def signing_key_pem(self) -> tuple[Secret, str] | None:
        """Give the private and the public PEM; None if there are none."""
        with _Look(self._session):
            return self._settings.find_signing_key_pem()

    def setting(self, key: str) -> str | None:
        """Give a setting or None."""
        with _Look(self._session):
            return self._settings.find_setting(key)

    def leases(self) -> list[Lease]:
        """Give every lease."""
        with _Look(self._session):
            return self._leases.list_leases()

    def provider_health(self, now: Instant) -> list[AccountState]:
        """Give how each connected payment provider answered last."""
        with _Look(self._session):
            accounts = SQLiteMerchants(self._session).list_all_accounts(
                is_disconnected_included=False
            )
            noted = {one.account_id: one for one in self._connections.list_health()}
            troubles = {one.account_id: one for one in self._connections.list_troubles()}
        found = []
        for account in accounts:
            health = noted.get(account.id) or ProviderHealth(account_id=account.id)
            found.append(AccountState(account, health, health.state(now), troubles.get(account.id)))
        return found

    def delivery_counts(self, now: Instant) -> list[DeliveryCounts]:
        """Count by webhook endpoint what waits, and what died of the deliveries of the last day."""
        with _Look(self._session):
            return SQLiteDeliveries(self._session).count_by_endpoint(Instant(now - DAY_SECONDS))

    def retried_deliveries(self) -> dict[str, int]:
        """Count by webhook endpoint the deliveries that failed and are tried again."""
        return {str(row[0]): int(row[1]) for row in self._rows(_RETRIED)}

    def license_status(self, license_id: LicenseId) -> LicenseStatus | None:
        """Give the status of a license; None if it was not issued here."""
        with _Look(self._session):
            rows = self._session.rows("SELECT status FROM licenses WHERE id = ?", (license_id,))
        return LicenseStatus(str(rows[0][0])) if rows else None

    def stranded_invoices(self) -> int:
        """Count the invoices that wait at a provider that was disconnected."""
        return int(self._rows(_STRANDED)[0][0])

    def newest_at(self) -> Instant | None:
        """Give the newest instant that a change was noted with; None in a database without any."""
        newest = self._rows(_NEWEST)[0][0]
        return None if newest is None else Instant(newest)

    def unfinished_since(self) -> list[Instant]:
        """Give when invoices were settled that have had no effect, the first thousand."""
        return [Instant(row[0]) for row in self._rows(_UNFINISHED)]

    def has_sold(self) -> bool:
        """Tell whether any license was ever issued."""
        return bool(self._rows(_HAS_SOLD)[0][0])

    def has_sales(self, *, is_pretend: bool) -> bool:
        """Tell whether a provider of pretend money, or of real money, was ever paid."""
        with _Look(self._session):
            return bool(self._session.number(_SALES, (int(is_pretend),)))

    def _rows(self, sql: str) -> list[Row]:
        with _Look(self._session):
            return self._session.rows(sql)


def activity_damage(path: Path, *, is_full: bool) -> list[str]:
    """Check the validation log's file and give what is wrong with it.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    connection = open_unchanging(path)
    try:
        with reading(connection):
            has_tables = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
            application_id = connection.pragma("application_id")
        if not has_tables and application_id == 0:
            # A server has just made it and writes its tables next.
            return []
        if application_id != ACTIVITY_APPLICATION_ID:
            return ["it belongs to another program"]
        if is_full:
            return _damage(connection, is_full=True)
        # The end of the tree: a file that is cut off or overwritten fails here.
        connection.execute("SELECT max(id) FROM validations").fetchall()
    except apsw.Error as exc:
        raise refusal(exc) from exc
    finally:
        connection.close()
    return []


class _Look:
    """One snapshot."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        self._session.begin(may_write=False)

    def __exit__(self, *error: object) -> None:
        self._session.abandon()


def _damage(connection: apsw.Connection, *, is_full: bool) -> list[str]:
    check = "integrity_check" if is_full else "quick_check"
    try:
        rows = connection.execute(f"PRAGMA {check}({PROBLEMS_SHOWN_MAX})").fetchall()
    except apsw.CorruptError as exc:
        return [str(exc)]
    except apsw.Error as exc:
        raise refusal(exc) from exc
    said = [line for (text,) in rows for line in str(text).splitlines()]
    return [] if said == [_FINE] else said
