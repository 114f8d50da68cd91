"""API keys and the audit log, as an operator uses them."""

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import OpenDesk


def test_a_key_is_made_shown_once_used_and_revoked(open_desk: OpenDesk) -> None:
    desk = open_desk(scheme="dark")
    page = desk.go("/admin/api-keys")
    desk.assert_accessible()
    page.get_by_role("button", name="Create a key").click()
    page.get_by_label("Label").fill("release <script>alert(1)</script>")
    page.get_by_role("radio", name="support").check()
    page.get_by_label("May also begin to connect").check()
    desk.assert_accessible()
    page.get_by_role("button", name="Create key").click()
    shown = page.get_by_role("dialog", name="The key")
    expect(shown).to_be_visible()
    token = shown.locator("code").inner_text()
    desk.assert_accessible()
    shown.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_contain_text("Copied")
    shown.get_by_role("button", name="Done").click()
    header = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{desk.server.url}/v1/admin/tier", headers=header).status_code == 200
    row = page.get_by_role("row", name="release <script>")
    expect(row).to_contain_text("payment_providers:write")
    assert token not in page.content()
    row.get_by_role("button", name="Revoke").click()
    desk.assert_accessible()
    page.get_by_role("button", name="Revoke", exact=True).last.click()
    expect(page.get_by_role("row", name="release <script>")).to_contain_text("revoked")
    assert httpx.get(f"{desk.server.url}/v1/admin/tier", headers=header).status_code == 403


def test_a_change_is_found_in_the_audit_log_with_what_was_and_what_became(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone")
    made = desk.server.admin(
        "POST",
        "/v1/admin/products",
        {"slug": "audited", "name": "Before", "price_currency": "SAT", "price_value": 1},
    )
    desk.server.admin("PATCH", f"/v1/admin/products/{made['id']}", {"name": "After"})
    page = desk.go("/admin/audit")
    desk.assert_accessible()
    page.get_by_label("Action").fill("product.update")
    expect(page.get_by_text("product.create")).to_have_count(0)
    page.get_by_text("Row ").first.click()
    expect(page.locator("del")).to_contain_text("Before")
    expect(page.locator("ins")).to_contain_text("After")
    desk.assert_accessible()
    page.get_by_label("To", exact=True).fill("2001-01-01")
    expect(page.get_by_text("Nothing was written down that matches")).to_be_visible()
    page.get_by_role("link", name="Show everything").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "product.update" in download.value.path().read_text("utf-8")
