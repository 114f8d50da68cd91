"""A buyer on the real pages: choosing, codes, paying, the license, the receipt, a lost key."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from keysat_core.signing import Verifier
from keysat_http.pages.theme import theme_of
from tests.browser.conftest import Desk, OpenDesk
from tests.support.live_server import LiveServer

SIZES = [("desktop", "light"), ("phone", "dark")]


@pytest.fixture(scope="module", autouse=True)
def stocked(office: LiveServer) -> Any:
    """A product with tiers of every kind, in sats, and codes for it."""
    admin = office.admin
    product = admin(
        "POST",
        "/v1/admin/products",
        {
            "slug": "notes",
            "name": "Notes",
            "description": "Takes notes.\nKeeps them.",
            "price_currency": "SAT",
            "price_value": 25_000,
            "entitlements_catalog": [
                {"slug": "sync", "name": "Sync", "description": "Keeps devices alike."},
                {"slug": "inner", "name": "Inner", "description": ""},
            ],
        },
    )
    tiers: list[dict[str, Any]] = [
        {"slug": "basic", "name": "Basic", "max_machines": 1},
        {
            "slug": "pro",
            "name": "Pro",
            "price_sats_override": 60_000,
            "max_machines": 3,
            "duration_seconds": 365 * 86_400,
            "entitlements": ["sync", "inner"],
            "metadata": {
                "highlight": True,
                "description": "For work",
                "marketing_bullets": ["Priority answers"],
                "hidden_entitlements": ["inner"],
            },
        },
        {
            "slug": "monthly",
            "name": "Monthly",
            "price_sats_override": 5_000,
            "is_recurring": True,
            "renewal_period_days": 30,
            "trial_days": 7,
        },
    ]
    for tier in tiers:
        admin("POST", "/v1/admin/policies", {"product_slug": "notes", **tier})
    for code in (
        {"code": "TENTH", "kind": "percent", "amount": 1_000},
        {"code": "GIFT", "kind": "free_license", "amount": 0},
        {
            "code": "LAUNCH",
            "kind": "percent",
            "amount": 5_000,
            "featured": True,
            "max_uses": 9,
            "product_slug": "notes",
            "policy_slugs": ["basic"],
        },
    ):
        admin("POST", "/v1/admin/discount-codes", code)
    return product


def key_of(page: Page, shop: LiveServer) -> str:
    shown = page.get_by_label("License key").inner_text()
    pem = shop.ask("GET", "/v1/pubkey").json()["public_key_pem"]
    Verifier.from_pem(pem).verify(shown)
    return shown


def pay_pretending(page: Page) -> None:
    page.wait_for_url("**/sandbox/checkout/*")
    page.get_by_role("button", name="Pay", exact=True).click()
    page.get_by_role("link", name="Return to the shop").click()


@pytest.mark.parametrize(("size", "scheme"), SIZES)
def test_a_buyer_chooses_uses_a_code_pays_and_takes_the_license_along(
    open_desk: OpenDesk, size: str, scheme: str
) -> None:
    desk = open_desk(size, scheme, state=None)
    page = desk.go("/buy/notes")
    desk.assert_accessible()
    expect(page.get_by_role("radio", name="Pro")).to_be_checked()
    order = page.get_by_role("region", name="Your order")
    expect(order).to_contain_text("60,000 sats")
    expect(page.get_by_text("Inner")).to_have_count(0)
    page.get_by_role("button", name="What is Sync?").click()
    expect(page.get_by_text("Keeps devices alike.")).to_be_visible()
    desk.assert_accessible()
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Basic").check()
    expect(order).to_contain_text("LAUNCH is applied")
    expect(page.get_by_role("button", name="Pay 12,500 sats")).to_be_visible()
    page.get_by_role("radio", name="Pro").check()
    expect(page.get_by_label("Discount code")).to_have_value("")
    page.get_by_label("Discount code").fill("nothing")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("We do not know this code.")).to_be_visible()
    desk.assert_accessible()
    page.get_by_label("Discount code").fill("tenth")
    page.keyboard.press("Enter")
    page.get_by_label("E-mail").fill("ann@example.org")
    page.get_by_role("button", name="Pay 54,000 sats").click()
    pay_pretending(page)
    expect(page.get_by_role("heading", name="Here is your license key")).to_be_visible()
    key = key_of(page, desk.server)
    desk.assert_accessible()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_role("status")).to_contain_text("Copied")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "notes.lic"
    assert download.value.path().read_text("utf-8") == key + "\n"
    invoice_id = page.url.rpartition("=")[2]
    look_at_receipt_and_recover(desk, invoice_id, key)


def look_at_receipt_and_recover(desk: Desk, invoice_id: str, key: str) -> None:
    """The receipt of a sale with a code, and its key got back."""
    page = desk.page
    page.get_by_role("link", name="Receipt").click()
    receipt = page.get_by_role("region", name="Receipt")
    expect(receipt).to_contain_text("60,000 sats")
    expect(receipt).to_contain_text("6,000 sats")
    expect(receipt).to_contain_text("a…@example.org")
    desk.assert_accessible()
    page = desk.go("/recover")
    desk.assert_accessible()
    page.get_by_label("Invoice number").fill(invoice_id)
    page.get_by_label("E-mail address").fill("bob@example.org")
    desk.watch.expects = {404}
    page.get_by_role("button", name="Get the key").click()
    expect(page.get_by_role("alert")).to_contain_text("No active license")
    page.get_by_label("E-mail address").fill("ANN@example.org")
    page.get_by_role("button", name="Get the key").click()
    assert key_of(page, desk.server) == key
    desk.assert_accessible()


def test_without_scripts_the_whole_sale_works(open_desk: OpenDesk) -> None:
    page = open_desk("phone", state=None, scripts=False).go("/buy/notes?policy=basic")
    expect(page.get_by_role("radio", name="Basic")).to_be_checked()
    page.get_by_label("Discount code").fill("tenth")
    page.get_by_label("E-mail").fill("ann@example.org")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("region", name="Your order")).to_contain_text("TENTH is applied")
    expect(page.get_by_label("E-mail")).to_have_value("ann@example.org")
    page.get_by_role("radio", name="Pro").check()
    expect(page.get_by_role("button", name="Pay 54,000 sats")).to_be_visible()
    page.get_by_role("radio", name="Monthly").check()
    expect(page.get_by_role("button", name="Start the free trial")).to_be_visible()
    page.get_by_role("radio", name="Basic").check()
    page.get_by_role("button", name="Pay 22,500 sats").click()
    pay_pretending(page)
    for _ in range(20):
        if page.get_by_label("License key").count():
            break
        page.wait_for_timeout(200)
        page.reload()
    key_of(page, page_server(page))
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("region", name="Receipt")).to_contain_text("22,500 sats")


def page_server(page: Page) -> Any:
    """What ``key_of`` asks, through the page's own window."""

    class Asked:
        @staticmethod
        def ask(method: str, path: str) -> Any:
            del method
            origin = "/".join(page.url.split("/")[:3])

            class Said:
                @staticmethod
                def json() -> Any:
                    return page.request.get(origin + path).json()

            return Said

    return Asked


