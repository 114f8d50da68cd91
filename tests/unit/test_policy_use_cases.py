"""Policies: what a tier may be, in which order it is refused, and what a change leaves alone."""

from typing import Any

import msgspec
import pytest

from keysat_core.domain.actor import Actor, Scope
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.ids import PolicyId
from keysat_core.domain.policy import Policy, Tip
from keysat_core.domain.self_license import Capability, SelfLicense
from keysat_core.errors import (
    Forbidden,
    InvariantError,
    KeysatError,
    NotFound,
    SlugTaken,
    TierCapReached,
)
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.policies.list_policies import show_policy
from keysat_core.use_cases.policies.update_policy import (
    SetTip,
    UpdatePolicy,
    set_tip,
    update_policy,
)
from tests.support.trade import (
    CREATOR,
    OPERATOR,
    PATRON,
    Trade,
    data_of,
    open_trade,
    operator_without,
)

MONTHLY: dict[str, Any] = {"is_recurring": True, "renewal_period_days": 30}


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def create(
    trade: Trade, *, actor: Actor = OPERATOR, self_license: SelfLicense = PATRON, **fields: Any
) -> Policy:
    ordinary = {"product_slug": trade.shop.product.slug, "slug": "new", "name": "New"}
    return create_policy(
        actor,
        CreatePolicy(**(ordinary | fields)),
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=self_license,
    )


def update(
    trade: Trade,
    policy_id: PolicyId | None = None,
    *,
    self_license: SelfLicense = PATRON,
    **fields: Any,
) -> Policy:
    command = UpdatePolicy(policy_id=policy_id or trade.shop.policy.id, **fields)
    return update_policy(
        OPERATOR,
        command,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=self_license,
    )


def stored(trade: Trade, policy_id: PolicyId) -> Policy:
    return show_policy(OPERATOR, policy_id, store=trade.store)


# --- create -------------------------------------------------------------------------------------


def test_a_new_policy_is_active_public_and_not_archived_with_every_field_as_sent(
    trade: Trade,
) -> None:
    fields: dict[str, Any] = {
        "duration_seconds": 60,
        "grace_seconds": 5,
        "max_machines": 3,
        "is_trial": True,
        "price_sats_override": 9,
        "entitlements": ("pro",),
        "metadata": {"highlight": True},
        **MONTHLY,
        "grace_period_days": 3,
        "trial_days": 7,
        "tier_rank": 2,
    }
    policy = create(trade, tip_recipient=" a@b ", tip_pct_bps=100, tip_label=" ", **fields)
    assert stored(trade, policy.id) == policy
    assert {field: getattr(policy, field) for field in fields} == fields
    assert policy.tip == Tip(recipient="a@b", pct_bps=100)
    assert (policy.active, policy.public, policy.is_archived) == (True, True, False)
    (audit,) = trade.audits("policy.create")
    assert audit.details == {"product_id": trade.shop.product.id, "slug": "new"}
    (event,) = trade.events("policy.created")
    assert not event.is_published
    assert data_of(event)["policy_id"] == policy.id


def test_the_defaults_are_perpetual_one_seat_and_the_price_of_the_product(trade: Trade) -> None:
    policy = create(trade)
    assert (policy.duration_seconds, policy.grace_seconds, policy.max_machines) == (0, 0, 1)
    assert (policy.price_sats_override, policy.tier_rank, policy.tip) == (None, None, None)
    assert (policy.is_recurring, policy.grace_period_days, policy.trial_days) == (False, 7, 0)


