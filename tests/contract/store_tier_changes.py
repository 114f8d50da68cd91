"""Changes of tier in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId, LicenseId, TierChangeId
from keysat_core.domain.license import License
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.sale_record import Settlement, new_ids
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    later,
    make_invoice,
    make_license,
    make_machine,
    make_policy,
    new_id,
    stored_shop,
)

replace = msgspec.structs.replace


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A license of the shop's policy, and another policy."""

    shop: Shop
    license: License
    target: Policy

    def change(self, **fields: Any) -> TierChange:
        ordinary: dict[str, Any] = {
            "id": TierChangeId(new_id()),
            "license_id": self.license.id,
            "from_policy_id": self.shop.policy.id,
            "to_policy_id": self.target.id,
            "direction": Direction.UPGRADE,
            "charge": Money(currency=Currency.USD, amount=5_000),
            "effective_at": NOW,
            "actor": ChangeActor.BUYER,
            "created_at": NOW,
        }
        return TierChange(**(ordinary | fields))


def stored_ladder(store: Store) -> Ladder:
    shop = stored_shop(store)
    target = make_policy(shop.product)
    sale = make_invoice(shop.product, provider_account_id=shop.account.id)
    license = make_license(shop.product, policy_id=shop.policy.id, invoice_id=sale.id)
    with store.writing() as tx:
        tx.policies.put_policy(target)
        tx.invoices.put_invoice(sale)
        tx.licenses.put_license(license)
    return Ladder(shop=shop, license=license, target=target)


def put(store: Store, *changes: TierChange) -> None:
    with store.writing() as tx:
        for change in changes:
            tx.tier_changes.put_tier_change(change)


class TierChangesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_change_comes_back_whole(self, store: Store) -> None:
        ladder = stored_ladder(store)
        invoice = make_invoice(ladder.shop.product)
        change = ladder.change(
            direction=Direction.DOWNGRADE,
            actor=ChangeActor.ADMIN,
            invoice_id=invoice.id,
            reason="why",
            effective_at=later(9),
        )
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
        put(store, change)
        with store.reading() as tx:
            assert tx.tier_changes.get_tier_change(change.id) == change
            assert tx.tier_changes.find_tier_change_of(invoice.id) == change
            assert tx.tier_changes.find_tier_change_of(InvoiceId(new_id())) is None
            with pytest.raises(NotFound):
                tx.tier_changes.get_tier_change(TierChangeId(new_id()))
        done = replace(change, applied_at=later(10), withdrawn_at=later(11))
        put(store, done)
        with store.reading() as tx:
            assert tx.tier_changes.get_tier_change(change.id) == done

    def test_an_open_change_is_found_by_its_tier_and_a_scheduled_one_by_its_license(
        self, store: Store
    ) -> None:
        ladder = stored_ladder(store)
        invoice = make_invoice(ladder.shop.product)
        paid = ladder.change(invoice_id=invoice.id)
        scheduled = ladder.change(to_policy_id=ladder.shop.policy.id)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
        put(store, paid, scheduled)
        with store.reading() as tx:
            found = tx.tier_changes
            assert found.find_open_change(ladder.license.id, ladder.target.id) == paid
            assert found.find_open_change(ladder.license.id, ladder.shop.policy.id) == scheduled
            assert found.find_open_change(LicenseId(new_id()), ladder.target.id) is None
            assert found.find_scheduled_change(ladder.license.id) == scheduled
        put(store, replace(paid, withdrawn_at=NOW), replace(scheduled, applied_at=NOW))
        with store.reading() as tx:
            found = tx.tier_changes
            assert found.find_open_change(ladder.license.id, ladder.target.id) is None
            assert found.find_scheduled_change(ladder.license.id) is None

    def test_one_change_to_a_tier_is_open_and_one_is_scheduled(self, store: Store) -> None:
        ladder = stored_ladder(store)
        put(store, ladder.change())
        with pytest.raises(StoreUnavailable):
            put(store, ladder.change())
        with pytest.raises(StoreUnavailable):
            put(store, ladder.change(to_policy_id=ladder.shop.policy.id))
        put(store, ladder.change(applied_at=NOW), ladder.change(withdrawn_at=NOW))

    def test_an_invoice_pays_for_one_change(self, store: Store) -> None:
        ladder = stored_ladder(store)
        invoice = make_invoice(ladder.shop.product)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
        put(store, ladder.change(invoice_id=invoice.id, applied_at=NOW))
        with pytest.raises(StoreUnavailable):
            put(store, ladder.change(invoice_id=invoice.id, applied_at=NOW))

    def test_changes_are_listed_newest_first(self, store: Store) -> None:
        ladder = stored_ladder(store)
        old = ladder.change(created_at=later(-5), applied_at=NOW)
        new = ladder.change(applied_at=NOW)
        put(store, old, new)
        with store.reading() as tx:
            listed = tx.tier_changes.list_tier_changes
            assert listed(ladder.license.id, 9) == [new, old]
            assert listed(ladder.license.id, 1) == [new]
            assert listed(ladder.license.id, -1) == []
            assert listed(LicenseId(new_id()), 9) == []

    def test_what_a_change_depends_on_is_gathered(self, store: Store) -> None:
        ladder = stored_ladder(store)
        scheduled = ladder.change()
        put(store, scheduled)
        with store.writing() as tx:
            tx.machines.put_machine(make_machine(ladder.license))
        with store.reading() as tx:
            facts = tx.sales.get_tier_facts(ladder.license.id)
            with pytest.raises(NotFound):
                tx.sales.get_tier_facts(LicenseId(new_id()))
        assert (facts.license, facts.product) == (ladder.license, ladder.shop.product)
        assert (facts.current, facts.subscription) == (ladder.shop.policy, None)
        assert (facts.open_cycle, facts.scheduled) == (None, scheduled)
        assert facts.original is not None
        assert facts.original.id == ladder.license.invoice_id
        assert (facts.recorded, facts.accounts) == (ladder.shop.account, (ladder.shop.account,))
        assert facts.seats_taken == 1

    def test_a_license_given_away_has_nobody_recorded(self, store: Store) -> None:
        ladder = stored_ladder(store)
        given = make_license(ladder.shop.product)
        with store.writing() as tx:
            tx.licenses.put_license(given)
        with store.reading() as tx:
            facts = tx.sales.get_tier_facts(given.id)
        assert (facts.current, facts.original, facts.recorded) == (None, None, None)

    def test_a_settlement_makes_room_before_it_writes_its_change(self, store: Store) -> None:
        ladder = stored_ladder(store)
        invoice = make_invoice(ladder.shop.product)
        old, new = ladder.change(), ladder.change(invoice_id=invoice.id)
        put(store, old)
        gone = replace(old, withdrawn_at=NOW)
        sale = Settlement(invoice=invoice, tier_change=new, withdrawn_change=gone)
        with store.writing() as tx:
            tx.sales.put_settlement(sale)
        with store.reading() as tx:
            assert tx.tier_changes.get_tier_change(old.id) == gone
            facts = tx.sales.get_facts(invoice.id, new_ids(new_id))
        assert facts.ordered is not None
        assert (facts.ordered.change, facts.ordered.scheduled) == (new, None)
