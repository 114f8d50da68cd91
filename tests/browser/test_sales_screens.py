"""What was sold, as an operator looks after it: licenses, machines, subscriptions, invoices."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from keysat_core.signing import Verifier
from tests.browser.conftest import Desk, OpenDesk
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module", autouse=True)
def stocked(office: LiveServer) -> Any:
    """A product with tiers, licenses, machines, a subscription and an open invoice."""
    admin = office.admin
    product = admin(
        "POST",
        "/v1/admin/products",
        {"slug": "app", "name": "App", "price_currency": "USD", "price_value": 2_000},
    )
    admin("PUT", "/v1/admin/rates/pin", {"currency": "USD", "units_per_btc": "50000"})
    for tier in (
        {"slug": "basic", "name": "Basic", "tier_rank": 1},
        {"slug": "pro", "name": "Pro", "tier_rank": 2, "entitlements": ["sync"]},
        {
            "slug": "monthly",
            "name": "Monthly",
            "is_recurring": True,
            "renewal_period_days": 30,
            "trial_days": 7,
        },
    ):
        admin("POST", "/v1/admin/policies", {"product_slug": "app", "max_machines": 2, **tier})
    return product


def issued(desk: Desk, **fields: Any) -> Any:
    return desk.server.admin("POST", "/v1/admin/licenses", {"product_slug": "app", **fields})


def said(page: Page, text: str) -> None:
    expect(page.get_by_role("status").get_by_text(text).last).to_be_visible()


def test_a_license_is_issued_found_and_taken_through_its_life(open_desk: OpenDesk) -> None:
    desk = open_desk("phone", "dark")
    page = desk.go("/admin/licenses")
    desk.assert_accessible()
    page.get_by_role("button", name="Issue a license").click()
    desk.assert_accessible()
    dialog = page.get_by_role("dialog", name="Issue a license")
    dialog.get_by_label("Tier").select_option("pro")
    dialog.get_by_label("E-mail of its user").fill("ann@example.org")
    dialog.get_by_text("Terms of its own").click()
    dialog.get_by_label("Until").fill("2031-01-02T03:04")
    dialog.get_by_label("Machines").fill("5")
    dialog.get_by_role("button", name="Issue", exact=True).click()
    shown = page.get_by_role("dialog", name="The license key")
    key = shown.locator("code").inner_text()
    pem = desk.server.ask("GET", "/v1/pubkey").json()["public_key_pem"]
    Verifier.from_pem(pem).verify(key)
    desk.assert_accessible()
    shown.get_by_role("button", name="Done").click()
    page.get_by_label("E-mail", exact=True).fill("ANN@example.org")
    row = page.get_by_role("row", name="ann@example.org")
    expect(row).to_contain_text("sync")
    row.get_by_role("link").first.click()
    desk.assert_accessible()
    page.get_by_role("button", name="Suspend").click()
    page.locator("#ask-reason").fill("Chargeback")
    desk.assert_accessible()
    page.get_by_role("button", name="Suspend").last.click()
    said(page, "Suspended.")
    assert desk.server.validate(key)["reason"] == "suspended"
    expect(page.get_by_role("region", name="What happened")).to_contain_text("Chargeback")
    page.get_by_role("button", name="Lift the suspension").click()
    said(page, "It works again.")
    page.get_by_role("button", name="Change tier").click()
    page.get_by_label("New tier").select_option("basic")
    expect(page.get_by_text("the license loses sync")).to_be_visible()
    desk.assert_accessible()
    page.get_by_label("Change it all the same").check()
    page.get_by_role("dialog").get_by_role("button", name="Change tier").click()
    said(page, "Tier changed.")
    expect(page.get_by_role("region", name="Changes of tier")).to_contain_text("pro to basic")
    assert key not in page.content()
    page.get_by_role("link", name="Show the key").click()
    Verifier.from_pem(pem).verify(page.locator("#the-key").inner_text())
    page.get_by_role("button", name="Copy the key").click()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke").last.click()
    said(page, "Revoked.")
    assert desk.server.validate(key)["reason"] == "revoked"
    page = desk.go("/admin/licenses?revoked=hide&email=ann@example.org")
    expect(page.get_by_text("No license matches")).to_be_visible()


def test_many_licenses_are_issued_from_a_table_after_a_look(desk: Desk) -> None:
    page = desk.go("/admin/licenses")
    page.get_by_role("button", name="Issue many").click()
    table = page.get_by_label("The table")
    table.fill("product_slug,buyer_email\napp,bulk@example.org\nnothing,x@example.org\n")
    desk.assert_accessible()
    page.get_by_role("button", name="Look only").click()
    report = page.get_by_role("region", name="Report")
    expect(report).to_contain_text("1 wrong")
    expect(report).to_contain_text("Row 3: product_slug")
    page.get_by_label("Leave out rows that are wrong").check()
    page.get_by_role("button", name="Issue them").click()
    expect(report).to_contain_text("1 issued")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the keys").click()
    assert "LIC1-" in download.value.path().read_text("utf-8")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_label("E-mail", exact=True).fill("bulk@example.org")
    expect(page.get_by_role("row", name="bulk@example.org")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "bulk@example.org" in download.value.path().read_text("utf-8")


def test_machines_are_looked_at_by_license_and_deactivated(open_desk: OpenDesk) -> None:
    desk = open_desk("phone")
    license = issued(desk, policy_slug="basic")
    for number in (1, 2):
        body = {
            "key": license["license_key"],
            "fingerprint": f"f{number}",
            "hostname": f"box-{number}",
        }
        desk.server.ask("POST", "/v1/machines/activate", {**body, "platform": "linux"})
    page = desk.go("/admin/machines")
    desk.assert_accessible()
    page.get_by_role("link", name="App", exact=True).click()
    page = desk.go(f"/admin/machines?license={license['license_id']}")
    page.reload()
    expect(page.get_by_role("rowheader", name="box-1")).to_be_visible()
    expect(page.get_by_text("linux").first).to_be_visible()
    page.get_by_role("button", name="Deactivate box-1").click()
    page.get_by_label("Reason, for the audit log").fill("Sold")
    page.get_by_role("button", name="Deactivate", exact=True).click()
    said(page, "Deactivated.")
    expect(page.get_by_role("rowheader", name="box-1")).to_have_count(0)
    page.get_by_role("link", name="deactivated").click()
    expect(page.get_by_role("row", name="box-1")).to_contain_text("Sold")
    expect(page.get_by_role("rowheader", name="box-2")).to_have_count(0)
    desk.assert_accessible()


def test_a_subscription_is_found_by_status_and_cancelled_with_a_reason(desk: Desk) -> None:
    bought = desk.server.ask(
        "POST", "/v1/purchase", {"product": "app", "policy_slug": "monthly"}
    ).json()
    assert bought["license_key"]
    page = desk.go("/admin/subscriptions")
    desk.assert_accessible()
    expect(page.get_by_role("region", name="Subscriptions of App")).to_contain_text("20.00 USD")
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_label("Reason, for the audit log").fill("Asked for it")
    desk.assert_accessible()
    page.get_by_role("button", name="Cancel the subscription").click()
    said(page, "Cancelled.")
    page.get_by_role("link", name="cancelled (1)").click()
    page.locator("tbody a").first.click()
    expect(page.get_by_role("region", name="Terms")).to_contain_text("Asked for it")
    desk.assert_accessible()


def test_an_invoice_is_found_and_settled_by_hand(open_desk: OpenDesk) -> None:
    desk = open_desk(scheme="dark")
    request = {"product": "app", "policy_slug": "basic", "buyer_email": "pay@example.org"}
    opened = httpx.post(f"{desk.server.url}/v1/purchase", json=request, trust_env=False).json()
    page = desk.go("/admin/invoices?status=pending")
    desk.assert_accessible()
    page.get_by_label("E-mail").fill("pay@example.org")
    page.get_by_role("row", name="pay@example.org").get_by_role("link").first.click()
    expect(page.get_by_role("region", name="The sale")).to_contain_text("20.00 USD at 50,000.00")
    desk.assert_accessible()
    page.get_by_role("button", name="Settle on my word").click()
    page.get_by_label("Reason, for the audit log").fill("Paid in cash")
    page.get_by_role("button", name="Settle", exact=True).click()
    said(page, "Settled.")
    poll = desk.server.ask("GET", f"/v1/purchase/{opened['invoice_id']}").json()
    assert poll["license_key"]
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("region", name="Receipt")).to_contain_text("40,000 sats")
