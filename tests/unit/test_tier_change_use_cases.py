"""Changes of tier in a real store: who pays what, what changes, and what never does.

Source: lifecycles 9, decisions 8, 13 and 16; the register of defects is named by its ids.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus, key_of
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import Rail
from keysat_core.domain.rate import Rate
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.domain.tier_change import ChangeActor, Direction
from keysat_core.errors import (
    Forbidden,
    InvariantError,
    NotConfigured,
    NotFound,
    RateUnavailable,
    TierChangeRefused,
    Unauthorized,
)
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from tests.support.builders import NOW, make_account, make_license, make_machine, make_profile
from tests.support.scripted_rates import ScriptedRates
from tests.support.tier_trade import MONTH, YEAR, TierTrade, open_tier_trade
from tests.support.trade import data_of, operator_without
from tests.support.watched_store import WatchedStore


@pytest.fixture
def shop() -> Iterator[TierTrade]:
    opened = open_tier_trade()
    opened.tier("basic", 2_500, tier_rank=1, entitlements=("a", "b"), max_machines=3)
    opened.tier("pro", 7_500, tier_rank=2, entitlements=("a", "c"), max_machines=1)
    opened.tier("top", 20_000, tier_rank=3)
    yield opened
    opened.trade.close()


def refusal(shop: TierTrade, license: Any, slug: str, **fields: Any) -> TierChangeRefused:
    with pytest.raises(TierChangeRefused) as caught:
        shop.quote(license, slug, **fields)
    return caught.value


# --- quoting ------------------------------------------------------------------------------------


def test_the_published_example_costs_the_difference(shop: TierTrade) -> None:
    """Public-api 19, row 11."""
    quote = shop.quote(shop.sell("basic"), "pro")
    assert (quote.charge.amount, quote.charge.currency) == (5_000, Currency.USD)
    assert (quote.direction, quote.effective_at) == (Direction.UPGRADE, None)
    assert (quote.next_charge, quote.next_period_days) == (None, None)


def test_the_published_example_of_a_running_cycle_counts_whole_days(shop: TierTrade) -> None:
    shop.monthly("m1", 2_500, tier_rank=11)
    shop.monthly("m2", 7_500, tier_rank=12)
    license = shop.sell("m1")
    shop.days(15, 3_600)
    quote = shop.quote(license, "m2")
    assert quote.charge.amount == 2_333
    assert quote.next_charge is not None
    assert (quote.next_charge.amount, quote.next_period_days) == (7_500, MONTH)


def test_buyers_are_refused_in_the_published_order(shop: TierTrade) -> None:
    """Public-api 12.1 and 19, row 13."""
    shop.tier("side", 9_000, tier_rank=1)
    shop.tier("off", 9_000, tier_rank=9, active=False)
    shop.tier("loose", 9_000)
    license = shop.sell("basic")
    assert refusal(shop, license, "basic").reason == "same_tier"
    assert refusal(shop, license, "off").reason == "inactive"
    assert refusal(shop, license, "loose").reason == "unranked"
    assert refusal(shop, license, "side").reason == "same_rank"
    pro = shop.sell("pro")
    down = refusal(shop, pro, "basic")
    assert down.reason == "admin_only"
    assert "admin-only" in str(down)
    assert refusal(shop, shop.sell("loose"), "pro").reason == "unranked"
    with pytest.raises(NotFound):
        shop.quote(license, "nothing")


@pytest.mark.parametrize("hidden", [{"public": False}, {"archived_at": 1}])
def test_d19_what_buyers_do_not_see_is_unknown_to_them(
    shop: TierTrade, hidden: dict[str, Any]
) -> None:
    """D19: private and archived tiers cannot be upgraded to; operators may use them."""
    shop.tier("hidden", 9_000, tier_rank=9, **hidden)
    license = shop.sell("basic")
    with pytest.raises(NotFound):
        shop.quote(license, "hidden")
    with pytest.raises(NotFound):
        shop.order(license, "hidden")
    assert shop.give(license, "hidden").quote.target.slug == "hidden"


def test_a_key_that_proves_nothing_is_unauthorized_whatever_is_wrong(shop: TierTrade) -> None:
    foreign = open_tier_trade()
    foreign.tier("basic", 1)
    keys = ["", "nonsense", foreign.key(foreign.sell("basic"))]
    suspended = shop.sell("basic")
    keys.append(shop.key(suspended))
    with shop.trade.store.writing() as tx:
        stopped = msgspec.structs.replace(suspended, status=LicenseStatus.SUSPENDED)
        tx.licenses.put_license(stopped)
    unknown = make_license(shop.trade.shop.product)
    keys.append(key_of(unknown, shop.trade.keys.signing_key()))
    for key in keys:
        with pytest.raises(Unauthorized):
            shop.quote_with(key, "pro")
        with pytest.raises(Unauthorized):
            shop.order_with(key, "pro")
        with pytest.raises(Unauthorized):
            shop.schedule_with(key, "pro")


def test_a_quote_writes_nothing(shop: TierTrade) -> None:
    license = shop.sell("basic")
    before = shop.trade.trail()
    shop.quote(license, "pro")
    shop.preview(license, "pro")
    assert shop.trade.trail() == before
    assert shop.changes(license.id) == []


def test_an_expired_license_can_be_upgraded(shop: TierTrade) -> None:
    shop.tier("year", 1_000, tier_rank=0, duration_seconds=YEAR * DAY_SECONDS)
    license = shop.sell("year")
    shop.days(YEAR + 1)
    assert shop.quote(license, "pro").charge.amount == 6_500


# --- ordering -----------------------------------------------------------------------------------


def test_an_upgrade_changes_the_license_when_it_is_paid_and_not_before(shop: TierTrade) -> None:
    """Public-api 19, row 12."""
    license = shop.sell("basic")
    machine = make_machine(license)
    with shop.trade.store.writing() as tx:
        tx.machines.put_machine(machine)
    invoice = shop.upgrade(license, "pro")
    assert (invoice.amount_sats, invoice.status) == (100_000, InvoiceStatus.PENDING)
    assert (invoice.listed_currency, invoice.listed_value) == (Currency.USD, 5_000)
    assert (invoice.exchange_rate_centibps, invoice.exchange_rate_source) == (500_000_000, "table")
    assert invoice.buyer_email == "b@example.com"
    assert shop.now_of(license) == license
    shop.pay(invoice.id)
    changed = shop.now_of(license)
    assert shop.slug_of(license) == "pro"
    assert (changed.entitlements, changed.max_machines) == (("a", "c"), 1)
    assert (changed.id, changed.issued_at, changed.status) == (
        license.id,
        license.issued_at,
        license.status,
    )
    assert len(shop.trade.licenses()) == 1
    assert len(shop.trade.machines(license.id)) == 1
    (told,) = shop.trade.events("license.tier_changed")
    assert (data_of(told)["actor"], data_of(told)["invoice_id"]) == ("buyer", invoice.id)


def test_the_order_is_audited_and_told(shop: TierTrade) -> None:
    license = shop.sell("basic")
    events = len(shop.trade.events("invoice.opened"))
    ordered = shop.order(license, "pro")
    (row,) = shop.trade.audits("subscription.upgrade.started")
    assert row.target_id == ordered.change.id
    assert row.details["proration_charge_value"] == 5_000
    assert row.details["invoice_id"] == ordered.invoice.id
    assert (ordered.change.actor, ordered.change.effective_at) == (
        ChangeActor.BUYER,
        shop.trade.clock.now(),
    )
    assert len(shop.trade.events("invoice.opened")) == events + 1


def test_a_charge_in_sats_is_listed_too() -> None:
    shop = open_tier_trade(Currency.SAT)
    shop.tier("basic", 2_500, tier_rank=1)
    shop.tier("pro", 2_501, tier_rank=2)
    invoice = shop.upgrade(shop.sell("basic"), "pro")
    assert (invoice.amount_sats, invoice.listed_currency, invoice.listed_value) == (1, "SAT", 1)
    assert (invoice.exchange_rate_centibps, invoice.exchange_rate_source) == (None, "identity")


def test_a_tiny_fiat_charge_is_one_sat() -> None:
    shop = open_tier_trade()
    shop.trade.rates.units_per_btc[Currency.USD] = Decimal(10_000_000_000)
    shop.tier("basic", 25, tier_rank=1)
    shop.tier("pro", 26, tier_rank=2)
    assert shop.upgrade(shop.sell("basic"), "pro").amount_sats == 1


def test_what_costs_nothing_cannot_be_ordered_and_a_downgrade_is_forbidden(
    shop: TierTrade,
) -> None:
    shop.tier("gift", 2_500, tier_rank=5)
    with pytest.raises(TierChangeRefused) as caught:
        shop.order(shop.sell("basic"), "gift")
    assert caught.value.reason == "nothing_to_pay"
    shop.monthly("m1", 100, tier_rank=11)
    shop.monthly("m2", 200, tier_rank=12)
    with pytest.raises(Forbidden):
        shop.order(shop.sell("m2"), "m1")


def test_without_a_rate_nothing_is_ordered(shop: TierTrade) -> None:
    license = shop.sell("basic")
    shop.trade.rates.units_per_btc.clear()
    with pytest.raises(RateUnavailable):
        shop.order(license, "pro")
    assert shop.changes(license.id) == []


def test_a_currency_that_changes_while_the_rate_is_asked_for_sells_nothing(
    shop: TierTrade,
) -> None:
    license, product = shop.sell("basic"), shop.trade.shop.product

    class Turning(ScriptedRates):
        def rate(self, currency: Currency) -> Rate:
            price = Money(currency=Currency.EUR, amount=2_500)
            with shop.trade.store.writing() as tx:
                tx.products.put_product(msgspec.structs.replace(product, price=price))
            return super().rate(currency)

    shop.trade.rates = Turning(units_per_btc=shop.trade.rates.units_per_btc)
    with pytest.raises(RateUnavailable):
        shop.order(license, "pro")


def test_a_redirect_is_kept_else_the_buyer_comes_back_to_us(shop: TierTrade) -> None:
    license = shop.sell("basic")
    own = shop.order(license, "pro", redirect_url="https://app.example/done")
    assert own.invoice.redirect_url == "https://app.example/done"
    ours = shop.order(license, "top", redirect_url="")
    assert ours.invoice.redirect_url.endswith(f"/thank-you?invoice_id={ours.invoice.id}")
    with pytest.raises(InvariantError):
        shop.order(license, "pro", redirect_url="javascript:1")


# --- once and no more ---------------------------------------------------------------------------


def test_d38_a_repeated_order_gets_the_invoice_that_still_stands(shop: TierTrade) -> None:
    """D38: one payable invoice for a license and tier."""
    license = shop.sell("basic")
    first = shop.upgrade(license, "pro")
    again = shop.order(license, "pro")
    assert (again.is_reused, again.invoice) == (True, first)
    assert len(shop.changes(license.id)) == 1
    assert len(shop.trade.audits("subscription.upgrade.started")) == 1


def test_d38_two_orders_at_once_share_one_invoice(shop: TierTrade) -> None:
    """D38: an order that another one overtakes between its quote and its writing."""
    license, trade, whole = shop.sell("basic"), shop.trade, shop.trade.store
    watched = WatchedStore(whole)

    def other() -> None:
        trade.store = whole
        shop.upgrade(license, "pro")
        trade.store = watched

    watched.before_writing = other
    trade.store = watched
    mine = shop.order(license, "pro")
    trade.store = whole
    assert mine.is_reused
    assert len(shop.changes(license.id)) == 1


def test_d38_an_order_that_ended_unpaid_makes_room_for_a_new_one(shop: TierTrade) -> None:
    """D38: its invoice expired, so its change is withdrawn."""
    license = shop.sell("basic")
    first = shop.upgrade(license, "pro")
    shop.trade.provider.expire(first.id)
    shop.trade.settle(first.id)
    second = shop.upgrade(license, "pro")
    assert second.id != first.id
    new, old = sorted(shop.changes(license.id), key=lambda one: one.withdrawn_at is not None)
    assert (new.invoice_id, old.invoice_id) == (second.id, first.id)


def test_d38_a_price_that_changed_takes_the_place_of_the_earlier_order(shop: TierTrade) -> None:
    """D38: today's price counts, and what is paid at the old one is honoured all the same."""
    license = shop.sell("basic")
    first = shop.upgrade(license, "pro")
    dearer = msgspec.structs.replace(shop.policy("pro"), price_sats_override=8_000)
    with shop.trade.store.writing() as tx:
        tx.policies.put_policy(dearer)
    second = shop.order(license, "pro")
    assert not second.is_reused
    assert second.change.charge.amount == 5_500
    shop.pay(first.id)
    assert shop.slug_of(license) == "pro"


