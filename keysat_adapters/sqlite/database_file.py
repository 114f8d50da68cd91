"""Looking into a database that may be damaged: counts and reads, judges nothing."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from keysat_adapters.sqlite import kept_counts
from keysat_adapters.sqlite.audit_log import SQLiteAuditLog
from keysat_adapters.sqlite.checksum import checksum_problems
from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.healing import healing_of
from keysat_adapters.sqlite.ledger import Ledger, changed, ledger_within, pending
from keysat_adapters.sqlite.licenses import LICENSES, read_license
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.session import Session
from keysat_adapters.sqlite.settings import SQLiteSettings
from keysat_adapters.sqlite.shape import differences, shape_after, shape_of
from keysat_adapters.sqlite.table import SHOWN_ID_CHARS
from keysat_core.domain.inspection import Offenders, Tallies
from keysat_core.domain.license import License
from keysat_core.domain.secret import Secret
from keysat_core.errors import CorruptRow, MigrationRefused, StoreUnavailable
from keysat_core.limits import PROBLEMS_MAX, STRUCTURE_PROBLEMS_MAX

_READ_TABLES: Final = (
    "licenses",
    "invoices",
    "machines",
    "server_keys",
    "subscription_cycles",
    "tier_changes",
)
"""What the checks of rows read, apart from the audit log."""

_NOTHING_DONE: Final = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM {table} WHERE invoice_id = invoices.id)"  # noqa: S608  constants
    for table in ("licenses", "subscription_cycles", "tier_changes")
)
"""No license issued, extended or changed. The first cycle's license is the one that was issued."""

_LICENSED: Final = "FROM licenses JOIN invoices ON invoices.id = licenses.invoice_id WHERE"

_OFFENDERS: Final[Mapping[str, str]] = {
    "effects_without_license": (
        f"id FROM invoices WHERE status = 'settled' AND effect_at IS NOT NULL AND {_NOTHING_DONE}"
    ),
    "effects_unpaid": ("id FROM invoices WHERE status <> 'settled' AND effect_at IS NOT NULL"),
    "licenses_unpaid": f"licenses.id AS id {_LICENSED} invoices.status <> 'settled'",
    "licenses_without_effect": (
        f"licenses.id AS id {_LICENSED} invoices.status = 'settled' AND invoices.effect_at IS NULL"
    ),
    "invoices_licensed_twice": (
        "invoice_id AS id FROM licenses WHERE invoice_id IS NOT NULL"
        " GROUP BY invoice_id HAVING count(*) > 1"
    ),
    "seats_taken_twice": (
        "max(id) AS id FROM machines WHERE deactivated_at IS NULL"
        " GROUP BY license_id, fingerprint_hash HAVING count(*) > 1"
    ),
}


class SQLiteDatabaseFile:
    """Implements ``ports.database_file.DatabaseFile``. Make one with ``look_into``."""

    def __init__(self, path: Path, session: Session, ledger: Ledger) -> None:
        self._path = path
        self._session = session
        self._ledger = ledger
        self._known = packaged_migrations()

    def checksum_problems(self) -> list[str] | None:
        """Compare the file with the checksums beside it."""
        return checksum_problems(self._path)

    def ledger_problems(self) -> list[str]:
        """Compare ledger and schema with this program's."""
        if not self._ledger:
            return ["it is empty: it has had no migration"]
        try:
            pending(self._ledger, self._known)
        except MigrationRefused as exc:
            return [str(exc)]
        had = [migration for migration in self._known if migration.version in self._ledger]
        with _translated():
            wrong = differences(shape_of(self._session.connection), shape_after(had))
        return [*self._mismatches(), *wrong]

    def structure_problems(self) -> list[str]:
        """Run SQLite's own check of every page, index and constraint."""
        said = self._session.rows(f"PRAGMA integrity_check({STRUCTURE_PROBLEMS_MAX})")
        # One answer may hold several lines.
        lines = [line for (text,) in said for line in str(text).splitlines() if line != "ok"]
        return lines[:STRUCTURE_PROBLEMS_MAX]

    def dangling_references(self) -> Mapping[str, int]:
        """Count rows that refer to rows that are not there."""
        return dict(
            self._session.rows(
                'SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY "table"'
            )
        )

    def unread_reason(self) -> str | None:
        """Compare the tables that are read with those of this program."""
        return self._difference_of(_READ_TABLES)

    def unread_audit_reason(self) -> str | None:
        """Compare the audit log's table with that of this program."""
        return self._difference_of(["audit_log"])

    def unread_counts_reason(self) -> str | None:
        """Compare the tables of kept numbers, and those they are of, with those of this program."""
        return self._difference_of(kept_counts.READ_TABLES)

    def count_differences(self) -> Mapping[str, int]:
        """Count again what is kept, and compare."""
        return kept_counts.count_differences(self._session)

    def _difference_of(self, tables: Iterable[str]) -> str | None:
        with _translated():
            actual = shape_of(self._session.connection)
        expected = shape_after(self._known)
        for table in tables:
            if actual.get(("table", table)) != expected["table", table]:
                last = max(self._ledger, default=0)
                return f"at schema {last} its table {table} is not the one this program reads"
        return None

    def find_signing_key_pem(self) -> tuple[Secret, str] | None:
        """Give the private and the public PEM."""
        return SQLiteSettings(self._session).find_signing_key_pem()

    @property
    def audit_log(self) -> SQLiteAuditLog:
        """Give the audit log."""
        return SQLiteAuditLog(self._session)

    def tallies(self) -> Tallies:
        """Count rows."""
        return Tallies(
            license_count=self._session.number("SELECT count(*) FROM licenses"),
            **{name: self._offenders(what) for name, what in _OFFENDERS.items()},
        )

    def licenses(self) -> Iterator[License | CorruptRow]:
        """Read every license in the order the rows lie in the file."""
        with _translated():
            for row in self._session.connection.execute(LICENSES.select("NOT INDEXED")):
                try:
                    yield LICENSES.value(read_license, row)
                except CorruptRow as exc:
                    yield exc

    def _mismatches(self) -> list[str]:
        said = []
        with _translated():
            for migration in changed(self._ledger, self._known):
                try:
                    healing_of(self._session.connection, migration, self._ledger, self._known)
                except MigrationRefused as exc:
                    said.append(str(exc))
                else:
                    said.append(
                        f"migration {migration.label} differs from the one this database had;"
                        " keysat migrate heals it"
                    )
        return said

    def _offenders(self, what: str) -> Offenders:
        rows = self._session.rows(
            f"SELECT count(*) OVER (), substr(id, 1, ?) FROM (SELECT {what}) LIMIT ?",  # noqa: S608
            (SHOWN_ID_CHARS, PROBLEMS_MAX),
        )
        return Offenders(count=rows[0][0] if rows else 0, ids=tuple(str(id_) for _, id_ in rows))


@contextmanager
def look_into(path: Path) -> Iterator[SQLiteDatabaseFile]:
    """Open a database to look into it, and change nothing.

    Raises:
        MigrationRefused: It belongs to another program or to the earlier server.
        StoreBusy, StoreUnavailable: It does not exist, cannot be read, or is no database.
    """
    if not is_file_there(path):
        raise StoreUnavailable(f"{path} does not exist")
    connection = open_unchanging(path)
    try:
        session = Session(connection)
        session.begin(may_write=False)
        with _translated():
            ledger = ledger_within(connection)
        yield SQLiteDatabaseFile(path, session, ledger)
    finally:
        connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as exc:
        raise refusal(exc) from exc
