"""Subscriptions as operators and buyers see and end them. Source: admin-api 2.10, public-api 13."""

from typing import Any, Final

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.license import Standing
from keysat_core.domain.subscription import SubscriptionStatus
from tests.support.shop import Shop, running_shop
from tests.support.subscribing import DAY, Subscribed, told

MONTHLY: Final[dict[str, Any]] = {
    "is_recurring": True,
    "renewal_period_days": 30,
    "grace_period_days": 7,
}


def subscribe(shop: Shop, slug: str = "monthly") -> Subscribed:
    sold = shop.sell(policy_slug=slug, buyer_email="ada@example.com")
    return Subscribed(shop=shop, first_invoice_id=sold["invoice_id"])


@pytest.fixture
def one(shop: Shop) -> Subscribed:
    shop.add_product()
    shop.add_policy("monthly", **MONTHLY)
    return subscribe(shop)


def key_of(shop: Shop, one: Subscribed) -> str:
    key: str = shop.poll(one.first_invoice_id)["license_key"]
    return key


def cancel_by_key(shop: Shop, key: str, **body: Any) -> Any:
    return shop.post("/v1/subscriptions/cancel", license_key=key, **body)


def test_subscriptions_are_listed_newest_first_with_what_was_promised(
    shop: Shop, one: Subscribed
) -> None:
    shop.clock.turn(5)
    other = subscribe(shop)
    listed = shop.admin("GET", "/subscriptions")
    assert (listed["total"], listed["limit"], listed["offset"]) == (2, 200, 0)
    assert [row["id"] for row in listed["subscriptions"]] == [other.row.id, one.row.id]
    row = listed["subscriptions"][1]
    promised = {
        "id": one.row.id,
        "license_id": one.license.id,
        "policy_id": one.license.policy_id,
        "product_id": one.license.product_id,
        "period_days": 30,
        "listed_currency": "SAT",
        "listed_value": 50_000,
        "status": "active",
        "started_at": "2027-01-15T08:00:00Z",
        "next_renewal_at": "2027-02-14T08:00:00Z",
        "cancelled_at": None,
        "consecutive_failures": 0,
    }
    assert row.items() >= promised.items()


def test_lists_are_filtered_and_paged(shop: Shop, one: Subscribed) -> None:
    other = subscribe(shop)
    shop.admin("POST", f"/subscriptions/{other.row.id}/cancel")

    def ids(query: str) -> list[str]:
        page = shop.admin("GET", f"/subscriptions?{query}")
        return [row["id"] for row in page["subscriptions"]]

    assert ids("status=cancelled") == [other.row.id]
    assert ids("status=active") == [one.row.id]
    assert ids(f"license_id={one.license.id}") == [one.row.id]
    assert len(ids(f"product_id={one.license.product_id}")) == 2
    assert ids("product_id=no") == []
    assert len(ids("limit=1")) == len(ids("limit=0")) == len(ids("offset=1")) == 1
    assert len(ids("limit=99999&offset=-1")) == 2
    assert shop.admin("GET", "/subscriptions?status=trial", ok=False).status_code == 400


def test_one_is_shown_with_its_cycles(shop: Shop, one: Subscribed) -> None:
    shown = shop.admin("GET", f"/subscriptions/{one.row.id}")
    (cycle,) = shown["cycles"]
    assert cycle["invoice_id"] == one.first_invoice_id
    assert cycle["cycle_number"] == 1
    assert cycle["cycle_end_at"] == shown["next_renewal_at"]
    assert shop.admin("GET", "/subscriptions/no", ok=False).status_code == 404


@pytest.mark.betters("B-27")
def test_an_operator_cancels_and_the_reason_is_kept(shop: Shop, one: Subscribed) -> None:
    """B-27; a second cancellation says what it was already, and tells nobody."""
    path = f"/subscriptions/{one.row.id}/cancel"
    expires_at = one.license.expires_at
    assert shop.admin("POST", path, json={"reason": "asked by mail"}) == {
        "ok": True,
        "subscription_id": one.row.id,
        "status": "cancelled",
    }
    assert one.row.cancellation_reason == "asked by mail"
    again = shop.admin("POST", path)
    assert again == {"ok": True, "already": "cancelled", "subscription_id": one.row.id}
    assert shop.audited("subscription.cancel") == 1
    assert told(shop, "subscription.cancelled") == [
        {
            "subscription_id": one.row.id,
            "license_id": one.license.id,
            "product_id": one.license.product_id,
            "policy_id": one.license.policy_id,
            "actor": "admin",
            "reason": "asked by mail",
        }
    ]
    assert one.license.expires_at == expires_at
    assert one.standing() is Standing.VALID
    # The grace was the subscription's.
    assert one.license.grace_seconds == 0
    assert shop.admin("POST", "/subscriptions/no/cancel", ok=False).status_code == 404


