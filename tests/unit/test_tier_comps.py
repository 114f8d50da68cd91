"""Changes of tier without a payment, and what any change does to a subscription.

Source: lifecycles 9.1, 9.4 and 9.5, decisions 8, 12, 13 and 16; defects are named by their ids.
"""

from collections.abc import Iterator

import msgspec
import pytest

from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.license import License
from keysat_core.domain.money import Currency
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.domain.tier_change import ChangeActor, Direction
from keysat_core.domain.tier_quote import quote_comp
from keysat_core.errors import InvariantError, NotFound, TierChangeRefused
from keysat_core.use_cases.tiers.list_changes import list_tier_changes
from tests.support.builders import make_machine, make_policy, make_profile
from tests.support.tier_trade import MONTH, YEAR, TierTrade, open_tier_trade
from tests.support.trade import OPERATOR, data_of


@pytest.fixture
def shop() -> Iterator[TierTrade]:
    opened = open_tier_trade()
    opened.tier("basic", 2_500, tier_rank=1, entitlements=("a", "b"), max_machines=3)
    opened.tier("pro", 7_500, tier_rank=2, entitlements=("a", "c"), max_machines=1)
    opened.monthly("m1", 2_500, tier_rank=11, grace_seconds=60)
    opened.monthly("m2", 7_500, tier_rank=12)
    opened.monthly("y2", 60_000, tier_rank=13, renewal_period_days=YEAR)
    yield opened
    opened.trade.close()


def reason_of(shop: TierTrade, license: License, slug: str, *, is_paid: bool = True) -> str:
    with pytest.raises(TierChangeRefused) as caught:
        shop.preview(license, slug, is_paid=is_paid)
    return caught.value.reason


# --- given away ---------------------------------------------------------------------------------


def test_a_comp_is_applied_at_once_and_says_what_is_lost(shop: TierTrade) -> None:
    license = shop.sell("basic")
    with shop.trade.store.writing() as tx:
        for _ in range(2):
            tx.machines.put_machine(make_machine(license))
    loss = shop.preview(license, "pro").loss
    given = shop.give(license, "pro", reason=" thanks ")
    assert (given.loss, given.loss.entitlements, given.loss.seats_over) == (loss, ("b",), 1)
    assert len(given.loss.warnings) == 2
    assert shop.slug_of(license) == "pro"
    assert len(shop.trade.machines(license.id)) == 2
    change = given.change
    assert (change.charge.amount, change.invoice_id, change.reason) == (0, None, "thanks")
    assert (change.actor, change.applied_at) == (ChangeActor.ADMIN, shop.trade.clock.now())
    (row,) = shop.trade.audits("license.change_tier.comp")
    assert (row.details["skip_payment"], row.details["to_policy_slug"]) == (True, "pro")
    (told,) = shop.trade.events("license.tier_changed")
    assert (data_of(told)["actor"], data_of(told)["invoice_id"]) == ("admin", None)


def test_ranks_are_no_ladder_for_operators(shop: TierTrade) -> None:
    shop.tier("loose", 100)
    license = shop.sell("pro")
    assert shop.give(license, "basic").change.direction is Direction.DOWNGRADE
    assert shop.give(license, "loose").change.direction is Direction.DOWNGRADE
    assert shop.give(license, "pro").change.direction is Direction.UPGRADE
    assert reason_of(shop, license, "pro", is_paid=False) == "same_tier"
    with pytest.raises(NotFound):
        shop.give(license, "nothing")
    with pytest.raises(NotFound):
        shop.preview(license, "nothing")


def test_d27_a_license_without_a_tier_is_given_one(shop: TierTrade) -> None:
    """D27: from = to in the row, and the audit log notes it; nobody can be billed for it."""
    license = shop.trade.issue().license
    assert license.policy_id is None
    assert reason_of(shop, license, "pro") == "no_tier"
    with pytest.raises(TierChangeRefused):
        shop.quote(license, "pro")
    assert shop.preview(license, "pro").quote.charge.amount == 0
    given = shop.give(license, "pro")
    assert given.change.from_policy_id == given.change.to_policy_id == shop.policy("pro").id
    (row,) = shop.trade.audits("license.change_tier.comp")
    assert row.details["had_policy"] is False
    assert shop.slug_of(license) == "pro"


