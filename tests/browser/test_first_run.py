"""The guided first run: an empty install becomes a shop that sold something."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PASSWORD, Desk, OpenDesk, Watch
from tests.support.live_server import LiveServer, live_server


def test_an_empty_sandbox_is_led_to_its_first_sale(open_desk: OpenDesk, office: LiveServer) -> None:
    desk = open_desk()
    page = desk.go("/admin/")
    page.wait_for_url("**/admin/start")
    page.get_by_role("link", name="look around").press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="Finish setting up").press("Enter")
    steps = page.get_by_role("list").filter(has_text="Try a sale")
    expect(steps.locator("[aria-current=step]")).to_contain_text("Name your shop")
    desk.assert_accessible()
    page.get_by_label("Name of the shop").fill("Quiet Tools")
    page.get_by_role("button", name="Save and go on").press("Enter")
    expect(page.get_by_role("heading", name="How do you get paid?")).to_be_visible()
    expect(page.get_by_text("nobody can pay you real money")).to_be_visible()
    desk.assert_accessible()
    page.get_by_role("link", name="Skip: pretend money").press("Enter")
    page.get_by_label("Name", exact=True).fill("Notes")
    page.get_by_label("Price", exact=True).fill("25000")
    desk.assert_accessible()
    page.get_by_role("button", name="Create and go on").press("Enter")
    expect(page.get_by_role("heading", name="Which tiers does it have?")).to_be_visible()
    desk.assert_accessible()
    page.get_by_label("Name of the tier").fill("Pro")
    page.get_by_label("Price in sats").fill("60000")
    page.get_by_label("Holds").select_option("a year, paid once")
    page.get_by_role("button", name="Add the tier").press("Enter")
    expect(page.get_by_role("button", name="Add another tier")).to_be_visible()
    page.get_by_label("Name of the tier").fill("Monthly")
    page.get_by_label("Holds").select_option("as long as it is paid, every 30 days")
    page.get_by_role("button", name="Add another tier").press("Enter")
    expect(page.get_by_text("Monthly", exact=True)).to_be_visible()
    tiers = office.admin("GET", "/v1/admin/policies?product_slug=notes")["policies"]
    assert [
        (
            one["slug"],
            one["price_sats_override"],
            one["duration_seconds"],
            one["renewal_period_days"],
        )
        for one in tiers
    ] == [("monthly", None, 0, 30), ("pro", 60_000, 365 * 86_400, 0)]
    desk.go("/admin/products")
    expect(page.get_by_text("3 of 5 steps of setting up are done")).to_be_visible()
    page.get_by_role("link", name="Finish setting up").press("Enter")
    expect(page.get_by_role("heading", name="Try it as a buyer does")).to_be_visible()
    desk.assert_accessible()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open the buy page").press("Enter")
    buyer = opened.value
    desk.watch.over(buyer)
    buyer.get_by_role("button", name="Pay").click()
    buyer.get_by_role("button", name="Pay", exact=True).click()
    expect(page.locator("#sale [role=status]")).to_contain_text(
        "The license arrived", timeout=15_000
    )
    desk.assert_accessible()
    page.get_by_role("link", name="Go on").press("Enter")
    expect(page.get_by_role("heading", name="Your shop is ready")).to_be_visible()
    expect(page.get_by_text("docs/integrate.md")).to_be_visible()
    desk.assert_accessible()
    desk.go("/admin/products")
    expect(page.get_by_text("Finish setting up")).to_have_count(0)


@pytest.fixture
def real_shop(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of real money, set up as far as a product."""
    with live_server(tmp_path, KEYSAT_INSECURE_COOKIES="1", KEYSAT_SANDBOX_MODE="0") as server:
        server.admin("POST", "/v1/admin/web-password", {"password": PASSWORD})
        server.admin("POST", "/v1/admin/settings/operator-name", {"name": "Quiet Tools"})
        server.admin(
            "POST", "/v1/admin/products", {"slug": "notes", "name": "Notes", "price_sats": 25_000}
        )
        yield server


def test_where_money_is_real_a_code_makes_the_test_free_and_it_is_taken_back(
    real_shop: LiveServer, browser: Browser
) -> None:
    context = browser.new_context(base_url=real_shop.url)
    page = context.new_page()
    watch = Watch(origin=real_shop.url)
    watch.over(page)
    desk = Desk(page=page, server=real_shop, watch=watch)
    assert context.request.post("/admin/login", data={"password": PASSWORD}).status == 204
    page.goto("/admin/start")
    expect(page.get_by_text("Set BTCPAY_URL")).to_be_visible()
    expect(page.get_by_label("API key of Zaprite")).to_be_visible()
    desk.assert_accessible()
    page.get_by_role("link", name="Try a sale").press("Enter")
    page.get_by_role("button", name="Make a code for one free license").press("Enter")
    link = page.get_by_role("link", name="Open the buy page")
    address = link.get_attribute("href") or ""
    code = address.partition("/buy/notes?code=")[2]
    assert code.startswith("FIRST-SALE-")
    desk.assert_accessible()
    redeemed = real_shop.ask("POST", "/v1/redeem", {"product": "notes", "code": code}).json()
    expect(page.locator("#sale [role=status]")).to_contain_text(
        "The license arrived", timeout=15_000
    )
    page.get_by_role("button", name="Revoke the test license").press("Enter")
    desk.assert_accessible()
    page.get_by_role("button", name="Revoke", exact=True).press("Enter")
    expect(page.get_by_text("revoked", exact=True)).to_be_visible()
    page.get_by_role("button", name="Switch the code off").press("Enter")
    expect(page.get_by_role("button", name="Switch the code off")).to_have_count(0)
    assert real_shop.validate(redeemed["license_key"])["reason"] == "revoked"
    page.goto("/admin/start?step=next")
    expect(page.get_by_role("heading", name="Almost ready")).to_be_visible()
    expect(page.get_by_role("link", name="Get paid", exact=True).last).to_be_visible()
    assert watch.complaints == []
    context.close()
