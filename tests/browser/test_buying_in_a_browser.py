"""A buyer with a browser: the checkout of pretend money and the page that shows the key."""

import time
from typing import Any

from playwright.sync_api import Browser, Page, expect

from keysat_core.signing import Verifier
from tests.support.live_server import LiveServer


def started(shop: LiveServer) -> Any:
    answer = shop.ask("POST", "/v1/purchase", {"product": "widget"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_until_settled(shop: LiveServer, invoice_id: str) -> None:
    """The sandbox's webhooks come in their own time."""
    deadline = time.monotonic() + 15
    while shop.ask("GET", f"/v1/purchase/{invoice_id}").json()["status"] != "settled":
        assert time.monotonic() < deadline, "the payment did not arrive"
        time.sleep(0.1)


def thank_you(shop: LiveServer, invoice_id: str) -> str:
    return f"{shop.url}/thank-you?invoice_id={invoice_id}"


def test_a_buyer_pays_at_the_checkout_and_is_led_to_a_key_that_verifies(
    shop: LiveServer, page: Page, complaints: list[str]
) -> None:
    purchase = started(shop)
    page.goto(purchase["checkout_url"])
    expect(page.get_by_text("SANDBOX")).to_be_visible()
    page.get_by_role("button", name="Pay", exact=True).click()
    wait_until_settled(shop, purchase["invoice_id"])
    page.get_by_role("link", name="Return to the shop").click()
    expect(page.get_by_role("heading", name="Here is your license key")).to_be_visible()
    shown = page.get_by_label("License key").inner_text()
    pem = shop.ask("GET", "/v1/pubkey").json()["public_key_pem"]
    Verifier.from_pem(pem).verify(shown)
    assert page.get_by_text(purchase["invoice_id"]).is_visible()
    assert complaints == []


def test_a_waiting_page_shows_the_key_by_itself_once_the_payment_arrives(
    shop: LiveServer, page: Page, complaints: list[str]
) -> None:
    purchase = started(shop)
    page.goto(thank_you(shop, purchase["invoice_id"]))
    expect(page.get_by_role("heading", name="Waiting for your payment")).to_be_visible()
    paid = shop.client.post(purchase["checkout_url"] + "/pay")
    assert paid.status_code == 303
    expect(page.get_by_label("License key")).to_contain_text("LIC1-", timeout=15_000)
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_role("status")).not_to_be_empty()
    assert complaints == []


def test_an_expired_purchase_says_so_and_a_payment_accepted_by_hand_still_delivers(
    shop: LiveServer, page: Page
) -> None:
    purchase = started(shop)
    page.goto(purchase["checkout_url"])
    page.get_by_role("button", name="Let it expire").click()
    expect(page.get_by_text("Expired", exact=True)).to_be_visible()
    page.goto(thank_you(shop, purchase["invoice_id"]))
    expect(page.get_by_role("heading", name="was not completed")).to_be_visible()
    page.goto(purchase["checkout_url"])
    page.get_by_role("button", name="Pay late").click()
    page.get_by_role("button", name="Mark as settled").click()
    wait_until_settled(shop, purchase["invoice_id"])
    page.goto(thank_you(shop, purchase["invoice_id"]))
    expect(page.get_by_label("License key")).to_contain_text("LIC1-")


def test_the_checkout_refuses_what_a_real_one_would_not_allow_and_says_why(
    shop: LiveServer, page: Page
) -> None:
    page.goto(started(shop)["checkout_url"])
    page.get_by_role("button", name="Pay late").click()
    expect(page.get_by_role("alert")).to_contain_text("not possible")


def test_an_invoice_number_of_a_stranger_is_shown_as_text_and_never_as_markup(
    shop: LiveServer, page: Page, complaints: list[str]
) -> None:
    page.goto(thank_you(shop, "%3Cimg src=x onerror=alert(1)%3E"))
    expect(page.get_by_role("heading", name="We do not know this purchase")).to_be_visible()
    assert page.locator("img").count() == 0
    assert complaints == []


def test_without_scripts_the_key_is_there_after_a_reload(
    shop: LiveServer, browser: Browser
) -> None:
    purchase = started(shop)
    shop.client.post(purchase["checkout_url"] + "/pay")
    wait_until_settled(shop, purchase["invoice_id"])
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(thank_you(shop, purchase["invoice_id"]))
    expect(page.get_by_label("License key")).to_contain_text("LIC1-")
    context.close()
