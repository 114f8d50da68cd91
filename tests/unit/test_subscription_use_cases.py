"""Looking after subscriptions, step by step, with a provider that fails as told. Source: lifecycles 8, 9.5."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.billing import Step
from keysat_core.domain.ids import InvoiceId, ProviderAccountId, SubscriptionId, TierChangeId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.listing import SubscriptionFilter
from keysat_core.domain.merchant import disconnected
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.saved_payment import Charge
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.errors import Forbidden, NotFound
from keysat_core.use_cases.subscriptions.cancel_subscription import cancel_subscription
from keysat_core.use_cases.subscriptions.list_subscriptions import (
    list_subscriptions,
    show_subscription,
)
from keysat_core.use_cases.subscriptions.renewals.renew_subscription import (
    LookedAt,
    renew_subscription,
)
from keysat_core.use_cases.subscriptions.renewals.tell_renewal import (
    note_renewal_failure,
    tell_renewal,
)
from tests.support.builders import new_id
from tests.support.scripted_provider import Fault
from tests.support.subscription_world import SubscriptionWorld
from tests.support.subscriptions import stored_subscription
from tests.support.trade import OPERATOR, PUBLIC_URL, data_of, open_trade, operator_without
from tests.support.watched_store import Killed, WatchedStore

LEAD: Final = 27 * DAY_SECONDS


@pytest.fixture
def world() -> Iterator[SubscriptionWorld]:
    world = SubscriptionWorld(grace_period_days=7)
    world.buy()
    yield world
    world.close()


def look(world: SubscriptionWorld) -> LookedAt:
    """One look, without asking anybody."""
    trade = world.trade
    return renew_subscription(
        world.row.id,
        public_url=PUBLIC_URL,
        is_charging=False,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        rates=trade.rates,
        providers=trade.providers,
    )


def schedule(world: SubscriptionWorld, target: Policy, **fields: Any) -> TierChange:
    made: dict[str, Any] = {
        "id": TierChangeId(new_id()),
        "license_id": world.license.id,
        "from_policy_id": world.policy.id,
        "to_policy_id": target.id,
        "direction": Direction.DOWNGRADE,
        "charge": Money(currency=Currency.SAT, amount=0),
        "effective_at": world.row.next_renewal_at,
        "actor": ChangeActor.BUYER,
        "created_at": world.trade.clock.now(),
    }
    change = TierChange(**(made | fields))
    with world.trade.store.writing() as tx:
        tx.tier_changes.put_tier_change(change)
    return change


def smaller(world: SubscriptionWorld, **fields: Any) -> Policy:
    made: dict[str, Any] = {
        "is_recurring": True,
        "renewal_period_days": 30,
        "price_sats_override": 20_000,
    }
    return world.trade.put_policy(**(made | fields))


def test_a_look_ahead_of_its_time_only_notes_when_to_look_again(world: SubscriptionWorld) -> None:
    before = world.row
    assert look(world).step is Step.WAIT
    assert world.row == before


def test_the_invoice_is_stored_before_anybody_is_asked_and_found_after_a_crash(
    world: SubscriptionWorld,
) -> None:
    """D45: what a look stored is asked for by our own id, once."""
    world.trade.clock.advance(LEAD)
    done = look(world)
    assert (done.step, done.is_new) == (Step.BILL, True)
    now = world.trade.clock.now()
    assert world.row.last_renewal_attempt_at == now
    assert world.row.next_action_at == now + 60
    assert world.trade.provider.truths_of(world.open_invoice_id()) == []
    world.tick(60)
    assert len(world.trade.provider.truths_of(world.open_invoice_id())) == 1
    assert len(world.trade.events("subscription.renewal_pending")) == 1


def test_d45_an_answer_that_was_lost_is_not_asked_for_twice(world: SubscriptionWorld) -> None:
    world.trade.provider.faults.append(Fault.LOST)
    done = world.tick(LEAD)
    assert done.failed == 1
    invoice_id = world.open_invoice_id()
    world.tick(300)
    assert world.open_invoice_id() == invoice_id
    assert len(world.trade.provider.truths_of(invoice_id)) == 1
    assert world.row.consecutive_failures == 0


def test_d51_a_provider_that_refuses_is_asked_with_another_invoice_after_a_pause(
    world: SubscriptionWorld,
) -> None:
    world.trade.provider.faults.append(Fault.REFUSED)
    world.tick(LEAD)
    assert not any(one.is_open for one in world.cycles)
    (failed,) = map(data_of, world.trade.events("subscription.renewal_failed"))
    assert failed["consecutive_failures"] == 1
    assert failed["reason"]
    assert world.row.status is SubscriptionStatus.ACTIVE
    world.tick(299)
    assert [one.is_open for one in world.cycles] == [False, False]
    world.tick(1)
    assert world.open_invoice_id()
    assert len(world.trade.events("subscription.renewal_pending")) == 1


def test_d51_one_nobody_can_collect_fails_until_it_lapses(world: SubscriptionWorld) -> None:
    world.trade.providers.is_loaded = False
    world.trade.clock.advance(LEAD)
    while world.row.status is not SubscriptionStatus.LAPSED:
        next_at = world.row.next_action_at
        assert next_at is not None
        world.tick(max(0, next_at - world.trade.clock.now()))
    assert len(world.cycles) == 1
    assert len(world.trade.events("subscription.renewal_failed")) > 10
    assert len(world.trade.events("subscription.lapsed")) == 1


def test_a_provider_that_is_unloaded_between_two_steps_counts_as_a_failure(
    world: SubscriptionWorld,
) -> None:
    world.trade.clock.advance(LEAD)
    look(world)
    world.trade.providers.is_loaded = False
    world.tick(60)
    assert world.row.consecutive_failures == 1


def test_d5_what_was_changed_long_ago_is_never_changed_again(world: SubscriptionWorld) -> None:
    target = smaller(world)
    past = Instant(world.trade.clock.now() - 5)
    schedule(world, target, effective_at=past, applied_at=past)
    schedule(world, target, effective_at=past, withdrawn_at=past)
    for _ in range(3):
        world.tick(LEAD)
    assert world.license.policy_id == world.policy.id
    assert world.trade.events("license.tier_changed") == []


def test_a_scheduled_change_is_billed_ahead_at_its_price_and_applied_on_its_day(
    world: SubscriptionWorld,
) -> None:
    target = smaller(world)
    change = schedule(world, target)
    world.tick(LEAD)
    asked = world.trade.invoice(world.open_invoice_id())
    assert (asked.amount_sats, asked.policy_id) == (20_000, target.id)
    assert world.license.policy_id == world.policy.id
    world.pay(asked.id)
    world.tick(3 * DAY_SECONDS)
    assert world.license.policy_id == world.row.policy_id == target.id
    (told,) = map(data_of, world.trade.events("license.tier_changed"))
    assert (told["actor"], told["applied_via"]) == ("system", "renewal_worker")
    assert told["tier_change_id"] == change.id
    assert world.row.listed.amount == 20_000
    world.tick()
    assert len(world.trade.events("license.tier_changed")) == 1


def test_a_scheduled_change_that_is_unpaid_on_its_day_keeps_its_invoice(
    world: SubscriptionWorld,
) -> None:
    target = smaller(world, grace_period_days=7)
    schedule(world, target)
    world.tick(LEAD)
    invoice_id = world.open_invoice_id()
    world.tick(3 * DAY_SECONDS)
    assert world.row.status is SubscriptionStatus.PAST_DUE
    assert world.row.policy_id == target.id
    assert world.open_invoice_id() == invoice_id


def test_an_invoice_of_the_old_tier_is_replaced_when_the_change_comes(
    world: SubscriptionWorld,
) -> None:
    world.tick(LEAD)
    old = world.open_invoice_id()
    schedule(world, smaller(world, grace_period_days=7))
    world.tick(3 * DAY_SECONDS)
    world.tick(60)
    assert world.open_invoice_id() != old
    assert world.trade.invoice(world.open_invoice_id()).amount_sats == 20_000


def test_a_change_to_another_cadence_is_billed_once_the_license_is_on_it(
    world: SubscriptionWorld,
) -> None:
    schedule(world, smaller(world, renewal_period_days=7))
    world.tick(LEAD)
    assert world.open_cycle is None
    world.tick(3 * DAY_SECONDS)
    assert world.row.period_days == 7


def test_a_change_to_a_tier_without_cycles_ends_the_subscription(world: SubscriptionWorld) -> None:
    schedule(world, world.trade.put_policy(duration_seconds=9 * DAY_SECONDS))
    world.tick(LEAD)
    world.tick(3 * DAY_SECONDS)
    assert world.row.status is SubscriptionStatus.CANCELLED
    assert world.row.next_action_at is None


def test_a_change_of_a_fiat_tier_is_billed_at_the_rate_of_its_day() -> None:
    world = SubscriptionWorld(price=Money(currency=Currency.SAT, amount=50_000))
    world.buy()
    product = msgspec.structs.replace(
        world.trade.shop.product, price=Money(currency=Currency.USD, amount=4_900)
    )
    with world.trade.store.writing() as tx:
        tx.products.put_product(product)
    schedule(world, smaller(world, grace_period_days=7))
    world.tick(30 * DAY_SECONDS)
    assert world.row.consecutive_failures == 1
    assert world.row.listed.currency is Currency.USD
    world.close()


def test_what_is_told_once_is_not_told_again(world: SubscriptionWorld) -> None:
    world.tick(LEAD)
    trade = world.trade
    ports: dict[str, Any] = {"store": trade.store, "clock": trade.clock, "ids": trade.ids}
    invoice_id = world.open_invoice_id()
    assert not tell_renewal(invoice_id, **ports).is_told
    assert not tell_renewal(InvoiceId(new_id()), **ports).is_told
    assert len(trade.events("subscription.renewal_pending")) == 1


def test_what_was_paid_before_anybody_was_told_is_not_told_to_be_paid(
    world: SubscriptionWorld,
) -> None:
    world.trade.clock.advance(LEAD)
    done = look(world)
    assert done.invoice_id is not None
    world.trade.request(done.invoice_id)
    world.pay(done.invoice_id)
    trade = world.trade
    told = tell_renewal(done.invoice_id, store=trade.store, clock=trade.clock, ids=trade.ids)
    assert told.is_told
    assert trade.events("subscription.renewal_pending") == []


def test_a_failure_of_what_has_ended_or_was_replaced_counts_for_nothing(
    world: SubscriptionWorld,
) -> None:
    world.tick(LEAD)
    trade = world.trade
    ports: dict[str, Any] = {"store": trade.store, "clock": trade.clock, "ids": trade.ids}
    note_renewal_failure(world.row.id, world.first_invoice_id, "late", **ports)
    invoice_id = world.open_invoice_id()
    world.cancel()
    note_renewal_failure(world.row.id, invoice_id, "late", **ports)
    assert trade.events("subscription.renewal_failed") == []
    with pytest.raises(NotFound):
        note_renewal_failure(SubscriptionId(new_id()), invoice_id, "late", **ports)


def test_one_that_has_ended_is_taken_off_the_queue(world: SubscriptionWorld) -> None:
    world.cancel()
    row = world.row
    with world.trade.store.writing() as tx:
        tx.subscriptions.put_subscription(
            msgspec.structs.replace(row, next_action_at=world.trade.clock.now())
        )
    assert world.tick().items == 1
    assert world.row.next_action_at is None


def test_one_whose_license_was_revoked_behind_its_back_is_cancelled(
    world: SubscriptionWorld,
) -> None:
    """D36: also rows that were revoked before subscriptions were looked after."""
    world.revoke()
    row = world.row
    with world.trade.store.writing() as tx:
        tx.subscriptions.put_subscription(
            msgspec.structs.replace(
                row,
                status=SubscriptionStatus.ACTIVE,
                cancelled_at=None,
                next_action_at=world.trade.clock.now(),
            )
        )
    world.tick()
    assert world.row.status is SubscriptionStatus.CANCELLED
    assert len(world.trade.events("subscription.cancelled")) == 2


def test_one_that_was_deleted_since_it_was_listed_is_passed_over(
    world: SubscriptionWorld,
) -> None:
    world.trade.clock.advance(LEAD)
    whole = world.trade.store
    watched = WatchedStore(whole)

    def delete() -> None:
        with whole.writing() as tx:
            tx.removals.remove_product(world.trade.shop.product.id)

    watched.before_writing = delete
    object.__setattr__(world.ports, "store", watched)
    assert world.tick().failed == 0


def test_an_account_that_is_gone_is_replaced_by_one_that_was_connected_to_the_same_store(
    world: SubscriptionWorld,
) -> None:
    """B-12: and the buyer returns to where the seller's template says."""
    trade = world.trade
    gone = disconnected(trade.shop.account, trade.clock.now())
    again = msgspec.structs.replace(trade.shop.account, id=ProviderAccountId(new_id()))
    profile = msgspec.structs.replace(
        trade.shop.profile, post_purchase_redirect_url="https://shop.example/{invoice_id}"
    )
    with trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
        tx.merchants.put_account(gone)
        tx.merchants.put_account(again)
    world.tick(LEAD)
    asked = trade.invoice(world.open_invoice_id())
    assert asked.provider_account_id == world.row.account_id == again.id
    assert asked.redirect_url == f"https://shop.example/{asked.id}"


