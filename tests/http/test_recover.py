"""Recovering a key. Source: public-api 11, 19 (row 9), 3."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest

from keysat_core.ports.sandbox import PretendPayment
from tests.support.shop import Shop, running_shop

EMAIL = "Ada@Example.com"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        running.add_product()
        running.add_policy("basic", tier_rank=1, price_sats_override=1_000)
        running.add_policy("pro", tier_rank=2, price_sats_override=3_000)
        yield running


def recover(shop: Shop, invoice_id: str, email: str = EMAIL) -> httpx.Response:
    return shop.post("/v1/recover", invoice_id=invoice_id, email=email)


def sold(shop: Shop, **fields: Any) -> dict[str, Any]:
    return shop.sell(policy_slug="basic", **({"buyer_email": EMAIL} | fields))


def test_invoice_id_and_address_give_the_key_again(shop: Shop) -> None:
    """Public-api 19, row 9."""
    license = sold(shop)
    answer = recover(shop, f" {license['invoice_id']} ", "  aDA@example.COM ")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.keys() == {
        "license_key", "license_id", "product_id", "issued_at", "expires_at", "entitlements",
    }  # fmt: skip
    assert (body["license_key"], body["license_id"]) == (
        license["license_key"],
        license["license_id"],
    )
    assert (body["expires_at"], body["entitlements"]) == (None, [])
    assert shop.validate(body["license_key"])["ok"] is True


def test_it_is_audited_without_the_address_in_clear(shop: Shop) -> None:
    license = sold(shop)
    recover(shop, license["invoice_id"], " ADA@example.com")
    with shop.ports.store.reading() as tx:
        (row,) = tx.trail.list_audit(action="license.recovered", limit=5)
    assert (row.actor_kind, row.target_id) == ("buyer_self_service", license["license_id"])
    assert row.actor_hash == sha256(b"ada@example.com").hexdigest()
    assert dict(row.details) == {"invoice_id": license["invoice_id"]}
    assert row.request_ip == "203.0.113.9"


def test_whatever_is_wrong_the_answer_is_the_same_byte_for_byte(shop: Shop) -> None:
    good, nameless = sold(shop), sold(shop, buyer_email=None)
    pending = shop.buy(policy_slug="basic", buyer_email=EMAIL)
    expired = shop.buy(policy_slug="basic", buyer_email=EMAIL)
    shop.act(expired, PretendPayment.EXPIRE)
    shop.deliver()
    stopped, ended = sold(shop), sold(shop)
    shop.admin("POST", f"/licenses/{stopped['license_id']}/suspend", json={"reason": ""})
    shop.admin("POST", f"/licenses/{ended['license_id']}/revoke", json={"reason": ""})
    wrong = [
        (good["invoice_id"], "eve@example.com"),
        (good["invoice_id"].upper(), EMAIL),
        ("nothing", EMAIL),
        ("x" * 500, EMAIL),
    ]
    one_by_one = [
        (nameless["invoice_id"], EMAIL),
        (pending["invoice_id"], EMAIL),
        (expired["invoice_id"], EMAIL),
        (stopped["invoice_id"], EMAIL),
        (ended["invoice_id"], EMAIL),
    ]
    answers = [recover(shop, *proof) for proof in wrong + one_by_one]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    changing = {"x-request-id", "date"}
    headers = [
        {name: text for name, text in answer.headers.items() if name not in changing}
        for answer in answers
    ]
    assert all(one == headers[0] for one in headers)
    assert answers[0].json()["error"] == "not_found"
    assert shop.audited("license.recovered") == 0


def test_an_expired_license_is_recovered_and_one_issued_by_hand_is_not(shop: Shop) -> None:
    shop.add_policy("day", price_sats_override=1_000, duration_seconds=86_400)
    license = shop.sell(policy_slug="day", buyer_email=EMAIL)
    shop.clock.turn(90_000)
    assert recover(shop, license["invoice_id"]).status_code == 200
    issued = shop.issue(policy_slug="basic", buyer_email=EMAIL)
    assert recover(shop, issued["license_id"]).status_code == 404


def test_the_invoice_of_an_upgrade_recovers_the_same_license(shop: Shop) -> None:
    """Public-api 11, Better; nothing before it is paid."""
    license = sold(shop)
    started = shop.post(
        "/v1/upgrade", license_key=license["license_key"], target_policy_slug="pro"
    ).json()
    assert recover(shop, started["invoice_id"]).status_code == 404
    shop.act({"btcpay_invoice_id": started["provider_invoice_id"]}, PretendPayment.PAY)
    shop.deliver()
    for invoice_id in (started["invoice_id"], license["invoice_id"]):
        body = recover(shop, invoice_id).json()
        assert body["license_id"] == license["license_id"]
        assert body["license_key"] == shop.poll(started["invoice_id"])["license_key"]


@pytest.mark.parametrize(
    "body", [{"invoice_id": " ", "email": "a"}, {"invoice_id": "a", "email": " "}, {}]
)
def test_a_blank_field_is_refused(shop: Shop, body: dict[str, str]) -> None:
    answer = shop.post("/v1/recover", **body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert recover(shop, "x", "e" * 321).status_code == 400


def test_guesses_are_limited(shop: Shop) -> None:
    """Public-api 3: 10 at once, one more every 6 s."""
    assert [recover(shop, "x").status_code for _ in range(11)] == [404] * 10 + [429]
    denied = recover(shop, "x")
    assert (denied.json()["error"], denied.headers["retry-after"]) == ("rate_limited", "6")
    shop.clock.turn(6)
    assert recover(shop, "x").status_code == 404


def test_callers_without_an_address_share_one_limit() -> None:
    with running_shop(trusted=["203.0.113.0/24"]) as shop:
        assert [recover(shop, "x").status_code for _ in range(11)] == [404] * 10 + [429]
