"""What is decided about subscriptions, for all of them (lifecycles 8, Properties worth testing)."""

from decimal import Decimal

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keysat_adapters.zaprite.wire import is_paid_status
from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.billing import (
    LOOK_SECONDS,
    BillingFacts,
    Step,
    failed,
    fallen_due,
    looked_at,
    next_look,
    step_of,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.license import LicenseStatus, Standing, standing
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.rate import Rate, convert
from keysat_core.domain.renewal import RETRY_SECONDS, first_look_at, renew
from keysat_core.domain.sale_record import BilledCycle
from keysat_core.domain.subscription import LIVE, Subscription, SubscriptionStatus
from keysat_core.domain.subscription_end import BY_BUYER, cancel, lapse
from keysat_core.testing import strategies
from tests.support.builders import NOW, make_invoice, make_license, make_policy, make_shop, new_id
from tests.support.subscription_world import SubscriptionWorld
from tests.support.subscriptions import make_cycle, make_subscription

few = settings(max_examples=30)


def instants() -> st.SearchStrategy[Instant]:
    """Instants of a few years, so that sums stay within what can be stored."""
    return st.integers(NOW, NOW + 4_000 * DAY_SECONDS).map(Instant)


@st.composite
def billed_cycles(draw: st.DrawFn) -> BilledCycle:
    """A cycle that was asked for, in a subscription in any state."""
    shop = make_shop()
    expires_at = draw(st.none() | instants())
    license = make_license(shop.product, policy_id=shop.policy.id, expires_at=expires_at)
    status = draw(st.sampled_from(SubscriptionStatus))
    subscription = make_subscription(
        shop,
        license,
        status=status,
        cancelled_at=NOW if status is SubscriptionStatus.CANCELLED else None,
        period_days=draw(st.integers(1, 400)),
        grace_period_days=draw(st.integers(0, 90)),
        next_renewal_at=draw(instants()),
        consecutive_failures=draw(st.integers(0, 9)),
    )
    last = draw(st.none() | st.integers(1, 9))
    settled = make_cycle(subscription, last, settled_at=NOW) if last else None
    cycle = make_cycle(subscription, draw(st.integers(2, 10)), invoice_id=new_id())
    duration = draw(st.integers(0, 500 * DAY_SECONDS))
    policy = draw(st.none() | st.just(make_policy(shop.product, duration_seconds=duration)))
    return BilledCycle(
        cycle=cycle,
        subscription=subscription,
        license=license,
        policy=policy,
        last_settled=settled,
        open_cycle=cycle,
    )


@few
@given(facts=strategies.billing_facts(), now=instants())
def test_nothing_is_done_about_what_is_not_billed(facts: BillingFacts, now: Instant) -> None:
    assume(facts.subscription.status not in LIVE)
    assert step_of(facts, now) is Step.NOTHING
    assert fallen_due(facts, Step.NOTHING, now) is facts or facts.subscription.status in LIVE


@few
@given(facts=strategies.billing_facts(), now=instants())
def test_d36_d8_only_an_active_license_on_a_tier_that_is_sold_is_billed(
    facts: BillingFacts, now: Instant
) -> None:
    step = step_of(facts, now)
    if step in {Step.BILL, Step.ADVANCE}:
        assert facts.license.status is LicenseStatus.ACTIVE
        assert not facts.policy.is_archived
    if facts.license.status is LicenseStatus.REVOKED and facts.subscription.status in LIVE:
        assert step is Step.CANCEL


@few
@given(facts=strategies.billing_facts(), now=instants())
def test_d6_a_cycle_is_only_asked_for_when_none_is_open_and_never_too_early(
    facts: BillingFacts, now: Instant
) -> None:
    if step_of(facts, now) is Step.BILL:
        assert facts.open_cycle is None
        assert now >= first_look_at(facts.subscription)
        if facts.saved_with is not None:
            assert now >= facts.subscription.next_renewal_at


@few
@given(facts=strategies.billing_facts(), now=instants())
def test_d6_d7_it_lapses_exactly_when_past_due_and_its_grace_is_over(
    facts: BillingFacts, now: Instant
) -> None:
    subscription = facts.subscription
    if step_of(facts, now) is Step.LAPSE:
        assert subscription.status is SubscriptionStatus.PAST_DUE
        assert now >= subscription.lapses_at
    is_over = subscription.status is SubscriptionStatus.PAST_DUE and now >= subscription.lapses_at
    is_priced = facts.next_price.amount > 0
    if is_over and is_priced and facts.license.status is not LicenseStatus.REVOKED:
        assert step_of(facts, now) is Step.LAPSE


@few
@given(facts=strategies.billing_facts(), now=instants())
def test_it_falls_due_exactly_when_what_is_paid_ends(facts: BillingFacts, now: Instant) -> None:
    step = step_of(facts, now)
    after = fallen_due(facts, step, now).subscription
    is_due = facts.subscription.status is SubscriptionStatus.ACTIVE
    is_due = is_due and now >= facts.subscription.next_renewal_at
    if is_due and step not in {Step.ADVANCE, Step.CANCEL}:
        assert after.status is SubscriptionStatus.PAST_DUE
    else:
        assert after == facts.subscription


@few
@given(facts=strategies.billing_facts(), wish=instants(), now=instants())
def test_a_look_is_never_repeated_at_once_nor_later_than_what_happens_by_itself(
    facts: BillingFacts, wish: Instant, now: Instant
) -> None:
    assume(facts.subscription.status in LIVE)
    subscription = facts.subscription
    for after in (looked_at(facts, now), next_look(subscription, wish, now)):
        assert after.next_action_at is not None
        assert after.next_action_at >= now + LOOK_SECONDS
        is_active = subscription.status is SubscriptionStatus.ACTIVE
        bound = subscription.next_renewal_at if is_active else subscription.lapses_at
        assert after.next_action_at <= max(bound, now + LOOK_SECONDS)


@few
@given(
    subscription=strategies.subscriptions(status=SubscriptionStatus.PAST_DUE)
    | strategies.subscriptions(status=SubscriptionStatus.ACTIVE),
    now=instants(),
)
def test_d51_failures_are_retried_until_it_lapses_and_ever_more_slowly(
    subscription: Subscription, now: Instant
) -> None:
    after = failed(subscription, now)
    assert after.consecutive_failures == subscription.consecutive_failures + 1
    assert after.last_renewal_attempt_at == now
    assert after.next_action_at is not None
    pause = RETRY_SECONDS[min(after.consecutive_failures, len(RETRY_SECONDS)) - 1]
    assert after.next_action_at <= now + pause


@given(billed=billed_cycles(), now=instants())
def test_d2_d10_a_paid_cycle_extends_the_license_and_revives_all_but_the_cancelled(
    billed: BilledCycle, now: Instant
) -> None:
    sale = renew(billed, make_invoice(), SYSTEM, now)
    before = billed.subscription
    assert sale.license is not None
    assert sale.subscription is not None
    cycle = sale.cycles[-1]
    assert sale.license.id == billed.license.id
    assert cycle.settled_at == now
    assert cycle.number == 1 + (billed.last_settled.number if billed.last_settled else 0)
    assert cycle.end_at - cycle.start_at == before.period_seconds
    if billed.license.expires_at is None:
        assert sale.license.expires_at is None
    else:
        assert sale.license.expires_at is not None
        assert sale.license.expires_at >= max(billed.license.expires_at, cycle.end_at)
    if before.status is SubscriptionStatus.CANCELLED:
        assert sale.subscription.status is SubscriptionStatus.CANCELLED
        assert sale.subscription.next_renewal_at == before.next_renewal_at
        assert sale.subscription.next_action_at == before.next_action_at
    else:
        assert sale.subscription.status is SubscriptionStatus.ACTIVE
        assert sale.subscription.consecutive_failures == 0
        assert sale.subscription.next_renewal_at == cycle.end_at
    if before.status is SubscriptionStatus.LAPSED:
        assert cycle.start_at == now


def in_state(billed: BilledCycle, status: SubscriptionStatus) -> Subscription:
    """The subscription of a cycle, in another state."""
    return msgspec.structs.replace(billed.subscription, status=status, cancelled_at=None)


@given(billed=billed_cycles(), now=instants())
def test_d6_what_lapsed_is_expired_at_once(billed: BilledCycle, now: Instant) -> None:
    ended = lapse(in_state(billed, SubscriptionStatus.PAST_DUE), billed.license, now)
    assert standing(ended.license, now) is Standing.EXPIRED
    assert ended.subscription.next_action_at is None


@given(billed=billed_cycles(), now=instants())
def test_cancelling_keeps_what_is_paid_and_gives_the_license_its_own_grace(
    billed: BilledCycle, now: Instant
) -> None:
    license = billed.license
    live = SubscriptionStatus.PAST_DUE if now % 2 else SubscriptionStatus.ACTIVE
    subscription = in_state(billed, live)
    ended = cancel(subscription, license, SYSTEM, now, by=BY_BUYER, reason=None)
    assert ended.license.expires_at == license.expires_at
    assert ended.license.grace_seconds == subscription.license_grace_seconds
    assert ended.subscription.next_action_at is None


@given(status=st.text() | st.sampled_from(["PAID", "COMPLETE", "OVERPAID"]) | st.none())
def test_a_charge_is_paid_exactly_if_its_status_is_one_of_three(status: str | None) -> None:
    assert is_paid_status(status) is (status in {"PAID", "COMPLETE", "OVERPAID"})


@settings(max_examples=15, deadline=None)
@given(
    value=st.integers(1, 10_000_000),
    rates=st.lists(st.integers(10_000, 300_000), min_size=2, max_size=3),
)
def test_a_fiat_price_is_quoted_anew_for_each_cycle_at_the_rate_of_that_tick(
    value: int, rates: list[int]
) -> None:
    listed = Money(currency=Currency.USD, amount=value)
    world = SubscriptionWorld(price=listed, grace_period_days=7)
    table = world.trade.rates.units_per_btc
    table[Currency.USD] = Decimal(50_000)
    world.buy()
    for units in rates:
        table[Currency.USD] = Decimal(units)
        world.tick(28 * DAY_SECONDS)
        asked = world.trade.invoice(world.open_invoice_id())
        rate = Rate(currency=Currency.USD, units_per_btc=Decimal(units), source="table")
        assert asked.amount_sats == max(1, convert(listed, rate).amount_sats)
        assert asked.exchange_rate_centibps == units * 10_000
        world.pay(asked.id)
        world.trade.clock.advance(2 * DAY_SECONDS)
        world.check()
    world.close()


@settings(max_examples=15, deadline=None)
@given(
    period=st.sampled_from([1, 2, 7, 30, 365]),
    grace=st.integers(0, 20),
    own_grace=st.sampled_from([0, 9 * DAY_SECONDS]),
)
def test_d6_one_that_is_never_paid_lapses_within_its_grace_and_a_tick(
    period: int, grace: int, own_grace: int
) -> None:
    world = SubscriptionWorld(
        renewal_period_days=period, grace_period_days=grace, grace_seconds=own_grace
    )
    world.buy()
    lapses_at = world.row.lapses_at
    while world.row.status is not SubscriptionStatus.LAPSED:
        next_at = world.row.next_action_at
        assert next_at is not None
        world.tick(max(0, next_at - world.trade.clock.now()))
        world.check()
    # With no grace at all it is asked for when due, and lapses at the next tick.
    assert lapses_at <= world.trade.clock.now() <= lapses_at + LOOK_SECONDS
    world.close()


@settings(max_examples=10, deadline=None)
@given(
    period=st.sampled_from([1, 7, 30]),
    grace=st.integers(0, 9),
    delays=st.lists(st.integers(0, 3 * 3_600), min_size=4, max_size=4),
)
def test_d45_one_that_is_always_paid_in_time_never_lapses_nor_drifts(
    period: int, grace: int, delays: list[int]
) -> None:
    world = SubscriptionWorld(renewal_period_days=period, grace_period_days=grace)
    world.buy()
    first_end = world.row.next_renewal_at
    for number, delay in enumerate(delays, start=1):
        while world.open_cycle is None:
            next_at = world.row.next_action_at
            assert next_at is not None
            world.tick(max(0, next_at - world.trade.clock.now()))
        world.trade.clock.advance(delay)
        invoice_id = world.open_invoice_id()
        for _ in range(3):
            world.pay(invoice_id)
        world.check()
        assert world.row.status is SubscriptionStatus.ACTIVE
        assert world.row.next_renewal_at == first_end + number * period * DAY_SECONDS
        assert len(world.trade.events("subscription.renewed")) == number
    world.close()