def test_d39_an_old_settlement_that_comes_again_undoes_no_later_change(shop: TierTrade) -> None:
    """D39: applied once, whatever else happened since."""
    license = shop.sell("basic")
    first = shop.upgrade(license, "pro")
    shop.pay(first.id)
    shop.give(license, "top")
    before = shop.now_of(license)
    for _ in range(3):
        shop.trade.settle(first.id)
    assert shop.now_of(license) == before
    assert len(shop.trade.events("license.tier_changed")) == 2


def test_d4_the_reconciler_applies_a_change_and_issues_nothing(shop: TierTrade) -> None:
    """D4: nobody told of the payment."""
    license = shop.sell("basic")
    invoice = shop.upgrade(license, "pro")
    shop.trade.provider.pay(invoice.id)
    shop.days(0, 300)
    shop.trade.reconcile()
    assert shop.slug_of(license) == "pro"
    assert [one.id for one in shop.trade.licenses()] == [license.id]


def test_d50_the_poll_of_a_change_gives_the_new_key_of_the_license(shop: TierTrade) -> None:
    """D50: nothing before it is paid, and the re-derived key afterwards."""
    license = shop.sell("basic")
    invoice = shop.upgrade(license, "pro")
    told = poll_purchase(invoice.id, store=shop.trade.store, keys=shop.trade.keys)
    assert (told.license, told.key) == (None, None)
    shop.pay(invoice.id)
    told = poll_purchase(invoice.id, store=shop.trade.store, keys=shop.trade.keys)
    assert told.license is not None
    assert (told.license.id, told.key) == (license.id, shop.key(license))


