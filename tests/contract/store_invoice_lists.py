"""Pages of invoices in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Attention, Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.listing import InvoiceFilter, InvoiceRow
from keysat_core.domain.merchant import ProviderKind, disconnected
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    later,
    make_account,
    make_invoice,
    make_license,
    make_product,
    new_id,
    stored_shop,
)

SETTLED, EXPIRED = InvoiceStatus.SETTLED, InvoiceStatus.EXPIRED


def put(store: Store, shop: Shop, **fields: Any) -> Invoice:
    invoice = make_invoice(shop.product, **fields)
    with store.writing() as tx:
        tx.invoices.put_invoice(invoice)
    return invoice


def found(store: Store, **fields: Any) -> list[Invoice]:
    with store.reading() as tx:
        page = tx.invoices.list_invoices(InvoiceFilter(**fields))
    if not {"limit", "offset"} & fields.keys():
        assert page.total == len(page.rows)
    return [row.invoice for row in page.rows]


class InvoiceListsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_an_invoice_is_shown_with_what_it_belongs_to(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = put(
            store,
            shop,
            policy_id=shop.policy.id,
            provider_account_id=shop.account.id,
            status=SETTLED,
            settled_by=SettledBy.OPERATOR,
            effect_at=NOW,
            noted_attention=Attention.PROVIDER_REVERSED,
        )
        license = make_license(shop.product, invoice_id=invoice.id)
        with store.writing() as tx:
            tx.licenses.put_license(license)
        expected = InvoiceRow(
            invoice=invoice,
            product_slug=shop.product.slug,
            policy_slug=shop.policy.slug,
            provider_kind=ProviderKind.SANDBOX,
            provider_label="Sandbox",
            is_provider_connected=True,
            license_id=license.id,
        )
        with store.reading() as tx:
            assert tx.invoices.get_invoice_row(invoice.id) == expected
            assert tx.invoices.list_invoices(InvoiceFilter()).rows == (expected,)

    def test_what_there_is_none_of_is_none(self, store: Store) -> None:
        shop = stored_shop(store)
        bare = put(store, shop)
        with store.reading() as tx:
            row = tx.invoices.get_invoice_row(bare.id)
            with pytest.raises(NotFound):
                tx.invoices.get_invoice_row(InvoiceId(new_id()))
        assert row == InvoiceRow(invoice=bare, product_slug=shop.product.slug)

    def test_an_account_that_was_disconnected_is_still_named(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = put(store, shop, provider_account_id=shop.account.id)
        with store.writing() as tx:
            tx.merchants.put_account(disconnected(shop.account, NOW))
            row = tx.invoices.get_invoice_row(invoice.id)
        assert (row.provider_label, row.is_provider_connected) == ("Sandbox", False)

    def test_the_newest_comes_first_and_pages_neither_repeat_nor_leave_out(
        self, store: Store
    ) -> None:
        shop = stored_shop(store)
        same_time = [put(store, shop) for _ in range(5)]
        newer, older = put(store, shop, created_at=later(1)), put(store, shop, created_at=later(-1))
        expected = [newer, *sorted(same_time, key=lambda one: one.id, reverse=True), older]
        assert found(store) == expected
        paged = [one for offset in range(0, 8, 2) for one in found(store, limit=2, offset=offset)]
        assert paged == expected
        with store.reading() as tx:
            assert tx.invoices.list_invoices(InvoiceFilter(limit=1, offset=6)).total == 7

    def test_every_filter_given_must_match(self, store: Store) -> None:
        shop = stored_shop(store)
        other = make_product()
        account = msgspec.structs.replace(
            make_account(shop.profile), kind=ProviderKind.BTCPAY, label="Mine"
        )
        with store.writing() as tx:
            tx.products.put_product(other)
            tx.merchants.put_account(account)
        mine = put(
            store, shop, provider_account_id=account.id, provider_invoice_id="p-1", status=EXPIRED
        )
        theirs = make_invoice(other, buyer_email="Straße@Example.com")
        with store.writing() as tx:
            tx.invoices.put_invoice(theirs)
        assert found(store, status=EXPIRED) == [mine]
        assert found(store, product_id=other.id) == [theirs]
        assert found(store, buyer_email="STRASSE@example.COM") == [theirs]
        assert found(store, invoice_id=mine.id) == found(store, invoice_id="p-1") == [mine]
        assert found(store, provider_account_id=account.id) == [mine]
        assert found(store, invoice_id="p-1", status=EXPIRED, product_id=shop.product.id) == [mine]
        assert found(store, invoice_id="p-1", status=SETTLED) == []
        assert found(store, buyer_email="nobody@example.com") == []

    @pytest.mark.parametrize(
        "noted", [each for each in Attention if each is not Attention.WITHOUT_EFFECT]
    )
    def test_those_to_look_at_are_found(self, store: Store, noted: Attention) -> None:
        shop = stored_shop(store)
        put(store, shop)
        put(store, shop, status=SETTLED, settled_at=NOW, effect_at=NOW)
        waiting = put(store, shop, status=EXPIRED, noted_attention=noted)
        assert found(store, is_attention_needed=True) == [waiting]
        assert waiting.attention is noted
        assert found(store, is_attention_needed=True, status=SETTLED) == []

    def test_what_was_settled_and_never_delivered_is_among_them(self, store: Store) -> None:
        shop = stored_shop(store)
        half = put(store, shop, status=SETTLED, settled_at=NOW)
        assert half.attention is Attention.WITHOUT_EFFECT
        assert found(store, is_attention_needed=True) == [half]
