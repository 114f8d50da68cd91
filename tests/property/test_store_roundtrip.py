"""Whatever the domain can hold, the store gives back equal."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.idempotency import IdempotencyRecord
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.listing import LicenseFilter
from keysat_core.domain.machine import Machine
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.testing import strategies as values
from tests.support.builders import NOW, Shop, make_license, stored_shop

replace = msgspec.structs.replace


class UndoneError(Exception):
    """Ends a transaction whose changes the next example must not meet."""


class OpenShop:
    """An in-memory store with a shop in it."""

    def __init__(self) -> None:
        self.store = SQLiteStore.open()
        self.shop: Shop = stored_shop(self.store)


@pytest.fixture(scope="module")
def open_shop() -> Iterator[OpenShop]:
    opened = OpenShop()
    yield opened
    opened.store.close()


@given(product=values.products(), name=values.names())
def test_products_come_back_equal(open_shop: OpenShop, product: Product, name: str) -> None:
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.products.put_product(product)
        assert tx.products.find_product(product.id) == product
        tx.products.put_product(replace(product, name=name))
        assert tx.products.find_product_by_slug(product.slug) == replace(product, name=name)
        raise UndoneError


@given(policy=values.policies())
def test_policies_come_back_equal(open_shop: OpenShop, policy: Policy) -> None:
    mine = replace(policy, product_id=open_shop.shop.product.id)
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.policies.put_policy(mine)
        assert tx.policies.find_policy(policy.id) == mine
        assert mine in tx.policies.list_policies(mine.product_id)
        raise UndoneError


@given(license=values.licenses())
def test_licenses_come_back_equal(open_shop: OpenShop, license: License) -> None:
    mine = replace(license, product_id=open_shop.shop.product.id)
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.licenses.put_license(mine)
        assert tx.licenses.find_license(license.id) == mine
        raise UndoneError


@given(email=values.emails())
def test_a_buyer_is_found_whatever_the_case_of_the_email(open_shop: OpenShop, email: str) -> None:
    license = make_license(open_shop.shop.product, buyer_email=email)
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.licenses.put_license(license)
        for asked in (email, email.casefold()):
            rows = tx.licenses.list_licenses(LicenseFilter(buyer_email=asked))
            assert [row.license for row in rows] == [license]
        raise UndoneError


@given(machine=values.machines())
def test_machines_come_back_equal(open_shop: OpenShop, machine: Machine) -> None:
    license = make_license(open_shop.shop.product)
    mine = replace(machine, license_id=license.id)
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.licenses.put_license(license)
        tx.machines.put_machine(mine)
        assert tx.machines.get_machine(machine.id) == mine
        found = tx.machines.find_live_machine(license.id, machine.fingerprint_hash)
        assert found == (mine if mine.active else None)
        assert tx.machines.count_live_machines(license.id) == int(mine.active)
        raise UndoneError


@given(invoice=values.invoices())
def test_invoices_come_back_equal(open_shop: OpenShop, invoice: Invoice) -> None:
    shop = open_shop.shop
    mine = replace(invoice, product_id=shop.product.id, provider_account_id=shop.account.id)
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.invoices.put_invoice(mine)
        assert tx.invoices.find_invoice(invoice.id) == mine
        if mine.provider_invoice_id is not None:
            found = tx.invoices.find_invoice_at_provider(shop.account.id, mine.provider_invoice_id)
            assert found == mine
        raise UndoneError


@given(receipt=values.receipts(outcome=ReceiptOutcome.NOTED))
def test_receipts_come_back_equal(open_shop: OpenShop, receipt: WebhookReceipt) -> None:
    mine = replace(receipt, provider_account_id=open_shop.shop.account.id)
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.receipts.put_receipt(mine)
        (due,) = tx.receipts.list_noted(
            mine.next_look_at or mine.received_at, 1, but_of=frozenset()
        )
        assert (due.id, due.provider_account_id) == (mine.id, mine.provider_account_id)
        assert tx.receipts.find_receipt(mine.id) == mine
        raise UndoneError


@given(key=values.texts(), digest=values.texts(), operation=values.texts())
def test_idempotency_keys_come_back_equal(
    open_shop: OpenShop, key: str, digest: str, operation: str
) -> None:
    record = IdempotencyRecord(
        key=key, request_digest=digest, invoice_id=InvoiceId("none-yet"), created_at=NOW
    )
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.idempotency.put_record(operation, record)
        assert tx.idempotency.find_record(operation, key) == record
        raise UndoneError


@given(key=values.texts(), value=values.texts())
def test_settings_come_back_equal(open_shop: OpenShop, key: str, value: str) -> None:
    with pytest.raises(UndoneError), open_shop.store.writing() as tx:
        tx.settings.put_setting(key, value, NOW)
        assert tx.settings.find_setting(key) == value
        raise UndoneError