@pytest.mark.betters("B-18")
def test_d5_comps_of_the_past_are_done_with(shop: TierTrade) -> None:
    """D5: a comp A to B, then paid to C: nothing is left that a renewal could repeat."""
    license = shop.sell("m1")
    shop.give(license, "m2")
    shop.days(1)
    invoice = shop.upgrade(license, "y2")
    shop.pay(invoice.id)
    assert shop.slug_of(license) == "y2"
    with shop.trade.store.reading() as tx:
        assert tx.tier_changes.find_scheduled_change(license.id) is None
    assert all(change.applied_at is not None for change in shop.changes(license.id))


# --- subscriptions ------------------------------------------------------------------------------


def test_d24_a_perpetual_license_begins_a_subscription_with_its_change(shop: TierTrade) -> None:
    """D24: it is renewed from the next cycle on, and the first counts as paid (D1)."""
    license = shop.sell("basic")
    invoice = shop.upgrade(license, "m1")
    assert invoice.listed_value == 2_500
    shop.pay(invoice.id)
    now = shop.trade.clock.now()
    begun = shop.live(license)
    assert (begun.status, begun.next_renewal_at) == (
        SubscriptionStatus.ACTIVE,
        now + MONTH * DAY_SECONDS,
    )
    assert (begun.listed.amount, begun.period_days) == (2_500, MONTH)
    assert begun.account_id == shop.trade.shop.account.id
    assert begun.next_action_at is not None
    (first,) = shop.cycles(license)
    assert (first.number, first.invoice_id, first.settled_at) == (1, invoice.id, now)
    assert shop.now_of(license).expires_at == begun.next_renewal_at
    cycle, renewal = shop.ask_for_cycle(license)
    assert cycle.number == 2
    shop.pay(renewal.id)
    assert len(shop.trade.licenses()) == 1
    assert shop.now_of(license).expires_at == begun.next_renewal_at + MONTH * DAY_SECONDS


def test_d24_a_comp_begins_a_subscription_too(shop: TierTrade) -> None:
    """D24: as the operator gives it, with a first cycle nobody pays."""
    license = shop.sell("basic")
    shop.give(license, "m1")
    (first,) = shop.cycles(license)
    assert (first.number, first.invoice_id) == (1, None)
    assert shop.live(license).merchant_profile_id == shop.trade.shop.profile.id


def test_a_subscription_that_ended_begins_anew(shop: TierTrade) -> None:
    license = shop.sell("m1")
    shop.give(license, "pro")
    ended = shop.live(license)
    assert ended.status is SubscriptionStatus.CANCELLED
    shop.give(license, "m2")
    again = shop.live(license)
    assert (again.id, again.status, again.cancelled_at) == (
        ended.id,
        SubscriptionStatus.ACTIVE,
        None,
    )


def test_d25_another_cadence_is_charged_whole_less_what_is_unused(shop: TierTrade) -> None:
    """D25: an annual price is not mixed with a monthly fraction, and the cycle restarts."""
    license = shop.sell("m1")
    shop.days(15)
    invoice = shop.upgrade(license, "y2")
    assert invoice.listed_value == 60_000 - 2_500 * 15 // 30
    shop.pay(invoice.id)
    now = shop.trade.clock.now()
    assert shop.live(license).period_days == YEAR
    assert shop.live(license).next_renewal_at == now + YEAR * DAY_SECONDS
    assert shop.now_of(license).expires_at == now + YEAR * DAY_SECONDS


def test_d25_a_restarted_cycle_is_a_paid_one(shop: TierTrade) -> None:
    """D25: whoever was overdue is not, once the new cycle is paid or given."""
    license = shop.sell("m1")
    shop.days(MONTH + 1)
    shop.put_subscription(shop.live(license), status=SubscriptionStatus.PAST_DUE)
    shop.give(license, "y2")
    assert shop.live(license).status is SubscriptionStatus.ACTIVE


def test_an_upgrade_within_a_cadence_grants_no_days_beyond_the_paid_cycle(shop: TierTrade) -> None:
    license = shop.sell("m1")
    until = shop.live(license).next_renewal_at
    shop.days(10)
    shop.pay(shop.upgrade(license, "m2").id)
    assert shop.live(license).next_renewal_at == until
    assert shop.now_of(license).expires_at == until
    assert shop.live(license).listed.amount == 7_500


