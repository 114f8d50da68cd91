"""What is sold, as an operator manages it: products, tiers and codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, OpenDesk


def product_of(desk: Desk, slug: str, **fields: Any) -> Any:
    body = {"slug": slug, "name": slug.title(), "price_currency": "SAT", "price_value": 1_000}
    return desk.server.admin("POST", "/v1/admin/products", body | fields)


def said(page: Page, text: str) -> None:
    expect(page.get_by_role("status").get_by_text(text).last).to_be_visible()


@contextmanager
def saving(page: Page) -> Iterator[None]:
    """Wait until what is changed inside was answered, and the screen shown anew."""
    with page.expect_response(
        lambda answer: "/v1/admin/" in answer.url and answer.request.method != "GET"
    ):
        yield
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def save(page: Page, region: str) -> None:
    with saving(page):
        page.get_by_role("region", name=region).get_by_role("button", name="Save").click()


def test_a_product_is_made_with_a_catalog_by_keyboard(desk: Desk) -> None:
    page = desk.go("/admin/products")
    page.get_by_role("button", name="New product").press("Enter")
    page.keyboard.type("With Catalog")
    dialog = page.get_by_role("dialog", name="New product")
    dialog.get_by_label("Price").fill("19.90")
    dialog.get_by_label("Currency").select_option("EUR")
    dialog.get_by_text("Entitlements", exact=True).press("Enter")
    dialog.get_by_role("button", name="Add an entitlement").press("Enter")
    page.keyboard.type("sync")
    page.keyboard.press("Tab")
    page.keyboard.type("Sync")
    desk.assert_accessible()
    dialog.get_by_role("button", name="Create product").press("Enter")
    page.wait_for_url("**/admin/products/*")
    made = desk.server.admin("GET", f"/v1/admin/products/{page.url.rsplit('/', 1)[1]}")
    assert (made["slug"], made["price_currency"], made["price_value"]) == (
        "with-catalog",
        "EUR",
        1_990,
    )
    assert [one["slug"] for one in made["entitlements_catalog"]] == ["sync"]


def test_a_product_is_edited_its_catalog_arranged_and_cleared(open_desk: OpenDesk) -> None:
    desk = open_desk("phone", "dark")
    made = product_of(desk, "edited")
    page = desk.go(f"/admin/products/{made['id']}")
    desk.assert_accessible()
    page.get_by_label("Name", exact=True).first.fill("Edited Well")
    page.get_by_label("Currency").select_option("EUR")
    page.get_by_label("Price").fill("12.5")
    for slug, name in (("sync", "Sync"), ("print", "Print")):
        page.get_by_role("button", name="Add an entitlement").click()
        row = page.locator("[data-row]").last
        row.get_by_label("Slug").fill(slug)
        row.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Move up").last.press("Enter")
    save(page, "About")
    expect(page.get_by_role("heading", name="Edited Well")).to_be_visible()
    desk.assert_accessible()
    kept = desk.server.admin("GET", f"/v1/admin/products/{made['id']}")
    assert (kept["name"], kept["price_value"]) == ("Edited Well", 1_250)
    assert [one["slug"] for one in kept["entitlements_catalog"]] == ["print", "sync"]
    page.locator("[data-row]").last.get_by_label("Slug").fill("Not A Slug")
    desk.watch.expects = {400}
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Slugs may hold only")).to_be_visible()
    for _ in range(2):
        page.get_by_role("button", name="Remove").first.click()
    save(page, "About")
    expect(page.locator("[data-row]")).to_have_count(0)
    kept = desk.server.admin("GET", f"/v1/admin/products/{made['id']}")
    assert not kept["entitlements_catalog"]
    assert kept["description"] == ""


def test_a_product_with_sales_is_deleted_only_by_typing_its_slug(desk: Desk) -> None:
    made = product_of(desk, "doomed")
    desk.server.admin("POST", "/v1/admin/licenses", {"product_slug": "doomed"})
    page = desk.go(f"/admin/products/{made['id']}")
    desk.watch.expects = {409}
    page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("dialog", name="with everything sold of it")
    expect(asked).to_contain_text("licenses: 1")
    desk.assert_accessible()
    go = asked.get_by_role("button", name="Delete everything")
    expect(go).to_be_disabled()
    asked.get_by_label("Type").fill("doomed")
    go.click()
    page.wait_for_url("**/admin/products")
    said(page, "Deleted.")
    expect(page.get_by_role("link", name="Doomed")).to_have_count(0)


def test_tiers_are_drafted_edited_moved_hidden_archived_and_deleted(open_desk: OpenDesk) -> None:
    desk = open_desk()
    product_of(desk, "tiered", entitlements_catalog=[{"slug": "sync", "name": "Sync"}])
    page = desk.go("/admin/policies?product=tiered")
    desk.assert_accessible()
    for name in ("Basic", "Pro"):
        page.get_by_role("button", name="Add a tier").click()
        draft = page.get_by_role("region", name="New tier").last
        draft.get_by_label("Name", exact=True).fill(name)
    desk.assert_accessible()
    pro = page.get_by_role("region", name="New tier").last
    pro.get_by_label("Price in sats").fill("5000")
    pro.get_by_role("button", name="A year").click()
    pro.get_by_label("Machines").fill("3")
    pro.get_by_label("Sync", exact=True).check()
    pro.get_by_label("hide on the buy page").check()
    pro.get_by_label("Selling points (optional)").fill("Fast\n\nSmall")
    pro.get_by_label("Most popular").check()
    pro.get_by_text("Renewal and trial").click()
    pro.get_by_label("Paid again and again").check()
    pro.get_by_role("button", name="Month").click()
    pro.get_by_label("Free days at first").fill("7")
    pro.get_by_role("button", name="Create tier").click()
    expect(page.get_by_role("article", name="Pro")).to_contain_text("5,000 sats / mo")
    page.get_by_role("region", name="New tier").get_by_role("button", name="Create tier").click()
    expect(page.get_by_role("article", name="Basic")).to_be_visible()
    card = page.get_by_role("article", name="Pro")
    for shown in ("Free for 7 days", "3 machines", "Fast", "hidden from buyers", "most popular"):
        expect(card).to_contain_text(shown)
    desk.assert_accessible()
    page.get_by_role("button", name="Move Pro earlier").press("Enter")
    said(page, "Order saved: Pro is 1 of 2.")
    expect(page.get_by_role("button", name="Move Pro earlier")).to_be_focused()
    expect(page.get_by_role("article").first).to_contain_text("rank 1")
    handle = page.get_by_role("article", name="Basic").locator("[data-handle]")
    handle.hover()
    page.mouse.down()
    page.get_by_role("article", name="Pro").hover(force=True)
    expect(page.get_by_role("article").first).to_contain_text("Basic")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.get_by_role("article").first).to_contain_text("Pro")
    handle.drag_to(page.get_by_role("article", name="Pro"))
    said(page, "Order saved: Basic is 1 of 2.")
    expect(page.get_by_role("article").first).to_contain_text("Basic")
    expect(page.get_by_role("article").first).to_contain_text("rank 1")
    page.get_by_role("button", name="Hide Pro").click()
    said(page, "Hidden from buyers.")
    page.get_by_role("button", name="Disable Pro").click()
    said(page, "Disabled.")
    page.get_by_role("button", name="Archive Basic").click()
    page.get_by_role("button", name="Archive", exact=True).click()
    page.get_by_role("link", name="Show 1 archived").click()
    expect(page.get_by_role("link", name="Hide 1 archived")).to_be_visible()
    page = desk.go("/admin/policies?product=tiered")
    page.wait_for_url("**/admin/policies?product=tiered&archived=yes")
    desk.assert_accessible()
    page.get_by_role("button", name="Unarchive Basic").click()
    said(page, "Brought back.")
    for name in ("Basic", "Pro"):
        page.get_by_role("button", name=f"Delete {name}").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.get_by_role("article", name=name)).to_have_count(0)
    expect(page.get_by_role("heading", name="No tiers")).to_be_visible()


def test_editing_a_tier_keeps_what_it_inherits_and_what_it_does_not_know(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone", "dark")
    product_of(desk, "kept", price_currency="USD", price_value=4_900)
    policy = desk.server.admin(
        "POST",
        "/v1/admin/policies",
        {
            "product_slug": "kept",
            "slug": "one",
            "name": "One",
            "metadata": {"own": {"deep": [1, "'\"<b>"]}, "description": "Old"},
        },
    )
    page = desk.go(f"/admin/policies/{policy['id']}")
    desk.assert_accessible()
    page.get_by_label("Description").fill("New")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Grace after its end").fill("0.5")
    page.get_by_label("Rank").fill("4")
    save(page, "Terms")
    kept = desk.server.admin("GET", f"/v1/admin/policies/{policy['id']}")
    assert kept["price_sats_override"] is None
    assert kept["metadata"] == {"own": {"deep": [1, "'\"<b>"]}, "description": "New"}
    assert (kept["grace_seconds"], kept["tier_rank"]) == (43_200, 4)
    page.get_by_label("Price in US dollars").fill("19.90")
    save(page, "Terms")
    expect(page.get_by_role("region", name="As buyers see it")).to_contain_text("19.90 USD")
    page.get_by_label("Price in US dollars").fill("")
    page.get_by_label("Rank").fill("")
    save(page, "Terms")
    expect(page.get_by_role("region", name="As buyers see it")).to_contain_text("49.00 USD")
    kept = desk.server.admin("GET", f"/v1/admin/policies/{policy['id']}")
    assert (kept["price_sats_override"], kept["tier_rank"]) == (None, None)
    page.get_by_label("Lightning address").fill("ann@example.org")
    page.get_by_label("Share in percent").fill("2.5")
    page.get_by_label("Label").fill("Ann")
    save(page, "A share for somebody")
    kept = desk.server.admin("GET", f"/v1/admin/policies/{policy['id']}")
    assert (kept["tip_recipient"], kept["tip_pct_bps"]) == ("ann@example.org", 250)


def test_codes_are_made_found_edited_and_deleted(open_desk: OpenDesk) -> None:
    desk = open_desk(scheme="dark")
    product_of(desk, "coded")
    desk.server.admin(
        "POST", "/v1/admin/policies", {"product_slug": "coded", "slug": "gold", "name": "Gold"}
    )
    page = desk.go("/admin/codes")
    desk.assert_accessible()
    page.get_by_role("button", name="New code").press("Enter")
    desk.assert_accessible()
    dialog = page.get_by_role("dialog", name="New code")
    dialog.get_by_label("Code", exact=True).fill("half")
    expect(dialog.get_by_label("Currency")).to_be_hidden()
    dialog.get_by_label("Percent off").fill("12.75")
    dialog.get_by_label("For", exact=True).select_option("coded")
    dialog.get_by_label("Gold").check()
    dialog.get_by_label("How often").fill("3")
    dialog.get_by_label("Until").fill("2031-05-06T07:08")
    dialog.get_by_label("Referrer").fill("Ann")
    dialog.get_by_label("Featured").check()
    dialog.get_by_role("button", name="Create code").click()
    row = page.get_by_role("row", name="HALF")
    expect(row).to_contain_text("12.75 %")
    expect(row).to_contain_text("0 of 3")
    page.get_by_role("button", name="New code").click()
    dialog.get_by_role("button", name="Generate one").click()
    generated = dialog.get_by_label("Code", exact=True).input_value()
    dialog.get_by_label("What it does").select_option("set_price")
    dialog.get_by_label("Currency").select_option("USD")
    dialog.get_by_label("Price to pay").fill("5.00")
    dialog.get_by_role("button", name="Create code").click()
    expect(page.get_by_role("row", name=generated)).to_contain_text("5.00 USD")
    page.get_by_role("button", name="New code").click()
    dialog.get_by_label("Code", exact=True).fill("gift")
    dialog.get_by_label("What it does").select_option("free_license")
    dialog.get_by_role("button", name="Create code").click()
    expect(page.get_by_role("row", name="GIFT")).to_be_visible()
    page.get_by_label("Find a code").fill("ann")
    expect(page.get_by_role("row", name="GIFT")).to_have_count(0)
    with saving(page):
        page.get_by_role("button", name="Disable HALF").click()
    page.get_by_label("Status").select_option("disabled")
    page.wait_for_url("**state=disabled")
    page.get_by_role("link", name="HALF").click()
    expect(page.get_by_label("Amount in percent")).to_have_value("12.75")
    expect(page.get_by_label("Until")).to_have_value("2031-05-06T07:08")
    desk.assert_accessible()
    page.get_by_label("How often").fill("")
    page.get_by_label("Description").fill("For friends")
    save(page, "Terms")
    expect(page.get_by_label("Until")).to_have_value("2031-05-06T07:08")
    code_id = page.url.rsplit("/", 1)[1]
    kept = desk.server.admin("GET", f"/v1/admin/discount-codes/{code_id}")["code"]
    assert (kept["amount"], kept["max_uses"], kept["description"]) == (1_275, None, "For friends")
    page.get_by_label("Amount in percent").fill("0.5")
    page.get_by_label("Until").fill("")
    page.get_by_label("Gold").uncheck()
    save(page, "Terms")
    kept = desk.server.admin("GET", f"/v1/admin/discount-codes/{code_id}")["code"]
    assert (kept["amount"], kept["expires_at"], kept["applies_to_policy_ids"]) == (50, None, [])
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).last.click()
    page.wait_for_url("**/admin/codes")
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV").click()
    assert generated in file.value.path().read_text()


def test_a_code_is_made_by_keyboard_and_one_that_was_used_is_kept(open_desk: OpenDesk) -> None:
    desk = open_desk("phone")
    product_of(desk, "given")
    page = desk.go("/admin/codes")
    page.get_by_role("button", name="New code").focus()
    for key in ("Enter", "g", "-", "1", "Tab", "Tab", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create code").press("Enter")
    link = page.get_by_role("link", name="G-1")
    expect(page.get_by_role("row", name="G-1")).to_contain_text("everything")
    sold = httpx.post(
        f"{desk.server.url}/v1/redeem", json={"product": "given", "code": "G-1"}, trust_env=False
    )
    assert sold.status_code == 200, sold.text
    link.press("Enter")
    uses = page.get_by_role("region", name="Table of uses")
    expect(uses).to_contain_text("redeemed")
    expect(uses.get_by_role("link")).to_have_count(2)
    desk.assert_accessible()
    desk.watch.expects = {409}
    page.get_by_role("button", name="Delete").press("Enter")
    desk.assert_accessible()
    page.get_by_role("button", name="Delete", exact=True).last.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("disable it instead")


def test_a_product_is_sold_by_a_chosen_profile_and_keeps_what_others_changed_meanwhile(
    desk: Desk,
) -> None:
    made = product_of(desk, "shared")
    path = f"/v1/admin/products/{made['id']}"
    page = desk.go(f"/admin/products/{made['id']}")
    expect(page.get_by_label("Sold by")).to_have_count(0)
    expect(page.get_by_label("Slug", exact=True)).not_to_be_editable()
    expect(page.get_by_role("link", name="Buy page")).to_have_attribute("href", "/buy/shared")
    second = desk.server.admin("POST", "/v1/admin/merchant-profiles", {"name": "Second"})
    page.reload()
    desk.server.admin("PATCH", path, {"price_currency": "EUR", "price_value": 999})
    page.get_by_label("Sold by").select_option("Second")
    save(page, "About")
    kept = desk.server.admin("GET", path)
    assert (kept["merchant_profile_id"], kept["price_value"]) == (second["id"], 999)
    expect(page.get_by_label("Price")).to_have_value("9.99")
    page.get_by_label("Sold by").select_option("The default profile")
    save(page, "About")
    assert desk.server.admin("GET", path)["merchant_profile_id"] is None
    page.get_by_role("button", name="Take off sale").press("Enter")
    said(page, "Taken off sale.")
    expect(page.get_by_role("link", name="Buy page")).to_have_count(0)
    page.get_by_role("button", name="Put on sale").press("Enter")
    said(page, "Put on sale.")
    assert desk.server.admin("GET", path)["active"] is True


def test_a_tier_without_a_catalog_grants_any_slug_and_goes_by_force_with_its_licenses(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone", "dark")
    product_of(desk, "free-text")
    page = desk.go("/admin/policies?product=free-text")
    page.get_by_role("button", name="Add a tier").press("Enter")
    draft = page.get_by_role("region", name="New tier")
    draft.get_by_label("Name", exact=True).fill("Solo")
    draft.get_by_label("Valid for, in days").fill("45")
    draft.get_by_label("Entitlements (optional)").fill("sync\nprint")
    draft.get_by_label("Hidden on the buy page").fill("print")
    draft.get_by_label("Selling points (optional)").fill("Last")
    draft.get_by_label("Selling points stand").select_option("below the entitlements")
    draft.get_by_role("button", name="Create tier").press("Enter")
    card = page.get_by_role("article", name="Solo")
    expect(card).to_contain_text("Valid for 45 days")
    assert [line.split()[0] for line in card.locator(".features li").all_inner_texts()] == [
        "sync",
        "print",
        "Last",
    ]
    desk.server.admin(
        "POST", "/v1/admin/licenses", {"product_slug": "free-text", "policy_slug": "solo"}
    )
    page.reload()
    expect(card).to_contain_text("1 license")
    desk.watch.expects = {409}
    page.get_by_role("button", name="Delete Solo", exact=True).press("Enter")
    plain = page.get_by_role("dialog", name="Delete Solo?")
    asked = page.get_by_role("dialog", name="with everything sold at it")
    expect(plain.or_(asked)).to_be_visible()
    if plain.is_visible():
        plain.get_by_role("button", name="Delete", exact=True).press("Enter")
    expect(asked).to_contain_text("licenses: 1")
    desk.assert_accessible()
    asked.get_by_label("Type").fill("sol")
    expect(asked.get_by_role("button", name="Delete everything")).to_be_disabled()
    asked.get_by_label("Type").fill("solo")
    page.keyboard.press("Enter")
    said(page, "Deleted.")
    expect(card).to_have_count(0)


def test_an_expiry_is_typed_in_the_time_of_the_device_and_kept_in_utc(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone")
    product_of(desk, "zoned")
    clock = desk.page.context.new_cdp_session(desk.page)
    clock.send("Emulation.setTimezoneOverride", {"timezoneId": "America/New_York"})
    page = desk.go("/admin/codes")
    page.get_by_role("button", name="New code").press("Enter")
    dialog = page.get_by_role("dialog", name="New code")
    expect(dialog.get_by_label("Currency")).to_be_hidden()
    dialog.get_by_label("Code", exact=True).fill("zone")
    dialog.get_by_label("What it does").select_option("fixed_sats")
    dialog.get_by_label("Currency").select_option("EUR")
    dialog.get_by_label("Amount off").fill("2.505")
    dialog.get_by_label("For", exact=True).select_option("zoned")
    dialog.get_by_label("Until").fill("2031-05-06T07:08")
    dialog.get_by_role("button", name="Create code").press("Enter")
    expect(dialog.get_by_text("at most 2 decimals")).to_be_visible()
    desk.assert_accessible()
    dialog.get_by_label("Amount off").fill("2.50")
    page.keyboard.press("Enter")
    made = page.get_by_role("link", name="ZONE")
    expect(made).to_be_visible()

    def kept() -> Any:
        every = desk.server.admin("GET", "/v1/admin/discount-codes")["codes"]
        return next(one for one in every if one["code"] == "ZONE")

    assert (kept()["amount"], kept()["expires_at"]) == (250, "2031-05-06T11:08:00Z")
    made.press("Enter")
    expect(page.get_by_label("Amount in EUR")).to_have_value("2.50")
    for words in ("Once", "Twice"):
        expect(page.get_by_label("Until")).to_have_value("2031-05-06T07:08")
        page.get_by_label("Description").fill(words)
        page.get_by_role("button", name="Save").press("Enter")
        expect(page.get_by_label("Description")).to_have_js_property("defaultValue", words)
        assert kept()["expires_at"] == "2031-05-06T11:08:00Z"
    page.get_by_label("Until").fill("2031-12-06T07:08")
    page.get_by_role("button", name="Save").press("Enter")
    said(page, "Saved.")
    expect(page.get_by_label("Until")).to_have_js_property("defaultValue", "2031-12-06T07:08")
    assert kept()["expires_at"] == "2031-12-06T12:08:00Z"


def test_the_address_of_the_codes_says_what_is_shown_and_in_which_order(desk: Desk) -> None:
    product_of(desk, "listed")
    for code in ("LIST-B", "LIST-A"):
        body = {"code": code, "kind": "percent", "amount": 1_000, "product_slug": "listed"}
        desk.server.admin("POST", "/v1/admin/discount-codes", body)
    desk.server.admin(
        "POST", "/v1/admin/discount-codes", {"code": "LIST-ALL", "kind": "percent", "amount": 5}
    )
    page = desk.go("/admin/codes?q=list-")
    assert page.locator("#list h2").all_inner_texts() == [
        "Listed 2 codes",
        "For every product 1 code",
    ]
    expect(page.get_by_role("row", name="LIST-ALL")).to_contain_text("0.05 %")
    page.get_by_label("Product", exact=True).select_option("Listed")
    expect(page.get_by_role("row", name="LIST-ALL")).to_have_count(0)
    page.get_by_role("link", name="Code", exact=True).press("Enter")
    page.wait_for_url("**/admin/codes?*product=listed*&sort=code")
    shown = page.get_by_role("rowheader").get_by_role("link")
    expect(shown).to_have_text(["LIST-A", "LIST-B"])
    page.reload()
    expect(shown).to_have_text(["LIST-A", "LIST-B"])
    expect(page.get_by_label("Find a code")).to_have_value("list-")
    page.get_by_role("link", name="Code ↑").press("Enter")
    expect(shown).to_have_text(["LIST-B", "LIST-A"])
    desk.assert_accessible()
