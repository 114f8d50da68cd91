"""A shop of before saved payment methods, brought to this version with everything in it."""

from contextlib import closing
from pathlib import Path

import pytest

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.saved_payment import wanted

OURS = next(one for one in packaged_migrations() if one.name == "saved_payments")

OLD_SHOP = """
INSERT INTO merchant_profiles (id, name, is_default, created_at, updated_at)
    VALUES ('m', 'Shop', 1, 10, 11);
INSERT INTO payment_providers (id, merchant_profile_id, kind, label, served_rails, base_url, api_key,
    connected_at, updated_at)
    VALUES ('z', 'm', 'zaprite', 'Zaprite', '["card"]', 'https://api.zaprite.com', 'key', 20, 20);
INSERT INTO products VALUES ('app', 'app', 'App', '', 'SAT', 5, 1, '{}', '[]', 'm', 30, 30);
INSERT INTO invoices (id, product_id, status, amount_sats, base_price_sats, redirect_url,
    payment_provider_id, provider_invoice_id, checkout_url, created_at, updated_at)
    VALUES ('i', 'app', 'pending', 5, 5, '', 'z', 'there', 'https://pay.example', 40, 40);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keysat.db"
    create_file(path)
    with closing(open_writer(path)) as connection:
        migrate(connection, packaged_migrations()[: OURS.version - 1])
        connection.execute(OLD_SHOP).fetchall()
    return path


def test_every_row_is_still_there_and_cards_can_be_saved(path: Path) -> None:
    with SQLiteStore.open(path, migrate=True) as store:
        with store.reading() as tx:
            account = tx.merchants.find_account(ProviderAccountId("z"))
            invoice = tx.invoices.get_invoice(InvoiceId("i"))
            assert tx.saved_payments.list_saved(9, 0) == []
        assert account is not None
        assert account.kind is ProviderKind.ZAPRITE
        assert account.api_key is not None
        assert invoice.provider_account_id == account.id
        saved = wanted(invoice.id, account.id, Instant(50))
        with store.writing() as tx:
            tx.saved_payments.put_saved(saved)
        with store.reading() as tx:
            assert tx.saved_payments.find_saved(invoice.id) == saved


def test_references_hold_afterwards(path: Path) -> None:
    with closing(open_writer(path)) as connection:
        assert migrate(connection).applied[0] == OURS
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.pragma("integrity_check") == "ok"
