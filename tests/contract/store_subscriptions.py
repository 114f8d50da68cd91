"""Subscriptions and their cycles in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.ids import (
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    SubscriptionId,
)
from keysat_core.domain.listing import SubscriptionFilter
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.subscription import Subscription, SubscriptionStatus
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import NOW, later, make_invoice, make_license, new_id, stored_shop
from tests.support.subscriptions import make_cycle, make_subscription, stored_subscription

replace = msgspec.structs.replace


def cancelled(subscription: Subscription) -> Subscription:
    return replace(
        subscription,
        status=SubscriptionStatus.CANCELLED,
        cancelled_at=later(5),
        cancellation_reason="why",
        next_action_at=None,
    )


class SubscriptionsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_subscription_comes_back_whole_however_it_is_looked_for(self, store: Store) -> None:
        kept = stored_subscription(
            store,
            listed=Money(currency=Currency.EUR, amount=990),
            license_grace_seconds=5,
            last_renewal_attempt_at=later(1),
            consecutive_failures=3,
        )
        with store.writing() as tx:
            assert tx.subscriptions.get_subscription(kept.id) == kept
            assert tx.subscriptions.find_subscription(kept.id) == kept
            assert tx.subscriptions.find_subscription_of(kept.license_id) == kept
            changed = cancelled(kept)
            tx.subscriptions.put_subscription(changed)
            assert tx.subscriptions.get_subscription(kept.id) == changed

    def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        nobody = SubscriptionId(new_id())
        with store.reading() as tx:
            with pytest.raises(NotFound):
                tx.subscriptions.get_subscription(nobody)
            assert tx.subscriptions.find_subscription(nobody) is None
            assert tx.subscriptions.find_subscription_of(LicenseId(new_id())) is None
            assert tx.subscriptions.find_cycle_of(InvoiceId(new_id())) is None
            assert tx.subscriptions.find_open_cycle(nobody) is None
            assert tx.subscriptions.find_last_settled_cycle(nobody) is None
            assert tx.subscriptions.list_cycles(nobody, 5) == []

    def test_a_license_has_one_subscription(self, store: Store) -> None:
        shop = stored_shop(store)
        kept = stored_subscription(store, shop)
        with store.reading() as tx:
            license = tx.licenses.get_license(kept.license_id)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.subscriptions.put_subscription(make_subscription(shop, license))

    def test_a_subscription_of_nobodys_license_is_refused(self, store: Store) -> None:
        shop = stored_shop(store)
        stray = make_subscription(shop, make_license(shop.product, policy_id=shop.policy.id))
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.subscriptions.put_subscription(stray)

    def test_those_that_are_due_are_listed_longest_due_first(self, store: Store) -> None:
        shop = stored_shop(store)
        second = stored_subscription(store, shop, next_action_at=later(20))
        first = stored_subscription(store, shop, next_action_at=later(10))
        stored_subscription(store, shop, next_action_at=later(30))
        stored_subscription(store, shop, next_action_at=None)
        with store.reading() as tx:
            due = tx.subscriptions.list_due_subscriptions
            assert due(later(20), 9) == [first.id, second.id]
            assert due(later(20), 1) == [first.id]
            assert due(later(9), 9) == due(later(20), 0) == []

    def test_live_ones_are_counted_by_profile_and_policy(self, store: Store) -> None:
        shop = stored_shop(store)
        stored_subscription(store, shop)
        stored_subscription(store, shop, status=SubscriptionStatus.PAST_DUE)
        stored_subscription(store, shop, status=SubscriptionStatus.LAPSED)
        ended = stored_subscription(store, shop)
        with store.writing() as tx:
            tx.subscriptions.put_subscription(cancelled(ended))
            assert tx.subscriptions.count_live_of_profile(shop.profile.id) == 2
            assert tx.subscriptions.count_live_of_policy(shop.policy.id) == 2
            assert tx.subscriptions.count_live_of_profile(MerchantProfileId(new_id())) == 0
            assert tx.subscriptions.count_live_of_policy(PolicyId(new_id())) == 0

    def test_lists_are_filtered_paged_and_newest_first(self, store: Store) -> None:
        shop = stored_shop(store)
        old = stored_subscription(store, shop, started_at=later(-5))
        new = stored_subscription(store, shop, status=SubscriptionStatus.PAST_DUE)
        with store.reading() as tx:
            listed = tx.subscriptions.list_subscriptions
            everything = listed(SubscriptionFilter())
            assert everything.subscriptions == (new, old)
            assert everything.total == 2
            page = listed(SubscriptionFilter(limit=1, offset=1))
            assert (page.subscriptions, page.total) == ((old,), 2)
            for criteria in (
                SubscriptionFilter(status=SubscriptionStatus.ACTIVE),
                SubscriptionFilter(license_id=old.license_id, product_id=old.product_id),
            ):
                found = listed(criteria)
                assert (found.subscriptions, found.total) == ((old,), 1)
            assert listed(SubscriptionFilter(product_id=ProductId(new_id()))).total == 0

    def test_cycles_come_back_whole_and_in_order(self, store: Store) -> None:
        shop = stored_shop(store)
        kept = stored_subscription(store, shop)
        invoice = make_invoice(shop.product)
        free = make_cycle(kept, 2, settled_at=later(1))
        replaced = make_cycle(
            kept, 3, invoice_id=invoice.id, superseded_at=later(3), created_at=later(1)
        )
        waiting = make_cycle(kept, 3, told_at=later(4), created_at=later(2))
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            for cycle in (free, replaced, waiting):
                tx.subscriptions.put_cycle(cycle)
            assert tx.subscriptions.find_open_cycle(kept.id) == waiting
            assert tx.subscriptions.find_cycle_of(invoice.id) == replaced
            assert tx.subscriptions.find_last_settled_cycle(kept.id) == free
            listed = tx.subscriptions.list_cycles(kept.id, 9)
            assert listed[:3] == [waiting, replaced, free]
            assert len(listed) == 4
            assert tx.subscriptions.list_cycles(kept.id, 1) == [waiting]
            paid = replace(waiting, settled_at=NOW)
            tx.subscriptions.put_cycle(paid)
            assert tx.subscriptions.find_open_cycle(kept.id) is None
            assert tx.subscriptions.find_last_settled_cycle(kept.id) == paid

    def test_d45_two_cycles_are_never_open_and_never_share_a_number(self, store: Store) -> None:
        kept = stored_subscription(store)
        with store.writing() as tx:
            tx.subscriptions.put_cycle(make_cycle(kept, 2))
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.subscriptions.put_cycle(make_cycle(kept, 3))
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.subscriptions.put_cycle(make_cycle(kept, 1, settled_at=NOW))

    def test_an_invoice_pays_for_one_cycle(self, store: Store) -> None:
        kept = stored_subscription(store)
        with store.reading() as tx:
            (first,) = tx.subscriptions.list_cycles(kept.id, 1)
        second = make_cycle(kept, 2, invoice_id=first.invoice_id)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.subscriptions.put_cycle(second)
