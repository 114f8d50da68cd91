"""An operator's day by keyboard alone: nothing is clicked, and the focus is seen at every stop."""

from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, OpenDesk
from tests.browser.typist import Typist
from tests.support.live_server import LiveServer


def test_a_shop_is_run_by_keyboard_alone(open_desk: OpenDesk, office: LiveServer) -> None:
    desk = open_desk(state=None)
    page = desk.go("/admin/login?next=/admin/products")
    typist = Typist(page=page)
    assert typist.here() == "Password"
    page.keyboard.type(PASSWORD)
    typist.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Products")).to_be_visible()

    typist.tab_to("Skip to the content")
    typist.press("Enter")
    typist.activate("New product")
    assert typist.here() == "Name"
    page.keyboard.type("Notes")
    typist.enter("Price", "25000")
    typist.activate("Create product")
    page.wait_for_url("**/admin/products/*-*")

    typist.activate("Policies")
    expect(page.get_by_role("heading", level=1, name="Policies")).to_be_visible()
    typist.activate("Add a tier", key="Space")
    draft = page.get_by_role("region", name="New tier")
    expect(draft).to_be_visible()
    if typist.here() != "Name":
        typist.tab_to("Name")
    page.keyboard.type("Pro")
    typist.activate("Create tier")
    expect(page.get_by_role("article", name="Pro")).to_be_visible()

    typist.activate("Discount codes")
    expect(page.get_by_role("heading", level=1, name="Discount codes")).to_be_visible()
    typist.activate("New code")
    assert typist.here() == "Code"
    page.keyboard.type("EARLY")
    typist.tab_to("What it does")
    typist.press("ArrowDown", "ArrowUp")
    typist.enter("Percent off", "20")
    typist.tab_to("For")
    typist.press("ArrowDown")
    typist.activate("Create code")
    expect(page.get_by_role("rowheader", name="EARLY")).to_be_visible()

    typist.activate("Licenses")
    expect(page.get_by_role("heading", level=1, name="Licenses")).to_be_visible()
    typist.activate("Issue a license")
    typist.tab_to("Tier")
    typist.press("ArrowDown")
    typist.enter("E-mail of its user", "ann@example.org")
    typist.activate("Issue")
    key = page.get_by_role("dialog", name="The license key")
    expect(key).to_be_visible()
    license_key = key.locator("code").inner_text()
    typist.press("Escape")
    expect(key).to_be_hidden()
    assert office.validate(license_key)["ok"] is True

    row = page.get_by_role("row").filter(has_text="ann@example.org")
    typist.tab_to(row.get_by_role("link").first.inner_text())
    typist.press("Enter")
    page.wait_for_url("**/admin/licenses/*-*")
    typist.activate("Revoke")
    assert typist.here().startswith("Reason")
    page.keyboard.type("Wanted her money back")
    typist.press("Enter")
    expect(page.get_by_text("revoked", exact=True).first).to_be_visible()
    assert office.validate(license_key)["reason"] == "revoked"

    typist.activate("Sign out", key="Space")
    page.wait_for_url("**/admin/login")
    codes = office.admin("GET", "/v1/admin/discount-codes")["codes"]
    assert [(one["code"], one["amount"], one["max_uses"]) for one in codes] == [
        ("EARLY", 2_000, None)
    ]
