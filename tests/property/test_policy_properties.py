"""Policies and tiers: prices, default pick, catalog, cadence, rank (lifecycles 4)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.entitlement import Catalog, CatalogEntry
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.policy import (
    PLAIN_TERMS,
    Policy,
    Terms,
    read_tip,
    terms_of_grant,
    terms_of_sale,
)
from keysat_core.domain.product import Product
from keysat_core.domain.tier import (
    default_tier,
    is_on_sale,
    list_price,
    refuse_unavailable,
    tier_list,
)
from keysat_core.errors import InvariantError, PolicyUnavailable
from keysat_core.testing import strategies
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.policies.update_policy import UpdatePolicy, update_policy
from tests.support.builders import NOW, make_policy, make_product
from tests.support.trade import OPERATOR, PATRON, Trade, open_trade

tiers = st.lists(
    st.builds(
        make_policy,
        slug=st.sampled_from(["default", "basic", "pro"]),
        name=st.sampled_from(["A", "B", "C"]),
        price_sats_override=st.none() | st.integers(0, 3),
        active=st.booleans(),
        public=st.booleans(),
        archived_at=st.none() | st.just(NOW),
    ),
    max_size=6,
)


@given(strategies.products(), strategies.policies())
def test_a_listed_price_is_always_in_the_currency_of_the_product(
    product: Product, policy: Policy
) -> None:
    price = list_price(product, policy)
    assert price.currency is product.price.currency
    override = policy.price_sats_override
    assert price.amount == (product.price.amount if override is None else override)
    assert list_price(product, None) == product.price


@given(tiers)
def test_the_default_pick_is_deterministic_and_never_archived_or_inactive(
    policies: list[Policy],
) -> None:
    product = make_product()
    picked = default_tier(product, policies)
    assert picked == default_tier(product, list(policies))
    live = [policy for policy in policies if policy.active and not policy.is_archived]
    public = [policy for policy in live if policy.public]
    named = [policy for policy in live if policy.slug == "default"]
    if picked is None:
        assert not named
        assert not public
        return
    assert picked in live
    if named:
        assert picked.slug == "default"
    else:
        cheapest = min(list_price(product, policy).amount for policy in public)
        assert picked in public
        assert list_price(product, picked).amount == cheapest


@given(tiers)
def test_the_tier_list_holds_exactly_what_is_on_sale_cheapest_first(
    policies: list[Policy],
) -> None:
    product = make_product()
    shown = tier_list(product, policies)
    on_sale = [p for p in policies if p.active and p.public and p.archived_at is None]
    assert sorted(p.id for p in shown) == sorted(p.id for p in on_sale)
    keys = [(list_price(product, p).amount, p.name) for p in shown]
    assert keys == sorted(keys)


@given(strategies.policies())
def test_a_tier_may_be_bought_exactly_when_it_is_on_sale(policy: Policy) -> None:
    if is_on_sale(policy):
        refuse_unavailable(policy)
        return
    with pytest.raises(PolicyUnavailable) as refused:
        refuse_unavailable(policy)
    problems = {
        "inactive": not policy.active,
        "not public": not policy.public,
        "archived": policy.archived_at is not None,
    }
    assert refused.value.problem == next(word for word, holds in problems.items() if holds)


@given(strategies.policies(), strategies.instants())
def test_archiving_and_unarchiving_change_nothing_but_the_stamp(
    policy: Policy, now: Instant
) -> None:
    archived = policy.archive(now)
    assert (archived.is_archived, archived.archived_at, archived.updated_at) == (True, now, now)
    back = archived.unarchive(now)
    assert not back.is_archived
    assert back == msgspec.structs.replace(policy, archived_at=None, updated_at=now)


# --- terms --------------------------------------------------------------------------------------


@given(strategies.policies(), strategies.instants())
def test_a_sale_gives_the_trial_else_the_duration_but_not_less_than_the_paid_period(
    policy: Policy, now: Instant
) -> None:
    terms = terms_of_sale(policy)
    is_free_trial = policy.is_recurring and policy.trial_days > 0
    seconds = policy.duration_seconds
    if is_free_trial:
        seconds = policy.trial_days * DAY_SECONDS
    elif policy.is_recurring:
        seconds = max(seconds, policy.renewal_period_days * DAY_SECONDS)
    assert terms == Terms(
        seconds=seconds,
        grace_seconds=policy.grace_seconds,
        max_machines=policy.max_machines,
        is_trial=policy.is_trial or is_free_trial,
        entitlements=policy.entitlements,
    )
    assert terms.expires_at(now) == (now + seconds if seconds else None)


@given(strategies.policies(is_recurring=True, renewal_period_days=30, trial_days=0))
def test_a_license_paid_by_subscription_always_ends(policy: Policy) -> None:
    assert terms_of_sale(policy).expires_at(NOW) is not None


@given(strategies.policies())
def test_a_grant_ignores_cadence_and_trial(policy: Policy) -> None:
    terms = terms_of_grant(policy)
    assert (terms.seconds, terms.is_trial) == (policy.duration_seconds, policy.is_trial)
    assert (terms.grace_seconds, terms.max_machines) == (policy.grace_seconds, policy.max_machines)
    assert terms.entitlements == policy.entitlements


def test_without_a_policy_terms_are_perpetual_with_one_seat_and_nothing_else() -> None:
    assert terms_of_sale(None) == terms_of_grant(None) == PLAIN_TERMS
    assert Terms() == PLAIN_TERMS
    assert (PLAIN_TERMS.seconds, PLAIN_TERMS.max_machines) == (0, 1)


# --- what may be written ------------------------------------------------------------------------


def update(trade: Trade, policy: Policy, **changes: Any) -> Policy:
    command = UpdatePolicy(policy_id=policy.id, **changes)
    return update_policy(
        OPERATOR,
        command,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=PATRON,
    )


def create(trade: Trade, slug: str, **fields: Any) -> Policy:
    command = CreatePolicy(
        product_slug=trade.shop.product.slug, slug=slug, **({"name": slug} | fields)
    )
    return create_policy(
        OPERATOR,
        command,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=PATRON,
    )


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4).map(tuple)
catalogs = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3).map(
    lambda slugs: tuple(CatalogEntry(slug=slug, name="") for slug in slugs)
)


@settings(max_examples=50, deadline=None)
@given(catalogs, words, words)
def test_no_accepted_policy_write_leaves_a_slug_outside_the_catalog(
    catalog: Catalog, at_create: tuple[str, ...], at_update: tuple[str, ...]
) -> None:
    trade = open_trade()
    with trade.store.writing() as tx:
        product = msgspec.structs.replace(trade.shop.product, entitlements_catalog=catalog)
        tx.products.put_product(product)
    known = {entry.slug for entry in catalog}

    def fits(slugs: tuple[str, ...]) -> bool:
        return not catalog or set(slugs) <= known

    if fits(at_create):
        assert create(trade, "new", entitlements=at_create).entitlements == at_create
    else:
        with pytest.raises(InvariantError):
            create(trade, "new", entitlements=at_create)
    if fits(at_update):
        assert update(trade, trade.shop.policy, entitlements=at_update).entitlements == at_update
    else:
        with pytest.raises(InvariantError):
            update(trade, trade.shop.policy, entitlements=at_update)
    with trade.store.reading() as tx:
        for policy in tx.policies.list_policies(trade.shop.product.id):
            assert fits(policy.entitlements)


CADENCE = ("is_recurring", "renewal_period_days", "grace_period_days", "trial_days")
days = st.sampled_from([-1, 0, 1, 7, 30, 90, 91, 1_830, 1_831])
patches = st.fixed_dictionaries(
    {},
    optional={
        "is_recurring": st.booleans(),
        "renewal_period_days": days,
        "grace_period_days": days,
        "trial_days": days,
    },
)


@settings(max_examples=100, deadline=None)
@given(strategies.policies(slug="before", archived_at=None), patches)
def test_a_patched_cadence_would_also_pass_a_create(policy: Policy, patch: dict[str, Any]) -> None:
    trade = open_trade()
    with trade.store.writing() as tx:
        stored = msgspec.structs.replace(policy, product_id=trade.shop.product.id)
        tx.policies.put_policy(stored)
    merged = {field: getattr(stored, field) for field in CADENCE} | patch
    try:
        patched = update(trade, stored, **patch)
    except InvariantError:
        with pytest.raises(InvariantError):
            create(trade, "again", **merged)
        return
    created = create(trade, "again", **merged)
    assert {field: getattr(patched, field) for field in CADENCE} == merged
    assert {field: getattr(created, field) for field in CADENCE} == merged


@settings(max_examples=20, deadline=None)
@given(st.lists(st.none() | st.integers(0, 1_000), max_size=4))
def test_a_tier_rank_goes_from_absent_to_set_and_back(ranks: list[int | None]) -> None:
    trade = open_trade()
    for rank in ranks:
        update(trade, trade.shop.policy, tier_rank=rank)
        update(trade, trade.shop.policy, name="another")
        with trade.store.reading() as tx:
            assert tx.policies.get_policy(trade.shop.policy.id).tier_rank == rank


@given(
    st.none() | st.sampled_from(["", "  ", "tips@example.com", " x@y.example "]),
    st.integers(-1, 10_001),
    st.none() | st.sampled_from(["", " thanks "]),
)
def test_a_tip_has_a_recipient_exactly_when_it_has_a_share(
    recipient: str | None, bps: int, label: str | None
) -> None:
    has_recipient = bool((recipient or "").strip())
    if not 0 <= bps <= 10_000 or has_recipient != (bps > 0):
        with pytest.raises(InvariantError):
            read_tip(recipient, bps, label)
        return
    tip = read_tip(recipient, bps, label)
    assert (tip is not None) is has_recipient
    if tip is not None:
        assert (tip.recipient, tip.pct_bps) == ((recipient or "").strip(), bps)
        assert tip.label == ((label or "").strip() or None)


@given(st.booleans() | st.none() | strategies.texts() | st.integers(0, 1))
def test_only_true_highlights_a_tier(value: object) -> None:
    assert make_policy(metadata={"highlight": value}).highlighted is (value is True)
    assert not make_policy(metadata={}).highlighted
