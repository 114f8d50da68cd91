"""Texts that would be scripts elsewhere are texts to a real browser, on every page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog

from tests.browser.conftest import PASSWORD, OpenDesk
from tests.support.every_page import staying
from tests.support.full_shop import PATRON, FullShop, fill
from tests.support.live_server import LiveServer, live_server
from tests.support.planted import planted
from tests.support.program import ADMIN_KEY


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("office"), **PATRON) as server:
        server.admin("POST", "/v1/admin/web-password", {"password": PASSWORD})
        yield server


def test_nothing_planted_comes_alive_on_any_page(open_desk: OpenDesk, office: LiveServer) -> None:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    shop = FullShop(request=office.client.request, admin_headers=headers, texts=planted)
    fill(shop)
    desk = open_desk()
    said: list[str] = []

    def hear(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    desk.page.on("dialog", hear)
    for address in staying(shop.names):
        # A rehearsal of the page before may be refused yet, for what is in use is not deleted.
        desk.watch.expects = {404, 409} if address == "/receipt" else {409}
        page = desk.go(address)
        # Whatever would run at once has run when the page's own scripts have.
        page.wait_for_load_state("load")
        if page.evaluate("() => 'planted' in window || document.images.length > 1"):
            said.append(f"something came alive at {address}")
        # What scripts put together themselves: dialogs that name what they are about.
        for button in page.locator("main button[data-ask]").all()[:2]:
            if button.is_visible():
                button.click()
                page.keyboard.press("Escape")
    assert said == []