def test_b10_a_body_that_cannot_be_read_cancels_nothing(shop: Shop, one: Subscribed) -> None:
    path = f"/subscriptions/{one.row.id}/cancel"
    assert shop.admin("POST", path, ok=False, content=b"{").status_code == 400
    assert one.status() is SubscriptionStatus.ACTIVE
    assert shop.admin("POST", path)["status"] == "cancelled"
    assert one.row.cancellation_reason is None


def test_reading_does_not_let_anybody_cancel() -> None:
    with running_shop(scopes=frozenset({Scope.SUBSCRIPTIONS_READ})) as shop:
        shop.add_product()
        shop.add_policy("monthly", **MONTHLY)
        one = subscribe(shop)
        headers = {"authorization": "Bearer scoped"}
        path = f"/v1/admin/subscriptions/{one.row.id}"
        assert shop.client.get(path, headers=headers).status_code == 200
        assert shop.client.post(f"{path}/cancel", headers=headers).status_code == 403


def test_a_buyer_cancels_with_the_key(shop: Shop, one: Subscribed) -> None:
    key = key_of(shop, one)
    answer = cancel_by_key(shop, key, reason=" ")
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True,
        "subscription_id": one.row.id,
        "status": "cancelled",
    }
    assert cancel_by_key(shop, key).json()["already"] == "cancelled"
    (event,) = told(shop, "subscription.cancelled")
    assert (event["actor"], event["reason"]) == ("buyer", None)
    with shop.ports.store.reading() as tx:
        (row,) = tx.audit_log.list_rows(AuditFilter(action="subscription.cancel"))
    assert row.entry.actor_kind == "buyer_license_key"
    assert row.entry.actor_hash == one.license.id
    assert row.entry.details["actor"] == "buyer"
    assert shop.validate(key)["ok"] is True


def test_an_expired_license_may_still_cancel(shop: Shop, one: Subscribed) -> None:
    key = key_of(shop, one)
    shop.clock.turn(60 * DAY)
    assert cancel_by_key(shop, key).json()["status"] == "cancelled"


def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(shop: Shop, one: Subscribed) -> None:
    key = key_of(shop, one)
    forged = key[:-1] + ("A" if key[-1] != "A" else "B")
    answers = [cancel_by_key(shop, "nonsense"), cancel_by_key(shop, forged)]
    for act, undo in (("suspend", "unsuspend"), ("revoke", "")):
        shop.admin("POST", f"/licenses/{one.license.id}/{act}", json={"reason": ""})
        answers.append(cancel_by_key(shop, key))
        if undo:
            shop.admin("POST", f"/licenses/{one.license.id}/{undo}", json={})
    shop.delete_product_row(one.license.product_id)
    answers.append(cancel_by_key(shop, key))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_a_license_without_a_subscription_has_none_to_cancel(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    assert cancel_by_key(shop, key).status_code == 404
    assert shop.post("/v1/subscriptions/cancel").status_code == 400


def test_cancelling_by_key_is_limited(shop: Shop) -> None:
    statuses = [cancel_by_key(shop, "nonsense").status_code for _ in range(61)]
    assert statuses == [401] * 60 + [429]


@pytest.mark.betters("B-14")
def test_a_profile_with_live_subscriptions_is_kept_and_one_with_history_goes(shop: Shop) -> None:
    """B-14: what ended is only history."""
    shop.add_product()
    profile = shop.admin("POST", "/merchant-profiles", json={"name": "Second"})
    product = shop.add_product("other", merchant_profile_id=profile["id"])
    shop.add_policy("trial", product="other", trial_days=7, **MONTHLY)
    bought = shop.buy("other", policy_slug="trial")
    one = Subscribed(shop=shop, first_invoice_id=bought["invoice_id"])
    shop.admin("PATCH", f"/products/{product['id']}", json={"merchant_profile_id": None})
    path = f"/merchant-profiles/{profile['id']}"
    assert shop.admin("GET", path)["active_subscription_count"] == 1
    refused = shop.admin("DELETE", path, ok=False)
    assert refused.status_code == 400
    assert "1 live subscriptions" in refused.json()["message"]
    shop.admin("POST", f"/subscriptions/{one.row.id}/cancel")
    shop.admin("DELETE", path)
    assert one.row.merchant_profile_id is None


def test_d29_products_and_policies_go_with_their_subscriptions(shop: Shop, one: Subscribed) -> None:
    policy_id, product_id = one.license.policy_id, one.license.product_id
    refused = shop.admin("DELETE", f"/policies/{policy_id}", ok=False)
    assert refused.status_code == 409
    assert "live subscriptions" in refused.json()["message"]
    gone = shop.admin("DELETE", f"/policies/{policy_id}?force=true")
    assert gone["cascaded_subscriptions"] == 1
    assert shop.admin("GET", "/subscriptions")["total"] == 0
    shop.add_policy("yearly", **MONTHLY)
    subscribe(shop, "yearly")
    assert shop.admin("DELETE", f"/products/{product_id}", ok=False).status_code == 409
    gone = shop.admin("DELETE", f"/products/{product_id}?force=true")
    assert (gone["cascaded_subscriptions"], gone["cascaded_licenses"]) == (1, 1)
