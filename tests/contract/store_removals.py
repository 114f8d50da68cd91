"""Deleting products and policies in every store."""

from abc import ABC, abstractmethod

import pytest

from keysat_core.domain.idempotency import IdempotencyRecord
from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.invoice import Attention, Invoice, InvoiceStatus
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.listing import CascadeCounts, MachineFilter
from keysat_core.domain.policy import Policy
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    later,
    make_invoice,
    make_license,
    make_machine,
    make_policy,
    make_product,
    make_receipt,
    new_id,
    stored_shop,
)


def sell(
    store: Store,
    shop: Shop,
    policy: Policy,
    *,
    license_policy: Policy | None = None,
    status: LicenseStatus = LicenseStatus.ACTIVE,
) -> tuple[Invoice, License]:
    """Store a paid sale with everything that hangs on it."""
    invoice = make_invoice(
        shop.product,
        policy_id=policy.id,
        status=InvoiceStatus.SETTLED,
        settled_at=NOW,
        provider_account_id=shop.account.id,
        provider_invoice_id=new_id(),
    )
    license = make_license(
        shop.product,
        policy_id=(license_policy or policy).id,
        invoice_id=invoice.id,
        status=status,
    )
    record = IdempotencyRecord(
        key=invoice.id, request_digest="d", invoice_id=invoice.id, created_at=NOW
    )
    with store.writing() as tx:
        tx.invoices.put_invoice(invoice)
        tx.licenses.put_license(license)
        tx.machines.put_machine(make_machine(license))
        tx.machines.put_machine(make_machine(license, deactivated_at=NOW))
        tx.idempotency.put_record("purchase", record)
        tx.receipts.put_receipt(
            make_receipt(shop.account, invoice_id=invoice.id, outcome=ReceiptOutcome.NOTED)
        )
    return invoice, license


class RemovalsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_what_hangs_on_a_product_is_counted(self, store: Store) -> None:
        shop = stored_shop(store)
        sell(store, shop, shop.policy)
        sell(store, shop, shop.policy, status=LicenseStatus.REVOKED)
        with store.writing() as tx:
            tx.invoices.put_invoice(make_invoice(shop.product))
        with store.reading() as tx:
            assert tx.removals.product_dependents(shop.product.id) == CascadeCounts(
                policies=1, licenses=2, invoices=3, machines=4, settled_invoices=2
            )
            assert tx.removals.product_dependents(ProductId(new_id())) == CascadeCounts()

    def test_what_keeps_a_policy_is_counted(self, store: Store) -> None:
        """Revoked licenses, lost invoices and machines do not keep it; a buyer who may be paying does."""
        shop = stored_shop(store)
        sell(store, shop, shop.policy)
        sell(store, shop, shop.policy, status=LicenseStatus.REVOKED)
        with store.writing() as tx:
            for status in (InvoiceStatus.PENDING, InvoiceStatus.EXPIRED, InvoiceStatus.INVALID):
                tx.invoices.put_invoice(
                    make_invoice(shop.product, policy_id=shop.policy.id, status=status)
                )
        with store.reading() as tx:
            assert tx.removals.policy_dependents(shop.policy.id, later(-1)) == CascadeCounts(
                licenses=1, invoices=3, settled_invoices=2, pending_invoices=1
            )
            assert tx.removals.policy_dependents(shop.policy.id, NOW) == CascadeCounts(
                licenses=1, invoices=2, settled_invoices=2
            )
            assert tx.removals.policy_dependents(PolicyId(new_id()), NOW) == CascadeCounts()

    def test_money_that_waits_for_the_seller_keeps_a_policy(self, store: Store) -> None:
        shop = stored_shop(store)
        late = make_invoice(
            shop.product,
            policy_id=shop.policy.id,
            status=InvoiceStatus.EXPIRED,
            noted_attention=Attention.PAID_LATE,
            created_at=NOW - 5,
        )
        with store.writing() as tx:
            tx.invoices.put_invoice(late)
        with store.reading() as tx:
            counts = tx.removals.policy_dependents(shop.policy.id, NOW)
        assert (counts.invoices, counts.pending_invoices) == (1, 1)

    def test_a_product_goes_with_everything_that_hangs_on_it(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice, license = sell(store, shop, shop.policy)
        with store.writing() as tx:
            counts = tx.removals.remove_product(shop.product.id)
        assert counts == CascadeCounts(
            policies=1, licenses=1, invoices=1, machines=2, settled_invoices=1
        )
        with store.reading() as tx:
            assert tx.products.find_product(shop.product.id) is None
            assert tx.policies.find_policy(shop.policy.id) is None
            assert tx.licenses.find_license(license.id) is None
            assert tx.invoices.find_invoice(invoice.id) is None
            assert tx.machines.list_machines(MachineFilter(is_inactive_included=True)) == []
            assert tx.idempotency.find_record("purchase", invoice.id) is None
            assert tx.receipts.list_noted(NOW, 10, but_of=frozenset()) == []
            assert tx.merchants.find_account(shop.account.id) == shop.account

    def test_other_products_are_left_alone(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product()
        tier = make_policy(other)
        with store.writing() as tx:
            tx.products.put_product(other)
            tx.policies.put_policy(tier)
        theirs = Shop(profile=shop.profile, account=shop.account, product=other, policy=tier)
        invoice, license = sell(store, theirs, tier)
        sell(store, shop, shop.policy)
        with store.writing() as tx:
            tx.removals.remove_product(shop.product.id)
        with store.reading() as tx:
            assert tx.licenses.find_license(license.id) == license
            assert tx.invoices.find_invoice(invoice.id) == invoice
            assert tx.policies.find_policy(tier.id) == tier
            assert tx.machines.count_live_machines(license.id) == 1
            assert tx.idempotency.find_record("purchase", invoice.id) is not None

    def test_rows_of_other_products_that_refer_here_are_released(self, store: Store) -> None:
        """No use case makes such rows; if they are there all the same, the removal still works."""
        shop, other = stored_shop(store), make_product()
        invoice = make_invoice(shop.product)
        stray = make_license(other, policy_id=shop.policy.id, invoice_id=invoice.id)
        bill = make_invoice(other, policy_id=shop.policy.id)
        with store.writing() as tx:
            tx.products.put_product(other)
            for each in (invoice, bill):
                tx.invoices.put_invoice(each)
            tx.licenses.put_license(stray)
            tx.removals.remove_product(shop.product.id)
        with store.reading() as tx:
            left = tx.licenses.get_license(stray.id)
            assert (left.policy_id, left.invoice_id) == (None, None)
            assert tx.invoices.get_invoice(bill.id).policy_id is None

    def test_a_policy_goes_with_its_licenses_and_invoices(self, store: Store) -> None:
        shop = stored_shop(store)
        kept = make_policy(shop.product)
        with store.writing() as tx:
            tx.policies.put_policy(kept)
        invoice, license = sell(store, shop, shop.policy)
        other_invoice, other_license = sell(store, shop, kept)
        with store.writing() as tx:
            counts = tx.removals.remove_policy(shop.policy.id)
        assert counts == CascadeCounts(
            policies=1, licenses=1, invoices=1, machines=2, settled_invoices=1
        )
        with store.reading() as tx:
            assert tx.policies.list_policies(shop.product.id) == [kept]
            assert tx.licenses.find_license(license.id) is None
            assert tx.invoices.find_invoice(invoice.id) is None
            assert tx.licenses.find_license(other_license.id) == other_license
            assert tx.invoices.find_invoice(other_invoice.id) == other_invoice

    @pytest.mark.betters("B-16")
    def test_an_invoice_that_another_tiers_license_came_from_stays(self, store: Store) -> None:
        shop = stored_shop(store)
        kept = make_policy(shop.product)
        with store.writing() as tx:
            tx.policies.put_policy(kept)
        invoice, moved = sell(store, shop, shop.policy, license_policy=kept)
        with store.writing() as tx:
            counts = tx.removals.remove_policy(shop.policy.id)
        assert counts == CascadeCounts(policies=1)
        with store.reading() as tx:
            assert tx.licenses.find_license(moved.id) == moved
            assert tx.invoices.get_invoice(invoice.id).policy_id is None
            assert tx.idempotency.find_record("purchase", invoice.id) is not None

    def test_the_invoice_of_another_tier_outlives_a_license_that_moved_here(
        self, store: Store
    ) -> None:
        shop = stored_shop(store)
        kept = make_policy(shop.product)
        with store.writing() as tx:
            tx.policies.put_policy(kept)
        invoice, moved = sell(store, shop, kept, license_policy=shop.policy)
        with store.writing() as tx:
            counts = tx.removals.remove_policy(shop.policy.id)
        assert counts == CascadeCounts(policies=1, licenses=1, machines=2)
        with store.reading() as tx:
            assert tx.licenses.find_license(moved.id) is None
            assert tx.invoices.find_invoice(invoice.id) == invoice

    def test_removing_what_is_not_there_removes_nothing(self, store: Store) -> None:
        stored_shop(store)
        with store.writing() as tx:
            assert tx.removals.remove_product(ProductId(new_id())) == CascadeCounts()
            assert tx.removals.remove_policy(PolicyId(new_id())) == CascadeCounts()
            assert tx.products.count_products() == 1
