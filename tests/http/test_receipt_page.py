"""What a buyer is shown after paying: the license, its file and QR code, the receipt, a lost key."""

import re
from typing import Any

import pytest

from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.markup import read_page
from tests.support.shop import Shop
from tests.support.subscribing import DAY, Subscribed, renew

BUYER = "ann@example.org"


def read(shop: Shop, path: str, invoice_id: str, *, status: int = 200) -> str:
    answer = shop.client.get(path, params={"invoice_id": invoice_id})
    assert answer.status_code == status, answer.text
    assert "no-store" in answer.headers["cache-control"]
    if answer.headers["content-type"].startswith("text/html"):
        page = read_page(answer.text)
        assert page.problems == []
        assert BUYER not in answer.text
        return re.sub(r"\s+", " ", page.text)
    return answer.text


def test_a_receipt_has_everything_and_no_address_in_full(shop: Shop) -> None:
    profile_id = shop.admin("GET", "/merchant-profiles")["profiles"][0]["id"]
    seller = {"legal_name": "Notes Ltd", "support_url": "https://notes.example/help"}
    shop.admin("PATCH", f"/merchant-profiles/{profile_id}", json=seller)
    shop.pin_rate("USD", "50000")
    shop.add_product(price_currency="USD", price_value=4_900)
    shop.admin(
        "POST", "/discount-codes", json={"code": "TENTH", "kind": "percent", "amount": 1_000}
    )
    sold = shop.sell(buyer_email=BUYER, code="TENTH")
    text = read(shop, "/receipt", sold["invoice_id"])
    for said in (
        "Notes Ltd", sold["invoice_id"], "Ordered", "Paid", "App", "49.00 USD", "98,000 sats",
        "\u22129,800 sats", "44.10 USD", "88,200 sats", "50,000.00 USD for a bitcoin", "rate of the seller",
        "pretend money", "a…@example.org", "https://notes.example/help",
    ):  # fmt: skip
        assert said in text, said


def test_what_is_not_paid_has_no_receipt(shop: Shop) -> None:
    shop.add_product()
    assert "No receipt yet" in read(shop, "/receipt", shop.buy()["invoice_id"])
    for unknown in ("nope", "", "<b>"):
        read(shop, "/receipt", unknown, status=404)


def test_a_license_can_be_taken_along_as_a_file_and_a_code(shop: Shop) -> None:
    shop.add_product("notes")
    sold = shop.sell("notes", buyer_email=BUYER)
    invoice_id = sold["invoice_id"]
    assert read(shop, "/thank-you/license.lic", invoice_id) == sold["license_key"] + "\n"
    file = shop.client.get("/thank-you/license.lic", params={"invoice_id": invoice_id})
    assert 'filename="notes.lic"' in file.headers["content-disposition"]
    assert "<svg" in read(shop, "/thank-you/license.svg", invoice_id)
    shown = read(shop, "/thank-you", invoice_id)
    for said in ("Thank you", "for good", "a…@example.org", "Receipt", sold["license_key"]):
        assert said in shown, said
    shop.admin("POST", f"/licenses/{sold['license_id']}/suspend", json={})
    for path in ("/thank-you/license.lic", "/thank-you/license.svg"):
        assert sold["license_key"] not in read(shop, path, invoice_id, status=404)
        read(shop, path, "nope", status=404)


def test_a_key_too_long_for_a_camera_has_no_code(shop: Shop) -> None:
    catalog = [{"slug": f"entitlement_{number:030}", "name": "E"} for number in range(20)]
    shop.add_product(entitlements_catalog=catalog)
    shop.add_policy("rich", entitlements=[one["slug"] for one in catalog])
    sold = shop.sell(policy_slug="rich")
    assert "QR" not in read(shop, "/thank-you", sold["invoice_id"])
    assert 'class="qr"' not in shop.client.get(f"/thank-you?invoice_id={sold['invoice_id']}").text
    read(shop, "/thank-you/license.svg", sold["invoice_id"], status=404)