def test_checks_of_a_new_policy_come_in_the_order_of_the_specification(trade: Trade) -> None:
    catalog = (CatalogEntry(slug="known", name=""),)
    with trade.store.writing() as tx:
        product = msgspec.structs.replace(trade.shop.product, entitlements_catalog=catalog)
        tx.products.put_product(product)
    for number in range(4):
        create(trade, slug=f"filler-{number}")
    wrong: dict[str, Any] = {
        "actor": operator_without(Scope.POLICIES_WRITE),
        "product_slug": "unknown",
        "self_license": CREATOR,
        "renewal_period_days": -1,
        "entitlements": ("unknown",),
        "slug": trade.shop.policy.slug,
        "is_recurring": True,
    }
    only_policies = SelfLicense(entitlements=frozenset({Capability.UNLIMITED_POLICIES}))
    repairs: list[tuple[type[KeysatError], str | None, dict[str, Any]]] = [
        (Forbidden, None, {"actor": OPERATOR}),
        (NotFound, None, {"product_slug": trade.shop.product.slug}),
        (TierCapReached, None, {"self_license": only_policies}),
        (InvariantError, "renewal_period_days", {"renewal_period_days": 30}),
        (TierCapReached, None, {"self_license": PATRON}),
        (InvariantError, "entitlements", {"entitlements": ("known",)}),
        (SlugTaken, None, {"slug": "free-slug"}),
    ]
    before = trade.trail()
    for error, field, repair in repairs:
        with pytest.raises(error) as refused:
            create(trade, **wrong)
        assert getattr(refused.value, "field", None) == field
        assert trade.trail() == before
        wrong |= repair
    assert create(trade, **wrong).slug == "free-slug"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"slug": "No Slug"},
        {"duration_seconds": -1},
        {"grace_seconds": -1},
        {"max_machines": -1},
        {"price_sats_override": -1},
        {"tier_rank": -1},
        {"tier_rank": 1_001},
        {"metadata": []},
        {"entitlements": ("x" * 256,)},
        {"tip_pct_bps": 5},
        {"tip_recipient": "a@b"},
        {"tip_recipient": "a@b", "tip_pct_bps": 10_001},
        {"is_recurring": True},
        MONTHLY | {"renewal_period_days": 1_831},
        MONTHLY | {"grace_period_days": 91},
        MONTHLY | {"trial_days": 31},
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_and_no_policy_stays_behind(
    trade: Trade, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvariantError):
        create(trade, **fields)
    with trade.store.reading() as tx:
        assert tx.policies.count_policies(trade.shop.product.id) == 1


def test_the_cap_is_per_product_and_counts_archived_and_inactive_policies(trade: Trade) -> None:
    trade.put_policy(archived_at=1)
    update(trade, create(trade, slug="off", self_license=CREATOR).id, active=False)
    for number in range(2):
        create(trade, slug=f"p{number}", self_license=CREATOR)
    with pytest.raises(TierCapReached) as refused:
        create(trade, slug="sixth", self_license=CREATOR)
    assert refused.value.upgrade_url.endswith("?policy=pro")


def test_a_recurring_policy_needs_the_capability(trade: Trade) -> None:
    recurring = SelfLicense(entitlements=frozenset({Capability.RECURRING_BILLING}))
    with pytest.raises(TierCapReached, match="recurring billing"):
        create(trade, self_license=CREATOR, **MONTHLY)
    assert create(trade, self_license=recurring, **MONTHLY).is_recurring


# --- update -------------------------------------------------------------------------------------


def test_only_what_is_sent_changes(trade: Trade) -> None:
    trade.clock.advance(9)
    after = update(trade, max_machines=4, metadata={"x": 1})
    assert after == msgspec.structs.replace(
        trade.shop.policy, max_machines=4, metadata={"x": 1}, updated_at=trade.clock.now()
    )
    assert stored(trade, after.id) == after
    assert trade.audits("policy.update")[0].details["max_machines"] == 4
    assert trade.audits("policy.update")[0].details["after"] == {"max_machines": 4}
    assert data_of(trade.events("policy.updated")[0])["fields"] == ["max_machines", "metadata"]


def test_null_clears_a_nullable_field_and_absence_keeps_it(trade: Trade) -> None:
    update(trade, price_sats_override=5, tier_rank=3)
    kept = update(trade, name="Renamed")
    assert (kept.price_sats_override, kept.tier_rank) == (5, 3)
    cleared = update(trade, price_sats_override=None, tier_rank=None)
    assert (cleared.price_sats_override, cleared.tier_rank) == (None, None)


