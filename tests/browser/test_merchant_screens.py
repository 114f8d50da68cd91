"""Who sells, who collects, who is told, and the settings, as an operator manages them."""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from keysat_core.signing import SigningKey
from tests.browser.conftest import Desk, OpenDesk
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock

PNG: Final = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def btcpay() -> Iterator[Any]:
    """The double of BTCPay Server, and its address."""
    clock = WallClock()
    fake = FakeBTCPay(clock)
    store = fake.add_store("Shop")
    with serving(fake) as url:
        yield fake, url, store.id
    clock.close()


@pytest.fixture(scope="module")
def office_settings(btcpay: Any) -> dict[str, str]:
    return {"BTCPAY_URL": btcpay[1]}


def said(page: Page, text: str) -> None:
    expect(page.get_by_role("status").get_by_text(text).last).to_be_visible()


def test_a_profile_is_made_edited_cleared_made_the_default_and_deleted(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("phone", "dark")
    page = desk.go("/admin/profiles")
    desk.assert_accessible()
    page.get_by_role("button", name="New profile").click()
    dialog = page.get_by_role("dialog", name="New profile")
    dialog.get_by_label("Name", exact=True).fill("Second Shop")
    dialog.get_by_label("Support e-mail").fill("help@example.org")
    dialog.get_by_label("Where buyers go").fill("https://shop.example.org/thanks?i={invoice_id}")
    dialog.get_by_label("Color").fill("not a color")
    desk.assert_accessible()
    desk.watch.expects = {400}
    dialog.get_by_role("button", name="Create profile").click()
    expect(dialog.locator(".problem:visible")).to_have_count(1)
    dialog.get_by_label("Color").fill("#00aa88")
    dialog.get_by_role("button", name="Create profile").click()
    page.wait_for_url("**/admin/profiles/*")
    desk.assert_accessible()
    expect(page.get_by_text("by night")).to_be_visible()
    page.get_by_label("Legal name").fill("Second Shop Ltd")
    page.get_by_label("Support e-mail").fill("")
    page.get_by_role("button", name="Save").first.click()
    said(page, "Saved.")
    made = next(
        one
        for one in desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"]
        if one["name"] == "Second Shop"
    )
    assert (made["legal_name"], made["support_email"]) == ("Second Shop Ltd", None)
    page.get_by_role("button", name="Make it the default").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it the default").click()
    said(page, "It is the default.")
    first = next(
        one
        for one in desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"]
        if one["name"] != "Second Shop"
    )
    desk.server.admin("POST", f"/v1/admin/merchant-profiles/{first['id']}/set-default", {})
    page.reload()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/admin/profiles")
    said(page, "Deleted.")
    expect(page.get_by_role("article", name="Second Shop")).to_have_count(0)


def test_a_logo_is_chosen_shown_to_buyers_and_taken_away(desk: Desk, tmp_path: Path) -> None:
    profile = desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"][0]
    page = desk.go(f"/admin/profiles/{profile['id']}")
    wrong = tmp_path / "logo.png"
    wrong.write_bytes(b"<svg onload=alert(1)>")
    page.get_by_label("A picture").set_input_files(wrong)
    desk.watch.expects = {400}
    page.get_by_role("button", name="Show it to buyers").click()
    expect(page.locator(".problem:visible, .form-problem:visible")).to_have_count(1)
    good = tmp_path / "good.png"
    good.write_bytes(PNG)
    page.get_by_label("A picture").set_input_files(good)
    page.get_by_role("button", name="Show it to buyers").click()
    picture = page.get_by_role("img", name="The logo of")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => picture.complete && picture.naturalWidth") == 1
    desk.assert_accessible()
    page.get_by_role("button", name="Take it away").click()
    expect(picture).to_have_count(0)


def test_btcpay_is_connected_by_consent_watched_and_disconnected(desk: Desk, btcpay: Any) -> None:
    fake, url, store_id = btcpay
    desk.watch.elsewhere = (url,)
    profile = desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"][0]
    page = desk.go(f"/admin/profiles/{profile['id']}")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Connect BTCPay Server").click()
    dialog = page.get_by_role("dialog", name="Connect BTCPay Server")
    link = dialog.get_by_label("The link").input_value()
    assert link.startswith(url)
    desk.assert_accessible()
    opened.value.close()
    form = fake.approve(link, [store_id])
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = desk.server.client.post(form.target, content=form.body, headers=kind)
    assert answer.status_code == 200
    expect(dialog).to_be_hidden(timeout=10_000)
    paid = page.get_by_role("region", name="How it is paid")
    expect(paid).to_contain_text("btcpay")
    desk.assert_accessible()
    expect(page.get_by_text("Who collects what both serve")).to_be_visible()
    page.get_by_label("lightning", exact=True).select_option(index=1)
    said(page, "Saved.")
    expect(page.locator("header.side")).to_contain_text("BTCPay")
    page.get_by_role("button", name="Disconnect").first.click()
    desk.assert_accessible()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    said(page, "Disconnected.")
    expect(paid).not_to_contain_text("btcpay ")


def test_a_key_of_several_stores_says_which_there_are_and_takes_the_one_named(
    desk: Desk, btcpay: Any
) -> None:
    fake, url, store_id = btcpay
    other = fake.add_store("Second store")
    desk.watch.elsewhere = (url,)
    profile = desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"][0]
    page = desk.go(f"/admin/profiles/{profile['id']}")
    dialog = page.get_by_role("dialog", name="Connect BTCPay Server")

    def consent() -> int:
        with page.expect_popup() as opened:
            page.get_by_role("button", name="Connect BTCPay Server").click()
        opened.value.close()
        form = fake.approve(dialog.get_by_label("The link").input_value(), [store_id, other.id])
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return int(
            desk.server.client.post(form.target, content=form.body, headers=kind).status_code
        )

    assert consent() == 400
    expect(dialog).to_contain_text("covers several stores", timeout=10_000)
    expect(dialog).to_contain_text(f"Second store ({other.id})")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_label("Id of the store that is paid").fill(other.id)
    assert consent() == 200
    expect(dialog).to_be_hidden(timeout=10_000)
    expect(page.get_by_role("region", name="How it is paid")).to_contain_text(other.id[:8])
    page.get_by_role("button", name="Disconnect").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    said(page, "Disconnected.")


def test_the_guide_leads_to_the_consent_of_btcpay_and_back(desk: Desk, btcpay: Any) -> None:
    fake, url, store_id = btcpay
    desk.watch.elsewhere = (url,)
    page = desk.go("/admin/start?step=provider")
    page.get_by_role("button", name="Connect BTCPay Server").click()
    page.wait_for_url(f"{url}/**")
    form = fake.approve(page.url, [store_id])
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = desk.server.client.post(form.target, content=form.body, headers=kind)
    assert 'href="/admin/start?step=provider"' in answer.text
    page = desk.go("/admin/start?step=provider")
    expect(page.get_by_role("region", name="You get paid", exact=True)).to_contain_text(
        "BTCPay Server"
    )
    expect(page.get_by_role("link", name="Get paid")).to_be_visible()
    desk.assert_accessible()
    desk.server.admin("POST", "/v1/admin/btcpay/disconnect", {})


def test_zaprite_that_does_not_answer_says_so_in_the_form(open_desk: OpenDesk) -> None:
    desk = open_desk()
    profile = desk.server.admin("GET", "/v1/admin/merchant-profiles")["profiles"][0]
    page = desk.go(f"/admin/profiles/{profile['id']}")
    page.get_by_role("button", name="Connect Zaprite").click()
    dialog = page.get_by_role("dialog", name="Connect Zaprite")
    dialog.get_by_label("API key").fill("zp-test")
    dialog.get_by_label("Address of its API").fill("http://127.0.0.1:9")
    desk.assert_accessible()
    desk.watch.expects = {400, 502}
    dialog.get_by_role("button", name="Connect").click()
    expect(dialog.locator(".form-problem, .problem").filter(visible=True)).to_have_count(1)
    expect(dialog.get_by_label("API key")).to_have_value("zp-test")


def test_an_endpoint_is_registered_told_and_its_deliveries_looked_at(open_desk: OpenDesk) -> None:
    desk = open_desk("phone")
    page = desk.go("/admin/webhooks")
    desk.assert_accessible()
    page.get_by_role("button", name="Register an endpoint").click()
    dialog = page.get_by_role("dialog", name="New endpoint")
    dialog.get_by_label("Address").fill("ftp://example.org")
    desk.watch.expects = {400}
    dialog.get_by_role("button", name="Register").click()
    expect(dialog.locator(".problem:visible")).to_have_count(1)
    dialog.get_by_label("Address").fill("http://127.0.0.1:9/hook")
    dialog.get_by_text("Or only some").click()
    dialog.get_by_label("license.issued", exact=True).check()
    expect(dialog.get_by_label("All of them")).not_to_be_checked()
    desk.assert_accessible()
    dialog.get_by_role("button", name="Register").click()
    shown = page.get_by_role("dialog", name="Its secret")
    secret = shown.locator("code").inner_text()
    assert len(secret) >= 16
    shown.get_by_role("button", name="Done").click()
    row = page.get_by_role("row", name="127.0.0.1:9")
    expect(row).to_contain_text("license.issued")
    assert secret not in page.content()
    row.get_by_role("link").click()
    desk.assert_accessible()
    page.get_by_role("button", name="Change the secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Change it").click()
    assert page.get_by_role("dialog", name="The new secret").locator("code").inner_text() != secret
    page.get_by_role("dialog").get_by_role("button", name="Done").click()
    page.get_by_label("Description").fill("Mine")
    page.get_by_role("button", name="Save").click()
    said(page, "Saved.")
    page.get_by_role("button", name="Send a test").click()
    said(page, "A test is on its way.")
    page.get_by_label("From").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Send again").click()
    said(page, "They are sent again.")
    page.get_by_role("link", name="Its deliveries").click()
    desk.assert_accessible()
    page.locator("tbody th a").last.click()
    expect(page.get_by_role("region", name="What it carries").last).to_contain_text('"')
    desk.assert_accessible()
    page.get_by_role("button", name="Retry").click()
    said(page, "It is tried again.")
    page = desk.go("/admin/webhooks")
    page.get_by_role("button", name="Disable").click()
    said(page, "Disabled.")
    page.get_by_role("row", name="127.0.0.1:9").get_by_role("link").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/admin/webhooks")
    expect(page.get_by_text("Nobody is told yet")).to_be_visible()


def test_settings_are_changed_one_by_one(open_desk: OpenDesk) -> None:
    desk = open_desk(scheme="dark")
    page = desk.go("/admin/settings")
    desk.assert_accessible()
    page.get_by_role("region", name="Your name").get_by_label("Name").fill("Ann's Tools")
    page.get_by_role("region", name="Your name").get_by_role("button", name="Save").click()
    expect(page.locator(".shop")).to_have_text("Ann's Tools")
    # The toast of the change before may still be there.
    with page.expect_response("**/accept-late-payments"):
        page.get_by_label("Accept what was paid in full").check()
    late = desk.server.admin("GET", "/v1/admin/settings/accept-late-payments")
    assert late["enabled"] is True
    page.get_by_label("Validations, in days").fill("90")
    page.get_by_role("region", name="How long things are kept").get_by_role("button").click()
    said(page, "Saved.")
    kept = desk.server.admin("GET", "/v1/admin/settings/retention")
    assert (kept["validation_days"], kept["delivery_days"]) == (90, None)
    page.get_by_label("At most in 24 hours").fill("5000")
    page.get_by_role("region", name="Shares for others").get_by_role("button").click()
    said(page, "Saved.")
    page.get_by_label("Pin it at").first.fill("much")
    desk.watch.expects = {400}
    page.get_by_role("button", name="Pin USD").click()
    expect(page.locator(".problem:visible, .form-problem:visible")).to_have_count(1)
    page.get_by_label("Pin it at").first.fill("50000.5")
    page.get_by_role("button", name="Pin USD").click()
    expect(page.get_by_text("50,000.50 a bitcoin")).to_be_visible()
    page.get_by_role("button", name="Take the pin of USD away").click()
    said(page, "The market decides again.")
    page.get_by_label("License key").fill("LIC1-NOT-A-KEY")
    page.get_by_role("button", name="Activate").click()
    own = page.get_by_role("region", name="The license of this server")
    expect(own.locator(".problem:visible, .form-problem:visible")).to_have_count(1)
    page.get_by_role("button", name="Look again").click()
    said(page, "Looked again.")
    page.get_by_role("button", name="Copy the public key").click()
    page.get_by_text("Bring another signing key").click()
    page.get_by_label("Private key, PEM").fill(SigningKey.from_seed(bytes(32)).to_pem())
    page.get_by_role("button", name="Change the key").click()
    desk.assert_accessible()
    page.get_by_label("Type").fill("change the key")
    page.get_by_role("dialog").get_by_role("button", name="Change the key").click()
    said(page, "The key was changed.")
    pem = SigningKey.from_seed(bytes(32)).verify_key.to_pem()
    assert desk.server.ask("GET", "/v1/pubkey").json()["public_key_pem"] == pem
