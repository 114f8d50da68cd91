"""A real browser, and a shop that sells to it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.live_server import LiveServer, live_server

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
