"""Deleting products and policies takes subscriptions, changes of tier and codes along, in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.ids import CodeId, RedemptionId, TierChangeId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.redemption import Redemption, RedemptionStatus
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.ports.store import Store
from tests.support.builders import NOW, Shop, make_invoice, make_policy, new_id, stored_shop
from tests.support.subscriptions import make_cycle, stored_subscription


def code(text: str, shop: Shop | None = None, *policies: Policy, used: int = 0) -> Code:
    return Code(
        id=CodeId(new_id()),
        code=text,
        kind=CodeKind.PERCENT,
        amount=1_000,
        product_id=shop.product.id if shop else None,
        policy_ids=tuple(policy.id for policy in policies),
        used_count=used,
        created_at=NOW,
        updated_at=NOW,
    )


def use(store: Store, shop: Shop, of: Code, status: RedemptionStatus) -> None:
    """Store a use of a code with an invoice of the shop's policy."""
    invoice = make_invoice(shop.product, policy_id=shop.policy.id, status=InvoiceStatus.EXPIRED)
    with store.writing() as tx:
        tx.invoices.put_invoice(invoice)
        tx.codes.put_redemption(
            Redemption(
                id=RedemptionId(new_id()),
                code_id=of.id,
                invoice_id=invoice.id,
                status=status,
                discount_applied_sats=1,
                base_price_sats=2,
                final_price_sats=1,
                created_at=NOW,
                updated_at=NOW,
            )
        )


def stocked(store: Store) -> tuple[Shop, Policy, TierChange]:
    """Store a shop with a second policy, a subscription with cycles, and a change between both."""
    shop = stored_shop(store)
    other = make_policy(shop.product, slug="other")
    kept = stored_subscription(store, shop)
    invoice = make_invoice(shop.product, policy_id=shop.policy.id)
    change = TierChange(
        id=TierChangeId(new_id()),
        license_id=kept.license_id,
        from_policy_id=shop.policy.id,
        to_policy_id=other.id,
        direction=Direction.UPGRADE,
        charge=Money(currency=Currency.SAT, amount=5),
        effective_at=NOW,
        actor=ChangeActor.BUYER,
        created_at=NOW,
    )
    with store.writing() as tx:
        tx.policies.put_policy(other)
        tx.invoices.put_invoice(invoice)
        tx.subscriptions.put_cycle(make_cycle(kept, 2, invoice_id=invoice.id))
        tx.tier_changes.put_tier_change(change)
    return shop, other, change


class CommerceRemovalsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    @pytest.mark.betters("B-16")
    def test_d29_a_policy_goes_with_its_subscriptions_and_changes(self, store: Store) -> None:
        shop, _, change = stocked(store)
        with store.writing() as tx:
            assert tx.removals.policy_dependents(shop.policy.id, NOW).subscriptions == 1
            counts = tx.removals.remove_policy(shop.policy.id)
        assert (counts.subscriptions, counts.licenses, counts.invoices) == (1, 1, 2)
        with store.reading() as tx:
            assert tx.subscriptions.find_subscription_of(change.license_id) is None
            assert tx.tier_changes.list_tier_changes(change.license_id, 5) == []

    def test_d29_a_policy_that_was_only_a_target_leaves_the_subscription(
        self, store: Store
    ) -> None:
        _, other, change = stocked(store)
        with store.writing() as tx:
            counts = tx.removals.remove_policy(other.id)
            assert counts.subscriptions == 0
            assert tx.subscriptions.find_subscription_of(change.license_id) is not None
            assert tx.tier_changes.list_tier_changes(change.license_id, 5) == []

    @pytest.mark.betters("B-15")
    def test_d29_a_product_goes_with_its_subscriptions_changes_and_codes(
        self, store: Store
    ) -> None:
        shop, other, change = stocked(store)
        own, anybodys = code("OWN", shop, other), code("ANY", used=2)
        with store.writing() as tx:
            tx.codes.put_code(own)
            tx.codes.put_code(anybodys)
        use(store, shop, own, RedemptionStatus.CANCELLED)
        use(store, shop, anybodys, RedemptionStatus.PENDING)
        use(store, shop, anybodys, RedemptionStatus.CANCELLED)
        with store.writing() as tx:
            dependents = tx.removals.product_dependents(shop.product.id)
            assert (dependents.subscriptions, dependents.codes) == (1, 1)
            counts = tx.removals.remove_product(shop.product.id)
        assert (counts.subscriptions, counts.codes, counts.redemptions) == (1, 1, 3)
        with store.reading() as tx:
            assert tx.subscriptions.find_subscription_of(change.license_id) is None
            assert tx.codes.find_code_by_text("OWN") is None
            # The use that is gone is not counted any more.
            assert tx.codes.get_code(anybodys.id).used_count == 1

    def test_b16_a_policy_is_taken_off_codes_and_one_without_any_left_is_disabled(
        self, store: Store
    ) -> None:
        shop, other, _ = stocked(store)
        only, both = code("ONLY", shop, shop.policy), code("BOTH", shop, shop.policy, other)
        wide, foreign = code("WIDE", shop), code("FOREIGN", shop, other)
        with store.writing() as tx:
            for each in (only, both, wide, foreign):
                tx.codes.put_code(each)
            counts = tx.removals.remove_policy(shop.policy.id)
            assert counts.codes == 1
            kept = {each.code: tx.codes.get_code(each.id) for each in (only, both, wide, foreign)}
        assert (kept["ONLY"].active, kept["ONLY"].policy_ids) == (False, ())
        assert (kept["BOTH"].active, kept["BOTH"].policy_ids) == (True, (other.id,))
        assert (kept["WIDE"].active, kept["WIDE"].policy_ids) == (True, ())
        assert (kept["FOREIGN"].active, kept["FOREIGN"].policy_ids) == (True, (other.id,))

    def test_only_live_subscriptions_keep_a_policy(self, store: Store) -> None:
        shop = stored_shop(store)
        kept = stored_subscription(store, shop)
        with store.writing() as tx:
            removals = tx.removals
            tx.subscriptions.put_subscription(
                msgspec.structs.replace(kept, status=SubscriptionStatus.LAPSED)
            )
            assert removals.policy_dependents(shop.policy.id, NOW).subscriptions == 0
            assert removals.product_dependents(shop.product.id).subscriptions == 0
