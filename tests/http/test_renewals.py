"""Subscriptions are renewed ahead of their end, paid at the double of BTCPay. Source: lifecycles 8."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.domain.instant import rfc3339
from keysat_core.domain.license import Standing
from keysat_core.domain.subscription import SubscriptionStatus
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.subscribing import DAY, Subscribed, renew, subscription_events, told


@pytest.fixture
def shop() -> Iterator[BTCPayShop]:
    with running_btcpay_shop() as opened:
        yield opened


def tier(shop: BTCPayShop, slug: str = "monthly", **fields: Any) -> dict[str, Any]:
    recurring = {"is_recurring": True, "renewal_period_days": 30, "grace_period_days": 7}
    return shop.shop.add_policy(slug, **(recurring | fields))


def subscribe(shop: BTCPayShop, slug: str = "monthly", **fields: Any) -> Subscribed:
    """Buy a recurring tier and pay for it, if there is anything to pay."""
    bought = shop.buy(policy_slug=slug, **({"buyer_email": "ada@example.com"} | fields))
    if bought["checkout_url"]:
        shop.pay(bought)
        shop.tick(10)
    return Subscribed(shop=shop.shop, first_invoice_id=bought["invoice_id"])


def pay_open(shop: BTCPayShop, one: Subscribed) -> None:
    shop.pay(one.purchase_of(one.open_invoice))
    shop.tick(10)


def test_a_paid_cycle_extends_the_same_license(shop: BTCPayShop) -> None:
    """D1, D2: renewing issues nothing, extends what was sold, and is told once."""
    tier(shop)
    one = subscribe(shop)
    first = one.license
    due_at = one.row.next_renewal_at
    assert first.expires_at == due_at
    renew(shop.shop)
    assert subscription_events(shop.shop) == []
    shop.clock.turn(27 * DAY)
    renew(shop.shop)
    (pending,) = told(shop.shop, "subscription.renewal_pending")
    invoice = one.open_invoice
    assert pending == {
        "subscription_id": one.row.id,
        "license_id": first.id,
        "product_id": first.product_id,
        "policy_id": first.policy_id,
        "invoice_id": invoice.id,
        "checkout_url": invoice.checkout_url,
        "amount_sats": 50_000,
        "listed_currency": "SAT",
        "listed_value": 50_000,
        "cycle_number": 2,
        "cycle_start_at": rfc3339(due_at),
        "cycle_end_at": rfc3339(due_at + 30 * DAY),
        "due_at": rfc3339(due_at + 30 * DAY),
        "buyer_email": "ada@example.com",
        "is_first_paid_cycle": True,
        "lapses_at": rfc3339(due_at + 7 * DAY),
    }
    pay_open(shop, one)
    assert len(shop.shop.licenses()) == 1
    assert one.license.id == first.id
    assert one.license.expires_at == due_at + 30 * DAY
    assert one.status() is SubscriptionStatus.ACTIVE
    assert one.row.next_renewal_at == due_at + 30 * DAY
    assert subscription_events(shop.shop) == ["renewal_pending", "renewed"]


def test_d37_a_renewal_knows_its_account_and_buyer_and_can_be_paid_for_a_day(
    shop: BTCPayShop,
) -> None:
    tier(shop)
    one = subscribe(shop)
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    invoice = one.open_invoice
    assert invoice.provider_account_id == shop.account().id == one.row.account_id
    assert invoice.buyer_email == "ada@example.com"
    shop.tick(23 * 3_600)
    assert shop.shop.poll(invoice.id)["status"] == "pending"
    shop.tick(2 * 3_600)
    assert shop.shop.poll(invoice.id)["status"] == "expired"


def test_d50_polling_a_renewal_yields_the_extended_key(shop: BTCPayShop) -> None:
    tier(shop)
    one = subscribe(shop)
    old = shop.shop.poll(one.first_invoice_id)["license_key"]
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    invoice = one.open_invoice
    assert shop.shop.poll(invoice.id)["license_key"] is None
    pay_open(shop, one)
    polled = shop.shop.poll(invoice.id)
    assert polled["status"] == "settled"
    assert polled["license_id"] == one.license.id
    assert polled["license_key"] not in {None, old}
    assert shop.shop.validate(old)["ok"] is True


def test_d3_a_trial_is_billed_at_the_listed_price_and_paid_it_is_none_any_more(
    shop: BTCPayShop,
) -> None:
    tier(shop, trial_days=14)
    one = subscribe(shop)
    sold = one.license
    assert sold.is_trial
    assert not one.row.account_id
    trial_end = one.row.next_renewal_at
    shop.clock.turn(14 * DAY - 60)
    renew(shop.shop)
    assert one.open_invoice.amount_sats == 50_000
    assert one.row.account_id == shop.account().id
    pay_open(shop, one)
    assert not one.license.is_trial
    assert one.license.expires_at == trial_end + 30 * DAY
    assert [cycle.number for cycle in one.cycles] == [1, 2]


def test_d6_what_nobody_pays_lapses_after_its_grace_and_collects_no_invoices(
    shop: BTCPayShop,
) -> None:
    """D6, D7: one invoice a day at most, one open at most, and the license expires with it."""
    tier(shop)
    one = subscribe(shop)
    due_at = one.row.next_renewal_at
    seen: set[str] = set()
    while one.status() is not SubscriptionStatus.LAPSED:
        assert shop.clock.now() < due_at + 8 * DAY
        shop.tick(1_800)
        renew(shop.shop)
        # The license answers as the subscription stands.
        expected = Standing.VALID if shop.clock.now() < due_at else Standing.GRACE
        if one.status() is SubscriptionStatus.LAPSED:
            expected = Standing.EXPIRED
        assert one.standing() is expected
        seen.update(cycle.invoice_id for cycle in one.cycles if cycle.invoice_id)
        assert sum(cycle.is_open for cycle in one.cycles) <= 1
    assert due_at + 7 * DAY <= shop.clock.now() < due_at + 7 * DAY + 1_900
    # Three days ahead and seven of grace, a day each; the purchase's own makes one more.
    assert 8 <= len(seen) <= 12
    assert {cycle.number for cycle in one.cycles} == {1, 2}
    events = subscription_events(shop.shop)
    assert events == ["renewal_pending"] * (len(seen) - 1) + ["lapsed"]
    (lapsed,) = told(shop.shop, "subscription.lapsed")
    assert lapsed["license_id"] == one.license.id
    assert one.row.next_action_at is None
    assert shop.shop.audited("subscription.lapse") == 1


def test_a_lapsed_subscription_that_is_paid_late_begins_anew(shop: BTCPayShop) -> None:
    tier(shop, grace_period_days=0)
    one = subscribe(shop)
    shop.clock.turn(30 * DAY)
    renew(shop.shop)
    assert one.status() is SubscriptionStatus.PAST_DUE
    shop.clock.turn(60)
    renew(shop.shop)
    assert one.status() is SubscriptionStatus.LAPSED
    assert one.standing() is Standing.EXPIRED
    pay_open(shop, one)
    now = shop.clock.now()
    assert one.status() is SubscriptionStatus.ACTIVE
    assert one.row.next_renewal_at == one.license.expires_at
    assert now - 60 <= one.row.next_renewal_at - 30 * DAY <= now
    assert one.standing() is Standing.VALID
    assert one.row.next_action_at is not None


def test_d10_a_payment_after_the_cancellation_extends_and_revives_nothing(
    shop: BTCPayShop,
) -> None:
    tier(shop)
    one = subscribe(shop)
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    due_at = one.row.next_renewal_at
    shop.shop.admin("POST", f"/subscriptions/{one.row.id}/cancel", json={"reason": "moved on"})
    pay_open(shop, one)
    assert one.status() is SubscriptionStatus.CANCELLED
    assert one.license.expires_at == due_at + 30 * DAY
    shop.clock.turn(40 * DAY)
    renew(shop.shop)
    assert subscription_events(shop.shop) == ["renewal_pending", "cancelled", "renewed"]


def test_d8_an_archived_tier_is_skipped_once_falls_due_and_lapses(shop: BTCPayShop) -> None:
    policy = tier(shop)
    one = subscribe(shop)
    switch = f"/policies/{policy['id']}/archived"
    shop.shop.admin("PATCH", switch, json={"archived": True})
    for _ in range(29):
        shop.clock.turn(DAY)
        renew(shop.shop)
    assert subscription_events(shop.shop) == []
    for _ in range(4):
        shop.clock.turn(DAY)
        renew(shop.shop)
    assert subscription_events(shop.shop) == ["renewal_skipped"]
    assert shop.shop.audited("subscription.renewal_skipped_archived") == 1
    (skipped,) = told(shop.shop, "subscription.renewal_skipped")
    assert (skipped["policy_slug"], skipped["reason"]) == ("monthly", "policy_archived")
    assert one.status() is SubscriptionStatus.PAST_DUE
    for _ in range(5):
        shop.clock.turn(DAY)
        renew(shop.shop)
    assert subscription_events(shop.shop) == ["renewal_skipped", "lapsed"]


def test_d8_a_tier_that_is_unarchived_in_time_is_billed(shop: BTCPayShop) -> None:
    policy = tier(shop)
    one = subscribe(shop)
    switch = f"/policies/{policy['id']}/archived"
    shop.shop.admin("PATCH", switch, json={"archived": True})
    shop.clock.turn(31 * DAY)
    renew(shop.shop)
    shop.shop.admin("PATCH", switch, json={"archived": False})
    shop.clock.turn(DAY)
    renew(shop.shop)
    pay_open(shop, one)
    assert one.status() is SubscriptionStatus.ACTIVE
    assert subscription_events(shop.shop) == ["renewal_skipped", "renewal_pending", "renewed"]


def test_d36_a_revoked_license_is_billed_no_more(shop: BTCPayShop) -> None:
    tier(shop)
    one = subscribe(shop)
    shop.shop.admin("POST", f"/licenses/{one.license.id}/revoke", json={"reason": "fraud"})
    assert one.status() is SubscriptionStatus.CANCELLED
    assert one.row.cancellation_reason == "fraud"
    (cancelled,) = told(shop.shop, "subscription.cancelled")
    assert (cancelled["actor"], cancelled["reason"]) == ("admin", "fraud")
    shop.clock.turn(60 * DAY)
    renew(shop.shop)
    assert len(one.cycles) == 1


def test_d36_a_suspended_license_gets_no_invoice_until_it_is_reinstated(shop: BTCPayShop) -> None:
    tier(shop)
    one = subscribe(shop)
    shop.shop.admin("POST", f"/licenses/{one.license.id}/suspend", json={"reason": ""})
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    assert len(one.cycles) == 1
    shop.shop.admin("POST", f"/licenses/{one.license.id}/unsuspend", json={})
    shop.clock.turn(DAY)
    renew(shop.shop)
    assert len(one.cycles) == 2


@pytest.mark.rows(44)
def test_d9_a_fiat_subscription_renews_in_sats_at_btcpay_at_the_rate_of_the_day(
    shop: BTCPayShop,
) -> None:
    shop.shop.add_product("usd", price_currency="USD", price_value=4_900)
    tier(shop, product="usd")
    shop.shop.pin_rate("USD", "50000")
    one = subscribe(shop, product="usd")
    shop.shop.pin_rate("USD", "98000")
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    invoice = one.open_invoice
    assert invoice.amount_sats == 50_000
    assert (invoice.listed_currency, invoice.listed_value) == ("USD", 4_900)
    pay_open(shop, one)
    assert one.status() is SubscriptionStatus.ACTIVE
    assert shop.shop.audited("invoice.amount_mismatch") == 0
    (renewed,) = told(shop.shop, "subscription.renewed")
    assert renewed["amount_sats"] == 50_000


def test_d51_a_rate_that_cannot_be_had_is_told_and_tried_again_until_it_lapses(
    shop: BTCPayShop,
) -> None:
    shop.shop.add_product("usd", price_currency="USD", price_value=4_900)
    tier(shop, product="usd")
    shop.shop.pin_rate("USD", "50000")
    one = subscribe(shop, product="usd")
    unpinned = {"currency": "USD", "units_per_btc": None}
    shop.shop.admin("PUT", "/rates/pin", json=unpinned)
    shop.clock.turn(27 * DAY)
    pauses: list[int] = []
    at = shop.clock.now()
    while len(pauses) < 7:
        before = len(told(shop.shop, "subscription.renewal_failed"))
        renew(shop.shop)
        if len(told(shop.shop, "subscription.renewal_failed")) > before:
            pauses.append(shop.clock.now() - at)
            at = shop.clock.now()
        shop.clock.turn(60)
    assert pauses[1:] == [300, 1_800, 7_200, 21_600, 43_200, 43_200]
    assert one.status() is SubscriptionStatus.ACTIVE
    assert len(one.cycles) == 1
    shop.shop.pin_rate("USD", "50000")
    shop.clock.turn(12 * 3_600)
    renew(shop.shop)
    assert one.open_invoice.amount_sats == 98_000
    assert one.row.consecutive_failures == 0


def test_a_tier_that_costs_nothing_goes_on_without_invoices(shop: BTCPayShop) -> None:
    tier(shop, "free", price_sats_override=0)
    one = subscribe(shop, "free")
    due_at = one.row.next_renewal_at
    shop.clock.turn(95 * DAY)
    renew(shop.shop)
    assert [cycle.number for cycle in one.cycles] == [1, 2, 3, 4]
    assert all(cycle.settled_at for cycle in one.cycles)
    assert one.license.expires_at == one.row.next_renewal_at == due_at + 90 * DAY
    assert one.status() is SubscriptionStatus.ACTIVE
    renew(shop.shop)
    assert len(one.cycles) == 4


@pytest.mark.rows(4)
def test_a_renewal_is_found_paid_without_any_webhook(shop: BTCPayShop) -> None:
    tier(shop)
    one = subscribe(shop)
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    shop.shop.wire.send = lambda _path, _headers, _body: 200
    shop.pay(one.purchase_of(one.open_invoice))
    shop.tick(60)
    assert one.license.expires_at == one.row.next_renewal_at
    assert one.row.next_renewal_at > shop.clock.now() + 30 * DAY
    assert len(shop.shop.licenses()) == 1


def test_an_invoice_that_was_replaced_and_is_paid_after_all_counts_as_a_cycle(
    shop: BTCPayShop,
) -> None:
    tier(shop)
    one = subscribe(shop)
    due_at = one.row.next_renewal_at
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    old, old_order = one.open_invoice, one.order_id()
    shop.tick(25 * 3_600)
    renew(shop.shop)
    assert one.open_invoice.id != old.id
    pay_open(shop, one)
    shop.fake.mark(old_order, "Settled")
    shop.tick(10)
    assert one.row.next_renewal_at == due_at + 60 * DAY
    settled = [cycle for cycle in one.cycles if cycle.settled_at]
    assert [cycle.number for cycle in settled] == [1, 2, 3]


def test_b12_a_disconnected_account_is_replaced_by_one_of_its_profile(shop: BTCPayShop) -> None:
    tier(shop)
    one = subscribe(shop)
    first = one.row.account_id
    shop.shop.admin("POST", "/btcpay/disconnect", json={})
    shop.clock.turn(28 * DAY)
    renew(shop.shop)
    (failed,) = told(shop.shop, "subscription.renewal_failed")
    assert failed["consecutive_failures"] == 1
    account = shop.connect()
    shop.clock.turn(300)
    renew(shop.shop)
    assert account.id != first
    assert one.row.account_id == one.open_invoice.provider_account_id == account.id
