"""Invoices in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.listing import RevenueSummary
from keysat_core.domain.money import Currency
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.limits import RECONCILE_BATCH
from keysat_core.ports.store import Store, Transaction
from tests.support.builders import NOW, make_invoice, new_id, stored_shop

replace = msgspec.structs.replace


def due_ids(tx: Transaction, limit: int) -> list[InvoiceId]:
    return [due.id for due in tx.invoices.list_unresolved(NOW, limit)]


class InvoicesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_an_invoice_comes_back_whole(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(
            shop.product,
            policy_id=shop.policy.id,
            status=InvoiceStatus.SETTLED,
            amount_sats=49_999,
            base_price_sats=50_000,
            listed_currency=Currency.USD,
            listed_value=1_999,
            exchange_rate_centibps=600_000_000,
            exchange_rate_source="pinned",
            buyer_email="Buyer@example.org",
            buyer_note="note",
            redirect_url="https://shop.example/thanks",
            provider_account_id=shop.account.id,
            provider_invoice_id="p-1",
            provider_status_raw="Settled/PaidOver",
            checkout_url="https://pay.example/p-1",
            updated_at=NOW + 1,
            settled_at=NOW + 2,
            effect_at=NOW + 3,
            last_checked_at=NOW + 4,
            held_at=NOW + 5,
        )
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
        with store.reading() as tx:
            assert tx.invoices.find_invoice(invoice.id) == invoice
            assert tx.invoices.get_invoice(invoice.id) == invoice
            assert tx.invoices.find_invoice_at_provider(shop.account.id, "p-1") == invoice

    def test_an_invoice_that_is_not_there_is_not_found(self, store: Store) -> None:
        shop = stored_shop(store)
        with store.reading() as tx:
            assert tx.invoices.find_invoice(InvoiceId(new_id())) is None
            assert tx.invoices.find_invoice_at_provider(shop.account.id, "p-1") is None
            with pytest.raises(NotFound):
                tx.invoices.get_invoice(InvoiceId(new_id()))

    def test_a_provider_invoice_belongs_to_one_of_ours(self, store: Store) -> None:
        shop = stored_shop(store)
        known: dict[str, Any] = {
            "provider_account_id": shop.account.id,
            "provider_invoice_id": "p-1",
        }
        invoice = make_invoice(shop.product, **known)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            tx.invoices.put_invoice(replace(invoice, status=InvoiceStatus.SETTLED))
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.invoices.put_invoice(make_invoice(shop.product, **known))

    def test_invoices_no_provider_knows_yet_do_not_collide(self, store: Store) -> None:
        shop = stored_shop(store)
        with store.writing() as tx:
            for _ in range(3):
                tx.invoices.put_invoice(
                    make_invoice(shop.product, provider_account_id=shop.account.id)
                )
            assert len(tx.invoices.list_unresolved(NOW, 10)) == 3

    @pytest.mark.parametrize("field", ["product_id", "policy_id", "provider_account_id"])
    def test_an_invoice_of_something_unknown_is_refused(self, store: Store, field: str) -> None:
        shop = stored_shop(store)
        unknown: dict[str, Any] = {field: new_id()}
        stray = make_invoice(shop.product, **unknown)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.invoices.put_invoice(stray)

    @pytest.mark.defects("D44")
    @pytest.mark.parametrize(
        ("age", "since_check", "is_due"),
        [
            (0, None, True),
            (2 * HOUR_SECONDS - 1, 0, True),
            (2 * HOUR_SECONDS, 599, False),
            (2 * HOUR_SECONDS, 600, True),
            (2 * HOUR_SECONDS, None, True),
            (72 * HOUR_SECONDS - 1, 600, True),
            (72 * HOUR_SECONDS, 600, False),
            (72 * HOUR_SECONDS, DAY_SECONDS - 1, False),
            (72 * HOUR_SECONDS, DAY_SECONDS, True),
            (30 * DAY_SECONDS - 1, DAY_SECONDS, True),
            (30 * DAY_SECONDS, DAY_SECONDS, True),
            (30 * DAY_SECONDS, DAY_SECONDS - 1, False),
            (400 * DAY_SECONDS, None, True),
            (2 * HOUR_SECONDS, -60, True),
        ],
    )
    def test_a_pending_invoice_is_asked_about_ever_less_often(
        self, store: Store, age: int, since_check: int | None, *, is_due: bool
    ) -> None:
        assert self.is_due(store, age, since_check, status=InvoiceStatus.PENDING) is is_due

    @pytest.mark.parametrize("status", [InvoiceStatus.EXPIRED, InvoiceStatus.INVALID])
    @pytest.mark.parametrize(
        ("age", "since_check", "is_due"),
        [
            (0, None, True),
            (0, 899, False),
            (0, 900, True),
            (72 * HOUR_SECONDS - 1, 900, True),
            (72 * HOUR_SECONDS, 900, False),
            (72 * HOUR_SECONDS, DAY_SECONDS, True),
            (30 * DAY_SECONDS - 1, DAY_SECONDS, True),
            (30 * DAY_SECONDS, DAY_SECONDS, False),
            (0, -60, True),
        ],
    )
    def test_a_lost_invoice_may_still_be_paid(
        self,
        store: Store,
        status: InvoiceStatus,
        age: int,
        since_check: int | None,
        *,
        is_due: bool,
    ) -> None:
        known: dict[str, Any] = {"status": status, "provider_invoice_id": "p-1"}
        assert self.is_due(store, age, since_check, **known) is is_due

    @pytest.mark.parametrize("status", [InvoiceStatus.EXPIRED, InvoiceStatus.INVALID])
    def test_a_lost_invoice_its_provider_may_have_made_after_all_is_asked_about_for_a_while(
        self, store: Store, status: InvoiceStatus
    ) -> None:
        assert self.is_due(store, 0, None, status=status)
        assert self.is_due(store, 72 * HOUR_SECONDS - 1, 900, status=status)
        assert not self.is_due(store, 72 * HOUR_SECONDS, None, status=status)

    @pytest.mark.parametrize("age", [0, 400 * DAY_SECONDS])
    def test_a_settled_invoice_is_due_until_it_has_its_effect(self, store: Store, age: int) -> None:
        settled: dict[str, Any] = {"status": InvoiceStatus.SETTLED, "settled_at": NOW - age}
        assert self.is_due(store, age, 0, **settled)
        assert not self.is_due(store, age, None, **settled, effect_at=NOW)

    def is_due(self, store: Store, age: int, since_check: int | None, **fields: Any) -> bool:
        """Put one invoice into a shop and tell whether it is listed."""
        with store.reading() as tx:
            shop_is_open = tx.merchants.find_default_profile() is not None
            products = tx.products.list_products(is_inactive_included=True)
            profile = tx.merchants.find_default_profile()
            accounts = tx.merchants.list_accounts(profile.id) if profile else []
        if not shop_is_open:
            shop = stored_shop(store)
            products, accounts = [shop.product], [shop.account]
        checked = None if since_check is None else NOW - since_check
        invoice = make_invoice(
            products[0],
            created_at=NOW - age,
            last_checked_at=checked,
            provider_account_id=accounts[0].id,
            **fields,
        )
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
        with store.reading() as tx:
            return invoice.id in due_ids(tx, 10)

    def test_the_least_recently_checked_come_first(self, store: Store) -> None:
        shop = stored_shop(store)

        def put(**fields: Any) -> Invoice:
            invoice = make_invoice(shop.product, provider_account_id=shop.account.id, **fields)
            with store.writing() as tx:
                tx.invoices.put_invoice(invoice)
            return invoice

        checked = put(last_checked_at=NOW - 5)
        never = put(created_at=NOW - 1)
        lost = put(
            last_checked_at=NOW - 900, status=InvoiceStatus.EXPIRED, provider_invoice_id="p-1"
        )
        without_effect = put(last_checked_at=NOW - 7, status=InvoiceStatus.SETTLED, settled_at=NOW)
        longest_never = put(created_at=NOW - 2)
        with store.reading() as tx:
            due = [lost, without_effect, checked, longest_never, never]
            assert due_ids(tx, 10) == [invoice.id for invoice in due]
            assert due_ids(tx, 2) == [lost.id, without_effect.id]
            assert tx.invoices.list_unresolved(NOW, 0) == []
            assert tx.invoices.list_unresolved(NOW, -1) == []

    def test_what_is_held_is_not_looked_at_by_itself(self, store: Store) -> None:
        shop = stored_shop(store)
        without_effect = make_invoice(shop.product, status=InvoiceStatus.SETTLED, settled_at=NOW)
        with store.writing() as tx:
            tx.invoices.put_invoice(without_effect)
            tx.invoices.put_invoice(
                replace(without_effect, id=InvoiceId(new_id()), held_at=NOW, redirect_url="held")
            )
        with store.reading() as tx:
            assert due_ids(tx, 10) == [without_effect.id]

    def test_no_account_fills_the_list_alone(self, store: Store) -> None:
        shop = stored_shop(store)
        many = [
            make_invoice(shop.product, provider_account_id=shop.account.id, created_at=NOW - 9)
            for _ in range(RECONCILE_BATCH + 5)
        ]
        other = make_invoice(shop.product, provider_invoice_id="p-1", created_at=NOW - 1)
        with store.writing() as tx:
            for invoice in [*many, other]:
                tx.invoices.put_invoice(invoice)
        with store.reading() as tx:
            due = tx.invoices.list_unresolved(NOW, RECONCILE_BATCH + 2)
        assert (len(due), due[-1].id) == (RECONCILE_BATCH + 2, other.id)

    def test_revenue_is_what_was_settled_and_not_free(self, store: Store) -> None:
        shop = stored_shop(store)
        settled = InvoiceStatus.SETTLED
        with store.writing() as tx:
            assert tx.invoices.revenue_summary(NOW) == RevenueSummary(
                total_sats=0,
                last_24h_sats=0,
                last_7d_sats=0,
                last_30d_sats=0,
                settled_paid_invoice_count=0,
            )
            for days, sats in ((0, 1), (1, 10), (6, 100), (7, 1_000), (29, 10_000), (30, 100_000)):
                tx.invoices.put_invoice(
                    make_invoice(
                        shop.product,
                        amount_sats=sats,
                        status=settled,
                        settled_at=NOW - days * DAY_SECONDS,
                    )
                )
            tx.invoices.put_invoice(
                make_invoice(shop.product, amount_sats=0, status=settled, settled_at=NOW)
            )
            tx.invoices.put_invoice(make_invoice(shop.product, amount_sats=7))
        with store.reading() as tx:
            assert tx.invoices.revenue_summary(NOW) == RevenueSummary(
                total_sats=111_111,
                last_24h_sats=1,
                last_7d_sats=111,
                last_30d_sats=11_111,
                settled_paid_invoice_count=6,
            )
