"""What holds for every quote of a change of tier. Source: lifecycles 9, properties worth testing."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.ids import SubscriptionId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.product import Product
from keysat_core.domain.sale_record import OrderedChange
from keysat_core.domain.subscription import Subscription, SubscriptionStatus
from keysat_core.domain.tier import list_price
from keysat_core.domain.tier_change import ChangeActor, Direction
from keysat_core.domain.tier_comp import loss_of
from keysat_core.domain.tier_effect import Payer, change_tier
from keysat_core.domain.tier_quote import (
    TierFacts,
    TierQuote,
    days_left,
    prorated,
    quote_change,
    quote_comp,
    quote_wait,
)
from keysat_core.errors import KeysatError, TierChangeRefused
from keysat_core.limits import AMOUNT_MAX
from keysat_core.testing import strategies

NOW = Instant(1_800_000_000)
amounts = st.integers(0, 10**9) | st.integers(0, AMOUNT_MAX)
days = st.integers(1, 1_830)
few = settings(max_examples=50)
ONE = Money(currency=Currency.SAT, amount=1)


@st.composite
def positions(draw: st.DrawFn, /, **fixed: Any) -> tuple[TierFacts, Any]:
    """A license on a tier, and another tier of its product."""
    product: Product = draw(strategies.products())
    period = draw(days)
    other = draw(fixed.get("periods", st.just(period) | days))
    target_days = period if other is None else other
    source, target = (
        draw(
            strategies.policies(
                product_id=product.id,
                active=True,
                is_recurring=fixed.get("is_recurring", draw(st.booleans())),
                renewal_period_days=length,
                trial_days=0,
                price_sats_override=draw(st.none() | amounts),
                tier_rank=draw(st.none() | st.integers(0, 3)),
            )
        )
        for length in (period, target_days)
    )
    license = draw(strategies.licenses(product_id=product.id, policy_id=source.id))
    statuses = st.sampled_from(SubscriptionStatus)
    if fixed.get("is_live", False):
        statuses = st.just(SubscriptionStatus.ACTIVE)
    subscription = draw(
        (st.nothing() if fixed.get("is_live", False) else st.none())
        | strategies.subscriptions(
            status=draw(statuses),
            license_id=license.id,
            product_id=product.id,
            policy_id=source.id,
            period_days=period,
            next_renewal_at=Instant(NOW + draw(st.integers(-400, 2_000 * DAY_SECONDS))),
        )
    )
    facts = TierFacts(license=license, product=product, current=source, subscription=subscription)
    return facts, target


def asked(facts: TierFacts, target: Any, asker: ChangeActor, now: Instant) -> TierQuote | None:
    try:
        return quote_change(facts, target, asker, now)
    except TierChangeRefused:
        return None


@given(source=amounts, target=amounts, left=days, period=days)
def test_a_prorated_charge_is_between_nothing_and_the_difference(
    source: int, target: int, left: int, period: int
) -> None:
    left = min(left, period)
    before, after = (msgspec.structs.replace(ONE, amount=amount) for amount in (source, target))
    charge = prorated(before, after, days=left, period_days=period)
    assert 0 <= charge <= max(0, target - source)
    assert prorated(before, after, days=0, period_days=period) == 0
    assert prorated(before, after, days=period, period_days=period) == max(0, target - source)


@few
@given(data=st.data(), asker=st.sampled_from(ChangeActor))
def test_every_quote_is_a_refusal_or_a_price(data: st.DataObject, asker: ChangeActor) -> None:
    facts, target = data.draw(positions())
    quote = asked(facts, target, asker, NOW)
    if quote is None:
        return
    before, after = list_price(facts.product, quote.source), list_price(facts.product, target)
    assert 0 <= quote.charge.amount <= max(after.amount, 0)
    assert quote.charge.currency is facts.product.price.currency
    assert (quote.next_charge == after) is target.is_recurring
    is_same_cadence = (
        facts.live is not None and facts.live.period_days == target.renewal_period_days
    )
    if is_same_cadence or not target.is_recurring:
        assert quote.charge.amount <= max(0, after.amount - before.amount)
    if quote.direction is Direction.DOWNGRADE and target.is_recurring:
        assert quote.charge.amount == 0


@few
@given(data=st.data(), asker=st.sampled_from(ChangeActor))
def test_a_charge_within_a_cadence_does_not_grow_as_time_passes(
    data: st.DataObject, asker: ChangeActor
) -> None:
    facts, target = data.draw(positions(is_recurring=True, is_live=True, periods=st.none()))
    first = asked(facts, target, asker, NOW)
    later = Instant(NOW + data.draw(st.integers(0, 400 * DAY_SECONDS)))
    second = asked(facts, target, asker, later)
    assert (first is None) is (second is None)
    if first is not None and second is not None:
        assert second.charge.amount <= first.charge.amount
        assert second.direction is first.direction


@few
@given(data=st.data())
def test_d25_a_charge_for_another_cadence_is_the_price_less_what_is_unused(
    data: st.DataObject,
) -> None:
    """D25: never below 0, never above the price, and it does not shrink as time passes."""
    facts, target = data.draw(positions(is_recurring=True, is_live=True, periods=days))
    if facts.live is None or facts.live.period_days == target.renewal_period_days:
        return
    first = asked(facts, target, ChangeActor.ADMIN, NOW)
    second = asked(facts, target, ChangeActor.ADMIN, Instant(NOW + 5 * DAY_SECONDS))
    if first is None or second is None:
        return
    price = list_price(facts.product, target).amount
    assert 0 <= first.charge.amount <= second.charge.amount <= price
    if first.direction is Direction.UPGRADE:
        credit = price - first.charge.amount
        assert credit <= list_price(facts.product, facts.current).amount


@few
@given(data=st.data())
def test_what_buyers_are_quoted_is_above_them_or_a_recurring_step_down(
    data: st.DataObject,
) -> None:
    facts, target = data.draw(positions())
    quote = asked(facts, target, ChangeActor.BUYER, NOW)
    if quote is None:
        return
    assert quote.source.tier_rank is not None
    assert target.tier_rank is not None
    if target.tier_rank > quote.source.tier_rank:
        assert quote.direction is Direction.UPGRADE
    else:
        assert quote.direction is Direction.DOWNGRADE
        assert target.is_recurring


@few
@given(data=st.data(), asker=st.sampled_from(ChangeActor))
def test_a_quote_is_a_function_of_what_is_known(data: st.DataObject, asker: ChangeActor) -> None:
    facts, target = data.draw(positions())
    assert asked(facts, target, asker, NOW) == asked(facts, target, asker, NOW)
    paid, given_away = asked(facts, target, ChangeActor.ADMIN, NOW), None
    try:
        given_away = quote_comp(facts, target, NOW)
    except TierChangeRefused:
        assert paid is None
    if paid is not None:
        assert given_away == paid


@few
@given(data=st.data(), asker=st.sampled_from(ChangeActor))
def test_d46_nothing_is_quoted_while_a_renewal_is_unpaid(
    data: st.DataObject, asker: ChangeActor
) -> None:
    """D46: overdue, or with a cycle that waits."""
    facts, target = data.draw(positions(is_live=True))
    assert facts.subscription is not None
    if data.draw(st.booleans()):
        late = msgspec.structs.replace(facts.subscription, status=SubscriptionStatus.PAST_DUE)
        facts = msgspec.structs.replace(facts, subscription=late)
    else:
        cycle = data.draw(strategies.cycles())
        facts = msgspec.structs.replace(facts, open_cycle=cycle)
    assert asked(facts, target, asker, NOW) is None


@few
@given(data=st.data(), asker=st.sampled_from(ChangeActor))
def test_what_waits_is_a_free_step_down_at_the_end_of_what_is_paid(
    data: st.DataObject, asker: ChangeActor
) -> None:
    facts, target = data.draw(positions())
    try:
        quote = quote_wait(facts, target, asker, NOW)
    except TierChangeRefused:
        return
    assert facts.live is not None
    assert (quote.charge.amount, quote.effective_at) == (0, facts.live.next_renewal_at)
    assert quote.direction is Direction.DOWNGRADE


@few
@given(data=st.data(), moment=strategies.instants())
def test_days_left_are_whole_and_at_most_a_period(data: st.DataObject, moment: Instant) -> None:
    subscription: Subscription = data.draw(strategies.subscriptions())
    left = days_left(subscription, moment)
    assert 0 <= left <= subscription.period_days
    assert left * DAY_SECONDS <= max(0, subscription.next_renewal_at - moment)


@few
@given(data=st.data())
def test_seats_and_lock_stay_and_only_terms_change(data: st.DataObject) -> None:
    facts, target = data.draw(positions())
    try:
        quote_comp(facts, target, NOW)
    except KeysatError:
        return
    change = data.draw(
        strategies.tier_changes(
            license_id=facts.license.id, to_policy_id=target.id, applied_at=None
        )
    )
    ordered = OrderedChange(
        change=change, license=facts.license, target=target, subscription=facts.subscription
    )
    payer = Payer(
        subscription_id=SubscriptionId(data.draw(strategies.ids())),
        merchant_profile_id=None,
        account_id=None,
    )
    applied = change_tier(ordered, facts.product, payer, NOW)
    kept = ("id", "product_id", "invoice_id", "status", "issued_at", "fingerprint", "buyer_email")
    for field in kept:
        assert getattr(applied.license, field) == getattr(facts.license, field)
    again = change_tier(
        msgspec.structs.replace(
            ordered, license=applied.license, subscription=applied.subscription
        ),
        facts.product,
        payer,
        NOW,
    )
    assert again.license == applied.license
    assert applied.change.applied_at == NOW
    lost = set(loss_of(facts, target).entitlements)
    assert lost == set(facts.license.entitlements) - set(applied.license.entitlements)
