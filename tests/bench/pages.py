"""How fast the server makes pages in a very large shop: every page there is, buyers' and operators'.

Pages are found in the application, so one that this script does not know how to ask for ends it.
``--scale 0.05`` makes a twentieth of the shop; ``--folder`` says where.
"""

import argparse
import gc
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import structlog
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.connection import open_reader
from keysat_cli.application import build_app
from keysat_cli.checkup.quick import QuickCheckup
from keysat_cli.environment import Environment
from keysat_cli.settings import read_serve_settings
from keysat_cli.wiring import open_wiring
from keysat_http.app import Application
from tests.bench.operator_lists import build
from tests.support.http import ADMIN_KEY, START, FromPeer
from tests.support.large_shop import Size
from tests.support.performance_page import keep_result, rows

REQUESTS: Final = 40
MUST_MS: Final = 30.0
PASSWORD: Final = "correct horse battery staple"  # noqa: S105  the benchmark's own
VALIDATIONS: Final = 10_000_000
DAY: Final = 86_400

WITHOUT: Final = {
    # What is asked of a provider, and of pretend money, is no page of a shop's.
    "/v1/btcpay/authorize/callback",
    "/sandbox/checkout/{provider_invoice_id}",
    "/admin/_styleguide",
}
LINES: Final[Mapping[str, str]] = {
    "slug": "SELECT slug FROM products",
    "product_id": "SELECT id FROM products",
    "policy_id": "SELECT id FROM policies",
    "code_id": "SELECT id FROM discount_codes LIMIT 500",
    "endpoint_id": "SELECT id FROM webhook_endpoints",
    "profile_id": "SELECT id FROM merchant_profiles",
    "license_id": "SELECT id FROM licenses LIMIT 2000",
    "invoice_id": "SELECT id FROM invoices WHERE status = 'settled' LIMIT 2000",
    "open_id": "SELECT id FROM invoices WHERE status = 'pending' LIMIT 2000",
    "subscription_id": "SELECT id FROM subscriptions LIMIT 2000",
    "machine_id": "SELECT id FROM machines LIMIT 2000",
    "delivery_id": "SELECT id FROM webhook_deliveries LIMIT 2000",
    "email": "SELECT buyer_email_folded FROM licenses WHERE buyer_email IS NOT NULL LIMIT 2000",
}
"""By the name of a page's parameter, where its values are."""

QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "/checkout": ("invoice_id={open_id}",),
    "/thank-you": ("invoice_id={invoice_id}",),
    "/receipt": ("invoice_id={invoice_id}",),
    "/admin": ("", "days=7", "days=90", "days=365"),
    "/admin/search": ("", "q={email}", "q={license_id}", "q={invoice_id}", "q=b", "q=host"),
    "/admin/products": ("", "q=1&sort=-licenses"),
    "/admin/audit": ("", "action=license.revoke", "target={license_id}"),
    "/admin/licenses": ("", "offset=50000", "email={email}", "status=revoked"),
    "/admin/invoices": ("", "offset=50000", "status=pending"),
    "/admin/machines": ("", "offset=50000"),
    "/admin/subscriptions": ("", "status=lapsed"),
}
"""States a page is asked for in, besides its plain address."""

Ask = Callable[[], str]


