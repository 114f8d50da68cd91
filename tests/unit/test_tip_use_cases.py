"""Tips from the sale that owes them to their end (payments 13; scenarios 45 and 46)."""

import msgspec
import pytest

from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.merchant import ProviderKind, disconnected
from keysat_core.domain.payment import LightningStatus
from keysat_core.domain.secret import Secret
from keysat_core.domain.tip import TipStatus
from keysat_core.errors import ProviderNotLoaded
from tests.support.builders import make_account
from tests.support.scripted_provider import Fault
from tests.support.tip_jar import RECIPIENT, TipJar, meanwhile, open_tip_jar

replace = msgspec.structs.replace


@pytest.fixture
def jar() -> TipJar:
    return open_tip_jar()


def ended(jar: TipJar) -> tuple[TipStatus, str | None]:
    tip = jar.tip()
    assert tip.next_at is None
    return tip.status, tip.detail


# --- what a sale owes ---------------------------------------------------------------------------


def test_a_sale_reserves_its_tip_with_the_license(jar: TipJar) -> None:
    invoice = jar.sell()
    license = jar.trade.license_for(invoice.id)
    tip = jar.tip()
    assert license is not None
    assert (tip.license_id, tip.policy_id, tip.invoice_id) == (
        license.id,
        jar.policy.id,
        invoice.id,
    )
    assert (tip.recipient, tip.pct_bps, tip.label) == (RECIPIENT, 250, "Thanks")
    assert (tip.amount_sats, tip.status) == (1_250, TipStatus.PENDING)
    assert jar.lightning.asked == []


def test_a_tip_keeps_the_terms_of_its_sale(jar: TipJar) -> None:
    jar.sell()
    with jar.trade.store.writing() as tx:
        tx.policies.put_policy(replace(jar.policy, tip=None))
    jar.work()
    assert jar.lightning.asked == [RECIPIENT]
    assert jar.tip().status is TipStatus.SENT


@pytest.mark.parametrize(
    ("pct_bps", "price", "amount"), [(1, 10_000, 1), (9_999, 10_001, 9_999), (10_000, 7, 7)]
)
def test_a_share_is_rounded_down_to_whole_sats(pct_bps: int, price: int, amount: int) -> None:
    jar = open_tip_jar(pct_bps=pct_bps)
    jar.sell(amount_sats=price)
    assert (jar.tip().amount_sats, jar.tip().status) == (amount, TipStatus.PENDING)


@pytest.mark.parametrize(("pct_bps", "price"), [(1, 9_999), (10_000, 5_000_001)])
def test_a_share_that_is_too_small_or_too_large_is_skipped(pct_bps: int, price: int) -> None:
    jar = open_tip_jar(pct_bps=pct_bps)
    sold = jar.sell(amount_sats=price)
    status, detail = ended(jar)
    assert (status, jar.due()) == (TipStatus.SKIPPED, [])
    assert detail is not None
    assert detail.startswith("the share is")
    # As every step of a tip it is told, once.
    jar.trade.settle(sold.id)
    jar.work()
    assert told(jar) == ["skipped"]
    (entry,) = jar.trade.audits("tip.skipped")
    assert (entry.target_id, entry.details["detail"]) == (jar.tip().id, detail)


def test_a_share_that_is_skipped_is_told_by_whomever_the_sale_is_settled() -> None:
    jar = open_tip_jar(pct_bps=1, price_sats_override=9_999)
    sold = jar.trade.sell(policy_slug=jar.policy.slug)
    jar.trade.take_word(sold.id, is_forced=True)
    assert jar.tip().status is TipStatus.SKIPPED
    assert told(jar) == ["skipped"]
    assert len(jar.trade.audits("tip.skipped")) == 1


def test_a_tip_that_is_to_be_paid_is_not_told_before(jar: TipJar) -> None:
    jar.sell()
    assert told(jar) == []
    assert not [entry for entry in jar.trade.audits() if entry.action.startswith("tip.")]


def test_the_largest_share_is_paid() -> None:
    jar = open_tip_jar(pct_bps=10_000)
    jar.sell(amount_sats=5_000_000)
    jar.work()
    assert jar.tip().status is TipStatus.SENT


@pytest.mark.parametrize("price", [0, None])
def test_what_costs_nothing_or_tips_nobody_reserves_nothing(price: int | None) -> None:
    jar = open_tip_jar()
    if price is None:
        invoice = jar.trade.sell(policy_slug=jar.trade.shop.policy.slug)
        jar.trade.provider.pay(invoice.id)
        jar.trade.settle(invoice.id)
    else:
        jar.sell(amount_sats=price)
    assert len(jar.trade.licenses()) == 1
    assert jar.tips() == []


