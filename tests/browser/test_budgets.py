"""What a screen may cost the one who opens it: bytes, requests, nodes, and things that jump."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.browser.conftest import PASSWORD, OpenDesk
from tests.support.every_page import staying
from tests.support.full_shop import PATRON, FullShop, fill
from tests.support.live_server import LiveServer, live_server
from tests.support.program import ADMIN_KEY


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most a screen may cost when it is opened for the first time.

    ``shift``: Cumulative Layout Shift as Chromium counts it; 0.1 is called good (web.dev, CLS).
    """

    transfer_bytes: int
    requests: int
    nodes: int
    shift: float


SCREEN: Final = Budget(transfer_bytes=80_000, requests=11, nodes=2_500, shift=0.02)

_COST: Final = """async () => {
  const shifts = [];
  new PerformanceObserver((list) => shifts.push(...list.getEntries()))
    .observe({ type: "layout-shift", buffered: true });
  // Entries are handed over behind the next frames.
  for (let i = 0; i < 3; i += 1) await new Promise((done) => requestAnimationFrame(done));
  await new Promise((done) => setTimeout(done));
  const loads = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
  return {
    transfer_bytes: loads.reduce((sum, one) => sum + one.transferSize, 0),
    requests: loads.length,
    nodes: document.querySelectorAll("*").length,
    shift: shifts.filter((one) => !one.hadRecentInput).reduce((sum, one) => sum + one.value, 0),
  };
}"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("office"), **PATRON) as server:
        server.admin("POST", "/v1/admin/web-password", {"password": PASSWORD})
        yield server


@pytest.fixture(scope="module")
def screens(office: LiveServer) -> list[str]:
    """Every screen of a shop that has one of everything."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    full = fill(FullShop(request=office.client.request, admin_headers=headers))
    return [
        one
        for one in staying(full.names)
        if one.startswith("/admin") and "?" not in one and "styleguide" not in one
    ]


def test_no_screen_costs_more_than_it_may(open_desk: OpenDesk, screens: list[str]) -> None:
    desk = open_desk()
    cache = desk.page.context.new_cdp_session(desk.page)
    cache.send("Network.enable")
    cache.send("Network.setCacheDisabled", {"cacheDisabled": True})
    dear = []
    for address in screens:
        page = desk.go(address)
        page.wait_for_load_state("load")
        cost: dict[str, Any] = page.evaluate(_COST)
        dear += [
            f"{address}: {name} {spent} of {getattr(SCREEN, name)}"
            for name, spent in cost.items()
            if spent > getattr(SCREEN, name)
        ]
        assert cost["transfer_bytes"] > 10_000, "nothing was measured"
    assert dear == []


def test_what_was_loaded_once_is_not_loaded_again(open_desk: OpenDesk, screens: list[str]) -> None:
    desk = open_desk()
    desk.go("/admin/products").wait_for_load_state("load")
    page = desk.go("/admin/licenses")
    page.wait_for_load_state("load")
    again = page.evaluate(
        """() => performance.getEntriesByType("resource")
          .filter((one) => one.transferSize > 0 && /keysat\\.css|htmx\\.js|admin\\.js/.test(one.name))
          .map((one) => one.name)"""
    )
    assert again == []
