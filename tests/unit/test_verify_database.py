"""Verifying: whatever could cost a buyer a license is found and named, and nothing else is."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate, recount_file
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_cli.verification import file_problems
from keysat_core.domain.audit_chain import ChainPage
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.inspection import (
    Check,
    CheckFinding,
    Offenders,
    Tallies,
    is_sound,
    judge_books,
    judge_license,
    judge_references,
    judge_seats,
    problems_of,
)
from keysat_core.domain.license import License, key_of
from keysat_core.domain.listing import Total
from keysat_core.domain.secret import Secret
from keysat_core.errors import CorruptRow, MigrationRefused, StoreUnavailable
from keysat_core.limits import PROBLEMS_MAX
from keysat_core.ports.store import AuditLog
from keysat_core.signing import LicenseKey, SigningKey, Verifier
from keysat_core.use_cases.server.verify_database import TOLD_EVERY, verify_database
from tests.support.builders import make_license
from tests.support.kept_counts import drift
from tests.support.stocked import bytes_of, run, stock

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))
PAIR = (Secret(KEY.to_pem()), KEY.verify_key.to_pem())

PAID = "(SELECT invoice_id FROM licenses WHERE invoice_id IS NOT NULL)"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stocked") / "keysat.db"
    stock(path)
    return path


@pytest.fixture
def path(stocked: Path, tmp_path: Path) -> Path:
    """A database of its own for every test that damages one."""
    return Path(shutil.copy(stocked, tmp_path / "keysat.db"))


def told_nobody(done: int, total: int) -> None:
    del done, total


def findings_of(path: Path) -> list[CheckFinding]:
    with look_into(path) as database:
        return verify_database(database=database, progress=told_nobody)


def wrong(path: Path) -> dict[str, tuple[str, ...]]:
    return {each.check: each.problems for each in findings_of(path) if each.problems}


# --- a database as it should be -----------------------------------------------------------------


def test_a_shop_that_traded_is_in_order(stocked: Path) -> None:
    findings = findings_of(stocked)
    assert [each.check for each in findings] == list(Check)
    assert is_sound(findings)
    assert problems_of(findings) == ()
    assert {each.check for each in findings if each.skipped} == {Check.CHECKSUM}


def test_looking_changes_no_byte_and_leaves_nothing(path: Path) -> None:
    before = bytes_of(path)
    findings_of(path)
    assert bytes_of(path) == before
    assert [each.name for each in path.parent.iterdir()] == ["keysat.db"]


def test_a_database_can_be_verified_while_it_is_written_to(path: Path) -> None:
    with SQLiteStore.open(path) as store, look_into(path) as database:
        assert database.tallies().license_count == 2
        with store.writing() as tx:
            (product,) = tx.products.list_products(is_inactive_included=True)
            tx.licenses.put_license(make_license(product))
        assert is_sound(verify_database(database=database, progress=told_nobody))
        assert database.tallies().license_count == 2


def test_a_settled_invoice_that_waits_for_its_license_is_no_fault(path: Path) -> None:
    run(path, "UPDATE invoices SET status = 'settled', settled_at = 1 WHERE status = 'pending'")
    assert wrong(path) == {}


def test_a_database_of_an_older_version_is_in_order(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    create_file(path)
    writer = open_writer(path)
    migrate(writer, packaged_migrations()[:1])
    writer.close()
    pair = f"'{KEY.verify_key.to_pem()}', '{KEY.to_pem()}'"
    run(path, "INSERT INTO server_keys VALUES (1, 'ed25519', PAIR, 1)".replace("PAIR", pair))
    assert wrong(path) == {}


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "check", "said"),
    [
        ("DELETE FROM licenses WHERE invoice_id IN PAID", Check.BOOKS, "lost their license"),
        (
            "UPDATE invoices SET status = 'pending' WHERE id IN PAID",
            Check.BOOKS,
            "without being settled",
        ),
        (
            "UPDATE invoices SET status = 'expired', effect_at = NULL WHERE id IN PAID",
            Check.BOOKS,
            "1 licenses belong to an invoice that is not settled",
        ),
        (
            "UPDATE invoices SET effect_at = NULL WHERE id IN PAID",
            Check.BOOKS,
            "1 licenses belong to an invoice without its effect",
        ),
        ("DELETE FROM products", Check.REFERENCES, "rows of table licenses refer to rows"),
        ("DELETE FROM server_keys", Check.SIGNING_KEY, "there is none"),
        (
            "UPDATE server_keys SET private_key_pem = 'OTHER'",
            Check.SIGNING_KEY,
            "does not belong to the stored public key",
        ),
        ("UPDATE server_keys SET public_key_pem = 'rubbish'", Check.SIGNING_KEY, "PEM"),
        ("UPDATE licenses SET entitlements = '{}'", Check.LICENSES, "table licenses is unreadable"),
        ("UPDATE licenses SET expires_at = -1", Check.LICENSES, "expires_at"),
        ("DROP INDEX machines_one_live", Check.LEDGER, "index machines_one_live is missing"),
        ("CREATE TABLE mine (x)", Check.LEDGER, "table mine should not be there"),
        (
            "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1",
            Check.LEDGER,
            "0001_initial is not the one",
        ),
        (
            "UPDATE schema_migrations SET checksum = 'x' WHERE version = 2",
            Check.LEDGER,
            "keysat migrate heals it",
        ),
        ("INSERT INTO schema_migrations VALUES (99, 'n', 'c', 1)", Check.LEDGER, "newer Keysat"),
    ],
)
def test_damage_is_found_by_its_check(damage: str, check: Check, said: str, path: Path) -> None:
    statement = damage.replace("PAID", PAID).replace("OTHER", OTHER.to_pem())
    run(path, "PRAGMA foreign_keys = off", statement)
    found = wrong(path)
    assert any(said in problem for problem in found[check]), found


def test_a_seat_taken_twice_is_found_even_without_the_index_that_forbids_it(path: Path) -> None:
    run(
        path,
        "DROP INDEX machines_one_live",
        "CREATE TEMP TABLE t AS SELECT * FROM machines",
        "INSERT INTO machines SELECT 'ffffffff-1', license_id, fingerprint, fingerprint_hash,"
        " hostname, platform, ip_last_seen, activated_at, last_heartbeat_at, NULL, NULL, product_id"
        " FROM machines",
    )
    assert wrong(path)[Check.SEATS] == ("1 machines sit on a seat that is taken: ffffffff",)


def test_an_invoice_licensed_twice_is_counted(path: Path) -> None:
    run(
        path,
        "PRAGMA foreign_keys = off",
        "DROP TRIGGER machines_counted",
        "CREATE TABLE copied AS SELECT * FROM licenses",
        "DROP TABLE licenses",
        "ALTER TABLE copied RENAME TO licenses",
        "INSERT INTO licenses SELECT * FROM licenses",
    )
    with look_into(path) as database:
        assert database.tallies().invoices_licensed_twice.count == 1
        assert "licenses" in (database.unread_reason() or "")


def test_rows_of_another_shape_are_not_looked_at(path: Path) -> None:
    run(path, "ALTER TABLE licenses ADD COLUMN later TEXT")
    by_check = {each.check: each for each in findings_of(path)}
    assert "table licenses" in (by_check[Check.BOOKS].skipped or "")
    assert not by_check[Check.LEDGER].is_sound


def test_a_flipped_byte_is_found(path: Path) -> None:
    """In the page of a table: the row there no longer is what its index says."""
    run(path, "PRAGMA journal_mode = delete")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"b@example.com")] ^= 1
    path.write_bytes(data)
    assert wrong(path)


def test_a_truncated_file_is_found_or_cannot_be_opened(path: Path) -> None:
    run(path, "PRAGMA journal_mode = delete")
    data = path.read_bytes()
    for kept in (len(data) // 2, len(data) - 4096):
        path.write_bytes(data[:kept])
        try:
            found = wrong(path)
        except StoreUnavailable:
            continue
        assert found


def test_what_is_no_database_of_ours_cannot_be_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with pytest.raises(StoreUnavailable, match="does not exist"):
        findings_of(path)
    path.write_bytes(b"not a database at all, but long enough to have a header" * 99)
    with pytest.raises(StoreUnavailable, match="not an SQLite database"):
        findings_of(path)
    path.unlink()
    run(path, "CREATE TABLE notes (text)")
    with pytest.raises(MigrationRefused, match="another program"):
        findings_of(path)


def test_an_empty_file_is_no_shop(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    create_file(path)
    assert wrong(path)[Check.LEDGER] == ("it is empty: it has had no migration",)


# --- the rules alone ----------------------------------------------------------------------------


class EmptyLog:
    """An audit log nobody wrote to."""

    def list_rows(self, criteria: AuditFilter) -> list[AuditRow]:
        return []

    def count_rows(self, criteria: AuditFilter) -> Total:
        return Total(0)

    def last_id(self) -> int:
        return 0

    def read_chain(self, first_id: int | None, limit: int) -> ChainPage:
        return ChainPage([], None)


EMPTY_LOG = EmptyLog()


class Scripted:
    """A database that says what it is told to; what is None cannot be read."""

    def __init__(
        self,
        *,
        licenses: list[License | CorruptRow] | None = None,
        tallies: Tallies | None = None,
        structure: list[str] | None = None,
        pair: tuple[Secret, str] | None = PAIR,
        is_list_readable: bool = True,
        is_shape_readable: bool = True,
    ) -> None:
        self._is_shape_readable = is_shape_readable
        self._is_list_readable = is_list_readable
        self._licenses = licenses
        self._tallies = tallies
        self._structure = structure
        self._pair = pair

    def checksum_problems(self) -> list[str] | None:
        if not self._is_list_readable:
            raise StoreUnavailable("the list is gone")
        return ["it was altered"]

    def ledger_problems(self) -> list[str]:
        return []

    def structure_problems(self) -> list[str]:
        if self._structure is None:
            raise StoreUnavailable("page 7 is gone")
        return self._structure

    def dangling_references(self) -> Mapping[str, int]:
        return {}

    def unread_reason(self) -> str | None:
        return None

    def unread_audit_reason(self) -> str | None:
        if not self._is_shape_readable:
            raise StoreUnavailable("page 1 is gone")
        return None

    def unread_counts_reason(self) -> str | None:
        return None

    def count_differences(self) -> Mapping[str, int]:
        return {}

    def find_signing_key_pem(self) -> tuple[Secret, str] | None:
        return self._pair

    def tallies(self) -> Tallies:
        if self._tallies is None:
            raise StoreUnavailable("page 8 is gone")
        return self._tallies

    @property
    def audit_log(self) -> AuditLog:
        return EMPTY_LOG

    def licenses(self) -> Iterator[License | CorruptRow]:
        if self._licenses is None:
            raise StoreUnavailable("page 9 is gone")
        yield from self._licenses


def scripted_findings(database: Scripted) -> dict[str, tuple[str, ...]]:
    found = verify_database(database=database, progress=told_nobody)
    return {
        each.check: each.problems for each in found if each.problems and each.check != "checksum"
    }


def test_a_page_that_cannot_be_read_is_the_answer_of_its_check() -> None:
    gone = dict.fromkeys(
        [Check.LICENSES, Check.BOOKS, Check.SEATS], ("the database cannot be used: page 8 is gone",)
    )
    assert scripted_findings(Scripted(structure=[])) == gone
    found = scripted_findings(Scripted(tallies=Tallies()))
    assert found == {
        Check.STRUCTURE: ("the database cannot be used: page 7 is gone",),
        Check.LICENSES: ("the database cannot be used: page 9 is gone",),
    }
    whole = Scripted(licenses=[], tallies=Tallies(), structure=[], is_shape_readable=False)
    assert scripted_findings(whole) == {
        Check.AUDIT: ("the database cannot be used: page 1 is gone",)
    }


@pytest.mark.parametrize(
    ("is_list_readable", "said"),
    [(True, "it was altered"), (False, "the database cannot be used: the list is gone")],
)
def test_what_differs_from_its_checksums_is_said(is_list_readable: bool, said: str) -> None:  # noqa: FBT001
    database = Scripted(
        licenses=[], tallies=Tallies(), structure=[], is_list_readable=is_list_readable
    )
    first, *others = verify_database(database=database, progress=told_nobody)
    assert first == CheckFinding(check=Check.CHECKSUM, problems=(said,))
    assert is_sound(others)


def test_many_bad_licenses_are_counted_and_few_are_named() -> None:
    bad: list[License | CorruptRow] = [CorruptRow("licenses", str(n), "odd") for n in range(25)]
    found = scripted_findings(
        Scripted(licenses=bad, tallies=Tallies(license_count=25), structure=[])
    )
    named = found[Check.LICENSES]
    assert len(named) == PROBLEMS_MAX + 1
    assert named[-1] == "and 15 more licenses"


def test_licenses_that_were_counted_but_never_came_are_missed() -> None:
    found = scripted_findings(Scripted(licenses=[], tallies=Tallies(license_count=3), structure=[]))
    assert found == {Check.LICENSES: ("3 licenses were counted but 0 could be read",)}


def test_without_a_key_no_license_is_vouched_for() -> None:
    found = scripted_findings(Scripted(licenses=[], tallies=Tallies(), structure=[], pair=None))
    assert set(found) == {Check.SIGNING_KEY, Check.LICENSES}


def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    license = make_license()
    told: list[tuple[int, int]] = []
    count = 2 * TOLD_EVERY + 1
    database = Scripted(
        licenses=[license] * count, tallies=Tallies(license_count=count), structure=[]
    )
    found = verify_database(
        database=database, progress=lambda done, total: told.append((done, total))
    )
    assert problems_of(found) == ("checksum: it was altered",)
    assert told == [(TOLD_EVERY, count), (2 * TOLD_EVERY, count), (count, count)]


def test_a_license_whose_key_cannot_be_derived_is_named() -> None:
    license = make_license()
    assert judge_license(license, KEY, Verifier(KEY.verify_key), is_signed=True) is None
    said = judge_license(license, KEY, Verifier(OTHER.verify_key), is_signed=True)
    assert said is not None
    assert license.id in said
    odd = msgspec.structs.replace(license)
    msgspec.structs.force_setattr(odd, "issued_at", -1)
    assert "cannot be derived" in (
        judge_license(odd, KEY, Verifier(KEY.verify_key), is_signed=False) or ""
    )


class Forgetful(Verifier):
    """Verifies whatever it is shown as the key of the same other license."""

    def verify(
        self, key: str | LicenseKey, *, now: int | None = None, fingerprint: str | None = None
    ) -> LicenseKey:
        del key
        return super().verify(key_of(make_license(), KEY), now=now, fingerprint=fingerprint)


def test_a_key_that_says_something_else_than_its_row_is_named() -> None:
    said = judge_license(make_license(), KEY, Forgetful(KEY.verify_key), is_signed=True)
    assert "not what its row says" in (said or "")


def test_a_changed_audit_row_is_found_in_a_backup_too(path: Path) -> None:
    run(path, "UPDATE audit_log SET action = 'nothing' WHERE id = 1")
    assert wrong(path) == {Check.AUDIT: ("row 1: changed after it was written",)}


def test_many_breaks_of_the_audit_log_are_counted_and_few_are_named(path: Path) -> None:
    columns = "id, actor_kind, action, details, occurred_at, hash, previous_hash"
    rows = ", ".join(f"({number}0, 'x', 'y', '{{}}', 1, x'00', x'00')" for number in range(1, 20))
    run(path, f"INSERT INTO audit_log ({columns}) VALUES {rows}")  # noqa: S608  all of it is ours
    said = wrong(path)[Check.AUDIT]
    assert len(said) == PROBLEMS_MAX + 1
    assert said[-1].startswith("and ")


def test_offenders_are_named_by_their_first_few() -> None:
    few = Offenders(count=2, ids=("a", "b"))
    many = Offenders(count=99, ids=tuple("abcdefghijkl"))
    assert judge_seats(Tallies(seats_taken_twice=few)) == (
        "2 machines sit on a seat that is taken: a, b",
    )
    (said,) = judge_books(Tallies(effects_without_license=many))
    assert said == "99 settled invoices lost their license: a, b, c, d, e, f, g, h, i, j, …"
    assert judge_references({"a": 2, "b": 0}) == (
        "2 rows of table a refer to rows that are not there",
    )


KEPT_WRONG = {
    "row_counts": "UPDATE row_counts SET row_count = row_count + 1 WHERE counted IN ('licenses', 'machines')",
    "revenue_days": "DELETE FROM revenue_days",
    "code_spans": "INSERT INTO code_spans VALUES (1, 1, 'c', 1, 0, 0, 0)",
    "audit_days": "UPDATE audit_days SET last_id = last_id - 1",
    "product_days": "UPDATE product_days SET amount_sats = amount_sats + 1",
    "license_days": "DELETE FROM license_days",
    "renewal_days": "INSERT INTO renewal_days VALUES (1, 'SAT', 1, 5)",
    "recurring_prices": "INSERT INTO recurring_prices VALUES ('SAT', 30, 1, 5)",
    "subscription_days": "INSERT INTO subscription_days VALUES (1, 0, 1)",
}


@pytest.mark.parametrize("table", KEPT_WRONG)
def test_kept_counts_that_drifted_are_found_and_counted_anew(path: Path, table: str) -> None:
    run(path, KEPT_WRONG[table])
    with look_into(path) as database:
        (differing,) = (item for item in database.count_differences().items() if item[1])
    assert differing[0] == table
    (said,) = wrong(path).pop(Check.COUNTS)
    assert f"{differing[1]} keys of table {table}" in said
    assert "keysat migrate --recount" in said
    assert file_problems(path) == (), "it may be backed up and restored all the same"
    assert recount_file(path)[table] == differing[1]
    assert wrong(path) == {}
    with closing(open_writer(path)) as connection:
        assert drift(connection) == []
