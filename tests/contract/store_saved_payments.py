"""Saved payment methods and charges in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.invoice import Invoice
from keysat_core.domain.saved_payment import (
    CAPTURE_SECONDS,
    CaptureState,
    Charge,
    ChargeState,
    SavedPayment,
    SavedProfile,
    wanted,
)
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    later,
    make_invoice,
    make_policy,
    new_id,
    stored_shop,
)

replace = msgspec.structs.replace


def stored_invoice(store: Store, shop: Shop, **fields: Any) -> Invoice:
    invoice = make_invoice(shop.product, provider_account_id=shop.account.id, **fields)
    with store.writing() as tx:
        tx.invoices.put_invoice(invoice)
    return invoice


def stored_wanted(store: Store, shop: Shop, seconds: int = 0, **fields: Any) -> SavedPayment:
    invoice = stored_invoice(store, shop, **fields)
    saved = wanted(invoice.id, shop.account.id, later(seconds))
    with store.writing() as tx:
        tx.saved_payments.put_saved(saved)
    return saved


def as_saved(saved: SavedPayment) -> SavedPayment:
    profile = SavedProfile(
        contact_id="c", profile_id="p", method="CARD", expires_at=later(1_000_000)
    )
    return replace(saved, state=CaptureState.SAVED, looks=2, next_at=None, profile=profile)


def make_charge(saved: SavedPayment, **fields: Any) -> Charge:
    charge = Charge(
        invoice_id=saved.invoice_id,
        saved_invoice_id=saved.invoice_id,
        profile_id="p",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(charge, **fields)


class SavedPaymentsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_saved_method_comes_back_equal(self, store: Store) -> None:
        saved = stored_wanted(store, stored_shop(store))
        bare = replace(as_saved(saved), profile=SavedProfile(contact_id="c", profile_id="p"))
        for one in (
            saved,
            as_saved(saved),
            bare,
            replace(saved, state=CaptureState.MISSING, next_at=None, looks=4),
        ):
            with store.writing() as tx:
                tx.saved_payments.put_saved(one)
            with store.reading() as tx:
                assert tx.saved_payments.find_saved(saved.invoice_id) == one

    def test_what_was_never_saved_is_not_found(self, store: Store) -> None:
        invoice = stored_invoice(store, stored_shop(store))
        with store.reading() as tx:
            assert tx.saved_payments.find_saved(invoice.id) is None
            assert tx.saved_payments.find_charge(invoice.id) is None

    def test_saved_methods_are_listed_newest_first(self, store: Store) -> None:
        shop = stored_shop(store)
        first, third, second = (stored_wanted(store, shop, n) for n in (1, 3, 2))
        with store.reading() as tx:
            assert tx.saved_payments.list_saved(2, 0) == [third, second]
            assert tx.saved_payments.list_saved(2, 2) == [first]
            assert tx.saved_payments.list_saved(-1, -1) == []

    def test_wanted_methods_are_listed_when_they_are_due(self, store: Store) -> None:
        shop = stored_shop(store)
        due, later_due, early = (stored_wanted(store, shop, n) for n in (0, 30, -30))
        found = stored_wanted(store, shop, -60)
        with store.writing() as tx:
            tx.saved_payments.put_saved(as_saved(found))
        with store.reading() as tx:
            assert tx.saved_payments.list_wanted(NOW, 9) == [early, due]
            assert tx.saved_payments.list_wanted(NOW, 1) == [early]
            assert tx.saved_payments.list_wanted(later(30), 9) == [early, due, later_due]
            assert tx.saved_payments.list_wanted(NOW, -1) == []

    def test_a_clock_set_back_does_not_put_a_look_off(self, store: Store) -> None:
        saved = stored_wanted(store, stored_shop(store), CAPTURE_SECONDS[-1] + 1)
        with store.reading() as tx:
            assert tx.saved_payments.list_wanted(NOW, 9) == [saved]
            assert tx.saved_payments.list_wanted(later(2), 9) == []

    @pytest.mark.parametrize("state", ChargeState)
    def test_a_charge_comes_back_equal(self, store: Store, state: ChargeState) -> None:
        saved = as_saved(stored_wanted(store, stored_shop(store)))
        charge = make_charge(saved, state=state, raw_status="PAID", detail="d", updated_at=NOW + 1)
        with store.writing() as tx:
            tx.saved_payments.put_saved(saved)
            tx.saved_payments.put_charge(make_charge(saved))
            tx.saved_payments.put_charge(charge)
        with store.reading() as tx:
            assert tx.saved_payments.find_charge(saved.invoice_id) == charge

    def test_nothing_is_saved_or_charged_without_an_invoice(self, store: Store) -> None:
        shop = stored_shop(store)
        saved = stored_wanted(store, shop)
        for orphan in (replace(saved, invoice_id=new_id()), replace(saved, account_id=new_id())):
            with pytest.raises(StoreUnavailable), store.writing() as tx:
                tx.saved_payments.put_saved(orphan)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.saved_payments.put_charge(make_charge(saved, invoice_id=new_id()))

    def test_a_removed_product_takes_them_along(self, store: Store) -> None:
        shop = stored_shop(store)
        saved = as_saved(stored_wanted(store, shop))
        with store.writing() as tx:
            tx.saved_payments.put_saved(saved)
            tx.saved_payments.put_charge(make_charge(saved))
        with store.writing() as tx:
            tx.removals.remove_product(shop.product.id)
        with store.reading() as tx:
            assert tx.saved_payments.find_saved(saved.invoice_id) is None
            assert tx.saved_payments.find_charge(saved.invoice_id) is None

    def test_a_removed_policy_leaves_the_charge_of_another_sale(self, store: Store) -> None:
        shop = stored_shop(store)
        gone = make_policy(shop.product)
        with store.writing() as tx:
            tx.policies.put_policy(gone)
        source = as_saved(stored_wanted(store, shop, policy_id=gone.id))
        other = stored_wanted(store, shop, policy_id=shop.policy.id)
        charge = make_charge(other, saved_invoice_id=source.invoice_id)
        with store.writing() as tx:
            tx.saved_payments.put_saved(source)
            tx.saved_payments.put_charge(charge)
        with store.writing() as tx:
            tx.removals.remove_policy(gone.id)
        with store.reading() as tx:
            assert tx.saved_payments.find_saved(source.invoice_id) is None
            assert tx.saved_payments.find_saved(other.invoice_id) == other
            kept = tx.saved_payments.find_charge(other.invoice_id)
            assert kept == replace(charge, saved_invoice_id=None)
