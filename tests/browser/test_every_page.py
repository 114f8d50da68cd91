"""Every page there is, as people meet it: on a desk in light and on a phone in the dark."""

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page

from keysat_http.pages.admin.frame import HOME
from tests.browser.conftest import PASSWORD, Desk, OpenDesk
from tests.browser.links import links_of
from tests.support.every_page import SIGN_IN, is_page, shape_of, staying, template_of, templates
from tests.support.full_shop import PATRON, FullShop, fill
from tests.support.live_server import LiveServer, live_server
from tests.support.program import ADMIN_KEY

ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
MAIN = {
    HOME.rstrip("/"),
    "/admin/policies",
    "/admin/licenses",
    "/buy/{slug:str}",
    "/thank-you",
    "/admin/start",
}
"""Pages that axe-core judges in both schemes; of the others one in each in turn."""
NOT_LINKED = {SIGN_IN, "/admin/_styleguide", "/admin/start"}
"""Where one is led without a link: signing in, the makers' own page, the guide of a new shop."""
FIRST_STOPS = 4

PROBLEMS = """() => {
  const said = [];
  const heads = document.querySelectorAll("h1");
  const shown = [...heads].filter((one) => one.checkVisibility());
  if (shown.length !== 1 && !location.pathname.includes("_styleguide")) said.push(`${shown.length} h1 are shown`);
  if (!document.title.trim() || document.title.startsWith("·")) said.push("no title");
  if (document.documentElement.lang !== "en") said.push("no language");
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.querySelectorAll("body *")].filter((one) =>
      one.getBoundingClientRect().right > root.clientWidth + 1 && !one.closest(".table, pre, dialog"));
    said.push(`scrolls sideways: ${root.scrollWidth} of ${root.clientWidth}: `
      + wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(" | "));
  }
  return said;
}"""
FOCUS = """() => {
  const at = document.activeElement;
  // Behind the last stop the focus leaves the page.
  if (!at || at === document.body) return "";
  const style = getComputedStyle(at);
  const isSeen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return isSeen ? "" : `no outline around ${at.outerHTML.slice(0, 120)}`;
}"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A shop with one of everything."""
    with live_server(tmp_path_factory.mktemp("office"), **PATRON) as server:
        server.admin("POST", "/v1/admin/web-password", {"password": PASSWORD})
        yield server


@pytest.fixture(scope="module")
def full(office: LiveServer) -> FullShop:
    return fill(FullShop(request=office.client.request, admin_headers=ADMIN))


def problems_of(page: Page) -> list[str]:
    found: list[str] = page.evaluate(PROBLEMS)
    return found


def opened(desk: Desk, address: str) -> Page:
    """Open a page; the bare address of a receipt says that there is none."""
    desk.watch.expects = {404} if address == "/receipt" else set()
    return desk.go(address)


def test_every_page_is_sound_in_both_sizes_and_schemes(open_desk: OpenDesk, full: FullShop) -> None:
    desks = (open_desk("desktop", "light"), open_desk("phone", "dark"))
    found: dict[str, list[str]] = {}
    for number, address in enumerate(staying(full.names)):
        for turn, desk in enumerate(desks):
            page = opened(desk, address)
            said = problems_of(page)
            if template_of(address) in MAIN or number % 2 == turn:
                said += desk.violations()
            if said:
                found[f"{address} ({'desk' if turn == 0 else 'phone'})"] = said
    assert not found, "\n".join(f"{at}: {one}" for at, said in found.items() for one in said)


def test_the_sign_in_is_sound_too(open_desk: OpenDesk, full: FullShop) -> None:
    for size, scheme in (("desktop", "dark"), ("phone", "light")):
        desk = open_desk(size, scheme, state=None)
        assert problems_of(desk.go(SIGN_IN)) == []
        desk.assert_accessible()


def test_the_focus_is_seen_on_every_page(open_desk: OpenDesk, full: FullShop) -> None:
    desk = open_desk()
    unseen = {}
    for address in (one for one in staying(full.names) if "?" not in one):
        page = opened(desk, address)
        page.evaluate("document.activeElement.blur()")
        for _ in range(FIRST_STOPS):
            page.keyboard.press("Tab")
            if said := page.evaluate(FOCUS):
                unseen[address] = said
    assert unseen == {}


def test_every_screen_can_be_reached_from_the_first_one_by_links(
    office: LiveServer, full: FullShop
) -> None:
    waiting, known, reached = [HOME], {shape_of(HOME)}, set()
    while waiting:
        address = waiting.pop()
        answer = office.client.get(address, headers=ADMIN, follow_redirects=True)
        reached.add(template_of(address))
        for link in links_of(answer.text):
            there = urljoin(address, link)
            if is_page(there) and shape_of(there) not in known:
                known.add(shape_of(there))
                waiting.append(there)
    screens = {one for one in templates() if one.startswith(HOME)}
    assert screens - NOT_LINKED - reached == set()