def test_a_charge_that_is_under_way_is_waited_for(world: SubscriptionWorld) -> None:
    world.trade.clock.advance(LEAD)
    invoice_id = look(world).invoice_id
    assert invoice_id is not None
    trade = world.trade
    now = trade.clock.now()
    trade.request(invoice_id)
    charge = Charge(
        invoice_id=invoice_id,
        saved_invoice_id=None,
        profile_id="p",
        created_at=now,
        updated_at=now,
    )
    with trade.store.writing() as tx:
        tx.saved_payments.put_charge(charge)
    told = tell_renewal(invoice_id, store=trade.store, clock=trade.clock, ids=trade.ids)
    assert not told.is_told
    assert world.row.next_action_at == now + 60
    assert trade.events("subscription.renewal_pending") == []


# --- who may do what ----------------------------------------------------------------------------

Use = Callable[..., object]


def test_reading_and_cancelling_ask_for_their_scopes() -> None:
    trade = open_trade()
    kept = stored_subscription(trade.store, trade.shop)
    ports: dict[str, Any] = {"store": trade.store, "clock": trade.clock, "ids": trade.ids}
    cancelling: dict[str, Any] = ports | {"reason": None}
    uses: list[tuple[Use, Scope, object, dict[str, Any]]] = [
        (
            list_subscriptions,
            Scope.SUBSCRIPTIONS_READ,
            SubscriptionFilter(),
            {"store": trade.store},
        ),
        (show_subscription, Scope.SUBSCRIPTIONS_READ, kept.id, {"store": trade.store}),
        (cancel_subscription, Scope.SUBSCRIPTIONS_WRITE, kept.id, cancelling),
    ]
    for use_case, scope, given, keywords in uses:
        with pytest.raises(Forbidden):
            use_case(operator_without(scope), given, **keywords)
        only = msgspec.structs.replace(OPERATOR, scopes=frozenset({scope}))
        use_case(only, given, **keywords)
    assert len(trade.audits("subscription.cancel")) == 1
    trade.close()


def test_a_cancellation_is_one_transaction_or_nothing() -> None:
    trade = open_trade()
    kept = stored_subscription(trade.store, trade.shop)
    watched = WatchedStore(trade.store)
    for step in range(1, 20):
        watched = WatchedStore(trade.store, dies_at=step)
        try:
            cancel_subscription(
                OPERATOR,
                kept.id,
                reason="x",
                store=watched,
                clock=trade.clock,
                ids=trade.ids,
            )
        except Killed:
            is_done = watched.steps[-1] == "committed"
            assert len(trade.audits("subscription.cancel")) == is_done
            assert len(trade.events("subscription.cancelled")) == is_done
            if is_done:
                break
    assert watched.steps.count("committed") == 1
    trade.close()
