"""A shop of millions of rows, written by SQL at the schema before lists were made fast."""

# ruff: noqa: S608  everything in these statements is from here

from typing import Final, NamedTuple, Self

import apsw

from tests.support.http import START

_TABLES: Final = (
    "licenses",
    "machines",
    "invoices",
    "audit_log",
    "subscriptions",
    "webhook_deliveries",
    "outbox",
    "code_redemptions",
    "tip_attempts",
)
_SPAN: Final = 1_000 * 86_400
"""Everything happened within the last thousand days."""


class Size(NamedTuple):
    """How many rows of a kind."""

    licenses: int
    machines: int
    audits: int
    invoices: int
    subscriptions: int
    deliveries: int
    redemptions: int
    tips: int

    @classmethod
    def scaled(cls, scale: float) -> Self:
        """Give a part of the largest shop."""
        whole = cls(
            licenses=1_000_000,
            machines=3_000_000,
            audits=10_000_000,
            invoices=1_000_000,
            subscriptions=200_000,
            deliveries=1_000_000,
            redemptions=300_000,
            tips=100_000,
        )
        return cls(*(int(number * scale) for number in whole))


def fill(connection: apsw.Connection, size: Size) -> None:
    """Fill an empty database. Indexes are made at the end, which is many times faster."""
    marks = ", ".join(f"'{table}'" for table in _TABLES)
    indexes = connection.execute(
        f"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        f" AND tbl_name IN ({marks})"
    ).fetchall()
    connection.pragma("foreign_keys", 0)
    connection.execute("BEGIN").fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}").fetchall()
    for sql in _statements(size):
        connection.execute(sql).fetchall()
    for _, index in indexes:
        connection.execute(str(index)).fetchall()
    connection.execute("COMMIT").fetchall()
    connection.pragma("foreign_keys", 1)


def _id(kind: str, number: str = "i") -> str:
    """Spell an id that looks random and follows from a number."""
    mixed = f"(({number} * 2654435761 + {ord(kind)}) % 4294967296)"
    return f"printf('%08x-{ord(kind):04x}-4000-8000-%012x', {mixed}, {number})"


def fixed(kind: str, number: int) -> str:
    """Give the id of one of few rows."""
    return f"0000000{kind}-0000-4000-8000-{number:012d}"


def _fixed(kind: str, number: str) -> str:
    return f"printf('0000000{kind}-0000-4000-8000-%012d', {number})"


M: Final = fixed("e", 0)
Z: Final = fixed("f", 0)


def _at(number: int) -> str:
    return f"{START - _SPAN} + i * {_SPAN} / {max(number, 1)}"


def _each(count: int) -> str:
    return f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})"


