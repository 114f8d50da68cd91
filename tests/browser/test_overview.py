"""The overview, the search and the server's health, as an operator uses them."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk, OpenDesk
from tests.support.live_server import LiveServer

PLANTED = "Grace <img src=x onerror=alert(1)> \u202eecarG"


@pytest.fixture(scope="module")
def stocked(office: LiveServer) -> LiveServer:
    """The office with something sold, validated and found."""
    office.admin(
        "POST",
        "/v1/admin/products",
        {"slug": "planted", "name": PLANTED, "price_currency": "USD", "price_value": 900},
    )
    office.admin("PUT", "/v1/admin/rates/pin", {"currency": "USD", "units_per_btc": "65000"})
    office.admin(
        "POST", "/v1/admin/discount-codes", {"code": "GR1", "kind": "percent", "amount": 9}
    )
    buyer = {"product_slug": "planted", "buyer_email": "grace@x.example"}
    issued = office.admin("POST", "/v1/admin/licenses", buyer)
    office.validate(issued["license_key"], fingerprint="disk", hostname="greenhouse")
    office.validate("LIC1-AAAA-BBBB")
    purchase = office.ask("POST", "/v1/purchase", {"product": "planted"}).json()
    office.admin(
        "POST",
        f"/v1/admin/invoices/{purchase['invoice_id']}/settle",
        {"reason": "paid in cash", "force": True},
    )
    return office


def test_the_overview_shows_charts_with_tables_beside_them(
    open_desk: OpenDesk, stocked: LiveServer
) -> None:
    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        desk = open_desk(size, scheme)
        page = desk.go("/admin/")
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        expect(page.get_by_role("img", name="Revenue by day")).to_be_visible()
        page.get_by_text("Validations by result as a table").click()
        table = page.get_by_role("region", name="Validations by result")
        expect(table.get_by_role("columnheader", name="bad format, validations")).to_be_visible()
        expect(table.get_by_role("row").last).to_contain_text("1")
        desk.assert_accessible()
        page.get_by_role("link", name="365 days").click()
        expect(page.get_by_role("img", name="Revenue by day")).to_be_visible()


def test_the_public_key_is_copied_and_saved(desk: Desk, stocked: LiveServer) -> None:
    page = desk.go("/admin/")
    page.get_by_role("button", name="Copy as PEM").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Copied")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").press("Enter")
    assert download.value.suggested_filename == "keysat-public-key.pem"
    pem = stocked.ask("GET", "/v1/pubkey").json()["public_key_pem"]
    assert download.value.path().read_text("utf-8") == pem


def test_analytics_are_saved_as_they_are_chosen(desk: Desk, stocked: LiveServer) -> None:
    page = desk.go("/admin/")
    state = page.locator("#community-state")
    box = page.get_by_label("Send a heartbeat")
    box.press("Space")
    expect(state).to_have_text("Saved.")
    page.get_by_label("Collector").fill("nonsense")
    desk.watch.expects = {400}
    expect(page.locator("#community-url-problem")).to_be_visible()
    page.get_by_label("Collector").fill("https://collect.example/beat")
    expect(state).to_have_text("Saved.")
    told = stocked.admin("GET", "/v1/admin/community-analytics")
    assert (told["enabled"], told["collector_url"]) == (True, "https://collect.example/beat")
    expect(page.locator("#community-preview")).to_contain_text(told["install_uuid"])
    page.get_by_role("button", name="Reset").click()
    desk.assert_accessible()
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("#toasts")).to_contain_text("another id")
    expect(page.locator("#community-id")).not_to_have_text(told["install_uuid"])
    box.press("Space")
    expect(state).to_have_text("Saved.")
    assert stocked.admin("GET", "/v1/admin/community-analytics")["enabled"] is False


def test_a_rate_is_refreshed(desk: Desk, stocked: LiveServer) -> None:
    page = desk.go("/admin/")
    page.get_by_role("button", name="Refresh USD").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("asked for")
    expect(page.get_by_role("row", name="USD")).to_contain_text("65,000.00")


def test_anything_is_found_from_anywhere_by_keyboard(
    open_desk: OpenDesk, stocked: LiveServer
) -> None:
    desk = open_desk(scheme="dark")
    page = desk.go("/admin/audit")
    page.keyboard.press("/")
    page.keyboard.type("gr")
    hits = page.get_by_role("region", name="Found")
    expect(hits.get_by_role("link")).to_have_count(4)
    desk.assert_accessible()
    expect(hits).to_contain_text("greenhouse")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(hits.get_by_role("link", name="greenhouse")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(hits.get_by_role("link")).to_have_count(0)
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("grace <")
    expect(hits.get_by_role("link")).to_have_count(1)
    expect(hits).to_contain_text("Grace <img src=x onerror=alert(1)>")
    assert "\u202e" not in page.content()
    page.get_by_label("Search licenses").press("Enter")
    page.wait_for_url("**/admin/search?q=grace*")
    expect(page.locator("#found").get_by_role("link")).to_have_count(1)
    desk.assert_accessible()


def test_the_search_is_a_page_without_scripts_too(open_desk: OpenDesk, stocked: LiveServer) -> None:
    desk = open_desk("phone", scripts=False)
    page = desk.go("/admin/search?q=nothing%20like%20it")
    expect(page.get_by_text("Nothing begins like that")).to_be_visible()
    page = desk.go("/admin/search?q=GR1")
    expect(page.get_by_role("main").get_by_role("link", name="GR1")).to_be_visible()


def test_the_health_shows_what_is_wrong_and_what_to_do(
    open_desk: OpenDesk, stocked: LiveServer
) -> None:
    for size, scheme in (("desktop", "dark"), ("phone", "light")):
        desk = open_desk(size, scheme)
        page = desk.go("/admin/health")
        expect(page.get_by_role("heading", name="Backup").first).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("run: keysat backup")
        expect(page.get_by_role("region", name="Background jobs")).to_contain_text("deliveries")
        expect(page.get_by_role("main")).to_contain_text("keysat.db")
        desk.assert_accessible()