def fill_log(path: Path, count: int) -> None:
    """Write validations of the last two years, which the log counts when it is next opened."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            "CREATE TABLE validations (id INTEGER PRIMARY KEY, result TEXT NOT NULL, license_id TEXT,"
            " product_id TEXT, machine_id TEXT, fingerprint_hash TEXT, client_ip TEXT,"
            " user_agent TEXT, detail TEXT, occurred_at INTEGER NOT NULL) STRICT"
        ).fetchall()
        connection.pragma("application_id", 0x4B455956)
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
            " INSERT INTO validations SELECT NULL, CASE WHEN i % 20 = 0 THEN 'expired' WHEN i % 33 = 0"
            " THEN 'not_found' WHEN i % 77 = 0 THEN 'too_many_machines' ELSE 'ok' END,"
            " NULL, NULL, NULL, NULL, NULL, NULL, NULL, ?2 + i * ?3 / ?1 FROM n",
            (max(count - 1, 1), int(time.time()) - 730 * DAY, 730 * DAY),
        ).fetchall()
    file = ActivityFile(path)
    file.rows("SELECT count(*) FROM validation_days")
    file.close()


def move_to_now(path: Path) -> None:
    """Move settled invoices and subscriptions into the days that the overview shows."""
    ahead = int(time.time()) - START
    with closing(apsw.Connection(str(path))) as connection, connection:
        connection.execute(
            "UPDATE invoices SET settled_at = settled_at + ? WHERE settled_at IS NOT NULL",
            (ahead,),
        ).fetchall()
        connection.execute(
            "UPDATE subscriptions SET next_renewal_at = ? + (rowid * 7919 % ?),"
            " listed_currency = iif(rowid % 3 = 0, 'USD', 'SAT')",
            (int(time.time()), 60 * DAY),
        ).fetchall()


def pages(app: Application) -> Iterator[str]:
    """Give the path of every page."""
    for route in app.litestar.routes:
        if isinstance(route, HTTPRoute) and route.path_format not in WITHOUT:
            handler = route.route_handler_map.get("GET", [None])[0]
            if handler is not None and "html" in str(handler.media_type).lower():
                yield route.path_format


def cases(app: Application, connection: apsw.Connection) -> Iterator[tuple[str, Ask]]:
    """Give every page in its states; each is asked for something else every time."""
    pick = random.Random(7)  # noqa: S311  the same questions each time
    known = {name: [str(row[0]) for row in connection.execute(sql)] for name, sql in LINES.items()}

    def filled(template: str) -> str:
        for name, values in known.items():
            template = template.replace("{" + name + "}", pick.choice(values))
        if "{" in template:
            raise LookupError(f"{template}: say in LINES where its parameter comes from")
        return template

    for path in pages(app):
        for query in QUERIES.get(path, ("",)):
            name = f"{path}?{query}" if query else path
            yield name, lambda name=name: filled(name)  # type: ignore[misc]


def asked_often(client: TestClient[FromPeer], ask: Ask) -> tuple[float, float, float, int]:
    """Ask many times; give the median, the 95th percentile, that of processor time, and the bytes."""
    taken, worked, size = [], [], 0
    for number in range(REQUESTS + 2):
        path = ask()
        began, began_work = time.perf_counter(), time.process_time()
        answer = client.get(path)
        work, took = time.process_time() - began_work, time.perf_counter() - began
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        # The first ones load the template.
        if number >= 2:
            worked.append(work * 1_000)
            taken.append(took * 1_000)
        size = max(size, len(answer.content))
    late = int(REQUESTS * 0.95) - 1
    return sorted(taken)[REQUESTS // 2], sorted(taken)[late], sorted(worked)[late], size


def measured(path: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    """Ask for every page of the shop in a file; give the lines of the table and what is too slow."""
    told = Environment(
        {
            "KEYSAT_DB_PATH": str(path),
            "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
            "KEYSAT_PUBLIC_URL": "https://license.example.com",
            "KEYSAT_SANDBOX_MODE": "1",
            "KEYSAT_INSECURE_COOKIES": "1",
            "KEYSAT_RATE_LIMITS": "0",
        }
    )
    settings = read_serve_settings(told)
    checkup = QuickCheckup(settings=settings.store, environment=told, folder=path.parent)
    lines: list[tuple[str, ...]] = []
    slow = []
    with open_wiring(settings.store) as wiring, closing(open_reader(path)) as connection:
        app = build_app(wiring, settings, checkup=checkup)
        with TestClient(FromPeer(app=app, peer="127.0.0.1")) as client:
            client.follow_redirects = False
            own = {"authorization": f"Bearer {ADMIN_KEY}"}
            client.post("/v1/admin/web-password", headers=own, json={"password": PASSWORD})
            assert client.post("/admin/login", json={"password": PASSWORD}).status_code == 204
            # As the server does once it is up.
            gc.collect()
            gc.freeze()
            for name, ask in cases(app, connection):
                median, worst, work, size = asked_often(client, ask)
                lines.append(
                    (name, f"{median:.1f}", f"{worst:.1f}", f"{work:.1f}", f"{size / 1_000:.0f}")
                )
                print(f"{work:8.1f} {worst:8.1f} {median:8.1f} {size:8}  {name}", flush=True)
                if work >= MUST_MS:
                    slow.append(name)
    return lines, slow


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    size = Size.scaled(asked.scale)
    validations = int(VALIDATIONS * asked.scale)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "keysat.db"
        build(path, size)
        move_to_now(path)
        fill_log(path.with_name("keysat-activity.db"), validations)
        lines, slow = measured(path)
    result = [
        *rows(("Page", "median, ms", "p95, ms", "p95 of processor time, ms", "kB"), lines),
        "",
        (
            f"{size.licenses:,} licenses, {size.machines:,} machines, {size.audits:,} audit rows,"
            f" {size.invoices:,} invoices, {size.subscriptions:,} subscriptions, {validations:,}"
            f" validations. The p95 of processor time must be below {MUST_MS:.0f} ms:"
            f" {', '.join(slow) or 'every one is'}."
        ),
    ]
    if asked.scale >= 1:
        keep_result("pages", result)
    else:
        print("\n".join(result))


if __name__ == "__main__":
    main()