def test_a_free_trial_reserves_nothing() -> None:
    jar = open_tip_jar(is_recurring=True, renewal_period_days=30, trial_days=7)
    jar.sell()
    assert len(jar.trade.licenses()) == 1
    assert jar.tips() == []


def test_a_license_issued_by_hand_reserves_nothing(jar: TipJar) -> None:
    jar.trade.issue(policy_slug=jar.policy.slug)
    assert jar.tips() == []


def test_settling_again_reserves_nothing_more(jar: TipJar) -> None:
    invoice = jar.sell()
    jar.work()
    for _ in range(3):
        jar.trade.settle(invoice.id)
        jar.work()
    assert len(jar.tips()) == 1
    assert len(jar.trade.provider.told_to_pay) == 1


def told(jar: TipJar) -> list[str]:
    """What the events of the tip say it became, one after the other."""
    return [
        msgspec.json.decode(one.body)["data"]["status"] for one in jar.trade.events("tip.changed")
    ]


# --- a good day ---------------------------------------------------------------------------------


def test_a_tip_is_paid_through_the_account_that_was_paid(jar: TipJar) -> None:
    jar.sell()
    jar.work()
    (invoice,) = jar.lightning.written
    tip = jar.tip()
    assert ended(jar) == (TipStatus.SENT, None)
    assert (tip.payment_hash, tip.bolt11) == (invoice.payment_hash, invoice.bolt11)
    assert invoice.amount_msat == 1_250_000
    assert jar.trade.provider.told_to_pay == [invoice.payment_hash]
    (entry,) = jar.trade.audits("tip.sent")
    assert entry.details["amount_sats"] == 1_250
    assert told(jar) == ["paying", "sent"]
    jar.work()
    assert len(jar.trade.provider.told_to_pay) == 1


# --- nothing is paid ----------------------------------------------------------------------------


def test_a_recipient_that_is_down_fails_its_tip_and_not_the_license(jar: TipJar) -> None:
    jar.lightning.is_down = True
    jar.sell()
    jar.work()
    assert ended(jar) == (TipStatus.FAILED, "nobody answers")
    assert len(jar.trade.licenses()) == 1
    jar.lightning.is_down = False
    jar.trade.clock.advance(DAY_SECONDS)
    jar.work()
    assert jar.trade.provider.told_to_pay == []


@pytest.mark.parametrize(
    ("twist", "said"),
    [
        ({"amount_msat": 1_250_001}, "asks 1250001 msat"),
        ({"amount_msat": 1_249_999}, "asks 1249999 msat"),
        ({"amount_msat": None}, "asks None msat"),
        ({"network": "tb"}, "network 'tb'"),
        ({"network": "bcrt"}, "network 'bcrt'"),
        ({"description_hash": None}, "described"),
        ({"description_hash": "00" * 32}, "described"),
        ({"expires_at": 1_800_000_029}, "expired"),
        ({"expires_at": 1_799_000_000}, "expired"),
    ],
)
def test_an_invoice_that_is_not_the_one_asked_for_is_never_paid(
    jar: TipJar, twist: dict[str, object], said: str
) -> None:
    jar.lightning.twist = twist
    jar.sell()
    jar.work()
    status, detail = ended(jar)
    assert status is TipStatus.FAILED
    assert detail is not None
    assert said in detail
    assert jar.trade.provider.told_to_pay == []


def test_an_invoice_with_thirty_seconds_left_is_paid(jar: TipJar) -> None:
    jar.lightning.twist = {"expires_at": jar.trade.clock.now() + 30}
    jar.sell()
    jar.work()
    assert jar.tip().status is TipStatus.SENT


@pytest.mark.parametrize(("low", "high"), [(1_250_001, 10**10), (1, 1_249_999)])
def test_a_recipient_that_takes_other_amounts_fails(jar: TipJar, low: int, high: int) -> None:
    jar.lightning.offer = replace(
        jar.lightning.offer, sendable_msat_min=low, sendable_msat_max=high
    )
    jar.sell()
    jar.work()
    assert jar.tip().status is TipStatus.FAILED
    assert jar.lightning.written == []


def test_a_recipient_no_operator_could_set_today_fails() -> None:
    jar = open_tip_jar(recipient="lnurl1dp68gurn8ghj7")
    jar.sell()
    jar.work()
    assert ended(jar) == (TipStatus.FAILED, "must be a lightning address, user@domain")


