"""The database of the earlier server that imports are tried on: what it has, and that it is one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import msgspec
import pytest

from keysat_core.signing import SigningKey, VerifyKey, parse_key
from tests.support.earlier.keys import key_seconds
from tests.support.earlier.shop import EarlierShop, write_earlier_database

TABLES: Final = 25
# What the adoption audit has to find (lifecycles 13.2), asked of the rows alone.
AUDIT: Final = {
    "D1.license": """
        SELECT l.id FROM licenses AS l JOIN subscription_invoices AS i USING (invoice_id)
        JOIN subscriptions AS s ON s.id = i.subscription_id
        WHERE i.cycle_number >= 2 AND s.license_id <> l.id
    """,
    "D1.subscription": """
        SELECT s.id FROM subscriptions AS s JOIN licenses AS l ON l.id = s.license_id
        JOIN subscription_invoices AS i ON i.invoice_id = l.invoice_id
        WHERE i.cycle_number >= 2 AND i.subscription_id <> s.id
    """,
    "D3.subscription": """
        SELECT s.id FROM subscriptions AS s JOIN policies AS p ON p.id = s.policy_id
        JOIN products AS m ON m.id = s.product_id
        WHERE s.listed_value = 0 AND coalesce(p.price_sats_override, m.price_value) > 0
    """,
    "D36.subscription": """
        SELECT s.id FROM subscriptions AS s JOIN licenses AS l ON l.id = s.license_id
        WHERE s.status IN ('active', 'past_due') AND l.status = 'revoked'
    """,
    "D12.invoice": """
        SELECT id FROM invoices WHERE status = 'settled'
        AND id NOT IN (SELECT invoice_id FROM licenses WHERE invoice_id IS NOT NULL)
        AND id NOT IN (SELECT invoice_id FROM tier_changes WHERE invoice_id IS NOT NULL)
        AND id NOT IN (SELECT invoice_id FROM subscription_invoices WHERE cycle_number >= 2)
    """,
    "D4.license": """
        SELECT l.id FROM licenses AS l JOIN tier_changes AS t ON t.invoice_id = l.invoice_id
    """,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> EarlierShop:
    return write_earlier_database(tmp_path_factory.mktemp("earlier") / "keysat.db")


@pytest.fixture(scope="module")
def old(shop: EarlierShop) -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(str(shop.path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        yield connection


def column(connection: apsw.Connection, sql: str, *values: str) -> list[object]:
    return [value for (value,) in connection.execute(sql, values)]


def names_in(connection: apsw.Connection, table: str) -> list[str]:
    return [
        str(each) for each in column(connection, "SELECT name FROM pragma_table_info(?)", table)
    ]


def tables_in(connection: apsw.Connection) -> list[str]:
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return [str(each) for each in column(connection, sql)]


def test_it_is_a_sound_database_at_version_25(old: apsw.Connection) -> None:
    assert column(old, "PRAGMA integrity_check") == ["ok"]
    assert old.execute("PRAGMA foreign_key_check").fetchall() == []
    assert old.execute(
        "SELECT max(version), count(*), min(length(checksum)), min(success) FROM _sqlx_migrations"
    ).fetchall() == [(25, 25, 48, 1)]


def test_every_table_and_every_column_of_the_old_schema_has_something_in_it(
    old: apsw.Connection,
) -> None:
    tables = tables_in(old)
    assert len(tables) == TABLES
    # No server ever wrote or read this one (lifecycles 4.1).
    empty = {("policies", "price_currency_override")}
    for table in tables:
        for name in names_in(old, table):
            sql = f"SELECT count({name}) FROM {table}"  # noqa: S608
            assert (column(old, sql) != [0]) is ((table, name) not in empty), (table, name)


def test_it_has_a_thousand_licenses_and_names_what_shows_each_feature_and_defect(
    shop: EarlierShop, old: apsw.Connection
) -> None:
    assert column(old, "SELECT count(*) >= 1000 FROM licenses") == [1]
    ids = {
        str(id_)
        for table in tables_in(old)
        if "id" in names_in(old, table)
        for id_ in column(old, f"SELECT id FROM {table}")  # noqa: S608
    }
    assert len(shop.features) >= 150
    assert len(shop.defects) >= 55
    for name, named in shop.features.items():
        assert named, name
        assert name.startswith(("setting.", "session.")) or set(named) <= ids, name
    for name, named in shop.defects.items():
        assert named, name
        assert set(named) <= ids, name


@pytest.mark.parametrize("defect", AUDIT)
def test_what_the_adoption_audit_must_find_is_what_was_planted(
    defect: str, shop: EarlierShop, old: apsw.Connection
) -> None:
    assert set(column(old, AUDIT[defect])) == set(shop.defects[defect])


def test_codes_count_their_uses_but_where_the_count_was_planted_wrong(
    shop: EarlierShop, old: apsw.Connection
) -> None:
    wrong = """
        SELECT id FROM discount_codes AS c WHERE used_count <> (
            SELECT count(*) FROM discount_redemptions
            WHERE code_id = c.id AND status IN ('pending', 'redeemed')
        )
    """
    assert set(column(old, wrong)) == set(shop.defects["odd.used_count"])


def test_instants_are_spelled_in_all_the_ways_old_rows_have(old: apsw.Connection) -> None:
    spelled = {
        (len(str(text)) - len("2026-01-01T00:00:00+00:00"))
        for text in column(old, "SELECT issued_at FROM licenses")
    }
    assert spelled == {0, 4, 7, 10}
    assert column(old, "SELECT count(*) > 0 FROM licenses WHERE expires_at LIKE '%Z'") == [1]
    assert column(old, "SELECT connected_at FROM payment_providers WHERE connected_at LIKE '% %'")


def test_its_key_is_real_and_signed_the_keys_of_the_first_days(
    shop: EarlierShop, old: apsw.Connection
) -> None:
    ((private, public),) = old.execute("SELECT private_key_pem, public_key_pem FROM server_keys")
    assert SigningKey.from_pem(str(private)) == SigningKey(shop.seed)
    verifying = VerifyKey.from_pem(str(public))
    assert len(shop.first_keys) > 10
    for license_id, text in shop.first_keys.items():
        key = parse_key(text)
        verifying.verify(key.signed_bytes, key.signature)
        assert (key.payload.version, key.payload.license_id) == (1, license_id)


def test_session_tokens_stand_in_clear_where_the_old_server_put_them(
    shop: EarlierShop, old: apsw.Connection
) -> None:
    audited = column(old, "SELECT target_id FROM audit_log WHERE action = 'web_ui.login_ok'")
    assert set(audited) == set(shop.session_tokens)
    assert set(column(old, "SELECT token FROM sessions")) < set(shop.session_tokens)


def test_unreadable_expiries_are_unreadable(shop: EarlierShop, old: apsw.Connection) -> None:
    texts = dict(old.execute("SELECT id, expires_at FROM licenses WHERE expires_at IS NOT NULL"))
    assert {key_seconds(str(texts[id_])) for id_ in shop.defects["B-21.license"]} == {0}
    assert all(key_seconds(str(texts[id_])) for id_ in shop.defects["B-21.license_offset"])


def test_the_same_seed_makes_the_same_rows_and_another_one_others(
    tmp_path: Path, shop: EarlierShop
) -> None:
    again = write_earlier_database(tmp_path / "again.db")
    other = write_earlier_database(tmp_path / "other.db", seed=1, licenses=300)
    assert again == msgspec.structs.replace(shop, path=again.path)
    assert again.path.read_bytes() == shop.path.read_bytes()
    assert other.seed != shop.seed
    assert set(other.features) == set(shop.features)
    assert set(other.defects) == set(shop.defects)
