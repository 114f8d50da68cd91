"""What a tier of Keysat or the rights of a key keep an operator from, as the screens say it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenDesk
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def office_settings() -> dict[str, str]:
    """The lowest tier: no license of Keysat itself."""
    return {"KEYSAT_LICENSE": "", "KEYSAT_TRUST_ROOT_PEM": ""}


def add_product(server: LiveServer, slug: str) -> None:
    body = {"slug": slug, "name": slug, "price_currency": "SAT", "price_value": 1_000}
    server.admin("POST", "/v1/admin/products", body)


def test_caps_are_announced_before_they_stop_anything_and_then_lead_to_a_higher_tier(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone", "dark")
    have = desk.server.admin("GET", "/v1/admin/products")["total"]
    for number in range(have, 4):
        add_product(desk.server, f"p{number}")
    page = desk.go("/admin/products")
    expect(page.get_by_text("approaching the limit")).to_be_visible()
    add_product(desk.server, "p4")
    page.reload()
    expect(page.get_by_text("and you have them all")).to_be_visible()
    desk.watch.expects = {402}
    page.get_by_role("button", name="New product").click()
    page.get_by_label("Name", exact=True).fill("One more")
    page.get_by_label("Price").fill("1")
    page.get_by_role("button", name="Create product").click()
    upgrade = page.get_by_role("dialog", name="Your tier of Keysat ends here")
    expect(upgrade).to_be_visible()
    assert upgrade.get_by_role("link", name="See higher tiers").get_attribute("href")
    desk.assert_accessible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("One more")


def test_caps_of_tiers_and_codes_are_announced_and_stop_drafts_without_losing_them(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone")
    page = desk.go("/admin/products")
    slug = "capped"
    if desk.server.admin("GET", "/v1/admin/products")["total"] < 5:
        add_product(desk.server, slug)
    else:
        slug = desk.server.admin("GET", "/v1/admin/products")["products"][0]["slug"]
    for number in range(4):
        body = {"product_slug": slug, "slug": f"t{number}", "name": f"T{number}"}
        desk.server.admin("POST", "/v1/admin/policies", body)
    page = desk.go(f"/admin/policies?product={slug}")
    expect(page.get_by_text("approaching the limit")).to_contain_text("4 of 5 tiers")
    page.get_by_role("button", name="Add a tier").click()
    page.get_by_role("button", name="Add a tier").click()
    first, second = page.get_by_role("region", name="New tier").all()
    second.get_by_label("Name", exact=True).fill("One too many")
    first.get_by_label("Name", exact=True).fill("Last")
    first.get_by_role("button", name="Create tier").click()
    expect(page.get_by_text("and you have them all")).to_be_visible()
    desk.watch.expects = {402}
    left = page.get_by_role("region", name="New tier")
    left.get_by_role("button", name="Create tier").click()
    expect(page.get_by_role("dialog", name="Your tier of Keysat ends here")).to_be_visible()
    desk.assert_accessible()
    page.keyboard.press("Escape")
    expect(left.get_by_label("Name", exact=True)).to_have_value("One too many")
    for number in range(9):
        code = {"code": f"CAP{number}", "kind": "free_license", "amount": 0}
        desk.server.admin("POST", "/v1/admin/discount-codes", code)
    page = desk.go("/admin/codes")
    expect(page.get_by_text("approaching the limit")).to_contain_text("9 of 10 active codes")


def test_a_session_of_a_key_sees_and_does_what_the_key_may(
    open_desk: OpenDesk, office: LiveServer
) -> None:
    if not office.admin("GET", "/v1/admin/products")["total"]:
        add_product(office, "first")
    made = office.admin("POST", "/v1/admin/api-keys", {"label": "helper", "role": "support"})
    desk = open_desk(state=None)
    page = desk.go("/admin/licenses")
    page.get_by_role("button", name="Use a key").click()
    page.get_by_label("Master key or API key").fill(made["token"])
    desk.assert_accessible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/licenses")
    expect(page.get_by_role("button", name="Issue a license")).to_be_visible()
    expect(page.get_by_role("link", name="API keys")).to_have_count(0)
    page = desk.go("/admin/products")
    expect(page.get_by_role("button", name="New product")).to_have_count(0)
    desk.watch.expects = {403, 401}
    page = desk.go("/admin/api-keys")
    expect(page.get_by_role("heading", name="Not with these rights")).to_be_visible()
    desk.assert_accessible()
    office.admin("DELETE", f"/v1/admin/api-keys/{made['id']}")
    page = desk.go("/admin/licenses")
    expect(page.get_by_label("Password")).to_be_visible()
    assert made["token"] not in str(page.context.storage_state())