@pytest.mark.parametrize("kind", [ProviderKind.SANDBOX, ProviderKind.ZAPRITE])
def test_an_account_that_cannot_pay_asks_nobody(jar: TipJar, kind: ProviderKind) -> None:
    jar.sell()
    with jar.trade.store.writing() as tx:
        tx.merchants.put_account(replace(jar.trade.shop.account, kind=kind))
    jar.work()
    status, detail = ended(jar)
    assert (status, detail) == (
        TipStatus.FAILED,
        f"unsupported: a {kind} account cannot pay lightning invoices",
    )
    assert jar.lightning.asked == []


def test_an_account_that_is_gone_tips_nobody_unless_its_store_is_back(jar: TipJar) -> None:
    account = replace(jar.trade.shop.account, api_key=Secret("k"))
    for has_returned in (False, True):
        jar.sell()
        with jar.trade.store.writing() as tx:
            tx.merchants.put_account(disconnected(account, jar.trade.clock.now()))
            if has_returned:
                tx.merchants.put_account(
                    make_account(jar.trade.shop.profile, kind=account.kind, store_id="store")
                )
        jar.work()
        newest = jar.tips()[0] if has_returned else jar.tip()
        statuses = {tip.status for tip in jar.tips()}
        assert newest.status in {TipStatus.FAILED, TipStatus.SENT}
        assert (TipStatus.SENT in statuses) is has_returned
        with jar.trade.store.writing() as tx:
            if not has_returned:
                tx.merchants.put_account(account)


@pytest.mark.parametrize("outcome", ["refused", "failed", "not loaded"])
def test_a_payment_that_is_refused_fails(jar: TipJar, outcome: str) -> None:
    jar.sell()
    if outcome == "refused":
        jar.trade.provider.faults.append(Fault.REFUSED)
    elif outcome == "failed":
        jar.trade.provider.pay_outcomes.append(LightningStatus.FAILED)
    else:
        jar.trade.providers.is_loaded = False
    jar.work()
    assert jar.tip().status is TipStatus.FAILED
    assert jar.tip().detail
    (entry,) = jar.trade.audits("tip.failed")
    assert entry.details["detail"] == jar.tip().detail
    assert told(jar) == ["paying", "failed"]


def test_a_tip_of_an_old_database_names_no_invoice_and_is_not_paid(jar: TipJar) -> None:
    jar.sell()
    tip = replace(jar.tip(), invoice_id=None)
    with jar.trade.store.writing() as tx:
        tx.tips.put_tip(tip)
    jar.work()
    assert jar.tip().status is TipStatus.FAILED
    paying = replace(tip, status=TipStatus.PAYING, payment_hash="ab", tried_at=tip.created_at)
    with jar.trade.store.writing() as tx:
        tx.tips.put_tip(paying)
    followed = jar.follow(paying)
    assert followed is not None
    assert "not connected" in str(followed.detail)
    assert jar.trade.provider.told_to_pay == []


# --- nobody knows yet ---------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [LightningStatus.SENT, LightningStatus.FAILED])
def test_a_payment_on_its_way_is_followed_to_its_end(jar: TipJar, truth: LightningStatus) -> None:
    """The node answers 202: pending, later resolved, paid once."""
    jar.sell()
    jar.trade.provider.pay_outcomes.append(LightningStatus.PENDING)
    jar.work()
    tip = jar.tip()
    assert (tip.status, tip.looks) == (TipStatus.PAYING, 1)
    assert tip.payment_hash is not None
    for pause in (10, 30, 60):
        jar.trade.clock.advance(pause)
        jar.work()
        assert jar.tip().status is TipStatus.PAYING
    jar.trade.provider.payments[tip.payment_hash] = truth
    jar.trade.clock.advance(120)
    jar.work()
    assert jar.tip().status == truth.value
    assert len(jar.trade.provider.told_to_pay) == 1


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNAVAILABLE])
def test_a_payment_without_an_answer_is_asked_about_and_not_repeated(
    jar: TipJar, fault: Fault
) -> None:
    jar.sell()
    jar.trade.provider.faults.append(fault)
    jar.work()
    assert jar.tip().status is TipStatus.PAYING
    for _ in range(20):
        jar.trade.clock.advance(120)
        jar.work()
    wanted = TipStatus.SENT if fault is Fault.LOST else TipStatus.FAILED
    assert jar.tip().status is wanted
    assert len(jar.trade.provider.told_to_pay) == (1 if fault is Fault.LOST else 0)


def test_an_account_that_does_not_know_the_payment_yet_may_be_about_to(jar: TipJar) -> None:
    jar.sell()
    begun = jar.begin(jar.tip())
    for pause in (30, 10, 30, 60, 120, 300):
        jar.trade.clock.advance(pause)
        jar.work()
        assert jar.tip().status is TipStatus.PAYING
    jar.trade.clock.advance(600)
    jar.work()
    assert ended(jar) == (TipStatus.FAILED, "the account never tried to pay it")
    # The process that was to pay it was only slow.
    sent = jar.send(begun)
    assert sent is not None
    assert ended(jar) == (TipStatus.SENT, None)