def test_a_change_to_what_is_there_already_writes_nothing(trade: Trade) -> None:
    assert update(trade, name=trade.shop.policy.name, max_machines=1) == trade.shop.policy
    assert trade.trail() == ([], [])
    update(trade, name=trade.shop.policy.name, max_machines=2)
    assert trade.audits("policy.update")[0].details["after"] == {"max_machines": 2}


def test_the_ranges_of_a_cadence_bind_only_a_recurring_policy(trade: Trade) -> None:
    loose = create(trade, renewal_period_days=5_000, grace_period_days=400, trial_days=9_000)
    assert stored(trade, loose.id).trial_days == 9_000
    with pytest.raises(InvariantError):
        update(trade, loose.id, is_recurring=True)
    with pytest.raises(InvariantError):
        update(trade, loose.id, trial_days=-1)


def test_an_empty_change_writes_nothing_and_an_unknown_policy_is_not_found(trade: Trade) -> None:
    assert update(trade) == trade.shop.policy
    assert trade.trail() == ([], [])
    with pytest.raises(NotFound):
        update(trade, PolicyId("unknown"))


def test_the_capability_is_asked_for_only_when_a_policy_becomes_recurring(trade: Trade) -> None:
    with pytest.raises(TierCapReached):
        update(trade, self_license=CREATOR, **MONTHLY)
    assert stored(trade, trade.shop.policy.id) == trade.shop.policy
    update(trade, **MONTHLY)
    changed = update(trade, self_license=CREATOR, is_recurring=True, trial_days=3)
    assert changed.trial_days == 3
    assert not update(trade, self_license=CREATOR, is_recurring=False).is_recurring


def test_entitlements_outside_the_catalog_are_refused_only_when_they_are_sent(
    trade: Trade,
) -> None:
    policy = create(trade, entitlements=("orphan",))
    catalog = (CatalogEntry(slug="known", name=""),)
    with trade.store.writing() as tx:
        product = msgspec.structs.replace(trade.shop.product, entitlements_catalog=catalog)
        tx.products.put_product(product)
    assert update(trade, policy.id, name="Other").entitlements == ("orphan",)
    with pytest.raises(InvariantError, match="orphan"):
        update(trade, policy.id, entitlements=("known", "orphan"))
    assert update(trade, policy.id, entitlements=("known",)).entitlements == ("known",)


def test_switches_have_audit_actions_of_their_own(trade: Trade) -> None:
    update(trade, active=False)
    update(trade, public=False)
    update(trade, active=True, public=True)
    assert [entry.action for entry in trade.audits()] == [
        "policy.set_active",
        "policy.set_public",
        "policy.update",
    ]


def test_a_tip_is_replaced_as_a_whole(trade: Trade) -> None:
    def tip(**fields: Any) -> Tip | None:
        command = SetTip(policy_id=trade.shop.policy.id, **fields)
        changed = set_tip(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)
        assert stored(trade, changed.id) == changed
        return changed.tip

    wanted = Tip(recipient="a@b", pct_bps=50, label="thanks")
    assert tip(tip_recipient="a@b", tip_pct_bps=50, tip_label="thanks") == wanted
    assert tip(tip_recipient="c@d", tip_pct_bps=1) == Tip(recipient="c@d", pct_bps=1)
    assert tip(tip_pct_bps=0) is None
    with pytest.raises(InvariantError):
        tip(tip_pct_bps=5)
    details = [entry.details for entry in trade.audits("policy.set_tip")]
    replaced = {"recipient": "a@b", "pct_bps": 50, "label": "thanks"}
    assert details[0] == {
        "tip_recipient": "a@b",
        "tip_pct_bps": 50,
        "tip_label": "thanks",
        "before": {"tip": None},
        "after": {"tip": replaced},
    }
    assert (details[2]["tip_recipient"], details[2]["after"]) == (None, {"tip": None})