def test_d26_the_currency_follows_the_price(shop: TierTrade) -> None:
    """D26: the product is priced in euros since."""
    license = shop.sell("m1")
    product = shop.trade.shop.product
    price = msgspec.structs.replace(product.price, currency=Currency.EUR)
    with shop.trade.store.writing() as tx:
        tx.products.put_product(msgspec.structs.replace(product, price=price))
    assert shop.live(license).listed.currency is Currency.USD
    shop.give(license, "m2")
    assert shop.live(license).listed == msgspec.structs.replace(price, amount=7_500)


def test_d46_nothing_is_quoted_while_a_renewal_is_unpaid(shop: TierTrade) -> None:
    """D46: its unpaid time would be prorated as paid."""
    license = shop.sell("m1")
    shop.days(MONTH - 1)
    cycle, renewal = shop.ask_for_cycle(license)
    for slug in ("m2", "basic"):
        assert reason_of(shop, license, slug) == "renewal_unpaid"
    with pytest.raises(TierChangeRefused) as caught:
        shop.order(license, "m2")
    assert caught.value.reason == "renewal_unpaid"
    shop.pay(renewal.id)
    assert shop.quote(license, "m2").charge.amount == 5_000
    shop.put_subscription(shop.live(license), status=SubscriptionStatus.PAST_DUE)
    assert reason_of(shop, license, "m2") == "renewal_unpaid"
    assert cycle.number == 2


def test_d46_a_comp_takes_the_place_of_the_open_renewal(shop: TierTrade) -> None:
    """D46: operators may; the next cycle is asked for at the new price."""
    license = shop.sell("m1")
    shop.days(MONTH - 1)
    cycle, _ = shop.ask_for_cycle(license)
    shop.give(license, "m2")
    (found,) = [one for one in shop.cycles(license) if one.id == cycle.id]
    assert found.superseded_at == shop.trade.clock.now()
    subscription = shop.live(license)
    with shop.trade.store.reading() as tx:
        assert tx.subscriptions.find_open_cycle(subscription.id) is None


def test_d47_a_one_off_upgrade_of_a_term_begins_a_whole_new_one(shop: TierTrade) -> None:
    """D47: difference of prices, full new term (decisions 13)."""
    shop.tier("year", 1_000, tier_rank=21, duration_seconds=YEAR * DAY_SECONDS)
    shop.tier("year2", 3_000, tier_rank=22, duration_seconds=YEAR * DAY_SECONDS)
    license = shop.sell("year")
    shop.days(100)
    invoice = shop.upgrade(license, "year2")
    assert invoice.listed_value == 2_000
    shop.pay(invoice.id)
    assert shop.now_of(license).expires_at == shop.trade.clock.now() + YEAR * DAY_SECONDS


# --- waiting for the next cycle -----------------------------------------------------------------


@pytest.mark.betters("B-18")
def test_a_downgrade_waits_for_the_end_of_what_is_paid(shop: TierTrade) -> None:
    """Decisions 16."""
    license = shop.sell("m2")
    until = shop.live(license).next_renewal_at
    quote = shop.quote(license, "m1", apply_at="next_cycle")
    assert (quote.charge.amount, quote.effective_at) == (0, until)
    scheduled = shop.schedule(license, "m1")
    assert (scheduled.change.effective_at, scheduled.change.actor) == (until, ChangeActor.BUYER)
    assert shop.slug_of(license) == "m2"
    assert shop.schedule(license, "m1").is_already
    assert len(shop.trade.audits("subscription.downgrade.scheduled")) == 1
    with shop.trade.store.reading() as tx:
        assert tx.tier_changes.find_scheduled_change(license.id) == scheduled.change


def test_only_a_downgrade_within_recurring_tiers_can_wait(shop: TierTrade) -> None:
    """Decisions 16."""
    license = shop.sell("m1")
    for slug, sold in (("m2", license), ("basic", license), ("m1", shop.sell("pro"))):
        with pytest.raises(TierChangeRefused) as caught:
            shop.schedule_by_operator(sold, slug)
        assert caught.value.reason == "cannot_wait"
    with pytest.raises(NotFound):
        shop.schedule_by_operator(license, "nothing")