def test_the_seller_may_lead_buyers_on(shop: Shop) -> None:
    profile_id = shop.admin("GET", "/merchant-profiles")["profiles"][0]["id"]
    path = f"/merchant-profiles/{profile_id}"
    shop.add_product()
    shop.add_policy("free", price_sats_override=0)
    invoice_id = shop.buy(policy_slug="free")["invoice_id"]
    template = "https://notes.example/welcome?i={invoice_id}"
    shop.admin("PATCH", path, json={"post_purchase_redirect_url": template})
    html = shop.client.get("/thank-you", params={"invoice_id": invoice_id}).text
    assert f'href="https://notes.example/welcome?i={invoice_id}"' in html
    shop.admin("PATCH", path, json={"post_purchase_redirect_url": "notes-app://welcome"})
    assert "notes-app" not in read(shop, "/thank-you", invoice_id)


def test_a_renewal_and_an_upgrade_are_told_as_such() -> None:
    with running_btcpay_shop() as paid:
        shop = paid.shop
        recurring: dict[str, Any] = {
            "is_recurring": True,
            "renewal_period_days": 30,
            "grace_period_days": 7,
        }
        shop.add_policy("monthly", price_sats_override=5_000, tier_rank=1, **recurring)
        shop.add_policy("better", price_sats_override=9_000, tier_rank=2, **recurring)
        first = bought(paid, policy_slug="monthly")
        assert "longer with each payment of 5,000 sats every 30 days" in read(
            shop, "/thank-you", first["invoice_id"]
        )
        assert "(renewing every 30 days)" in read(shop, "/receipt", first["invoice_id"])
        subscribed = Subscribed(shop=shop, first_invoice_id=first["invoice_id"])
        paid.clock.turn(27 * DAY)
        renew(shop)
        due = subscribed.purchase_of(subscribed.open_invoice)
        assert "Go to the payment" in read(shop, "/thank-you", due["invoice_id"])
        paid.pay(due)
        paid.tick(10)
        assert "Your license is renewed" in read(shop, "/thank-you", due["invoice_id"])
        assert "renewal for 30 days" in read(shop, "/receipt", due["invoice_id"])
        upgrade = shop.post(
            "/v1/upgrade",
            license_key=shop.poll(first["invoice_id"])["license_key"],
            target_policy_slug="better",
        ).json()
        paid.pay(upgrade | {"btcpay_invoice_id": upgrade["provider_invoice_id"]})
        paid.tick(10)
        assert "has its new tier" in read(shop, "/thank-you", upgrade["invoice_id"])
        assert "change of tier to Better" in read(shop, "/receipt", upgrade["invoice_id"])
        assert "seller's BTCPay Server" in read(shop, "/receipt", upgrade["invoice_id"])


def bought(paid: BTCPayShop, **fields: Any) -> dict[str, Any]:
    purchase = paid.buy(buyer_email=BUYER, **fields)
    paid.pay(purchase)
    paid.tick(10)
    return purchase


def test_a_lost_key_is_found_by_a_form_within_the_limits_of_the_api(shop: Shop) -> None:
    shop.add_product()
    sold = shop.sell(buyer_email=BUYER)
    right = {"invoice_id": f" {sold['invoice_id']} ", "email": "ANN@example.org "}
    found = shop.client.post("/recover", data=right)
    assert read_page(found.text).element_text["license-key"] == sold["license_key"]
    assert shop.audited("license.recovered") == 1
    for wrong in (right | {"email": "b@example.org"}, right | {"invoice_id": "x"}, {}):
        refused = shop.client.post("/recover", data=wrong)
        assert refused.status_code == 404
        assert "No active license was found" in refused.text
        assert read_page(refused.text).problems == []
    statuses = [shop.client.post("/recover", data=right).status_code for _ in range(8)]
    assert statuses == [200] * 6 + [429] * 2
    body = {"invoice_id": sold["invoice_id"], "email": BUYER}
    assert shop.client.post("/v1/recover", json=body).status_code == 429


@pytest.mark.parametrize("path", ["/recover", "/buy/app"])
def test_what_is_no_form_is_refused_with_a_page(shop: Shop, path: str) -> None:
    shop.add_product()
    for body in (b"", b"\xff\xfe=1", b"a" * 64):
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = shop.client.post(path, content=body, headers=kind)
        assert answer.status_code < 500
        assert answer.headers["content-type"].startswith("text/html") or not answer.content
