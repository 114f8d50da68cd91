"""What buyers, merchants and time do to an order of the Zaprite double, and what charging does."""

import httpx
import pytest

from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.charge_outcome import (
    ABSENT,
    CHARGED,
    TIMEOUT_AFTER_CHARGING,
    TIMEOUT_BEFORE_CHARGING,
    ChargeOutcome,
    answered,
    refused,
)
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.simulators.zaprite.order import CannotBePaid
from tests.support.zaprite_caller import ZapriteCaller

IN_AN_HOUR = "2027-01-15T09:00:00Z"
HOUR = 3_600


@pytest.fixture
def zaprite() -> FakeZaprite:
    return FakeZaprite(VirtualClock(), seed=7)


@pytest.fixture
def caller(zaprite: FakeZaprite) -> ZapriteCaller:
    return ZapriteCaller(zaprite)


def saved_profile(zaprite: FakeZaprite, caller: ZapriteCaller) -> str:
    """Buy once with a card that may be charged again and give its profile."""
    order = caller.order(contactId=caller.contact(), allowSavePaymentProfile=True)
    zaprite.pay(order)
    return zaprite.attach_profile(order)


def charge(caller: ZapriteCaller, order: str, profile: str) -> httpx.Response:
    return caller.post("/v1/orders/charge", orderId=order, paymentProfileId=profile)


@pytest.mark.parametrize("method", ["CARD", "LIGHTNING", "CASH"])
def test_what_arrives_at_once_pays_the_order(
    zaprite: FakeZaprite, caller: ZapriteCaller, method: str
) -> None:
    order = caller.order()
    transaction = zaprite.pay(order, method)
    read = caller.read(order)
    assert (read["status"], read["paidAt"]) == ("PAID", "2027-01-15T08:00:00.000Z")
    [shown] = read["transactions"]
    assert set(shown) == {
        *("id", "status", "method", "amount", "currency", "amountInOrderCurrency"),
        *("orderCurrency", "externalRef", "pluginSlug", "createdAt"),
    }
    assert (shown["id"], shown["status"], shown["method"]) == (transaction, "CONFIRMED", method)
    assert (shown["amountInOrderCurrency"], shown["orderCurrency"]) == (1_000, "USD")