def test_one_change_waits_at_a_time(shop: TierTrade) -> None:
    shop.monthly("m0", 100, tier_rank=10)
    license = shop.sell("m2")
    first = shop.schedule(license, "m1")
    second = shop.schedule_by_operator(license, "m0")
    by_id = {change.id: change for change in shop.changes(license.id)}
    assert not by_id[first.change.id].is_open
    assert by_id[second.change.id].is_open


def test_another_change_takes_the_place_of_the_one_that_waits(shop: TierTrade) -> None:
    license = shop.sell("m2")
    waiting = shop.schedule(license, "m1")
    shop.pay(shop.upgrade(license, "y2").id)
    by_id = {change.id: change for change in shop.changes(license.id)}
    assert not by_id[waiting.change.id].is_open
    again = shop.sell("m2")
    waiting = shop.schedule(again, "m1")
    shop.give(again, "y2")
    by_id = {change.id: change for change in shop.changes(again.id)}
    assert not by_id[waiting.change.id].is_open


def test_a_change_that_waits_can_be_called_off_once_more_or_less(shop: TierTrade) -> None:
    license = shop.sell("m2")
    change = shop.schedule(license, "m1").change
    assert not shop.call_off(license, change.id).is_already
    assert shop.call_off(license, change.id).is_already
    assert len(shop.trade.audits("license.change_tier.cancelled")) == 1
    with pytest.raises(NotFound):
        shop.call_off(shop.sell("m2"), change.id)
    with pytest.raises(NotFound):
        shop.call_off(license, shop.give(license, "m1").change.id)


def test_the_history_names_the_tiers(shop: TierTrade) -> None:
    license = shop.sell("basic")
    shop.give(license, "pro")
    shop.days(1)
    shop.give(license, "m1")
    rows = list_tier_changes(OPERATOR, license.id, store=shop.trade.store)
    assert [(row.from_slug, row.to_slug) for row in rows] == [("pro", "m1"), ("basic", "pro")]


def test_a_loss_of_the_subscription_is_told(shop: TierTrade) -> None:
    loss = shop.preview(shop.sell("m1"), "pro").loss
    assert loss.ends_subscription
    assert any("cancelled" in warning for warning in loss.warnings)
    assert shop.preview(shop.sell("basic"), "m1").loss.seats_over == 0


# --- what hardly happens ------------------------------------------------------------------------


def test_what_is_gone_or_elsewhere_is_no_tier_to_change_from_or_to(shop: TierTrade) -> None:
    license = shop.sell("basic")
    with shop.trade.store.reading() as tx:
        facts = tx.sales.get_tier_facts(license.id)
    now, target = shop.trade.clock.now(), shop.policy("pro")
    gone = msgspec.structs.replace(facts, current=None)
    with pytest.raises(NotFound):
        quote_comp(gone, target, now)
    with pytest.raises(TierChangeRefused) as caught:
        quote_comp(facts, make_policy(), now)
    assert caught.value.reason == "other_product"


def test_a_subscription_belongs_to_whoever_sells_the_product(shop: TierTrade) -> None:
    profile, product = make_profile(is_default=False), shop.trade.shop.product
    license = shop.sell("basic")
    with shop.trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
        moved = msgspec.structs.replace(product, merchant_profile_id=profile.id)
        tx.products.put_product(moved)
    shop.give(license, "m1")
    assert shop.live(license).merchant_profile_id == profile.id


def test_a_preview_of_what_waits_and_an_unreadable_wish(shop: TierTrade) -> None:
    license = shop.sell("m2")
    waiting = shop.preview(license, "m1", apply_at="next_cycle").quote
    assert waiting.effective_at == shop.live(license).next_renewal_at
    with pytest.raises(InvariantError):
        shop.preview(license, "m1", apply_at="some day")


def test_d39_a_change_that_was_applied_is_only_noted_as_settled(shop: TierTrade) -> None:
    """D39: also where its invoice does not say that its effect was applied."""
    license = shop.sell("basic")
    invoice = shop.upgrade(license, "pro")
    shop.pay(invoice.id)
    shop.give(license, "basic")
    before = shop.now_of(license)
    forgetful = msgspec.structs.replace(shop.trade.invoice(invoice.id), effect_at=None)
    with shop.trade.store.writing() as tx:
        tx.invoices.put_invoice(forgetful)
    shop.trade.settle(invoice.id)
    assert shop.now_of(license) == before
    assert shop.trade.invoice(invoice.id).effect_at is not None
