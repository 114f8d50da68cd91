"""A real browser, shops it visits, and what is watched while it does."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from keysat_core.domain.self_license import Capability
from tests.browser.axe import violations
from tests.support.live_server import LiveServer, live_server
from tests.support.own_license import TRUST_ROOT, operators_license

CHROMIUM_ARGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""A browser run as root that calls nobody but the page's own server."""
SIZES: Final[dict[str, dict[str, int]]] = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
}
PASSWORD: Final = "correct horse battery staple"  # noqa: S105  a test's own
UNASKED: Final = "Failed to load resource"
"""How the console repeats that a request was refused. Which may be is told to ``Watch.expects``."""


@dataclass
class Watch:
    """What must not happen while a page is used: script errors, failed and foreign requests.

    ``expects``: statuses that the test provokes. ``elsewhere``: where it is led on purpose.
    """

    origin: str
    elsewhere: tuple[str, ...] = ()
    expects: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Watch a page from now on."""
        page.on("console", lambda message: self._note_console(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note_request)
        page.on("response", lambda answer: self._note_status(answer.status, answer.url))

    def _note_console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and UNASKED not in text:
            self.complaints.append(text)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, *self.elsewhere, "data:", "blob:")):
            self.complaints.append(f"asked elsewhere: {request.url}")

    def _note_status(self, status: int, url: str) -> None:
        if status >= 400 and status not in self.expects:
            self.complaints.append(f"{status} of {url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "these tests drive Debian's chromium; install the package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LiveServer]:
    with live_server(tmp_path) as server:
        server.admin(
            "POST",
            "/v1/admin/products",
            {"slug": "widget", "name": "Widget", "price_currency": "SAT", "price_value": 25_000},
        )
        yield server


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console said, script errors and refused resources included."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


@pytest.fixture(scope="module")
def office_settings() -> dict[str, str]:
    """What a module's server is told besides; a module that needs something defines its own."""
    return {}


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, office_settings: dict[str, str]
) -> Iterator[LiveServer]:
    """A server of the module's own, where an operator can sign in with ``PASSWORD``."""
    folder = tmp_path_factory.mktemp("office")
    own = {
        "KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT,
        "KEYSAT_LICENSE": operators_license(*Capability),
        "KEYSAT_INSECURE_COOKIES": "1",
        **office_settings,
    }
    with live_server(folder, **own) as server:
        server.admin("POST", "/v1/admin/web-password", {"password": PASSWORD})
        yield server


@pytest.fixture(scope="module")
def signed_in(office: LiveServer, browser: Browser) -> Any:
    """The cookies of a session with every right; signing in costs time and is limited."""
    context = browser.new_context()
    answer = context.request.post(f"{office.url}/admin/login", data={"password": PASSWORD})
    assert answer.status == 204
    state = context.storage_state()
    context.close()
    return state


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An operator's browser window at a server.

    ``watch`` is looked at after the test: nothing may have gone wrong that the test did not name.
    """

    page: Page
    server: LiveServer
    watch: Watch

    def go(self, path: str) -> Page:
        """Open a screen and give the page."""
        self.page.goto(self.server.url + path)
        return self.page

    def violations(self) -> list[str]:
        """Say what of WCAG 2.2 AA is broken by what is shown now."""
        return violations(self.page)

    def assert_accessible(self) -> None:
        """Hold what is shown now against WCAG 2.2 AA."""
        assert self.violations() == []


OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(browser: Browser, office: LiveServer, signed_in: Any) -> Iterator[OpenDesk]:
    """Open windows: ``open_desk(size="phone", scheme="dark", state=None, scripts=True)``."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_one(
        size: str = "desktop",
        scheme: Any = "light",
        *,
        state: Any = signed_in,
        scripts: bool = True,
    ) -> Desk:
        context = browser.new_context(
            viewport=SIZES[size],  # type: ignore[arg-type]  # a literal of two ints
            color_scheme=scheme,
            storage_state=state,
            java_script_enabled=scripts,
        )
        watch = Watch(origin=office.url)
        page = context.new_page()
        page.set_default_timeout(10_000)
        watch.over(page)
        opened.append((context, watch))
        return Desk(page=page, server=office, watch=watch)

    yield open_one
    for context, _ in opened:
        context.close()
    assert [complaint for _, watch in opened for complaint in watch.complaints] == []


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """One window on a desktop, signed in with every right."""
    return open_desk()