def test_a_gift_a_trial_and_a_doubled_press_by_keyboard(open_desk: OpenDesk) -> None:
    desk = open_desk(state=None)
    page = desk.go("/buy/notes?policy=pro&code=gift")
    expect(page.get_by_role("button", name="Get the license")).to_be_visible()
    page.get_by_role("button", name="Get the license").press("Enter")
    page.wait_for_url("**/thank-you?*")
    key_of(page, desk.server)
    page = desk.go("/buy/notes?policy=monthly")
    expect(page.get_by_text("Free for 7 days, then paid")).to_be_visible()
    page.get_by_role("button", name="Start the free trial").press("Enter")
    page.wait_for_url("**/thank-you?*")
    expect(page.get_by_text("trial", exact=True)).to_be_visible()
    before = len(desk.server.admin("GET", "/v1/admin/invoices")["invoices"])
    page = desk.go("/buy/notes?policy=basic")
    attempt = page.locator("input[name=attempt]").get_attribute("value")
    assert attempt
    form: dict[str, str | float | bool] = {"policy": "basic", "attempt": attempt, "do": "buy"}
    there = {
        page.request.post(f"{desk.server.url}/buy/notes", form=form, max_redirects=0).headers[
            "location"
        ]
        for _ in range(3)
    }
    assert len(there) == 1
    assert len(desk.server.admin("GET", "/v1/admin/invoices")["invoices"]) == before + 1


def test_a_product_that_is_not_sold_is_a_page_that_names_it(open_desk: OpenDesk) -> None:
    desk = open_desk(state=None)
    desk.watch.expects = {404}
    page = desk.go("/buy/no-such-thing")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(page.get_by_text("no-such-thing")).to_be_visible()
    desk.assert_accessible()


def test_a_seller_is_known_by_name_and_color(desk: Desk) -> None:
    profile = desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"][0]
    desk.server.admin(
        "PATCH",
        f"/v1/admin/merchant-profiles/{profile['id']}",
        {"brand_color": "#ffe100", "support_email": "help@example.org"},
    )
    page = desk.go("/buy/notes")
    expect(page.get_by_role("link", name="help@example.org")).to_be_visible()
    theme = theme_of("#ffe100")
    assert theme is not None
    accent = "getComputedStyle(document.documentElement).getPropertyValue('--accent')"
    assert page.evaluate(accent) == theme.light.accent
    desk.assert_accessible()
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(accent) == theme.dark.accent