def test_coins_are_under_way_until_confirmed(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    order = caller.order()
    zaprite.pay(order, "BITCOIN")
    read = caller.read(order)
    assert read["status"] == "PROCESSING"
    assert "paidAt" not in read
    assert read["transactions"][0]["status"] == "PENDING"
    assert read["transactions"][0]["currency"] == "BTC"
    zaprite.confirm(order)
    assert caller.read(order)["status"] == "PAID"


@pytest.mark.parametrize("method", ["CARD", "BITCOIN"])
def test_too_little_is_underpaid_until_the_rest_comes(
    zaprite: FakeZaprite, caller: ZapriteCaller, method: str
) -> None:
    order = caller.order()
    zaprite.pay(order, method, 400)
    zaprite.confirm(order)
    assert zaprite.status(order) == "UNDERPAID"
    zaprite.pay(order, method)
    zaprite.confirm(order)
    assert zaprite.status(order) == "PAID"


def test_too_much_is_overpaid(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    order = caller.order()
    zaprite.pay(order, "LIGHTNING", 1_001)
    assert zaprite.status(order) == "OVERPAID"
    with pytest.raises(CannotBePaid):
        zaprite.pay(order)


def test_an_order_nobody_pays_is_abandoned_in_time(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    order = caller.order(expiresAt=IN_AN_HOUR)
    forever = caller.order()
    zaprite.advance(HOUR - 1)
    assert zaprite.status(order) == "PENDING"
    zaprite.advance(1)
    assert (zaprite.status(order), zaprite.status(forever)) == ("ABANDONED", "PENDING")
    with pytest.raises(CannotBePaid):
        zaprite.pay(order)


def test_a_payment_under_way_outlives_the_expiry(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    order = caller.order(expiresAt=IN_AN_HOUR)
    zaprite.pay(order, "BITCOIN")
    zaprite.advance(2 * HOUR)
    assert zaprite.status(order) == "PROCESSING"
    zaprite.confirm(order)
    assert zaprite.status(order) == "PAID"


def test_a_payment_that_comes_to_nothing_is_as_if_never_made(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    order, late = caller.order(expiresAt=IN_AN_HOUR), caller.order(expiresAt=IN_AN_HOUR)
    zaprite.pay(order, "BITCOIN")
    zaprite.pay(late, "BITCOIN")
    zaprite.replace(order)
    assert zaprite.status(order) == "PENDING"
    zaprite.advance(HOUR)
    zaprite.replace(late)
    assert (zaprite.status(order), zaprite.status(late)) == ("ABANDONED", "ABANDONED")
    assert caller.read(late)["transactions"][0]["status"] == "CANCELED"


def test_the_merchant_may_do_anything(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    order = caller.order()
    zaprite.pay(order)
    seen = []
    for act in (zaprite.complete, zaprite.refund, zaprite.cancel, zaprite.abandon):
        act(order)
        zaprite.confirm(order)
        zaprite.replace(order)
        seen.append(caller.read(order)["status"])
    zaprite.set_status(order, "HELD_FOR_REVIEW")
    seen.append(caller.read(order)["status"])
    assert seen == ["COMPLETE", "REFUNDED", "CANCELED", "ABANDONED", "HELD_FOR_REVIEW"]


def test_a_saved_profile_appears_at_its_contact_when_it_is_time(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    contact = caller.contact()
    order = caller.order(contactId=contact, allowSavePaymentProfile=True, externalUniqId="ours")
    zaprite.pay(order)
    profile = zaprite.attach_profile(order, after=30)
    zaprite.advance(29)
    assert caller.get(f"/v1/contacts/{contact}").json()["paymentProfiles"] == []
    zaprite.advance(1)
    [shown] = caller.get(f"/v1/contacts/{contact}").json()["paymentProfiles"]
    assert shown.pop("expiresAt").startswith("2030-")
    assert shown == {
        "id": profile,
        "method": "CARD",
        "sourceOrder": {"id": order, "externalUniqId": "ours"},
    }


def test_no_profile_is_saved_that_the_order_did_not_allow(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    with pytest.raises(ValueError, match="allows no saved profile"):
        zaprite.attach_profile(caller.order())


def test_a_charge_pays_the_order(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    answer = charge(caller, order, profile)
    assert (answer.status_code, answer.json()["status"]) == (200, "PAID")
    assert (zaprite.status(order), zaprite.charges(order)) == ("PAID", 1)


def test_a_second_charge_is_counted(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    charge(caller, order, profile)
    charge(caller, order, profile)
    assert (zaprite.status(order), zaprite.charges(order)) == ("OVERPAID", 2)


@pytest.mark.parametrize("status", ["PAID", "COMPLETE", "OVERPAID"])
def test_an_answer_that_says_paid_moves_money(
    zaprite: FakeZaprite, caller: ZapriteCaller, status: str
) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    zaprite.charging.script(answered(status))
    assert charge(caller, order, profile).json()["status"] == status
    assert (zaprite.status(order), zaprite.charges(order)) == (status, 1)


@pytest.mark.parametrize(
    "status",
    [
        *("PENDING", "PROCESSING", "FAILED", "DECLINED", "EXPIRED", "CANCELED", "REFUNDED", ""),
        *(None, 5, True, ["PAID"]),
    ],
)
def test_any_other_answer_moves_none(
    zaprite: FakeZaprite, caller: ZapriteCaller, status: object
) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    zaprite.charging.script(answered(status))
    answer = charge(caller, order, profile)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert (zaprite.status(order), zaprite.charges(order)) == ("PENDING", 0)


def test_an_answer_may_lack_a_status(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    zaprite.charging.script(answered(ABSENT), order_id=order)
    answer = charge(caller, order, profile).json()
    assert answer["id"] == order
    assert "status" not in answer


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "BAD_REQUEST"), (402, "PAYMENT_REQUIRED"), (404, "NOT_FOUND"), (502, None)],
)
def test_a_charge_may_be_refused(
    zaprite: FakeZaprite, caller: ZapriteCaller, status: int, code: str | None
) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    zaprite.charging.script(refused(status))
    answer = charge(caller, order, profile)
    assert answer.status_code == status
    assert answer.json()["code"] == (code or "INTERNAL_SERVER_ERROR")
    assert zaprite.charges(order) == 0


@pytest.mark.parametrize(
    ("outcome", "charges", "status"),
    [(TIMEOUT_BEFORE_CHARGING, 0, "PENDING"), (TIMEOUT_AFTER_CHARGING, 1, "PAID")],
)
def test_a_charge_may_never_be_answered(
    zaprite: FakeZaprite, caller: ZapriteCaller, outcome: ChargeOutcome, charges: int, status: str
) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    zaprite.charging.script(outcome)
    with pytest.raises(httpx.ReadTimeout):
        charge(caller, order, profile)
    assert (zaprite.charges(order), zaprite.status(order)) == (charges, status)


def test_a_charge_may_be_booked_later(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order()
    zaprite.charging.script(ChargeOutcome(status="PENDING", settles_after=60))
    assert charge(caller, order, profile).json()["status"] == "PENDING"
    zaprite.advance(59)
    assert (zaprite.status(order), zaprite.charges(order)) == ("PENDING", 1)
    zaprite.advance(1)
    assert zaprite.status(order) == "PAID"


def test_a_scripted_charge_that_never_came_is_told(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    zaprite.charging.script(refused(402))
    assert len(zaprite.unused()) == 1


def test_what_comes_of_a_charge_may_be_chosen_by_order(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    profile, first, second = saved_profile(zaprite, caller), caller.order(), caller.order()
    zaprite.charging.choose = lambda order: refused(402) if order == first else CHARGED
    assert charge(caller, first, profile).status_code == 402
    assert charge(caller, second, profile).status_code == 200


def test_a_charge_does_not_ask_whose_contact_the_order_has(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    """Nothing says that it does: who owns what is the caller's to know."""
    profile, order = saved_profile(zaprite, caller), caller.order(contactId=caller.contact())
    assert charge(caller, order, profile).status_code == 200
    assert zaprite.charges(order) == 1


def test_a_charge_that_makes_no_sense_is_refused(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    profile, order = saved_profile(zaprite, caller), caller.order(expiresAt=IN_AN_HOUR)
    assert charge(caller, "od_unknown", profile).status_code == 404
    assert charge(caller, order, "unknown").status_code == 404
    assert caller.post("/v1/orders/charge", orderId=order).status_code == 400
    zaprite.advance(HOUR)
    assert charge(caller, order, profile).status_code == 400
    zaprite.advance(4 * 365 * 24 * HOUR)
    assert charge(caller, caller.order(), profile).status_code == 400
    assert zaprite.charges(order) == 0
