"""A shop of before real payments, brought to this version: nothing is lost, and it sells on."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.errors import MigrationRefused

OLD_SHOP = """
INSERT INTO merchant_profiles (id, name, is_default, created_at, updated_at)
    VALUES ('m', 'Shop', 1, 10, 11);
INSERT INTO payment_providers VALUES ('p', 'm', 'sandbox', 'Sandbox', '["lightning"]', 20);
INSERT INTO products VALUES ('app', 'app', 'App', '', 'SAT', 5, 1, '{}', '[]', 'm', 30, 30);
INSERT INTO invoices (id, product_id, status, amount_sats, base_price_sats, redirect_url,
    payment_provider_id, provider_invoice_id, checkout_url, created_at, updated_at)
    VALUES ('i', 'app', 'pending', 5, 5, '', 'p', 'there', 'https://pay.example', 40, 40);
INSERT INTO webhook_receipts VALUES ('r', 'p', 'InvoiceSettled', 'there', 'i', 'd', 'noted', 50);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keysat.db"
    create_file(path)
    with closing(open_writer(path)) as connection:
        migrate(connection, packaged_migrations()[:3])
        connection.execute(OLD_SHOP).fetchall()
    return path


def test_every_row_is_still_there_and_reads_as_before(path: Path) -> None:
    with SQLiteStore.open(path, migrate=True) as store, store.reading() as tx:
        account = tx.merchants.find_account(ProviderAccountId("p"))
        assert account is not None
        assert (account.kind, account.connected_at, account.updated_at) == (
            ProviderKind.SANDBOX,
            20,
            20,
        )
        assert account.is_connected
        assert tx.merchants.list_all_accounts(is_disconnected_included=True) == [account]
        profile = tx.merchants.find_default_profile()
        assert profile is not None
        assert (profile.name, profile.smtp_use_starttls, profile.support_url) == (
            "Shop",
            True,
            None,
        )
        invoice = tx.invoices.get_invoice(InvoiceId("i"))
        assert invoice.provider_account_id == account.id
        receipt = tx.receipts.find_receipt("r")
        assert receipt is not None
        assert (receipt.outcome, receipt.looks, receipt.claim) == (ReceiptOutcome.NOTED, 0, None)


def test_references_are_checked_again_afterwards(path: Path) -> None:
    with closing(open_writer(path)) as connection:
        migrate(connection)
        assert connection.pragma("foreign_keys") == 1
        with pytest.raises(apsw.ConstraintError):
            connection.execute("DELETE FROM payment_providers").fetchall()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_shop_whose_references_are_broken_is_left_as_it_was(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("DELETE FROM payment_providers").fetchall()
    with closing(open_writer(path)) as connection:
        with pytest.raises(MigrationRefused):
            migrate(connection)
        assert connection.pragma("foreign_keys") == 1
        columns = connection.execute("PRAGMA table_info(payment_providers)").fetchall()
        assert len(columns) == 6
