"""Policies: taken off sale, put in order, deleted, listed."""

import pytest

from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.policy import Policy
from keysat_core.errors import InvariantError, NotFound, StillReferenced
from keysat_core.use_cases.licenses.change_license_status import revoke_license
from keysat_core.use_cases.policies.archive_policy import (
    ArchivedPolicy,
    ArchivePolicy,
    archive_policy,
)
from keysat_core.use_cases.policies.delete_policy import DeletedPolicy, DeletePolicy, delete_policy
from keysat_core.use_cases.policies.list_policies import (
    ListPolicies,
    find_policy_id,
    list_policies,
    show_policy,
)
from keysat_core.use_cases.policies.order_policies import OrderPolicies, order_policies
from tests.support.trade import OPERATOR, Trade, open_trade


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def archive(trade: Trade, policy_id: PolicyId, *, archived: bool) -> ArchivedPolicy:
    command = ArchivePolicy(policy_id=policy_id, archived=archived)
    return archive_policy(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def delete(trade: Trade, policy_id: PolicyId, *, is_forced: bool = False) -> DeletedPolicy:
    command = DeletePolicy(policy_id=policy_id, is_forced=is_forced)
    return delete_policy(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def stored(trade: Trade, policy_id: PolicyId) -> Policy:
    return show_policy(OPERATOR, policy_id, store=trade.store)


# --- archive, order, delete ---------------------------------------------------------------------


def test_archiving_again_stamps_anew_and_unarchiving_again_changes_nothing(trade: Trade) -> None:
    policy_id = trade.shop.policy.id
    nothing = archive(trade, policy_id, archived=False)
    assert nothing == ArchivedPolicy(policy=trade.shop.policy, is_already=True)
    assert trade.trail() == ([], [])
    first = archive(trade, policy_id, archived=True)
    trade.clock.advance(5)
    second = archive(trade, policy_id, archived=True)
    assert (first.is_already, second.is_already) == (False, True)
    assert second.policy.archived_at == trade.clock.now() == (first.policy.archived_at or 0) + 5
    back = archive(trade, policy_id, archived=False)
    assert (back.is_already, back.policy.archived_at) == (False, None)
    assert stored(trade, policy_id) == back.policy
    actions = [entry.action for entry in trade.audits()]
    assert actions == ["policy.archive", "policy.archive", "policy.unarchive"]


def order(trade: Trade, *policy_ids: PolicyId, product_id: ProductId | None = None) -> list[Policy]:
    command = OrderPolicies(product_id=product_id or trade.shop.product.id, policy_ids=policy_ids)
    return order_policies(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def test_ordering_ranks_the_tiers_from_one_and_leaves_archived_ones_alone(trade: Trade) -> None:
    one, two = trade.shop.policy, trade.put_policy()
    old = trade.put_policy(archived_at=1, tier_rank=9)
    ordered = order(trade, two.id, one.id)
    assert [(policy.id, policy.tier_rank) for policy in ordered] == [(two.id, 1), (one.id, 2)]
    assert [stored(trade, policy.id) for policy in ordered] == ordered
    assert stored(trade, old.id) == old
    assert len(trade.events("policy.updated")) == 2
    assert len(trade.audits("policy.reorder")) == 1


def test_an_order_that_is_not_exactly_the_live_tiers_is_refused(trade: Trade) -> None:
    one, two = trade.shop.policy, trade.put_policy()
    old = trade.put_policy(archived_at=1)
    for wrong in (
        [],
        [one.id],
        [one.id, one.id],
        [one.id, two.id, old.id],
        [one.id, two.id, two.id],
    ):
        with pytest.raises(InvariantError):
            order(trade, *wrong)
    with pytest.raises(NotFound):
        order(trade, one.id, two.id, product_id=ProductId("unknown"))
    assert trade.trail() == ([], [])


def test_a_policy_nobody_bought_is_deleted(trade: Trade) -> None:
    gone = delete(trade, trade.shop.policy.id)
    assert gone.slug == trade.shop.policy.slug
    with pytest.raises(NotFound):
        delete(trade, trade.shop.policy.id)
    assert len(trade.audits("policy.delete")) == len(trade.events("policy.deleted")) == 1


def test_a_license_not_revoked_a_settled_and_a_pending_invoice_keep_a_policy(trade: Trade) -> None:
    slug = trade.shop.policy.slug
    issued = trade.issue(policy_slug=slug)
    paid = trade.sell(policy_slug=slug)
    trade.provider.pay(paid.id)
    trade.settle(paid.id)
    trade.sell(policy_slug=slug)
    with pytest.raises(StillReferenced) as refused:
        delete(trade, trade.shop.policy.id)
    assert refused.value.blockers == {"licenses": 2, "settled invoices": 1, "pending invoices": 1}
    gone = delete(trade, trade.shop.policy.id, is_forced=True)
    assert (gone.counts.licenses, gone.counts.invoices) == (2, 2)
    with pytest.raises(NotFound):
        trade.license(issued.license.id)
    assert len(trade.audits("policy.force_delete")) == 1


def test_revoked_licenses_and_expired_or_forgotten_invoices_do_not_keep_a_policy(
    trade: Trade,
) -> None:
    issued = trade.issue(policy_slug=trade.shop.policy.slug)
    revoke_license(
        OPERATOR,
        issued.license.id,
        reason=None,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
    )
    trade.sell()
    trade.clock.advance(DAY_SECONDS)
    invoice = trade.sell()
    trade.provider.expire(invoice.id)
    trade.settle(invoice.id)
    assert delete(trade, trade.shop.policy.id).counts.licenses == 1


# --- read ---------------------------------------------------------------------------------------


def test_lists_leave_out_inactive_and_archived_policies_unless_asked(trade: Trade) -> None:
    live = trade.shop.policy
    off = trade.put_policy(active=False, name="Z off")
    old = trade.put_policy(archived_at=1, name="Z old")

    def listed(**flags: bool) -> list[PolicyId]:
        query = ListPolicies(product_slug=trade.shop.product.slug, **flags)
        return [policy.id for policy in list_policies(OPERATOR, query, store=trade.store)]

    assert listed() == [live.id]
    assert listed(is_inactive_included=True) == [live.id, off.id]
    assert listed(is_archived_included=True) == [live.id, old.id]
    assert listed(is_inactive_included=True, is_archived_included=True) == [live.id, off.id, old.id]
    with pytest.raises(NotFound):
        list_policies(OPERATOR, ListPolicies(product_slug="unknown"), store=trade.store)


def test_a_policy_is_found_by_the_slugs_of_its_product_and_its_own(trade: Trade) -> None:
    product, policy = trade.shop.product, trade.shop.policy
    assert find_policy_id(OPERATOR, product.slug, policy.slug, store=trade.store) == policy.id
    for slugs in (("unknown", policy.slug), (product.slug, "unknown")):
        with pytest.raises(NotFound):
            find_policy_id(OPERATOR, *slugs, store=trade.store)
