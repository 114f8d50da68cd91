"""Signing in, the frame around every screen, and the parts that screens are made of."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Desk, OpenDesk
from tests.support.live_server import LiveServer


def test_who_is_not_signed_in_is_led_to_the_form_and_back_to_the_screen_asked_for(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk(state=None)
    page = desk.go("/admin/products?q=x")
    desk.assert_accessible()
    desk.watch.expects = {401}
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/products?q=x")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/admin/login")


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org", "/\\example.org"])
def test_nobody_is_led_elsewhere_after_signing_in(office: LiveServer, elsewhere: str) -> None:
    said = httpx.get(f"{office.url}/admin/login", params={"next": elsewhere}, trust_env=False)
    assert 'data-next="/admin/"' in said.text


def test_every_part_of_the_style_guide_is_accessible_in_light_and_dark_on_every_size(
    open_desk: OpenDesk,
) -> None:
    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        desk = open_desk(size, scheme)
        page = desk.go("/admin/_styleguide")
        desk.assert_accessible()
        page.get_by_role("button", name="Open a dialog").click()
        desk.assert_accessible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Help").click()
        desk.assert_accessible()


def test_on_a_phone_the_menu_opens_and_closes_by_keyboard(open_desk: OpenDesk) -> None:
    page = open_desk("phone").go("/admin/products")
    link = page.get_by_role("link", name="Audit log")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()


def test_a_product_is_created_found_sorted_and_taken_off_sale_by_keyboard(desk: Desk) -> None:
    page = desk.go("/admin/products")
    desk.assert_accessible()
    page.get_by_role("button", name="New product").press("Enter")
    desk.assert_accessible()
    page.get_by_label("Name", exact=True).fill("My App")
    expect(page.get_by_label("Slug")).to_have_value("my-app")
    page.get_by_label("Price").fill("-1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Must be a whole number.")).to_be_visible()
    page.get_by_label("Price").fill("12.50")
    page.get_by_label("Currency").select_option("USD")
    desk.watch.expects = {404}
    page.get_by_role("button", name="Create product").press("Enter")
    page.wait_for_url("**/admin/products/*")
    page = desk.go("/admin/products")
    expect(page.get_by_role("cell", name="12.50 USD")).to_be_visible()
    page.get_by_label("Find a product").fill("nothing like it")
    expect(page.get_by_text("No product matches")).to_be_visible()
    page.get_by_label("Find a product").fill("app")
    expect(page.get_by_role("rowheader", name="My App")).to_be_visible()
    page.get_by_role("link", name="Price").press("Enter")
    page.wait_for_url("**/admin/products?q=app&sort=price")
    page.get_by_role("button", name="Disable My App").press("Enter")
    desk.assert_accessible()
    page.get_by_role("button", name="Take off sale").press("Enter")
    expect(page.get_by_text("off sale", exact=True)).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Taken off sale")