def _statements(size: Size) -> list[str]:
    product = _fixed("a", "iif(i % 2 = 0, 0, i % 20)")
    policy = _fixed("b", "i % 60")
    email = "iif(i % 33 = 0, 'reseller@example.org', printf('buyer%07d@example.org', i * 7919 % 500000))"
    license_of = f"i % {max(size.licenses, 1)}"
    return [
        (
            "INSERT INTO merchant_profiles (id, name, is_default, created_at, updated_at)"
            f" VALUES ('{M}', 'M', 1, 1, 1)"
        ),
        (
            "INSERT INTO payment_providers (id, merchant_profile_id, kind, label, served_rails,"
            " base_url, connected_at, updated_at, disconnected_at)"
            f" VALUES ('{Z}', '{M}', 'btcpay', 'Z', '[]', 'https://pay.example', 1, 1, 2)"
        ),
        (
            f"{_each(20)} INSERT INTO products SELECT {_fixed('a', 'i')}, 'p' || i, 'Product ' || i, '', 'SAT',"
            " 50000, 1, '{}', '[]', NULL, i, i FROM n"
        ),
        (
            f"{_each(60)} INSERT INTO policies SELECT {_fixed('b', 'i')}, {_fixed('a', 'i % 20')}, 't' || i, 'Tier', 0, 0,"
            " 3, 0, NULL, '[]', '{}', NULL, 0, NULL, 1, 1, 0, 0, 0, 0, NULL, NULL, i, i FROM n"
        ),
        (
            f"{_each(5)} INSERT INTO webhook_endpoints SELECT {_fixed('d', 'i')}, 'https://hooks.example/' || i,"
            " 'secret', '[\"*\"]', 0, '', i, i, NULL FROM n"
        ),
        (
            f"{_each(500)} INSERT INTO discount_codes SELECT {_fixed('c', 'i')}, 'CODE' || i, 'percent', 1000,"
            " 'SAT', 'once', NULL, 0, NULL, NULL, '[]', NULL, '', i % 3 > 0, 0, i, i FROM n"
        ),
        (
            f"{_each(size.invoices)} INSERT INTO invoices (id, product_id, policy_id, status,"
            " amount_sats, base_price_sats, buyer_email, buyer_email_folded, redirect_url,"
            " payment_provider_id, provider_invoice_id, checkout_url, created_at, updated_at,"
            f" settled_at, effect_at) SELECT {_id('i')}, {product}, {policy},"
            " CASE WHEN i % 5 < 3 THEN 'settled' WHEN i % 500 = 3 THEN 'pending'"
            " WHEN i % 500 = 8 THEN 'invalid' ELSE 'expired' END,"
            f" 50000, 50000, {email}, {email}, '', '{Z}', printf('at%09d', i), 'https://pay.example',"
            f" {_at(size.invoices)}, {_at(size.invoices)},"
            f" iif(i % 5 < 3, {_at(size.invoices)}, NULL), iif(i % 5 < 3, {_at(size.invoices)}, NULL)"
            " FROM n"
        ),
        (
            f"{_each(size.licenses)} INSERT INTO licenses (id, product_id, policy_id, invoice_id, status,"
            " issued_at, grace_seconds, max_machines, is_trial, entitlements, buyer_email, nostr_npub,"
            f" metadata, buyer_email_folded) SELECT {_id('l')}, {product}, {policy},"
            f" iif(i % 5 < 3 AND i < {size.invoices}, {_id('i')}, NULL),"
            " CASE WHEN i % 40 = 1 THEN 'revoked' WHEN i % 40 = 2 THEN 'suspended' ELSE 'active' END,"
            f" {_at(size.licenses)}, 0, 3, 0, '[\"pro\"]', {email},"
            f" iif(i % 10 = 0, printf('npub%06d', i), NULL), '{{}}', {email} FROM n"
        ),
        (
            f"{_each(size.machines)} INSERT INTO machines SELECT {_id('m')},"
            f" {_id('l', f'({license_of})')}, 'f' || i, 'h' || i, 'host', 'linux', NULL,"
            f" {START - _SPAN}, {START} - (i * 7919 % 7776000),"
            f" iif(i % 4 = 0, {START} - 86400, NULL), iif(i % 4 = 0, 'left', NULL) FROM n"
        ),
        (
            f"{_each(size.subscriptions)} INSERT INTO subscriptions SELECT {_id('s')},"
            f" {_id('l')}, {product}, {policy}, iif(i % 10 = 0, 'lapsed', 'active'), 30, 7, 0,"
            f" 'SAT', 50000, {_at(size.subscriptions)}, {START + 10**9}, NULL, NULL, NULL, NULL, 0,"
            f" '{M}', '{Z}', 1 FROM n"
        ),
        (
            f"{_each(size.deliveries // 5)} INSERT INTO outbox (id, event_type, is_published, body,"
            f" occurred_at) SELECT {_id('e')}, 'license.issued', 1, '{{\"data\":{{}}}}',"
            f" {_at(size.deliveries // 5)} FROM n"
        ),
        (
            f"{_each(size.deliveries)} INSERT INTO webhook_deliveries (id, endpoint_id, event_id, status,"
            " attempts, delivered_at, next_attempt_at, created_at)"
            f" SELECT {_id('d')}, {_fixed('d', 'i % 5')}, {_id('e', '(i / 5)')},"
            " CASE WHEN i % 50 = 0 THEN 'dead' WHEN i % 5000 = 1 THEN 'queued' ELSE 'delivered' END, 1,"
            f" iif(i % 50 = 0 OR i % 5000 = 1, NULL, {START}),"
            f" iif(i % 5000 = 1, {START + 10**8}, NULL), {_at(size.deliveries)} FROM n"
        ),
        (
            f"{_each(size.redemptions)} INSERT INTO code_redemptions SELECT {_id('r')}, {_fixed('c', 'i % 500')},"
            f" {_id('i')}, NULL, iif(i % 5 < 3, 'redeemed', 'cancelled'), 5000, 50000, 45000,"
            f" {_at(size.redemptions)}, {_at(size.redemptions)} FROM n"
        ),
        (
            f"{_each(size.tips)} INSERT INTO tip_attempts SELECT {_id('t')}, {_id('l')}, {policy},"
            f" {_id('i')}, 'tips@example.org', 500, 100, NULL, 'sent', NULL, NULL, NULL, 1,"
            f" {_at(size.tips)}, NULL, {_at(size.tips)}, {_at(size.tips)} FROM n"
        ),
        (
            f"{_each(size.audits)} INSERT INTO audit_log (actor_kind, actor_hash, action, target_kind,"
            " target_id, request_ip, request_id, details, occurred_at, previous_hash, hash) SELECT"
            " CASE WHEN i % 3 = 0 THEN 'system' WHEN i % 1000 = 1 THEN 'cli'"
            " WHEN i % 5000 = 2 THEN 'web_ui' ELSE 'admin_api_key' END,"
            " iif(i % 3 = 0, NULL, printf('%064d', iif(i % 7 = 0, i % 40, 0))),"
            " CASE WHEN i % 3 = 0 THEN 'code.redeemed' WHEN i % 700 = 1 THEN 'license.revoke'"
            " WHEN i % 5000 = 2 THEN 'web_ui.login_ok' WHEN i % 9000 = 4 THEN 'rate.refresh'"
            " ELSE 'license.issue_manual' END,"
            f" 'license', {_id('l', f'({license_of})')}, NULL, iif(i % 4 = 0, NULL, printf('req%08d', i / 2)),"
            ' iif(i % 7 = 0, printf(\'{"actor_id":"key-%d"}\', i % 40), \'{"reason":""}\'),'
            f" {_at(size.audits)}, x'00', x'00' FROM n"
        ),
    ]
