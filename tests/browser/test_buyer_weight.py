"""How heavy the buy page is, and how it is used without a mouse. Source: the page budgets of docs/pages.md."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenDesk
from tests.support.live_server import LiveServer

BYTES_MAX = 60_000
REQUESTS_MAX = 6
ELEMENTS_MAX = 600
TIERS = 4

SHIFTS = """() => new Promise((done) => {
  let shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(shift), 100));
})"""
BLOCKING = """() => performance.getEntriesByType("resource")
  .filter((one) => one.initiatorType === "script" && one.renderBlockingStatus === "blocking").length"""
WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map((one) => [one.name, one.encodedBodySize])"""


@pytest.fixture(scope="module", autouse=True)
def stocked(office: LiveServer) -> Any:
    """A product as rich as most sellers have one, with a logo."""
    features = [
        {"slug": f"f{number}", "name": f"Feature {number}", "description": "What it is good for."}
        for number in range(8)
    ]
    office.admin(
        "POST",
        "/v1/admin/products",
        {
            "slug": "notes", "name": "Notes", "description": "Takes notes. " * 20,
            "price_sats": 25_000, "entitlements_catalog": features,
        },
    )  # fmt: skip
    for number in range(TIERS):
        office.admin(
            "POST",
            "/v1/admin/policies",
            {
                "product_slug": "notes", "slug": f"t{number}", "name": f"Tier {number}",
                "price_sats_override": 10_000 * (number + 1),
                "entitlements": [one["slug"] for one in features],
                "metadata": {"marketing_bullets": ["Answers in a day", "All updates"]},
            },
        )  # fmt: skip
    profile = office.admin("GET", "/v1/admin/merchant-profiles")["profiles"][0]["id"]
    path = f"/v1/admin/merchant-profiles/{profile}"
    office.admin("PATCH", path, {"brand_color": "#7a1fa2"})
    office.admin("PUT", f"{path}/logo", {"content": PIXEL})


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_buy_page_keeps_its_budgets(open_desk: OpenDesk, size: str) -> None:
    page = open_desk(size, state=None).go("/buy/notes")
    page.wait_for_load_state("networkidle")
    weight = page.evaluate(WEIGHT)
    assert len(weight) <= REQUESTS_MAX, weight
    assert all(size > 0 for _, size in weight), weight
    assert sum(size for _, size in weight) < BYTES_MAX, weight
    assert page.evaluate("document.querySelectorAll('*').length") < ELEMENTS_MAX
    assert page.evaluate(SHIFTS) < 0.01
    assert page.evaluate(BLOCKING) == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".logo").evaluate("(one) => one.naturalWidth") == 1


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.value"))


def test_a_buyer_with_a_keyboard_alone_buys(open_desk: OpenDesk) -> None:
    desk = open_desk(state=None)
    page = desk.go("/buy/notes?policy=t0")
    page.keyboard.press("Tab")
    assert focused(page) == "tier-1"
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Pay 20,000 sats")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "What is Feature 0?"
    page.keyboard.press("Enter")
    help_text = page.get_by_text("What it is good for.").and_(page.locator(":popover-open"))
    expect(help_text).to_be_visible()
    page.keyboard.press("Escape")
    expect(help_text).to_have_count(0)
    for _ in range(60):
        if focused(page) == "code":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("We do not know this code.")).to_be_visible()
    assert focused(page) == "code"
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "email"
    page.keyboard.type("ann@example.org")
    page.keyboard.press("Tab")
    assert focused(page) == "buy-button"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sandbox/checkout/"))
    page.go_back()
    expect(page.get_by_role("heading", name="Notes", exact=True)).to_be_visible()


def test_what_fails_is_said_in_the_form_and_gets_the_focus(open_desk: OpenDesk) -> None:
    desk = open_desk("phone", "dark", state=None)
    page = desk.go("/buy/notes?policy=t0")
    page.get_by_label("Discount code").fill("wrong")
    page.get_by_label("E-mail").fill("ann@example.org")
    desk.watch.expects = {400}
    page.get_by_role("button", name="Pay 10,000 sats").click()
    expect(page.get_by_text("We do not know this code.")).to_be_visible()
    expect(page.get_by_label("Discount code")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value("ann@example.org")
    desk.assert_accessible()
