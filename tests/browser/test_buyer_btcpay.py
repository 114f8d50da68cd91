"""A sale that is paid at the double of BTCPay Server, with and without scripts."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from keysat_core.signing import Verifier
from tests.browser.axe import violations
from tests.browser.conftest import SIZES, Watch
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock
from tests.support.live_server import LiveServer, live_server


@pytest.fixture(scope="module")
def paid_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A shop that is paid in bitcoin, whose only product costs dollars."""
    clock = WallClock()
    fake = FakeBTCPay(clock)
    store = fake.add_store("Shop")
    own = {"KEYSAT_SANDBOX_MODE": ""}
    with (
        serving(fake) as url,
        live_server(tmp_path_factory.mktemp("paid"), BTCPAY_URL=url, **own) as shop,
    ):
        link = shop.admin("POST", "/v1/admin/btcpay/connect", {})
        form = fake.approve(link["authorize_url"], [store.id])
        kind = {"content-type": "application/x-www-form-urlencoded"}
        connected = shop.client.post(form.target, content=form.body, headers=kind)
        assert connected.status_code == 200, connected.text
        shop.admin("PUT", "/v1/admin/rates/pin", {"currency": "USD", "units_per_btc": "50000"})
        shop.admin(
            "POST",
            "/v1/admin/products",
            {"slug": "notes", "name": "Notes", "price_currency": "USD", "price_value": 4_900},
        )
        yield shop
    clock.close()


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_license_is_bought_with_bitcoin(
    paid_shop: LiveServer, browser: Browser, has_scripts: Any
) -> None:
    context = browser.new_context(
        viewport=SIZES["desktop" if has_scripts else "phone"],  # type: ignore[arg-type]
        color_scheme="light" if has_scripts else "dark",
        java_script_enabled=has_scripts,
    )
    page = context.new_page()
    watch = Watch(origin=paid_shop.url)
    watch.over(page)
    page.goto(f"{paid_shop.url}/buy/notes")
    expect(page.get_by_text("98,000 sats now")).to_be_visible()
    expect(page.get_by_text("at 50,000.00 USD for a bitcoin")).to_be_visible()
    page.get_by_label("E-mail").fill("ann@example.org")
    page.get_by_role("button", name="Pay 49.00 USD").click()
    page.wait_for_url("**/i/*")
    page.get_by_role("button").filter(has_text="ightning").first.click()
    wait_for_key(page, paid_shop)
    pem = paid_shop.ask("GET", "/v1/pubkey").json()["public_key_pem"]
    Verifier.from_pem(pem).verify(page.get_by_label("License key").inner_text())
    page.get_by_role("link", name="Receipt").click()
    receipt = page.get_by_role("region", name="Receipt")
    for said in ("49.00 USD", "98,000 sats", "50,000.00 USD", "BTCPay Server", "a…@example.org"):
        expect(receipt).to_contain_text(said)
    expect(receipt).not_to_contain_text("ann@example.org")
    if has_scripts:
        assert violations(page) == []
        page.emulate_media(media="print")
        expect(page.get_by_text("Back to the license")).to_be_hidden()
    # Whatever the double's own pages lack is not ours; that it is gone to is what the test is about.
    assert [one for one in watch.complaints if paid_shop.url in one or "http" not in one] == []
    context.close()


def wait_for_key(page: Page, shop: LiveServer) -> None:
    """Go where the checkout leads, and look again until the payment has been told."""
    page.wait_for_timeout(200)
    if not page.url.startswith(shop.url):
        page.get_by_role("link").first.click()
    page.wait_for_url("**/thank-you?*")
    for _ in range(40):
        if page.get_by_label("License key").count():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(page.content())