def test_a_late_payment_is_applied(shop: TierTrade) -> None:
    license = shop.sell("basic")
    invoice = shop.upgrade(license, "pro")
    shop.trade.provider.expire(invoice.id)
    shop.trade.settle(invoice.id)
    shop.pay(invoice.id)
    assert shop.slug_of(license) == "pro"
    (change,) = shop.changes(license.id)
    assert (change.withdrawn_at, change.applied_at) == (None, shop.trade.clock.now())


# --- who collects -------------------------------------------------------------------------------


def test_the_account_of_the_first_sale_collects(shop: TierTrade) -> None:
    license = shop.sell("basic")
    profile = make_profile(is_default=False)
    with shop.trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
        tx.merchants.put_account(make_account(profile))
        product = shop.trade.shop.product
        moved = msgspec.structs.replace(product, merchant_profile_id=profile.id)
        tx.products.put_product(moved)
    invoice = shop.order(license, "pro").invoice
    assert invoice.provider_account_id == shop.trade.shop.account.id


def test_an_account_that_is_disconnected_leaves_it_to_the_profile(shop: TierTrade) -> None:
    license, account = shop.sell("basic", rail="onchain"), shop.trade.shop.account
    other = make_account(shop.trade.shop.profile, kind=ProviderKind.BTCPAY)
    gone = msgspec.structs.replace(account, disconnected_at=shop.trade.clock.now())
    with shop.trade.store.writing() as tx:
        tx.merchants.put_account(gone)
    with pytest.raises(NotConfigured):
        shop.order(license, "pro")
    with shop.trade.store.writing() as tx:
        tx.merchants.put_account(other)
    assert shop.order(license, "pro").invoice.provider_account_id == other.id
    issued = shop.trade.issue(policy_slug="basic").license
    cards = msgspec.structs.replace(other, served_rails=(Rail.CARD,))
    with shop.trade.store.writing() as tx:
        tx.merchants.put_account(cards)
    # The rail of the first sale is a wish: nobody serves it any more.
    assert shop.order(license, "top").invoice.provider_account_id == cards.id
    with shop.trade.store.writing() as tx:
        tx.merchants.put_account(msgspec.structs.replace(cards, disconnected_at=NOW))
    with pytest.raises(NotConfigured):
        shop.order(issued, "pro")


