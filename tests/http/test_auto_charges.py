"""Saved cards are charged when a subscription is due, at the double of Zaprite. Source: payments 7.6, 8."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.domain.money import Currency
from keysat_core.domain.saved_payment import CaptureState
from keysat_core.domain.subscription import SubscriptionStatus
from tests.simulators.zaprite.charge_outcome import (
    TIMEOUT_AFTER_CHARGING,
    TIMEOUT_BEFORE_CHARGING,
    ChargeOutcome,
    answered,
    refused,
)
from tests.support.subscribing import DAY, Subscribed, renew, subscription_events, told
from tests.support.zaprite_shop import ZapriteShop, running_zaprite_shop


@pytest.fixture
def shop() -> Iterator[ZapriteShop]:
    with running_zaprite_shop() as opened:
        yield opened


@pytest.fixture
def one(shop: ZapriteShop) -> Subscribed:
    """A monthly subscription whose card was saved."""
    sold = shop.sell_recurring()
    shop.capture()
    return Subscribed(shop=shop.shop, first_invoice_id=sold["invoice_id"])


def due(shop: ZapriteShop, one: Subscribed) -> None:
    """Let what is paid end."""
    shop.clock.turn(one.row.next_renewal_at - shop.clock.now())


def test_a_saved_card_is_charged_when_it_is_due_and_not_before(
    shop: ZapriteShop, one: Subscribed
) -> None:
    due_at = one.row.next_renewal_at
    shop.clock.turn(29 * DAY)
    renew(shop.shop)
    assert len(one.cycles) == 1
    due(shop, one)
    shop.fake.charging.script(answered("PAID"))
    renew(shop.shop)
    assert one.status() is SubscriptionStatus.ACTIVE
    assert one.row.next_renewal_at == one.license.expires_at == due_at + 30 * DAY
    assert subscription_events(shop.shop) == ["auto_charge_initiated", "renewed"]
    (initiated,) = told(shop.shop, "subscription.auto_charge_initiated")
    assert initiated == {
        "subscription_id": one.row.id,
        "license_id": one.license.id,
        "product_id": one.license.product_id,
        "policy_id": one.license.policy_id,
        "invoice_id": one.cycles[-1].invoice_id,
        "amount_sats": 50_000,
        "listed_currency": "SAT",
        "listed_value": 50_000,
        "cycle_number": 2,
        "cycle_start_at": initiated["cycle_start_at"],
        "cycle_end_at": initiated["cycle_end_at"],
    }
    assert shop.shop.audited("subscription.auto_charge_initiated") == 1
    assert shop.calls("charge_order") == 1


@pytest.mark.parametrize("status", ["FAILED", "DECLINED", None, "PENDING"])
@pytest.mark.rows(38)
def test_a_charge_that_is_not_confirmed_extends_nothing_and_asks_the_buyer(
    shop: ZapriteShop, one: Subscribed, status: object
) -> None:
    expires_at = one.license.expires_at
    due(shop, one)
    shop.fake.charging.script(answered(status))
    renew(shop.shop)
    assert subscription_events(shop.shop) == ["renewal_pending"]
    assert one.license.expires_at == expires_at
    assert one.status() is SubscriptionStatus.PAST_DUE
    shop.fake.pay(one.order_id())
    shop.tick(60)
    assert one.status() is SubscriptionStatus.ACTIVE
    assert shop.calls("charge_order") == 1


def test_a_charge_that_is_booked_later_counts_then(shop: ZapriteShop, one: Subscribed) -> None:
    due(shop, one)
    shop.fake.charging.script(ChargeOutcome(status="PENDING", settles_after=100))
    renew(shop.shop)
    assert one.status() is SubscriptionStatus.PAST_DUE
    shop.tick(200)
    assert one.status() is SubscriptionStatus.ACTIVE
    assert subscription_events(shop.shop) == ["renewal_pending", "renewed"]


def test_a_refused_charge_is_told_and_falls_back_to_paying_by_hand(
    shop: ZapriteShop, one: Subscribed
) -> None:
    due(shop, one)
    shop.fake.charging.script(refused(402))
    renew(shop.shop)
    assert subscription_events(shop.shop) == ["auto_charge_failed", "renewal_pending"]
    (failed,) = told(shop.shop, "subscription.auto_charge_failed")
    assert failed["invoice_id"] == one.open_invoice.id
    assert "402" in failed["reason"]
    assert shop.fake.live.api_key not in failed["reason"]


@pytest.mark.parametrize("outcome", [TIMEOUT_AFTER_CHARGING, TIMEOUT_BEFORE_CHARGING])
@pytest.mark.rows(39)
def test_a_charge_without_an_answer_is_never_made_again_and_extends_once(
    shop: ZapriteShop, one: Subscribed, outcome: ChargeOutcome
) -> None:
    due_at = one.row.next_renewal_at
    due(shop, one)
    shop.fake.charging.script(outcome)
    renew(shop.shop)
    assert subscription_events(shop.shop)[:2] == ["auto_charge_failed", "renewal_pending"]
    for _ in range(5):
        shop.tick(60)
        renew(shop.shop)
    assert shop.calls("charge_order") == 1
    is_paid = outcome is TIMEOUT_AFTER_CHARGING
    assert one.row.next_renewal_at == due_at + (30 * DAY if is_paid else 0)
    assert subscription_events(shop.shop).count("renewed") == is_paid


def test_another_invoice_for_a_cycle_whose_charge_is_unknown_is_paid_by_hand(
    shop: ZapriteShop,
) -> None:
    policy: dict[str, Any] = {
        "is_recurring": True,
        "renewal_period_days": 30,
        "grace_period_days": 7,
    }
    shop.shop.add_policy("patient", **policy)
    bought = shop.buy(policy_slug="patient", buyer_email="ada@example.com")
    shop.fake.pay(bought["btcpay_invoice_id"])
    shop.fake.attach_profile(bought["btcpay_invoice_id"], 0)
    shop.tick(10)
    shop.capture()
    one = Subscribed(shop=shop.shop, first_invoice_id=bought["invoice_id"])
    due(shop, one)
    shop.fake.charging.script(TIMEOUT_BEFORE_CHARGING)
    renew(shop.shop)
    shop.tick(25 * 3_600)
    shop.tick(900)
    renew(shop.shop)
    assert [cycle.number for cycle in one.cycles] == [1, 2, 2]
    assert shop.calls("charge_order") == 1
    assert subscription_events(shop.shop)[-1] == "renewal_pending"


@pytest.mark.rows(40)
def test_d13_a_card_that_appears_later_is_captured_and_charged_at_the_next_renewal(
    shop: ZapriteShop,
) -> None:
    sold = shop.sell_recurring(after=30)
    shop.capture()
    shop.clock.turn(60)
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.SAVED
    one = Subscribed(shop=shop.shop, first_invoice_id=sold["invoice_id"])
    due(shop, one)
    shop.fake.charging.script(answered("PAID"))
    renew(shop.shop)
    assert one.status() is SubscriptionStatus.ACTIVE
    assert [cycle.number for cycle in one.cycles if cycle.settled_at] == [1, 2]


def test_d13_nothing_is_told_of_the_first_cycle(shop: ZapriteShop, one: Subscribed) -> None:
    shop.fake.deliver_due()
    shop.tick(60)
    assert subscription_events(shop.shop) == []
    assert one.cycles[0].number == 1


def test_d13_a_card_saved_with_the_first_payment_after_a_trial_is_charged_next(
    shop: ZapriteShop,
) -> None:
    shop.shop.add_policy("trial", is_recurring=True, renewal_period_days=30, trial_days=7)
    bought = shop.buy(policy_slug="trial", buyer_email="ada@example.com")
    one = Subscribed(shop=shop.shop, first_invoice_id=bought["invoice_id"])
    shop.clock.turn(6 * DAY)
    renew(shop.shop)
    order_id = one.open_invoice.provider_invoice_id
    assert order_id is not None
    shop.fake.pay(order_id)
    shop.fake.attach_profile(order_id, 0)
    shop.tick(60)
    shop.capture()
    due(shop, one)
    shop.fake.charging.script(answered("COMPLETE"))
    renew(shop.shop)
    assert [cycle.number for cycle in one.cycles if cycle.settled_at] == [1, 2, 3]


def test_d9_a_fiat_renewal_at_zaprite_is_ordered_in_what_is_listed(shop: ZapriteShop) -> None:
    shop.shop.add_product("usd", price_currency="USD", price_value=4_900)
    shop.shop.add_policy(
        "monthly", product="usd", is_recurring=True, renewal_period_days=30, grace_period_days=7
    )
    shop.shop.pin_rate("USD", "50000")
    bought = shop.buy("usd", policy_slug="monthly", buyer_email="ada@example.com")
    shop.fake.pay(bought["btcpay_invoice_id"])
    shop.tick(10)
    one = Subscribed(shop=shop.shop, first_invoice_id=bought["invoice_id"])
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    invoice = one.open_invoice
    order_id = invoice.provider_invoice_id
    assert order_id is not None
    order = shop.fake.order(order_id)
    assert (order.currency, order.total_amount) == ("USD", 4_900)
    assert (invoice.listed_currency, invoice.amount_sats) == (Currency.USD, 98_000)
    shop.fake.pay(order_id)
    shop.tick(60)
    assert one.row.next_renewal_at > shop.clock.now() + 30 * DAY
    assert shop.shop.audited("invoice.amount_mismatch") == 0


def test_a_card_that_expires_before_it_is_due_is_not_waited_for(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring(attaches=False)
    expires_at = shop.clock.now() + 20 * DAY
    shop.fake.attach_profile(sold["btcpay_invoice_id"], expires_at=expires_at)
    shop.capture()
    one = Subscribed(shop=shop.shop, first_invoice_id=sold["invoice_id"])
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    assert subscription_events(shop.shop) == ["renewal_pending"]
    assert shop.calls("charge_order") == 0
    assert one.open_invoice.checkout_url


def test_a_card_its_contact_has_no_more_falls_back_to_paying_by_hand(
    shop: ZapriteShop, one: Subscribed
) -> None:
    for contact in shop.fake.live.contacts.values():
        contact.profiles.clear()
    due(shop, one)
    renew(shop.shop)
    assert subscription_events(shop.shop) == ["auto_charge_failed", "renewal_pending"]
    assert shop.calls("charge_order") == 0
