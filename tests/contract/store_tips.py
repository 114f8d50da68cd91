"""Tips in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import LicenseId, PolicyId, TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.tip import LOOK_SECONDS, TipAttempt, TipFilter, TipStatus
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    later,
    make_invoice,
    make_license,
    make_policy,
    make_tip,
    new_id,
    stored_shop,
)

replace = msgspec.structs.replace


def licensed(store: Store, shop: Shop, **fields: Any) -> License:
    """Store a license of the shop's policy."""
    license = make_license(shop.product, **({"policy_id": shop.policy.id} | fields))
    with store.writing() as tx:
        tx.licenses.put_license(license)
    return license


def tipped(store: Store, shop: Shop, **fields: Any) -> TipAttempt:
    """Store a tip of a license of its own."""
    tip = make_tip(licensed(store, shop), **fields)
    with store.writing() as tx:
        tx.tips.put_tip(tip)
    return tip


class TipsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_tip_comes_back_whole(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(shop.product)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
        tip = tipped(
            store,
            shop,
            invoice_id=invoice.id,
            label="Thanks",
            status=TipStatus.PAYING,
            detail="unknown yet",
            payment_hash="ab" * 32,
            bolt11="lnbc1",
            looks=3,
            tried_at=NOW,
            next_at=later(5),
        )
        with store.writing() as tx:
            assert tx.tips.find_tip(tip.id) == tip
            assert tx.tips.find_tip(TipId(new_id())) is None
            changed = replace(tip, status=TipStatus.SENT, next_at=None, updated_at=later(9))
            tx.tips.put_tip(changed)
            assert tx.tips.find_tip(tip.id) == changed

    def test_a_license_has_one_tip_that_counts(self, store: Store) -> None:
        shop = stored_shop(store)
        license = licensed(store, shop)
        with store.writing() as tx:
            tx.tips.put_tip(make_tip(license, status=TipStatus.SKIPPED))
            tx.tips.put_tip(make_tip(license, status=TipStatus.SKIPPED))
            tx.tips.put_tip(make_tip(license, status=TipStatus.FAILED))
        for status in (TipStatus.PENDING, TipStatus.SENT, TipStatus.FAILED):
            with pytest.raises(StoreUnavailable), store.writing() as tx:
                tx.tips.put_tip(make_tip(license, status=status))

    def test_a_tip_that_may_have_been_paid_says_by_which_payment(self, store: Store) -> None:
        shop = stored_shop(store)
        license = licensed(store, shop)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.tips.put_tip(make_tip(license, status=TipStatus.PAYING, tried_at=NOW))

    def test_a_tip_of_nobodys_license_is_refused(self, store: Store) -> None:
        shop = stored_shop(store)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.tips.put_tip(make_tip(policy_id=shop.policy.id))

    def test_tips_are_listed_newest_first_by_every_filter(self, store: Store) -> None:
        shop = stored_shop(store)
        old = tipped(store, shop, created_at=later(-9))
        new = tipped(store, shop, recipient="eve@tips.example")
        with store.reading() as tx:
            listed = tx.tips.list_tips
            assert listed(TipFilter()) == [new, old]
            assert listed(TipFilter(limit=1, offset=1)) == [old]
            assert listed(TipFilter(license_id=old.license_id)) == [old]
            assert listed(TipFilter(recipient="eve@tips.example")) == [new]
            assert listed(TipFilter(license_id=old.license_id, recipient="eve@tips.example")) == []
            assert listed(TipFilter(license_id=LicenseId(new_id()))) == []
            assert listed(TipFilter(policy_id=shop.policy.id)) == [new, old]
            assert listed(TipFilter(policy_id=PolicyId(new_id()))) == []
            assert tx.tips.count_tips(TipFilter(policy_id=shop.policy.id)).number == 2
            assert tx.tips.count_tips(TipFilter(policy_id=PolicyId(new_id()))).number == 0

    def test_tips_with_something_to_do_are_given_longest_due_first(self, store: Store) -> None:
        shop = stored_shop(store)
        second = tipped(store, shop, next_at=NOW)
        first = tipped(store, shop, next_at=later(-5))
        tipped(store, shop, next_at=later(1))
        tipped(store, shop, next_at=None)
        with store.reading() as tx:
            assert tx.tips.list_due_tips(NOW, 9) == [first, second]
            assert tx.tips.list_due_tips(NOW, 1) == [first]
            assert tx.tips.list_due_tips(NOW, -1) == []

    def test_a_time_no_clock_would_give_now_is_due(self, store: Store) -> None:
        tip = tipped(store, stored_shop(store), next_at=later(LOOK_SECONDS[-1] + 1))
        with store.reading() as tx:
            assert tx.tips.list_due_tips(NOW, 9) == [tip]
            assert tx.tips.list_due_tips(later(1), 9) == []

    def test_what_was_or_may_have_been_paid_is_added_up(self, store: Store) -> None:
        shop = stored_shop(store)
        for sats, status, tried_at in (
            (1, TipStatus.SENT, NOW),
            (2, TipStatus.PAYING, later(1)),
            (4, TipStatus.FAILED, NOW),
            (8, TipStatus.PENDING, None),
            (16, TipStatus.SENT, later(-1)),
        ):
            tipped(
                store, shop, amount_sats=sats, status=status, tried_at=tried_at, payment_hash="ab"
            )
        with store.reading() as tx:
            assert tx.tips.spent_sats(later(-1)) == 3
            assert tx.tips.spent_sats(later(-2)) == 19
            assert tx.tips.spent_sats(Instant(NOW + 9)) == 0

    def test_tips_go_with_their_product(self, store: Store) -> None:
        shop = stored_shop(store)
        tip = tipped(store, shop)
        with store.writing() as tx:
            tx.removals.remove_product(shop.product.id)
            assert tx.tips.find_tip(tip.id) is None

    def test_tips_go_with_their_policy_its_licenses_and_its_invoices(self, store: Store) -> None:
        shop = stored_shop(store)
        kept_policy = make_policy(shop.product)
        invoice = make_invoice(shop.product, policy_id=shop.policy.id)
        with store.writing() as tx:
            tx.policies.put_policy(kept_policy)
            tx.invoices.put_invoice(invoice)
        elsewhere = licensed(store, shop, policy_id=kept_policy.id)
        kept = make_tip(licensed(store, shop, policy_id=kept_policy.id))
        gone = [
            make_tip(licensed(store, shop)),
            make_tip(licensed(store, shop), policy_id=kept_policy.id),
            make_tip(elsewhere, invoice_id=invoice.id),
        ]
        with store.writing() as tx:
            for tip in (kept, *gone):
                tx.tips.put_tip(tip)
            tx.removals.remove_policy(shop.policy.id)
            assert tx.tips.list_tips(TipFilter()) == [kept]