def test_a_license_issued_by_hand_is_upgraded_through_the_profile(shop: TierTrade) -> None:
    issued = shop.trade.issue(policy_slug="basic").license
    invoice = shop.order(issued, "pro").invoice
    assert invoice.provider_account_id == shop.trade.shop.account.id
    assert invoice.buyer_email is None


# --- as the operator ----------------------------------------------------------------------------


def test_having_the_buyer_pay_takes_the_master_key(shop: TierTrade) -> None:
    license = shop.sell("pro")
    with pytest.raises(Forbidden):
        shop.bill(license, "top", operator_without(Scope.MASTER))
    ordered = shop.bill(license, "top")
    assert ordered.change.actor is ChangeActor.ADMIN
    assert ordered.invoice.buyer_note == "admin tier-change"
    assert len(shop.trade.audits("license.change_tier.invoice_created")) == 1
    with pytest.raises(NotFound):
        shop.bill(license, "nothing")
    with pytest.raises(TierChangeRefused):
        shop.bill(license, "basic")
    shop.trade.request(ordered.invoice.id)
    shop.pay(ordered.invoice.id)
    assert shop.slug_of(license) == "top"
    (told,) = shop.trade.events("license.tier_changed")
    assert data_of(told)["actor"] == "admin"


def test_the_license_this_server_runs_on_is_left_alone(shop: TierTrade) -> None:
    """Lifecycles 11.4."""
    license = shop.sell("basic")
    shop.self_license = msgspec.structs.replace(shop.self_license, license_id=license.id)
    for attempt in (shop.give, shop.bill, shop.preview, shop.schedule_by_operator):
        with pytest.raises(TierChangeRefused) as caught:
            attempt(license, "pro")
        assert caught.value.reason == "own_license"
    assert shop.give(shop.sell("basic"), "pro").license.policy_id == shop.policy("pro").id


def test_a_subscription_that_ended_does_not_count(shop: TierTrade) -> None:
    shop.monthly("m1", 100, tier_rank=11)
    shop.monthly("m2", 400, tier_rank=12)
    license = shop.sell("m1")
    shop.put_subscription(shop.live(license), status=SubscriptionStatus.LAPSED)
    assert shop.quote(license, "m2").charge.amount == 400
    assert shop.preview(license, "m2", is_paid=True).quote.charge.amount == 400
