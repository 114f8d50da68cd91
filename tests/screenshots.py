"""``make screenshots``: pictures of the main pages, of a shop that has sold for two months.

The months are lived through on a clock that is turned; then a real server serves what they left.
"""

import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from keysat_core.domain.self_license import Capability
from tests.browser.conftest import CHROMIUM_ARGS, SIZES
from tests.support.http import TurnedClock
from tests.support.live_server import LiveServer, live_server
from tests.support.own_license import TRUST_ROOT, operators_license
from tests.support.shop import Shop, running_shop

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"
DAYS: Final = 60
DAY_SECONDS: Final = 86_400
PASSWORD: Final = "correct horse battery staple"  # noqa: S105  nobody's
PNG_BYTES_MAX: Final = 250_000
SCREENS: Final = {
    "overview": "/admin/",
    "tiers": "/admin/policies?product=quillnote",
}
PHONE: Final = ("buy", "overview")
OWN_SETTINGS: Final = {
    "KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT,
    "KEYSAT_LICENSE": operators_license(*Capability),
    "KEYSAT_INSECURE_COOKIES": "1",
}


def stock(shop: Shop) -> None:
    """Set up two products and their tiers."""
    catalog = [
        {"slug": "sync", "name": "Sync", "description": "The same notes on every machine."},
        {"slug": "export", "name": "PDF export", "description": "Notes as files to pass on."},
        {"slug": "support", "name": "Priority answers", "description": "Within a working day."},
    ]
    shop.add_product(
        "quillnote",
        name="Quillnote",
        description="A quiet place for notes. Works offline, keeps everything on your machine.",
        price_currency="SAT",
        price_value=42_000,
        entitlements_catalog=catalog,
    )
    shop.add_product("tiderunner", name="Tiderunner", price_currency="SAT", price_value=18_000)
    personal = {"marketing_bullets": ["For good, no account"], "description": "For one person."}
    team = {
        "marketing_bullets": ["Updates for a year"],
        "description": "For people who share their notes.",
        "highlight": True,
    }
    shop.add_policy(
        "personal", product="quillnote", name="Personal", tier_rank=1, metadata=personal
    )
    shop.add_policy(
        "team",
        product="quillnote",
        name="Team",
        tier_rank=2,
        price_sats_override=96_000,
        max_machines=5,
        duration_seconds=365 * DAY_SECONDS,
        entitlements=["sync", "export"],
        metadata=team,
    )
    shop.add_policy(
        "studio",
        product="quillnote",
        name="Studio",
        tier_rank=3,
        price_sats_override=21_000,
        max_machines=0,
        entitlements=["sync", "export", "support"],
        is_recurring=True,
        renewal_period_days=30,
        trial_days=14,
        metadata={"description": "For companies."},
    )
    shop.admin(
        "POST",
        "/discount-codes",
        json={
            "code": "WINTER",
            "kind": "percent",
            "amount": 2_000,
            "featured": True,
            "product_slug": "quillnote",
            "policy_slugs": ["personal"],
            "max_uses": 200,
        },
    )
    shop.admin("POST", "/settings/operator-name", json={"name": "Harbor Software"})


def live_through(shop: Shop, clock: TurnedClock) -> None:
    """Sell a little more each week, with quiet days in between."""
    chance = random.Random(7)  # noqa: S311  pictures are to be the same each time
    for day in range(DAYS):
        for number in range(chance.randrange(0, 3 + day // 12)):
            clock.turn(chance.randrange(600, 7_000))
            email = f"buyer{day}.{number}@example.org"
            tier = chance.choice(["personal", "personal", "team", "studio"])
            product, fields = (
                ("tiderunner", {})
                if chance.random() < 0.3
                else ("quillnote", {"policy_slug": tier})
            )
            shop.sell(product, buyer_email=email, **fields)
        clock.turn(DAY_SECONDS - clock.now() % DAY_SECONDS + 1)


def photograph(server: LiveServer, browser: Browser) -> None:
    """Take the pictures of a shop that sells."""
    bought = sold(server)
    pages = {
        "buy": "/buy/quillnote",
        "thank-you": f"/thank-you?invoice_id={bought['invoice_id']}",
        "license": f"/admin/licenses/{bought['license_id']}",
        **SCREENS,
    }
    take(pages, server, browser)


def take(pages: dict[str, str], server: LiveServer, browser: Browser) -> None:
    """Take every picture in both schemes, and some on a phone too."""
    state = signed_in(server, browser)
    for scheme in ("light", "dark"):
        for size in ("desktop", "phone"):
            context = browser.new_context(
                viewport=SIZES[size],  # type: ignore[arg-type]  # a literal of two ints
                color_scheme=scheme,
                storage_state=state,
                reduced_motion="reduce",
            )
            page = context.new_page()
            for name, path in pages.items():
                if size == "phone" and name not in PHONE:
                    continue
                page.goto(server.url + path)
                suffix = "-phone" if size == "phone" else ""
                keep(page, f"{name}{suffix}-{scheme}.png")
            context.close()


def keep(page: Page, name: str) -> None:
    """Write one picture; one that is too heavy for a repository ends the run."""
    # What says that money is pretended belongs to the server, not to the shop in the picture.
    page.evaluate("document.querySelector('.sandbox')?.remove()")
    picture = page.screenshot(animations="disabled")
    if len(picture) > PNG_BYTES_MAX:
        raise SystemExit(f"{name} has {len(picture)} bytes")
    (FOLDER / name).write_bytes(picture)


def signed_in(server: LiveServer, browser: Browser) -> Any:
    server.admin("POST", "/v1/admin/web-password", {"password": PASSWORD})
    context = browser.new_context()
    context.request.post(f"{server.url}/admin/login", data={"password": PASSWORD})
    state = context.storage_state()
    context.close()
    return state


def sold(server: LiveServer) -> Any:
    """Sell one license now, for the pages that show it."""
    order = {"product": "quillnote", "policy_slug": "team", "buyer_email": "ann@example.org"}
    bought = server.ask("POST", "/v1/purchase", order).json()
    server.client.post(bought["checkout_url"] + "/pay")
    while True:
        status = server.ask("GET", f"/v1/purchase/{bought['invoice_id']}").json()
        if status["status"] == "settled":
            break
        time.sleep(0.1)
    for machine in ("desk", "laptop"):
        seat = {"fingerprint": machine, "hostname": machine, "platform": "Linux 6.9"}
        server.ask("POST", "/v1/machines/activate", {"key": status["license_key"], **seat})
        server.validate(status["license_key"], product_slug="quillnote", fingerprint=machine)
    return status


def main() -> None:
    """Make the shop, serve it, and photograph it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        sys.exit("Pictures are taken with chromium; install the package chromium.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = TurnedClock()
        clock.turn(int(time.time()) - DAYS * DAY_SECONDS - clock.now())
        with running_shop(
            clock=clock,
            path=folder / "keysat.db",
            has_stored_key=True,
            is_rate_limited=False,
            delivers_at_once=True,
        ) as shop:
            stock(shop)
            live_through(shop, clock)
        empty = folder / "empty"
        empty.mkdir()
        with (
            live_server(folder, **OWN_SETTINGS) as server,
            live_server(empty, **OWN_SETTINGS) as new,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
            photograph(server, browser)
            take({"first-run": "/admin/start?step=product"}, new, browser)
            browser.close()


if __name__ == "__main__":
    main()
