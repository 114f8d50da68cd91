"""API keys and the audit log, as an operator uses them."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import violations
from tests.browser.conftest import PASSWORD, OpenDesk, Watch
from tests.support.live_server import LiveServer, live_server
from tests.support.program import ADMIN_KEY

HOME = re.compile("/admin/(start)?$")
"""Where one is after signing in; the master of an empty shop is led on to the guide."""


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


def test_sessions_are_listed_and_ended_and_the_password_is_changed(
    own_office: LiveServer, browser: Browser
) -> None:
    made = own_office.admin("POST", "/v1/admin/api-keys", {"label": "Anna", "role": "support"})
    helper = browser.new_context()
    page = helper.new_page()
    watch = Watch(origin=own_office.url)
    watch.over(page)
    page.goto(f"{own_office.url}/admin/login")
    page.get_by_label("Master key or API key").fill(made["token"])
    page.keyboard.press("Enter")
    page.wait_for_url(HOME)
    page.goto(f"{own_office.url}/admin/security")
    expect(page.get_by_text("the API key Anna (support)")).to_be_visible()
    expect(page.get_by_role("heading", name="Open sessions")).to_have_count(0)
    assert made["token"] not in page.evaluate(
        "JSON.stringify([localStorage, sessionStorage, document.cookie])"
    )
    assert violations(page) == []

    master = browser.new_context(color_scheme="dark")
    own = master.new_page()
    watch.over(own)
    own.goto(f"{own_office.url}/admin/login")
    own.get_by_label("Master key or API key").fill(ADMIN_KEY)
    own.keyboard.press("Enter")
    own.wait_for_url(HOME)
    own.goto(f"{own_office.url}/admin/security")
    row = own.get_by_role("row", name="Anna")
    expect(row).to_contain_text("Chrome on Linux")
    row.get_by_role("button", name="Sign out").click()
    expect(own.get_by_text("revoke the key")).to_be_visible()
    assert violations(own) == []
    own.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(own.get_by_role("row", name="Anna")).to_have_count(0)
    page.reload()
    page.wait_for_url("**/admin/login?next=*")

    own.get_by_label("New password", exact=True).fill(PASSWORD)
    own.get_by_label("New password, once more").fill("another one entirely")
    own.get_by_role("button", name="Set the password").click()
    expect(own.get_by_role("dialog")).to_have_count(0)
    own.get_by_label("New password, once more").fill(PASSWORD)
    own.get_by_role("button", name="Set the password").click()
    own.get_by_role("dialog").get_by_role("button", name="Set it").click()
    own.wait_for_url("**/admin/login")
    own.get_by_label("Password", exact=True).fill(PASSWORD)
    own.keyboard.press("Enter")
    own.wait_for_url(HOME)
    assert watch.complaints == []
    helper.close()
    master.close()


@pytest.fixture
def own_office(tmp_path: Path) -> Iterator[LiveServer]:
    """A server without a password, where nobody is signed in yet."""
    with live_server(tmp_path, KEYSAT_INSECURE_COOKIES="1") as server:
        yield server
