"""The table of a subscription, for every state and event (lifecycles 8.1)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.subscription import (
    TRANSITIONS,
    Cancel,
    Cycle,
    FallDue,
    Lapse,
    Pay,
    Subscription,
    SubscriptionEvent,
    SubscriptionStatus,
    advance,
)
from keysat_core.errors import IllegalTransition, InvariantError
from keysat_core.testing import strategies
from tests.support.builders import NOW, make_license, make_shop
from tests.support.subscriptions import make_cycle, make_subscription


def events() -> st.SearchStrategy[SubscriptionEvent]:
    return st.one_of(
        st.builds(FallDue),
        st.builds(Pay, next_renewal_at=strategies.instants()),
        st.builds(Lapse),
        st.builds(Cancel),
    )


@settings(max_examples=60)
@given(
    subscription=strategies.subscriptions(),
    event=events(),
    now=strategies.instants(),
)
def test_what_is_not_in_the_table_is_refused_and_the_rest_follows_it(
    subscription: Subscription, event: SubscriptionEvent, now: Instant
) -> None:
    wanted = TRANSITIONS.get((subscription.status, type(event)))
    if wanted is None:
        with pytest.raises(IllegalTransition):
            advance(subscription, event, now=now)
        return
    after = advance(subscription, event, now=now)
    assert after.status is wanted
    assert after.updated_at == now
    assert (after.cancelled_at is not None) is (wanted is SubscriptionStatus.CANCELLED)
    if subscription.status is SubscriptionStatus.CANCELLED:
        # D10: cancelled is final, and keeps when and why.
        assert after == msgspec.structs.replace(subscription, updated_at=now)


def test_a_subscription_and_a_cycle_keep_their_rules() -> None:
    shop = make_shop()
    license = make_license(shop.product, policy_id=shop.policy.id)
    kept = make_subscription(shop, license)
    for fields in (
        {"period_days": 0},
        {"grace_period_days": -1},
        {"license_grace_seconds": -1},
        {"cancelled_at": NOW},
        {"status": SubscriptionStatus.CANCELLED},
    ):
        with pytest.raises(InvariantError):
            msgspec.structs.replace(kept, **fields)
    cycle: Cycle = make_cycle(kept)
    for bad in ({"number": 0}, {"end_at": cycle.start_at}):
        with pytest.raises(InvariantError):
            msgspec.structs.replace(cycle, **bad)


@pytest.mark.parametrize(
    ("status", "seconds"),
    [
        (SubscriptionStatus.ACTIVE, 7 * DAY_SECONDS),
        (SubscriptionStatus.PAST_DUE, 7 * DAY_SECONDS),
        (SubscriptionStatus.CANCELLED, 5),
        (SubscriptionStatus.LAPSED, 0),
    ],
)
def test_the_grace_of_a_license_is_its_subscriptions_while_it_is_billed(
    status: SubscriptionStatus, seconds: int
) -> None:
    shop = make_shop()
    license = make_license(shop.product, policy_id=shop.policy.id)
    is_cancelled = status is SubscriptionStatus.CANCELLED
    one = make_subscription(
        shop,
        license,
        status=status,
        license_grace_seconds=5,
        cancelled_at=NOW if is_cancelled else None,
    )
    assert one.grace_seconds == seconds