def test_a_payment_nobody_can_tell_of_is_left_to_the_operator_in_the_end(jar: TipJar) -> None:
    jar.sell()
    jar.trade.provider.pay_outcomes.append(LightningStatus.PENDING)
    jar.work()
    jar.trade.provider.is_down = True
    looks = 0
    while jar.tip().next_at is not None:
        jar.trade.clock.advance(21_600)
        jar.work()
        looks += 1
        assert looks < 100
    tip = jar.tip()
    assert tip.status is TipStatus.PAYING
    assert tip.detail is not None
    assert tip.detail.startswith("unknown, look at your node: ")
    assert jar.due() == []


def test_a_payment_is_followed_through_whatever_happens_to_its_account(jar: TipJar) -> None:
    jar.sell()
    jar.trade.provider.pay_outcomes.append(LightningStatus.PENDING)
    jar.work()
    account = replace(jar.trade.shop.account, api_key=None)
    with jar.trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(account, jar.trade.clock.now()))
    jar.trade.clock.advance(60)
    jar.work()
    assert "not connected" in str(jar.tip().detail)
    with jar.trade.store.writing() as tx:
        tx.merchants.put_account(account)
    for problem in (ProviderNotLoaded, None):
        jar.trade.providers.is_loaded = problem is None
        jar.trade.clock.advance(7_200)
        jar.work()
        assert jar.tip().status is TipStatus.PAYING
    jar.trade.provider.faults.append(Fault.REFUSED)
    jar.trade.clock.advance(7_200)
    jar.work()
    assert "auth" in str(jar.tip().detail)


def test_a_clock_set_back_does_not_keep_a_tip_waiting(jar: TipJar) -> None:
    jar.trade.clock.advance(DAY_SECONDS)
    jar.sell()
    jar.trade.clock.advance(-DAY_SECONDS, may_go_back=True)
    jar.work()
    assert jar.tip().status is TipStatus.SENT


# --- only once ----------------------------------------------------------------------------------


def test_of_two_workers_one_may_pay(jar: TipJar) -> None:
    jar.sell()
    first, second = jar.begin(jar.tip()), jar.begin(jar.tip())
    assert first.payer is not None
    assert (second.payer, second.tip) == (None, first.tip)


def test_a_worker_that_another_overtakes_may_not_pay(jar: TipJar) -> None:
    jar.sell()
    tip = jar.tip()
    meanwhile(jar, lambda: jar.begin(tip))
    begun = jar.begin(tip)
    assert (begun.payer, begun.tip) == (None, jar.tip())
    assert jar.tip().status is TipStatus.PAYING


def test_a_tip_that_is_decided_is_left_alone(jar: TipJar) -> None:
    jar.sell()
    begun = jar.begin(jar.tip())
    jar.send(begun)
    assert jar.begin(jar.tip()).payer is None
    assert jar.follow(jar.tip()) == jar.tip()
    assert begun.tip is not None
    assert jar.send(msgspec.structs.replace(begun, tip=jar.tip())) == jar.tip()
    assert len(jar.trade.provider.told_to_pay) == 1


def test_an_answer_that_comes_twice_changes_nothing(jar: TipJar) -> None:
    jar.sell()
    jar.trade.provider.pay_outcomes.append(LightningStatus.PENDING)
    jar.work()
    tip = jar.tip()
    assert tip.payment_hash is not None
    jar.trade.provider.payments[tip.payment_hash] = LightningStatus.SENT
    meanwhile(jar, lambda: jar.follow(tip))
    assert jar.follow(tip) == jar.tip()
    assert len(jar.trade.audits("tip.sent")) == 1


def test_a_tip_whose_policy_is_deleted_on_the_way_is_forgotten(jar: TipJar) -> None:
    jar.sell()
    tip = jar.tip()
    begun = jar.begin(tip)
    with jar.trade.store.writing() as tx:
        tx.removals.remove_policy(jar.policy.id)
    assert jar.tips() == []
    assert jar.send(begun) is None
    assert jar.follow(tip) is None
    assert jar.begin(tip).tip is None


def test_a_payment_whose_policy_is_deleted_while_it_is_asked_about_is_forgotten(
    jar: TipJar,
) -> None:
    def delete() -> None:
        with jar.trade.store.writing() as tx:
            tx.removals.remove_policy(jar.policy.id)

    jar.sell()
    tip = jar.tip()
    jar.begin(tip)
    meanwhile(jar, delete)
    assert jar.follow(tip) is None
